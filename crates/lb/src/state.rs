//! State that survives the process: read at the start, written while it runs and when it ends.
//!
//! Whatever it is read from (our own file, HAProxy's two) becomes one [`Snapshot`], and there is one way to go on with it
//! ([`Past`]). It is taken on the control runtime a piece at a time and written on a thread of its own, so no connection
//! waits for a disk.

mod files;
mod restore;
mod take;

use std::rc::Rc;
use std::time::{Duration, Instant};

use tandem_lb_config::Plan;
use tandem_lb_core::snapshot::Snapshot;
use tandem_lb_core::snapshot::stats_file::StatsFile;
use tandem_ops::safe_file::{SafeFile, Stored};
use tandem_time::Mono;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

pub(crate) use take::{Counted, Scene};

/// What the clock shows at the start, so that it can be said when something changed that is older than the process.
pub(crate) const START: Mono = Mono::from_millis(10 * 365 * 86_400 * 1_000);

/// How often it is written when the configuration does not say.
const EVERY: Duration = Duration::from_secs(10);

/// An order of an operator is written sooner than the next turn.
const SOON: Duration = Duration::from_secs(1);

/// Writing may take this share of the time.
const SHARE: u32 = 50;

/// What earlier processes left.
#[derive(Debug, Default)]
pub(crate) struct Past {
    pub(crate) own: Snapshot,
    /// HAProxy's states of servers; what our own says of a server counts more.
    servers: Snapshot,
    stats: StatsFile,
}

/// Where our own file goes.
#[derive(Debug)]
pub(crate) struct Archive {
    file: SafeFile,
    /// `None` is usual, and no more than a share of the time.
    every: Option<Duration>,
    /// How it went the last time; it is not said again and again.
    last: Last,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Done,
    Failed,
    /// Another process has the file.
    NotOurs,
}

/// Reads all that there is. What cannot be used is said and left out: a start never fails for it.
pub(crate) fn recall(plan: &Plan) -> (Past, Option<Archive>) {
    let mut archive = files::archive(&plan.global.state);
    let past = Past {
        own: archive.as_mut().map(|a| files::own(&mut a.file)).unwrap_or_default(),
        servers: files::servers(plan),
        stats: files::stats(plan.global.state.stats.as_deref()),
    };
    (past, archive)
}

impl Past {
    /// What a predecessor has said itself.
    pub(crate) fn of(own: Snapshot) -> Past {
        Past { own, ..Past::default() }
    }
}

/// The writing that goes on beside everything else.
pub(crate) struct Keeping {
    scene: Scene,
    enough: Rc<Notify>,
    writer: JoinHandle<Option<Archive>>,
}

impl Keeping {
    /// Writes what is there now, and then again and again.
    pub(crate) fn begin(archive: Archive, scene: Scene) -> Keeping {
        let enough = Rc::<Notify>::default();
        Keeping {
            writer: tokio::task::spawn_local(archive.keep(scene.clone(), enough.clone())),
            scene,
            enough,
        }
    }

    /// Another process has it from now on.
    pub(crate) fn leave(self) {
        self.writer.abort();
    }

    /// Writes one last time.
    pub(crate) async fn end(self) {
        self.enough.notify_one();
        if let Ok(Some(archive)) = self.writer.await {
            archive.write(self.scene.take().await).await;
        }
    }
}

impl Archive {
    /// Until it was enough. A file that another process has is asked for again and again.
    async fn keep(mut self, scene: Scene, enough: Rc<Notify>) -> Option<Archive> {
        loop {
            let (began, seen) = (Instant::now(), scene.orders());
            self = self.write(scene.take().await).await?;
            let pause = match self.last {
                Last::NotOurs => SOON,
                _ => self.every.unwrap_or_else(|| EVERY.max(began.elapsed() * SHARE)),
            };
            let due = began + pause;
            while Instant::now() < due && (pause <= SOON || scene.orders() == seen) {
                let step = SOON.min(due.saturating_duration_since(Instant::now()));
                if tokio::time::timeout(step, enough.notified()).await.is_ok() {
                    return Some(self);
                }
            }
        }
    }

    /// `None` only when the thread that wrote it has panicked.
    async fn write(self, snapshot: Snapshot) -> Option<Archive> {
        let Archive { mut file, every, last } = self;
        let written = tokio::task::spawn_blocking(move || {
            let stored = file.store(&snapshot.to_bytes());
            (file, stored)
        });
        let (file, stored) = written.await.ok()?;
        let now = match &stored {
            Ok(Stored::Done) => Last::Done,
            Ok(Stored::NotOurs) => Last::NotOurs,
            Err(_) => Last::Failed,
        };
        let path = file.path().display();
        match stored {
            _ if now == last => {}
            Ok(Stored::Done) => tracing::info!("{path}: the state is written by this process"),
            Ok(Stored::NotOurs) => tracing::info!("{path}: another process has it, and writes its own state there"),
            Err(error) => tracing::warn!("{path}: the state cannot be written: {error}"),
        }
        Some(Archive { file, every, last: now })
    }
}
