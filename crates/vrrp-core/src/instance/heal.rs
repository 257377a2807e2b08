//! Putting back an address that another program removed, in place and without a failover.

use std::net::IpAddr;
use std::time::Duration;

use tandem_time::Mono;

use super::{Instance, Timer};
use crate::outbox::Cx;
use crate::{Event, Output};

/// How often that happened lately, and what waits because it happened too often.
#[derive(Clone, Debug, Default)]
pub(super) struct Healing {
    window: Mono,
    count: u32,
    waiting: Vec<IpAddr>,
}

const WINDOW: Duration = Duration::from_secs(1);

impl Instance {
    pub(crate) fn address_lost(&mut self, address: IpAddr, cx: &mut Cx<'_>) {
        let ours = self.settings.addresses().any(|a| a.address == address && a.tracked);
        if !ours || !self.holds() {
            return;
        }
        if cx.now.since(self.healing.window) >= WINDOW {
            self.healing.window = cx.now;
            self.healing.count = 0;
        }
        self.healing.count += 1;
        if self.healing.count <= self.settings.heal.burst {
            return self.heal(address, cx);
        }
        if !self.healing.waiting.contains(&address) {
            self.healing.waiting.push(address);
        }
        if self.timers.due(Timer::Heal).is_none() {
            self.timers.arm(Timer::Heal, cx.now + WINDOW);
        }
    }

    pub(super) fn heal_later(&mut self, cx: &mut Cx<'_>) {
        let waiting = std::mem::take(&mut self.healing.waiting);
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
