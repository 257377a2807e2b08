//! The timers of one machine: a fixed array with a place for each name, so that arming one twice cannot leave two.

use crate::Mono;

/// Names of a machine's timers: an enum that knows how many there are and the place of each.
pub trait TimerName: Copy + 'static {
    const ALL: &'static [Self];
    fn place(self) -> usize;
}

/// When each named timer fires, if it is armed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimerTable<K, const N: usize> {
    due: [Option<Mono>; N],
    names: std::marker::PhantomData<K>,
}

impl<K: TimerName, const N: usize> Default for TimerTable<K, N> {
    fn default() -> Self {
        const { assert!(N == K::ALL.len(), "a timer table has one place for each name") }
        TimerTable {
            due: [None; N],
            names: std::marker::PhantomData,
        }
    }
}

impl<K: TimerName, const N: usize> TimerTable<K, N> {
    pub fn arm(&mut self, name: K, at: Mono) {
        self.due[name.place()] = Some(at);
    }

    pub fn disarm(&mut self, name: K) {
        self.due[name.place()] = None;
    }

    pub fn due(&self, name: K) -> Option<Mono> {
        self.due[name.place()]
    }

    /// The earliest of all armed timers.
    pub fn next(&self) -> Option<Mono> {
        self.due.iter().flatten().min().copied()
    }

    /// Takes one timer that is due, the earliest first; in the order of names when several are due at once.
    pub fn take_due(&mut self, now: Mono) -> Option<K> {
        let name = K::ALL
            .iter()
            .copied()
            .filter(|k| self.due[k.place()].is_some_and(|at| at <= now))
            .min_by_key(|k| self.due[k.place()])?;
        self.disarm(name);
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Name {
        Advert,
        Down,
    }

    impl TimerName for Name {
        const ALL: &'static [Name] = &[Name::Advert, Name::Down];
        fn place(self) -> usize {
            self as usize
        }
    }

    #[test]
    fn the_earliest_first_and_each_once() {
        let mut t: TimerTable<Name, 2> = TimerTable::default();
        assert_eq!(t.next(), None);
        t.arm(Name::Advert, Mono::from_millis(5));
        t.arm(Name::Down, Mono::from_millis(3));
        assert_eq!(t.next(), Some(Mono::from_millis(3)));
        assert_eq!(t.take_due(Mono::from_millis(2)), None);
        assert_eq!(t.take_due(Mono::from_millis(9)), Some(Name::Down));
        assert_eq!(t.take_due(Mono::from_millis(9)), Some(Name::Advert));
        assert_eq!(t.take_due(Mono::from_millis(9)), None);
    }

    #[test]
    fn arming_again_moves_it() {
        let mut t: TimerTable<Name, 2> = TimerTable::default();
        t.arm(Name::Down, Mono::from_millis(3));
        t.arm(Name::Down, Mono::from_millis(8));
        assert_eq!(t.due(Name::Down), Some(Mono::from_millis(8)));
        assert_eq!(t.take_due(Mono::from_millis(5)), None);
        t.disarm(Name::Down);
        assert_eq!(t.next(), None);
    }
}
