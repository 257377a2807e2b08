//! Carrying out what the router decided, in its order.

use std::net::IpAddr;

use tandem_sys::netlink::{Index, Request};
use tandem_vrrp_core::Output;
use tandem_vrrp_core::settings::{Family, InstanceId, InstanceSettings, Transport, VirtualAddress};

use super::errands::Purpose;
use super::holding::request;
use super::voice::Utterance;
use super::{Brain, Report};

impl Brain {
    pub(super) fn carry_out(&mut self) {
        while let Some(output) = self.router.poll_output() {
            self.carry(output);
        }
        self.advertise_what_waited();
        self.before.clear();
    }

    /// Of an instance that a reload dropped, too: its last outputs are still to be carried out.
    pub(super) fn settings(&self, instance: InstanceId) -> Option<&InstanceSettings> {
        let known = self.router.settings().instance(instance);
        known.or_else(|| self.before.iter().find(|settings| settings.id == instance))
    }

    fn carry(&mut self, output: Output) {
        match output {
            Output::SendAdvert {
                instance,
                from,
                to,
                ttl,
                message,
                may_wait,
            } => {
                let advert = Utterance { from, to, ttl, message };
                self.advertise(instance, advert, may_wait);
            }
            Output::AddAddresses { instance } => {
                self.raise(instance);
                self.with_addresses(instance, |_| true, Brain::add);
                self.add_policy(instance);
                self.keep_no_more(instance);
            }
            Output::RemoveAddresses { instance } => {
                self.advertise_no_more(instance);
                self.keep_what_goes(instance);
                self.remove_all(instance);
            }
            Output::AddAddress { instance, address } => {
                self.with_addresses(instance, |a| a.address == address, Brain::add);
                // Routes with this source went with it, unsaid.
                self.add_policy(instance);
            }
            Output::RemoveAddress { instance, address } => self.remove_where_it_is(instance, &address),
            Output::Announce { instance, address } => {
                if self.holding.may_announce(instance, address) {
                    self.announce(instance, address);
                }
            }
            Output::AskHolder { instance, address } => self.ask_holder(instance, address),
            Output::SeekPeers { instance } => self.seek_peers(instance),
            Output::AnnounceElsewhere { instance } => self.announce_elsewhere(instance),
            Output::Notify {
                subject,
                notice,
                priority,
            } => self.reports.send(Report::Notify {
                subject,
                notice,
                priority,
            }),
            Output::Drop {
                instance,
                source,
                vrid,
                reason,
                log,
            } => {
                if log {
                    self.reports.send(Report::Drop {
                        instance,
                        source,
                        vrid,
                        reason,
                    });
                }
            }
            Output::Log { instance, event } => self.reports.send(Report::Event { instance, event }),
            Output::AskWitnesses { instance } => self.reports.send(Report::AskWitnesses { instance }),
            Output::NameSuccessor { instance, successor } => {
                self.reports.send(Report::NameSuccessor { instance, successor });
            }
            Output::Released { instance } => self.reports.send(Report::Released { instance }),
        }
    }

    pub(super) fn send(&mut self, instance: InstanceId, advert: &Utterance) {
        let Some(link) = self.settings(instance).and_then(|s| self.network.home(s)) else {
            return;
        };
        let mac = self.network.vmacs().speaker(instance).map(|vmac| vmac.mac);
        let outcome = self
            .voice
            .send(link, mac, advert)
            .map_err(|error| error.to_string())
            .err();
        if let Some(error) = self.mute.heard(instance, link.index, advert.to, outcome) {
            let (name, to) = (&link.name, advert.to);
            self.reports
                .trouble(format_args!("cannot send adverts on {name} to {to}: {error}"));
        }
    }

    /// For each address of an instance that is chosen and has an interface to be on.
    fn with_addresses(
        &mut self,
        instance: InstanceId,
        choose: impl Fn(&VirtualAddress) -> bool,
        act: impl Fn(&mut Brain, InstanceId, &VirtualAddress, Index),
    ) {
        let Some(settings) = self.settings(instance).cloned() else {
            return;
        };
        for address in settings.addresses().filter(|a| choose(a)) {
            match self.network.place(&settings, address).map(|link| link.index) {
                Some(index) => act(self, instance, address, index),
                None => self.nowhere(&settings, address),
            }
        }
    }

