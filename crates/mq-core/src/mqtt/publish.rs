//! What the client sends: each message is acknowledged when it is safe, once.

use tandem_mq_wire::mqtt::{Ack, Answer, Publish, Qos, Reason, Version};
use tandem_time::Mono;

use super::{Promised, Session, message, topic};
use crate::Kind;
use crate::broker::{self, Target};

impl Session {
    pub(super) fn publish(&mut self, mut publish: Publish, now: Mono) {
        if let Err((reason, why)) = self.resolve(&mut publish) {
            return self.fail(reason, why);
        }
        let (qos, packet) = (publish.qos, publish.packet);
        if qos == Qos::ExactlyOnce && self.received.contains(&packet) {
            return self.say_again(packet);
        }
        if qos != Qos::AtMostOnce {
            if self.version == Version::V5 && self.unanswered.len() >= usize::from(self.settings.receive_maximum) {
                let why = "more messages are under way than the receive maximum allows";
                return self.fail(Reason::ReceiveMaximumExceeded, why);
            }
            self.unanswered.insert(packet);
        }
        let first = self.asks.last() + 1;
        // Section 4.7.2: clients do not talk to each other in the broker's names.
        let reason = match publish.topic.starts_with('$') {
            true => Reason::TopicNameInvalid,
            false => {
                self.pass_on(publish, now);
                Reason::Success
            }
        };
        match qos {
            Qos::AtMostOnce => {}
            Qos::AtLeastOnce => self.promise(first, Promised::Puback(packet, reason)),
            Qos::ExactlyOnce => {
                if self.says(reason) == Reason::Success {
                    self.received.insert(packet);
                }
                self.promise(first, Promised::Pubrec(packet, reason));
            }
        }
    }

    fn pass_on(&mut self, publish: Publish, now: Mono) {
        let once = (publish.qos == Qos::ExactlyOnce).then_some(publish.packet);
        let to = Target {
            address: topic::address(&publish.topic),
            kind: Kind::Multicast,
        };
        let sent = self.line.wall(now);
        let message = message::read(publish.payload, publish.qos, publish.retain, publish.properties, sent);
        self.ask(broker::Input::Send {
            session: self.line.id,
            transaction: None,
            to,
            message,
            once,
        });
    }

    /// 3.1.1 has no word for no: what it may not send is as if it had been sent to nobody.
    pub(super) fn says(&self, reason: Reason) -> Reason {
        match self.version {
            Version::V3_1_1 => Reason::Success,
            Version::V5 => reason,
        }
    }

    /// Numbers of topics, in MQTT 5.
    fn resolve(&mut self, publish: &mut Publish) -> Result<(), (Reason, &'static str)> {
        let Some(alias) = publish.properties.topic_alias else {
            return Ok(());
        };
        if alias == 0 || alias > self.settings.aliases {
            return Err((
                Reason::TopicAliasInvalid,
                "the topic alias is zero or above the maximum",
            ));
        }
        if !publish.topic.is_empty() {
            self.aliases.insert(alias, publish.topic.clone());
            return Ok(());
        }
        match self.aliases.get(&alias) {
            Some(topic) => {
                publish.topic = topic.clone();
                Ok(())
            }
            None => Err((Reason::ProtocolError, "the topic alias stands for no topic")),
        }
    }

    /// The same message again: it has been taken, and is acknowledged when the first one is.
    fn say_again(&mut self, packet: u16) {
        let waits = |promise: &super::Promise| matches!(promise.what, Promised::Pubrec(known, _) if known == packet);
        if !self.asks.promises.values().any(waits) {
            self.send(Answer::Pubrec(packet, Reason::Success));
        }
    }

    pub(super) fn pubrel(&mut self, ack: &Ack) {
        let packet = ack.packet;
        let waits = |promise: &super::Promise| matches!(promise.what, Promised::Pubcomp(known) if known == packet);
        // Said again before we could answer: one answer, when it is safe.
        if self.asks.promises.values().any(waits) {
            return;
        }
        if !self.received.remove(&packet) {
            let reason = self.says(Reason::PacketIdentifierNotFound);
            return self.send(Answer::Pubcomp(packet, reason));
        }
        let (first, session) = (self.asks.last() + 1, self.line.id);
        self.ask(broker::Input::Finish { session, packet });
        self.promise(first, Promised::Pubcomp(packet));
    }
}
