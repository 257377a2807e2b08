//! What happens to the master.

use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

use super::setting::Setting;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Event {
    /// It is stopped in good order
    Sigterm,
    /// All its processes die at once
    KillAll,
    /// One process dies: Keepalived's worker, which its parent starts again; ours, as a service manager starts it again
    KillOne,
    /// Its interface is taken down
    LinkDown,
    /// Its cable is pulled
    CarrierLost,
    /// Its network loses every packet and nobody notices; then it heals
    Blackhole,
    /// Somebody removes the virtual address
    AddressDeleted,
    /// It reads its configuration again, with one more address
    Reload,
}

/// Keepalived announces its addresses a second time after five seconds, and clients that believed the wrong router are
/// right then at the latest.
const HEALING: Duration = Duration::from_secs(6);

impl Event {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Sigterm => "SIGTERM",
            Self::KillAll => "kill -9 of all",
            Self::KillOne => "kill -9 of one",
            Self::LinkDown => "link down",
            Self::CarrierLost => "carrier lost",
            Self::Blackhole => "blackhole",
            Self::AddressDeleted => "VIP deleted",
            Self::Reload => "reload",
        }
    }

    /// The other router has to take over.
    pub(super) const fn moves(self) -> bool {
        match self {
            Self::Sigterm | Self::KillAll | Self::LinkDown | Self::CarrierLost | Self::Blackhole => true,
            Self::KillOne | Self::AddressDeleted | Self::Reload => false,
        }
    }

    /// How long to look on after the other has taken over, or after the event where it need not.
    pub(super) fn watch(self, setting: Setting) -> Duration {
        let round = Duration::from_millis(400) + setting.interval();
        match self {
            // A worker that starts again waits for a whole down interval, and its peer takes over meanwhile.
            Self::KillOne => 2 * setting.down() + round,
            Self::AddressDeleted | Self::Reload => setting.down() + round,
            _ => round,
        }
    }

    /// How long to look on after it was undone.
    pub(super) fn healing(self) -> Option<Duration> {
        (self == Self::Blackhole).then_some(HEALING)
    }

    /// Clients are to notice nothing when ours meets this.
    pub(super) const fn is_planned(self) -> bool {
        matches!(self, Self::Sigterm | Self::Reload)
    }

    /// A process of ours dies.
    pub(super) const fn is_crash(self) -> bool {
        matches!(self, Self::KillAll | Self::KillOne)
    }
}
