//! Tunnels without an interface: a route that wraps what takes it (`lwtunnel` in the kernel).

use std::net::{Ipv4Addr, Ipv6Addr};

use rtnetlink::packet_route::route::{
    MplsLabel, RouteAttribute, RouteIp6Tunnel, RouteIpTunnel, RouteLwEnCapType, RouteLwTunnelEncap, RouteMplsIpTunnel,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encap {
    V4(Tunnel<Ipv4Addr>),
    V6(Tunnel<Ipv6Addr>),
    /// Labels, the outermost first.
    Mpls(Vec<u32>),
}

/// What is left open is the tunnel interface's to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tunnel<A> {
    pub id: Option<u64>,
    pub destination: Option<A>,
    pub source: Option<A>,
    /// TTL or hop limit.
    pub hops: Option<u8>,
    /// Type of service or traffic class.
    pub class: Option<u8>,
}

impl<A> Default for Tunnel<A> {
    fn default() -> Self {
        Self {
            id: None,
            destination: None,
            source: None,
            hops: None,
            class: None,
        }
    }
}

impl Encap {
    pub(super) fn message(&self) -> [RouteAttribute; 2] {
        let (kind, list) = match self {
            Self::V4(tunnel) => (RouteLwEnCapType::Ip, tunnel.message()),
            Self::V6(tunnel) => (RouteLwEnCapType::Ip6, tunnel.message()),
            Self::Mpls(labels) => (RouteLwEnCapType::Mpls, vec![RouteLwTunnelEncap::Mpls(stack(labels))]),
        };
        [RouteAttribute::Encap(list), RouteAttribute::EncapType(kind)]
    }
}

impl Tunnel<Ipv4Addr> {
    fn message(&self) -> Vec<RouteLwTunnelEncap> {
        let all = [
            self.id.map(RouteIpTunnel::Id),
            self.destination.map(RouteIpTunnel::Destination),
            self.source.map(RouteIpTunnel::Source),
            self.hops.map(RouteIpTunnel::Ttl),
            self.class.map(RouteIpTunnel::Tos),
        ];
        all.into_iter().flatten().map(RouteLwTunnelEncap::Ip).collect()
    }
}

impl Tunnel<Ipv6Addr> {
    fn message(&self) -> Vec<RouteLwTunnelEncap> {
        let all = [
            self.id.map(RouteIp6Tunnel::Id),
            self.destination.map(RouteIp6Tunnel::Destination),
            self.source.map(RouteIp6Tunnel::Source),
            self.hops.map(RouteIp6Tunnel::Hoplimit),
            self.class.map(RouteIp6Tunnel::Tc),
        ];
        all.into_iter().flatten().map(RouteLwTunnelEncap::Ip6).collect()
    }
}

/// RFC 3032 section 2.1: the last one says that it is.
fn stack(labels: &[u32]) -> RouteMplsIpTunnel {
    const BOTTOM: u32 = 1 << 8;
    let label = |(place, label): (usize, &u32)| {
        let bottom = if place + 1 == labels.len() { BOTTOM } else { 0 };
        MplsLabel::from(label << 12 | bottom)
    };
    RouteMplsIpTunnel::Destination(labels.iter().enumerate().map(label).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_label_is_the_bottom() {
        let [list, kind] = Encap::Mpls(vec![100, 200]).message();
        assert_eq!(kind, RouteAttribute::EncapType(RouteLwEnCapType::Mpls));
        let RouteAttribute::Encap(list) = list else {
            panic!("{list:?}")
        };
        let [RouteLwTunnelEncap::Mpls(RouteMplsIpTunnel::Destination(labels))] = &*list else {
            panic!("{list:?}")
        };
        let said: Vec<_> = labels
            .iter()
            .map(|label| (label.label, label.bottom_of_stack))
            .collect();
        assert_eq!(said, [(100, false), (200, true)]);
    }
}
