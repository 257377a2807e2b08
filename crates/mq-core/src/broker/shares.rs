//! What the memory is for. Messages in queues become less when somebody takes them, so whoever sends waits for that. Queues, what
//! waits for its time and what those hold who only pass by become less when it pleases their owners: each has a share, all the
//! shares together are less than all, and what is more than its share holds nobody back.

use super::{Broker, MOST_THINGS, Output, Refusal, Scarce, Thing};

/// About what an empty queue costs, in bytes.
const QUEUE_WEIGHT: usize = 2048;
/// So many are not counted: the program itself needs more.
const FREE_QUEUES: usize = 1000;

/// In bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shares {
    /// All queues, without what is in them: half.
    queues: usize,
    /// What waits for its time: half of what is not for the queues that are there.
    later: usize,
    /// What those hold together who only pass by: half of what is left then.
    passing: usize,
}

impl Shares {
    fn of(memory: usize, queues: usize, later: usize) -> Shares {
        let half = memory / 2;
        let without_queues = memory - queues.min(half);
        let rest = without_queues - later.min(without_queues / 2);
        Shares {
            queues: half,
            later: without_queues / 2,
            passing: rest / 2,
        }
    }
}

impl Broker {
    fn shares(&self) -> Shares {
        Shares::of(self.settings.memory, self.weight_of_queues(), self.later.weight())
    }

    /// What all queues weigh without what is in them.
    fn weight_of_queues(&self) -> usize {
        self.queues.len().saturating_sub(FREE_QUEUES) * QUEUE_WEIGHT
    }

    /// Whether there may be so many more queues, whoever makes them, and those that are promised to what waits for its time: they
    /// stay in memory, also with nothing in them, and in each segment of the journal.
    pub(super) fn may_make_queues(&self, more: usize) -> Result<(), Refusal> {
        let room = FREE_QUEUES + self.shares().queues / QUEUE_WEIGHT;
        match self.queues.len() + self.later.promised() + more <= room.min(MOST_THINGS) {
            true => Ok(()),
            false => Err(Refusal::TooMany(Thing::Queue)),
        }
    }

    /// Whether so much more may wait for its time, at its worst.
    pub(super) fn has_room_later(&self, more: usize) -> bool {
        let taken = self.later.claimed().max(self.later.weight());
        taken.saturating_add(more) <= self.shares().later
    }

    /// The same of one series of a crontab, which has been counted already.
    pub(super) fn has_room_for_series(&self, weight: usize) -> bool {
        self.later.weight() + weight <= self.shares().later
    }

    /// What one who only passes by may hold: as much as all of these leave. However little that is, it can take some messages
    /// before it acknowledges the first.
    pub(super) fn room_for_passing(&self) -> usize {
        let left = self.shares().passing.saturating_sub(self.sums.passing);
        left.max(self.settings.memory / 1024)
    }

    /// What holds back those who send.
    fn holding_weight(&self) -> usize {
        let shares = self.shares();
        let (later, passing) = (self.later.weight(), self.sums.passing);
        let others = self.weight.saturating_sub(later + passing);
        let queues = self.weight_of_queues().min(shares.queues);
        queues + later.min(shares.later) + passing.min(shares.passing) + others
    }

    pub(super) fn weigh(&mut self, more: usize) {
        self.weight += more;
        self.look_for_room();
    }

    pub(super) fn unweigh(&mut self, less: usize) {
        self.weight = self.weight.saturating_sub(less);
        self.look_for_room();
    }

    /// Producers go on when a tenth of the memory is free again, so that they do not stop and go with each message. All shares
    /// together leave more than that.
    pub(super) fn look_for_room(&mut self) {
        let most = match self.held {
            Some(Scarce::Memory) => self.settings.memory / 10 * 9,
            _ => self.settings.memory,
        };
        let most_unstored = match self.held {
            Some(Scarce::Bandwidth) => self.settings.most_unstored() / 2,
            _ => self.settings.most_unstored(),
        };
        let scarce = match (self.holding_weight() > most, self.disk_full) {
            (true, _) => Some(Scarce::Memory),
            (false, true) => Some(Scarce::Disk),
            (false, false) => (self.unstored.weight() > most_unstored).then_some(Scarce::Bandwidth),
        };
        if scarce != self.held {
            self.held = scarce;
            self.outputs.push_back(Output::Hold(scarce));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shares_together_leave_something_for_what_is_sent() {
        for memory in [1000, 16 << 20] {
            for queues in [0, memory / 8, memory / 2, memory * 2] {
                for later in [0, memory / 8, memory / 4, memory / 2, memory * 2] {
                    let shares = Shares::of(memory, queues, later);
                    let taken = queues.min(shares.queues) + later.min(shares.later) + shares.passing;
                    assert!(
                        taken <= memory / 10 * 9,
                        "{memory}: {queues} and {later} are {taken}, {shares:?}"
                    );
                    assert!(shares.passing >= memory / 8 && shares.later >= memory / 4, "{shares:?}");
                }
            }
        }
        let alone = Shares {
            queues: 500,
            later: 500,
            passing: 500,
        };
        assert_eq!(Shares::of(1000, 0, 0), alone);
    }
}
