//! How many results in a row make a server come up or go down.
//!
//! One number says it all, as in HAProxy (reference 2.1): from `rise` upwards the server is up, and both sides are all
//! or nothing. One good check forgives every failure of a server that is up, one failure undoes the whole climb of one
//! that is down.

use super::Outcome;

/// The number between 0 and `rise + fall - 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RiseFall {
    rise: u32,
    fall: u32,
    health: u32,
}

/// What one result did to the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// At its end already, or the result said nothing.
    Unmoved,
    Moved,
    CameUp,
    WentDown,
}

/// Which of the three intervals comes before the next check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    Normal,
    Fast,
    Down,
}

impl RiseFall {
    /// A server that nobody has checked yet: up, and the first failure takes it down.
    ///
    /// A `rise` or `fall` of 0 means 1: no result at all cannot change a state. What is beyond anyone's patience is cut,
    /// so that their sum is a number.
    pub fn new(rise: u32, fall: u32) -> RiseFall {
        let (rise, fall) = (rise.clamp(1, u32::MAX / 2), fall.clamp(1, u32::MAX / 2));
        RiseFall {
            rise,
            fall,
            health: rise,
        }
    }

    pub fn is_up(self) -> bool {
        self.health >= self.rise
    }

    /// Nothing is left to gain: all is forgiven.
    pub fn is_full(self) -> bool {
        self.health == self.top()
    }

    /// Nothing is left to lose.
    pub fn is_empty(self) -> bool {
        self.health == 0
    }

    pub fn health(self) -> u32 {
        self.health
    }

    pub fn rise(self) -> u32 {
        self.rise
    }

    pub fn fall(self) -> u32 {
        self.fall
    }

    /// How far, and of how many: `k/fall` while up, `n/rise` while down.
    pub fn progress(self) -> (u32, u32) {
        if self.is_up() {
            (self.health - self.rise + 1, self.fall)
        } else {
            (self.health, self.rise)
        }
    }

    pub fn apply(&mut self, outcome: Outcome) -> Step {
        let before = *self;
        self.health = match outcome {
            Outcome::Neutral => self.health,
            Outcome::Failed => self.one_down(),
            Outcome::Passed | Outcome::ConditionallyPassed => self.one_up(),
        };
        match (before.is_up(), self.is_up()) {
            (false, true) => Step::CameUp,
            (true, false) => Step::WentDown,
            _ if before == *self => Step::Unmoved,
            _ => Step::Moved,
        }
    }

    /// Down at once, as when a server enters maintenance.
    pub fn drop_to_zero(&mut self) {
        self.health = 0;
    }

    /// Fully up at once.
    pub fn forgive(&mut self) {
        self.health = self.top();
    }

    /// Up, but one failure away from down: a server that starts or leaves maintenance.
    pub fn restart(&mut self) {
        self.health = self.rise;
    }

    /// Down, and one good check is enough.
    pub fn nearly_up(&mut self) {
        self.health = self.rise - 1;
    }

    /// If it is up: two failures are left at most.
    pub fn last_but_one(&mut self) {
        self.health = self.health.min(self.rise + 1);
    }

    /// Where an earlier process left it, if that is still a number and agrees with the server being up.
    pub fn resume(&mut self, health: u32, up: bool) {
        self.health = match up {
            true => health.clamp(self.rise, self.top()),
            false if health < self.rise => health,
            false => 0,
        };
    }

    /// `stopped` is whether the server is down now; health alone does not say so, an operator may have forced it.
    pub fn pace(self, stopped: bool) -> Pace {
        if self.is_full() {
            Pace::Normal
        } else if stopped && self.is_empty() {
            Pace::Down
        } else {
            Pace::Fast
        }
    }

    fn top(self) -> u32 {
        self.rise + self.fall - 1
    }

    fn one_down(self) -> u32 {
        let next = self.health.saturating_sub(1);
        if next < self.rise { 0 } else { next }
    }

    fn one_up(self) -> u32 {
        let next = self.health + u32::from(!self.is_full());
        if next >= self.rise { self.top() } else { next }
    }
}

#[cfg(test)]
mod tests;
