//! Whether all that a commit brings finds room, asked before any of it is done: nothing of what is done can be taken back.

use std::collections::{BTreeMap, BTreeSet};

use super::exchange::TOPICS;
use super::later::claim;
use super::session::{Consumer, Step};
use super::{Broker, Publish, Refusal, Target};
use crate::destination::is_ours;
use crate::queue::{Filling, Queue};
use crate::{ConsumerId, Kind, Message, QueueId, SessionId};

/// Whether it is known already that there is room for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// A queue that has none rejects it.
    Asked,
    /// The whole commit has been looked at.
    Assured,
}

/// Whether somebody may have been handed a message before: by a node that fell before this was on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Never,
    Perhaps,
}

impl Seen {
    pub(super) fn of(recovered: bool) -> Seen {
        match recovered {
            true => Seen::Perhaps,
            false => Seen::Never,
        }
    }
}

/// What of a commit has been looked at.
struct Looking<'a> {
    broker: &'a Broker,
    /// How often it was the turn of a queue of an address.
    turns: BTreeMap<&'a str, usize>,
    /// Queues that reject what they have no room for.
    filling: BTreeMap<QueueId, (Vec<Hand>, Filling)>,
    /// What is left of the credit that consumers of a session share.
    pools: BTreeMap<SessionId, i64>,
}

/// A consumer that is given messages as they come, so that they take no room.
struct Hand {
    /// So many more; `None` is any number.
    credit: Option<u32>,
    /// With whom it shares another limit.
    pool: Option<SessionId>,
}

impl Broker {
    pub(super) fn has_room_for(&self, steps: &[Step]) -> Result<(), Refusal> {
        let later = |step: &Step| match step {
            Step::Send { to, message, .. } if message.schedule.is_some() => claim(message, &to.address),
            _ => 0,
        };
        let later: usize = steps.iter().map(later).fold(0, usize::saturating_add);
        if steps.iter().map(Step::on_disk).fold(0, usize::saturating_add) > self.disk_room {
            return Err(Refusal::TransactionTooLarge);
        }
        if later > 0 && !self.has_room_later(later) {
            return Err(Refusal::TooMuchLater);
        }
        let new: BTreeSet<&str> = steps.iter().filter_map(|step| self.made_by(step)).collect();
        if !new.is_empty() {
            self.may_make_queues(new.len())?;
        }
        if self.rejecting == 0 {
            return Ok(());
        }
        let mut looking = Looking {
            broker: self,
            turns: BTreeMap::new(),
            filling: BTreeMap::new(),
            pools: BTreeMap::new(),
        };
        match steps.iter().all(|step| looking.fits(step)) {
            true => Ok(()),
            false => Err(Refusal::Full),
        }
    }

    /// Whether a message for there makes a queue, when it comes or when its time has come.
    pub(super) fn makes_queue(&self, kind: Kind, address: &str) -> bool {
        let known = self.addresses.get(address);
        kind == Kind::Anycast && !is_ours(address) && known.is_none_or(|known| known.anycast.is_empty())
    }

    /// The same of a queue that has not been counted yet.
    pub(super) fn is_new_queue(&self, kind: Kind, address: &str) -> bool {
        self.makes_queue(kind, address) && !self.later.promises(address)
    }

    /// Whether a message may wait for its time, and have its queue then.
    pub(super) fn may_wait(&self, to: &Target, claim: usize) -> Result<(), Refusal> {
        if !self.has_room_later(claim) {
            return Err(Refusal::TooMuchLater);
        }
        match self.is_new_queue(to.kind, &to.address) {
            true => self.may_make_queues(1),
            false => Ok(()),
        }
    }

    /// The queue that is not there before this is done.
    fn made_by<'a>(&self, step: &'a Step) -> Option<&'a str> {
        let Step::Send { to, .. } = step else {
            return None;
        };
        self.is_new_queue(to.kind, &to.address).then_some(&*to.address)
    }

    /// Who is given what comes.
    fn hands(&self, queue: &Queue) -> Vec<Hand> {
        if queue.is_ready() {
            return Vec::new();
        }
        let known = queue
            .active()
            .iter()
            .filter_map(|id| Some((id, self.consumers.get(id)?)));
        // What one that chooses will take is known only when it comes.
        let takes_all = known.filter(|(_, consumer)| consumer.browse.is_none() && consumer.selector.is_none());
        let hand = |(id, consumer): (&ConsumerId, &Consumer)| Hand {
            credit: consumer.room(),
            pool: consumer.pooled.then_some(id.session),
        };
        takes_all.map(hand).collect()
    }
}

impl<'a> Looking<'a> {
    /// A queue that a commit gives something back to, or where its dead go, rejects nothing of that.
    fn fits(&mut self, step: &'a Step) -> bool {
        match step {
            Step::Send { to, message, .. } => self.send(to, message),
            Step::Publish(Publish {
                exchange, key, message, ..
            }) => {
                let queues = self.broker.bound(exchange, key, message);
                // No matter which one it is that rejects it.
                queues.into_iter().all(|queue| self.takes(queue, message))
            }
            Step::Settle(..) => true,
        }
    }

    fn send(&mut self, to: &'a Target, message: &Message) -> bool {
        // What comes later has been looked at.
        if message.schedule.is_some() {
            return true;
        }
        if to.kind == Kind::Multicast {
            // A topic is not full because one of those is that it is for.
            for queue in self.broker.bound(TOPICS, &to.address, message) {
                self.takes(queue, message);
            }
            return true;
        }
        let Some(address) = self.broker.addresses.get(&*to.address) else {
            return true;
        };
        let turns = self.turns.entry(&to.address).or_default();
        *turns += 1;
        let queue = address.after(*turns).and_then(|turn| address.anycast.get(turn));
        queue.is_none_or(|queue| self.takes(*queue, message))
    }

    fn takes(&mut self, id: QueueId, message: &Message) -> bool {
        let broker = self.broker;
        let Some(queue) = broker.queues.get(&id).filter(|queue| queue.rejects().is_some()) else {
            return true;
        };
        let (hands, filling) = self
            .filling
            .entry(id)
            .or_insert_with(|| (broker.hands(queue), Filling::default()));
        let pools = &mut self.pools;
        // Who has its group may be busy.
        let is_handed_out = queue.group_of(message).is_none()
            && hands.iter_mut().any(|hand| {
                let pool = hand.pool.map(|session| {
                    let shared = || broker.sessions.get(&session).map_or(0, |known| known.pool.credit);
                    pools.entry(session).or_insert_with(shared)
                });
                hand.takes(pool)
            });
        if is_handed_out {
            return true;
        }
        let with_it = filling.and(Filling::of(message));
        let fits = queue.limits().allow(queue.filling().and(with_it));
        if fits {
            *filling = with_it;
        }
        fits
    }
}

impl Hand {
    /// Takes one more, if it may.
    fn takes(&mut self, mut pool: Option<&mut i64>) -> bool {
        if self.credit == Some(0) || pool.as_ref().is_some_and(|left| **left <= 0) {
            return false;
        }
        self.credit = self.credit.map(|credit| credit - 1);
        if let Some(left) = &mut pool {
            **left -= 1;
        }
        true
    }
}
