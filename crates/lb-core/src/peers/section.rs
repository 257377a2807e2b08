//! The machine of one section of peers: who is connected, who is to be connected to, who teaches whom.
//!
//! ```text
//!                   Connect ──▶ Connected: our greeting ──▶ status 200 ──┐
//!   reconnect time ─┘                                                    ├──▶ Talk ──▶ closed, silent, malformed
//!   Accepted ──▶ their greeting ──▶ our status 200 ──────────────────────┘                └──▶ reconnect time
//! ```
//!
//! Of two connections with a peer the younger one counts, as with HAProxy: who connects has lost the one before. A process
//! that has just begun asks one peer after the other for everything until one of them knows everything itself.

mod configure;
mod greeting;
mod lesson;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tandem_time::{Mono, Seed};

use super::settings::{ConnId, Event, Input, Output, Settings, Why};
use super::talk::{Next, Said, Talk};
use super::view::Counters;
use super::{Control, Message, Names, Status};
use crate::stick::Changes;

#[cfg(test)]
mod tests;

/// How long a greeting may take, and how long nobody is asked again who could not be reached.
const PATIENCE: Duration = Duration::from_secs(5);
/// Who says nothing for so long is gone.
pub(super) const SILENCE: Duration = Duration::from_secs(5);
/// Who has nothing to say says that so often.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(3);
/// How long a process that has begun looks for somebody who knows everything.
const RESYNC: Duration = Duration::from_secs(5);
/// Between two tries to reach the process after this one.
const LOCAL_AGAIN: Duration = Duration::from_millis(500);
/// Nothing is read for a peer that has so much to take still.
const MOST_UNWRITTEN: usize = 64 << 10;
/// Who has so much to take, since answers have come to that, is given up.
const TOO_MUCH_UNWRITTEN: usize = 16 * MOST_UNWRITTEN;
/// About strangers the same is said again after this.
const SAID: Duration = Duration::from_secs(60);
/// Changes that are looked at at once.
const AT_ONCE: usize = 200;
/// Connections that have not greeted yet.
const MOST_STRANGERS: usize = 64;

#[derive(Clone, Debug)]
pub struct Section {
    pub(super) settings: Settings,
    pub(super) peers: Vec<State>,
    pub(super) conns: BTreeMap<ConnId, Conn>,
    pub(super) lesson: Lesson,
    /// The last change of each table.
    pub(super) news: Vec<u64>,
    is_leaving: bool,
    is_resting: bool,
    outputs: VecDeque<Output>,
    seed: Seed,
    /// How many have come who are nobody's peer.
    pub(super) strangers: u64,
    /// What was said of them lately.
    said: Vec<(Why, Mono)>,
}

/// What is known of a peer beside what is said in the present conversation.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) conn: Option<ConnId>,
    is_connecting: bool,
    pub(super) next_try: Mono,
    /// The last change of each table that it has confirmed.
    pub(super) acked: Vec<u64>,
    /// It was asked for everything already, and does not know it.
    was_asked: bool,
    /// The reason for which it is down, as it was said.
    said: Option<Why>,
    pub(super) status: Last,
    pub(super) greeted: Option<Mono>,
    pub(super) counters: Counters,
}

/// How its last conversation has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    None,
    Connecting,
    Established,
    Answered(Status),
}

#[derive(Clone, Debug)]
pub(super) struct Conn {
    pub(super) stage: Stage,
    heard: Vec<u8>,
    unwritten: usize,
    is_reading: bool,
    since: Mono,
    pub(super) last_sent: Mono,
    pub(super) last_heard: Mono,
}

#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// Somebody is to greet.
    Accepted,
    /// We have greeted.
    Greeted {
        peer: usize,
    },
    Open {
        peer: usize,
        talk: Box<Talk>,
    },
}

/// What a process that has begun knows of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lesson {
    /// Somebody is looked for who knows more, until then.
    Wanted {
        until: Mono,
    },
    /// It teaches, as long as it says something until then.
    From {
        conn: ConnId,
        until: Mono,
    },
    Done,
}

impl Stage {
    const fn peer(&self) -> Option<usize> {
        match self {
            Stage::Accepted => None,
            Stage::Greeted { peer } | Stage::Open { peer, .. } => Some(*peer),
        }
    }
}

impl State {
    fn new(tables: usize, now: Mono) -> State {
        State {
            conn: None,
            is_connecting: false,
            next_try: now,
            acked: vec![0; tables],
            was_asked: false,
            said: None,
            status: Last::None,
            greeted: None,
            counters: Counters::default(),
        }
    }
}

