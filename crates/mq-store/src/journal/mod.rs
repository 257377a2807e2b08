//! The log: append, commit, and free what nobody needs any more.
//!
//! Records collect in a batch; one write and one sync make the whole batch safe. Segments are freed from the oldest on,
//! when every message in them is gone. Each begins with what would be lost with the older ones: the queues and
//! the clients that are there, and the numbers that have been given away. A few old messages cannot keep many segments: they are written
//! again at the end.

mod ahead;
mod clients;
mod index;
mod recover;
mod version;

use std::collections::VecDeque;
use std::io;

use nix::errno::Errno;
use tandem_mq_core::Record;

use crate::files::Files;
use crate::{code, frame};
use ahead::Spare;
use index::Index;
pub use recover::OpenError;
use version::Version;

/// Says only that all before it is on disk, and changes nothing, for any version that reads it.
const SEAL: Record = Record::All(Vec::new());
/// The kind of the record, and that nothing is in it.
const SEAL_SIZE: usize = frame::HEAD + 5;

#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How large a segment is, beside what it begins with; a record that is larger gets one of its own.
    pub segment: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { segment: 16 << 20 }
    }
}

impl Settings {
    /// For a file system of so many bytes: a small one has room for some segments, so that the oldest can go before it is full.
    pub fn for_disk(size: u64) -> Settings {
        let usual = Settings::default().segment;
        Settings {
            segment: (size / 32).clamp(1 << 18, usual),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// There is no room now. Nothing was taken, and nothing that was taken before is lost: it can be tried again.
    #[error("segment {0}: the disk has no room for it")]
    Full(u64),
    /// After this one nothing more is accepted: what is on disk is known only up to the last good commit.
    #[error("segment {segment}: {source}")]
    Disk { segment: u64, source: io::Error },
    #[error("the journal has failed before; nothing is written until it has been opened again")]
    Poisoned,
    #[error("a record of {0} bytes is larger than any may be")]
    TooLarge(usize),
}

#[derive(Debug)]
struct Segment {
    number: u64,
    size: u64,
}

/// The log of one node.
#[derive(Debug)]
pub struct Journal<F: Files> {
    files: F,
    settings: Settings,
    /// Oldest first; the last one is written to.
    segments: VecDeque<Segment>,
    active: F::File,
    /// How much of it is what it begins with, as far as that is known.
    begins: u64,
    /// Where the next batch goes.
    at: u64,
    /// The number of the next record.
    next: u64,
    /// All numbers up to here are on disk.
    synced: u64,
    batch: Vec<u8>,
    payload: Vec<u8>,
    index: Index,
    /// What all segments say.
    version: Version,
    /// What a segment begins with takes no more than this.
    most_head: usize,
    /// Made ahead; the next one first.
    spares: VecDeque<Spare<F::File>>,
    /// There was no room for another one, and nothing has become free since.
    stuck: bool,
    /// The batch found no room.
    unwritten: bool,
    /// The last record says that all before it is on disk.
    sealed: bool,
    /// What the last segment begins with may not be whole.
    headless: bool,
    poisoned: bool,
}

impl<F: Files> Journal<F> {
    /// Adds a record to the batch. It is safe when [`Journal::commit`] has returned.
    pub fn append(&mut self, record: &Record) -> Result<(), CommitError> {
        if self.poisoned {
            return Err(CommitError::Poisoned);
        }
        self.renew(Version::needed(record))?;
        let mut payload = std::mem::take(&mut self.payload);
        payload.clear();
        code::encode(record, &mut payload);
        let fits = self.make_room_for(record, payload.len());
        if fits.is_ok() {
            self.push(&payload);
            self.index.apply(record, self.active_number(), payload.len());
        }
        // A body of 100 MiB need not stay with us.
        self.payload = if payload.capacity() > 1 << 20 {
            Vec::new()
        } else {
            payload
        };
        fits
    }

    /// One write and one sync for everything that was appended.
    pub fn commit(&mut self) -> Result<(), CommitError> {
        if self.poisoned {
            return Err(CommitError::Poisoned);
        }
        self.flush()?;
        self.free()?;
        // What lies in the segment that is written to cannot move to the end, and before it frees room it needs some.
        let written = self.segments.iter().map(|segment| segment.size).sum();
        if self.segments.len() > 1 && !self.is_full() && self.index.wastes(written, self.settings.segment) {
            self.rewrite_oldest(Asks::ForRoom)?;
        }
        Ok(())
    }

    /// Says on disk that all of it is safe. Without that the last batch, if it rots, could not be told from a torn one. For a
    /// moment in which nobody waits.
    pub fn seal(&mut self) -> Result<(), CommitError> {
        if self.poisoned {
            return Err(CommitError::Poisoned);
        }
        self.flush()?;
        // What an older program wrote may have no room for it at its end.
        if !self.sealed && self.has_room(0) {
            let mut payload = Vec::new();
            code::encode(&SEAL, &mut payload);
            self.push(&payload);
        }
        self.sealed = true;
        self.flush()
    }

    /// Whether the last batch can be told from a torn one.
    pub fn is_sealed(&self) -> bool {
        self.sealed && self.batch.is_empty()
    }

    /// How many bytes are waiting for the next commit.
    pub fn pending(&self) -> usize {
        self.batch.len()
    }

    /// How many bytes the segments take on disk, with those that are made ahead.
    pub fn capacity(&self) -> u64 {
        let ahead = self.spares.iter().map(|spare| spare.size);
        self.segments.iter().map(|segment| segment.size).chain(ahead).sum()
    }

    /// Each segment says the version that is needed before anything is written that only that can read, the oldest first.
    fn renew(&mut self, needed: Version) -> Result<(), CommitError> {
        if needed <= self.version {
            return Ok(());
        }
        for number in self.segments.iter().map(|segment| segment.number).collect::<Vec<_>>() {
            if number == self.active_number() && self.at == 0 {
                // Its beginning has not been written yet.
                self.batch[..Version::LENGTH].copy_from_slice(&needed.magic());
                continue;
            }
            let done = needed.write(&mut self.files, number);
            self.tried(number, done)?;
        }
        self.version = needed;
        Ok(())
    }

    fn active_number(&self) -> u64 {
        self.segments.back().map_or(0, |segment| segment.number)
    }

    fn push(&mut self, payload: &[u8]) {
        frame::append(self.next, self.synced, &mut self.batch, |out| {
            out.extend_from_slice(payload)
        });
        self.next += 1;
        self.sealed = false;
    }

    fn make_room_for(&mut self, record: &Record, payload: usize) -> Result<(), CommitError> {
        let (asks, more) = (Asks::of(record), adds_to_head(record));
        self.make_room(payload, asks)?;
        if asks == Asks::ForRoom && more > 0 && !self.can_begin_with(more)? {
            return Err(CommitError::Full(self.active_number() + 1));
        }
        self.most_head = self.most_head.saturating_add(more);
        Ok(())
    }

    /// A batch lies in one segment; when the next record does not fit, a new one begins. What asks for room leaves a segment
    /// that is made ahead for what gives some back.
    fn make_room(&mut self, payload: usize, asks: Asks) -> Result<(), CommitError> {
        if payload > frame::LARGEST {
            return Err(CommitError::TooLarge(payload));
        }
        if self.headless {
            self.write_head()?;
        }
        if asks == Asks::ForRoom && !self.has_spares(1)? {
            return Err(CommitError::Full(self.active_number() + 1));
        }
        if self.has_room(frame::HEAD + payload) {
            return Ok(());
        }
        if asks == Asks::ForRoom && !self.has_spares(2)? {
            return Err(CommitError::Full(self.active_number() + 2));
        }
        self.flush()?;
        self.roll(payload)
    }

    /// In the segment that is written to, after what waits; a seal must find room as well.
    fn has_room(&self, bytes: usize) -> bool {
        let size = self.segments.back().map_or(0, |segment| segment.size);
        self.at + (self.batch.len() + bytes + SEAL_SIZE) as u64 <= size
    }

    fn flush(&mut self) -> Result<(), CommitError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        // Where there is no room for all of it, all of it is written again at the same place.
        let written = self.files.write(&mut self.active, self.at, &self.batch);
        self.unwritten = written.is_err();
        self.tried(self.active_number(), written)?;
        let synced = self.files.sync(&mut self.active);
        self.check_of(self.active_number(), synced)?;
        self.at += self.batch.len() as u64;
        self.batch.clear();
        self.synced = self.next - 1;
        Ok(())
    }

    /// After an error it is not known what is on disk, and a second sync may say yes to what the first has lost.
    fn check_of<T>(&mut self, segment: u64, done: io::Result<T>) -> Result<T, CommitError> {
        done.map_err(|source| {
            self.poisoned = true;
            CommitError::Disk { segment, source }
        })
    }

    /// The same of what can be done again where there was no room for it.
    fn tried<T>(&mut self, segment: u64, done: io::Result<T>) -> Result<T, CommitError> {
        if done.as_ref().is_err_and(is_full) {
            self.stuck = true;
            return Err(CommitError::Full(segment));
        }
        self.check_of(segment, done)
    }

    /// Begins the next segment, with room for a record of so many bytes.
    fn roll(&mut self, payload: usize) -> Result<(), CommitError> {
        let head = self.head();
        let begins = head_size(&head);
        let spare = self.spare(begins, frame::HEAD + payload + SEAL_SIZE)?;
        let number = self.active_number() + 1;
        self.active = spare.file;
        (self.begins, self.most_head) = (begins as u64, begins);
        self.segments.push_back(Segment {
            number,
            size: spare.size,
        });
        self.at = 0;
        self.batch.extend_from_slice(&self.version.magic());
        head.iter().for_each(|record| self.push(record));
        self.headless = false;
        Ok(())
    }

    /// What a segment begins with, after its version.
    fn head(&self) -> Vec<Vec<u8>> {
        let encoded = |record: Record| {
            let mut payload = Vec::new();
            code::encode(&record, &mut payload);
            payload
        };
        self.index.head().map(encoded).collect()
    }

    /// The crash was before the last segment had its beginning, which is lost without that when the older ones are freed.
    fn write_head(&mut self) -> Result<(), CommitError> {
        let head = self.head();
        let needed = head.iter().map(|record| frame::HEAD + record.len()).sum();
        if !self.has_room(needed) {
            self.flush()?;
            return self.roll(0);
        }
        head.iter().for_each(|record| self.push(record));
        self.headless = false;
        Ok(())
    }

    /// The oldest segments in which no message lives.
    fn free(&mut self) -> Result<(), CommitError> {
        while self.segments.len() > 1 && !self.headless {
            let Some(oldest) = self.segments.front().map(|segment| segment.number) else {
                break;
            };
            if self.index.lives_in(oldest).messages > 0 {
                break;
            }
            let removed = self.files.remove(oldest);
            self.check_of(oldest, removed)?;
            self.segments.pop_front();
            self.stuck = false;
        }
        Ok(())
    }

    /// The messages that keep the oldest segment move to the end, and it can go.
    fn rewrite_oldest(&mut self, asks: Asks) -> Result<(), CommitError> {
        let Some(oldest) = self.segments.front().map(|segment| segment.number) else {
            return Ok(());
        };
        let read = self.files.read(oldest);
        let data = self.check_of(oldest, read)?;
        let mut records = Vec::new();
        recover::frames(&data, |found| records.extend(code::decode(found.payload)));
        for record in records {
            for put in self.index.alive(&record, oldest) {
                match self.move_to_end(&put, asks) {
                    // The others stay where they are.
                    Err(CommitError::Full(_)) => return Ok(()),
                    done => done?,
                }
            }
        }
        self.flush()?;
        self.free()
    }

    fn move_to_end(&mut self, put: &Record, asks: Asks) -> Result<(), CommitError> {
        let mut payload = Vec::new();
        code::encode(put, &mut payload);
        self.make_room(payload.len(), asks)?;
        self.push(&payload);
        self.index.apply(put, self.active_number(), payload.len());
        Ok(())
    }
}

/// What a record does to the room on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    ForRoom,
    /// It lets something go, now or when others do: that must find room also where there is none for more.
    ForNone,
}

