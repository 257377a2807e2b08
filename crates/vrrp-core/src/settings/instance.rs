//! One virtual router: who it is, how it speaks, and its policy.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU8;
use std::sync::Arc;
use std::time::Duration;

use super::{
    AuthV2, Centis, ChecksumPolicy, Family, GarpSettings, HmacSettings, Priority, Protocol, Seconds, TrackUse,
    VirtualAddress, Vrid,
};

/// Names an instance for as long as the process lives: a reload keeps the id of what it recognises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(pub u32);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceSettings {
    pub id: InstanceId,
    pub name: Arc<str>,
    /// `None` only with unicast and a fixed source.
    pub interface: Option<Arc<str>>,
    pub vrid: Vrid,
    pub family: Family,
    pub initial: Initial,
    pub priority: Priority,
    pub protocol: Protocol,
    pub transport: Transport,
    /// `mcast_src_ip` or `unicast_src_ip`; `None` is the interface's primary address.
    pub source: Option<IpAddr>,
    /// Fault when the interface does not have `source` (`track_src_ip`).
    pub track_source: bool,
    /// Fault when unicast was meant and nobody is named (`unicast_fault_no_peer`).
    pub needs_peer: bool,
    pub hmac: Option<HmacSettings>,
    /// Advertised addresses, all of `family`, in the order of the file; at most 255.
    pub vips: Vec<VirtualAddress>,
    /// Held but not advertised; either family.
    pub excluded: Vec<VirtualAddress>,
    pub preempt: Preempt,
    /// Adverts that must be missed before the master counts as gone.
    pub down_adverts: NonZeroU8,
    pub garp: GarpSettings,
    /// A master that hears a rival of lower priority answers at once (`lower_prio_no_advert` turns it off).
    pub answer_lower: bool,
    /// A master that yields says one last word, so that the winner announces the addresses again
    /// (`higher_prio_send_advert`; off in Keepalived, where stale ARP after a heal is the result).
    pub last_word: bool,
    /// A master asks with each advert whether anybody else has its addresses, and announces them if so (`find_rivals`).
    pub seeks_rivals: bool,
    /// A master that was late for so long that a backup of this priority may have taken over stands back
    /// (`timer_expired_backup`).
    pub late_is_backup: Option<Priority>,
    pub owner_ignores_adverts: bool,
    /// Compare the address list only when the master changes.
    pub skip_address_check: bool,
    pub strict: bool,
    /// Whether traffic to the addresses is let in; `None` is by strictness (yes, or in strict mode only for the owner).
    pub accept: Option<bool>,
    /// Fault when the own interface goes down (`dont_track_primary` turns it off).
    pub track_primary: bool,
    pub track: Vec<TrackUse>,
    pub heal: Heal,
    pub handover: HandoverSettings,
    pub quorum: Option<Quorum>,
}

