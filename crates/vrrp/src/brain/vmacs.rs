//! Making the interfaces that have the MAC address of a virtual router, and keeping everything else from them.
//!
//! Such an interface is up only while its router is master. Down, it says and answers nothing: no switch learns from a
//! backup where the MAC address is. Adverts and announcements are frames of our own on the interface below, so that they
//! need nothing else to be there, and the interface below hears those of others: in the macvlans' bridge mode the kernel
//! hands up to it what a master elsewhere sends with the same MAC address, which it does not in private mode.

use std::collections::BTreeMap;
use std::sync::Arc;

use tandem_sys::netlink::{Index, MacvlanMode, Request};
use tandem_vrrp_core::settings::{InstanceId, InstanceSettings};

use super::Brain;
use super::lent::Setting;
use crate::vmac::{Vmac, Vmacs};

/// What has been done for them.
#[derive(Debug, Default)]
pub(super) struct Arranged {
    /// Those that are there and as they should be.
    ready: BTreeMap<Arc<str>, Index>,
    /// Asked for, and not heard of yet.
    asked: BTreeMap<Arc<str>, Index>,
}

impl Brain {
    /// Makes those that are missing and whose interface is there; finishes those that have come.
    pub(super) fn arrange_vmacs(&mut self) {
        let all: Vec<Vmac> = self.network.vmacs().all().cloned().collect();
        for vmac in all {
            let Some(base) = self.network.link(&vmac.base).map(|link| link.index) else {
                continue;
            };
            match self.network.link(&vmac.name).cloned() {
                None => self.make(&vmac, base),
                Some(link) if self.arranged.ready.get(&vmac.name) == Some(&link.index) => {}
                Some(link) if link.mac == Some(vmac.mac) && link.parent == Some(base) => {
                    let found = self.arranged.asked.remove(&vmac.name).is_none();
                    self.arranged.ready.insert(vmac.name.clone(), link.index);
                    self.finish(&vmac, link.index, found);
                }
                // Said once: it is asked for like one that is missing.
                Some(_) => self.not_ours(&vmac, base),
            }
        }
    }

    fn make(&mut self, vmac: &Vmac, base: Index) {
        if self.arranged.asked.insert(vmac.name.clone(), base) == Some(base) {
            return;
        }
        self.arranged.ready.remove(&vmac.name);
        self.ask(Request::AddMacvlan {
            name: vmac.name.to_string(),
            parent: base,
            mode: MacvlanMode::Bridge,
            mac: vmac.mac,
        });
    }

    fn not_ours(&mut self, vmac: &Vmac, base: Index) {
        if self.arranged.asked.insert(vmac.name.clone(), base) != Some(base) {
            self.reports.trouble(format_args!(
                "there is an interface {} that is no macvlan on {} with {}: remove it or choose another name (use_vmac NAME)",
                vmac.name, vmac.base, vmac.mac
            ));
        }
    }

    /// `found`: one that we made before a crash.
    fn finish(&mut self, vmac: &Vmac, index: Index, found: bool) {
        self.errands.set(Setting::Lend {
            vmac: vmac.name.clone(),
            base: vmac.base.clone(),
            found,
        });
        let instance = vmac.instance;
        if self.router.instance(instance).is_some_and(|i| i.holds) {
            self.raise(instance);
            self.add_all(instance);
        } else if !self.network.has_any(index) {
            self.ask(Request::SetDown(index));
        }
    }

    /// Before its addresses come.
    pub(super) fn raise(&mut self, instance: InstanceId) {
        self.switch(instance, Request::SetUp);
    }

    /// After they are gone.
    pub(super) fn lower(&mut self, instance: InstanceId) {
        self.switch(instance, Request::SetDown);
    }

    fn switch(&mut self, instance: InstanceId, request: fn(Index) -> Request) {
        let of_it = self.network.vmacs().of_instance(instance);
        let there: Vec<Index> = of_it
            .filter_map(|vmac| self.network.link(&vmac.name).map(|link| link.index))
            .collect();
        there.into_iter().for_each(|index| self.ask(request(index)));
    }

    /// After a reload that began with [`Brain::give_up_moved`]. Interfaces that are yet to come get their addresses then.
    pub(super) fn exchange_vmacs(&mut self, old: &Vmacs, moved: &[InstanceId]) {
        let kept = |vmac: &Vmac| self.network.vmacs().all().any(|other| other.is_same_interface(vmac));
        let gone: Vec<Arc<str>> = old.all().filter(|v| !kept(v)).map(|v| v.name.clone()).collect();
        gone.iter().for_each(|name| self.unmake(name));
        self.give_back();
        self.arrange_vmacs();
        for instance in moved {
            if self.has_its_vmacs(*instance) {
                self.raise(*instance);
                self.add_all(*instance);
            }
        }
    }

    fn has_its_vmacs(&self, instance: InstanceId) -> bool {
        let mut wanted = self.network.vmacs().of_instance(instance);
        wanted.all(|vmac| self.network.link(&vmac.name).is_some())
    }

    /// Of instances that go on holding their addresses, on other interfaces than before.
    pub(super) fn give_up_moved(&mut self, new: &Vmacs, settings: &[InstanceSettings]) -> Vec<InstanceId> {
        let old = self.network.vmacs();
        let differs = |id: &InstanceId| !old.of_instance(*id).eq(new.of_instance(*id));
        let holding = self.router.instances().filter(|i| i.holds).map(|i| i.settings.id);
        let stays = |id: &InstanceId| settings.iter().any(|s| s.id == *id);
        let moved: Vec<InstanceId> = holding.filter(|id| stays(id) && differs(id)).collect();
        for instance in &moved {
            self.remove_all(*instance);
        }
        moved
    }

    /// At the end.
    pub(super) fn unmake_vmacs(&mut self) {
        let old = self.network.exchange_vmacs(Vmacs::default());
        let names: Vec<Arc<str>> = old.all().map(|vmac| vmac.name.clone()).collect();
        names.iter().for_each(|name| self.unmake(name));
        self.give_back();
    }

    fn unmake(&mut self, name: &Arc<str>) {
        self.arranged.asked.remove(name);
        if let Some(index) = self.arranged.ready.remove(name) {
            self.ask(Request::DeleteLink(index));
        }
    }

    /// What was set of interfaces that will have none of ours above them any more, and are silent about none.
    pub(super) fn give_back(&mut self) {
        let below_vmacs = self.network.vmacs().all().map(|vmac| vmac.base.clone());
        let needed = below_vmacs.chain(self.kept.silent()).collect();
        self.errands.set(Setting::GiveBack { needed });
    }
}
