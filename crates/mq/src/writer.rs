//! The journal's thread: takes what waits, writes it with one sync, says so. While the disk works, the next batch collects.
//! When nobody waits it makes ready what comes next.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tandem_mq_core::broker::Input;
use tandem_mq_core::{Lsn, Record};
use tandem_mq_store::{CommitError, Folder, Line};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use crate::hub::{Hub, Order, Records};
use crate::tally::Tally;

/// The most bytes that one sync waits for.
const BATCH: usize = 4 << 20;
/// After so long without a record the last ones are said to be safe.
const QUIET: Duration = Duration::from_millis(100);
/// How often a full disk is tried again.
const AGAIN: Duration = Duration::from_secs(1);

pub(crate) type Thread = JoinHandle<Result<(), CommitError>>;

/// Starts the thread. It ends, with everything on disk, when all senders are gone, or when the disk fails; `ended` hears
/// of both, `full` of whether the journal has room.
pub(crate) fn spawn(
    line: Line<Folder>,
    hub: Hub,
    tally: Arc<Tally>,
    full: watch::Sender<bool>,
    ended: oneshot::Sender<()>,
) -> io::Result<(Records, Thread)> {
    let (records, inbox) = mpsc::unbounded_channel();
    let runtime = Builder::new_current_thread().enable_time().build()?;
    let work = move || {
        let writer = Writer {
            line,
            inbox,
            hub,
            tally,
            full,
            told: Lsn::default(),
            looked: Instant::now(),
        };
        let outcome = writer.run(&runtime);
        ended.send(()).ok();
        outcome
    };
    let thread = std::thread::Builder::new().name("journal".to_owned()).spawn(work)?;
    Ok((records, thread))
}

struct Writer {
    line: Line<Folder>,
    inbox: mpsc::UnboundedReceiver<(Lsn, Record)>,
    hub: Hub,
    tally: Arc<Tally>,
    full: watch::Sender<bool>,
    /// What the broker knows to be on disk.
    told: Lsn,
    /// When it was last tried whether a full disk has room again.
    looked: Instant,
}

impl Writer {
    fn run(mut self, runtime: &Runtime) -> Result<(), CommitError> {
        self.tally.committed(0, self.line.capacity());
        loop {
            let mut records = 0;
            match self.next(runtime) {
                Ok(Some((lsn, record))) => records = self.take(lsn, record)?,
                Ok(None) => return self.line.rest(),
                Err(_) => self.line.rest()?,
            }
            // Also while others who need no room come again and again.
            if self.line.is_full() && self.looked.elapsed() >= AGAIN {
                self.looked = Instant::now();
                self.line.look_again();
            }
            let stored = self.line.commit()?;
            self.tally.committed(records, self.line.capacity());
            if stored > self.told {
                self.told = stored;
                self.hub.tell_from_thread(Order::Ask(Input::Stored { upto: stored }));
            }
            self.line.prepare()?;
            let full = self.line.is_full();
            self.full.send_if_modified(|was| std::mem::replace(was, full) != full);
        }
    }

    /// The next record, unless it is time to do something without one; none when all senders are gone.
    fn next(&mut self, runtime: &Runtime) -> Result<Option<(Lsn, Record)>, Elapsed> {
        if let Ok(next) = self.inbox.try_recv() {
            return Ok(Some(next));
        }
        if self.line.is_at_rest() {
            return Ok(self.inbox.blocking_recv());
        }
        let patience = if self.line.is_full() { AGAIN } else { QUIET };
        runtime.block_on(async { timeout(patience, self.inbox.recv()).await })
    }

    /// This one and those that wait already; says how many.
    fn take(&mut self, lsn: Lsn, record: Record) -> Result<u64, CommitError> {
        self.line.take(lsn, record)?;
        let mut records = 1;
        while self.line.pending() < BATCH
            && let Ok((lsn, record)) = self.inbox.try_recv()
        {
            self.line.take(lsn, record)?;
            records += 1;
        }
        Ok(records)
    }
}
