//! Looks how full the disk is. While it is fuller than it may be, or the journal finds no room for its next segments, the broker
//! holds producers back; whoever takes messages away makes room. What is larger than all the room there is would wait for ever,
//! and all others behind it: the broker refuses that.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tandem_mq_core::broker::Input;
use tandem_mq_store::{Room, Settings};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::hub::{Hub, Order};

const EVERY: Duration = Duration::from_secs(1);
/// Nothing that is sent is larger: whoever has more room need not say how much.
const LARGEST: u64 = 1 << 30;

/// What the broker is told of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outlook {
    is_full: bool,
    room: usize,
}

/// What is asked whether the disk is full.
pub(crate) struct Guard {
    pub(crate) data_dir: PathBuf,
    /// In hundredths; with 100 only when there is no room.
    pub(crate) most: watch::Receiver<u8>,
    /// The journal's word.
    pub(crate) journal: watch::Receiver<bool>,
    pub(crate) told: Outlook,
}

impl Guard {
    /// Until the node ends.
    pub(crate) async fn run(mut self, hub: Hub) {
        loop {
            let most = *self.most.borrow_and_update();
            let seen = Outlook::of(&self.data_dir, most).unwrap_or(self.told);
            let outlook = seen.and(*self.journal.borrow_and_update());
            if outlook != self.told && !hub.tell(Order::Ask(outlook.input())).await {
                return;
            }
            self.told = outlook;
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

impl Outlook {
    /// Before anybody has looked.
    pub(crate) const UNKNOWN: Outlook = Outlook {
        is_full: false,
        room: usize::MAX,
    };

    /// `None` for a file system that does not say how full it is: it does not get fuller by that.
    pub(crate) fn of(data_dir: &Path, most: u8) -> Option<Outlook> {
        match Room::of(data_dir) {
            Ok(room) => Some(Outlook::seen(room, most)),
            Err(error) => {
                tracing::warn!("{}: how full is it? {error}", data_dir.display());
                None
            }
        }
    }

    fn seen(room: Room, most: u8) -> Outlook {
        // What is no larger than one of the journal's files finds room when others have gone.
        let file = Settings::for_disk(room.size).segment;
        Outlook {
            is_full: most < 100 && room.percent() >= most,
            room: usize::try_from(room.available.clamp(file, LARGEST)).unwrap_or(usize::MAX),
        }
    }

    /// And the journal says that it is full.
    pub(crate) fn and(self, is_full: bool) -> Outlook {
        Outlook {
            is_full: self.is_full || is_full,
            ..self
        }
    }

    pub(crate) fn input(self) -> Input {
        Input::Disk {
            full: self.is_full,
            room: self.room,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEGABYTE: u64 = 1 << 20;

    #[test]
    fn the_journal_alone_says_when_there_is_no_room() {
        for (available, most, is_full, room) in [
            (4000, 90, false, 1024),
            (300, 90, false, 300),
            (100, 90, true, 100),
            (31, 100, false, 31),
            (0, 100, false, 16),
        ] {
            let of = Room {
                size: 2000 * MEGABYTE,
                available: available * MEGABYTE,
                used: 1000 * MEGABYTE,
            };
            let outlook = Outlook::seen(of, most);
            assert_eq!(outlook.is_full, is_full, "{available} {most}");
            assert_eq!(outlook.room as u64, room * MEGABYTE, "{available} {most}");
            assert!(outlook.and(true).is_full);
        }
    }
}
