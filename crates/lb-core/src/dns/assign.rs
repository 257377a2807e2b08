//! Which server gets which address.
//!
//! A server keeps what it has for as long as that is among the answers: a changed order of records moves nobody.

use std::net::IpAddr;

use super::message::{Name, Service};

/// What a server would rather have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preference {
    /// `resolve-prefer`: HAProxy's default is IPv6.
    pub v4: bool,
    /// `resolve-net`: networks in the order of preference, each an address and how many of its bits count.
    pub networks: Vec<(IpAddr, u8)>,
    /// `resolve-opts allow-dup-ip`: it may have the address of another server of its backend.
    pub may_share: bool,
}

impl Preference {
    /// Less is better.
    fn rank(&self, ip: IpAddr) -> (usize, bool) {
        let network = self.networks.iter().position(|(net, bits)| covers(*net, *bits, ip));
        (network.unwrap_or(self.networks.len()), ip.is_ipv4() != self.v4)
    }
}

fn covers(network: IpAddr, bits: u8, ip: IpAddr) -> bool {
    let differs = match (network, ip) {
        (IpAddr::V4(net), IpAddr::V4(ip)) => u128::from(u32::from(net) ^ u32::from(ip)) << 96,
        (IpAddr::V6(net), IpAddr::V6(ip)) => u128::from(net) ^ u128::from(ip),
        _ => return false,
    };
    differs.leading_zeros() >= u32::from(bits)
}

/// The address of each server of one name, from what it had and what there is. `taken` are those of the backend's
/// other servers.
pub fn addresses(servers: &[(Option<IpAddr>, &Preference)], found: &[IpAddr], taken: &[IpAddr]) -> Vec<Option<IpAddr>> {
    let mut given: Vec<Option<IpAddr>> = vec![None; servers.len()];
    for (place, (had, preference)) in servers.iter().enumerate() {
        let free = |ip: &IpAddr| preference.may_share || !(taken.contains(ip) || given.contains(&Some(*ip)));
        given[place] = had.filter(|ip| found.contains(ip)).filter(free);
    }
    for (place, (_, preference)) in servers.iter().enumerate() {
        if given[place].is_some() {
            continue;
        }
        let free = |ip: &&IpAddr| preference.may_share || !(taken.contains(ip) || given.contains(&Some(**ip)));
        given[place] = found
            .iter()
            .filter(free)
            .min_by_key(|ip| preference.rank(**ip))
            .copied();
    }
    given
}

/// A place of a service: a host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub host: Name,
    pub port: u16,
}

impl Target {
    fn is(&self, service: &Service) -> bool {
        self.port == service.port && self.host == service.host
    }
}

/// The place in `found` that each slot has from now on. A slot whose place is gone takes one that nobody has.
pub fn targets(slots: &[Option<Target>], found: &[Service]) -> Vec<Option<usize>> {
    let mut given: Vec<Option<usize>> = Vec::with_capacity(slots.len());
    for slot in slots {
        let known = |service: &Service| slot.as_ref().is_some_and(|target| target.is(service));
        let place = found.iter().position(known);
        given.push(place.filter(|place| !given.contains(&Some(*place))));
    }
    for slot in 0..given.len() {
        if given[slot].is_none() {
            given[slot] = (0..found.len()).find(|place| !given.contains(&Some(*place)));
        }
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| ip(text)).collect()
    }

    #[test]
    fn who_has_one_that_is_still_there_keeps_it() {
        let any = Preference::default();
        // What three servers had, what there is, what they get.
        for (had, found, want) in [
            (
                ["-", "-", "-"],
                &["10.0.0.1", "10.0.0.2"][..],
                ["10.0.0.1", "10.0.0.2", "-"],
            ),
            (
                ["10.0.0.2", "-", "-"],
                &["10.0.0.1", "10.0.0.2"],
                ["10.0.0.2", "10.0.0.1", "-"],
            ),
            (["-", "-", "10.0.0.1"], &["10.0.0.1"], ["-", "-", "10.0.0.1"]),
            (["10.0.0.9", "-", "-"], &["10.0.0.1"], ["10.0.0.1", "-", "-"]),
            (["10.0.0.1", "-", "-"], &[], ["-", "-", "-"]),
        ] {
            let had: Vec<_> = had.iter().map(|text| (text.parse().ok(), &any)).collect();
            let want: Vec<Option<IpAddr>> = want.iter().map(|text| text.parse().ok()).collect();
            assert_eq!(addresses(&had, &ips(found), &[]), want, "{had:?} {found:?}");
        }
    }

    #[test]
    fn preferences() {
        let found = ips(&["10.1.0.1", "10.2.0.1", "2001:db8::1"]);
        let v6 = Preference::default();
        let v4 = Preference {
            v4: true,
            ..Preference::default()
        };
        let net = Preference {
            networks: vec![(ip("10.2.0.0"), 16), (ip("10.1.0.0"), 16)],
            ..Preference::default()
        };
        for (preference, want) in [(&v6, "2001:db8::1"), (&v4, "10.1.0.1"), (&net, "10.2.0.1")] {
            assert_eq!(addresses(&[(None, preference)], &found, &[]), [Some(ip(want))]);
        }
        let shared = Preference {
            may_share: true,
            ..v4.clone()
        };
        let taken = ips(&["10.1.0.1"]);
        assert_eq!(addresses(&[(None, &v4)], &found, &taken), [Some(ip("10.2.0.1"))]);
        assert_eq!(addresses(&[(None, &shared)], &found, &taken), [Some(ip("10.1.0.1"))]);
        assert_eq!(
            addresses(&[(None, &shared), (None, &shared)], &found, &[]),
            [Some(ip("10.1.0.1")); 2]
        );
    }

    #[test]
    fn slots_of_a_service() {
        let name = |text: &str| Name::parse(text).expect("a name");
        let service = |host: &str, port| Service {
            host: name(host),
            port,
            weight: 0,
            addresses: Vec::new(),
        };
        let target = |host: &str, port| Some(Target { host: name(host), port });
        let found = [service("a.test", 1), service("b.test", 1), service("a.test", 2)];
        for (slots, want) in [
            (vec![None, None], vec![Some(0), Some(1)]),
            (vec![target("a.test", 2), None], vec![Some(2), Some(0)]),
            (
                vec![target("gone.test", 1), target("a.test", 1)],
                vec![Some(1), Some(0)],
            ),
            (vec![None; 4], vec![Some(0), Some(1), Some(2), None]),
            (vec![target("a.test", 1), target("a.test", 1)], vec![Some(0), Some(1)]),
        ] {
            assert_eq!(targets(&slots, &found), want, "{slots:?}");
        }
    }
}
