//! Who has which address in the lab: the pair's own where it has one there, and one that is free for everybody else.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use tandem_vrrp_core::settings::InstanceSettings;

/// Servers that have no address that a host of the lab could have.
const SPARE: [u8; 3] = [198, 18, 200];

#[derive(Clone, Debug)]
pub struct Places {
    pub vip: Ipv4Addr,
    /// Of the network that the virtual address is in.
    pub prefix: u8,
    pub hosts: [Ipv4Addr; 2],
    /// Somebody else's, as the files name them.
    taken: Vec<Ipv4Addr>,
    /// Stands for names, and for servers on the balancers' own hosts.
    spare: BTreeMap<String, Ipv4Addr>,
}

impl Places {
    /// The addresses that the two routers' files tell of their hosts, or two that are free.
    /// Not those that the files name otherwise.
    pub fn of(vip: Ipv4Addr, prefix: u8, told: [Option<Ipv4Addr>; 2], taken: &[Ipv4Addr]) -> Places {
        // One without a network was written without a mask.
        let prefix = if prefix > 30 { 24 } else { prefix };
        let mut places = Places {
            vip,
            prefix,
            hosts: [vip; 2],
            taken: taken.to_vec(),
            spare: BTreeMap::new(),
        };
        for side in 0..2 {
            places.hosts[side] = told[side].unwrap_or_else(|| places.free(&told.map(|one| one.unwrap_or(vip))));
        }
        places
    }

    /// Another host address near the virtual one.
    pub fn free(&self, also_taken: &[Ipv4Addr]) -> Ipv4Addr {
        let mask = u32::MAX << (32 - u32::from(self.prefix.clamp(8, 30)));
        let network = u32::from(self.vip) & mask;
        let is_free = |ip: &Ipv4Addr| {
            *ip != self.vip && !self.hosts.contains(ip) && !also_taken.contains(ip) && !self.taken.contains(ip)
        };
        let mut all = (1..!mask).map(|number| Ipv4Addr::from(network | number));
        all.find(is_free).unwrap_or(Ipv4Addr::new(198, 18, 201, 1))
    }

    /// What stands for a server, if it cannot be where its line says.
    pub fn server(&mut self, side: usize, written: &str) -> Option<Ipv4Addr> {
        let key = match written.parse::<IpAddr>() {
            Ok(IpAddr::V4(ip)) if ip.is_loopback() => format!("host {side}"),
            Ok(IpAddr::V4(ip)) if self.hosts[0] == ip => "host 0".into(),
            Ok(IpAddr::V4(ip)) if self.hosts[1] == ip => "host 1".into(),
            Ok(_) => return None,
            Err(_) if written.starts_with('/') || written.contains('@') => return None,
            Err(_) if written == "localhost" => format!("host {side}"),
            Err(_) => written.to_owned(),
        };
        let next = u8::try_from(self.spare.len() + 1).unwrap_or(u8::MAX);
        let [a, b, c] = SPARE;
        Some(*self.spare.entry(key).or_insert(Ipv4Addr::new(a, b, c, next)))
    }
}

/// Where a host is by what its own router's file says, or the other's.
pub fn told(own: &InstanceSettings, other: &InstanceSettings) -> Option<Ipv4Addr> {
    crate::plan::failure::source(own, other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_an_address_of_their_own() {
        let vip = Ipv4Addr::new(10, 0, 0, 1);
        let known = Ipv4Addr::new(10, 0, 0, 2);
        let broker = Ipv4Addr::new(10, 0, 0, 3);
        let mut places = Places::of(vip, 24, [None, Some(known)], &[broker]);
        assert_eq!(places.hosts, [Ipv4Addr::new(10, 0, 0, 4), known]);
        assert_eq!(places.free(&[]), Ipv4Addr::new(10, 0, 0, 5));
        assert_eq!(places.server(0, "10.0.0.77"), None);
        let local = places.server(1, "127.0.0.1");
        assert!(local.is_some());
        assert_eq!(local, places.server(0, "10.0.0.2"), "the same host");
        assert_ne!(local, places.server(0, "broker1.example"));
    }
}
