//! Routes and rules as the kernel takes them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use tandem_vrrp_core::settings::{Family, Scope};

/// An address with the length of its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpNet {
    pub address: IpAddr,
    pub prefix: u8,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub kind: RouteKind,
    pub family: Family,
    /// `default` is 0.0.0.0/0 or ::/0.
    pub destination: IpNet,
    /// `src`: the source address of own packets on it.
    pub source: Option<IpAddr>,
    pub via: Option<IpAddr>,
    pub device: Option<Arc<str>>,
    /// Several ways; then `via` and `device` are empty.
    pub next_hops: Vec<NextHop>,
    pub table: TableId,
    pub scope: Option<Scope>,
    pub metric: Option<u32>,
    pub tos: Option<u8>,
    /// Number or name in `rt_protos`.
    pub protocol: Option<Arc<str>>,
    pub on_link: bool,
    pub metrics: Vec<Metric>,
    /// `congctl`: TCP's congestion control.
    pub congestion: Option<Arc<str>>,
    /// `[SOURCE/]DESTINATION`, numbers or names in `rt_realms`.
    pub realms: Option<Arc<str>>,
    /// `pref`: low, medium or high.
    pub preference: Option<Arc<str>>,
    pub mode: RouteMode,
    /// `encap`: what takes it is wrapped.
    pub encap: Option<Encap>,
    /// Seconds after which the kernel removes it; IPv6 only. It is not put back then.
    pub expires: Option<u32>,
    /// The table of this VRF, and not `table`.
    pub vrf: Option<Arc<str>>,
    /// Put back, or fault, when somebody else removes it; `no_track` turns that off.
    pub tracked: bool,
}

/// Tunnels without an interface, as `ip route` writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encap {
    Ip(Tunnel<Ipv4Addr>),
    Ip6(Tunnel<Ipv6Addr>),
    /// Labels, the outermost first; never empty.
    Mpls(Vec<u32>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tunnel<A> {
    pub id: Option<u64>,
    pub destination: Option<A>,
    pub source: Option<A>,
    /// `ttl` or `hoplimit`
    pub hops: Option<u8>,
    /// `tos` or `tc`
    pub class: Option<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RouteKind {
    #[default]
    Unicast,
    Local,
    Blackhole,
    Unreachable,
    Prohibit,
    Throw,
}

/// Where a route goes among those that match the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RouteMode {
    #[default]
    Prepend,
    Add,
    Append,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextHop {
    pub via: Option<IpAddr>,
    pub device: Option<Arc<str>>,
    /// 1 to 256.
    pub weight: u16,
    pub on_link: bool,
    pub encap: Option<Encap>,
}

/// One of `mtu`, `advmss`, `rtt` and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// As iproute2 writes it.
    pub name: &'static str,
    pub value: u32,
    pub locked: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TableId {
    #[default]
    Main,
    Number(u32),
    /// To be found in `rt_tables`.
    Name(Arc<str>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub family: Family,
    pub not: bool,
    pub from: Option<IpNet>,
    pub to: Option<IpNet>,
    pub input: Option<Arc<str>>,
    pub output: Option<Arc<str>>,
    pub tos: Option<u8>,
    pub mark: Option<FwMark>,
    /// `None` lets the daemon choose one.
    pub priority: Option<u32>,
    pub users: Option<(u32, u32)>,
    pub protocol: Option<Arc<str>>,
    pub ip_protocol: Option<Arc<str>>,
    pub source_ports: Option<PortRange>,
    pub destination_ports: Option<PortRange>,
    pub suppress_prefix: Option<u8>,
    pub suppress_group: Option<u32>,
    pub tunnel: Option<u64>,
    /// `[SOURCE/]DESTINATION`, numbers or names in `rt_realms`.
    pub realms: Option<Arc<str>>,
    pub action: RuleAction,
    pub tracked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FwMark {
    pub mark: u32,
    pub mask: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    pub first: u16,
    pub last: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleAction {
    Table(TableId),
    Goto(u32),
    L3mdev,
    Blackhole,
    Unreachable,
    Prohibit,
    Nop,
}

/// Something that is always there, and who is at fault when it cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Static<T> {
    pub value: T,
    /// `track_group`
    pub tracked_by: Vec<Arc<str>>,
}
