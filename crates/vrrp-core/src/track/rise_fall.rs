//! How many results in a row it takes to change one's mind.

/// Keepalived's counter: from 0 to rise + fall - 1, good from `rise` up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RiseFall {
    rise: u32,
    fall: u32,
    result: u32,
}

impl RiseFall {
    /// One result decides at first, whatever rise and fall say.
    pub fn undecided(rise: u32, fall: u32) -> RiseFall {
        let (rise, fall) = (rise.max(1), fall.max(1));
        RiseFall {
            rise,
            fall,
            result: rise - 1,
        }
    }

    /// `init_fail`: it takes `rise` successes.
    pub fn failed(rise: u32, fall: u32) -> RiseFall {
        RiseFall {
            result: 0,
            ..RiseFall::undecided(rise, fall)
        }
    }

    /// With other numbers: as good or bad as before, and as many results in a row against it.
    pub fn under(self, rise: u32, fall: u32) -> RiseFall {
        let new = RiseFall::undecided(rise, fall);
        let result = if self.is_good() {
            let failures = self.rise + self.fall - 1 - self.result;
            new.rise + new.fall - 1 - failures.min(new.fall - 1)
        } else {
            self.result.min(new.rise - 1)
        };
        RiseFall { result, ..new }
    }

    pub const fn is_good(&self) -> bool {
        self.result >= self.rise
    }

    pub const fn record(&mut self, success: bool) {
        let top = self.rise + self.fall - 1;
        self.result = match (success, self.result) {
            (true, r) if r + 1 < self.rise => r + 1,
            (true, _) => top,
            (false, r) if r > self.rise => r - 1,
            (false, _) => 0,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(mut counter: RiseFall, results: &str) -> String {
        results
            .chars()
            .map(|c| {
                counter.record(c == '+');
                if counter.is_good() { 'G' } else { 'b' }
            })
            .collect()
    }

    #[test]
    fn the_first_result_decides() {
        assert_eq!(run(RiseFall::undecided(3, 3), "+"), "G");
        assert_eq!(run(RiseFall::undecided(3, 3), "-+"), "bb");
    }

    #[test]
    fn other_numbers_change_nobody_s_mind() {
        let counter = |results: &str| {
            let mut counter = RiseFall::failed(2, 3);
            results.chars().for_each(|c| counter.record(c == '+'));
            counter
        };
        assert_eq!(run(counter("++").under(5, 2), "--"), "Gb");
        assert_eq!(run(counter("++--").under(2, 9), "-------"), "GGGGGGb", "two of nine");
        assert_eq!(run(counter("++--").under(2, 1), "-"), "b");
        assert!(counter("++--").under(2, 1).is_good(), "until it fails again");
        assert_eq!(run(counter("+").under(4, 1), "+++"), "bbG", "one of four");
        assert!(!counter("+").under(1, 1).is_good());
    }

    #[test]
    fn falls_and_rises_in_a_row() {
        assert_eq!(run(RiseFall::undecided(2, 3), "+--+---+-++"), "GGGGGGbbbbG");
        assert_eq!(run(RiseFall::failed(3, 2), "++-+++--"), "bbbbbGGb");
        assert_eq!(run(RiseFall::undecided(1, 1), "+-+-"), "GbGb");
    }
}
