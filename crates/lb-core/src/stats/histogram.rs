//! Distributions over sessions: how many waited, connected and lasted how long, and how much they carried.
//!
//! An average hides the few that suffer; buckets show them. The bounds are fixed, so that figures of two balancers and
//! of two years can be added up, and wide, because a broker's session may last a month.

/// What is measured of a session that reached a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    QueueTime,
    ConnectTime,
    /// How long it lasted.
    Age,
    /// From the client.
    BytesIn,
    /// To the client.
    BytesOut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Microseconds,
    Bytes,
}

const BOUNDS: usize = 15;

/// Times from a quarter of a millisecond to ten seconds, in microseconds.
const SHORT: [u64; BOUNDS] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000,
];

const SECOND: u64 = 1_000_000;
const HOUR: u64 = 3_600 * SECOND;

/// From a hundredth of a second to thirty days, in microseconds.
const LONG: [u64; BOUNDS] = [
    SECOND / 100,
    SECOND / 10,
    SECOND,
    5 * SECOND,
    30 * SECOND,
    60 * SECOND,
    300 * SECOND,
    900 * SECOND,
    HOUR,
    4 * HOUR,
    12 * HOUR,
    24 * HOUR,
    72 * HOUR,
    168 * HOUR,
    720 * HOUR,
];

/// From 64 bytes to 16 GiB.
const SIZES: [u64; BOUNDS] = [
    1 << 6,
    1 << 8,
    1 << 10,
    1 << 12,
    1 << 14,
    1 << 16,
    1 << 18,
    1 << 20,
    1 << 22,
    1 << 24,
    1 << 26,
    1 << 28,
    1 << 30,
    1 << 32,
    1 << 34,
];

/// Buckets of every measure: the last one takes what is above all bounds.
pub const BUCKETS: usize = BOUNDS + 1;

impl Measure {
    pub const ALL: [Measure; 5] = [
        Measure::QueueTime,
        Measure::ConnectTime,
        Measure::Age,
        Measure::BytesIn,
        Measure::BytesOut,
    ];

    /// In a file.
    pub const fn name(self) -> &'static str {
        match self {
            Measure::QueueTime => "queue_time",
            Measure::ConnectTime => "connect_time",
            Measure::Age => "age",
            Measure::BytesIn => "bytes_in",
            Measure::BytesOut => "bytes_out",
        }
    }

    /// Its place among [`Measure::ALL`].
    pub const fn place(self) -> usize {
        self as usize
    }

    pub const fn unit(self) -> Unit {
        match self {
            Measure::QueueTime | Measure::ConnectTime | Measure::Age => Unit::Microseconds,
            Measure::BytesIn | Measure::BytesOut => Unit::Bytes,
        }
    }

    /// The largest amount of each bucket but the last.
    pub const fn bounds(self) -> &'static [u64; BOUNDS] {
        match self {
            Measure::QueueTime | Measure::ConnectTime => &SHORT,
            Measure::Age => &LONG,
            Measure::BytesIn | Measure::BytesOut => &SIZES,
        }
    }

    /// Where an amount is counted.
    pub fn bucket(self, amount: u64) -> usize {
        self.bounds().partition_point(|bound| *bound < amount)
    }
}

/// What was counted of one measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// Each bucket for itself.
    pub counts: [u64; BUCKETS],
    pub sum: u64,
}

/// One of each measure, in the order of [`Measure::ALL`].
pub type Distributions = [Distribution; Measure::ALL.len()];

impl Distribution {
    /// Counts one more.
    pub fn add(&mut self, of: Measure, amount: u64) {
        self.counts[of.bucket(amount)] += 1;
        self.sum = self.sum.saturating_add(amount);
    }

    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        for (measure, amount, bucket) in [
            (Measure::ConnectTime, 0, 0),
            (Measure::ConnectTime, 250, 0),
            (Measure::ConnectTime, 251, 1),
            (Measure::QueueTime, 10_000_000, 14),
            (Measure::QueueTime, 10_000_001, 15),
            (Measure::Age, 3_600_000_000, 8),
            (Measure::BytesIn, 65, 1),
            (Measure::BytesOut, u64::MAX, 15),
        ] {
            assert_eq!(measure.bucket(amount), bucket, "{measure:?} {amount}");
        }
    }

    #[test]
    fn bounds_grow_and_places_fit() {
        for (place, measure) in Measure::ALL.into_iter().enumerate() {
            assert_eq!(measure.place(), place);
            assert!(measure.bounds().is_sorted_by(|a, b| a < b), "{measure:?}");
        }
    }
}
