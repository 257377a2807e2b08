//! Looks how full the disk is. While it is fuller than it may be, or the journal finds no room for its next segments, the broker
//! holds producers back; whoever takes messages away makes room.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tandem_mq_core::broker::Input;
use tandem_mq_store::{Room, Settings};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::hub::{Hub, Order};

const EVERY: Duration = Duration::from_secs(1);

/// What is asked whether the disk is full.
pub(crate) struct Guard {
    pub(crate) data_dir: PathBuf,
    /// In hundredths; with 100 only when there is no room.
    pub(crate) most: watch::Receiver<u8>,
    /// The journal's word.
    pub(crate) journal: watch::Receiver<bool>,
    pub(crate) was_full: bool,
}

impl Guard {
    /// Until the node ends.
    pub(crate) async fn run(mut self, hub: Hub) {
        loop {
            let most = *self.most.borrow_and_update();
            let full = *self.journal.borrow_and_update() || is_full(&self.data_dir, most).unwrap_or(self.was_full);
            if full != self.was_full && !hub.tell(Order::Ask(Input::Disk { full })).await {
                return;
            }
            self.was_full = full;
            let changed = tokio::select! {
                () = sleep(EVERY) => Ok(()),
                changed = self.most.changed() => changed,
                changed = self.journal.changed() => changed,
            };
            if changed.is_err() {
                return;
            }
        }
    }
}

/// Whether producers should wait. A file system that does not say how full it is does not get fuller by that.
pub(crate) fn is_full(data_dir: &Path, most: u8) -> Option<bool> {
    match Room::of(data_dir) {
        Ok(room) => {
            // Two of the journal's files more must always find room.
            let least = Settings::for_disk(room.size).segment * 2;
            Some(room.available < least || (most < 100 && room.percent() >= most))
        }
        Err(error) => {
            tracing::warn!("{}: how full is it? {error}", data_dir.display());
            None
        }
    }
}
