//! What is known of this host's interfaces and addresses, kept up to date by the kernel's changes.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use tandem_sys::netlink::{Address, Change, Cidr, Index, Link, Mac, Scope};
use tandem_vrrp_core::settings::{Family, InstanceId, InstanceSettings, RouterSettings, VirtualAddress};

use crate::vmac::Vmacs;

#[derive(Debug, Default)]
pub(super) struct Network {
    links: BTreeMap<Index, Link>,
    /// Which of them has this name now.
    names: BTreeMap<String, Index>,
    addresses: BTreeMap<(Index, Cidr), Known>,
    /// How many have come so far.
    come: u64,
    vmacs: Vmacs,
}

#[derive(Debug)]
struct Known {
    address: Address,
    /// Of an interface's addresses the one that came first is its primary one.
    order: u64,
}

impl Network {
    pub(super) fn new(links: Vec<Link>, addresses: Vec<Address>, vmacs: Vmacs) -> Network {
        let mut network = Network {
            vmacs,
            ..Network::default()
        };
        links.into_iter().for_each(|link| network.put(link));
        // The kernel lists the primary one first.
        addresses.into_iter().for_each(|address| network.come(address));
        network
    }

    pub(super) fn take(&mut self, change: &Change) {
        match change {
            Change::Link(link) => self.put(link.clone()),
            Change::LinkGone(index) => {
                if let Some(gone) = self.links.remove(index) {
                    self.forget_name(&gone);
                }
                self.addresses.retain(|(on, _), _| on != index);
            }
            Change::Address(address) => self.come(address.clone()),
            Change::AddressGone(address) => {
                self.addresses.remove(&(address.index, address.cidr));
            }
            Change::Route(_) | Change::RouteGone(_) | Change::RuleGone(_) | Change::Lost => {}
        }
    }

    fn put(&mut self, link: Link) {
        let (index, name) = (link.index, link.name.clone());
        if let Some(before) = self.links.insert(index, link) {
            self.forget_name(&before);
        }
        self.names.insert(name, index);
    }

    /// Unless another has it meanwhile.
    fn forget_name(&mut self, link: &Link) {
        if self.names.get(&link.name) == Some(&link.index) {
            self.names.remove(&link.name);
        }
    }

    fn come(&mut self, address: Address) {
        match self.addresses.entry((address.index, address.cidr)) {
            Entry::Occupied(mut known) => known.get_mut().address = address,
            Entry::Vacant(new) => {
                self.come += 1;
                let order = self.come;
                new.insert(Known { address, order });
            }
        }
    }

    pub(super) fn at(&self, index: Index) -> Option<&Link> {
        self.links.get(&index)
    }

    pub(super) fn link(&self, name: &str) -> Option<&Link> {
        self.links.get(self.names.get(name)?)
    }

    pub(super) fn name(&self, index: Index) -> &str {
        self.links.get(&index).map_or("?", |link| &link.name)
    }

    /// The MAC address of a virtual router is also that of whoever else is its master.
    pub(super) fn is_own(&self, mac: Mac) -> bool {
        let own = |link: &&Link| self.vmacs.named(&link.name).is_none();
        self.links.values().filter(own).any(|link| link.mac == Some(mac))
    }

    /// That of a virtual router of ours, whoever is its master.
    pub(super) fn is_virtual(&self, mac: Mac) -> bool {
        self.vmacs.all().any(|vmac| vmac.mac == mac)
    }

    pub(super) fn vmacs(&self) -> &Vmacs {
        &self.vmacs
    }

    /// Returns what was before.
    pub(super) fn exchange_vmacs(&mut self, new: Vmacs) -> Vmacs {
        std::mem::replace(&mut self.vmacs, new)
    }

    /// The interface that an address of ours on this one is announced by: itself, or what it stands on.
    pub(super) fn below<'a>(&'a self, link: &'a Link) -> Option<&'a Link> {
        match self.vmacs.named(&link.name) {
            Some(vmac) => self.link(&vmac.base),
            None => Some(link),
        }
    }

    pub(super) fn is_up(&self, name: &str) -> bool {
        self.link(name).is_some_and(|link| link.up && link.carrier)
    }