    /// Once more, and announced: on interfaces that are new.
    pub(super) fn add_all(&mut self, instance: InstanceId) {
        self.with_addresses(instance, |_| true, Brain::add_announced);
        self.add_policy(instance);
    }

    /// Not over a successor, nor over whoever may be found to be master.
    fn add_announced(&mut self, instance: InstanceId, address: &VirtualAddress, index: Index) {
        self.add(instance, address, index);
        if self.router.instance(instance).is_some_and(|i| i.serves_alone()) {
            self.holding.may_announce(instance, address.address);
        }
    }

    /// Addresses that belong on an interface that has been made anew.
    pub(super) fn add_returned(&mut self) {
        let holding = self.router.instances().filter(|i| i.holds);
        let holding: Vec<InstanceId> = holding.map(|i| i.settings.id).collect();
        for instance in holding {
            let Some(settings) = self.settings(instance).cloned() else {
                continue;
            };
            for address in settings.addresses() {
                let place = self.network.place(&settings, address).map(|link| link.index);
                let known = self.holding.place(instance, address.address);
                if let Some(index) = place.filter(|index| known != Some(*index)) {
                    self.add_announced(instance, address, index);
                }
            }
        }
    }

    pub(super) fn remove_all(&mut self, instance: InstanceId) {
        self.remove_policy(instance);
        let settings = self.settings(instance).cloned();
        for address in settings.iter().flat_map(InstanceSettings::addresses) {
            self.remove_where_it_is(instance, address);
        }
        self.lower(instance);
    }

    fn nowhere(&mut self, settings: &InstanceSettings, address: &VirtualAddress) {
        let vmac = self
            .network
            .vmacs()
            .for_address(settings, address)
            .map(|vmac| vmac.name.clone());
        let interface = vmac.as_deref().or(address.device.as_deref());
        let interface = interface.or(settings.interface.as_deref());
        self.reports.trouble(format_args!(
            "({}) {} has no interface to be on: there is no {}",
            settings.name,
            address.address,
            interface.unwrap_or("`dev` and no `interface`")
        ));
    }

    fn add(&mut self, instance: InstanceId, address: &VirtualAddress, index: Index) {
        let Some(request) = request(address, index) else { return };
        let address = address.address;
        let is_there = self.network.has_exactly(index, request.cidr);
        let is_owner = self.is_owner(instance);
        self.holding.found(instance, is_owner, index, request.cidr, is_there);
        let together = self.network.vmacs().of_instance(instance).next().is_some();
        self.holding.adding(instance, address, index, together);
        self.errands
            .push(Request::AddAddress(request), Purpose::Hold { instance, address });
    }

    fn is_owner(&self, instance: InstanceId) -> bool {
        self.settings(instance).is_some_and(|s| s.priority.is_owner())
    }

    fn remove(&mut self, instance: InstanceId, address: &VirtualAddress, index: Index) {
        let Some(request) = request(address, index) else { return };
        let address = address.address;
        let is_owner = self.is_owner(instance);
        if self.holding.stays(instance, is_owner, index, request.cidr) {
            if !is_owner {
                self.left_behind(instance, address, index);
            }
            return self.holding.leave(instance, address);
        }
        self.holding.removing(instance, request.cidr, index);
        self.errands
            .push(Request::DeleteAddress(request), Purpose::Give { index, address });
    }

    /// It may be the only one that the host has. Whoever is master now has it as well, and both answer for it.
    fn left_behind(&mut self, instance: InstanceId, address: IpAddr, index: Index) {
        let name = self.settings(instance).map(|settings| settings.name.clone());
        let interface = self.network.name(index).to_owned();
        self.reports.trouble(format_args!(
            "({}) {address} stays on {interface}, where it was before this router owned it and was given up as its owner: if another router \
             serves it now, remove it (`ip address delete`) or own it again (`priority 255`)",
            name.as_deref().unwrap_or("?"),
        ));
    }

