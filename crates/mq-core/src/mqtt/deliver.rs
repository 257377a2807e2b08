//! What the broker says, as packets, and what the client makes of them.

use tandem_mq_wire::mqtt::{Ack, Answer, Publish, Qos, Reason, Version, publish_size};
use tandem_time::Mono;

use super::outbound::Stage;
use super::{Listening, Promised, Session, State, message};
use crate::broker::{self, Delivery, Outcome, Output, Refusal};
use crate::{DeliveryId, Message, Retain, Token};

impl Session {
    pub(super) fn broker_says(&mut self, output: Output, now: Mono) {
        match output {
            Output::Attached { known, .. } => self.attached(known),
            Output::Deliver(delivery) => self.deliver(delivery, now),
            Output::Synced { token, .. } => self.keep_promise(token, now),
            Output::Refused { reason, request, .. } => self.refused(&reason, request),
            Output::Taken { .. } => self.fail(Reason::SessionTakenOver, "another connection has come for this client"),
            // For the journal, for all sessions, or for those that browse.
            Output::Write { .. }
            | Output::Hold(_)
            | Output::Omitted { .. }
            | Output::Browsed { .. }
            | Output::Drained { .. } => {}
            Output::Arranged { .. } | Output::Returned { .. } | Output::Abandoned { .. } => {}
        }
    }

    pub(super) fn deliver(&mut self, delivery: Delivery, now: Mono) {
        if self.state != State::Open {
            return self.held_back.push_back(delivery);
        }
        let Some(listener) = self.listeners.get(&delivery.consumer.number) else {
            // The client has unsubscribed while this was on its way; the queue is gone.
            return self.more();
        };
        let options = listener.options;
        match quality(&delivery.message, &options) {
            Qos::AtMostOnce => {
                let answer = self.as_publish(&delivery, &options, now);
                self.unflushed.push(delivery.delivery);
                self.send_fitting(answer, delivery.delivery);
            }
            _ if !self.outbound.has_room() => self.held_back.push_back(delivery),
            qos => self.deliver_by_number(&delivery, &options, qos, now),
        }
    }

    fn deliver_by_number(&mut self, delivery: &Delivery, options: &Listening, qos: Qos, now: Mono) {
        let mut publish = self.as_publish(delivery, options, now);
        let known = delivery.packet;
        let packet = known.unwrap_or_else(|| self.outbound.number());
        let once = qos == Qos::ExactlyOnce;
        publish.qos = qos;
        publish.packet = packet;
        // What must not come twice and has no number has never been sent.
        publish.dup = known.is_some() || delivery.redelivered && !once;
        if !self.fits(&publish) {
            if known.is_some() {
                self.outbound.free(packet);
                let session = self.line.id;
                self.ask(broker::Input::Free { session, packet });
                return self.more();
            }
            return self.discard(delivery.delivery);
        }
        self.outbound.sent(packet, if once { Stage::Sent } else { Stage::Once });
        let session = self.line.id;
        if known.is_some() {
            return self.send_publish(publish);
        }
        let first = self.asks.last() + 1;
        self.ask(broker::Input::Name {
            session,
            delivery: delivery.delivery,
            packet,
            once,
        });
        match once {
            true => self.promise(first, Promised::Publish(Box::new(publish))),
            false => self.send_publish(publish),
        }
    }

    fn as_publish(&self, delivery: &Delivery, options: &Listening, now: Mono) -> Publish {
        let mut publish = message::write(&delivery.message, &delivery.address, self.line.wall(now));
        publish.retain = match delivery.message.retain {
            Retain::No => false,
            Retain::Asked => options.retain_as_published,
            Retain::Kept => true,
        };
        publish.properties.subscription_identifiers.extend(options.identifier);
        publish
    }

    fn fits(&self, publish: &Publish) -> bool {
        self.outbound.fits(publish_size(publish, self.version))
    }

    fn send_fitting(&mut self, publish: Publish, delivery: DeliveryId) {
        match self.fits(&publish) {
            true => self.send_publish(publish),
            false => {
                self.unflushed.retain(|known| *known != delivery);
                self.discard(delivery);
            }
        }
    }

    fn send_publish(&mut self, mut publish: Publish) {
        self.outbound.shorten(&mut publish);
        self.send(Answer::Publish(Box::new(publish)));
    }

    /// Too large for this client: for us it has been delivered (MQTT 5, section 3.1.2.11.4).
    fn discard(&mut self, delivery: DeliveryId) {
        self.settle(delivery);
        self.more();
    }

    fn settle(&mut self, delivery: DeliveryId) {
        self.ask(broker::Input::Settle {
            session: self.line.id,
            transaction: None,
            delivery,
            outcome: Outcome::Accepted,
        });
    }

    /// Room for one more.
    fn more(&mut self) {
        let session = self.line.id;
        self.ask(broker::Input::Window { session, more: 1 });
    }

    /// What needs no answer is done when it has left.
    pub(super) fn flushed(&mut self) {
        for delivery in std::mem::take(&mut self.unflushed) {
            self.settle(delivery);
            self.more();
        }
    }

    pub(super) fn puback(&mut self, ack: &Ack, now: Mono) {
        match self.outbound.stage(ack.packet) {
            Some(Stage::Once) => self.done(ack.packet, now),
            Some(_) => self.fail(Reason::ProtocolError, "PUBACK is for QoS 1"),
            // From before a crash, perhaps; the message comes again.
            None => {}
        }
    }

