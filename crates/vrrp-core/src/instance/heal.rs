//! Putting back an address that another program removed, in place and without a failover.

use std::net::IpAddr;

use super::{Instance, Timer};
use crate::outbox::Cx;
use crate::{Event, Output};

impl Instance {
    pub(crate) fn address_lost(&mut self, address: IpAddr, cx: &mut Cx<'_>) {
        let ours = self.settings.addresses().any(|a| a.address == address && a.tracked);
        if !ours || !self.holds() {
            return;
        }
        match self.healing.take(address, cx.now) {
            Some(address) => self.heal(address, cx),
            None => self.heal_again(),
        }
    }

    /// It waits to be put back, because it was taken too often.
    pub(crate) fn puts_back(&self, address: IpAddr) -> bool {
        self.holds() && self.healing.is_waiting(&address)
    }

    /// Whether it still waits for its turn, and when that is.
    pub(super) fn heal_again(&mut self) {
        self.timers.disarm(Timer::Heal);
        if let Some(at) = self.healing.deadline() {
            self.timers.arm(Timer::Heal, at);
        }
    }

    /// Nothing waits any more: the addresses go, or come all together.
    pub(super) fn end_fights(&mut self) {
        self.healing.keep(|_| false);
        self.heal_again();
    }

    /// Under other settings.
    pub(super) fn reconsider_fights(&mut self) {
        let settings = &self.settings;
        self.healing.allow(settings.heal.burst);
        self.healing
            .keep(|waits| settings.addresses().any(|a| a.address == *waits && a.tracked));
        self.heal_again();
    }

    pub(super) fn heal_later(&mut self, cx: &mut Cx<'_>) {
        let waiting = self.healing.due(cx.now);
        if self.holds() {
            waiting.into_iter().for_each(|address| self.heal(address, cx));
        }
    }

    fn heal(&mut self, address: IpAddr, cx: &mut Cx<'_>) {
        self.stats.healed += 1;
        cx.emit(Output::AddAddress {
            instance: self.settings.id,
            address,
        });
        if self.is_master() {
            self.garp.one(address, cx.now);
            self.announce(cx);
        }
        cx.log(
            self.settings.id,
            Event::Healed {
                name: self.settings.name.clone(),
                address,
            },
        );
    }
}
