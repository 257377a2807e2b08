//! Networks, of which the narrowest that contains an address is wanted. There are few widths, and those of one width are
//! found by one search.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::BitAnd;

use super::Network;
use super::addresses::{held_v4, six_to_four};

/// The places of networks in the list that they come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Narrowest {
    v4: ByMask<u32>,
    v6: ByMask<u128>,
    /// Masks with holes have no width.
    odd: Vec<(Network, usize)>,
}

/// The narrowest mask is the greatest number.
type ByMask<T> = BTreeMap<T, BTreeMap<T, usize>>;

impl Narrowest {
    pub(super) fn of(networks: impl IntoIterator<Item = Network>) -> Narrowest {
        let mut all = Narrowest::default();
        for (place, network) in networks.into_iter().enumerate() {
            // Of equals the first counts.
            match network {
                Network::V4 { address, mask } if network.is_range() => {
                    all.v4.entry(mask).or_default().entry(address).or_insert(place);
                }
                Network::V6 { address, mask } if network.is_range() => {
                    all.v6.entry(mask).or_default().entry(address).or_insert(place);
                }
                odd => all.odd.push((odd, place)),
            }
        }
        all
    }

    /// Those of the address's own family come first.
    pub(super) fn place(&self, ip: IpAddr) -> Option<usize> {
        let v4 = |ip| narrowest(&self.v4, u32::from(ip));
        let v6 = |ip| narrowest(&self.v6, u128::from(ip));
        let found = match ip {
            IpAddr::V4(ip) => v4(ip).or_else(|| v6(ip.to_ipv6_mapped()).or_else(|| v6(six_to_four(ip)))),
            IpAddr::V6(ip) => v6(ip).or_else(|| held_v4(ip).and_then(v4)),
        };
        let odd = || self.odd.iter().find(|(network, _)| network.contains(ip));
        found.or_else(|| odd().map(|(_, place)| *place))
    }
}

fn narrowest<T: Ord + Copy + BitAnd<Output = T>>(networks: &ByMask<T>, ip: T) -> Option<usize> {
    let mut widths = networks.iter().rev();
    widths.find_map(|(mask, places)| places.get(&(ip & *mask)).copied())
}
