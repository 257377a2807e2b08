//! ACK and NACK. 1.0 names the message, 1.1 message and subscription, 1.2 the `ack` header of the delivery; here all three
//! hold the number of the delivery.

use tandem_mq_wire::stomp::{Frame, Version};

use super::receive::{Mistake, required};
use super::{Ack, Session};
use crate::broker::{self, Outcome};
use crate::{ConsumerId, DeliveryId};

impl Session {
    pub(super) fn settle(&mut self, frame: &Frame, outcome: Outcome) -> Result<(), Mistake> {
        let name = match self.version {
            Version::V1_2 => required(frame, "id")?,
            Version::V1_0 | Version::V1_1 => required(frame, "message-id")?,
        };
        let unknown = || ("no such message", format!("{name:?} is not waiting to be acknowledged"));
        let delivery = delivery_of(name).ok_or_else(unknown)?;
        let number = *self.open.get(&delivery).ok_or_else(unknown)?;
        let listener = self.listeners.get(&number).ok_or_else(unknown)?;
        if self.version == Version::V1_1 && *listener.id != *required(frame, "subscription")? {
            return Err(unknown());
        }
        let ack = listener.ack;
        let transaction = self.transaction_of(frame)?;
        let settled = self.take(number, delivery, ack);
        if let Some(open) = frame
            .header("transaction")
            .and_then(|name| self.transactions.get_mut(name))
        {
            open.settled.extend(settled.iter().map(|delivery| (number, *delivery)));
        }
        let more = self.listeners.get_mut(&number).map_or(0, |listener| {
            let unpaid = settled
                .iter()
                .filter(|delivery| !listener.paid.remove(delivery))
                .count();
            listener.goes_on(u32::try_from(unpaid).unwrap_or(u32::MAX))
        });
        for delivery in settled {
            self.ask(broker::Input::Settle {
                session: self.line.id,
                transaction,
                delivery,
                outcome,
            });
        }
        let consumer = self.asks.consumer(number);
        if more > 0 {
            self.ask(broker::Input::Credit { consumer, more });
        }
        Ok(())
    }

    /// What a transaction would have settled is the client's again, which can say once more what becomes of it.
    pub(super) fn take_back(&mut self, settled: Vec<(u64, DeliveryId)>) {
        for (number, delivery) in settled {
            if let Some(listener) = self.listeners.get_mut(&number) {
                listener.open.insert(delivery);
                listener.paid.insert(delivery);
                self.open.insert(delivery, number);
            }
        }
    }

    /// The deliveries that one acknowledgement is for.
    fn take(&mut self, number: u64, delivery: DeliveryId, ack: Ack) -> Vec<DeliveryId> {
        let Some(listener) = self.listeners.get_mut(&number) else {
            return Vec::new();
        };
        let taken: Vec<DeliveryId> = match ack {
            Ack::Client => listener.open.range(..=delivery).copied().collect(),
            Ack::Individual | Ack::Auto | Ack::Never => vec![delivery],
        };
        for delivery in &taken {
            listener.open.remove(delivery);
            self.open.remove(delivery);
        }
        taken
    }

    /// What went to `auto` subscribers has left: they have it, as far as they want us to know.
    pub(super) fn flushed(&mut self) {
        for (consumer, delivery) in std::mem::take(&mut self.unflushed) {
            self.accept(consumer, delivery);
        }
    }

    fn accept(&mut self, consumer: ConsumerId, delivery: DeliveryId) {
        let browses = |l: &super::Listener| l.ack == Ack::Never;
        if !self.listeners.get(&consumer.number).is_some_and(browses) {
            self.ask(broker::Input::Settle {
                session: self.line.id,
                transaction: None,
                delivery,
                outcome: Outcome::Accepted,
            });
        }
        let listener = self.listeners.get_mut(&consumer.number);
        let more = listener.map_or(0, |listener| listener.goes_on(1));
        if more > 0 {
            self.ask(broker::Input::Credit { consumer, more });
        }
    }
}

fn delivery_of(name: &str) -> Option<DeliveryId> {
    let (_, delivery) = name.rsplit_once('-')?;
    delivery.parse().ok().map(DeliveryId)
}
