//! The broker: the machine that all sessions of a node share.
//!
//! Time goes through it in one direction: an input changes the queues, what must survive goes out as a [`Record`], and
//! whoever asked hears of it when the journal has said that it is on disk. Deliveries do not wait for that: a consumer
//! that is faster than the disk may see a message that a crash makes unsent, but never one that was confirmed and lost.

mod again;
mod arrange;
mod clear;
mod client;
mod dead;
mod declared;
mod dispatch;
mod exchange;
mod figures;
mod input;
mod later;
mod latest;
mod look;
mod names;
mod once;
mod output;
mod part;
mod permit;
mod policy;
mod restore;
mod room;
mod route;
mod session;
mod settings;
mod settle;
mod shares;
mod subscribe;
mod unstored;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use tandem_time::Mono;

pub use arrange::{Arranged, Arrangement, Binding, Consume, To, Which};
pub use declared::{Arguments, BadArgument, Declared, Overflow};
pub use exchange::ExchangeKind;
pub use figures::Figures;
pub use input::{Attach, Expiry, Input, Listen, Listening, Outcome, Publish, Subscription, Target, Will};
pub use later::LaterView;
pub use look::{ConsumerView, MessageView, Page, Wanted};
pub use output::{Delivery, Known, Output, Refusal, Scarce, Thing};
pub use policy::{MOST_POLICIES, Policy, PolicyView, Redelivery, check_policy};
pub use settings::{Settings, Slow};

use crate::queue::{Counts, Entry, Place, Queue, Sums};
use crate::tree::Tree;
use crate::{ConsumerId, DeliveryId, Doubles, Kind, Lsn, MessageId, QueueId, Record, Rights, SessionId, Token};
use clear::Clearing;
use client::{Client, Retained};
use exchange::Exchanges;
use later::Later;
use names::Names;
use part::Part;
use policy::Policies;
use session::{Consumer, Session, Step};
use unstored::Unstored;

/// More queues, exchanges or bindings than this are somebody's mistake, and would not be found any more.
const MOST_THINGS: usize = 100_000;

/// One node's messages.
#[derive(Debug)]
pub struct Broker {
    settings: Settings,
    policies: Policies,
    queues: BTreeMap<QueueId, Queue>,
    sums: Sums,
    /// How many of them reject what they have no room for.
    rejecting: usize,
    names: Names,
    addresses: BTreeMap<Arc<str>, Address>,
    /// Subscriptions to more than one address.
    open: Tree<QueueId>,
    exchanges: Exchanges,
    sessions: BTreeMap<SessionId, Session>,
    /// What connections may do that may not do everything.
    admitted: BTreeMap<SessionId, Arc<Rights>>,
    /// Whoever has a name, here or away.
    clients: BTreeMap<Box<str>, Client>,
    /// When something is to be done about those who are away.
    clients_due: BTreeSet<(Mono, Box<str>)>,
    /// While the journal is read: which client holds a message, and by which number.
    named: BTreeMap<(QueueId, MessageId), (Box<str>, u16)>,
    retained: Retained,
    /// What waits for its time.
    later: Later,
    consumers: BTreeMap<ConsumerId, Consumer>,
    /// Which consumer a delivery was for.
    deliveries: BTreeMap<DeliveryId, ConsumerId>,
    /// Messages that end by themselves.
    expiries: BTreeSet<(Mono, QueueId, Place)>,
    /// Queues with messages that rest, and when to look at them.
    rousing: BTreeSet<(Mono, QueueId)>,
    /// Queues that go when nobody uses them.
    queues_due: BTreeSet<(Mono, QueueId)>,
    /// Whoever waits for the disk, in its order.
    waiting: VecDeque<(Lsn, SessionId, Token)>,
    stored: Lsn,
    written: Lsn,
    unstored: Unstored,
    next_message: MessageId,
    next_queue: QueueId,
    next_delivery: DeliveryId,
    /// What all messages weigh that some queue holds; one that many hold counts once for each.
    weight: usize,
    held: Option<Scarce>,
    /// The disk is as full as it may be.
    disk_full: bool,
    outputs: VecDeque<Output>,
    /// Collects what one transaction writes.
    batch: Option<Vec<Record>>,
    /// Had no room any more, and goes where the dead go when all else is done.
    dropped: VecDeque<(QueueId, Entry)>,
    /// Was in queues that have been emptied or are gone.
    clearing: Clearing,
    /// The latest that anybody has told.
    now: Mono,
    /// The largest message that finds room on the disk.
    disk_room: usize,
    /// What the steps of all open transactions weigh.
    deferred: usize,
    denied: u64,
    /// The ids of what came not long ago.
    doubles: Doubles,
    /// How many came again.
    doubled: u64,
}

/// What feeds from an address.
#[derive(Debug, Default)]
struct Address {
    anycast: Vec<QueueId>,
    /// Whose turn it is among them.
    turn: usize,
    multicast: Vec<QueueId>,
}