    /// Where an instance lives: on the interface it names, or on the one that has the address it speaks from.
    pub(super) fn home<'a>(&'a self, settings: &InstanceSettings) -> Option<&'a Link> {
        match (&settings.interface, settings.source) {
            (Some(name), _) => self.link(name),
            (None, Some(source)) => self.having(source).find(|link| self.vmacs.named(&link.name).is_none()),
            (None, None) => None,
        }
    }

    /// The interface that an address of this instance belongs on.
    pub(super) fn place(&self, settings: &InstanceSettings, address: &VirtualAddress) -> Option<&Link> {
        if let Some(vmac) = self.vmacs.for_address(settings, address) {
            return self.link(&vmac.name);
        }
        match &address.device {
            Some(name) => self.link(name),
            None => self.home(settings),
        }
    }

    /// Every interface, with its addresses in the order in which they came.
    pub(super) fn all(&self) -> impl Iterator<Item = (Link, Vec<IpAddr>)> {
        let mut addresses: BTreeMap<Index, Vec<(u64, IpAddr)>> = BTreeMap::new();
        for ((on, cidr), known) in &self.addresses {
            addresses.entry(*on).or_default().push((known.order, cidr.ip()));
        }
        self.links.values().map(move |link| {
            let mut here = addresses.remove(&link.index).unwrap_or_default();
            here.sort_unstable();
            (link.clone(), here.into_iter().map(|(_, ip)| ip).collect())
        })
    }

    /// The instances that live on each interface.
    pub(super) fn residents(&self, settings: &RouterSettings) -> BTreeMap<(Index, Family), Vec<InstanceId>> {
        let mut residents: BTreeMap<(Index, Family), Vec<InstanceId>> = BTreeMap::new();
        for instance in &settings.instances {
            if let Some(home) = self.home(instance) {
                residents
                    .entry((home.index, instance.family))
                    .or_default()
                    .push(instance.id);
            }
        }
        residents
    }

    pub(super) fn has_any(&self, index: Index) -> bool {
        self.addresses.keys().any(|(on, _)| *on == index)
    }

    pub(super) fn has(&self, index: Index, ip: IpAddr) -> bool {
        let (shortest, longest) = (Cidr::shortest(ip), Cidr::host(ip));
        let mut here = self.addresses.range((index, shortest)..=(index, longest));
        here.next().is_some()
    }

    pub(super) fn has_exactly(&self, index: Index, cidr: Cidr) -> bool {
        self.addresses.contains_key(&(index, cidr))
    }

    /// As itself and nothing else, until the kernel removes it.
    pub(super) fn has_for_a_time(&self, index: Index, ip: IpAddr) -> bool {
        let known = self.addresses.get(&(index, Cidr::host(ip)));
        known.is_some_and(|known| !known.address.permanent)
    }

    pub(super) fn having(&self, ip: IpAddr) -> impl Iterator<Item = &Link> {
        let on = self.links.values();
        on.filter(move |link| self.has(link.index, ip))
    }

    /// Where adverts of this instance come from: what it names, if the interface has it; else the primary address, for IPv6
    /// the link-local one. Virtual addresses do not count, unless there is nothing else and an instance owns them: then they
    /// are this host's, whoever speaks.
    pub(super) fn source(&self, settings: &InstanceSettings, virtuals: &Virtuals) -> Option<IpAddr> {
        let home = self.home(settings)?;
        let index = home.index;
        if let Some(fixed) = settings.source {
            // Nobody else says that the interface is down when it has no name.
            let speaks = settings.interface.is_some() || home.up && home.carrier;
            return Some(fixed).filter(|fixed| speaks && self.has(index, *fixed));
        }
        let here = self.addresses.values().filter(|known| known.address.index == index);
        let mut candidates: Vec<&Known> = here.filter(|known| speaks(&known.address, settings.family)).collect();
        candidates.sort_by_key(|known| known.order);
        let mut candidates = candidates.into_iter().map(|known| known.address.cidr.ip());
        let mut owned = candidates.clone().filter(|ip| virtuals.owners(*ip).next().is_some());
        let own = candidates.find(|ip| !virtuals.contains(ip));
        own.or_else(|| owned.next())
    }
}

fn speaks(address: &Address, family: Family) -> bool {
    match (family, address.cidr.ip()) {
        (Family::V4, IpAddr::V4(_)) => address.scope != Scope::Host,
        (Family::V6, IpAddr::V6(_)) => address.scope == Scope::Link && !address.tentative && !address.duplicate,
        _ => false,
    }
}

/// All addresses that come and go with mastership, and whose they are.
#[derive(Debug, Default)]
pub(super) struct Virtuals(BTreeMap<IpAddr, BTreeSet<(InstanceId, IsOwner)>>);

type IsOwner = bool;