impl InstanceSettings {
    /// Keepalived's defaults for version 2 (IPv4) or 3 (IPv6), multicast, one second.
    pub fn new(id: InstanceId, name: &str, vrid: Vrid, family: Family) -> InstanceSettings {
        let (protocol, group) = match family {
            Family::V4 => (
                Protocol::V2 {
                    interval: Seconds::ONE,
                    auth: AuthV2::None,
                },
                IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18)),
            ),
            Family::V6 => (
                Protocol::V3 {
                    interval: Centis::ONE_SECOND,
                    checksum: ChecksumPolicy::Auto,
                },
                IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12)),
            ),
        };
        InstanceSettings {
            id,
            name: name.into(),
            interface: None,
            vrid,
            family,
            initial: Initial::Backup,
            priority: Priority::DEFAULT,
            protocol,
            transport: Transport::Multicast { group },
            source: None,
            track_source: false,
            needs_peer: false,
            hmac: None,
            vips: Vec::new(),
            excluded: Vec::new(),
            preempt: Preempt::After(Duration::ZERO),
            down_adverts: NonZeroU8::MIN.saturating_add(2),
            garp: GarpSettings::default(),
            answer_lower: true,
            last_word: true,
            seeks_rivals: true,
            late_is_backup: None,
            owner_ignores_adverts: false,
            skip_address_check: false,
            strict: false,
            accept: None,
            track_primary: true,
            track: Vec::new(),
            heal: Heal::default(),
            handover: HandoverSettings::default(),
            quorum: None,
        }
    }

    /// `strict_mode`, as far as it is policy and not a refusal: no authentication, no delay, no extra adverts and
    /// announcements. (Refusing unicast or an empty address list is the configuration's part.)
    pub fn make_strict(&mut self) {
        self.strict = true;
        self.answer_lower = false;
        self.last_word = false;
        self.garp = GarpSettings {
            repeat: 1,
            delay: Duration::ZERO,
            lower_repeat: 0,
            ..self.garp.clone()
        };
        if self.preempt != Preempt::Never {
            self.preempt = Preempt::After(Duration::ZERO);
        }
        if let Protocol::V2 { auth, .. } = &mut self.protocol {
            *auth = AuthV2::None;
        }
        self.initial = if self.priority.is_owner() {
            Initial::Master
        } else {
            Initial::Backup
        };
    }

    /// All addresses this instance holds as master, advertised ones first.
    pub fn addresses(&self) -> impl Iterator<Item = &VirtualAddress> {
        self.vips.iter().chain(&self.excluded)
    }

    /// How long whoever leaves waits for a successor.
    pub fn cap(&self) -> Duration {
        let skew = || self.protocol.interval() + Duration::from_millis(200);
        self.handover.cap.unwrap_or_else(skew)
    }

    pub(crate) fn lacks_peer(&self) -> bool {
        self.needs_peer && matches!(&self.transport, Transport::Unicast { peers, .. } if peers.is_empty())
    }

    pub fn accepts(&self) -> bool {
        self.accept.unwrap_or(!self.strict || self.priority.is_owner())
    }

    /// Keepalived's identity over a reload: not the name.
    pub fn same_router(&self, other: &InstanceSettings) -> bool {
        let kind = |s: &InstanceSettings| match &s.transport {
            Transport::Multicast { group } => Some(*group),
            Transport::Unicast { .. } => None,
        };
        let unicast_source = |s: &InstanceSettings| kind(s).is_none().then_some(s.source);
        self.vrid == other.vrid
            && self.family == other.family
            && self.interface == other.interface
            && kind(self) == kind(other)
            && unicast_source(self) == unicast_source(other)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Initial {
    Master,
    #[default]
    Backup,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    Multicast {
        group: IpAddr,
    },
    Unicast {
        peers: Vec<Peer>,
        check_source: bool,
        ttl: Option<u8>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    pub address: IpAddr,
    pub ttl: Option<TtlRange>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TtlRange {
    pub min: u8,
    pub max: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preempt {
    /// `nopreempt`
    Never,
    /// Take over from a lower master, this long after it was first heard.
    After(Duration),
}

/// Putting back an address that somebody else removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heal {
    /// Each address so many times at once; then a second's pause, so as not to fight with another program at full speed, and
    /// so many times again.
    pub burst: u32,
}

impl Default for Heal {
    fn default() -> Heal {
        Heal { burst: 10 }
    }
}

/// A planned handover: keep serving until the successor does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandoverSettings {
    /// After the successor's first advert. Keepalived adverts first and adds the address up to 12 ms later.
    pub settle: Duration,
    /// After the successor announced the last address: packets on their way to us, and switches that learn, need this.
    pub linger: Duration,
    /// With no successor at all; `None` is one interval (the longest skew) and 200 ms.
    pub cap: Option<Duration>,
}

impl Default for HandoverSettings {
    fn default() -> HandoverSettings {
        HandoverSettings {
            settle: Duration::from_millis(50),
            linger: Duration::from_millis(5),
            cap: None,
        }
    }
}

/// Before taking over on silence, some of these must answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quorum {
    pub witnesses: Vec<IpAddr>,
    /// The host's default gateway, whichever it is when it is asked, is one more.
    pub gateway: bool,
    pub need: usize,
}
