//! Numbers by which a client and we speak of messages, in both directions.
//!
//! What must happen once is written down before the other side may forget its part: the name before the message goes out,
//! the release before the client is told, and the same for what arrives.

use tandem_time::Mono;

use super::{Sent, Where};
use crate::broker::session::{Held, Packet};
use crate::broker::{Broker, Outcome};
use crate::queue::Entry;
use crate::{DeliveryId, MessageId, PacketStep, QueueId, Record, SessionId};

impl Broker {
    /// False when this number has been heard already.
    pub(in crate::broker) fn receive(&mut self, session: SessionId, packet: u16) -> bool {
        let Some((name, client)) = self.client_of(session) else {
            return true;
        };
        let (new, lasts) = (client.received.insert(packet), client.lasts());
        if new && lasts {
            self.record_packet(&name, packet, PacketStep::Received, Some(session));
        }
        new
    }

    pub(in crate::broker) fn finish(&mut self, session: SessionId, packet: u16) {
        let Some((name, client)) = self.client_of(session) else {
            return;
        };
        if client.received.remove(&packet) && client.lasts() {
            self.record_packet(&name, packet, PacketStep::Finished, Some(session));
        }
    }

    pub(in crate::broker) fn name(&mut self, session: SessionId, delivery: DeliveryId, packet: u16, once: bool) {
        let Some(consumer) = self.deliveries.get(&delivery).copied().filter(|c| c.session == session) else {
            return;
        };
        let Some(known) = self.consumers.get_mut(&consumer) else {
            return;
        };
        let queue = known.queue;
        let Some(held) = known.in_flight.get_mut(&delivery) else {
            return;
        };
        held.packet = Some(Packet { number: packet, once });
        let (id, stored) = (held.entry.id, held.entry.stored);
        let Some((name, client)) = self.client_of(session) else {
            return;
        };
        let recorded = once && stored && client.lasts();
        let at = Where::InHand(delivery);
        let sent = Sent::Message {
            queue,
            id,
            at,
            recorded,
        };
        client.sent.insert(packet, sent);
        if recorded {
            self.record_packet(&name, packet, PacketStep::Named { queue, id }, Some(session));
        }
    }

    /// The message is settled and the number goes on, as one.
    pub(in crate::broker) fn release(&mut self, session: SessionId, packet: u16, now: Mono) {
        let Some((name, client)) = self.client_of(session) else {
            return;
        };
        let Some(sent) = client.sent.get_mut(&packet) else {
            return;
        };
        let Sent::Message { at, recorded, .. } = std::mem::replace(sent, Sent::Released) else {
            return;
        };
        self.let_go_named(session, at, now, |broker| {
            if recorded {
                broker.record_packet(&name, packet, PacketStep::Released, Some(session));
            }
        });
    }

    pub(in crate::broker) fn free(&mut self, session: SessionId, packet: u16, now: Mono) {
        let Some((name, client)) = self.client_of(session) else {
            return;
        };
        let lasts = client.lasts();
        match client.sent.remove(&packet) {
            Some(Sent::Message { at, recorded, .. }) => {
                self.let_go_named(session, at, now, |broker| {
                    if recorded {
                        broker.record_packet(&name, packet, PacketStep::Freed, Some(session));
                    }
                });
            }
            Some(Sent::Released) if lasts => {
                self.record_packet(&name, packet, PacketStep::Freed, Some(session));
            }
            Some(Sent::Released) | None => {}
        }
    }

    /// The message is done with; what is written beside that belongs to it.
    fn let_go_named(&mut self, session: SessionId, at: Where, now: Mono, write: impl FnOnce(&mut Broker)) {
        let queue = self.together(Some(session), |broker| {
            let queue = broker.settle_named(session, at, now);
            write(broker);
            queue
        });
        if let Some(queue) = queue {
            self.dispatch(queue);
        }
    }

    fn settle_named(&mut self, session: SessionId, at: Where, now: Mono) -> Option<QueueId> {
        let Where::InHand(delivery) = at else { return None };
        let consumer = self.deliveries.get(&delivery).copied()?;
        let (queue, held) = self.let_go(consumer, delivery)?;
        self.conclude(Some(session), queue, held, Outcome::Accepted, now);
        Some(queue)
    }

    pub(super) fn record_packet(&mut self, client: &str, packet: u16, step: PacketStep, by: Option<SessionId>) {
        let client = client.into();
        self.write(Record::Packet { client, packet, step }, by);
    }

    /// From the journal. The message may come before its name or, where the journal has moved it, after.
    pub(in crate::broker) fn replay_packet(&mut self, name: &str, packet: u16, step: PacketStep) {
        let Some(client) = self.clients.get_mut(name) else {
            return;
        };
        match step {
            PacketStep::Received => drop(client.received.insert(packet)),
            PacketStep::Finished => drop(client.received.remove(&packet)),
            PacketStep::Released => drop(client.sent.insert(packet, Sent::Released)),
            PacketStep::Freed => drop(client.sent.remove(&packet)),
            PacketStep::Named { queue, id } => {
                if !matches!(client.sent.get(&packet), Some(Sent::Message { id: known, .. }) if *known == id) {
                    let at = Where::Unread;
                    let recorded = true;
                    let sent = Sent::Message {
                        queue,
                        id,
                        at,
                        recorded,
                    };
                    client.sent.insert(packet, sent);
                    self.named.insert((queue, id), (name.into(), packet));
                    self.pin(queue, id);
                }
            }
        }
    }

    /// A message that waits in its queue, and that its client may have by a number, waits for the client.
    pub(in crate::broker) fn pin(&mut self, queue: QueueId, id: MessageId) {
        let known = self.queues.get_mut(&queue);
        let found = known.and_then(|queue| queue.take_by_id(id, &mut self.sums));
        let Some((place, entry)) = found else { return };
        if let Some(at) = entry.expires {
            self.expiries.remove(&(at, queue, place));
        }
        if let Some(queue) = self.queues.get_mut(&queue) {
            queue.went_out(&entry, &mut self.sums);
        }
        self.pinned(queue, place, entry);
    }

    fn pinned(&mut self, queue: QueueId, place: crate::queue::Place, entry: Entry) {
        let Some((name, packet)) = self.named.get(&(queue, entry.id)).cloned() else {
            return;
        };
        let number = packet;
        let held = Held {
            place,
            entry,
            settled_by: None,
            packet: Some(Packet { number, once: true }),
        };
        if let Some(Sent::Message { at, .. }) = self.clients.get_mut(&name).and_then(|c| c.sent.get_mut(&packet)) {
            *at = Where::Kept(Box::new(held));
        }
    }

    /// From the journal: the queue is done with a message that its client holds.
    pub(in crate::broker) fn unpin(&mut self, queue: QueueId, id: MessageId) {
        let Some((name, packet)) = self.named.remove(&(queue, id)) else {
            return;
        };
        let Some(Sent::Message { at, .. }) = self.clients.get_mut(&name).and_then(|c| c.sent.get_mut(&packet)) else {
            return;
        };
        if let Where::Kept(held) = std::mem::replace(at, Where::Unread) {
            self.unweigh(held.entry.message.weight());
            if let Some(queue) = self.queues.get_mut(&queue) {
                queue.came_in(&held.entry, &mut self.sums);
            }
        }
    }
}
