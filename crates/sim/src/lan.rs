//! The network between the nodes: segments, and what each does to frames.

use std::collections::BTreeSet;
use std::time::Duration;

use tandem_time::Seed;

use crate::NodeId;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(pub usize);

/// What happens to a frame on its way to each receiver, independently. Frames of one sender keep their order unless
/// `reorder` strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LanSettings {
    pub latency_min: Duration,
    pub latency_max: Duration,
    /// Lost, of a thousand.
    pub loss: u64,
    /// Delivered twice, of a thousand.
    pub duplicate: u64,
    /// Held back by up to `reorder_by`, of a thousand.
    pub reorder: u64,
    pub reorder_by: Duration,
}

impl Default for LanSettings {
    /// A good switch.
    fn default() -> LanSettings {
        LanSettings {
            latency_min: Duration::from_micros(50),
            latency_max: Duration::from_micros(200),
            loss: 0,
            duplicate: 0,
            reorder: 0,
            reorder_by: Duration::ZERO,
        }
    }
}

/// One segment: who hears whom.
#[derive(Clone, Debug, Default)]
pub(crate) struct Segment {
    pub(crate) settings: LanSettings,
    pub(crate) members: BTreeSet<NodeId>,
    /// Frames from the first do not reach the second.
    cut: BTreeSet<(NodeId, NodeId)>,
}

/// What becomes of one frame for one receiver.
pub(crate) enum Fate {
    Lost,
    /// After these delays; two when it is doubled.
    Arrives(Duration, Option<Duration>),
}

impl Segment {
    pub(crate) fn new(settings: LanSettings) -> Segment {
        Segment {
            settings,
            ..Segment::default()
        }
    }

    pub(crate) fn cut(&mut self, from: NodeId, to: NodeId) {
        self.cut.insert((from, to));
    }

    pub(crate) fn mend(&mut self) {
        self.cut.clear();
    }

    pub(crate) fn fate(&mut self, from: NodeId, to: NodeId, seed: &mut Seed) -> Fate {
        if self.cut.contains(&(from, to)) || seed.chance(self.settings.loss, 1000) {
            return Fate::Lost;
        }
        let first = self.delay(seed);
        let second = seed.chance(self.settings.duplicate, 1000).then(|| self.delay(seed));
        Fate::Arrives(first, second)
    }

    fn delay(&self, seed: &mut Seed) -> Duration {
        let settings = &self.settings;
        let within = |d: Duration, seed: &mut Seed| {
            Duration::from_nanos(seed.below(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX).saturating_add(1)))
        };
        let mut delay = settings.latency_min + within(settings.latency_max.saturating_sub(settings.latency_min), seed);
        if seed.chance(settings.reorder, 1000) {
            delay += within(settings.reorder_by, seed);
        }
        delay
    }
}
