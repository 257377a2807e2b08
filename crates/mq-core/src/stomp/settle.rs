//! ACK and NACK. 1.0 names the message, 1.1 message and subscription, 1.2 the `ack` header of the delivery; here all three
//! hold the number of the delivery.

use tandem_mq_wire::stomp::Frame;

use super::receive::{Mistake, required};
use super::{Ack, Session};
use crate::broker::{self, Outcome};
use crate::{ConsumerId, DeliveryId};

impl Session {
    pub(super) fn settle(&mut self, frame: &Frame, outcome: Outcome) -> Result<(), Mistake> {
        let name = match frame.header("id") {
            Some(id) if self.version == tandem_mq_wire::stomp::Version::V1_2 => id,
            _ => required(frame, "message-id")?,
        };
        let unknown = || ("no such message", format!("{name:?} is not waiting to be acknowledged"));
        let delivery = delivery_of(name).ok_or_else(unknown)?;
        let number = *self.open.get(&delivery).ok_or_else(unknown)?;
        let ack = self.listeners.get(&number).ok_or_else(unknown)?.ack;
        let transaction = self.transaction_of(frame)?;
        let settled = self.take(number, delivery, ack);
        let more = u32::try_from(settled.len()).unwrap_or(u32::MAX);
        for delivery in settled {
            self.ask(broker::Input::Settle {
                session: self.line.id,
                transaction,
                delivery,
                outcome,
            });
        }
        let consumer = self.asks.consumer(number);
        self.ask(broker::Input::Credit { consumer, more });
        Ok(())
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
        self.ask(broker::Input::Credit { consumer, more: 1 });
    }
}

fn delivery_of(name: &str) -> Option<DeliveryId> {
    let (_, delivery) = name.rsplit_once('-')?;
    delivery.parse().ok().map(DeliveryId)
}
