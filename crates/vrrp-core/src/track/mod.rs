//! What is watched on this host, and what it does to a priority.
//!
//! `total = base + sum of contributions`, `effective = clamp(total, 1, 254)`. The total is not clamped on the way, so a
//! recovery undoes a failure exactly. The owner's 255 is never changed and never reached.

mod explain;
mod rise_fall;
mod tracker;

pub use explain::{Explanation, Part};
pub use rise_fall::RiseFall;
pub use tracker::{Level, TrackState};

use crate::settings::Weight;

/// What one use of a tracker adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contribution {
    /// No result yet. An unweighted use holds its instance in INIT until there is one.
    Pending,
    Points(i64),
    Fault,
}

impl Contribution {
    pub fn of(weight: Weight, level: Level) -> Contribution {
        match level {
            Level::Unknown => Contribution::Pending,
            Level::Good(good) => of_good(weight, good),
            Level::Number(number) => of_number(weight, number),
        }
    }

    pub const fn points(self) -> i64 {
        match self {
            Contribution::Points(points) => points,
            Contribution::Pending | Contribution::Fault => 0,
        }
    }
}

fn of_good(weight: Weight, good: bool) -> Contribution {
    if weight.is_fault() {
        return if good == weight.reverse {
            Contribution::Fault
        } else {
            Contribution::Points(0)
        };
    }
    let counts = if weight.value > 0 { good } else { !good };
    let sign = if weight.reverse { -1 } else { 1 };
    Contribution::Points(if counts { i64::from(weight.value) * sign } else { 0 })
}

/// A file's number: times the weight; very low is a fault; without a weight anything but zero is one.
fn of_number(weight: Weight, number: i64) -> Contribution {
    if weight.is_fault() {
        return if (number != 0) != weight.reverse {
            Contribution::Fault
        } else {
            Contribution::Points(0)
        };
    }
    let sign = if weight.reverse { -1 } else { 1 };
    match number.saturating_mul(i64::from(weight.value)).saturating_mul(sign) {
        product if product <= -254 => Contribution::Fault,
        product => Contribution::Points(product.min(253)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_weights() {
        let rows = [
            (0, false, Contribution::Points(0), Contribution::Fault),
            (0, true, Contribution::Fault, Contribution::Points(0)),
            (10, false, Contribution::Points(10), Contribution::Points(0)),
            (-10, false, Contribution::Points(0), Contribution::Points(-10)),
            (10, true, Contribution::Points(-10), Contribution::Points(0)),
            (-10, true, Contribution::Points(0), Contribution::Points(10)),
        ];
        for (value, reverse, good, bad) in rows {
            let weight = Weight { value, reverse };
            assert_eq!(Contribution::of(weight, Level::Good(true)), good, "{weight:?} good");
            assert_eq!(Contribution::of(weight, Level::Good(false)), bad, "{weight:?} bad");
            assert_eq!(Contribution::of(weight, Level::Unknown), Contribution::Pending);
        }
    }

    #[test]
    fn numbers_are_multiplied() {
        let rows = [
            (1, 20, Contribution::Points(20)),
            (1, 500, Contribution::Points(253)),
            (2, -100, Contribution::Points(-200)),
            (1, -254, Contribution::Fault),
            (i32::MAX, i64::MIN, Contribution::Fault),
            (0, 0, Contribution::Points(0)),
            (0, 1, Contribution::Fault),
        ];
        for (weight, number, expected) in rows {
            assert_eq!(
                Contribution::of(Weight::of(weight), Level::Number(number)),
                expected,
                "{number} x {weight}"
            );
        }
    }
}
