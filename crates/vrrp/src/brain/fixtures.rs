//! What is always there, asked of the kernel: added at start and when its interface comes, gone at the end.

use std::net::IpAddr;

use tandem_sys::netlink::{AddressRequest, Index, Request};
use tandem_vrrp_core::settings::VirtualAddress;

use super::Brain;
use super::holding::request;
use super::taken::Taken;
use crate::statics::Statics;

impl Brain {
    /// What is there already stays.
    pub(super) fn add_statics(&mut self) {
        let statics = self.statics.clone();
        self.add_these(&statics);
    }

    pub(super) fn exchange_statics(&mut self, new: Statics) {
        let old = std::mem::replace(&mut self.statics, new.clone());
        self.remove_these(&old.without(&new));
        self.add_these(&new.without(&old));
    }

    /// Somebody removed an address: it is put back if it ought to be there.
    pub(super) fn static_gone(&mut self, index: Index, ip: IpAddr) {
        if self.statics.has(self.network.name(index), ip).is_some() {
            self.was_taken(Taken::Static(index, ip));
        }
    }

    fn add_these(&mut self, statics: &Statics) {
        for request in self.requests(&statics.addresses) {
            self.add_static(request);
        }
        self.add_ways(&statics.policy);
    }

    fn remove_these(&mut self, statics: &Statics) {
        self.remove_ways(&statics.policy);
        for request in self.requests(&statics.addresses) {
            self.ask(Request::DeleteAddress(request));
        }
    }

    fn add_static(&mut self, request: AddressRequest) {
        self.ask(Request::AddAddress(request));
    }

    /// Of those whose interface is there.
    fn requests(&self, addresses: &[VirtualAddress]) -> Vec<AddressRequest> {
        let place = |address: &VirtualAddress| {
            let link = self.network.link(address.device.as_deref()?)?;
            request(address, link.index)
        };
        addresses.iter().filter_map(place).collect()
    }
}
