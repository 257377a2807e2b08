//! Making the interfaces that have the MAC address of a virtual router, and keeping everything else from them.
//!
//! Such an interface is up only while its router is master. Down, it says and answers nothing: no switch learns from a
//! backup where the MAC address is. Adverts and announcements are frames of our own on the interface below, so that they
//! need nothing else to be there, and the interface below hears those of others: in the macvlans' bridge mode the kernel
//! hands up to it what a master elsewhere sends with the same MAC address, which it does not in private mode.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use tandem_sys::netlink::{Index, MacvlanMode, Request};
use tandem_vrrp_core::settings::{InstanceId, InstanceSettings};

use super::Brain;
use crate::vmac::{Vmac, Vmacs};

/// What has been done for them.
#[derive(Debug, Default)]
pub(super) struct Arranged {
    /// Those that are there and as they should be.
    ready: BTreeMap<Arc<str>, Index>,
    /// Asked for, and not heard of yet.
    asked: BTreeMap<Arc<str>, Index>,
    /// What was set of the interfaces below before us.
    before: BTreeMap<(Arc<str>, &'static str), String>,
}

/// Of the interface below. It does not answer for the addresses above it, and asks with none of them: either would tell
/// others the wrong MAC address.
const BELOW: [(&str, &str); 2] = [("ipv4/conf/{}/arp_ignore", "1"), ("ipv4/conf/{}/arp_announce", "2")];

/// Of the macvlan: it answers for its own addresses only, hears this host's other addresses, and has no address that
/// nobody gave it.
const ABOVE: [(&str, &str); 6] = [
    ("ipv4/conf/{}/arp_ignore", "1"),
    ("ipv4/conf/{}/arp_filter", "0"),
    ("ipv4/conf/{}/accept_local", "1"),
    ("ipv4/conf/{}/promote_secondaries", "1"),
    ("ipv6/conf/{}/addr_gen_mode", "1"),
    ("ipv6/conf/{}/accept_ra", "0"),
];

const RP_FILTER: &str = "ipv4/conf/{}/rp_filter";

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
        // The sum of all and its own decides, and 2 lets through what all of 1 would not: answers leave by the interface below.
        let all = read(RP_FILTER, "all").unwrap_or_default();
        let own = if all == "0" { "0" } else { "2" };
        let mut outcome = write(RP_FILTER, &vmac.name, own);
        for (what, value) in ABOVE {
            outcome = outcome.and(write(what, &vmac.name, value));
        }
        for (what, value) in BELOW {
            outcome = outcome.and(self.lend(&vmac.base, what, value, found));
        }
        if let Err(error) = outcome {
            self.reports.trouble(format_args!(
                "{}: the MAC address of {} may be told wrongly: {error}",
                vmac.base, vmac.name
            ));
        }
        let instance = vmac.instance;
        if self.router.instance(instance).is_some_and(|i| i.holds) {
            self.raise(instance);
            self.add_all(instance);
        } else if !self.network.has_any(index) {
            self.ask(Request::SetDown(index));
        }
    }

    /// What a crash has left set goes back to what interfaces begin with here.
    fn lend(&mut self, base: &Arc<str>, what: &'static str, value: &str, found: bool) -> io::Result<()> {
        let now = read(what, base)?;
        let is_set = now == value;
        if !is_set {
            write(what, base, value)?;
        }
        if !is_set || found {
            let before = if is_set { read(what, "default")? } else { now };
            self.arranged.before.entry((base.clone(), what)).or_insert(before);
        }
        Ok(())
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

    /// What was set of interfaces that have none of ours above them any more.
    fn give_back(&mut self) {
        let network = &self.network;
        let (back, kept) = std::mem::take(&mut self.arranged.before)
            .into_iter()
            .partition(|((base, _), _)| network.vmacs().all().all(|vmac| vmac.base != *base));
        self.arranged.before = kept;
        let back: BTreeMap<(Arc<str>, &'static str), String> = back;
        for ((base, what), value) in back {
            // An interface that is gone needs nothing back.
            write(what, &base, &value).ok();
        }
    }
}

fn path(what: &str, interface: &str) -> String {
    format!("/proc/sys/net/{}", what.replace("{}", interface))
}

fn read(what: &str, interface: &str) -> io::Result<String> {
    Ok(fs::read_to_string(path(what, interface))?.trim().to_owned())
}

/// A kernel without IPv6 has no settings of it.
fn write(what: &str, interface: &str, value: &str) -> io::Result<()> {
    let path = path(what, interface);
    match fs::write(&path, value) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io::Error::new(error.kind(), format!("{path}: {error}"))),
        Ok(()) => Ok(()),
    }
}
