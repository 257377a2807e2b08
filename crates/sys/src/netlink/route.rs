//! Routes: what a host needs to reach others, and what a virtual router moves with its address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteMessage};
use rtnetlink::{RouteMessageBuilder, packet_route::AddressFamily};

use super::{Asked, Cidr, Index, Netlink, NetlinkError, collect};

/// A unicast route with one next hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub to: Cidr,
    pub via: Option<IpAddr>,
    pub out: Option<Index>,
    pub source: Option<IpAddr>,
    pub metric: Option<u32>,
    pub table: u32,
}

impl Route {
    /// The main table.
    pub const MAIN: u32 = 254;

    pub fn new(to: Cidr) -> Self {
        Self {
            to,
            via: None,
            out: None,
            source: None,
            metric: None,
            table: Self::MAIN,
        }
    }

    /// Everything that nothing more special matches, by this gateway.
    pub fn default_via(gateway: IpAddr) -> Self {
        Self {
            via: Some(gateway),
            ..Self::new(Cidr::everything_like(gateway))
        }
    }

    /// Whether this, as the kernel tells it, is what was asked for. The kernel fills in what the request left open.
    pub fn answers(&self, asked: &Self) -> bool {
        self.to == asked.to
            && self.table == asked.table
            && self.via == asked.via
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
        route.table = message.header.table.into();
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Destination(to) => route.to = Cidr::new(ip(to)?, route.to.length()).ok()?,
                RouteAttribute::Gateway(via) => route.via = ip(via),
                RouteAttribute::PrefSource(source) => route.source = ip(source),
                RouteAttribute::Oif(index) => route.out = Some(Index(*index)),
                RouteAttribute::Priority(metric) => route.metric = Some(*metric),
                RouteAttribute::Table(table) => route.table = *table,
                _ => {}
            }
        }
        Some(route)
    }

    pub(super) fn message(&self) -> Result<RouteMessage, NetlinkError> {
        let broken = |reason: String| NetlinkError::Broken {
            asked: self.to_string(),
            reason,
        };
        let mut builder = RouteMessageBuilder::<IpAddr>::new()
            .table_id(self.table)
            .destination_prefix(self.to.ip(), self.to.length())
            .map_err(|error| broken(error.to_string()))?;
        if let Some(via) = self.via {
            builder = builder.gateway(via).map_err(|error| broken(error.to_string()))?;
        }
        if let Some(source) = self.source {
            builder = builder.pref_source(source).map_err(|error| broken(error.to_string()))?;
        }
        if let Some(Index(out)) = self.out {
            builder = builder.output_interface(out);
        }
        if let Some(metric) = self.metric {
            builder = builder.priority(metric);
        }
        if self.via.is_none() && self.to.ip().is_ipv4() {
            // Without a gateway the destination is on the link itself; the kernel wants that said.
            builder = builder.scope(rtnetlink::packet_route::route::RouteScope::Link);
        }
        Ok(builder.build())
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