/// One queue as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueView {
    pub name: Box<str>,
    pub address: Box<str>,
    pub kind: Kind,
    pub durable: bool,
    /// One connection has it for itself.
    pub owned: bool,
    pub depth: usize,
    pub in_flight: usize,
    pub consumers: usize,
    pub counts: Counts,
}

impl Broker {
    pub fn new(settings: Settings) -> Broker {
        Broker {
            policies: Policies::new(settings.default.clone(), &settings.policies),
            settings,
            queues: BTreeMap::new(),
            sums: Sums::default(),
            rejecting: 0,
            names: Names::default(),
            addresses: BTreeMap::new(),
            open: Tree::default(),
            exchanges: Exchanges::default(),
            sessions: BTreeMap::new(),
            admitted: BTreeMap::new(),
            clients: BTreeMap::new(),
            clients_due: BTreeSet::new(),
            named: BTreeMap::new(),
            retained: Retained::default(),
            later: Later::default(),
            consumers: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            expiries: BTreeSet::new(),
            rousing: BTreeSet::new(),
            queues_due: BTreeSet::new(),
            waiting: VecDeque::new(),
            stored: Lsn::default(),
            written: Lsn::default(),
            unstored: Unstored::default(),
            next_message: MessageId(1),
            next_queue: QueueId(1),
            next_delivery: DeliveryId(1),
            weight: 0,
            held: None,
            disk_full: false,
            outputs: VecDeque::new(),
            batch: None,
            dropped: VecDeque::new(),
            clearing: Clearing::default(),
            now: Mono::ZERO,
            disk_room: usize::MAX,
            deferred: 0,
            denied: 0,
            doubles: Doubles::default(),
            doubled: 0,
        }
    }

    pub fn handle(&mut self, input: Input, now: Mono) {
        self.now = now;
        self.clearing.next_part();
        if let Input::Closed { session } = &input {
            // Only that of a connection is known there.
            self.admitted.remove(session);
        }
        if let Some(session) = input.session()
            && !matches!(input, Input::Opened { .. } | Input::Attach(_))
        {
            // Whatever a session says that has been taken over is late.
            let Some(known) = self.sessions.get_mut(&session) else {
                return;
            };
            known.requests += 1;
            if known.ended && !matches!(input, Input::Closed { .. }) {
                return;
            }
        }
        match self.forbidden(&input) {
            Some(why) => self.deny(&input, why),
            None => self.act(input, now),
        }
        self.bury_dropped(now);
    }

