//! One queue: what waits, in the order in which it will be handed out.
//!
//! A message that comes back takes its old place, so first deliveries keep the order of their arrival whatever happens
//! in between. Higher priorities come first.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::num::ParseIntError;
use std::ops::Bound;
use std::str::FromStr;
use std::sync::Arc;

use tandem_time::Mono;

use crate::broker::{Arguments, Declared, Overflow, Policy, QueueView, Slow};
use crate::{ConsumerId, Message, MessageId, QueueId, Retain, Selector, SessionId};

/// Who gets a message that an address has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// One of the address's queues.
    Anycast,
    /// Each of them: a topic's subscription.
    Multicast,
}

/// A place in a queue; the lowest is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Nine less the priority.
    rank: u8,
    /// Numbers of messages grow, also over restarts.
    pub(crate) order: MessageId,
}

/// As two numbers: `5.1234`.
impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.rank, self.order.0)
    }
}

impl FromStr for Place {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Place, ParseIntError> {
        let (rank, order) = text.split_once('.').unwrap_or((text, ""));
        Ok(Place {
            rank: rank.parse()?,
            order: MessageId(order.parse()?),
        })
    }
}

impl Place {
    pub(crate) fn of(entry: &Entry) -> Place {
        Place {
            rank: crate::Priority::HIGHEST - entry.message.priority.unwrap_or_default().number(),
            order: entry.id,
        }
    }
}

/// What a client said of a queue that it declared, and what that means.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Terms {
    pub(crate) declared: Declared,
    pub(crate) arguments: Arguments,
}

/// A message in a queue.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) id: MessageId,
    pub(crate) message: Arc<Message>,
    /// How often it was tried in vain.
    pub(crate) attempts: u32,
    /// Somebody may have seen it before.
    pub(crate) again: bool,
    /// It is from the journal: what became of it before the node fell may have been seen, too.
    pub(crate) recovered: bool,
    pub(crate) expires: Option<Mono>,
    /// Whether the journal holds it for this queue.
    pub(crate) stored: bool,
}

impl Entry {
    pub(crate) fn new(id: MessageId, message: Arc<Message>) -> Entry {
        Entry {
            id,
            message,
            attempts: 0,
            again: false,
            recovered: false,
            expires: None,
            stored: false,
        }
    }

    /// From the journal, where nobody wrote down whether it had been handed out.
    pub(crate) fn restored(id: MessageId, message: Arc<Message>) -> Entry {
        Entry {
            again: true,
            recovered: true,
            stored: true,
            ..Entry::new(id, message)
        }
    }
}

/// What happened to a queue's messages since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub added: u64,
    /// Handed to a consumer, again and again where it came back.
    pub delivered: u64,
    pub acknowledged: u64,
    pub expired: u64,
    pub dead: u64,
    /// Gone because there were too many.
    pub dropped: u64,
}

/// What all queues hold together, and what has happened to it since the node began: kept with each change, so that whoever
/// looks walks over none of them.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    pub(crate) ready: usize,
    pub(crate) in_flight: usize,
    pub(crate) counts: Counts,
    /// What those hold that [are passing](Queue::is_passing), in bytes.
    pub(crate) passing: usize,
}

/// The oldest go when more waits; 0 is never.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Most {
    pub(crate) messages: usize,
    /// One that is larger than this alone may wait.
    pub(crate) bytes: usize,
}

/// What is different about a queue that is a named client's subscription.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    /// It is one. Its messages are not counted as tried in vain, expire silently, and wait for nobody who is away unless
    /// they are durable.
    pub(crate) of_client: bool,
    /// More than one client takes from it.
    pub(crate) shared: bool,
    /// How many clients do.
    pub(crate) members: usize,
    /// Does not take what this client sends.
    pub(crate) not_from: Option<Box<str>>,
    pub(crate) most: Most,
}

impl Rules {
    pub(crate) fn of_client(client: &str, no_local: bool, shared: bool, most: Most) -> Rules {
        Rules {
            of_client: true,
            shared,
            members: 0,
            not_from: no_local.then(|| client.into()),
            most,
        }
    }
}

/// What is about to come to a queue that may be full then.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Filling {
    messages: usize,
    bytes: usize,
}

