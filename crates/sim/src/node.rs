//! What runs on the LAN: a machine, and the clock it believes.

use std::time::Duration;

use tandem_time::Mono;

use crate::SegmentId;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub usize);

/// A core as the world sees it: the four verbs.
pub trait Machine {
    /// What travels: bytes, or something that stands for them.
    type Frame: Clone + std::fmt::Debug;
    /// What the test wants to know, beside the frames.
    type Note: std::fmt::Debug;

    fn receive(&mut self, delivery: Delivery<'_, Self::Frame>, now: Mono);
    fn poll_effect(&mut self) -> Option<Effect<Self::Frame, Self::Note>>;
    fn poll_deadline(&self) -> Option<Mono>;
    fn on_deadline(&mut self, now: Mono);
}

/// A frame that arrives.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a, F> {
    pub from: NodeId,
    pub segment: SegmentId,
    pub frame: &'a F,
}

/// What a machine does to the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect<F, N> {
    Send { segment: SegmentId, to: Target, frame: F },
    Note(N),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Everybody,
    Node(NodeId),
}

/// A clock that starts at its own zero and runs at its own rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    born: Mono,
    /// Parts per million fast (or slow).
    ppm: i32,
}

impl Clock {
    pub const fn new(born: Mono, ppm: i32) -> Clock {
        Clock { born, ppm }
    }

    /// World time to the node's.
    pub fn local(&self, world: Mono) -> Mono {
        Mono::ZERO + scale(world.since(self.born), 1_000_000 + i64::from(self.ppm), 1_000_000)
    }

    /// The first world time at which the node's clock has reached `local`.
    pub fn world(&self, local: Mono) -> Mono {
        if local == Mono::FAR {
            return Mono::FAR;
        }
        let rate = 1_000_000 + i64::from(self.ppm);
        let mut at = self.born + scale(local.since(Mono::ZERO), 1_000_000, rate);
        while self.local(at) < local {
            at += Duration::from_nanos(1);
        }
        at
    }
}

fn scale(d: Duration, times: i64, over: i64) -> Duration {
    let nanos = d.as_nanos() * u128::from(times.unsigned_abs()) / u128::from(over.unsigned_abs().max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_never_early_and_hardly_late() {
        for ppm in [-50_000, -100, 0, 37, 50_000] {
            let clock = Clock::new(Mono::from_millis(5), ppm);
            for nanos in [0, 1, 999, 1_000_001, 3_609_375_000] {
                let local = Mono::from_nanos(nanos);
                let world = clock.world(local);
                assert!(clock.local(world) >= local);
                assert!(clock.local(world).since(local) <= Duration::from_nanos(2));
            }
        }
    }
}
