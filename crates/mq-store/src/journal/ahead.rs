//! Segments that are made ahead, so that no confirm waits for the making of one, and a disk that gets full is known to be so
//! while there is still room: what lets messages go is written to the last of them, and makes room again.

use super::{Asks, CommitError, Journal, SEAL_SIZE, frame, head_size, is_full};
use crate::files::Files;

/// A file of zeros.
#[derive(Debug)]
pub(super) struct Spare<F> {
    pub(super) file: F,
    pub(super) size: u64,
}

impl<F: Files> Journal<F> {
    /// Makes the next segments before they are needed, and room for them where little lives. For a moment in which nobody waits.
    pub fn prepare(&mut self) -> Result<(), CommitError> {
        if self.poisoned {
            return Err(CommitError::Poisoned);
        }
        loop {
            if self.has_spares(self.wanted())? {
                return Ok(());
            }
            match self.gather() {
                Ok(true) => {}
                // It needs some room itself, and what has no room waits: that is no reason to end.
                Ok(false) | Err(CommitError::Full(_)) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether producers should wait until there is room again. What is not [prepared](Journal::prepare) yet is not there.
    pub fn is_full(&self) -> bool {
        self.unwritten || self.spares.len() < self.wanted()
    }

    /// Somebody else may have made room.
    pub fn look_again(&mut self) {
        self.stuck = false;
    }

    /// Whether another try is of no use yet.
    pub fn is_stuck(&self) -> bool {
        self.stuck
    }

    /// With the second, while there is still a quarter of the segment that is written to: whoever sends hears early enough. What
    /// it begins with is no part of that, however large it is.
    fn wanted(&self) -> usize {
        let size = self.segments.back().map_or(0, |segment| segment.size);
        let (used, room) = (self.at.saturating_sub(self.begins), size - self.begins);
        if used > room / 4 * 3 { 2 } else { 1 }
    }

    /// Makes those that lack.
    pub(super) fn has_spares(&mut self, count: usize) -> Result<bool, CommitError> {
        while self.spares.len() < count {
            if self.stuck {
                return Ok(false);
            }
            let number = self.active_number() + 1 + self.spares.len() as u64;
            // The head does not count: however many queues there are, a segment has room for records.
            let size = (head_size(&self.head()) + SEAL_SIZE) as u64 + self.settings.segment;
            let Some(file) = self.make(number, size)? else {
                return Ok(false);
            };
            self.spares.push_back(Spare { file, size });
        }
        Ok(true)
    }

    /// Whether the next one, which is there, has room for what it begins with when there is so much more of that, and then, half
    /// a segment, for what lets messages go. Otherwise nobody could make room any more.
    pub(super) fn can_begin_with(&mut self, more: usize) -> Result<bool, CommitError> {
        if self.next_holds(more) {
            return Ok(true);
        }
        self.most_head = head_size(&self.head());
        if self.next_holds(more) || self.stuck {
            return Ok(self.next_holds(more));
        }
        let size = (self.most_head + more + SEAL_SIZE) as u64 + self.settings.segment;
        let Some(file) = self.make(self.active_number() + 1, size)? else {
            return Ok(false);
        };
        self.spares.pop_front();
        self.spares.push_front(Spare { file, size });
        Ok(true)
    }

    fn next_holds(&self, more: usize) -> bool {
        let head = self.most_head.saturating_add(more) as u64;
        let least = head.saturating_add(self.settings.segment / 2);
        self.spares.front().is_none_or(|spare| spare.size >= least)
    }

    /// The next one, with room for what it begins with and for a record.
    pub(super) fn spare(&mut self, begins: usize, record: usize) -> Result<Spare<F::File>, CommitError> {
        let number = self.active_number() + 1;
        let least = (begins + record) as u64;
        if let Some(spare) = self.spares.pop_front_if(|spare| spare.size >= least) {
            return Ok(spare);
        }
        let size = (begins as u64) + self.settings.segment.max(record as u64);
        let made = match self.stuck {
            true => None,
            false => self.make(number, size)?,
        };
        let file = made.ok_or(CommitError::Full(number))?;
        // It is the one that was there, and is larger now.
        self.spares.pop_front();
        Ok(Spare { file, size })
    }

    /// Nothing where there is no room.
    fn make(&mut self, number: u64, size: u64) -> Result<Option<F::File>, CommitError> {
        match self.files.create(number, size) {
            Err(error) if is_full(&error) => {
                self.stuck = true;
                Ok(None)
            }
            made => self.check_of(number, made).map(Some),
        }
    }

    /// On a full disk: the few messages that keep the oldest segment move to the end. Not where they may need more room than
    /// there is. Whether it was of use.
    fn gather(&mut self) -> Result<bool, CommitError> {
        let Some(oldest) = self.segments.front() else {
            return Ok(false);
        };
        let (number, size) = (oldest.number, oldest.size);
        let living = self.index.lives_in(number);
        let needed = living.bytes + living.messages * frame::HEAD as u64;
        if needed > size / 4 {
            return Ok(false);
        }
        let fits = self.has_room(usize::try_from(needed).unwrap_or(usize::MAX) / 4 * 5);
        if number == self.active_number() || !fits {
            // What has just begun is not gathered again and again.
            if self.spares.is_empty() || self.wanted() < 2 {
                return Ok(false);
            }
            self.flush()?;
            self.roll(0)?;
        }
        self.rewrite_oldest(Asks::ForNone)?;
        Ok(self.segments.front().is_none_or(|oldest| oldest.number != number))
    }
}
