//! The last decisions and what led to them, for `tandem why`.

use std::collections::VecDeque;

use tandem_ops::clock::Wall;
use tandem_vrrp_core::settings::InstanceId;

/// Enough for the story of an incident, and a few hundred kilobytes at most.
const KEPT: usize = 1000;

#[derive(Debug, Default)]
pub(crate) struct Recorder {
    entries: VecDeque<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) at: Wall,
    /// `None` concerns the whole host.
    pub(crate) instance: Option<InstanceId>,
    pub(crate) text: String,
}

impl Recorder {
    pub(crate) fn record(&mut self, instance: Option<InstanceId>, text: &str) {
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry {
            at: Wall::now(),
            instance,
            text: text.to_owned(),
        });
    }

    /// What concerns this instance, oldest first.
    pub(crate) fn about(&self, id: InstanceId) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(move |entry| entry.instance.is_none_or(|i| i == id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stay() {
        let mut recorder = Recorder::default();
        for number in 0..KEPT + 2 {
            recorder.record(Some(InstanceId(number as u32 % 2)), &number.to_string());
        }
        recorder.record(None, "all");
        let texts: Vec<&str> = recorder.about(InstanceId(0)).map(|e| e.text.as_str()).collect();
        assert_eq!((texts.first(), texts.last()), (Some(&"4"), Some(&"all")));
        assert_eq!(recorder.entries.len(), KEPT);
    }
}