impl Filling {
    /// One more, if there is room for it.
    pub(crate) fn takes(&mut self, queue: &Queue, message: &Message) -> bool {
        if queue.is_full(self) {
            return false;
        }
        self.messages += 1;
        self.bytes += message.body.len();
        true
    }
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
    /// Takes only these messages.
    pub(crate) filter: Option<Selector>,
    pub(crate) counts: Counts,
    /// Handed out and not yet settled.
    in_flight: usize,
    /// What those weigh.
    out: usize,
    ready: BTreeMap<Place, Entry>,
    /// Those of them that an address has kept for who comes later.
    kept: BTreeSet<Place>,
    /// What these weigh.
    weight: usize,
    /// The same without all that is around the bodies.
    bodies: usize,
    /// In turn.
    consumers: Vec<ConsumerId>,
    turn: usize,
    /// Of the consumers, those that want it for themselves: the first has it.
    favoured: Vec<ConsumerId>,
    /// Consumers that do not take every message.
    selective: BTreeSet<ConsumerId>,
    /// Up to here no consumer wants what waits.
    looked: Option<Place>,
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
            filter: None,
            selective: BTreeSet::new(),
            looked: None,
            counts: Counts::default(),
            in_flight: 0,
            out: 0,
            ready: BTreeMap::new(),
            kept: BTreeSet::new(),
            weight: 0,
            bodies: 0,
            consumers: Vec::new(),
            turn: 0,
            favoured: Vec::new(),
        }
    }

    /// Puts a message behind all older ones of its priority; `None` when it is there already.
    pub(crate) fn push(&mut self, entry: Entry, sums: &mut Sums) -> Option<Place> {
        let place = self.place(&entry);
        self.put(place, entry, sums).then_some(place)
    }

    /// A queue that was declared has the priorities that it was declared with; most have none.
    fn place(&self, entry: &Entry) -> Place {
        let Some(terms) = &self.terms else {
            return Place::of(entry);
        };
        let most = terms.arguments.max_priority.unwrap_or(0);
        let own = entry.message.priority.map_or(0, crate::Priority::number);
        Place {
            rank: crate::Priority::HIGHEST - own.min(most),
            order: entry.id,
        }
    }

    /// Gives back what was handed out, to where it was.
    pub(crate) fn put_back(&mut self, place: Place, entry: Entry, sums: &mut Sums) {
        self.put(place, entry, sums);
    }

    /// False when it is there already.
    fn put(&mut self, place: Place, entry: Entry, sums: &mut Sums) -> bool {
        self.look_again(place);
        self.grow(&entry.message, sums);
        if entry.message.retain == Retain::Kept {
            self.kept.insert(place);
        }
        let before = self.ready.insert(place, entry);
        if let Some(before) = &before {
            self.shrink(&before.message, sums);
        }
        before.is_none()
    }

    fn grow(&mut self, by: &Message, sums: &mut Sums) {
        self.weight += by.weight();
        self.bodies += by.body.len();
        sums.ready += 1;
        sums.passing += self.passing_of(by);
    }

    fn shrink(&mut self, by: &Message, sums: &mut Sums) {
        self.weight -= by.weight();
        self.bodies -= by.body.len();
        sums.ready -= 1;
        sums.passing -= self.passing_of(by);
    }

    fn passing_of(&self, message: &Message) -> usize {
        if self.is_passing() { message.weight() } else { 0 }
    }

    pub(crate) fn first(&self) -> Option<Place> {
        self.ready.keys().next().copied()
    }

    pub(crate) fn take(&mut self, place: Place, sums: &mut Sums) -> Option<Entry> {
        let entry = self.ready.remove(&place)?;
        self.kept.remove(&place);
        self.shrink(&entry.message, sums);
        Some(entry)
    }

    pub(crate) fn take_by_id(&mut self, id: MessageId, sums: &mut Sums) -> Option<(Place, Entry)> {
        let place = self.find(id)?;
        Some((place, self.take(place, sums)?))
    }

    pub(crate) fn take_first(&mut self, sums: &mut Sums) -> Option<(Place, Entry)> {
        let place = self.first()?;
        Some((place, self.take(place, sums)?))
    }

    /// What has been taken is in somebody's hands.
    pub(crate) fn went_out(&mut self, message: &Message, sums: &mut Sums) {
        self.in_flight += 1;
        self.out += message.weight();
        sums.in_flight += 1;
        sums.passing += self.passing_of(message);
    }

    /// And is not any more.
    pub(crate) fn came_in(&mut self, message: &Message, sums: &mut Sums) {
        self.in_flight -= 1;
        self.out -= message.weight();
        sums.in_flight -= 1;
        sums.passing -= self.passing_of(message);
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// One more of what is counted.
    pub(crate) fn count(&mut self, sums: &mut Sums, what: impl Fn(&mut Counts) -> &mut u64) {
        *what(&mut self.counts) += 1;
        *what(&mut sums.counts) += 1;
    }

    /// Where a message waits. Its priority is not said, but there are only ten.
    pub(crate) fn find(&self, id: MessageId) -> Option<Place> {
        let mut places = (0..=crate::Priority::HIGHEST).map(|rank| Place { rank, order: id });
        places.find(|place| self.ready.contains_key(place))
    }

    /// Those that came no later than this one, the next first.
    pub(crate) fn upto(&self, last: MessageId) -> impl Iterator<Item = Place> {
        let place = |rank, order| Place { rank, order };
        (0..=crate::Priority::HIGHEST).flat_map(move |rank| {
            let of_rank = self.ready.range(place(rank, MessageId(0))..=place(rank, last));
            of_rank.map(|(place, _)| *place)
        })
    }

    pub(crate) fn at(&self, place: Place) -> Option<&Entry> {
        self.ready.get(&place)
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
            consumers: self.consumers.len(),
            counts: self.counts,
        }
    }

    /// Whether a message that need not survive is not kept for whoever is away.
    pub(crate) fn ignores_passing(&self) -> bool {
        self.rules.of_client && self.consumers.is_empty()
    }

    /// How many messages may wait, and how many bytes of bodies: by what the queue was declared with and by its policy.
    fn limits(&self) -> (Option<usize>, Option<usize>) {
        let own = self.terms.as_ref().map(|terms| &terms.arguments);
        // What a client that is away may keep is said elsewhere.
        let policy = Some(&self.policy).filter(|_| !self.rules.of_client);
        let least = |one: Option<usize>, other: Option<usize>| one.into_iter().chain(other).min();
        (
            least(
                own.and_then(|own| own.max_length),
                policy.and_then(|policy| policy.max_length),
            ),
            least(
                own.and_then(|own| own.max_bytes),
                policy.and_then(|policy| policy.max_bytes),
            ),
        )
    }

    /// How long a message may wait, in milliseconds.
    pub(crate) fn ttl(&self) -> Option<u64> {
        let own = self.terms.as_ref().and_then(|terms| terms.arguments.ttl);
        let policy = self.policy.ttl.filter(|_| !self.rules.of_client);
        own.into_iter().chain(policy).min()
    }

    /// Whether it is for whoever uses the name, and was declared by nobody.
    pub(crate) fn is_by_use(&self) -> bool {
        self.kind == Kind::Anycast && self.terms.is_none() && self.owner.is_none()
    }

    /// Whether this may be handed out as well, when those who pass by have so much `room` left together.
    pub(crate) fn is_handed(&self, message: &Message, room: usize) -> bool {
        !self.is_passing() || self.out == 0 || self.out + message.weight() <= room
    }

    /// Whether one who passes by holds more than its share: as much as is left for all of these. So one alone has half of
    /// that, and however many there are, something is left.
    pub(crate) fn is_too_slow(&self, room: usize) -> bool {
        self.is_passing() && self.depth() > 1 && self.out + self.weight > room
    }

    /// Whether there are more than may be.
    pub(crate) fn is_over(&self) -> bool {
        let (max_length, max_bytes) = self.limits();
        let over =
            max_length.is_some_and(|most| self.ready.len() > most) || max_bytes.is_some_and(|most| self.bodies > most);
        if over || self.terms.is_some() {
            // What a queue has taken that rejects stays: somebody was told that it is safe.
            return over && self.rejects().is_none();
        }
        let Most { messages, bytes } = self.rules.most;
        let (depth, weight) = (self.ready.len(), self.weight);
        messages > 0 && depth > messages || bytes > 0 && weight > bytes && depth > 1
    }

    /// Whether it takes nothing when it is full, and what becomes of that.
    pub(crate) fn rejects(&self) -> Option<Overflow> {
        let overflow = self.terms.as_ref()?.arguments.overflow;
        (overflow != Overflow::DropHead).then_some(overflow)
    }

    /// Whether one more would be too many, when this has come before it.
    pub(crate) fn is_full(&self, after: &Filling) -> bool {
        let (max_length, max_bytes) = self.limits();
        max_length.is_some_and(|most| self.ready.len() + after.messages >= most)
            || max_bytes.is_some_and(|most| self.bodies + after.bytes >= most)
    }

    /// Whether it may have this one as well, and none has to go for it.
    pub(crate) fn has_room_for(&self, message: &Message) -> bool {
        let (max_length, max_bytes) = self.limits();
        max_length.is_none_or(|most| self.ready.len() < most)
            && max_bytes.is_none_or(|most| self.bodies + message.body.len() <= most)
    }

    /// All that wait; what they weigh stays what it is.
    pub(crate) fn entries(&mut self) -> impl Iterator<Item = (&Place, &mut Entry)> {
        self.ready.iter_mut()
    }

    /// What all that wait weigh.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    pub(crate) fn take_all(&mut self, sums: &mut Sums) -> BTreeMap<Place, Entry> {
        sums.ready -= self.ready.len();
        sums.passing -= if self.is_passing() { self.weight } else { 0 };
        (self.weight, self.bodies) = (0, 0);
        self.kept.clear();
        std::mem::take(&mut self.ready)
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
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rest = self.ready.range((from, Bound::Unbounded));
        rest.map(|(place, entry)| (*place, entry))
    }

    /// The waiting messages that an address has kept for who comes later.
    pub(crate) fn kept(&self) -> impl Iterator<Item = &Entry> {
        self.kept.iter().filter_map(|place| self.ready.get(place))
    }

    pub(crate) fn depth(&self) -> usize {
        self.ready.len()
    }

    pub(crate) fn subscribe(&mut self, consumer: ConsumerId, selective: bool) {
        self.consumers.push(consumer);
        self.looked = None;
        if selective {
            self.selective.insert(consumer);
        }
    }

    /// It is handed everything when its turn comes among those who want that.
    pub(crate) fn favour(&mut self, consumer: ConsumerId) {
        self.favoured.push(consumer);
        self.looked = None;
    }

    /// Whether what nobody takes may be passed over for what comes later.
    pub(crate) fn is_selective(&self) -> bool {
        !self.selective.is_empty()
    }

    /// What waits next, after a place or after what no consumer wants.
    pub(crate) fn next(&self, after: Option<Place>) -> Option<(Place, Arc<Message>)> {
        let from = after.max(self.looked).map_or(Bound::Unbounded, Bound::Excluded);
        let (place, entry) = self.ready.range((from, Bound::Unbounded)).next()?;
        Some((*place, entry.message.clone()))
    }

    /// Nobody wants what waits here, and nothing before it either.
    pub(crate) fn pass_over(&mut self, place: Place) {
        self.looked = Some(place);
    }

    fn look_again(&mut self, place: Place) {
        if self.looked.is_some_and(|looked| place <= looked) {
            self.looked = None;
        }
    }

    pub(crate) fn unsubscribe(&mut self, consumer: ConsumerId) {
        let Some(at) = self.consumers.iter().position(|c| *c == consumer) else {
            return;
        };
        self.consumers.remove(at);
        self.selective.remove(&consumer);
        self.favoured.retain(|favoured| *favoured != consumer);
        // Whoever was next stays next.
        if at < self.turn {
            self.turn -= 1;
        }
    }

    pub(crate) fn consumers(&self) -> &[ConsumerId] {
        &self.consumers
    }

    /// Those that are handed something.
    pub(crate) fn active(&self) -> &[ConsumerId] {
        let single = self.terms.as_ref().is_some_and(|terms| terms.arguments.single_active);
        match (single, &self.favoured[..], &self.consumers[..]) {
            (_, [first, ..], _) | (true, _, [first, ..]) => std::slice::from_ref(first),
            (_, _, all) => all,
        }
    }

    /// The next in turn that `may`, and the turn moves on.
    pub(crate) fn choose(&mut self, may: impl Fn(ConsumerId) -> bool) -> Option<ConsumerId> {
        let active = self.active();
        let count = active.len();
        let at = (0..count)
            .map(|i| (self.turn + i) % count)
            .find(|at| may(active[*at]))?;
        let chosen = active[at];
        self.turn = (at + 1) % count;
        Some(chosen)
    }
}

#[cfg(test)]
mod tests;