impl Asks {
    fn of(record: &Record) -> Asks {
        let lets_go = |record: &Record| {
            matches!(
                record,
                Record::Gone { .. }
                    | Record::QueueGone(_)
                    | Record::ExchangeGone(_)
                    | Record::Unbound(_)
                    | Record::PolicyGone(_)
                    | Record::ClientGone(_)
                    | Record::ListensNot { .. }
                    | Record::Packet { .. }
            )
        };
        let all = match record {
            Record::All(records) => records.iter().all(lets_go),
            one => lets_go(one),
        };
        if all { Asks::ForNone } else { Asks::ForRoom }
    }
}

/// How much of it the next segment may have to begin with, at most.
fn adds_to_head(record: &Record) -> usize {
    match record {
        Record::All(records) => records.iter().map(adds_to_head).sum(),
        Record::Put { .. } | Record::Gone { .. } => 0,
        one => {
            let mut payload = Vec::new();
            code::encode(one, &mut payload);
            frame::HEAD + payload.len()
        }
    }
}

/// How much of a segment its version and its head take.
fn head_size(head: &[Vec<u8>]) -> usize {
    Version::LENGTH + head.iter().map(|record| frame::HEAD + record.len()).sum::<usize>()
}

fn is_full(error: &io::Error) -> bool {
    let full = [Errno::ENOSPC, Errno::EDQUOT].map(|errno| errno as i32);
    error.raw_os_error().is_some_and(|errno| full.contains(&errno))
}

#[cfg(test)]
mod tests;
