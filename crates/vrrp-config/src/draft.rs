//! What was read, before it is known to make sense: values with their places, `None` where nothing was said.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tandem_text::{Span, Spanned};
use tandem_vrrp_core::settings::{
    ChecksumPolicy, FileSettings, HmacMode, HmacSettings, Initial, LbSettings, LinkDelay, ParameterMatch, Password,
    Peer, Priority, Replay, ScriptSettings, VirtualAddress, Vrid,
};

use crate::plan::{Bfd, Global, Notify, Route, Rule, Vmac};

/// `pair_link`
#[derive(Debug, Default)]
pub(crate) struct PairDraft {
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) bind: Option<SocketAddr>,
    pub(crate) secret: Option<Spanned<Vec<u8>>>,
    pub(crate) keep: Option<Duration>,
}

#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) global: Global,
    pub(crate) defaults: Defaults,
    pub(crate) instances: Vec<Instance>,
    pub(crate) groups: Vec<Group>,
    pub(crate) scripts: Vec<Script>,
    pub(crate) files: Vec<TrackFile>,
    pub(crate) processes: Vec<TrackProcess>,
    pub(crate) balancers: Vec<TrackLb>,
    pub(crate) bfd: Vec<BfdDraft>,
    pub(crate) garp_groups: Vec<GarpGroup>,
    pub(crate) link_delays: Vec<Spanned<LinkDelay>>,
    pub(crate) track_groups: Vec<TrackGroup>,
    pub(crate) static_addresses: Vec<StaticItem<VirtualAddress>>,
    pub(crate) static_routes: Vec<StaticItem<Route>>,
    pub(crate) static_rules: Vec<StaticItem<Rule>>,
    /// Where the load balancer is first spoken of.
    pub(crate) first_lvs: Option<Span>,
    /// Where mail is first spoken of.
    pub(crate) first_mail: Option<Span>,
}

pub(crate) type Name = Spanned<Arc<str>>;

/// What `global_defs` says about every instance.
#[derive(Debug, Default)]
pub(crate) struct Defaults {
    pub(crate) version: Option<u8>,
    pub(crate) garp: Garp,
    pub(crate) garp_interval: Duration,
    pub(crate) gna_interval: Duration,
    pub(crate) min_garp: bool,
    pub(crate) policy: Policy,
    pub(crate) group4: Option<IpAddr>,
    pub(crate) group6: Option<IpAddr>,
    pub(crate) startup_delay: Duration,
    pub(crate) smtp_alert: Option<bool>,
    pub(crate) smtp_alert_vrrp: Option<bool>,
}

impl Defaults {
    /// Whether who says nothing about it is written of.
    pub(crate) fn alerts(&self) -> bool {
        self.smtp_alert_vrrp.or(self.smtp_alert).unwrap_or(false)
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Garp {
    pub(crate) delay: Option<Duration>,
    pub(crate) repeat: Option<u8>,
    pub(crate) refresh: Option<Duration>,
    pub(crate) refresh_repeat: Option<u8>,
    pub(crate) lower_delay: Option<Duration>,
    pub(crate) lower_repeat: Option<u8>,
    pub(crate) extra: Option<Duration>,
}

/// What can be said for all instances and for one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    pub(crate) strict: Option<bool>,
    pub(crate) skip_address_check: Option<bool>,
    pub(crate) lower_no_advert: Option<bool>,
    pub(crate) higher_send_advert: Option<bool>,
    pub(crate) seeks_rivals: Option<bool>,
    pub(crate) check_unicast_source: Option<bool>,
    pub(crate) down_adverts: Option<u8>,
    pub(crate) owner_ignores_adverts: Option<bool>,
    pub(crate) checksum: Option<ChecksumPolicy>,
}

#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) name: Name,
    pub(crate) origin: Arc<str>,
    pub(crate) state: Option<Spanned<Initial>>,
    pub(crate) interface: Option<Name>,
    pub(crate) vrid: Option<Spanned<Vrid>>,
    /// It was there, but could not be read, and that has been said.
    pub(crate) vrid_is_wrong: bool,
    pub(crate) priority: Option<Spanned<Priority>>,
    pub(crate) interval: Option<Spanned<Duration>>,
    pub(crate) version: Option<Spanned<u8>>,
    pub(crate) auth: Option<Spanned<Auth>>,
    pub(crate) hmac: Option<Spanned<HmacSettings>>,
    pub(crate) vips: Vec<Spanned<VirtualAddress>>,
    pub(crate) excluded: Vec<Spanned<VirtualAddress>>,
    pub(crate) no_vips_meant: bool,
    pub(crate) routes: Vec<Spanned<Route>>,
    pub(crate) rules: Vec<Spanned<Rule>>,
    /// `Some` switches to unicast, even when empty.
    pub(crate) peers: Option<Spanned<Vec<Spanned<Peer>>>>,
    pub(crate) unicast_source: Option<Spanned<IpAddr>>,
    pub(crate) multicast_source: Option<Spanned<IpAddr>>,
    pub(crate) multicast_group: Option<Spanned<IpAddr>>,
    pub(crate) unicast_ttl: Option<u8>,
    pub(crate) nopreempt: Option<Span>,
    pub(crate) preempt_delay: Option<Spanned<Duration>>,
    pub(crate) accept: Option<Spanned<bool>>,
    pub(crate) track_primary: bool,
    pub(crate) native_ipv6: bool,
    pub(crate) garp: Garp,
    pub(crate) policy: Policy,
    pub(crate) tracks: Vec<Track>,
    pub(crate) notify: Notify,
    pub(crate) vmac: Option<Spanned<Vmac>>,
    pub(crate) vmac_transmit_on_base: Option<Span>,
    pub(crate) vmac_for_addresses: bool,
    pub(crate) promote_secondaries: bool,
    pub(crate) track_source: bool,
    pub(crate) fault_without_peer: bool,
    pub(crate) late_is_backup: Option<Priority>,
    pub(crate) receive_buffer: Option<u32>,
    pub(crate) quorum: Option<QuorumDraft>,
}

