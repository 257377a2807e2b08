//! What is counted of queues.

/// What happened to a queue's messages since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub added: u64,
    /// Handed to a consumer, again and again where it came back.
    pub delivered: u64,
    pub acknowledged: u64,
    pub expired: u64,
    pub dead: u64,
    /// Gone because there were too many.
    pub dropped: u64,
}

/// What all queues hold together, and what has happened to it since the node began: kept with each change, so that whoever
/// looks walks over none of them.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    pub(crate) ready: usize,
    pub(crate) in_flight: usize,
    pub(crate) counts: Counts,
    /// What those hold that [are passing](super::Queue::is_passing), in bytes.
    pub(crate) passing: usize,
}
