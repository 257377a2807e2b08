//! What comes again by the id of a message that came not long ago is that message, and is dropped.
//!
//! That a message is there and that its id is known is one record. Whoever sends again is told that it is safe when the first
//! one is.

use tandem_time::Mono;

use super::exchange::TOPICS;
use super::room::{Room, Seen};
use super::{Broker, Publish, Target};
use crate::doubles::{MessageKey, PROPERTY};
use crate::{DoublesRecord, Kind, Message, Record, SessionId};

impl Broker {
    pub(super) fn publish_once(&mut self, session: SessionId, to: &Target, message: Message, room: Room, now: Mono) {
        let scope = match to.kind {
            Kind::Anycast => "/queue/",
            Kind::Multicast => "/topic/",
        };
        let once = self.once(scope, &to.address, &to.address, &message);
        self.unless_known(session, once, |broker| {
            broker.publish(Some(session), to, message, (room, Seen::Never), now)
        });
    }

    /// By an exchange. What it knows is its own, but a queue and a topic are the same by all ways.
    pub(super) fn route_once(&mut self, session: SessionId, publish: Publish, room: Room, now: Mono) {
        let (scope, name) = match &*publish.exchange {
            "" => ("/queue/", &publish.key),
            TOPICS => ("/topic/", &publish.key),
            _ => ("/exchange/", &publish.exchange),
        };
        let once = self.once(scope, name, &publish.key, &publish.message);
        self.unless_known(session, once, |broker| broker.route_out(session, publish, room, now));
    }

    /// The id of a message, where ids mean something.
    fn once(&self, scope: &str, name: &str, address: &str, message: &Message) -> Option<DoublesRecord> {
        let id = message.property(PROPERTY)?;
        let most = self.policies.of(address).id_cache_size;
        (most > 0).then(|| DoublesRecord {
            address: MessageKey::of_address(scope, name),
            most,
            keys: vec![MessageKey::of(id)],
        })
    }

    fn unless_known(
        &mut self,
        session: SessionId,
        once: Option<DoublesRecord>,
        take: impl FnOnce(&mut Broker) -> bool,
    ) {
        let Some(once) = once else {
            take(self);
            return;
        };
        if once.keys.iter().any(|key| self.doubles.knows(&once.address, *key)) {
            self.doubled += 1;
            // The first may not be on disk yet, whoever has sent it.
            let written = self.written;
            if let Some(known) = self.sessions.get_mut(&session) {
                known.written = written;
            }
            return;
        }
        self.together(Some(session), |broker| {
            if take(broker) {
                broker.doubles.note(&once);
                // An id that survives the message would have the broker drop what it does not have.
                let is_kept = |record: &Record| matches!(record, Record::Put { .. });
                if broker.batch.iter().flatten().any(is_kept) {
                    broker.write(Record::Doubles(once), Some(session));
                }
            }
        });
    }
}

#[cfg(test)]
mod tests;
