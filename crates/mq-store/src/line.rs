//! What the broker writes, in its order, and what waits where the disk has no room for it.
//!
//! Whatever lets messages go may pass what waits: it makes the room that the others wait for. It does so only where the order
//! makes no difference, so that after a crash there is nothing that could not have been there. And what has come and gone while
//! it waited is never written: there may never be room for it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tandem_mq_core::{Lsn, MessageId, Record};

use crate::files::Files;
use crate::journal::{CommitError, Journal};

/// A journal, and those before its door.
#[derive(Debug)]
pub struct Line<F: Files> {
    journal: Journal<F>,
    waiting: VecDeque<(Lsn, Record)>,
    /// What those that wait are about.
    messages: BTreeSet<MessageId>,
    clients: BTreeSet<Box<str>>,
    /// Some of what they bring may have gone again since the last look.
    is_shorter: bool,
    /// The last that came.
    latest: Lsn,
    /// All up to here has been taken, and is on disk with the next commit.
    taken: Lsn,
    stored: Lsn,
}

impl<F: Files> Line<F> {
    pub fn new(journal: Journal<F>) -> Line<F> {
        Line {
            journal,
            waiting: VecDeque::new(),
            messages: BTreeSet::new(),
            clients: BTreeSet::new(),
            is_shorter: false,
            latest: Lsn::default(),
            taken: Lsn::default(),
            stored: Lsn::default(),
        }
    }

    /// Takes the next record.
    pub fn take(&mut self, lsn: Lsn, record: Record) -> Result<(), CommitError> {
        self.latest = lsn;
        if self.may_pass(&record) {
            match self.journal.append(&record) {
                Err(CommitError::Full(_)) => {}
                done => return done,
            }
        }
        self.note(&record);
        self.is_shorter |= parts(&record).iter().any(|part| matches!(part, Record::Gone { .. }));
        self.waiting.push_back((lsn, record));
        Ok(())
    }

    /// One write and one sync for all there is room for; says up to where all is on disk.
    pub fn commit(&mut self) -> Result<Lsn, CommitError> {
        self.let_in()?;
        match self.journal.commit() {
            Ok(()) => self.stored = self.taken,
            Err(CommitError::Full(_)) => {}
            Err(error) => return Err(error),
        }
        Ok(self.stored)
    }

    /// When there is nothing to do: what can be done now so that it need not be done when somebody waits for it.
    pub fn prepare(&mut self) -> Result<(), CommitError> {
        self.journal.prepare()
    }

    /// Somebody else may have made room.
    pub fn look_again(&mut self) {
        self.journal.look_again();
    }

    /// When there has been nothing to do for a moment.
    pub fn rest(&mut self) -> Result<(), CommitError> {
        self.look_again();
        match self.journal.seal() {
            Err(CommitError::Full(_)) => Ok(()),
            done => done,
        }
    }

    /// Whether producers should wait.
    pub fn is_full(&self) -> bool {
        self.journal.is_full() || !self.waiting.is_empty()
    }

    /// Whether a rest would be of use.
    pub fn is_at_rest(&self) -> bool {
        self.journal.is_sealed() && !self.is_full()
    }

    /// How many bytes are waiting for the next commit.
    pub fn pending(&self) -> usize {
        self.journal.pending()
    }

    /// How many bytes the segments take on disk.
    pub fn capacity(&self) -> u64 {
        self.journal.capacity()
    }

    /// Those who wait, as far as there is room.
    fn let_in(&mut self) -> Result<(), CommitError> {
        let has_changed = std::mem::take(&mut self.is_shorter) || !self.journal.is_stuck();
        while !self.journal.is_stuck()
            && let Some((lsn, record)) = self.waiting.front()
        {
            match self.journal.append(record) {
                Err(CommitError::Full(_)) => break,
                done => done?,
            }
            self.taken = *lsn;
            self.waiting.pop_front();
        }
        if has_changed && let Some(rest) = self.rest_of_waiting() {
            match self.journal.append(&rest) {
                Err(CommitError::Full(_) | CommitError::TooLarge(_)) => {}
                done => {
                    done?;
                    self.waiting.clear();
                }
            }
        }
        // Those that have passed are there as well.
        if self.waiting.is_empty() {
            self.taken = self.latest;
            self.messages.clear();
            self.clients.clear();
        }
        Ok(())
    }

    /// All that waits as one record, without the messages that nobody holds any more; `None` where there is none of those.
    /// Nobody has been told of any part of it, so that all of it may come at once.
    fn rest_of_waiting(&self) -> Option<Record> {
        let mut all: Vec<Record> = Vec::new();
        let mut puts: BTreeMap<MessageId, usize> = BTreeMap::new();
        let mut were = 0;
        for record in self.waiting.iter().flat_map(|(_, record)| parts(record)) {
            were += 1;
            match record {
                Record::Put { id, .. } => drop(puts.insert(*id, all.len())),
                Record::Gone { queue, id } => {
                    if let Some(Record::Put { queues, .. }) = puts.get(id).and_then(|at| all.get_mut(*at)) {
                        queues.retain(|holder| holder != queue);
                        continue;
                    }
                }
                _ => {}
            }
            all.push(record.clone());
        }
        all.retain(|record| !matches!(record, Record::Put { queues, .. } if queues.is_empty()));
        (all.len() < were).then_some(Record::All(all))
    }

    /// Whether it makes no difference if it comes before those that wait.
    fn may_pass(&self, record: &Record) -> bool {
        self.waiting.is_empty()
            || match record {
                Record::Gone { id, .. } => !self.messages.contains(id),
                Record::Packet { client, .. } => !self.clients.contains(client),
                Record::All(records) => records.iter().all(|record| self.may_pass(record)),
                _ => false,
            }
    }

    fn note(&mut self, record: &Record) {
        match record {
            // How often a message was tried in vain means nothing any more when it is gone, so that may pass.
            Record::Tried { .. } => {}
            Record::Put { id, .. } | Record::Gone { id, .. } => drop(self.messages.insert(*id)),
            Record::Client(client) => drop(self.clients.insert(client.name.clone())),
            Record::ClientGone(client)
            | Record::Listens { client, .. }
            | Record::ListensNot { client, .. }
            | Record::Packet { client, .. } => drop(self.clients.insert(client.clone())),
            Record::All(records) => records.iter().for_each(|record| self.note(record)),
            _ => {}
        }
    }
}

fn parts(record: &Record) -> &[Record] {
    match record {
        Record::All(records) => records,
        one => std::slice::from_ref(one),
    }
}
