//! One queue: what waits, in the order in which it will be handed out.
//!
//! A message that comes back takes its old place, so first deliveries keep the order of their arrival whatever happens
//! in between. Higher priorities come first.

mod counts;
mod entry;
mod groups;
mod latest;
mod limits;
mod place;
mod turns;
mod waiting;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tandem_time::Mono;

use crate::broker::{Arguments, Declared, Policy, QueueView, Slow};
use crate::{ConsumerId, Message, MessageId, QueueId, Selector, SessionId};

pub use counts::Counts;
pub(crate) use counts::Sums;
pub(crate) use entry::Entry;
pub(crate) use groups::Group;
use latest::Latest;
pub(crate) use limits::{Filling, Limits, Most, Rules};
pub use place::Place;
pub(crate) use turns::Able;
use turns::Turns;
use waiting::Waiting;

/// Who gets a message that an address has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// One of the address's queues.
    Anycast,
    /// Each of them: a topic's subscription.
    Multicast,
}

/// What a client said of a queue that it declared, and what that means.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Terms {
    pub(crate) declared: Declared,
    pub(crate) arguments: Arguments,
}

#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) id: QueueId,
    pub(crate) name: Box<str>,
    /// Shared with every delivery.
    pub(crate) address: Arc<str>,
    pub(crate) kind: Kind,
    pub(crate) durable: bool,
    /// What happens when it is too slow; `None` where whoever sends waits for it. It never changes.
    pub(crate) slow: Option<Slow>,
    /// Goes with this session.
    pub(crate) owner: Option<SessionId>,
    pub(crate) rules: Rules,
    /// `None` for what was not declared, but used.
    pub(crate) terms: Option<Box<Terms>>,
    /// What an operator says of its address.
    pub(crate) policy: Arc<Policy>,
    /// One consumer has it for itself.
    pub(crate) exclusive: bool,
    /// When it goes if nobody uses it.
    pub(crate) ends_at: Option<Mono>,
    /// When something last came.
    pub(crate) used: Mono,
    /// Takes only these messages.
    pub(crate) filter: Option<Selector>,
    pub(crate) counts: Counts,
    /// Handed out and not yet settled.
    in_flight: usize,
    /// What those weigh.
    out: usize,
    waiting: Waiting,
    /// When the broker looks at those that rest.
    pub(crate) rouses_at: Option<Mono>,
    latest: Latest,
    turns: Turns,
    /// Up to here no consumer wants what waits.
    looked: Option<Place>,
    /// Up to here nobody could take it when it was looked at last.
    stuck: Option<Place>,
}

impl Queue {
    pub(crate) fn new(id: QueueId, name: &str, address: &str, kind: Kind, durable: bool) -> Queue {
        Queue {
            id,
            name: name.into(),
            address: address.into(),
            kind,
            durable,
            slow: None,
            owner: None,
            rules: Rules::default(),
            terms: None,
            policy: Arc::default(),
            exclusive: false,
            ends_at: None,
            used: Mono::ZERO,
            filter: None,
            counts: Counts::default(),
            in_flight: 0,
            out: 0,
            waiting: Waiting::default(),
            rouses_at: None,
            latest: Latest::default(),
            turns: Turns::default(),
            looked: None,
            stuck: None,
        }
    }

    /// Another one counts from now on.
    pub(crate) fn follow(&mut self, policy: Arc<Policy>) {
        if self.policy.last_value_key != policy.last_value_key {
            self.latest = Latest::default();
        }
        self.policy = policy;
    }

    /// Puts a message behind all older ones of its priority; `None` when it is there already.
    pub(crate) fn push(&mut self, entry: Entry, sums: &mut Sums) -> Option<Place> {
        let place = self.place(&entry);
        if self.at(place).is_some() {
            return None;
        }
        self.put_back(place, entry, sums);
        Some(place)
    }

    /// A queue that was declared has the priorities that it was declared with; most have none.
    fn place(&self, entry: &Entry) -> Place {
        let Some(terms) = &self.terms else {
            return Place::of(entry);
        };
        let most = terms.arguments.max_priority.unwrap_or(0);
        let own = entry.message.priority.map_or(0, crate::Priority::number);
        Place::by_priority(own.min(most), entry.id)
    }

    /// Gives back what was handed out, to where it was; nobody is handed it while it rests.
    pub(crate) fn put_back(&mut self, place: Place, entry: Entry, sums: &mut Sums) {
        self.look_again(place);
        sums.ready += 1;
        sums.passing += self.passing_of(&entry.message);
        self.index(place, &entry);
        self.waiting.insert(place, entry);
    }

