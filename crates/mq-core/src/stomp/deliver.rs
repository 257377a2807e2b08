//! What the broker says, as frames.

use tandem_mq_wire::stomp::{Command, Frame, Version};

use super::temporary::is_temporary;
use super::{Ack, Session, message};
use crate::broker::{Delivery, Output, Refusal};
use crate::destination;
use crate::{ConsumerId, Kind, Token};

impl Session {
    pub(super) fn broker_says(&mut self, output: Output) {
        match output {
            Output::Deliver(delivery) => self.deliver(&delivery),
            Output::Browsed { consumer } => self.browsed(consumer),
            Output::Synced { token, .. } => self.keep_promise(token),
            Output::Refused { reason, request, .. } => self.refused(&reason, request),
            // These are for the journal and for all sessions, not for one.
            Output::Write { .. } | Output::Hold(_) | Output::Omitted { .. } => {}
            // Only for clients with a name.
            Output::Attached { .. } | Output::Taken { .. } => {}
            // Only for AMQP.
            Output::Arranged { .. } | Output::Returned { .. } | Output::Drained { .. } => {}
            Output::Abandoned { consumer } => self.abandoned(consumer),
        }
    }

    fn deliver(&mut self, delivery: &Delivery) {
        // The client may have unsubscribed while this was on its way; the broker has put it back already.
        let Some(listener) = self.listeners.get_mut(&delivery.consumer.number) else {
            return;
        };
        let kind = match listener.destination.starts_with("/topic/") {
            true => Kind::Multicast,
            false => Kind::Anycast,
        };
        let mut frame = message::write(&delivery.message);
        let name = format!("{}-{}", delivery.id.0, delivery.delivery.0);
        let destination = match is_temporary(&listener.destination) {
            true => listener.destination.to_string(),
            false => destination::text(kind, &delivery.address),
        };
        frame.headers.push("destination", destination);
        frame.headers.push("subscription", listener.id.clone());
        if delivery.redelivered {
            frame.headers.push("redelivered", "true");
        }
        match listener.ack {
            Ack::Auto | Ack::Never => self.unflushed.push((delivery.consumer, delivery.delivery)),
            Ack::Client | Ack::Individual => {
                listener.open.insert(delivery.delivery);
                self.open.insert(delivery.delivery, delivery.consumer.number);
                if self.version == Version::V1_2 {
                    frame.headers.push("ack", name.as_str());
                }
            }
        }
        frame.headers.push("message-id", name);
        listener.unseen = listener.unseen.map(|unseen| unseen.saturating_sub(1));
        let is_last = listener.unseen == Some(0);
        self.send(frame);
        // The broker does not know that no credit follows.
        if is_last {
            self.browsed(delivery.consumer);
        }
    }

    /// As ActiveMQ ends a browse: an empty message that says so.
    fn browsed(&mut self, consumer: ConsumerId) {
        let Some(listener) = self.listeners.get(&consumer.number) else {
            return;
        };
        let end = Frame::new(Command::Message)
            .with("destination", listener.destination.clone())
            .with("subscription", listener.id.clone())
            .with("message-id", "")
            .with("browser", "end");
        self.send(end);
    }

    /// There is no word for the end of one subscription but this.
    fn abandoned(&mut self, consumer: ConsumerId) {
        if let Some(listener) = self.listeners.get(&consumer.number) {
            let detail = format!("{} has been deleted", listener.destination);
            self.fail("the queue is gone", &detail, None);
        }
    }

    /// The frame that asked for it is named when it wanted a receipt.
    fn refused(&mut self, reason: &Refusal, request: u64) {
        let about = self
            .asks
            .promises
            .values()
            .find(|receipt| receipt.requests.contains(&request));
        let receipt = about.map(|receipt| receipt.id.clone());
        let what = match reason {
            Refusal::Denied { .. } => "access refused",
            _ => "the broker refused",
        };
        self.fail(what, &reason.to_string(), receipt.as_deref());
    }

    fn keep_promise(&mut self, token: Token) {
        if let Some(receipt) = self.asks.promises.remove(&token) {
            self.send(Frame::new(Command::Receipt).with("receipt-id", receipt.id));
        }
        if self.farewell == Some(token) {
            self.line.close();
        }
    }
}
