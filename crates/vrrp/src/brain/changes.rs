//! News from the kernel, as inputs of the router.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use tandem_sys::netlink::{Address, Change, Index, Link};
use tandem_vrrp_core::Input;

use super::network::Network;
use super::{Answer, Brain, Lists, Report};
use crate::vmac::Vmacs;

impl Brain {
    pub(super) fn changed(&mut self, change: Change) {
        self.network.take(&change);
        self.monitor(&change);
        match change {
            Change::Link(_) => self.links_changed(),
            Change::LinkGone(index) => {
                self.voice.forget(index);
                self.herald.forget(index);
                self.mute.forget(index);
                self.ears.forget(index);
                self.links_changed();
            }
            Change::Address(address) => {
                self.holding.seen(address.index, address.cidr.ip());
                self.source_may_change(address.cidr.ip());
            }
            Change::AddressGone(address) => {
                self.address_gone(address.index, address.cidr.ip());
                self.static_gone(address.index, address.cidr.ip());
                // What is put back is on its way before anybody asks where an owner speaks from.
                self.carry_out();
                self.source_may_change(address.cidr.ip());
            }
            Change::Lost => self.list_again(),
            Change::RouteGone(route) => self.route_gone(&route),
            Change::RuleGone(rule) => self.rule_gone(&rule),
            Change::Route(_) => {}
        }
    }

    /// Virtual addresses come by the hundred, and only an owner speaks from one.
    fn source_may_change(&mut self, changed: IpAddr) {
        let instances = &self.router.settings().instances;
        if instances
            .iter()
            .any(|i| i.interface.is_none() && i.source == Some(changed))
        {
            self.listen();
        }
        if !self.virtuals.contains(&changed) {
            return self.tell_sources();
        }
        self.owners_may_be_mute();
    }

    /// A virtual address has come, has gone, or will not come.
    pub(super) fn owners_may_be_mute(&mut self) {
        let mut instances = self.router.settings().instances.iter();
        if instances.any(|settings| settings.priority.is_owner()) {
            self.tell_sources();
        }
    }

    fn monitor(&mut self, change: &Change) {
        let (word, address) = match change {
            Change::Address(address) => ("Assigned", address),
            Change::AddressGone(address) => ("Deassigned", address),
            _ => return,
        };
        if self.verbosity.addresses {
            let interface = self.network.name(address.index);
            let text = format!("{word} address {} for interface {interface}", address.cidr.ip());
            self.reports.send(Report::Detail(text));
        }
    }

    pub(super) fn answered(&mut self, answer: Answer) {
        match answer {
            Answer::Errands(done) => self.errands_done(done),
            Answer::Opened(opened) => {
                self.opened(opened);
                self.tell_deaf();
            }
            Answer::Listed(lists) => self.relisted(lists),
        }
    }

    fn relisted(&mut self, lists: Lists) {
        match lists {
            Ok((links, addresses)) => {
                self.listing_again.succeeded();
                self.listed(links, addresses);
            }
            Err(error) => self.not_listed(error.to_string()),
        }
    }

    fn links_changed(&mut self) {
        self.tell_of_links();
        self.tell_sources();
    }

    fn tell_of_links(&mut self) {
        self.arrange_vmacs();
        self.add_statics();
        self.add_returned();
        self.add_held_ways();
        self.listen();
        self.tell_links(&self.router.settings().interfaces());
    }

    /// What is closed with its interface, and not open again, leaves somebody deaf.
    pub(super) fn listen(&mut self) {
        let openings = self.ports.adjust(self.router.settings(), &self.network);
        self.open_ports(openings);
        self.tell_deaf();
    }

    fn address_gone(&mut self, index: Index, address: IpAddr) {
        let now = self.now();
        for instance in self.holding.gone(index, address) {
            self.router.handle(Input::AddressLost { instance, address }, now);
        }
    }

    /// Some of the kernel's news were lost; what is missing now may have been taken meanwhile. Whoever lost its interface
    /// has let go before that is asked, and what is put back is on its way before anybody asks where an owner speaks from.
    fn listed(&mut self, links: Vec<Link>, addresses: Vec<Address>) {
        let before: BTreeSet<Index> = self.holding.interfaces();
        self.holding.reports_were_lost();
        let vmacs = self.network.exchange_vmacs(Vmacs::default());
        self.network = Network::new(links, addresses, vmacs);
        self.tell_of_links();
        self.carry_out();
        let now = self.now();
        // What an interface that is gone had comes back with it.
        let before = before.into_iter().filter(|index| self.network.at(*index).is_some());
        let held: Vec<_> = before
            .flat_map(|index| self.holding.on(index).map(move |(instance, ip)| (index, instance, ip)))
            .collect();
        for (index, instance, address) in held {
            if self.network.has(index, address) {
                self.holding.seen(index, address);
            } else {
                self.router.handle(Input::AddressLost { instance, address }, now);
            }
        }
        self.carry_out();
        self.tell_sources();
    }

    /// Listens on every interface that an address may move from.
    pub(super) fn open_ears(&mut self) -> io::Result<()> {
        let mut places = BTreeSet::new();
        for instance in self.router.instances().filter(|i| i.holds) {
            for address in instance.settings.addresses() {
                let place = self.network.place(instance.settings, address);
                let below = place.and_then(|link| self.network.below(link));
                places.extend(below.map(|link| (link.index, address.family())));
            }
        }
        places
            .into_iter()
            .try_for_each(|(index, family)| self.ears.open(index, family))
    }

    pub(super) fn close_ears(&mut self) {
        if !self.router.instances().any(|i| i.holds) {
            self.ears.close();
        }
    }
}