    fn passing_of(&self, message: &Message) -> usize {
        if self.is_passing() { message.weight() } else { 0 }
    }

    pub(crate) fn take(&mut self, place: Place, sums: &mut Sums) -> Option<Entry> {
        let entry = self.waiting.remove(place)?;
        sums.ready -= 1;
        sums.passing -= self.passing_of(&entry.message);
        self.index_not(&entry);
        Some(entry)
    }

    pub(crate) fn take_by_id(&mut self, id: MessageId, sums: &mut Sums) -> Option<(Place, Entry)> {
        let place = self.find(id)?;
        Some((place, self.take(place, sums)?))
    }

    /// The one that came first, also when it rests.
    pub(crate) fn take_first(&mut self, sums: &mut Sums) -> Option<(Place, Entry)> {
        let place = self.waiting.first()?;
        Some((place, self.take(place, sums)?))
    }

    /// The next that can be handed out.
    pub(crate) fn take_next(&mut self, sums: &mut Sums) -> Option<(Place, Entry)> {
        let (place, _) = self.waiting.next(None)?;
        Some((place, self.take(place, sums)?))
    }

    /// How long a message that was tried so often is left alone.
    pub(crate) fn rest_after(&self, attempts: u32) -> Option<Duration> {
        let policy = Some(&self.policy).filter(|_| self.counts_attempts())?;
        policy.redelivery.after(attempts)
    }

    /// Whether its policy says what becomes of what was tried in vain.
    pub(crate) fn counts_attempts(&self) -> bool {
        !self.rules.of_client && self.terms.is_none()
    }

    /// When the first that rests has rested.
    pub(crate) fn rests_until(&self) -> Option<Mono> {
        self.waiting.rests_until()
    }

    /// Those that have rested can be handed out, so many at most; how many they were.
    pub(crate) fn rouse(&mut self, now: Mono, most: usize) -> usize {
        let rested = (0..most).map_while(|_| self.waiting.rouse(now)).collect::<Vec<_>>();
        for place in &rested {
            self.look_again(*place);
        }
        rested.len()
    }

    /// Nothing rests for longer than it would from now on: the policy may be another one, or the clock was set back.
    pub(crate) fn rest_anew(&mut self, now: Mono) {
        for (place, entry) in self.waiting.take_resting() {
            let most = now + self.rest_after(entry.attempts).unwrap_or_default();
            let rests = entry.rests.map(|at| at.min(most));
            self.waiting.insert(place, Entry { rests, ..entry });
        }
    }

    /// What has been taken is in somebody's hands.
    pub(crate) fn went_out(&mut self, entry: &Entry, sums: &mut Sums) {
        self.in_flight += 1;
        self.out += entry.message.weight();
        sums.in_flight += 1;
        sums.passing += self.passing_of(&entry.message);
        self.index_out(entry);
    }

