//! Who stayed in a process that has a successor is counted there: the successor is told what comes, and its figures go on as
//! if they had moved.

use std::time::{Duration, Instant};

use tandem_lb_core::handover::Message;
use tandem_lb_core::snapshot::Snapshot;
use tokio::time::timeout;

use super::link::{Link, LinkError};
use super::take::Pieces;
use crate::state::{Counted, Scene};

/// A large state goes in pieces of this size.
pub(super) const PIECE: usize = 256 * 1024;

/// How long the successor may need to take a report.
const TAKING: Duration = Duration::from_secs(5);

/// How often it is told; seldomer where looking takes long.
const OFTEN: Duration = Duration::from_secs(1);
const REST: u32 = 20;

/// The old process's side.
pub(crate) struct Afterwards {
    link: Link,
    told: Counted,
}

/// The successor's.
pub(crate) struct Aftermath {
    link: Link,
}

impl Afterwards {
    pub(super) const fn new(link: Link, told: Counted) -> Afterwards {
        Afterwards { link, told }
    }

    /// Tells what has come since the last time, and how long to rest then.
    pub(super) async fn tell(self, scene: &Scene) -> Result<(Afterwards, Duration), LinkError> {
        let began = Instant::now();
        let Afterwards { link, told } = self;
        let (more, told) = scene.counted_since(told).await;
        if more.has_counts() {
            let sent = timeout(TAKING, async {
                for piece in more.to_bytes().chunks(PIECE) {
                    link.send(&Message::Counters(piece.to_vec()), &[]).await?;
                }
                link.send(&Message::Ended, &[]).await
            });
            sent.await.map_err(|_| LinkError::TooLong)??;
        }
        let rest = OFTEN.max(began.elapsed() * REST);
        Ok((Afterwards { link, told }, rest))
    }
}

impl Aftermath {
    pub(super) const fn new(link: Link) -> Aftermath {
        Aftermath { link }
    }

    /// What has come meanwhile. An error is the end of the process before this one.
    pub(crate) async fn next(&mut self) -> Result<Snapshot, LinkError> {
        let mut counted = Pieces::default();
        loop {
            match self.link.receive().await?.0 {
                Message::Counters(piece) => counted.add(&piece)?,
                Message::Ended => return counted.whole(),
                _ => return Err(LinkError::OutOfTurn),
            }
        }
    }
}
