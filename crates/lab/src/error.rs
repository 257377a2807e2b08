//! What can go wrong in a lab, and what may simply not be there.

use std::io;
use std::time::Duration;

use tandem_sys::netlink::NetlinkError;
use tandem_sys::netns::Refusal;

/// Something the lab needs and this machine does not have. A test prints `SKIP <what> <why>` and passes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct Missing {
    pub what: String,
    pub why: String,
}

#[derive(Debug, thiserror::Error)]
pub enum LabError {
    #[error("missing {0}")]
    Missing(#[from] Missing),
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    #[error("{doing}: {source}")]
    System { doing: String, source: io::Error },
    #[error("nft: {0}")]
    Nft(String),
    /// A condition that a deadline ended; what was seen until then is part of the message.
    #[error("not within {within:?}: {awaited}{seen}")]
    TooLate {
        awaited: String,
        within: Duration,
        seen: String,
    },
}

impl Missing {
    pub fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            why: why.into(),
        }
    }
}

impl From<Refusal> for Missing {
    fn from(refusal: Refusal) -> Self {
        Self::new("namespaces", refusal.to_string())
    }
}

/// Says what was being done when the system refused.
pub(crate) trait Doing<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, LabError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, LabError> {
        self.map_err(|source| LabError::System { doing: what(), source })
    }
}
