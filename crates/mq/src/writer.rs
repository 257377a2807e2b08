//! The journal's thread: takes what waits, writes it with one sync, says so. While the disk works, the next batch collects.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use tandem_mq_core::broker::Input;
use tandem_mq_core::{Lsn, Record};
use tandem_mq_store::{CommitError, Folder, Journal};
use tokio::sync::{mpsc, oneshot};

use crate::hub::{Hub, Order, Records};
use crate::tally::Tally;

/// The most bytes that one sync waits for.
const BATCH: usize = 4 << 20;

pub(crate) type Thread = JoinHandle<Result<(), CommitError>>;

/// Starts the thread. It ends, with everything on disk, when all senders are gone, or when the disk fails; `ended` hears
/// of both.
pub(crate) fn spawn(
    journal: Journal<Folder>,
    hub: Hub,
    tally: Arc<Tally>,
    ended: oneshot::Sender<()>,
) -> io::Result<(Records, Thread)> {
    let (records, inbox) = mpsc::unbounded_channel();
    let work = move || {
        let outcome = run(journal, inbox, &hub, &tally);
        ended.send(()).ok();
        outcome
    };
    let thread = std::thread::Builder::new().name("journal".to_owned()).spawn(work)?;
    Ok((records, thread))
}

fn run(
    mut journal: Journal<Folder>,
    mut inbox: mpsc::UnboundedReceiver<(Lsn, Record)>,
    hub: &Hub,
    tally: &Tally,
) -> Result<(), CommitError> {
    tally.committed(0, journal.capacity());
    while let Some((mut upto, record)) = inbox.blocking_recv() {
        let mut records = 1;
        journal.append(&record)?;
        while journal.pending() < BATCH
            && let Ok((lsn, record)) = inbox.try_recv()
        {
            journal.append(&record)?;
            upto = lsn;
            records += 1;
        }
        journal.commit()?;
        tally.committed(records, journal.capacity());
        hub.tell_from_thread(Order::Ask(Input::Stored { upto }));
    }
    Ok(())
}
