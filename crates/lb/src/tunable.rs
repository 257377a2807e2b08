//! A number of the configuration that an operator may change while the process runs.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use tandem_lb_core::backend::Tuned;

/// Each change returns what it was before.
#[derive(Debug, Default)]
pub(crate) struct Tunable {
    now: AtomicU32,
    /// What the configuration says.
    configured: AtomicU32,
}

impl Tunable {
    pub(crate) fn new(configured: u32) -> Tunable {
        Tunable {
            now: AtomicU32::new(configured),
            configured: AtomicU32::new(configured),
        }
    }

    pub(crate) fn now(&self) -> u32 {
        self.now.load(Relaxed)
    }

    pub(crate) fn set(&self, now: u32) -> u32 {
        self.now.swap(now, Relaxed)
    }

    /// What the configuration has come to say, whatever an operator has said before.
    pub(crate) fn configure(&self, configured: u32) -> u32 {
        self.configured.store(configured, Relaxed);
        self.set(configured)
    }

    /// What an operator has said, where that is not what the configuration says.
    pub(crate) fn order(&self) -> Option<Tuned<u32>> {
        let (now, configured) = (self.now(), self.configured.load(Relaxed));
        (now != configured).then_some(Tuned { now, configured })
    }

    /// Goes on with what was said to another process, unless the configuration has changed since.
    pub(crate) fn follow(&self, order: Option<Tuned<u32>>) -> u32 {
        let now = order.map_or(self.now(), |order| order.under(self.configured.load(Relaxed)));
        self.set(now)
    }
}
