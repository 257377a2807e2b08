//! What `ip` can do, without running it: interfaces, addresses, routes, rules, neighbours, and a watch on their changes.
//!
//! The libraries below change their shape often, so none of their types leave this module. A connection belongs to the
//! network namespace of the thread that opened it, for ever: open it on a thread that is inside.

mod address;
mod batch;
mod cidr;
mod encap;
mod link;
mod mac;
mod neighbour;
mod route;
mod rule;
mod tuning;
mod usable;
mod watch;

use std::io;

use futures_util::stream::{Stream, StreamExt};
use nix::errno::Errno;
use tokio::task::JoinHandle;

pub use address::{Address, AddressRequest, Broadcast, Flags, Scope};
pub use batch::{Batch, Request};
pub use cidr::{BadCidr, Cidr};
pub use encap::{Encap, Tunnel};
pub use link::{Link, MacvlanMode};
pub use mac::{BadMac, Mac};
pub use neighbour::Neighbour;
pub use route::{Hop, Place, Preference, Realm, Route, RouteKind};
pub use rule::{Family, Rule, RuleAction};
pub use tuning::{Tuned, Tuning};
pub use watch::{Change, Watch};

/// The number the kernel gives an interface; it may be reused after the interface is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Index(pub u32);

/// One connection to the kernel's routing part. Requests may run at the same time.
#[derive(Debug)]
pub struct Netlink {
    handle: rtnetlink::Handle,
    driver: JoinHandle<()>,
}

/// What was asked, and why it did not happen.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// The kernel said no.
    #[error("{asked}: {}", .errno.desc())]
    Refused { asked: String, errno: Errno },
    /// The connection or the answer is broken.
    #[error("{asked}: {reason}")]
    Broken { asked: String, reason: String },
}

impl Netlink {
    /// Opens a connection for the network namespace of this thread. Needs a tokio runtime with I/O.
    pub fn open() -> io::Result<Self> {
        let (connection, handle, _) = rtnetlink::new_connection()?;
        Ok(Self {
            handle,
            driver: tokio::spawn(connection),
        })
    }

    /// Opens a connection on this thread, runs one job with it, and closes it: for callers without a runtime.
    pub fn blocking<T>(job: impl AsyncFnOnce(&Self) -> Result<T, NetlinkError>) -> Result<T, NetlinkError> {
        let broken = |error: io::Error| NetlinkError::Broken {
            asked: "open netlink".into(),
            reason: error.to_string(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(broken)?;
        runtime.block_on(async {
            let netlink = Self::open().map_err(broken)?;
            job(&netlink).await
        })
    }
}

impl Drop for Netlink {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl NetlinkError {
    fn from_library(asked: String, error: rtnetlink::Error) -> Self {
        match error {
            rtnetlink::Error::NetlinkError(message) => Self::Refused {
                asked,
                errno: Errno::from_raw(message.raw_code().saturating_abs()),
            },
            other => Self::Broken {
                asked,
                reason: other.to_string(),
            },
        }
    }

    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Refused { errno, .. } => Some(*errno),
            Self::Broken { .. } => None,
        }
    }
}

/// Adds what was asked to an outcome of the library.
trait Asked<T> {
    fn asked(self, what: impl FnOnce() -> String) -> Result<T, NetlinkError>;
}

impl<T> Asked<T> for Result<T, rtnetlink::Error> {
    fn asked(self, what: impl FnOnce() -> String) -> Result<T, NetlinkError> {
        self.map_err(|error| NetlinkError::from_library(what(), error))
    }
}

/// Collects a dump; one that the kernel interrupted is an error, not a shorter list.
async fn collect<M, T>(
    asked: &str,
    dump: impl Stream<Item = Result<M, rtnetlink::Error>>,
    read: impl Fn(&M) -> Option<T>,
) -> Result<Vec<T>, NetlinkError> {
    let mut dump = std::pin::pin!(dump);
    let mut list = Vec::new();
    while let Some(item) = dump.next().await {
        list.extend(read(&item.asked(|| asked.to_string())?));
    }
    Ok(list)
}
