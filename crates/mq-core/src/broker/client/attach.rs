//! A client with a name comes, perhaps again, perhaps while it is still thought to be here.

use std::collections::BTreeSet;
use std::sync::Arc;

use tandem_time::Mono;

use super::{Client, Listens, Sent, Where};
use crate::broker::session::{Consumer, Ending, Held, Session};
use crate::broker::{Attach, Broker, Expiry, Known, Output};
use crate::{ConsumerId, PacketStep, QueueId, Record, SessionId};

impl Broker {
    pub(in crate::broker) fn attach(&mut self, attach: Attach, now: Mono) {
        let name: Arc<str> = attach.client.into();
        let before = self.clients.get(&*name).and_then(|client| client.session);
        if let Some(before) = before.filter(|before| *before != attach.session) {
            self.outputs.push_back(Output::Taken { session: before });
            self.close(before, now);
        }
        self.watch_not(&name);
        if attach.fresh {
            self.end_client(&name, now);
        }
        let known = self.clients.contains_key(&*name);
        let session = Session {
            client: Some(name.clone()),
            requests: 1,
            ..Session::default()
        };
        self.sessions.insert(attach.session, session);
        let client = self
            .clients
            .entry((*name).into())
            .or_insert_with(|| Client::new(attach.expiry));
        client.session = Some(attach.session);
        client.expiry = attach.expiry;
        client.will = attach.will;
        (client.will_at, client.ends_at) = (None, None);
        self.record_client(&name, None, Some(attach.session));
        self.drop_forbidden(&name, attach.session);
        self.drop_lost(&name, attach.session);
        let known = known.then(|| Box::new(self.known(&name)));
        self.outputs.push_back(Output::Attached {
            session: attach.session,
            known,
        });
        self.take_up(&name, attach.session);
    }

    /// Subscriptions to what it may not read any more, or to what another who had this name could read.
    fn drop_forbidden(&mut self, name: &str, session: SessionId) {
        let listens = self.clients.get(name).map(|client| &client.listens);
        let forbidden = listens.into_iter().flatten();
        let forbidden: Vec<Box<str>> = forbidden
            .filter(|(_, listens)| !self.may_read(session, listens.queue))
            .map(|(filter, _)| filter.clone())
            .collect();
        for filter in forbidden {
            let Some(client) = self.clients.get_mut(name) else {
                return;
            };
            let (lasts, gone) = (client.lasts(), client.listens.remove(&filter));
            self.together(Some(session), |broker| {
                gone.iter().for_each(|listens| broker.leave_queue(listens));
                if lasts {
                    let client = name.into();
                    broker.write(Record::ListensNot { client, filter }, Some(session));
                }
            });
        }
    }

    /// Numbers of what will not come again, because the subscription is gone or the message is, are free: otherwise each
    /// would take the client's room for ever.
    fn drop_lost(&mut self, name: &str, session: SessionId) {
        let Some(client) = self.clients.get_mut(name) else {
            return;
        };
        let listened: BTreeSet<QueueId> = client.listens.values().map(|listens| listens.queue).collect();
        let comes = |sent: &Sent| match sent {
            Sent::Released => true,
            Sent::Message { queue, at, .. } => matches!(at, Where::Kept(_)) && listened.contains(queue),
        };
        let lost: Vec<(u16, Sent)> = client.sent.extract_if(.., |_, sent| !comes(sent)).collect();
        for (packet, sent) in lost {
            let Sent::Message {
                queue, at, recorded, ..
            } = sent
            else {
                continue;
            };
            self.together(Some(session), |broker| {
                if let Where::Kept(held) = at {
                    broker.drop_kept(queue, &held);
                }
                if recorded {
                    broker.record_packet(name, packet, PacketStep::Freed, Some(session));
                }
            });
        }
    }

    /// Nobody wants what a client held while it was away.
    pub(super) fn drop_kept(&mut self, queue: QueueId, held: &Held) {
        if let Some(queue) = self.queues.get_mut(&queue) {
            queue.came_in(&held.entry, &mut self.sums);
        }
        self.drop_entry(None, queue, &held.entry);
    }

