//! What could not be done and is tried again after a second: said when it begins, and when it fails otherwise.

use std::time::Duration;

use tandem_time::Mono;

/// A host that has no thread or file to give today has perhaps one in a moment.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Retry {
    due: Option<Mono>,
    said: Option<String>,
}

impl Retry {
    /// Returns what is to be said of it.
    pub(super) fn failed(&mut self, trouble: String, now: Mono) -> Option<String> {
        self.later(now);
        let is_new = self.said.as_ref() != Some(&trouble);
        is_new.then(|| self.said.insert(trouble).clone())
    }

    /// The same for what is said elsewhere. A moment that is set stays.
    pub(super) fn later(&mut self, now: Mono) {
        self.due.get_or_insert(now + PAUSE);
    }

    pub(super) fn succeeded(&mut self) {
        *self = Retry::default();
    }

    pub(super) const fn deadline(&self) -> Option<Mono> {
        self.due
    }

    /// Whether it is time, once.
    pub(super) fn take_due(&mut self, now: Mono) -> bool {
        self.due.take_if(|due| *due <= now).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_at_once_is_tried_once_a_second_and_said_once() {
        let mut retry = Retry::default();
        let at = |tenths: u64| Mono::from_nanos(tenths * 100_000_000);
        assert_eq!((retry.deadline(), retry.take_due(at(0))), (None, false));
        assert_eq!(retry.failed("no file".into(), at(0)).as_deref(), Some("no file"));
        assert_eq!(retry.failed("no file".into(), at(5)), None, "said");
        assert!(!retry.take_due(at(9)));
        assert!(retry.take_due(at(10)) && !retry.take_due(at(10)), "once");
        assert_eq!(retry.failed("no file".into(), at(11)), None, "said");
        assert_eq!(retry.deadline(), Some(at(21)));
        assert_eq!(retry.failed("no thread".into(), at(12)).as_deref(), Some("no thread"));
        retry.succeeded();
        assert_eq!(retry.deadline(), None);
        assert_eq!(retry.failed("no thread".into(), at(30)).as_deref(), Some("no thread"));
    }
}
