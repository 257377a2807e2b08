//! Whether a direction carries much at a time, so that a pipe pays for itself.
//!
//! It has to do so a few times in a row, and to stop doing so a few times: what changes with every read would pay for
//! both ways.

/// A read that brings this much is a large one. Below, copying costs less than the second call and the pipe's pages.
const LARGE: usize = 32 * 1024;

/// So many large ones, and it is bulk.
const BULK: u8 = 3;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pace(u8);

impl Pace {
    const MOST: u8 = 2 * BULK;

    pub(super) fn is_bulk(self) -> bool {
        self.0 >= BULK
    }

    pub(super) fn moved(&mut self, count: usize) {
        self.0 = match (self.is_bulk(), count >= LARGE) {
            (_, true) => (self.0 + 1).min(Self::MOST),
            (true, false) => self.0 - 1,
            (false, false) => 0,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(reads: &[usize]) -> bool {
        let mut pace = Pace::default();
        reads.iter().for_each(|read| pace.moved(*read));
        pace.is_bulk()
    }

    #[test]
    fn some_large_reads_are_bulk_and_some_small_ones_are_not() {
        assert!(!after(&[]));
        assert!(!after(&[LARGE; 2]));
        assert!(after(&[LARGE; 3]));
        assert!(!after(&[LARGE, LARGE, 1, LARGE]));
        assert!(!after(&[LARGE, LARGE, LARGE, 1]));
        // Who was large for long may pause.
        assert!(after(&[[LARGE; 6].as_slice(), &[1; 3]].concat()));
        assert!(!after(&[[LARGE; 60].as_slice(), &[1; 4]].concat()));
        assert!(!after(&[[LARGE; 60].as_slice(), &[1; 400]].concat()));
    }
}
