//! Looks how full the disk is. While it is fuller than it may be the broker holds producers back, long before a write
//! fails, which would end the node; whoever takes messages away makes room.

use std::path::PathBuf;
use std::time::Duration;

use tandem_mq_core::broker::Input;
use tandem_mq_store::Room;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::hub::{Hub, Order};

const EVERY: Duration = Duration::from_secs(1);

/// Until the node ends.
pub(crate) async fn run(hub: Hub, data_dir: PathBuf, mut most: watch::Receiver<u8>) {
    let mut was_full = false;
    loop {
        let most_now = *most.borrow_and_update();
        // A file system that does not say how full it is does not get fuller by that.
        let full = match Room::of(&data_dir) {
            Ok(room) => most_now < 100 && room.percent() >= most_now,
            Err(error) => {
                tracing::warn!("{}: how full is it? {error}", data_dir.display());
                was_full
            }
        };
        if full != was_full && !hub.tell(Order::Ask(Input::Disk { full })).await {
            return;
        }
        was_full = full;
        // The setting may be another one meanwhile.
        if let Ok(Err(_)) = timeout(EVERY, most.changed()).await {
            return;
        }
    }
}