    /// And is not any more; whether it is out of date.
    pub(crate) fn came_in(&mut self, entry: &Entry, sums: &mut Sums) -> bool {
        self.in_flight -= 1;
        self.out -= entry.message.weight();
        sums.in_flight -= 1;
        sums.passing -= self.passing_of(&entry.message);
        self.index_in(entry)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// One more of what is counted.
    pub(crate) fn count(&mut self, sums: &mut Sums, what: impl Fn(&mut Counts) -> &mut u64) {
        *what(&mut self.counts) += 1;
        *what(&mut sums.counts) += 1;
    }

    /// Where a message waits.
    pub(crate) fn find(&self, id: MessageId) -> Option<Place> {
        self.waiting.find(id)
    }

    /// Those that came no later than this one, the next first.
    pub(crate) fn upto(&self, last: MessageId) -> impl Iterator<Item = Place> {
        self.waiting.upto(last)
    }

    pub(crate) fn at(&self, place: Place) -> Option<&Entry> {
        self.waiting.get(place)
    }

    pub(crate) fn view(&self) -> QueueView {
        QueueView {
            name: self.name.clone(),
            address: (*self.address).into(),
            kind: self.kind,
            durable: self.durable,
            depth: self.depth(),
            in_flight: self.in_flight,
            owned: self.owner.is_some(),
            consumers: self.consumers().len(),
            counts: self.counts,
        }
    }

    /// Whether a message that need not survive is not kept for whoever is away.
    pub(crate) fn ignores_passing(&self) -> bool {
        self.rules.of_client && self.consumers().is_empty()
    }

    /// Whether it is for whoever uses the name, and was declared by nobody.
    pub(crate) fn is_by_use(&self) -> bool {
        self.kind == Kind::Anycast && self.terms.is_none() && self.owner.is_none()
    }

    /// All that wait; what they weigh stays what it is.
    pub(crate) fn entries(&mut self) -> impl Iterator<Item = (&Place, &mut Entry)> {
        self.waiting.entries()
    }

    /// What all that wait weigh.
    pub(crate) fn weight(&self) -> usize {
        self.waiting.weight()
    }

    pub(crate) fn take_all(&mut self, sums: &mut Sums) -> BTreeMap<Place, Entry> {
        sums.ready -= self.depth();
        sums.passing -= if self.is_passing() { self.weight() } else { 0 };
        self.latest.take_all();
        self.waiting.take_all()
    }

    /// The queue goes. What is in somebody's hands is no queue's from now on.
    pub(crate) fn end(&mut self, sums: &mut Sums) -> BTreeMap<Place, Entry> {
        sums.in_flight -= self.in_flight;
        sums.passing -= if self.is_passing() { self.out } else { 0 };
        self.take_all(sums)
    }

    /// Whether it is for one who listens to a topic only while it is there: nobody else waits for such a one.
    pub(crate) fn is_passing(&self) -> bool {
        self.slow.is_some()
    }

    /// The waiting messages after a place, the next first.
    pub(crate) fn waiting(&self, after: Option<Place>) -> impl Iterator<Item = (Place, &Entry)> {
        self.waiting.after(after)
    }

    /// The waiting messages that an address has kept for who comes later.
    pub(crate) fn kept(&self) -> impl Iterator<Item = &Entry> {
        self.waiting.kept()
    }

    /// Whether something can be handed out.
    pub(crate) fn is_ready(&self) -> bool {
        self.waiting.next(None).is_some()
    }

    pub(crate) fn depth(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn subscribe(&mut self, consumer: ConsumerId, selective: bool) {
        self.turns.add(consumer, selective);
        self.looked = None;
    }

    /// It is handed everything when its turn comes among those who want that.
    pub(crate) fn favour(&mut self, consumer: ConsumerId) {
        self.turns.favour(consumer);
        self.looked = None;
    }

    /// Whether what nobody takes may be passed over for what comes later.
    pub(crate) fn is_selective(&self) -> bool {
        self.turns.is_selective()
    }

    /// What waits next, after what no consumer wants or can take now.
    pub(crate) fn next(&self) -> Option<(Place, Arc<Message>)> {
        let (place, entry) = self.waiting.next(self.stuck.max(self.looked))?;
        Some((place, entry.message.clone()))
    }

    /// Nobody can take what waits here, nor anything before it.
    pub(crate) fn pass(&mut self, place: Place) {
        self.stuck = Some(place);
    }

    /// Somebody may be able to take what could not be taken.
    pub(crate) fn look_at_all(&mut self) {
        self.stuck = None;
    }

    /// Whether somebody wants what has been passed.
    pub(crate) fn is_stuck(&self) -> bool {
        self.stuck > self.looked
    }

    /// Nobody wants what waits here, and nothing before it either.
    pub(crate) fn pass_over(&mut self, place: Place) {
        self.looked = Some(place);
    }

    fn look_again(&mut self, place: Place) {
        self.looked.take_if(|seen| place <= *seen);
        self.stuck.take_if(|seen| place <= *seen);
    }

    pub(crate) fn unsubscribe(&mut self, consumer: ConsumerId) {
        self.turns.remove(consumer);
    }

    pub(crate) fn consumers(&self) -> &[ConsumerId] {
        self.turns.all()
    }

    fn has_one_at_a_time(&self) -> bool {
        self.terms.as_ref().is_some_and(|terms| terms.arguments.single_active)
    }

    /// Those that are handed something.
    pub(crate) fn active(&self) -> &[ConsumerId] {
        self.turns.active(self.has_one_at_a_time())
    }

    /// The next in turn that may have it, and the turn moves on; of a group, the one that has the group.
    pub(crate) fn choose(
        &mut self,
        group: Option<Group>,
        able: &Able<impl Fn(ConsumerId) -> bool, impl Fn(ConsumerId) -> bool>,
    ) -> Option<ConsumerId> {
        self.turns.choose(self.has_one_at_a_time(), group, able)
    }
}

#[cfg(test)]
mod tests;
