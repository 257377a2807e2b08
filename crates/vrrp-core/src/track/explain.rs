//! Why a priority is what it is, for people.

use std::fmt;
use std::sync::Arc;

use super::{Contribution, Level};
use crate::settings::{Priority, Weight};

/// The sum, line by line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    pub base: Priority,
    pub parts: Vec<Part>,
    pub effective: Priority,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub tracker: Arc<str>,
    /// The group on whose behalf it counts.
    pub group: Option<Arc<str>>,
    pub weight: Weight,
    pub level: Level,
    pub contribution: Contribution,
    /// A weight that a sync group ignores.
    pub ignored: bool,
}

impl Explanation {
    pub fn new(base: Priority, parts: Vec<Part>) -> Explanation {
        let mut explanation = Explanation {
            base,
            parts,
            effective: base,
        };
        if !base.is_owner() {
            explanation.effective = Priority::clamped(explanation.total());
        }
        explanation
    }

    /// Base and parts, before it is fitted into 1 to 254.
    pub fn total(&self) -> i64 {
        i64::from(self.base.value()) + self.parts.iter().map(Part::points).sum::<i64>()
    }

    pub fn has_fault(&self) -> bool {
        self.parts.iter().any(|p| p.contribution == Contribution::Fault)
    }

    /// An unweighted tracker has no result yet.
    pub fn is_pending(&self) -> bool {
        self.parts
            .iter()
            .any(|p| p.contribution == Contribution::Pending && p.weight.is_fault())
    }
}

impl Part {
    fn points(&self) -> i64 {
        if self.ignored { 0 } else { self.contribution.points() }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "base priority {}", self.base)?;
        for part in &self.parts {
            writeln!(f, "{part}")?;
        }
        let total = self.total();
        match (
            self.has_fault(),
            self.base.is_owner(),
            total == i64::from(self.effective.value()),
        ) {
            (true, _, _) => write!(f, "in FAULT"),
            (false, true, _) => write!(f, "effective priority 255: the owner's is never changed"),
            (false, false, true) => write!(f, "effective priority {}", self.effective),
            (false, false, false) => write!(
                f,
                "effective priority {} (the sum {total} is outside 1 to 254)",
                self.effective
            ),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.contribution {
            Contribution::Pending => "no result yet".to_owned(),
            Contribution::Fault => "FAULT".to_owned(),
            Contribution::Points(_) if self.ignored => "ignored: the instance is in a sync group".to_owned(),
            Contribution::Points(points) => format!("{points:+}"),
        };
        let level = match self.level {
            Level::Unknown => "unknown".to_owned(),
            Level::Good(true) => "good".to_owned(),
            Level::Good(false) => "bad".to_owned(),
            Level::Number(number) => number.to_string(),
        };
        let reverse = if self.weight.reverse { " reverse" } else { "" };
        write!(f, "{}", self.tracker)?;
        if let Some(group) = &self.group {
            write!(f, " (for group {group})")?;
        }
        write!(f, ": {level}, weight {}{reverse}: {what}", self.weight.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(weight: i32, level: Level) -> Part {
        let weight = Weight::of(weight);
        let contribution = Contribution::of(weight, level);
        Part {
            tracker: "chk".into(),
            group: None,
            weight,
            level,
            contribution,
            ignored: false,
        }
    }

    fn sum(base: u8, parts: Vec<Part>) -> Explanation {
        Explanation::new(Priority::new(base).expect("not 0"), parts)
    }

    #[test]
    fn the_pair_of_the_guides() {
        let up = sum(101, vec![part(2, Level::Good(true))]);
        assert_eq!(up.effective.value(), 103);
        assert_eq!(
            up.to_string(),
            "base priority 101\nchk: good, weight 2: +2\neffective priority 103"
        );
        assert_eq!(sum(101, vec![part(2, Level::Good(false))]).effective.value(), 101);
        assert_eq!(sum(100, vec![part(2, Level::Good(true))]).effective.value(), 102);
    }

    #[test]
    fn the_sum_is_clamped_and_the_owner_is_not() {
        assert_eq!(sum(200, vec![part(100, Level::Good(true))]).effective.value(), 254);
        assert_eq!(sum(10, vec![part(-100, Level::Good(false))]).effective.value(), 1);
        assert_eq!(sum(255, vec![part(-100, Level::Good(false))]).effective.value(), 255);
    }

    #[test]
    fn only_unweighted_trackers_hold_back() {
        assert!(sum(100, vec![part(0, Level::Unknown)]).is_pending());
        assert!(!sum(100, vec![part(5, Level::Unknown)]).is_pending());
        assert!(sum(100, vec![part(0, Level::Good(false))]).has_fault());
    }
}