impl Section {
    pub fn new(settings: Settings, seed: Seed, now: Mono) -> Section {
        let tables = settings.tables.len();
        Section {
            peers: settings.peers.iter().map(|_| State::new(tables, now)).collect(),
            conns: BTreeMap::new(),
            lesson: Lesson::Wanted { until: now + RESYNC },
            news: vec![0; tables],
            is_leaving: false,
            is_resting: false,
            outputs: VecDeque::new(),
            seed,
            strangers: 0,
            said: Vec::new(),
            settings,
        }
    }

    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn handle(&mut self, input: Input<'_>, now: Mono) {
        match input {
            Input::Accepted(conn) => self.accepted(conn, now),
            Input::Connected { peer, conn } => self.connected(peer, conn, now),
            Input::Unreachable { peer } => {
                if let Some(state) = self.peers.get_mut(peer) {
                    state.is_connecting = false;
                    self.say_down(peer, Why::Unreachable);
                }
            }
            Input::Bytes { conn, bytes } => self.heard(conn, bytes, now),
            Input::Written { conn, count } => {
                if let Some(found) = self.conns.get_mut(&conn) {
                    found.unwritten = found.unwritten.saturating_sub(count);
                    self.go_on(conn, now);
                }
            }
            Input::Closed(conn) => self.lose(conn, Why::Closed, now),
            Input::Changed { table, last_own } => {
                if let Some(known) = self.news.get_mut(table) {
                    *known = last_own;
                    self.all_go_on(now);
                }
            }
            Input::Entries {
                conn,
                table,
                changes,
                last,
            } => self.tell(conn, table, changes, last, now),
            Input::Leaving => self.leave(now),
            Input::Resting(is_resting) => self.rest(is_resting, now),
            Input::Inherited => self.lesson = Lesson::Done,
        }
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub fn poll_deadline(&self) -> Option<Mono> {
        let tries = self.peers.iter().enumerate();
        let tries = tries
            .filter(|(peer, _)| self.wants(*peer))
            .map(|(_, state)| state.next_try);
        let conns = self.conns.values().map(Conn::deadline);
        let lesson = match self.lesson {
            Lesson::Wanted { until } | Lesson::From { until, .. } => Some(until),
            Lesson::Done => None,
        };
        tries.chain(conns).chain(lesson).min()
    }

    pub fn on_deadline(&mut self, now: Mono) {
        for peer in 0..self.peers.len() {
            if self.wants(peer) && self.peers[peer].next_try <= now {
                self.connect(peer, now);
            }
        }
        let conns: Vec<ConnId> = self.conns.keys().copied().collect();
        for conn in conns {
            self.keep_time(conn, now);
        }
        match self.lesson {
            Lesson::Wanted { until } if until <= now => self.learned(None),
            Lesson::From { until, .. } if until <= now => {
                self.lesson = Lesson::Wanted { until: now + RESYNC };
                self.ask(now);
            }
            _ => {}
        }
    }

    /// Whether a connection to it is to be had.
    fn wants(&self, peer: usize) -> bool {
        let (Some(state), Some(settings)) = (self.peers.get(peer), self.settings.peers.get(peer)) else {
            return false;
        };
        let is_free = state.conn.is_none() && !state.is_connecting;
        is_free && !self.is_resting && settings.is_local == self.is_leaving
    }

    fn connect(&mut self, peer: usize, now: Mono) {
        let state = &mut self.peers[peer];
        state.is_connecting = true;
        state.next_try = now + if self.is_leaving { LOCAL_AGAIN } else { PATIENCE };
        state.status = Last::Connecting;
        state.counters.connections += 1;
        self.outputs.push_back(Output::Connect { peer });
    }

    fn heard(&mut self, conn: ConnId, bytes: &[u8], now: Mono) {
        let Some(found) = self.conns.get_mut(&conn) else { return };
        found.heard.extend_from_slice(bytes);
        found.last_heard = now;
        let mut heard = std::mem::take(&mut found.heard);
        let mut taken = 0;
        while let Some(found) = self.conns.get_mut(&conn) {
            let more = match &mut found.stage {
                Stage::Accepted => self.greeted(conn, &heard[taken..], now),
                Stage::Greeted { peer } => {
                    let peer = *peer;
                    self.answered(conn, peer, &heard[taken..], now)
                }
                Stage::Open { peer, talk } => {
                    let peer = *peer;
                    let said = talk.hear(&heard[taken..], &self.settings);
                    self.said(conn, peer, said, now)
                }
            };
            match more {
                Some(more) => taken += more,
                None => break,
            }
        }
        heard.drain(..taken);
        let Some(found) = self.conns.get_mut(&conn) else { return };
        found.heard = heard;
        if let Stage::Open { talk, .. } = &mut found.stage {
            let mut acks = Vec::new();
            talk.confirm(&mut acks);
            if !acks.is_empty() {
                self.send(conn, acks, now);
            }
        }
        let unwritten = self.conns.get(&conn).map_or(0, |found| found.unwritten);
        if unwritten > TOO_MUCH_UNWRITTEN {
            return self.lose(conn, Why::Slow, now);
        }
        self.go_on(conn, now);
    }

    /// What a peer has said; how many bytes that took.
    fn said(
        &mut self,
        conn: ConnId,
        peer: usize,
        said: Result<Option<(Said, usize)>, super::Malformed>,
        now: Mono,
    ) -> Option<usize> {
        let (said, taken) = match said {
            Ok(Some(heard)) => heard,
            Ok(None) => return None,
            Err(malformed) => {
                self.peers[peer].counters.errors += 1;
                // HAProxy knows two: what was too long, and all the rest.
                let number = u8::from(matches!(malformed, super::Malformed::TooLong(_)));
                self.message(conn, &Message::Error(number), now);
                self.lose(conn, malformed.into(), now);
                return None;
            }
        };
        match said {
            Said::Other => {}
            Said::Update { table, update } => {
                let unless = self.unless(conn, peer, table);
                if self.is_teacher(conn) {
                    let until = now + RESYNC;
                    self.lesson = Lesson::From { conn, until };
                }
                self.outputs.push_back(Output::Learn { table, update, unless });
            }
            Said::Error(number) => {
                self.lose(conn, Why::Error(number), now);
                return None;
            }
            Said::Control(control) => self.controlled(conn, peer, control, now),
        }
        Some(taken)
    }

    fn controlled(&mut self, conn: ConnId, peer: usize, control: Control, now: Mono) {
        match control {
            Control::Heartbeat => self.peers[peer].counters.heartbeats_heard += 1,
            Control::ResyncConfirm => {
                if self.is_leaving && self.settings.peers[peer].is_local {
                    self.outputs.push_back(Output::Event(Event::Taught));
                }
            }
            Control::ResyncRequest => {
                if let Some(Stage::Open { talk, .. }) = self.conns.get_mut(&conn).map(|found| &mut found.stage) {
                    talk.teach();
                }
            }
            Control::ResyncFinished | Control::ResyncPartial => {
                self.peers[peer].counters.confirmed += 1;
                self.control(conn, Control::ResyncConfirm, now);
                if !self.is_teacher(conn) {
                    return;
                }
                if control == Control::ResyncFinished {
                    return self.learned(Some(peer));
                }
                self.lesson = Lesson::Wanted { until: now + RESYNC };
                self.ask(now);
            }
        }
    }

    fn leave(&mut self, now: Mono) {
        self.is_leaving = true;
        self.part(now);
    }

    fn rest(&mut self, is_resting: bool, now: Mono) {
        self.is_resting = is_resting;
        if is_resting {
            return self.part(now);
        }
        self.peers.iter_mut().for_each(|state| state.next_try = now);
    }

    fn part(&mut self, now: Mono) {
        let conns: Vec<ConnId> = self.conns.keys().copied().collect();
        for conn in conns {
            self.lose(conn, Why::Closed, now);
        }
        self.peers.iter_mut().for_each(|state| state.next_try = now);
    }

    fn all_go_on(&mut self, now: Mono) {
        let conns: Vec<ConnId> = self.conns.keys().copied().collect();
        conns.into_iter().for_each(|conn| self.go_on(conn, now));
    }

    /// Has the next changes read for a peer that has room for them.
    fn go_on(&mut self, conn: ConnId, now: Mono) {
        let Some(found) = self.conns.get_mut(&conn) else { return };
        let Stage::Open { talk, .. } = &mut found.stage else {
            return;
        };
        if found.is_reading || found.unwritten > MOST_UNWRITTEN {
            return;
        }
        match talk.next(&self.news) {
            None => {}
            Some(Next::Read { table, since }) => {
                found.is_reading = true;
                self.outputs.push_back(Output::Read {
                    conn,
                    table,
                    since,
                    most: AT_ONCE,
                });
            }
            Some(Next::Finish) => {
                talk.finish();
                let knows_all = self.lesson == Lesson::Done;
                let control = if knows_all {
                    Control::ResyncFinished
                } else {
                    Control::ResyncPartial
                };
                self.control(conn, control, now);
                self.go_on(conn, now);
            }
        }
    }

    fn tell(&mut self, conn: ConnId, table: usize, changes: Changes, last: u64, now: Mono) {
        let Some(found) = self.conns.get_mut(&conn) else { return };
        found.is_reading = false;
        if let Stage::Open { talk, .. } = &mut found.stage {
            let mut bytes = Vec::new();
            talk.tell(&self.settings, table, changes, last, &mut bytes);
            if !bytes.is_empty() {
                self.send(conn, bytes, now);
            }
        }
        self.go_on(conn, now);
    }

    fn keep_time(&mut self, conn: ConnId, now: Mono) {
        let Some(found) = self.conns.get(&conn) else { return };
        if found.silent_at().is_some_and(|at| at <= now) {
            if let Some(peer) = found.stage.peer() {
                self.peers[peer].counters.silences += 1;
            }
            return self.lose(conn, Why::Silent, now);
        }
        if found.heartbeat_at().is_some_and(|at| at <= now) {
            if let Some(peer) = found.stage.peer() {
                self.peers[peer].counters.heartbeats_sent += 1;
            }
            self.control(conn, Control::Heartbeat, now);
        }
    }

    /// What was confirmed counts in the next conversation, too.
    fn keep_acked(&mut self, conn: ConnId) {
        let Some(Stage::Open { peer, talk }) = self.conns.get(&conn).map(|found| &found.stage) else {
            return;
        };
        if let Some(state) = self.peers.get_mut(*peer) {
            state.acked = talk.outgoing().iter().map(|outgoing| outgoing.acked).collect();
        }
    }

    /// The connection is over.
    fn lose(&mut self, conn: ConnId, why: Why, now: Mono) {
        self.keep_acked(conn);
        let Some(found) = self.conns.remove(&conn) else { return };
        if why != Why::Closed || self.is_leaving || self.is_resting {
            self.outputs.push_back(Output::Close(conn));
        }
        let Some(peer) = found.stage.peer() else {
            if why != Why::Closed {
                self.stranger(why, now);
            }
            return;
        };
        let state = &mut self.peers[peer];
        state.conn = None;
        // Both may try, and then not at the same moment again.
        let wait = Duration::from_millis(50 + self.seed.below(2_000));
        let again = match (&found.stage, self.is_leaving) {
            (_, true) => LOCAL_AGAIN,
            (Stage::Open { .. }, _) => wait,
            _ => PATIENCE,
        };
        state.next_try = now + again;
        self.say_down(peer, why);
        self.lost_lesson(conn, now);
    }

    fn say_down(&mut self, peer: usize, why: Why) {
        let state = &mut self.peers[peer];
        if self.is_leaving || self.is_resting || state.said.as_ref() == Some(&why) {
            return;
        }
        state.said = Some(why.clone());
        self.outputs.push_back(Output::Event(Event::Down { peer, why }));
    }

    fn control(&mut self, conn: ConnId, control: Control, now: Mono) {
        self.message(conn, &Message::Control(control), now);
    }

    /// A message in which there are no names.
    fn message(&mut self, conn: ConnId, message: &Message, now: Mono) {
        let mut bytes = Vec::new();
        message.write(&mut Names::default(), &mut bytes);
        self.send(conn, bytes, now);
    }

    fn send(&mut self, conn: ConnId, bytes: Vec<u8>, now: Mono) {
        if let Some(found) = self.conns.get_mut(&conn) {
            found.unwritten += bytes.len();
            found.last_sent = now;
            self.outputs.push_back(Output::Send { conn, bytes });
        }
    }
}

impl Conn {
    const fn new(stage: Stage, now: Mono) -> Conn {
        Conn {
            stage,
            heard: Vec::new(),
            unwritten: 0,
            is_reading: false,
            since: now,
            last_sent: now,
            last_heard: now,
        }
    }

    fn deadline(&self) -> Mono {
        let silent = self.silent_at().unwrap_or(Mono::FAR);
        silent.min(self.heartbeat_at().unwrap_or(Mono::FAR))
    }

    fn silent_at(&self) -> Option<Mono> {
        match &self.stage {
            Stage::Open { talk, .. } => talk.has_heartbeats().then(|| self.last_heard + SILENCE),
            _ => Some(self.since + PATIENCE),
        }
    }

    fn heartbeat_at(&self) -> Option<Mono> {
        match &self.stage {
            Stage::Open { talk, .. } => talk.has_heartbeats().then(|| self.last_sent + HEARTBEAT),
            _ => None,
        }
    }
}