    /// Where we put it, else where it would belong: from before a crash.
    fn remove_where_it_is(&mut self, instance: InstanceId, address: &VirtualAddress) {
        let belongs = || Some(self.network.place(self.settings(instance)?, address)?.index);
        let held = self.holding.place(instance, address.address);
        if let Some(index) = held.or_else(belongs) {
            self.remove(instance, address, index);
        }
    }

    fn ask_holder(&mut self, instance: InstanceId, address: IpAddr) {
        let Some(view) = self.router.instance(instance) else {
            return;
        };
        let wanted = view.settings.addresses().find(|a| a.address == address);
        let place = wanted.and_then(|a| self.network.place(view.settings, a));
        // Whoever else has it answers with the same MAC address, and takes nothing that is not to that.
        let place = place.filter(|link| self.network.vmacs().named(&link.name).is_none());
        let (Some(link), Some(own)) = (place, view.source) else {
            return;
        };
        let group = match view.settings.transport {
            Transport::Multicast { group } => Some(group),
            Transport::Unicast { .. } => None,
        };
        let asked = self.ears.open(link.index, Family::of(&address));
        if let Err(error) = asked.and_then(|()| self.herald.ask(link, own, group, address)) {
            let name = &link.name;
            self.reports
                .trouble(format_args!("cannot ask who else has {address} on {name}: {error}"));
        }
    }

    fn seek_peers(&mut self, instance: InstanceId) {
        let Some(view) = self.router.instance(instance) else {
            return;
        };
        let interface = view.settings.interface.as_deref();
        let link = interface.and_then(|name| self.network.link(name));
        let (Some(link), Some(own), Transport::Unicast { peers, .. }) = (link, view.source, &view.settings.transport)
        else {
            return;
        };
        for peer in peers {
            if let Err(error) = self.herald.seek(link, own, peer.address) {
                let (ip, name) = (peer.address, &link.name);
                self.reports
                    .trouble(format_args!("cannot ask where {ip} is on {name}: {error}"));
            }
        }
    }

    /// From every interface that has an address of this instance and is not its own place.
    fn announce_elsewhere(&mut self, instance: InstanceId) {
        let now = self.now();
        let Some(settings) = self.settings(instance).cloned() else {
            return;
        };
        for address in settings.addresses() {
            let place = self.network.place(&settings, address).map(|link| link.index);
            for link in self
                .network
                .having(address.address)
                .filter(|link| Some(link.index) != place)
            {
                if let Err(error) = self.herald.announce(link, link.mac, address.address, now) {
                    let (ip, name) = (address.address, &link.name);
                    self.reports
                        .trouble(format_args!("cannot announce {ip} on {name}: {error}"));
                }
            }
        }
    }

    pub(super) fn announce(&mut self, instance: InstanceId, address: IpAddr) {
        let now = self.now();
        let is_round = self.echoes.said(address, now);
        let place = self.holding.place(instance, address);
        let Some(link) = place.and_then(|index| self.network.at(index)) else {
            return;
        };
        let Some(below) = self.network.below(link) else { return };
        match self.herald.announce(below, link.mac, address, now) {
            Ok(()) if self.verbosity.announcements => {
                let (round, kind) = if address.is_ipv4() {
                    ("gratuitous ARPs", "gratuitous ARP")
                } else {
                    ("Unsolicited Neighbour Adverts", "unsolicited Neighbour Advert")
                };
                let to = format!("on {} for {address}", link.name);
                let whose = self.router.settings().instance(instance).filter(|_| is_round);
                let begins = whose.map(|i| format!("({}) Sending/queueing {round} {to}", i.name));
                let lines = begins.into_iter().chain([format!("Sending {kind} {to}")]);
                lines.for_each(|text| self.reports.send(Report::Detail(text)));
            }
            Ok(()) => {}
            Err(error) => {
                self.reports
                    .trouble(format_args!("cannot announce {address} on {}: {error}", link.name));
            }
        }
    }
}