    fn known(&mut self, name: &str) -> Known {
        let mut known = Known::default();
        let Some(client) = self.clients.get_mut(name) else {
            return known;
        };
        for (number, (filter, listens)) in (1..).zip(&mut client.listens) {
            listens.number = number;
            known.listens.push((number, filter.clone(), listens.options));
        }
        known.received = client.received.iter().copied().collect();
        for (packet, sent) in &client.sent {
            match sent {
                Sent::Message { .. } => known.named.push(*packet),
                Sent::Released => known.released.push(*packet),
            }
        }
        known
    }

    /// Its subscriptions go on: first with what it was told before, then with what waits.
    fn take_up(&mut self, name: &str, session: SessionId) {
        let Some(client) = self.clients.get_mut(name) else {
            return;
        };
        let listens: Vec<Listens> = client.listens.values().copied().collect();
        let mut again = Vec::new();
        for (packet, sent) in &mut client.sent {
            if let Sent::Message { queue, at, .. } = sent
                && let Where::Kept(held) = std::mem::replace(at, Where::Unread)
            {
                again.push((*packet, *queue, held));
            }
        }
        // In the order in which they were handed out.
        again.sort_by_key(|(_, queue, held)| (*queue, held.place));
        for listens in &listens {
            let number = listens.number;
            self.consume(ConsumerId { session, number }, listens.queue);
        }
        for (packet, queue, held) in again {
            let listens = listens.iter().find(|listens| listens.queue == queue);
            let Some(number) = listens.map(|listens| listens.number) else {
                continue;
            };
            self.hand_out_again(name, ConsumerId { session, number }, queue, packet, *held);
        }
        for listens in listens {
            self.dispatch(listens.queue);
        }
    }

    pub(super) fn consume(&mut self, consumer: ConsumerId, queue: QueueId) {
        if let Some(session) = self.sessions.get_mut(&consumer.session) {
            session.consumers.insert(consumer);
        }
        self.consumers.insert(consumer, Consumer::pooled(queue));
        if let Some(queue) = self.queues.get_mut(&queue) {
            queue.subscribe(consumer, false);
        }
    }

    fn hand_out_again(&mut self, name: &str, consumer: ConsumerId, queue: QueueId, packet: u16, held: Held) {
        let Held {
            place,
            mut entry,
            packet: known_as,
            ..
        } = held;
        entry.again = true;
        let delivery = self.hand_out(queue, consumer, place, entry, known_as);
        if let Some(client) = self.clients.get_mut(name)
            && let Some(Sent::Message { at, .. }) = client.sent.get_mut(&packet)
        {
            *at = Where::InHand(delivery);
        }
    }

    /// It says so before it goes.
    pub(in crate::broker) fn leave(&mut self, session: SessionId, will: bool, expiry: Option<Expiry>) {
        let Some((name, client)) = self.client_of(session) else {
            return;
        };
        if !will {
            client.will = None;
        }
        if let Some(expiry) = expiry {
            client.expiry = expiry;
        }
        self.record_client(&name, None, Some(session));
    }

    /// What a consumer of a named client held when it ended: returned where it goes back to the queue.
    pub(in crate::broker) fn keep(
        &mut self,
        session: SessionId,
        queue: QueueId,
        held: Held,
        ending: Ending,
    ) -> Option<Held> {
        let Some(packet) = held.packet else { return Some(held) };
        let shared = self.queues.get(&queue).is_some_and(|queue| queue.rules.shared);
        let Some((_, client)) = self.client_of(session) else {
            return Some(held);
        };
        let stays = ending == Ending::Closed && client.expiry.lasts();
        // Of a group another one may have it, unless this one may have it already and it must not come twice.
        if stays && (!shared || packet.once) {
            return match client.sent.get_mut(&packet.number) {
                Some(Sent::Message { at, .. }) => {
                    *at = Where::Kept(Box::new(held));
                    None
                }
                _ => Some(held),
            };
        }
        if ending == Ending::Closed {
            client.sent.remove(&packet.number);
        }
        if !(shared && packet.once) {
            return Some(held);
        }
        self.drop_kept(queue, &held);
        None
    }
}
