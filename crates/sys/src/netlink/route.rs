//! Routes: what a host needs to reach others, and what a virtual router moves with its address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteNextHop, RouteNextHopFlags,
    RoutePreference, RouteProtocol, RouteRealm, RouteScope, RouteType, RouteVia,
};

use super::{Asked, Cidr, Encap, Index, Netlink, NetlinkError, Scope, Tuning, collect};

/// A route with one next hop, several, or none because it leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub kind: RouteKind,
    pub to: Cidr,
    pub via: Option<IpAddr>,
    pub out: Option<Index>,
    /// The gateway is on that interface whatever its address says.
    pub on_link: bool,
    /// Several ways; then `via` and `out` are empty.
    pub hops: Vec<Hop>,
    pub source: Option<IpAddr>,
    pub metric: Option<u32>,
    pub table: u32,
    /// `None` is what the kind and the gateway say.
    pub scope: Option<Scope>,
    pub tos: u8,
    /// Who made it; `None` is the administrator.
    pub protocol: Option<u8>,
    pub tuning: Tuning,
    pub realm: Option<Realm>,
    /// Of IPv6 routers of the same metric.
    pub preference: Option<Preference>,
    /// What takes it is wrapped. Few routes have it, so the others do not carry its size.
    pub encap: Option<Box<Encap>>,
    /// Seconds after which the kernel removes it; IPv6 only.
    pub expires: Option<u32>,
    pub place: Place,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RouteKind {
    #[default]
    Unicast,
    Local,
    Blackhole,
    Unreachable,
    Prohibit,
    Throw,
}

/// One of several ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    pub via: Option<IpAddr>,
    pub out: Option<Index>,
    /// 1 to 256.
    pub weight: u16,
    pub on_link: bool,
    pub encap: Option<Box<Encap>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Realm {
    pub source: u16,
    pub destination: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preference {
    Low,
    Medium,
    High,
}

/// Where a route goes among those that differ in the next hop only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Place {
    /// Only if there is none.
    #[default]
    Alone,
    First,
    Last,
}

impl Route {
    /// The main table.
    pub const MAIN: u32 = 254;

    pub fn new(to: Cidr) -> Self {
        Self {
            kind: RouteKind::Unicast,
            to,
            via: None,
            out: None,
            on_link: false,
            hops: Vec::new(),
            source: None,
            metric: None,
            table: Self::MAIN,
            scope: None,
            tos: 0,
            protocol: None,
            tuning: Tuning::default(),
            realm: None,
            preference: None,
            encap: None,
            expires: None,
            place: Place::Alone,
        }
    }

    /// Everything that nothing more special matches, by this gateway.
    pub fn default_via(gateway: IpAddr) -> Self {
        Self {
            via: Some(gateway),
            ..Self::new(Cidr::everything_like(gateway))
        }
    }

    /// Whether this, as the kernel tells it, is what was asked for. The kernel fills in what the request left open, and
    /// tells of several ways one by one.
    pub fn answers(&self, asked: &Self) -> bool {
        self.to == asked.to
            && self.table == asked.table
            && self.kind == asked.kind
            && self.tos == asked.tos
            && (!asked.hops.is_empty() || self.via == asked.via)
            && (asked.out.is_none() || self.out == asked.out)
            && (asked.source.is_none() || self.source == asked.source)
            && (asked.metric.is_none() || self.metric == asked.metric)
    }