    pub(super) fn pubrec(&mut self, ack: &Ack, now: Mono) {
        let packet = ack.packet;
        match self.outbound.stage(packet) {
            Some(Stage::Sent) if ack.is_error() => self.done(packet, now),
            Some(Stage::Sent) => {
                self.outbound.released(packet);
                let (first, session) = (self.asks.last() + 1, self.line.id);
                self.ask(broker::Input::Release { session, packet });
                self.promise(first, Promised::Pubrel(packet));
            }
            Some(Stage::Released) => self.send(Answer::Pubrel(packet, Reason::Success)),
            Some(Stage::Once) => self.fail(Reason::ProtocolError, "PUBREC is for QoS 2"),
            None if ack.is_error() => {}
            None => {
                let reason = self.says(Reason::PacketIdentifierNotFound);
                self.send(Answer::Pubrel(packet, reason));
            }
        }
    }

    pub(super) fn pubcomp(&mut self, ack: &Ack, now: Mono) {
        match self.outbound.stage(ack.packet) {
            Some(Stage::Released) => self.done(ack.packet, now),
            Some(_) => self.fail(Reason::ProtocolError, "PUBCOMP without PUBREL"),
            None => {}
        }
    }

    /// The number is free, and the next message may use its room.
    fn done(&mut self, packet: u16, now: Mono) {
        self.outbound.free(packet);
        let session = self.line.id;
        self.ask(broker::Input::Free { session, packet });
        self.more();
        while self.outbound.has_room()
            && let Some(delivery) = self.held_back.pop_front()
        {
            self.deliver(delivery, now);
        }
    }

    fn keep_promise(&mut self, token: Token, now: Mono) {
        let Some(promise) = self.asks.promises.remove(&token) else {
            return;
        };
        match promise.what {
            Promised::Connack(known) => self.begin(known, now),
            Promised::Puback(packet, reason) => {
                self.unanswered.remove(&packet);
                let reason = self.says(reason);
                self.send(Answer::Puback(packet, reason));
            }
            Promised::Pubrec(packet, reason) => {
                let reason = self.says(reason);
                if reason.is_error() {
                    self.unanswered.remove(&packet);
                }
                self.send(Answer::Pubrec(packet, reason));
            }
            Promised::Pubcomp(packet) => {
                self.unanswered.remove(&packet);
                self.send(Answer::Pubcomp(packet, Reason::Success));
            }
            Promised::Pubrel(packet) => self.send(Answer::Pubrel(packet, Reason::Success)),
            Promised::Suback(packet, answers) => {
                let reasons = answers.into_iter().map(|(reason, _)| reason).collect();
                self.send(Answer::Suback(packet, reasons));
            }
            Promised::Unsuback(packet, reasons) => self.send(Answer::Unsuback(packet, reasons)),
            Promised::Publish(publish) => self.send_publish(*publish),
        }
    }

    /// The answer that was to follow says so.
    fn refused(&mut self, refusal: &Refusal, request: u64) {
        let version = self.version;
        let is_denied = matches!(refusal, Refusal::Denied { .. });
        let promise = self
            .asks
            .promises
            .values_mut()
            .find(|promise| promise.requests.contains(&request));
        let Some(promise) = promise else {
            // Its will, or a message that nobody waits to hear of: it would be lost in silence.
            if is_denied {
                self.fail(Reason::NotAuthorized, &refusal.to_string());
            }
            // A settlement that crossed with an unsubscription, or a message that nobody waits to hear of.
            return;
        };
        let is_message = matches!(promise.what, Promised::Puback(..) | Promised::Pubrec(..));
        let said = reason_of(refusal);
        let is_not_taken = is_denied || matches!(refusal, Refusal::TooLarge);
        if is_not_taken && is_message && version == Version::V3_1_1 {
            // It is acknowledged or the connection is closed (3.1.1, section 3.3.5); the former would be a lie.
            return self.fail(said, &refusal.to_string());
        }
        match &mut promise.what {
            Promised::Puback(_, reason) => *reason = said,
            Promised::Pubrec(packet, reason) => {
                *reason = said;
                let (session, packet) = (self.line.id, *packet);
                // A client of 3.1.1 does not hear of it, and goes on as if it had been taken.
                if version == Version::V5 {
                    self.received.remove(&packet);
                    self.ask(broker::Input::Finish { session, packet });
                }
            }
            Promised::Suback(_, answers) => {
                for (reason, asked) in answers {
                    if *asked == Some(request) {
                        *reason = said;
                    }
                }
            }
            Promised::Connack(_)
            | Promised::Pubcomp(_)
            | Promised::Pubrel(_)
            | Promised::Unsuback(..)
            | Promised::Publish(_) => {}
        }
    }
}

fn reason_of(refusal: &Refusal) -> Reason {
    match refusal {
        Refusal::Name(..) => Reason::TopicNameInvalid,
        Refusal::Denied { .. } => Reason::NotAuthorized,
        Refusal::TooMany(_) | Refusal::TooLarge => Reason::QuotaExceeded,
        _ => Reason::Unspecified,
    }
}

/// The lesser of what was sent and what was asked for (section 3.8.4).
fn quality(message: &Message, options: &Listening) -> Qos {
    match message.durable {
        false => Qos::AtMostOnce,
        true => message.qos.map_or(options.qos, |qos| qos.min(options.qos)),
    }
}
