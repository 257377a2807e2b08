//! Addresses that have left the network and stay on this host, so that the connections to them go on here.
//!
//! They are on the loopback, where nobody is told of them, and the interface that they were on is silent about them. The
//! other host hands packets of connections that are not its own back to this one. The kernel removes them when their time
//! is over, whatever becomes of us.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tandem_sys::netlink::{AddressRequest, Broadcast, Cidr, Index, Request, Scope};
use tandem_vrrp_core::settings::InstanceId;

use super::errands::Purpose;
use super::lent::Setting;
use super::{Brain, Report};
use crate::handback::can_stay;

#[derive(Debug, Default)]
pub(super) struct Kept {
    /// For so many seconds, as soon as the addresses leave.
    wanted: BTreeMap<InstanceId, u32>,
    there: BTreeMap<InstanceId, Lodger>,
}

/// What one instance has left here.
#[derive(Debug, Default)]
struct Lodger {
    addresses: Vec<AddressRequest>,
    silent: BTreeSet<Arc<str>>,
}

impl Kept {
    pub(super) fn want(&mut self, instance: InstanceId, seconds: u32) {
        self.wanted.insert(instance, seconds);
    }

    /// Interfaces that must not speak of all the addresses of this host.
    pub(super) fn silent(&self) -> impl Iterator<Item = Arc<str>> {
        self.there.values().flat_map(|lodger| lodger.silent.iter().cloned())
    }
}

impl Brain {
    /// Before they are removed: an address that is here twice is never gone in between.
    pub(super) fn keep_what_goes(&mut self, instance: InstanceId) {
        let Some(seconds) = self.kept.wanted.remove(&instance) else {
            return;
        };
        let loopback = self.network.link("lo").map(|link| link.index);
        let (Some(settings), Some(loopback)) = (self.settings(instance).cloned(), loopback) else {
            return;
        };
        let mut lodger = Lodger::default();
        for address in settings.addresses().filter(|a| can_stay(&a.address)) {
            let place = self.holding.place(instance, address.address);
            let Some(link) = place.and_then(|index| self.network.at(index)) else {
                continue;
            };
            lodger.silent.insert(link.name.as_str().into());
            lodger
                .addresses
                .push(request(Cidr::host(address.address), loopback, seconds));
        }
        for base in lodger.silent.iter().cloned() {
            let found = false;
            self.errands.set(Setting::Silence { base, found });
        }
        for address in &lodger.addresses {
            self.errands.push(Request::AddAddress(address.clone()), Purpose::Other);
        }
        self.kept.there.insert(instance, lodger);
    }

    /// The connections have ended, or their time has, or the addresses are back where everybody reaches them.
    pub(super) fn keep_no_more(&mut self, instance: InstanceId) {
        self.kept.wanted.remove(&instance);
        if let Some(lodger) = self.kept.there.remove(&instance) {
            for address in lodger.addresses {
                self.errands.push(Request::DeleteAddress(address), Purpose::Other);
            }
            self.give_back();
        }
    }

    /// What a process before us has left here for its connections. Whoever put one there for good is somebody else.
    pub(super) fn adopt_kept(&mut self) {
        let Some(loopback) = self.network.link("lo").map(|link| link.index) else {
            return;
        };
        for settings in self.router.settings().instances.clone() {
            let mut lodger = Lodger::default();
            for address in settings.addresses() {
                let place = self
                    .network
                    .place(&settings, address)
                    .map(|link| link.name.as_str().into());
                if self.network.has_for_a_time(loopback, address.address) {
                    lodger.silent.extend(place);
                    lodger.addresses.push(request(Cidr::host(address.address), loopback, 0));
                }
            }
            if lodger.addresses.is_empty() {
                continue;
            }
            for base in lodger.silent.iter().cloned() {
                let found = true;
                self.errands.set(Setting::Silence { base, found });
            }
            self.kept.there.insert(settings.id, lodger);
            self.reports.send(Report::Kept { instance: settings.id });
        }
    }
}

/// Never a source of what this host itself begins.
fn request(cidr: Cidr, loopback: Index, seconds: u32) -> AddressRequest {
    AddressRequest {
        scope: Scope::Host,
        broadcast: Broadcast::None,
        preferred_lifetime: Some(0),
        valid_lifetime: Some(seconds),
        ..AddressRequest::new(loopback, cidr)
    }
}
