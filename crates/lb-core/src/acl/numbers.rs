//! Patterns of numbers: ranges.

/// Closed ranges, in the order of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers(pub Vec<(i64, i64)>);

/// `eq ge gt le lt`, before a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Comparison {
    #[default]
    Equal,
    AtLeast,
    Above,
    AtMost,
    Below,
}

impl Numbers {
    pub fn contains(&self, n: i64) -> bool {
        self.place(n).is_some()
    }

    pub(super) fn place(&self, n: i64) -> Option<usize> {
        self.0.iter().position(|(low, high)| (*low..=*high).contains(&n))
    }
}

impl Comparison {
    pub fn named(word: &str) -> Option<Comparison> {
        Some(match word {
            "eq" => Comparison::Equal,
            "ge" => Comparison::AtLeast,
            "gt" => Comparison::Above,
            "le" => Comparison::AtMost,
            "lt" => Comparison::Below,
            _ => return None,
        })
    }

    /// The numbers that compare so to `n`.
    pub fn range(self, n: i64) -> (i64, i64) {
        match self {
            Comparison::Equal => (n, n),
            Comparison::AtLeast => (n, i64::MAX),
            Comparison::Above => n.checked_add(1).map_or(NONE, |low| (low, i64::MAX)),
            Comparison::AtMost => (i64::MIN, n),
            Comparison::Below => n.checked_sub(1).map_or(NONE, |high| (i64::MIN, high)),
        }
    }
}

/// No number is in it.
const NONE: (i64, i64) = (1, 0);
