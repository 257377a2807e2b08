//! How fast connections may carry bytes: `filter bwlim-in`, `filter bwlim-out` and `set-bandwidth-limit`.
//!
//! What was carried is a [`Rate`] over a window that slides; of one connection, or of all with one key, in a stick table.
//! Whoever asks is told how many bytes may go now, or when to ask again: never so soon that it is woken for a few bytes.

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use tandem_time::Mono;

use crate::expr::Expr;
use crate::stick::{DataType, Rate};

/// Of a window, what is worth being woken for.
const STEPS: u32 = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `bwlim-in`: what the client sends.
    Up,
    /// `bwlim-out`: what it is sent.
    Down,
}

/// What a `filter` line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limiter {
    /// The proxy whose rules may name it.
    pub proxy: Arc<str>,
    pub name: Arc<str>,
    pub way: Way,
    pub among: Among,
    /// `min-size`: fewer bytes are not worth a turn.
    pub least: u32,
}

/// Who shares what may be carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Among {
    /// Each connection has all of it, unless the rule says another.
    Alone(Quota),
    /// All connections of one key; the period is that of the table's rate.
    Key {
        key: Expr,
        table: Arc<str>,
        limit: NonZero<u32>,
    },
}

/// So many bytes in so much time: some, or whoever has it would wait for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub limit: NonZero<u32>,
    pub period: Duration,
}

/// What may be carried now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    Bytes(u32),
    NotBefore(Mono),
}

impl Way {
    /// The rate that a table counts it with.
    pub const fn rate(self) -> DataType {
        match self {
            Way::Up => DataType::BytesInRate,
            Way::Down => DataType::BytesOutRate,
        }
    }
}

impl Quota {
    /// What may go after what this rate has counted.
    pub fn allows(&self, rate: Rate, least: u32, now: Mono) -> Allowance {
        let (limit, period, at) = (self.limit.get(), millis(self.period), now.as_millis() as u32);
        let left = limit.saturating_sub(rate.read(period, at));
        let worth = (limit / STEPS).max(least).clamp(1, limit);
        if left >= worth {
            return Allowance::Bytes(left);
        }
        let wait = rate.falls_to(limit - worth, period, at).max(1);
        Allowance::NotBefore(now + Duration::from_millis(wait.into()))
    }

    /// Counts what went.
    pub fn spend(&self, rate: &mut Rate, bytes: u64, now: Mono) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        rate.count(bytes, millis(self.period), now.as_millis() as u32);
    }
}

impl Allowance {
    /// Of two who both have a say.
    pub fn and(self, other: Allowance) -> Allowance {
        match (self, other) {
            (Allowance::Bytes(one), Allowance::Bytes(other)) => Allowance::Bytes(one.min(other)),
            (Allowance::NotBefore(one), Allowance::NotBefore(other)) => Allowance::NotBefore(one.max(other)),
            (wait @ Allowance::NotBefore(_), _) | (_, wait) => wait,
        }
    }
}

fn millis(period: Duration) -> u32 {
    u32::try_from(period.as_millis()).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Mono {
        Mono::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn never_more_than_the_limit_in_a_window_and_never_much_less() {
        for (limit, period, least) in [
            (10_000, 1_000, 0),
            (1_000_000, 100, 0),
            (5_000, 1_000, 1_460),
            (7, 1_000, 0),
        ] {
            let quota = Quota {
                limit: NonZero::new(limit).expect("some"),
                period: Duration::from_millis(period),
            };
            let (mut rate, mut now, mut sent) = (Rate::default(), at(50_000), 0_u64);
            let end = now + Duration::from_millis(20 * period);
            while now < end {
                match quota.allows(rate, least, now) {
                    Allowance::Bytes(n) => {
                        assert!(n >= least.max(1).min(limit));
                        quota.spend(&mut rate, n.into(), now);
                        sent += u64::from(n);
                    }
                    Allowance::NotBefore(then) => {
                        assert!(then > now && then <= now + 2 * quota.period);
                        now = then;
                    }
                }
            }
            let most = 21 * u64::from(limit);
            assert!(
                sent <= most && sent >= most * 8 / 10,
                "{limit} in {period}: {sent} of {most}"
            );
        }
    }

    #[test]
    fn of_two_the_stricter_holds() {
        let (few, many) = (Allowance::Bytes(1), Allowance::Bytes(9));
        let (soon, late) = (Allowance::NotBefore(at(1)), Allowance::NotBefore(at(9)));
        assert_eq!(
            [many.and(few), soon.and(late), late.and(few), few.and(soon)],
            [few, late, late, soon]
        );
    }
}
