//! What the router is told before it starts, and again when its settings change.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use tandem_sys::netlink::{Change, Cidr, Netlink};
use tandem_time::Mono;
use tandem_vrrp_core::Input;
use tandem_vrrp_core::settings::{InstanceId, InstanceSettings, RouterSettings};

use super::network::{Network, Virtuals};
use super::ports::{Opened, Opening};
use super::{Answer, Assignment, Brain, Lists};
use crate::journal::Before;
use crate::policy::Policy;
use crate::vmac::Vmacs;

impl Brain {
    pub(super) async fn begin(&mut self, journal: &Before) -> io::Result<()> {
        let netlink = Netlink::open()?;
        let (links, addresses) = all(&netlink).await.map_err(io::Error::other)?;
        let vmacs = self.network.exchange_vmacs(Vmacs::default());
        self.network = Network::new(links, addresses, vmacs);
        self.make_vmacs_first(&netlink).await?;
        self.adopt_kept();
        // What the process before us has set and nobody needs any more.
        self.give_back();
        let now = self.now();
        let unix = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        self.router.handle(Input::WallClock { unix }, now);
        self.add_statics();
        // There is nobody yet whom waiting would hurt.
        for opening in self.ports.adjust(self.router.settings(), &self.network) {
            self.opened(opening.open());
        }
        self.tell_deaf();
        self.tell_links(&self.router.settings().interfaces());
        self.tell_sources();
        self.tell_found(journal);
        self.router.handle(Input::Start, now);
        Ok(())
    }

    /// Addresses of ours may be on them already.
    async fn make_vmacs_first(&mut self, netlink: &Netlink) -> io::Result<()> {
        self.arrange_vmacs();
        if self.errands.is_empty() {
            return Ok(());
        }
        while !self.errands.is_empty() {
            let answer = self.answers.recv().await;
            answer.into_iter().for_each(|answer| self.answered(answer));
        }
        for link in netlink.links().await.map_err(io::Error::other)? {
            self.network.take(&Change::Link(link));
        }
        self.arrange_vmacs();
        Ok(())
    }

    /// Interfaces, sources and who hears nothing are told before the instances that need them come to life.
    pub(super) fn reload(&mut self, assignment: Assignment, now: Mono) {
        let Assignment {
            settings,
            policies,
            statics,
            vmacs,
        } = assignment;
        let known = self.router.settings().interfaces();
        let wanted = settings.interfaces();
        let openings = self.ports.adjust(&settings, &self.network);
        self.open_ports(openings);
        self.tell_these(self.deaf_of(&settings.instances));
        self.tell_links(&wanted.difference(&known).cloned().collect());
        self.before.clone_from(&self.router.settings().instances);
        self.virtuals = Virtuals::of(&settings);
        let virtuals = &self.virtuals;
        self.echoes.keep(|address| virtuals.contains(address));
        self.patience = super::patience(&settings);
        let sources = self.sources_of(&settings);
        self.sources.clear();
        for (instance, address) in sources {
            self.sources.insert(instance, address);
            self.router.handle(Input::NextSource { instance, address }, now);
        }
        let moved = self.give_up_moved(&vmacs, &settings.instances);
        let old_vmacs = self.network.exchange_vmacs(vmacs);
        self.router.handle(Input::Settings(Box::new(settings)), now);
        self.carry_out();
        let router = &self.router;
        self.mute
            .keep(|instance| router.settings().instance(instance).is_some());
        self.holding
            .keep(|instance| router.settings().instance(instance).is_some());
        self.exchange_vmacs(&old_vmacs, &moved);
        self.exchange_policies(policies);
        self.exchange_statics(statics);
    }

    /// Of instances that hold their addresses; the others take the new ones when they are master.
    fn exchange_policies(&mut self, policies: BTreeMap<InstanceId, Policy>) {
        let holding = self.router.instances().filter(|i| i.holds);
        let holding: Vec<InstanceId> = holding.map(|i| i.settings.id).collect();
        let before = std::mem::replace(&mut self.policies, policies);
        for instance in holding {
            if let (Some(old), Some(new)) = (before.get(&instance), self.policies.get(&instance).cloned()) {
                self.exchange_policy(old, &new);
            }
        }
    }

    pub(super) fn open_ports(&mut self, openings: Vec<Opening>) {
        for opening in openings {
            let answering = self.answering.clone();
            // Nobody to answer means that the brain has ended.
            let begun = opening.beside(move |opened| drop(answering.send(Answer::Opened(opened))));
            if let Err(opened) = begun {
                self.opened(opened);
            }
        }
    }

    pub(super) fn opened(&mut self, opened: Opened) {
        if let Err(trouble) = self.ports.take(opened) {
            self.reports.trouble(trouble);
        }
        if self.ports.is_refused() {
            let now = self.now();
            self.opening_again.later(now);
        }
    }

    /// Who hears nothing, before it is told of anything that would bring it to life.
    pub(super) fn tell_deaf(&mut self) {
        self.tell_these(self.deaf_of(&self.router.settings().instances));
    }

