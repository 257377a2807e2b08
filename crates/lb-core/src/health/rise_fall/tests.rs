//! Every state and every input for several pairs, written out by hand; then properties over long runs.

use super::*;
use Outcome::{ConditionallyPassed, Failed, Neutral, Passed};
use Step::{CameUp, Moved, Unmoved, WentDown};
use proptest::prelude::*;

/// `(rise, fall)`, and for each health from 0 up: what a failure and what a success make of it, the log's `k/n`, and
/// the pace before the next check of a running server and of a stopped one.
type Row = ((u32, Step), (u32, Step), (u32, u32), Pace, Pace);

const TABLES: &[((u32, u32), &[Row])] = &[
    (
        (1, 1),
        &[
            ((0, Unmoved), (1, CameUp), (0, 1), Pace::Fast, Pace::Down),
            ((0, WentDown), (1, Unmoved), (1, 1), Pace::Normal, Pace::Normal),
        ],
    ),
    (
        (2, 3),
        &[
            ((0, Unmoved), (1, Moved), (0, 2), Pace::Fast, Pace::Down),
            ((0, Moved), (4, CameUp), (1, 2), Pace::Fast, Pace::Fast),
            ((0, WentDown), (4, Moved), (1, 3), Pace::Fast, Pace::Fast),
            ((2, Moved), (4, Moved), (2, 3), Pace::Fast, Pace::Fast),
            ((3, Moved), (4, Unmoved), (3, 3), Pace::Normal, Pace::Normal),
        ],
    ),
    (
        (1, 3),
        &[
            ((0, Unmoved), (3, CameUp), (0, 1), Pace::Fast, Pace::Down),
            ((0, WentDown), (3, Moved), (1, 3), Pace::Fast, Pace::Fast),
            ((1, Moved), (3, Moved), (2, 3), Pace::Fast, Pace::Fast),
            ((2, Moved), (3, Unmoved), (3, 3), Pace::Normal, Pace::Normal),
        ],
    ),
    (
        (3, 1),
        &[
            ((0, Unmoved), (1, Moved), (0, 3), Pace::Fast, Pace::Down),
            ((0, Moved), (2, Moved), (1, 3), Pace::Fast, Pace::Fast),
            ((0, Moved), (3, CameUp), (2, 3), Pace::Fast, Pace::Fast),
            ((0, WentDown), (3, Unmoved), (1, 1), Pace::Normal, Pace::Normal),
        ],
    ),
    (
        (3, 2),
        &[
            ((0, Unmoved), (1, Moved), (0, 3), Pace::Fast, Pace::Down),
            ((0, Moved), (2, Moved), (1, 3), Pace::Fast, Pace::Fast),
            ((0, Moved), (4, CameUp), (2, 3), Pace::Fast, Pace::Fast),
            ((0, WentDown), (4, Moved), (1, 2), Pace::Fast, Pace::Fast),
            ((3, Moved), (4, Unmoved), (2, 2), Pace::Normal, Pace::Normal),
        ],
    ),
];

#[test]
fn every_state_and_every_input() {
    for &((rise, fall), rows) in TABLES {
        assert_eq!(
            rows.len() as u32,
            rise + fall,
            "one row for each health of {rise}/{fall}"
        );
        for (health, &(failed, passed, progress, running, stopped)) in (0..).zip(rows) {
            let at = RiseFall { rise, fall, health };
            let after = |outcome| {
                let mut state = at;
                let step = state.apply(outcome);
                (state.health, step)
            };
            assert_eq!(after(Failed), failed, "failure at {at:?}");
            assert_eq!(after(Passed), passed, "success at {at:?}");
            assert_eq!(after(ConditionallyPassed), passed, "conditional success at {at:?}");
            assert_eq!(after(Neutral), (health, Unmoved), "nothing at {at:?}");
            assert_eq!(at.progress(), progress, "progress at {at:?}");
            assert_eq!((at.pace(false), at.pace(true)), (running, stopped), "pace at {at:?}");
            assert_eq!(at.is_up(), health >= rise);
            assert_eq!((at.is_empty(), at.is_full()), (health == 0, health + 1 == rise + fall));
        }
    }
}

#[test]
fn starts_up_and_one_failure_from_down() {
    let mut new = RiseFall::new(2, 3);
    assert_eq!(new.progress(), (1, 3));
    assert_eq!(new.apply(Failed), WentDown);
    new.restart();
    assert_eq!(new, RiseFall::new(2, 3));
    new.forgive();
    assert!(new.is_full());
    new.drop_to_zero();
    assert!(new.is_empty());
}

#[test]
fn zero_counts_as_one_and_the_largest_do_not_overflow() {
    assert_eq!(RiseFall::new(0, 0), RiseFall::new(1, 1));
    let mut huge = RiseFall::new(u32::MAX, u32::MAX);
    assert_eq!(huge.progress(), (1, u32::MAX / 2));
    for outcome in [Passed, Passed, Failed, Failed, Passed] {
        huge.apply(outcome);
    }
}

/// What the rule says in words: counts of results in a row, nothing else.
#[derive(Debug)]
struct InWords {
    up: bool,
    passed: u32,
    failed: u32,
}

impl InWords {
    fn hear(&mut self, outcome: Outcome, rise: u32, fall: u32) {
        match outcome {
            Passed | ConditionallyPassed => (self.passed, self.failed) = (self.passed + 1, 0),
            Failed => (self.passed, self.failed) = (0, self.failed + 1),
            Neutral => {}
        }
        match self.up {
            true if self.failed >= fall => (self.up, self.passed) = (false, 0),
            false if self.passed >= rise => (self.up, self.failed) = (true, 0),
            _ => {}
        }
    }
}

fn outcomes() -> impl Strategy<Value = Vec<Outcome>> {
    let one = prop_oneof![4 => Just(Passed), 4 => Just(Failed), 1 => Just(Neutral), 1 => Just(ConditionallyPassed)];
    proptest::collection::vec(one, 0..200)
}

proptest! {
    #[test]
    fn flips_only_after_enough_in_a_row(rise in 1u32..6, fall in 1u32..6, run in outcomes()) {
        let mut state = RiseFall::new(rise, fall);
        // As it starts, a server counts as having failed all but once.
        let mut words = InWords { up: true, passed: 0, failed: fall - 1 };
        for outcome in run {
            let step = state.apply(outcome);
            let before = words.up;
            words.hear(outcome, rise, fall);
            prop_assert_eq!(state.is_up(), words.up);
            prop_assert_eq!(step == CameUp, !before && words.up);
            prop_assert_eq!(step == WentDown, before && !words.up);
            prop_assert!(state.health() < rise + fall);
            let (done, of) = state.progress();
            prop_assert!(done <= of && (done > 0) != state.is_empty());
        }
    }
}
