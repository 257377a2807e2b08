//! Consumers come and go.

use std::collections::BTreeMap;

use super::route::check_name;
use super::session::{Browse, Consumer, Ending, Held, Stays};
use super::{Broker, Outcome, Refusal, Subscription, Target, Thing};
use crate::destination::is_ours;
use crate::{ConsumerId, DeliveryId, Kind, QueueId, Selector, SessionId};
use tandem_time::Mono;

impl Broker {
    pub(super) fn subscribe(&mut self, consumer: ConsumerId, to: &Target, mut options: Subscription) {
        let session = consumer.session;
        // Each who subscribes to a topic has a copy anyway.
        options.browse &= to.kind == Kind::Anycast;
        let Some(known) = self.sessions.get_mut(&session) else {
            return;
        };
        if !known.consumers.insert(consumer) {
            return self.refuse(session, Refusal::ConsumerExists(consumer.number));
        }
        let queue = match check_name(&to.address).and_then(|()| self.source(consumer, to, &options)) {
            Ok(queue) => queue,
            Err(reason) => {
                if let Some(known) = self.sessions.get_mut(&session) {
                    known.consumers.remove(&consumer);
                }
                return self.refuse(session, reason);
            }
        };
        let (browses, favoured) = (options.browse, options.exclusive && to.kind == Kind::Anycast);
        // What a subscription to a topic does not want is never put into its queue.
        let selector = options.selector.filter(|_| to.kind == Kind::Anycast);
        let selective = selector.is_some();
        let policy = self.queues.get(&queue).and_then(|queue| queue.policy.prefetch);
        let usual = policy.filter(|_| options.is_usual && !browses);
        let state = Consumer {
            selector,
            ..Consumer::new(queue, usual.unwrap_or(options.credit), browses.then(Browse::default))
        };
        self.consumers.insert(consumer, state);
        if browses {
            return self.browse(consumer);
        }
        if let Some(queue) = self.queues.get_mut(&queue) {
            queue.subscribe(consumer, selective);
            if favoured {
                queue.favour(consumer);
            }
        }
        self.ends_at(queue, None);
        self.dispatch(queue);
    }

    /// The queue that a consumer listens to; it is made when nobody has yet.
    fn source(&mut self, consumer: ConsumerId, to: &Target, options: &Subscription) -> Result<QueueId, Refusal> {
        let address = &*to.address;
        match (to.kind, &options.durable) {
            (Kind::Anycast, _) => {
                let known = self.names.find(Kind::Anycast, address);
                let Some(queue) = known.and_then(|id| self.queues.get(&id)) else {
                    // Whoever only looks makes nothing.
                    if is_ours(address) || options.browse {
                        return Err(Refusal::Missing(Thing::Queue, address.into()));
                    }
                    self.may_make_queues(1)?;
                    return Ok(self.make_queue(address, address, Kind::Anycast, true));
                };
                if queue.owner.is_some_and(|owner| owner != consumer.session.connection()) {
                    return Err(Refusal::Locked(address.into()));
                }
                match queue.exclusive && !options.browse {
                    true => Err(Refusal::ExclusiveUse(address.into())),
                    false => Ok(queue.id),
                }
            }
            (Kind::Multicast, None) => {
                self.may_make_queues(1)?;
                let name = format!("{address}@{}.{}", consumer.session.0, consumer.number);
                let id = self.make_queue(&name, address, Kind::Multicast, false);
                if let Some(queue) = self.queues.get_mut(&id) {
                    queue.owner = Some(consumer.session);
                    queue.slow = self.settings.slow;
                    queue.filter = options.selector.clone();
                }
                Ok(id)
            }
            (Kind::Multicast, Some(name)) => self.durable_source(address, name, options.selector.as_ref()),
        }
    }

    fn durable_source(&mut self, address: &str, name: &str, filter: Option<&Selector>) -> Result<QueueId, Refusal> {
        check_name(name)?;
        let known = self.names.find(Kind::Multicast, name);
        if let Some(queue) = known.and_then(|id| self.queues.get(&id)) {
            let (id, same) = (queue.id, &*queue.address == address && queue.filter.as_ref() == filter);
            if !queue.consumers().is_empty() {
                return Err(Refusal::SubscriptionInUse(name.into()));
            }
            if same {
                return Ok(id);
            }
            // JMS: the same name for something else is a new subscription, and the old one is gone.
            self.remove_queue(id);
        }
        self.may_make_queues(1)?;
        let id = self.make_queue(name, address, Kind::Multicast, false);
        if let Some(queue) = self.queues.get_mut(&id) {
            queue.filter = filter.cloned();
        }
        self.make_durable(id);
        Ok(id)
    }