    fn tell_these(&mut self, changed: Vec<(InstanceId, bool)>) {
        let now = self.now();
        for (instance, deaf) in changed {
            self.router.handle(Input::Deaf { instance, deaf }, now);
        }
    }

    /// Those of whom that has changed.
    fn deaf_of(&self, instances: &[InstanceSettings]) -> Vec<(InstanceId, bool)> {
        let is = |settings: &InstanceSettings| self.ports.is_deaf(self.network.home(settings), settings);
        let was = |id| self.router.instance(id).is_some_and(|view| view.conditions.deaf);
        let all = instances.iter().map(|settings| (settings.id, is(settings)));
        all.filter(|(id, is)| *is != was(*id)).collect()
    }

    pub(super) fn tell_links(&mut self, names: &BTreeSet<Arc<str>>) {
        let now = self.now();
        for interface in names {
            let up = self.network.is_up(interface);
            self.router.handle(Input::Link { interface, up }, now);
        }
    }

    /// Tells each instance where its adverts come from, if that has changed.
    pub(super) fn tell_sources(&mut self) {
        let now = self.now();
        for (instance, address) in self.sources_of(self.router.settings()) {
            if self.sources.insert(instance, address) != Some(address) {
                self.router.handle(Input::Source { instance, address }, now);
            }
        }
    }

    fn sources_of(&self, settings: &RouterSettings) -> Vec<(InstanceId, Option<IpAddr>)> {
        let instances = settings.instances.iter();
        let instances = instances.filter(|i| i.source.is_none() || i.track_source);
        instances.map(|i| (i.id, self.source_of(i))).collect()
    }

    fn source_of(&self, settings: &InstanceSettings) -> Option<IpAddr> {
        let found = self.network.source(settings, &self.virtuals);
        found.or_else(|| self.is_on_its_way(settings))
    }

    /// An owner's own address, which somebody took away and we put back, now or in a moment.
    fn is_on_its_way(&self, settings: &InstanceSettings) -> Option<IpAddr> {
        let before = self.sources.get(&settings.id).copied().flatten();
        let comes = |owner, ip| self.holding.is_coming(owner, ip) || self.router.puts_back(owner, ip);
        before.filter(|ip| self.virtuals.owners(*ip).any(|owner| comes(owner, *ip)))
    }

    fn tell_found(&mut self, journal: &Before) {
        let now = self.now();
        let found: Vec<InstanceSettings> = self
            .router
            .settings()
            .instances
            .iter()
            .filter(|settings| self.is_held(settings))
            .cloned()
            .collect();
        for settings in found {
            let instance = settings.id;
            self.find_native(&settings, journal);
            let fresh_journal = journal.fresh.contains(&instance);
            let found = Input::Found {
                instance,
                fresh_journal,
            };
            self.router.handle(found, now);
        }
    }

    /// Whose addresses are there. Those of whoever was master when the process before us ended are what that one left,
    /// however long ago: unless it is an owner whose host has no other. What an owner left at a good end is its host's.
    fn find_native(&mut self, settings: &InstanceSettings, journal: &Before) {
        let was_master = journal.held.contains(&settings.id);
        let is_owner = settings.priority.is_owner() || journal.owners.contains(&settings.id);
        let source = self.network.source(settings, &self.virtuals);
        for address in settings.addresses() {
            let place = self.network.place(settings, address).map(|link| link.index);
            let cidr = Cidr::new(address.address, address.prefix).ok();
            let Some((index, cidr)) = place.zip(cidr) else { continue };
            if self.network.has_exactly(index, cidr) {
                if was_master && !(is_owner && source == Some(address.address)) {
                    self.holding.was_left(index, cidr);
                }
                self.holding.found(settings.id, is_owner, index, cidr, true);
            }
        }
    }

    /// Any of its addresses is on its interface.
    fn is_held(&self, settings: &InstanceSettings) -> bool {
        settings.addresses().any(|address| {
            let place = self.network.place(settings, address);
            place.is_some_and(|link| self.network.has(link.index, address.address))
        })
    }

    /// Asks the kernel for everything, without waiting for it.
    pub(super) fn list_again(&mut self) {
        let answering = self.answering.clone();
        let begun = super::ports::thread("listing").spawn(move || {
            let lists = Netlink::blocking(async |netlink| all(netlink).await);
            // Nobody to answer means that the brain has ended.
            answering.send(Answer::Listed(lists)).ok();
        });
        if let Err(error) = begun {
            self.not_listed(error.to_string());
        }
    }

    /// What is not known is asked for again, but not without a pause: a host that has no file to give refuses at once.
    pub(super) fn not_listed(&mut self, why: String) {
        let now = self.now();
        if let Some(trouble) = self.listing_again.failed(why, now) {
            self.reports.trouble(trouble);
        }
    }

    /// What the host did not have a moment ago.
    pub(super) fn try_again(&mut self) {
        let now = self.now();
        if self.listing_again.take_due(now) {
            self.list_again();
        }
        if self.opening_again.take_due(now) {
            self.listen();
        }
    }
}

async fn all(netlink: &Netlink) -> Lists {
    Ok((netlink.links().await?, netlink.addresses().await?))
}
