//! What passes between the thread that decides and the rest of the process. Both ways are bounded, and the brain never
//! waits for either.

use std::net::IpAddr;
use std::time::Duration;

use tandem_vrrp_core::settings::{InstanceId, TrackerId};
use tandem_vrrp_core::{DropReason, Event, Notice, Observation, Partner, Release, Subject, Who};
use tokio::sync::{mpsc, oneshot};

use super::Assignment;
use crate::around::Around;
use crate::snapshot::Snapshot;

/// To the brain.
#[derive(Debug)]
pub(crate) enum Order {
    Observed {
        tracker: TrackerId,
        observation: Observation,
    },
    Release {
        who: Who,
        why: Release,
    },
    /// When its addresses leave, they stay on this host for so long at most, unheard, for the connections that it has.
    Keep {
        instance: InstanceId,
        seconds: u32,
    },
    KeepNoMore {
        instance: InstanceId,
    },
    Resume {
        who: Who,
    },
    Witnesses {
        instance: InstanceId,
        reachable: usize,
    },
    /// What the other host of the pair says of itself.
    Partner {
        instance: InstanceId,
        partner: Option<Partner>,
    },
    /// The wall clock was stepped.
    WallClock {
        unix: Duration,
    },
    /// The other host of the pair leaves and named us.
    TakeOver {
        instance: InstanceId,
        /// Whether it does.
        willing: oneshot::Sender<bool>,
    },
    ClearStatistics,
    Assign(Box<Assignment>),
    Show(oneshot::Sender<Snapshot>),
    ShowAround(oneshot::Sender<Around>),
    /// All is released; end when the kernel has answered.
    End,
    /// End, and leave everything as it is.
    Leave,
}

/// From the brain.
#[derive(Debug)]
pub(crate) enum Report {
    Event {
        instance: Option<InstanceId>,
        event: Event,
    },
    Drop {
        instance: Option<InstanceId>,
        source: IpAddr,
        vrid: Option<u8>,
        reason: DropReason,
    },
    Notify {
        subject: Subject,
        notice: Notice,
        priority: u8,
    },
    /// For those who want to know everything.
    Detail(String),
    /// Something that was decided could not be carried out.
    Trouble(String),
    AskWitnesses {
        instance: InstanceId,
    },
    NameSuccessor {
        instance: InstanceId,
        successor: Option<IpAddr>,
    },
    Released {
        instance: InstanceId,
    },
    /// A process before us has left its addresses here, for connections.
    Kept {
        instance: InstanceId,
    },
}

/// The brain's end of the way out.
#[derive(Debug)]
pub(super) struct Reports {
    to: mpsc::Sender<Report>,
    lost: u64,
}

impl Reports {
    pub(super) fn new(to: mpsc::Sender<Report>) -> Reports {
        Reports { to, lost: 0 }
    }

    /// Drops it when nobody keeps up: adverts matter more than the news of them.
    pub(super) fn send(&mut self, report: Report) {
        if self.to.try_send(report).is_err() {
            self.lost += 1;
        }
    }

    pub(super) fn trouble(&mut self, what: impl std::fmt::Display) {
        self.send(Report::Trouble(what.to_string()));
    }

    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }
}
