//! How often one thing may happen at once, and what waits because it happened too often.
//!
//! Each key is counted for itself: two hundred addresses that vanish together are two hundred first times, and one that
//! vanishes again and again is a fight with another program, which is not fought at full speed.

use std::collections::VecDeque;
use std::time::Duration;

use tandem_time::Mono;

/// So many times in a second at once. What comes more often waits for a second, and then has a burst of its own again.
#[derive(Clone, Debug)]
pub struct Burst<K> {
    most: u32,
    /// In the order in which their windows began.
    lately: VecDeque<(K, Mono, u32)>,
    waiting: Vec<K>,
    due: Option<Mono>,
}

const WINDOW: Duration = Duration::from_secs(1);

impl<K: PartialEq> Burst<K> {
    pub fn of(most: u32) -> Burst<K> {
        Burst {
            most,
            lately: VecDeque::new(),
            waiting: Vec::new(),
            due: None,
        }
    }

    /// It, if it may happen now; else it is kept until [`Burst::due`].
    pub fn take(&mut self, key: K, now: Mono) -> Option<K>
    where
        K: Clone,
    {
        while self
            .lately
            .front()
            .is_some_and(|(_, since, _)| now.since(*since) >= WINDOW)
        {
            self.lately.pop_front();
        }
        let count = match self.lately.iter_mut().find(|(known, _, _)| *known == key) {
            Some((_, _, count)) => {
                *count = count.saturating_add(1);
                *count
            }
            None => {
                self.lately.push_back((key.clone(), now, 1));
                1
            }
        };
        if count <= self.most {
            return Some(key);
        }
        if !self.waiting.contains(&key) {
            self.waiting.push(key);
        }
        self.due.get_or_insert(now + WINDOW);
        None
    }

    pub fn is_waiting(&self, key: &K) -> bool {
        self.waiting.contains(key)
    }

    /// From now on so many times.
    pub fn allow(&mut self, most: u32) {
        self.most = most;
    }

    /// What does not wait any more.
    pub fn keep(&mut self, which: impl FnMut(&K) -> bool) {
        self.waiting.retain(which);
        if self.waiting.is_empty() {
            self.due = None;
        }
    }

    /// When what waits has its turn.
    pub fn deadline(&self) -> Option<Mono> {
        self.due
    }

    /// What has waited long enough.
    pub fn due(&mut self, now: Mono) -> Vec<K> {
        if self.due.is_none_or(|at| at > now) {
            return Vec::new();
        }
        self.due = None;
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_burst_of_its_own() {
        let now = Mono::from_millis(1000);
        let mut burst = Burst::of(2);
        for key in 0..300 {
            assert_eq!(burst.take(key, now), Some(key));
        }
        assert_eq!((burst.take(7, now), burst.take(7, now)), (Some(7), None));
        assert_eq!(burst.take(8, now), Some(8), "another one's fight");
        assert_eq!(burst.deadline(), Some(now + WINDOW));
    }

    #[test]
    fn what_waits_comes_once_and_may_be_taken_again() {
        let mut burst = Burst::of(1);
        let at = Mono::from_millis;
        assert_eq!(burst.take('a', at(0)), Some('a'));
        for ms in 1..5 {
            assert_eq!(burst.take('a', at(ms)), None);
        }
        assert!(burst.is_waiting(&'a') && !burst.is_waiting(&'b'));
        assert_eq!(burst.due(at(1000)), []);
        assert_eq!(burst.due(at(1001)), ['a']);
        assert!(!burst.is_waiting(&'a'));
        assert_eq!((burst.deadline(), burst.take('a', at(1002))), (None, Some('a')));
    }
}