    fn act(&mut self, input: Input, now: Mono) {
        match input {
            Input::Admit { connection, rights } => self.admit(connection, rights),
            // Whether it may be aimed at is all there was to ask.
            Input::Aim { .. } => {}
            Input::Opened { session } => {
                let new = Session {
                    requests: 1,
                    ..Session::default()
                };
                self.sessions.entry(session).or_insert(new);
            }
            Input::Attach(attach) => self.attach(attach, now),
            Input::Closed { session } if session == session.connection() => self.close_connection(session, now),
            Input::Closed { session } => self.close(session, now),
            Input::Leave { session, will, expiry } => self.leave(session, will, expiry),
            Input::Send {
                session,
                transaction,
                to,
                message,
                once,
            } => {
                let step = Step::Send { to, message, once };
                self.do_or_defer(session, transaction, step, now);
            }
            Input::Publish {
                session,
                transaction,
                publish,
            } => self.publish_by(session, transaction, *publish, now),
            Input::Arrange { session, what } => self.arrange(session, what, now),
            Input::Finish { session, packet } => self.finish(session, packet),
            Input::Listen(listen) => self.listen(listen, now),
            Input::Unlisten { session, filter } => self.unlisten(session, filter),
            Input::Window { session, more } => self.window(session, more),
            Input::Name {
                session,
                delivery,
                packet,
                once,
            } => self.name(session, delivery, packet, once),
            Input::Release { session, packet } => self.release(session, packet, now),
            Input::Free { session, packet } => self.free(session, packet, now),
            Input::Settle {
                session,
                transaction,
                delivery,
                outcome,
            } => {
                self.do_or_defer(session, transaction, Step::Settle(delivery, outcome), now);
            }
            Input::Subscribe { consumer, to, options } => self.subscribe(consumer, &to, options),
            Input::Unsubscribe { consumer } => self.unsubscribe(consumer, now),
            Input::Forget { session, name } => self.forget(session, &name),
            Input::Credit { consumer, more } => self.credit(consumer, more),
            Input::Drain { consumer } => self.drain(consumer),
            Input::Begin { session, transaction } => self.begin(session, transaction),
            Input::Commit { session, transaction } => self.commit(session, transaction, now),
            Input::Abort { session, transaction } => self.abort(session, transaction, now),
            Input::Sync { session, token } => self.sync(session, token),
            Input::Stored { upto } => self.stored(upto),
            Input::Disk { full, room } => {
                (self.disk_full, self.disk_room) = (full, room);
                self.look_for_room();
            }
        }
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When the next message expires or is sent that waited for its time, or something is to be done about a client that is away.
    pub fn poll_deadline(&self) -> Option<Mono> {
        let expiry = self.expiries.first().map(|(at, ..)| *at);
        let client = self.clients_due.first().map(|(at, _)| *at);
        let queue = self.queues_due.first().map(|(at, _)| *at);
        let later = self.later.next();
        let rested = self.rousing.first().map(|(at, _)| *at);
        let clearing = Some(self.now).filter(|_| !self.clearing.is_done());
        let all = expiry
            .into_iter()
            .chain(client)
            .chain(queue)
            .chain(later)
            .chain(rested)
            .chain(clearing);
        // What was left is due now.
        all.min().map(|at| at.max(self.now))
    }

    pub fn on_deadline(&mut self, now: Mono) {
        self.now = now;
        self.clearing.next_part();
        self.clear_some();
        self.clients_due(now);
        self.queues_due(now);
        self.later_due(now);
        self.rouse_due(now);
        // What ends because of these waits for the next time, so that this one has an end.
        for (at, queue, place) in self.over(now) {
            // It may have gone meanwhile.
            if self.expiries.remove(&(at, queue, place)) {
                self.expire(queue, place, now);
            }
        }
        self.bury_dropped(now);
    }

    /// What is over by now, and no more of it than can be dealt with in one go.
    fn over(&self, now: Mono) -> Vec<(Mono, QueueId, Place)> {
        let mut part = Part::default();
        let mut fits = |queue: &QueueId, place: &Place| {
            let entry = self.queues.get(queue).and_then(|queue| queue.at(*place));
            part.takes(entry.map_or(0, |entry| entry.message.weight()))
        };
        let due = self.expiries.iter().take_while(|(at, ..)| *at <= now);
        due.take_while(|(_, queue, place)| fits(queue, place))
            .copied()
            .collect()
    }

    /// How many addresses keep a message for those who come later.
    pub fn retained(&self) -> usize {
        self.retained.len()
    }

    /// All queues, in the order of their names.
    pub fn queues(&self) -> impl Iterator<Item = QueueView> {
        self.names.all().filter_map(|id| self.queues.get(&id)).map(Queue::view)
    }

    /// What followed the mistake without waiting for the answer does not happen, above all no commit of what came before it.
    fn refuse_and_end(&mut self, session: SessionId, reason: Refusal) {
        if let Some(known) = self.sessions.get_mut(&session) {
            known.ended = true;
        }
        self.refuse(session, reason);
    }

    fn refuse(&mut self, session: SessionId, reason: Refusal) {
        let known = self.sessions.get(&session);
        self.outputs.push_back(Output::Refused {
            session,
            reason,
            request: known.map_or(0, |known| known.requests),
            ends: known.is_some_and(|known| known.ended),
        });
    }

    /// What is written meanwhile is one record.
    fn together<T>(&mut self, by: Option<SessionId>, act: impl FnOnce(&mut Broker) -> T) -> T {
        if self.batch.is_some() {
            return act(self);
        }
        self.batch = Some(Vec::new());
        let done = act(self);
        let mut written = self.batch.take().unwrap_or_default();
        match written.len() {
            0 => {}
            1 => written.drain(..).for_each(|record| self.write(record, by)),
            _ => self.write(Record::All(written), by),
        }
        done
    }

    /// Appends to the journal for a session, or to the transaction that is being committed.
    fn write(&mut self, record: Record, session: Option<SessionId>) {
        if let Some(batch) = &mut self.batch {
            // What belongs together is flat: the journal knows no deeper records.
            return match record {
                Record::All(records) => batch.extend(records),
                record => batch.push(record),
            };
        }
        self.written.0 += 1;
        let lsn = self.written;
        if let Some(session) = session.and_then(|id| self.sessions.get_mut(&id)) {
            session.written = lsn;
        }
        self.unstored.add(lsn, record.weight());
        self.outputs.push_back(Output::Write { lsn, record });
        self.look_for_room();
    }

    fn sync(&mut self, session: SessionId, token: Token) {
        let Some(upto) = self.sessions.get(&session).map(|s| s.written) else {
            return;
        };
        if self.clearing.holds(session, token) {
            return;
        }
        if upto <= self.stored {
            return self.outputs.push_back(Output::Synced { session, token });
        }
        // Sessions write at different times, but each waits for one of the journal's places, and those come in order.
        let at = self.waiting.partition_point(|(lsn, ..)| *lsn <= upto);
        self.waiting.insert(at, (upto, session, token));
    }

    fn stored(&mut self, upto: Lsn) {
        self.stored = self.stored.max(upto);
        self.unstored.remove(upto);
        self.look_for_room();
        while let Some((lsn, session, token)) = self.waiting.front().copied() {
            if lsn > self.stored {
                return;
            }
            self.waiting.pop_front();
            self.outputs.push_back(Output::Synced { session, token });
        }
    }
}

#[cfg(test)]
mod tests;
