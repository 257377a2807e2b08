//! One conversation with a peer, from the greetings on: which tables the two have in common, what the other has been told
//! and what it has said.

use std::collections::BTreeMap;

use twox_hash::XxHash64;

use super::settings::{Settings, Shared};
use super::{Control, Definition, Malformed, Message, Names, Update, next};
use crate::stick::{Changes, Dumped, Key, KeyType, Since};

/// A stranger may define no more tables than this.
const MOST_TABLES: usize = 1024;

#[derive(Clone, Debug)]
pub(super) struct Talk {
    /// Whether the other side wants to know how much time entries have left.
    is_timed: bool,
    shard: u32,
    said: Names,
    heard: Names,
    outgoing: Vec<Outgoing>,
    /// The table that our updates are about.
    meant: Option<usize>,
    incoming: BTreeMap<u64, Incoming>,
    /// The one that theirs are about.
    current: Option<u64>,
    /// The other side wants to know everything.
    teaches: bool,
}

/// What it was told of a table of ours.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outgoing {
    /// All changes up to this one.
    pub(super) pushed: u64,
    /// The highest number that was sent.
    highest: u64,
    pub(super) acked: u64,
    /// The highest number of an update that was sent; others may have been of other shards.
    sent: u64,
    /// Where the lesson stands in it.
    lesson: Option<Lesson>,
    /// The number of the last update, as the other side counts.
    counted: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Lesson {
    at: u64,
    /// Where it ends: known when it has begun.
    until: Option<u64>,
}

/// What it has said of a table of its own.
#[derive(Clone, Debug)]
pub(super) struct Incoming {
    pub(super) definition: Definition,
    /// Ours, if we have it.
    pub(super) table: Option<usize>,
    pub(super) got: u32,
    acked: u32,
}

/// What to do next for the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Read {
        table: usize,
        since: Since,
    },
    /// It has been told everything.
    Finish,
}

/// What it has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Control(Control),
    Error(u8),
    Update {
        table: usize,
        update: Update,
    },
    /// Nothing that concerns us.
    Other,
}

impl Talk {
    /// `acked` is what it has confirmed of each table in conversations before.
    pub(super) fn new(minor: u8, shard: u32, acked: &[u64]) -> Talk {
        let outgoing = |&acked: &u64| Outgoing {
            pushed: acked,
            highest: acked,
            acked,
            sent: acked,
            ..Outgoing::default()
        };
        Talk {
            is_timed: minor >= 1,
            shard,
            said: Names::default(),
            heard: Names::default(),
            outgoing: acked.iter().map(outgoing).collect(),
            meant: None,
            incoming: BTreeMap::new(),
            current: None,
            teaches: false,
        }
    }

    /// From now on it is told everything.
    pub(super) fn teach(&mut self) {
        self.teaches = true;
        for outgoing in &mut self.outgoing {
            outgoing.lesson = Some(Lesson { at: 0, until: None });
        }
    }

    pub(super) fn outgoing(&self) -> &[Outgoing] {
        &self.outgoing
    }

    pub(super) fn incoming(&self) -> impl Iterator<Item = (u64, &Incoming)> {
        self.incoming.iter().map(|(id, incoming)| (*id, incoming))
    }

    pub(super) const fn names(&self) -> (&Names, &Names) {
        (&self.said, &self.heard)
    }

    pub(super) const fn has_heartbeats(&self) -> bool {
        self.is_timed
    }

    /// `news` is the last change of each table.
    pub(super) fn next(&self, news: &[u64]) -> Option<Next> {
        let read = |table, number, with_learned| Next::Read {
            table,
            since: Since { number, with_learned },
        };
        let in_lesson = |(table, outgoing): (usize, &Outgoing)| Some(read(table, outgoing.lesson?.at, true));
        let lesson = self.outgoing.iter().enumerate().find_map(in_lesson);
        if lesson.is_some() {
            return lesson;
        }
        if self.teaches {
            return Some(Next::Finish);
        }
        let has_news = |&(table, outgoing): &(usize, &Outgoing)| news.get(table).is_some_and(|n| *n > outgoing.pushed);
        let found = self.outgoing.iter().enumerate().find(has_news);
        found.map(|(table, outgoing)| read(table, outgoing.pushed, false))
    }

    /// The lesson is over.
    pub(super) const fn finish(&mut self) {
        self.teaches = false;
    }

    /// Says what has changed in a table.
    pub(super) fn tell(&mut self, settings: &Settings, table: usize, changes: Changes, last: u64, out: &mut Vec<u8>) {
        let (Some(shared), Some(outgoing)) = (settings.tables.get(table), self.outgoing.get_mut(table)) else {
            return;
        };
        outgoing.highest = outgoing.highest.max(changes.upto);
        match &mut outgoing.lesson {
            Some(lesson) => {
                let until = *lesson.until.get_or_insert(last);
                lesson.at = changes.upto;
                if lesson.at >= until {
                    outgoing.lesson = None;
                    outgoing.pushed = outgoing.pushed.max(changes.upto);
                }
            }
            None => outgoing.pushed = outgoing.pushed.max(changes.upto),
        }
        for (number, entry) in changes.entries {
            if is_for(settings, shared, self.shard, &entry.key) {
                self.update(shared, table, number, entry, out);
            }
        }
        if let Some(outgoing) = self.outgoing.get_mut(table) {
            outgoing.settle();
        }
    }