    pub(super) fn read(message: &RouteMessage) -> Option<Self> {
        let any: IpAddr = match message.header.address_family {
            AddressFamily::Inet => Ipv4Addr::UNSPECIFIED.into(),
            AddressFamily::Inet6 => Ipv6Addr::UNSPECIFIED.into(),
            _ => return None,
        };
        let mut route = Self::new(Cidr::new(any, message.header.destination_prefix_length).ok()?);
        route.kind = RouteKind::read(message.header.kind);
        route.table = message.header.table.into();
        route.tos = message.header.tos;
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Destination(to) => route.to = Cidr::new(ip(to)?, route.to.length()).ok()?,
                RouteAttribute::Gateway(via) => route.via = ip(via),
                RouteAttribute::Via(RouteVia::Inet6(via)) => route.via = Some((*via).into()),
                RouteAttribute::PrefSource(source) => route.source = ip(source),
                RouteAttribute::Oif(index) => route.out = Some(Index(*index)),
                RouteAttribute::Priority(metric) => route.metric = Some(*metric),
                RouteAttribute::Table(table) => route.table = *table,
                RouteAttribute::MultiPath(hops) => route.hops = hops.iter().map(Hop::read).collect(),
                _ => {}
            }
        }
        Some(route)
    }

    pub(super) fn message(&self) -> Result<RouteMessage, NetlinkError> {
        let mut message = RouteMessage::default();
        message.header = self.header();
        let list = &mut message.attributes;
        if self.to.length() > 0 {
            list.push(RouteAttribute::Destination(address(self.to.ip())));
        }
        // A table that does not fit the header's byte is named by the attribute alone.
        list.push(RouteAttribute::Table(self.table));
        list.extend(self.via.map(|via| gateway(self.to.ip(), via)));
        list.extend(self.out.map(|Index(out)| RouteAttribute::Oif(out)));
        if !self.hops.is_empty() {
            let hops = self.hops.iter().map(|hop| hop.message(self.to.ip())).collect();
            list.push(RouteAttribute::MultiPath(hops));
        }
        list.extend(self.source.map(|ip| RouteAttribute::PrefSource(address(ip))));
        list.extend(self.metric.map(RouteAttribute::Priority));
        list.extend(self.tuning.message().map(RouteAttribute::Metrics));
        list.extend(self.realm.map(|realm| {
            RouteAttribute::Realm(RouteRealm {
                source: realm.source,
                destination: realm.destination,
            })
        }));
        list.extend(self.preference.map(|p| RouteAttribute::Preference(p.write())));
        list.extend(self.encap.iter().flat_map(|encap| encap.message()));
        list.extend(self.expires.map(RouteAttribute::Expires));
        self.one_family()?;
        Ok(message)
    }

    fn header(&self) -> RouteHeader {
        let flags = if self.on_link {
            RouteFlags::Onlink
        } else {
            RouteFlags::empty()
        };
        RouteHeader {
            address_family: match self.to.ip() {
                IpAddr::V4(_) => AddressFamily::Inet,
                IpAddr::V6(_) => AddressFamily::Inet6,
            },
            destination_prefix_length: self.to.length(),
            tos: self.tos,
            table: u8::try_from(self.table).unwrap_or(0),
            protocol: self.protocol.map_or(RouteProtocol::Static, RouteProtocol::from),
            scope: self.scope.map_or_else(|| self.usual_scope(), scope),
            kind: self.kind.write(),
            flags,
            ..RouteHeader::default()
        }
    }

    /// Without a gateway the destination is on the link itself; the kernel wants that said of IPv4.
    fn usual_scope(&self) -> RouteScope {
        match self.kind {
            _ if self.to.ip().is_ipv6() => RouteScope::Universe,
            RouteKind::Local => RouteScope::Host,
            RouteKind::Unicast if self.via.is_none() && self.hops.iter().all(|hop| hop.via.is_none()) => {
                RouteScope::Link
            }
            _ => RouteScope::Universe,
        }
    }

    /// What the kernel would take for something else.
    fn one_family(&self) -> Result<(), NetlinkError> {
        let odd = |ip: &IpAddr| ip.is_ipv4() != self.to.ip().is_ipv4();
        // An IPv4 route may have an IPv6 gateway, and not the other way round.
        let gateways = self
            .via
            .iter()
            .chain(self.hops.iter().filter_map(|hop| hop.via.as_ref()));
        let mut wrong = gateways.filter(|via| via.is_ipv4()).chain(&self.source);
        match wrong.find(|ip| odd(ip)) {
            None => Ok(()),
            Some(ip) => Err(NetlinkError::Broken {
                asked: self.to_string(),
                reason: format!("{ip} is of another family"),
            }),
        }
    }
}

impl RouteKind {
    fn read(kind: RouteType) -> Self {
        match kind {
            RouteType::Local => Self::Local,
            RouteType::BlackHole => Self::Blackhole,
            RouteType::Unreachable => Self::Unreachable,
            RouteType::Prohibit => Self::Prohibit,
            RouteType::Throw => Self::Throw,
            _ => Self::Unicast,
        }
    }

    const fn write(self) -> RouteType {
        match self {
            Self::Unicast => RouteType::Unicast,
            Self::Local => RouteType::Local,
            Self::Blackhole => RouteType::BlackHole,
            Self::Unreachable => RouteType::Unreachable,
            Self::Prohibit => RouteType::Prohibit,
            Self::Throw => RouteType::Throw,
        }
    }
}

impl Hop {
    fn read(message: &RouteNextHop) -> Self {
        let via = message.attributes.iter().find_map(|attribute| match attribute {
            RouteAttribute::Gateway(via) => ip(via),
            RouteAttribute::Via(RouteVia::Inet6(via)) => Some((*via).into()),
            _ => None,
        });
        Self {
            via,
            out: (message.interface_index != 0).then_some(Index(message.interface_index)),
            weight: u16::from(message.hops) + 1,
            on_link: message.flags.contains(RouteNextHopFlags::Onlink),
            encap: None,
        }
    }

