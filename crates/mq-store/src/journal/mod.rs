//! The log: append, commit, and free what nobody needs any more.
//!
//! Records collect in a batch; one write and one sync make the whole batch safe. Segments are freed from the oldest on,
//! when every message in them is gone. Each begins with what would be lost with the older ones: the queues and
//! the clients that are there, and the numbers that have been given away. A few old messages cannot keep many segments: they are written
//! again at the end.

mod clients;
mod index;
mod recover;

use std::collections::VecDeque;
use std::io;

use tandem_mq_core::Record;

use crate::files::Files;
use crate::{code, frame};
use index::Index;
pub use recover::OpenError;

/// What each segment begins with: what it is, and the version of its format.
const MAGIC: &[u8; 16] = b"tandem-mq log 5\n";
/// The version before it, which knew nothing of messages that wait for their time, and is read as well.
const BEFORE: &[u8; 16] = b"tandem-mq log 4\n";
/// What of that every version has.
const FAMILY: &[u8] = b"tandem-mq log ";

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

/// After one of these nothing more is accepted: what is on disk is known only up to the last good commit.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
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
    /// Where the next batch goes.
    at: u64,
    /// The number of the next record.
    next: u64,
    /// All numbers up to here are on disk.
    synced: u64,
    batch: Vec<u8>,
    payload: Vec<u8>,
    index: Index,
    /// Segments of the version before, oldest first: all or none. They stay so until something must be written that it cannot
    /// read, so that whoever goes back to it can.
    older: Vec<u64>,
    poisoned: bool,
}

impl<F: Files> Journal<F> {
    /// Adds a record to the batch. It is safe when [`Journal::commit`] has returned.
    pub fn append(&mut self, record: &Record) -> Result<(), CommitError> {
        if self.poisoned {
            return Err(CommitError::Poisoned);
        }
        if !self.older.is_empty() && is_new(record) {
            self.renew()?;
        }
        let mut payload = std::mem::take(&mut self.payload);
        payload.clear();
        code::encode(record, &mut payload);
        let fits = self.make_room(payload.len());
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
        // What lies in the segment that is written to cannot move to the end.
        if self.segments.len() > 1 && self.index.wastes(self.capacity()) {
            self.rewrite_oldest()?;
        }
        Ok(())
    }

    /// How many bytes are waiting for the next commit.
    pub fn pending(&self) -> usize {
        self.batch.len()
    }

    /// How many bytes the segments take on disk.
    pub fn capacity(&self) -> u64 {
        self.segments.iter().map(|segment| segment.size).sum()
    }

    /// Each says the version of today before anything is written that only that can read, the oldest first: no older program
    /// takes such a record for damage.
    fn renew(&mut self) -> Result<(), CommitError> {
        for number in std::mem::take(&mut self.older) {
            if number == self.active_number() && self.at == 0 {
                // Its beginning has not been written yet.
                self.batch[..MAGIC.len()].copy_from_slice(MAGIC);
                continue;
            }
            let done = recover::renew(&mut self.files, number);
            self.check_of(number, done)?;
        }
        Ok(())
    }

    /// What a segment begins with that is made now.
    fn magic(&self) -> &'static [u8; 16] {
        if self.older.is_empty() { MAGIC } else { BEFORE }
    }

    fn active_number(&self) -> u64 {
        self.segments.back().map_or(0, |segment| segment.number)
    }

    fn push(&mut self, payload: &[u8]) {
        frame::append(self.next, self.synced, &mut self.batch, |out| {
            out.extend_from_slice(payload)
        });
        self.next += 1;
    }

    /// A batch lies in one segment; when the next record does not fit, a new one begins.
    fn make_room(&mut self, payload: usize) -> Result<(), CommitError> {
        if payload > frame::LARGEST {
            return Err(CommitError::TooLarge(payload));
        }
        let size = self.segments.back().map_or(0, |segment| segment.size);
        let end = self.at + (self.batch.len() + frame::HEAD + payload) as u64;
        if end <= size {
            return Ok(());
        }
        self.flush()?;
        self.roll(payload)
    }

    fn flush(&mut self) -> Result<(), CommitError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let written = self.files.write(&mut self.active, self.at, &self.batch);
        let done = written.and_then(|()| self.files.sync(&mut self.active));
        self.check(done)?;
        self.at += self.batch.len() as u64;
        self.batch.clear();
        self.synced = self.next - 1;
        Ok(())
    }

    /// After an error it is not known what is on disk, and a second sync may say yes to what the first has lost.
    fn check<T>(&mut self, done: io::Result<T>) -> Result<T, CommitError> {
        self.check_of(self.active_number(), done)
    }

    /// The same where it is not the segment that is written to.
    fn check_of<T>(&mut self, segment: u64, done: io::Result<T>) -> Result<T, CommitError> {
        done.map_err(|source| {
            self.poisoned = true;
            CommitError::Disk { segment, source }
        })
    }

    fn roll(&mut self, payload: usize) -> Result<(), CommitError> {
        let encoded = |record: Record| {
            let mut payload = Vec::new();
            code::encode(&record, &mut payload);
            payload
        };
        let head: Vec<Vec<u8>> = self.index.head().map(encoded).collect();
        let needed: usize = head.iter().map(|record| frame::HEAD + record.len()).sum();
        // The head does not count: however many queues there are, a segment has room for records.
        let room = self.settings.segment.max((frame::HEAD + payload) as u64);
        let (number, size) = (self.active_number() + 1, (MAGIC.len() + needed) as u64 + room);
        let created = self.files.create(number, size);
        self.active = self.check_of(number, created)?;
        self.segments.push_back(Segment { number, size });
        self.at = 0;
        self.batch.extend_from_slice(self.magic());
        if !self.older.is_empty() {
            self.older.push(number);
        }
        head.iter().for_each(|record| self.push(record));
        Ok(())
    }

    /// The oldest segments in which no message lives.
    fn free(&mut self) -> Result<(), CommitError> {
        while self.segments.len() > 1 {
            let Some(oldest) = self.segments.front().map(|segment| segment.number) else {
                break;
            };
            if self.index.lives_in(oldest) {
                break;
            }
            let removed = self.files.remove(oldest);
            self.check_of(oldest, removed)?;
            self.segments.pop_front();
            self.older.retain(|older| *older != oldest);
        }
        Ok(())
    }

    /// The messages that keep the oldest segment move to the end, and it can go.
    fn rewrite_oldest(&mut self) -> Result<(), CommitError> {
        let Some(oldest) = self.segments.front().map(|segment| segment.number) else {
            return Ok(());
        };
        let read = self.files.read(oldest);
        let data = self.check_of(oldest, read)?;
        let mut records = Vec::new();
        recover::frames(&data, |found| records.extend(code::decode(found.payload)));
        for record in records {
            for put in self.index.alive(&record, oldest) {
                self.append(&put)?;
            }
        }
        self.flush()?;
        self.free()
    }
}

/// Whether the version before cannot read it.
fn is_new(record: &Record) -> bool {
    match record {
        Record::Put { message, .. } => message.schedule.is_some(),
        Record::All(records) => records.iter().any(is_new),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