    fn update(&mut self, shared: &Shared, table: usize, number: u64, entry: Dumped, out: &mut Vec<u8>) {
        let Some(outgoing) = self.outgoing.get_mut(table) else {
            return;
        };
        if self.meant != Some(table) {
            let definition = Definition::of(table as u64 + 1, &shared.name, &shared.settings);
            Message::Define(definition).write(&mut self.said, out);
            self.meant = Some(table);
            outgoing.counted = None;
        }
        // The lowest bits, as both count around.
        let id = number as u32;
        let follows = outgoing.counted.is_some_and(|counted| counted.wrapping_add(1) == id);
        outgoing.counted = Some(id);
        outgoing.sent = outgoing.sent.max(number);
        let left = entry.left.unwrap_or_default();
        let update = Update {
            id: (!follows).then_some(id),
            left: self.is_timed.then_some(left),
            key: entry.key,
            values: entry.values,
        };
        Message::Update(update).write(&mut self.said, out);
    }

    /// Says what of theirs has come.
    pub(super) fn confirm(&mut self, out: &mut Vec<u8>) {
        for (id, incoming) in &mut self.incoming {
            if incoming.table.is_some() && incoming.got != incoming.acked {
                incoming.acked = incoming.got;
                let ack = Message::Ack {
                    table: *id,
                    update: incoming.got,
                };
                ack.write(&mut self.said, out);
            }
        }
    }

    /// The first thing that is said in these bytes, and how many of them that takes.
    pub(super) fn hear(&mut self, bytes: &[u8], settings: &Settings) -> Result<Option<(Said, usize)>, Malformed> {
        let current = self.current.and_then(|id| self.incoming.get_mut(&id));
        let (definition, place) = match &current {
            Some(incoming) => (Some(&incoming.definition), incoming.table),
            None => (None, None),
        };
        let Some((message, taken)) = next(bytes, definition, &mut self.heard)? else {
            return Ok(None);
        };
        let said = match message {
            None => Said::Other,
            Some(Message::Control(control)) => Said::Control(control),
            Some(Message::Error(why)) => Said::Error(why),
            Some(Message::Define(definition)) => {
                self.define(definition, settings)?;
                Said::Other
            }
            Some(Message::Switch(id)) => {
                self.current = Some(id);
                Said::Other
            }
            Some(Message::Ack { table, update }) => {
                self.acked(table, update);
                Said::Other
            }
            Some(Message::Update(update)) => {
                if let Some(incoming) = current {
                    incoming.got = update.id.unwrap_or_else(|| incoming.got.wrapping_add(1));
                }
                place.map_or(Said::Other, |table| Said::Update {
                    table,
                    update: without_eternity(update, self.current.and_then(|id| self.incoming.get(&id))),
                })
            }
        };
        Ok(Some((said, taken)))
    }

    fn define(&mut self, definition: Definition, settings: &Settings) -> Result<(), Malformed> {
        let id = definition.id;
        if self.incoming.len() >= MOST_TABLES && !self.incoming.contains_key(&id) {
            return Err(Malformed::Definition);
        }
        let is_it = |shared: &Shared| *shared.name == *definition.name && fits(shared.settings.key, definition.key);
        let table = settings.tables.iter().position(is_it);
        let known = self.incoming.remove(&id);
        let (got, acked) = known.map_or((0, 0), |known| (known.got, known.acked));
        let incoming = Incoming {
            definition,
            table,
            got,
            acked,
        };
        self.incoming.insert(id, incoming);
        self.current = Some(id);
        Ok(())
    }

    fn acked(&mut self, table: u64, update: u32) {
        let place = table.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        let Some(outgoing) = place.and_then(|place| self.outgoing.get_mut(place)) else {
            return;
        };
        let behind = u64::from((outgoing.highest as u32).wrapping_sub(update));
        if let Some(number) = outgoing.highest.checked_sub(behind) {
            outgoing.acked = outgoing.acked.max(number);
            outgoing.settle();
        }
    }
}

impl Outgoing {
    /// Who has confirmed all that was for it has nothing more to confirm.
    fn settle(&mut self) {
        if self.acked >= self.sent {
            self.acked = self.acked.max(self.pushed);
        }
    }
}

/// Of a table whose entries do not expire nothing can be said about when they do.
fn without_eternity(update: Update, of: Option<&Incoming>) -> Update {
    let never = of.is_some_and(|incoming| incoming.definition.expire.is_none());
    Update {
        left: update.left.filter(|_| !never),
        ..update
    }
}

/// As HAProxy has it, keys are as long on both sides.
fn fits(ours: KeyType, theirs: KeyType) -> bool {
    ours == theirs
}

/// Whether an entry is in the part that this peer gets.
fn is_for(settings: &Settings, shared: &Shared, shard: u32, key: &Key<'_>) -> bool {
    shard == 0 || settings.shards == 0 || shard_of(key, shared.hash_seed, settings.shards) == shard
}

/// The part that a key belongs to, from 1 on: the hash of its bytes as HAProxy has them in memory.
pub fn shard_of(key: &Key<'_>, seed: u64, shards: u32) -> u32 {
    let hash = match key {
        Key::V4(v4) => XxHash64::oneshot(seed, &v4.octets()),
        Key::V6(v6) => XxHash64::oneshot(seed, &v6.octets()),
        Key::Int(number) => XxHash64::oneshot(seed, &number.to_ne_bytes()),
        Key::Text(bytes) | Key::Binary(bytes) => XxHash64::oneshot(seed, bytes),
    };
    // Less than the number of shards.
    (hash % u64::from(shards.max(1))) as u32 + 1
}

/// What [`shard_of`] is told of a table: by its name in this process.
pub fn hash_seed(name: &str) -> u64 {
    XxHash64::oneshot(0, name.as_bytes())
}
