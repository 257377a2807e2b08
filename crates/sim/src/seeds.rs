//! Which seeds a simulation runs: a range, or the one that failed.

use std::ops::Range;

/// `TANDEM_SEED=n` replays one seed; `TANDEM_SEEDS=n` runs that many instead of the usual number, `TANDEM_SEEDS=a..b` these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds(Range<u64>);

impl Seeds {
    /// What the environment asks for. A word that is neither a number nor a range is a mistake that must not pass as a
    /// short run, so it ends the test.
    pub fn from_env(usual: u64) -> Seeds {
        let word = |name: &str| std::env::var(name).ok();
        match Seeds::chosen(word("TANDEM_SEED").as_deref(), word("TANDEM_SEEDS").as_deref(), usual) {
            Some(seeds) => seeds,
            None => panic!("TANDEM_SEED takes a number, TANDEM_SEEDS a number or a range such as 500..900"),
        }
    }

    fn chosen(one: Option<&str>, many: Option<&str>, usual: u64) -> Option<Seeds> {
        if let Some(one) = one {
            let seed: u64 = one.parse().ok()?;
            return Some(Seeds(seed..seed.checked_add(1)?));
        }
        let Some(many) = many else {
            return Some(Seeds(0..usual));
        };
        let (first, end) = many.split_once("..").unwrap_or(("0", many));
        Some(Seeds(first.parse().ok()?..end.parse().ok()?))
    }

    /// One seed is replayed, so say everything.
    pub fn is_replay(&self) -> bool {
        self.0.end - self.0.start == 1
    }
}

impl IntoIterator for Seeds {
    type Item = u64;
    type IntoIter = Range<u64>;

    fn into_iter(self) -> Range<u64> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (one, many, seeds) in [
            (None, None, Some(0..500)),
            (Some("7"), Some("9"), Some(7..8)),
            (None, Some("9"), Some(0..9)),
            (None, Some("500..900"), Some(500..900)),
            (None, Some("many"), None),
            (Some("-1"), None, None),
        ] {
            assert_eq!(Seeds::chosen(one, many, 500), seeds.map(Seeds), "{one:?} {many:?}");
        }
    }
}