impl Instance {
    pub(crate) fn new(name: Name, origin: Arc<str>) -> Self {
        Self {
            name,
            origin,
            state: None,
            interface: None,
            vrid: None,
            vrid_is_wrong: false,
            priority: None,
            interval: None,
            version: None,
            auth: None,
            hmac: None,
            vips: Vec::new(),
            excluded: Vec::new(),
            no_vips_meant: false,
            routes: Vec::new(),
            rules: Vec::new(),
            peers: None,
            unicast_source: None,
            multicast_source: None,
            multicast_group: None,
            unicast_ttl: None,
            nopreempt: None,
            preempt_delay: None,
            accept: None,
            track_primary: true,
            native_ipv6: false,
            garp: Garp::default(),
            policy: Policy::default(),
            tracks: Vec::new(),
            notify: Notify::default(),
            vmac: None,
            vmac_transmit_on_base: None,
            vmac_for_addresses: false,
            promote_secondaries: false,
            track_source: false,
            fault_without_peer: false,
            late_is_backup: None,
            receive_buffer: None,
            quorum: None,
        }
    }

    /// Whether adverts go to named peers.
    pub(crate) fn is_unicast(&self) -> bool {
        let peers = self.peers.as_ref().is_some_and(|peers| !peers.value.is_empty());
        peers || self.fault_without_peer
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Auth {
    pub(crate) kind: Option<AuthKind>,
    pub(crate) password: Option<Password>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthKind {
    Pass,
    Ah,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct QuorumDraft {
    pub(crate) witnesses: Vec<IpAddr>,
    pub(crate) gateway: bool,
    pub(crate) need: Option<Spanned<usize>>,
}

/// Everything of `auth_hmac` before it is known to be whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct HmacDraft {
    pub(crate) keys: Vec<Spanned<(u8, Vec<u8>)>>,
    pub(crate) active: Option<Spanned<u8>>,
    pub(crate) mode: Option<HmacMode>,
    pub(crate) replay: Option<Replay>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrackKind {
    Interface,
    Script,
    File,
    Process,
    Bfd,
    Lb,
}

/// One line of a `track_…` block.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    pub(crate) kind: TrackKind,
    pub(crate) name: Name,
    /// `None` is the tracked thing's own.
    pub(crate) weight: Option<i32>,
    pub(crate) reverse: Option<bool>,
}

/// The weight that a tracked thing itself names.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OwnWeight {
    pub(crate) value: i32,
    pub(crate) reverse: bool,
}

#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) name: Name,
    /// Its command may still be empty.
    pub(crate) settings: ScriptSettings,
    pub(crate) weight: OwnWeight,
}

#[derive(Debug)]
pub(crate) struct TrackFile {
    pub(crate) name: Name,
    pub(crate) settings: FileSettings,
    pub(crate) weight: OwnWeight,
}

#[derive(Debug)]
pub(crate) struct TrackProcess {
    pub(crate) name: Name,
    pub(crate) command: Vec<Arc<str>>,
    pub(crate) parameters: ParameterMatch,
    pub(crate) full_command: bool,
    pub(crate) quorum: u32,
    pub(crate) quorum_max: Option<u32>,
    pub(crate) fork_delay: Duration,
    pub(crate) terminate_delay: Duration,
    pub(crate) weight: OwnWeight,
}

#[derive(Debug)]
pub(crate) struct TrackLb {
    pub(crate) name: Name,
    pub(crate) settings: LbSettings,
    /// There is a condition already.
    pub(crate) has_condition: bool,
    pub(crate) weight: OwnWeight,
}

#[derive(Debug)]
pub(crate) struct BfdDraft {
    pub(crate) name: Name,
    pub(crate) neighbor: Option<IpAddr>,
    pub(crate) settings: Bfd,
    pub(crate) weight: OwnWeight,
    pub(crate) vrrp: bool,
    pub(crate) checker: bool,
}

impl BfdDraft {
    /// Each of the two words adds a use, and none means both: only `checker` alone is not for VRRP.
    pub(crate) const fn is_for_vrrp(&self) -> bool {
        self.vrrp || !self.checker
    }
}

#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: Name,
    pub(crate) origin: Arc<str>,
    pub(crate) members: Vec<Name>,
    pub(crate) tracks: Vec<Track>,
    pub(crate) notify: Notify,
    pub(crate) member_weights: bool,
}

#[derive(Debug, Default)]
pub(crate) struct GarpGroup {
    pub(crate) garp_interval: Option<Duration>,
    pub(crate) gna_interval: Option<Duration>,
    pub(crate) interfaces: Vec<Name>,
}

#[derive(Debug)]
pub(crate) struct TrackGroup {
    pub(crate) name: Name,
    pub(crate) instances: Vec<Name>,
}

#[derive(Debug)]
pub(crate) struct StaticItem<T> {
    pub(crate) value: T,
    pub(crate) track_group: Option<Name>,
}
