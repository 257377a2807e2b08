//! Everything the world can tell a router.

use std::net::IpAddr;
use std::time::Duration;

use crate::packet::Datagram;
use crate::settings::{InstanceId, RouterSettings, TrackerId};

#[derive(Clone, Debug, PartialEq)]
pub enum Input<'a> {
    /// What was found on the interfaces has been told; begin.
    Start,
    /// A packet came from a socket on this interface (`None`: a unicast socket that is bound to none).
    Packet {
        interface: Option<&'a str>,
        datagram: Datagram<'a>,
    },
    /// An interface is up and running, or is not, or is gone. Unknown counts as down.
    Link { interface: &'a str, up: bool },
    /// The address that adverts of this instance leave from; `None` when the interface has none of its family, or not the
    /// one that the settings ask for.
    Source {
        instance: InstanceId,
        address: Option<IpAddr>,
    },
    /// The same under the next `Settings`, which may ask for another one. It counts with them.
    NextSource {
        instance: InstanceId,
        address: Option<IpAddr>,
    },
    /// Nobody listens for what this instance has to hear, or somebody does again. It may be one that the next `Settings`
    /// bring.
    Deaf { instance: InstanceId, deaf: bool },
    /// Before `Start`: the addresses of this instance are on the interface. A fresh journal says that we put them there
    /// a moment ago and served them.
    Found { instance: InstanceId, fresh_journal: bool },
    /// Something that is tracked was looked at.
    Observed {
        tracker: TrackerId,
        observation: Observation,
    },
    /// Somebody else removed an address that we hold.
    AddressLost { instance: InstanceId, address: IpAddr },
    /// Somebody else announced an address by gratuitous ARP or unsolicited NA on the network of this instance.
    AnnouncementSeen { instance: InstanceId, address: IpAddr },
    /// Somebody else answered the question of [`crate::Output::AskHolder`].
    HolderSeen { instance: InstanceId, address: IpAddr },
    /// Give up the addresses without a gap.
    Release { who: Who, why: Release },
    /// After `Release::Drain`, or on the way out: take part again.
    Resume { who: Who },
    /// The master named us its successor, over an authenticated link.
    TakeOver { instance: InstanceId },
    /// What the other host of the pair says of itself, over a link of its own that is no VRRP; again and again while it is
    /// so. `None`: nothing is heard of it any more.
    Partner {
        instance: InstanceId,
        partner: Option<Partner>,
    },
    /// The answer to [`crate::Output::AskWitnesses`]: so many answered.
    Witnesses { instance: InstanceId, reachable: usize },
    /// The wall clock, for the HMAC trailer; told at start and when it was stepped.
    WallClock { unix: Duration },
    /// Count from zero again.
    ClearStatistics,
    /// A reload. What is recognised by its id keeps its state. Links of what is new are told before, and where everybody
    /// will speak from.
    Settings(Box<RouterSettings>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    All,
    One(InstanceId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// The daemon ends.
    Stop,
    /// Stay out until told otherwise.
    Drain,
    /// Let another be master; come back only when it is gone. A named successor takes over at once.
    Handover { successor: Option<IpAddr> },
}

impl Release {
    /// Whoever leaves for good does not come back because it was asked to leave for a while, too.
    pub(crate) const fn says_less_than(self, other: Release) -> bool {
        match self {
            Release::Handover { .. } => true,
            Release::Drain => !matches!(other, Release::Handover { .. }),
            Release::Stop => false,
        }
    }
}

/// The same virtual router on the other host of the pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partner {
    pub stand: Stand,
    pub priority: u8,
    /// Where its adverts come from.
    pub source: Option<IpAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    Master,
    /// It would be master and is not, because this link tells it that we are.
    Yielded,
    /// It has said goodbye and still serves.
    Leaving,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observation {
    Script(ScriptOutcome),
    /// A file's number; `None` when it is absent or holds none.
    Number(Option<i64>),
    /// How many processes match.
    Processes(u32),
    /// A route exists, a BFD session is up, a condition of the balancer holds.
    Holds(bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptOutcome {
    Exited(i32),
    Signalled(i32),
    TimedOut,
    /// It could not be run at all. A failure, unlike in Keepalived, where it counts as success.
    CouldNotRun,
}

impl ScriptOutcome {
    pub const fn succeeded(self) -> bool {
        matches!(self, ScriptOutcome::Exited(0))
    }
}