    pub(super) fn unsubscribe(&mut self, consumer: ConsumerId, now: Mono) {
        let session = consumer.session;
        let known = self.sessions.get_mut(&session);
        if !known.is_some_and(|s| s.consumers.remove(&consumer)) {
            return self.refuse(session, Refusal::NoConsumer(consumer.number));
        }
        self.end(consumer, Ending::Unsubscribed, now);
    }

    pub(super) fn forget(&mut self, session: SessionId, name: &str) {
        let known = self.names.find(Kind::Multicast, name);
        let known = known.and_then(|id| self.queues.get(&id));
        match known
            .filter(|queue| queue.durable)
            .map(|queue| (queue.id, queue.consumers().is_empty()))
        {
            None => self.refuse(session, Refusal::NoSubscription(name.into())),
            Some((_, false)) => self.refuse(session, Refusal::SubscriptionInUse(name.into())),
            Some((id, true)) => self.remove_queue(id),
        }
    }

    /// What the session held goes back, or stays with its client; its transactions never were.
    pub(super) fn close(&mut self, session: SessionId, now: Mono) {
        let Some(known) = self.sessions.get_mut(&session) else {
            return;
        };
        let transactions = std::mem::take(&mut known.transactions);
        let consumers = std::mem::take(&mut known.consumers);
        let client = known.client.clone();
        for consumer in consumers {
            self.end(consumer, Ending::Closed, now);
        }
        for open in transactions.values() {
            self.abandon(open, now);
        }
        self.sessions.remove(&session);
        self.waiting.retain(|(_, waits, _)| *waits != session);
        if let Some(client) = client {
            self.detach(&client, now);
        }
    }

    /// What the consumer held goes back. The oldest counts as tried, because a message that kills its consumer must not do
    /// so for ever; the others it had only been sent ahead of time. What an open transaction has settled waits for its end.
    pub(super) fn end(&mut self, consumer: ConsumerId, ending: Ending, now: Mono) {
        let Some(known) = self.consumers.remove(&consumer) else {
            return;
        };
        let id = known.queue;
        let was_last = self
            .queues
            .get(&id)
            .is_some_and(|queue| queue.consumers() == [consumer]);
        if let Some(queue) = self.queues.get_mut(&id) {
            queue.unsubscribe(consumer);
        }
        let waits = |held: &Held| ending == Ending::Unsubscribed && held.settled_by.is_some();
        let (settled, open): (BTreeMap<_, _>, BTreeMap<_, _>) =
            known.in_flight.into_iter().partition(|(_, held)| waits(held));
        if !settled.is_empty() {
            self.linger(consumer, id, settled);
        }
        let mut outcome = Outcome::Failed;
        for (delivery, held) in open {
            self.deliveries.remove(&delivery);
            let Some(mut held) = self.keep(consumer.session, id, held, ending) else {
                continue;
            };
            if let Some(queue) = self.queues.get_mut(&id) {
                held.entry.outdated = queue.came_in(&held.entry, &mut self.sums);
            }
            self.conclude(None, id, held, outcome, now);
            outcome = Outcome::Released;
        }
        let owned = self
            .queues
            .get(&id)
            .is_some_and(|queue| queue.owner == Some(consumer.session) && queue.terms.is_none());
        match owned {
            true => self.remove_queue(id),
            false if was_last => self.abandoned(id, now),
            false => self.dispatch(id),
        }
    }

    /// It is there only for what was settled in open transactions.
    fn linger(&mut self, consumer: ConsumerId, queue: QueueId, settled: BTreeMap<DeliveryId, Held>) {
        let state = Consumer {
            stays: Stays::UntilCommitted,
            in_flight: settled,
            ..Consumer::new(queue, 0, None)
        };
        self.consumers.insert(consumer, state);
        if let Some(known) = self.sessions.get_mut(&consumer.session) {
            known.consumers.insert(consumer);
        }
    }
}