impl Virtuals {
    pub(super) fn of(settings: &RouterSettings) -> Virtuals {
        let mut virtuals = Virtuals::default();
        for instance in &settings.instances {
            for address in instance.addresses() {
                let whose = virtuals.0.entry(address.address).or_default();
                whose.insert((instance.id, instance.priority.is_owner()));
            }
        }
        virtuals
    }

    pub(super) fn contains(&self, ip: &IpAddr) -> bool {
        self.0.contains_key(ip)
    }

    /// Those to whom it is the host's own address.
    pub(super) fn owners(&self, ip: IpAddr) -> impl Iterator<Item = InstanceId> {
        let whose = self.0.get(&ip).into_iter().flatten();
        whose.filter(|(_, is_owner)| *is_owner).map(|(id, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use tandem_vrrp_core::settings::{Priority, Vrid};

    use super::*;
    use crate::around::fixtures::link;

    fn address(index: u32, cidr: &str, scope: Scope) -> Address {
        Address {
            index: Index(index),
            cidr: cidr.parse().expect("well written"),
            scope,
            label: None,
            tentative: false,
            duplicate: false,
            permanent: true,
        }
    }

    fn instance(family: Family) -> InstanceSettings {
        let vrid = Vrid::new(51).expect("not 0");
        InstanceSettings {
            interface: Some("eth0".into()),
            ..InstanceSettings::new(InstanceId(0), "VI_1", vrid, family)
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("well written")
    }

    #[test]
    fn the_primary_address_is_the_first_that_is_not_virtual() {
        let addresses = vec![
            address(2, "10.9.0.9/24", Scope::Global),
            address(1, "10.9.0.100/24", Scope::Global),
            address(1, "10.9.0.1/24", Scope::Global),
            address(1, "10.9.0.2/24", Scope::Global),
        ];
        let mut network = Network::new(vec![link(1, "eth0"), link(2, "eth1")], addresses, Vmacs::default());
        let v4 = InstanceSettings {
            vips: vec![VirtualAddress::host(ip("10.9.0.100"))],
            ..instance(Family::V4)
        };
        let virtuals = |instance: &InstanceSettings| {
            Virtuals::of(&RouterSettings {
                instances: vec![instance.clone()],
                ..RouterSettings::default()
            })
        };
        assert_eq!(network.source(&v4, &virtuals(&v4)), Some(ip("10.9.0.1")));
        network.take(&Change::AddressGone(address(1, "10.9.0.1/24", Scope::Global)));
        assert_eq!(network.source(&v4, &virtuals(&v4)), Some(ip("10.9.0.2")));
        network.take(&Change::AddressGone(address(1, "10.9.0.2/24", Scope::Global)));
        assert_eq!(network.source(&v4, &virtuals(&v4)), None);
        let owner = InstanceSettings {
            priority: Priority::OWNER,
            ..v4
        };
        assert_eq!(network.source(&owner, &virtuals(&owner)), Some(ip("10.9.0.100")));
    }

    /// RFC 9568 section 4.2: each of two hosts backs up the address of the other, and has none but its own.
    #[test]
    fn whoever_backs_up_another_speaks_from_what_this_host_owns() {
        let one = |id, address: &str| InstanceSettings {
            vips: vec![VirtualAddress::host(ip(address))],
            ..InstanceSettings::new(InstanceId(id), "VI", Vrid::new(51).expect("not 0"), Family::V4)
        };
        let home = Some("eth0".into());
        let owner = InstanceSettings {
            interface: home.clone(),
            priority: Priority::OWNER,
            ..one(1, "10.9.0.1")
        };
        let backup = InstanceSettings {
            interface: home,
            ..one(2, "10.9.0.2")
        };
        let settings = RouterSettings {
            instances: vec![owner.clone(), backup.clone()],
            ..RouterSettings::default()
        };
        let virtuals = Virtuals::of(&settings);
        let addresses = ["10.9.0.1/24", "10.9.0.2/24"].map(|cidr| address(1, cidr, Scope::Global));
        let network = Network::new(vec![link(1, "eth0")], addresses[..1].to_vec(), Vmacs::default());
        for instance in [&owner, &backup] {
            assert_eq!(network.source(instance, &virtuals), Some(ip("10.9.0.1")));
        }
        assert_eq!(virtuals.owners(ip("10.9.0.1")).collect::<Vec<_>>(), [InstanceId(1)]);
        let network = Network::new(vec![link(1, "eth0")], addresses[1..].to_vec(), Vmacs::default());
        assert_eq!(network.source(&backup, &virtuals), None, "it comes and goes");
    }

    #[test]
    fn whoever_names_no_interface_lives_where_its_address_is() {
        let homeless = InstanceSettings {
            interface: None,
            source: Some(ip("10.9.0.1")),
            ..instance(Family::V4)
        };
        let here = address(2, "10.9.0.1/24", Scope::Global);
        let mut network = Network::new(
            vec![link(1, "eth0"), link(2, "eth1")],
            vec![here.clone()],
            Vmacs::default(),
        );
        let none = Virtuals::default();
        let vip = VirtualAddress::host(ip("10.9.0.100"));
        assert_eq!(network.source(&homeless, &none), Some(ip("10.9.0.1")));
        assert_eq!(network.place(&homeless, &vip).map(|link| link.index), Some(Index(2)));
        let down = Link {
            carrier: false,
            ..link(2, "eth1")
        };
        network.take(&Change::Link(down));
        assert_eq!(network.source(&homeless, &none), None, "its interface is down");
        network.take(&Change::AddressGone(here));
        assert!(network.home(&homeless).is_none());
        network.take(&Change::Address(address(1, "10.9.0.1/24", Scope::Global)));
        assert_eq!(network.home(&homeless).map(|link| &*link.name), Some("eth0"));
    }

    #[test]
    fn ipv6_speaks_from_a_link_local_address_that_is_settled() {
        let mut fresh = address(1, "fe80::1/64", Scope::Link);
        fresh.tentative = true;
        let addresses = vec![address(1, "2001:db8::1/64", Scope::Global), fresh.clone()];
        let mut network = Network::new(vec![link(1, "eth0")], addresses, Vmacs::default());
        let v6 = instance(Family::V6);
        assert_eq!(network.source(&v6, &Virtuals::default()), None);
        fresh.tentative = false;
        network.take(&Change::Address(fresh));
        assert_eq!(network.source(&v6, &Virtuals::default()), Some(ip("fe80::1")));
    }

    #[test]
    fn a_name_is_that_of_whoever_has_it_now() {
        let mut network = Network::new(vec![link(1, "eth0"), link(2, "eth1")], vec![], Vmacs::default());
        let at = |network: &Network, name: &str| network.link(name).map(|link| link.index.0);
        network.take(&Change::Link(link(1, "old")));
        assert_eq!(at(&network, "eth0"), None);
        network.take(&Change::Link(link(2, "eth0")));
        assert_eq!([at(&network, "eth0"), at(&network, "eth1")], [Some(2), None]);
        // Made again, and that the first one went is heard afterwards.
        network.take(&Change::Link(link(3, "eth0")));
        network.take(&Change::LinkGone(Index(2)));
        assert_eq!(at(&network, "eth0"), Some(3));
        network.take(&Change::LinkGone(Index(3)));
        assert_eq!([at(&network, "eth0"), at(&network, "old")], [None, Some(1)]);
    }

    #[test]
    fn whoever_lives_on_very_many_interfaces_is_found() {
        let names: Vec<String> = (0..4000).map(|n| format!("eth0.{n}")).collect();
        let links = (1..).zip(&names).map(|(index, name)| link(index, name)).collect();
        let addresses = (1..)
            .zip(&names)
            .map(|(index, _)| address(index, "10.9.0.1/24", Scope::Global));
        let network = Network::new(links, addresses.collect(), Vmacs::default());
        let instances = (0..).zip(&names).map(|(id, name)| InstanceSettings {
            id: InstanceId(id),
            interface: Some(name.as_str().into()),
            ..instance(Family::V4)
        });
        let settings = RouterSettings {
            instances: instances.collect(),
            ..RouterSettings::default()
        };
        let residents = network.residents(&settings);
        assert_eq!(residents.len(), 4000);
        assert_eq!(residents[&(Index(4000), Family::V4)], [InstanceId(3999)]);
        assert!(network.all().all(|(_, addresses)| addresses == [ip("10.9.0.1")]));
    }

    #[test]
    fn an_interface_that_goes_takes_its_addresses_along() {
        let mut network = Network::new(
            vec![link(1, "eth0")],
            vec![address(1, "10.9.0.1/24", Scope::Global)],
            Vmacs::default(),
        );
        assert!(network.is_up("eth0") && network.has(Index(1), ip("10.9.0.1")));
        network.take(&Change::LinkGone(Index(1)));
        assert!(!network.is_up("eth0") && !network.has(Index(1), ip("10.9.0.1")));
        network.take(&Change::Link(link(7, "eth0")));
        assert!(network.is_up("eth0"));
    }
}
