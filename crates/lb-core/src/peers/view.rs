//! What an operator sees of a section.

use std::sync::Arc;

use tandem_time::Mono;

use super::section::{Last, Lesson, Section, Stage};
use super::settings::ConnId;

/// What was seen of one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub connections: u64,
    pub collisions: u64,
    /// What it said that made no sense.
    pub errors: u64,
    pub heartbeats_sent: u64,
    pub heartbeats_heard: u64,
    /// How often it was given up because it said nothing.
    pub silences: u64,
    /// Lessons that it has given.
    pub confirmed: u64,
}

/// One peer as it is now.
#[derive(Clone, Debug)]
pub struct PeerView {
    pub name: Arc<str>,
    pub place: Arc<str>,
    pub is_local: bool,
    pub conn: Option<ConnId>,
    /// Both have greeted.
    pub is_open: bool,
    /// As HAProxy calls it.
    pub last_status: &'static str,
    pub greeted: Option<Mono>,
    pub next_try: Mono,
    pub heartbeat: Option<Mono>,
    pub counters: Counters,
    pub tables: Vec<TableView>,
    /// Names that were said and heard, by their places.
    pub said: Vec<(usize, Arc<str>)>,
    pub heard: Vec<(usize, Arc<str>)>,
}

/// A shared table as one peer has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableView {
    /// What we call it, and what the other does; 0 when it has said nothing of it.
    pub local_id: u64,
    pub remote_id: u64,
    pub remote_data: u64,
    pub acked: u64,
    pub pushed: u64,
    pub got: u32,
}

impl Section {
    /// Whether all is known that the others know.
    pub fn is_taught(&self) -> bool {
        self.lesson == Lesson::Done
    }

    /// When nobody is looked for any more who knows more.
    pub const fn resync_until(&self) -> Option<Mono> {
        match self.lesson {
            Lesson::Wanted { until } => Some(until),
            _ => None,
        }
    }

    /// How many connections came to nothing because whoever it was is no peer.
    pub const fn strangers(&self) -> u64 {
        self.strangers
    }

    pub fn view(&self) -> Vec<PeerView> {
        (0..self.peers.len()).filter_map(|peer| self.peer(peer)).collect()
    }

    /// How many peers are there, and how many are connected.
    pub fn counts(&self) -> (usize, usize) {
        let remote = self.settings.peers.iter().zip(&self.peers).filter(|(p, _)| !p.is_local);
        let open = remote.clone().filter(|(_, state)| self.is_open(state.conn));
        (remote.count(), open.count())
    }

    fn is_open(&self, conn: Option<ConnId>) -> bool {
        let conn = conn.and_then(|conn| self.conns.get(&conn));
        conn.is_some_and(|conn| matches!(conn.stage, Stage::Open { .. }))
    }

    fn peer(&self, peer: usize) -> Option<PeerView> {
        let (settings, state) = (self.settings.peers.get(peer)?, self.peers.get(peer)?);
        let conn = state.conn.and_then(|conn| self.conns.get(&conn));
        let talk = conn.and_then(|conn| match &conn.stage {
            Stage::Open { talk, .. } => Some(talk),
            _ => None,
        });
        let table = |place: usize| {
            let ours = talk.and_then(|talk| talk.outgoing().get(place));
            let theirs = talk.and_then(|talk| talk.incoming().find(|(_, theirs)| theirs.table == Some(place)));
            TableView {
                local_id: place as u64 + 1,
                remote_id: theirs.map_or(0, |(id, _)| id),
                remote_data: theirs.map_or(0, |(_, theirs)| {
                    let store = theirs.definition.store.iter();
                    store.fold(0, |bits, stored| bits | 1 << stored.data.number())
                }),
                acked: ours.map_or(state.acked[place], |ours| ours.acked),
                pushed: ours.map_or(state.acked[place], |ours| ours.pushed),
                got: theirs.map_or(0, |(_, theirs)| theirs.got),
            }
        };
        Some(PeerView {
            name: settings.name.clone(),
            place: settings.place.clone(),
            is_local: settings.is_local,
            conn: state.conn,
            is_open: talk.is_some(),
            last_status: state.status.word(),
            greeted: state.greeted,
            next_try: state.next_try,
            heartbeat: conn.map(|conn| conn.last_sent + super::section::HEARTBEAT),
            counters: state.counters,
            tables: (0..self.settings.tables.len()).map(table).collect(),
            said: talk.map(|talk| talk.names().0.known()).unwrap_or_default(),
            heard: talk.map(|talk| talk.names().1.known()).unwrap_or_default(),
        })
    }
}

impl Last {
    const fn word(self) -> &'static str {
        use super::Status;
        match self {
            Last::None => "NONE",
            Last::Connecting => "CONN",
            Last::Established => "ESTA",
            Last::Answered(Status::Welcome) => "SCSS",
            Last::Answered(Status::TryAgain) => "TRYA",
            Last::Answered(Status::Protocol) => "PROT",
            Last::Answered(Status::Version) => "VERS",
            Last::Answered(Status::NotMe) => "LOCN",
            Last::Answered(Status::NotYou) => "RMTN",
        }
    }
}