    fn message(&self, to: IpAddr) -> RouteNextHop {
        let mut message = RouteNextHop::default();
        if self.on_link {
            message.flags = RouteNextHopFlags::Onlink;
        }
        message.hops = u8::try_from(self.weight.saturating_sub(1)).unwrap_or(u8::MAX);
        message.interface_index = self.out.map_or(0, |Index(out)| out);
        message.attributes.extend(self.via.map(|via| gateway(to, via)));
        let encap = self.encap.iter().flat_map(|encap| encap.message());
        message.attributes.extend(encap);
        message
    }
}

impl Preference {
    const fn write(self) -> RoutePreference {
        match self {
            Self::Low => RoutePreference::Low,
            Self::Medium => RoutePreference::Medium,
            Self::High => RoutePreference::High,
        }
    }
}

fn gateway(to: IpAddr, via: IpAddr) -> RouteAttribute {
    match (to, via) {
        (IpAddr::V4(_), IpAddr::V6(via)) => RouteAttribute::Via(RouteVia::Inet6(via)),
        (_, via) => RouteAttribute::Gateway(address(via)),
    }
}

fn scope(scope: Scope) -> RouteScope {
    match scope {
        Scope::Global => RouteScope::Universe,
        Scope::Site => RouteScope::Site,
        Scope::Link => RouteScope::Link,
        Scope::Host => RouteScope::Host,
        Scope::Other(255) => RouteScope::NoWhere,
        Scope::Other(number) => RouteScope::Other(number),
    }
}

const fn address(ip: IpAddr) -> RouteAddress {
    match ip {
        IpAddr::V4(ip) => RouteAddress::Inet(ip),
        IpAddr::V6(ip) => RouteAddress::Inet6(ip),
    }
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some((*ip).into()),
        RouteAddress::Inet6(ip) => Some((*ip).into()),
        _ => None,
    }
}

impl std::fmt::Display for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "route to {}", self.to)?;
        if let Some(via) = self.via {
            write!(f, " via {via}")?;
        }
        if let Some(Index(out)) = self.out {
            write!(f, " by interface {out}")?;
        }
        if !self.hops.is_empty() {
            write!(f, " by {} ways", self.hops.len())?;
        }
        Ok(())
    }
}

impl Netlink {
    /// The routes of both families, of all tables.
    pub async fn routes(&self) -> Result<Vec<Route>, NetlinkError> {
        let mut list = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut any = RouteMessage::default();
            any.header.address_family = family;
            list.extend(collect("list routes", self.handle.route().get(any).execute(), Route::read).await?);
        }
        Ok(list)
    }

    pub async fn add_route(&self, route: &Route) -> Result<(), NetlinkError> {
        self.handle
            .route()
            .add(route.message()?)
            .execute()
            .await
            .asked(|| format!("add {route}"))
    }

    pub async fn delete_route(&self, route: &Route) -> Result<(), NetlinkError> {
        self.handle
            .route()
            .del(route.message()?)
            .execute()
            .await
            .asked(|| format!("delete {route}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_what_is_read() {
        let hop = |via: [u8; 4], out, weight| Hop {
            via: Some(via.into()),
            out: Some(Index(out)),
            weight,
            on_link: false,
            encap: None,
        };
        let route = Route {
            hops: vec![hop([10, 9, 0, 1], 2, 1), hop([10, 9, 0, 2], 3, 256)],
            tos: 4,
            table: 1000,
            ..Route::new("10.1.0.0/16".parse().expect("well written"))
        };
        assert_eq!(
            Route::read(&route.message().expect("one family")).as_ref(),
            Some(&route)
        );
        let nowhere = Route {
            kind: RouteKind::Blackhole,
            ..Route::new("10.2.0.0/16".parse().expect("well written"))
        };
        let message = nowhere.message().expect("one family");
        assert_eq!(message.header.scope, RouteScope::Universe);
        assert_eq!(Route::read(&message), Some(nowhere));
        let mixed = Route {
            via: Some("10.9.0.1".parse().expect("well written")),
            ..Route::new("fd00:1::/64".parse().expect("well written"))
        };
        assert!(mixed.message().is_err());
    }

    #[test]
    fn what_the_request_left_open_is_the_kernel_s_choice() {
        let cidr = |text: &str| -> Cidr { text.parse().expect("well written") };
        let gateway = Some(IpAddr::from([10, 9, 0, 254]));
        let asked = Route {
            via: gateway,
            ..Route::new(cidr("10.20.0.0/16"))
        };
        let told = Route {
            out: Some(Index(3)),
            metric: Some(1024),
            ..asked.clone()
        };
        assert!(told.answers(&asked));
        assert!(!asked.answers(&told), "another interface and metric were asked for");
        assert!(!told.answers(&Route {
            table: 100,
            ..asked.clone()
        }));
        assert!(!told.answers(&Route { via: None, ..asked }));
    }
}
