//! New settings for a running instance: addresses come and go one by one, mastership stays.

use std::net::IpAddr;

use super::{Instance, Timer};
use crate::Output;
use crate::outbox::Cx;
use crate::settings::{InstanceSettings, Version, VirtualAddress};

/// What is known of the place of an instance as new settings have it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings {
    /// The interface it names; `None` is not known.
    pub(crate) up: Option<bool>,
    /// What there is to speak from, if that was told.
    pub(crate) source: Option<Option<IpAddr>>,
    /// Nobody listens there.
    pub(crate) deaf: bool,
}

impl Instance {
    /// One that comes while others run.
    pub(crate) fn amid(settings: InstanceSettings, around: Surroundings, cx: &mut Cx<'_>) -> Instance {
        let mut instance = Instance::new(settings);
        instance.settle_in(around, cx);
        instance
    }

    fn settle_in(&mut self, around: Surroundings, cx: &mut Cx<'_>) {
        let InstanceSettings {
            interface,
            track_primary,
            ..
        } = &self.settings;
        self.conditions.link_down = interface.is_some() && *track_primary && around.up != Some(true);
        self.conditions.deaf = around.deaf;
        match around.source {
            Some(source) => self.offer(source, cx),
            None => self.choose_source(cx),
        }
    }

    /// Whoever calls this evaluates when everything else is known, too.
    pub(crate) fn reconfigure(&mut self, settings: InstanceSettings, around: Surroundings, cx: &mut Cx<'_>) {
        let patience = self.patience();
        let old = std::mem::replace(&mut self.settings, settings);
        self.settle_in(around, cx);
        self.conditions.no_peer = self.settings.lacks_peer();
        // In version 2 a master has ours or is none.
        if self.followed.is_none() || self.version() == Version::V2 {
            self.master_interval = self.interval();
        }
        self.wait_otherwise(patience, cx);
        self.exchange_addresses(&old, cx);
        self.reconsider_fights();
        self.forget_dropped();
        if old.preempt != self.settings.preempt {
            // The next advert begins it anew.
            self.timers.disarm(Timer::PreemptDelay);
        }
        if self.is_master() {
            self.garp.reconfigure(&old.garp, &self.settings.garp, cx.now);
        }
        if self.is_master() && old.protocol != self.settings.protocol {
            self.timers.disarm(Timer::Advert);
            self.advertise(cx);
        }
    }

    /// Whoever has not begun may have found its addresses.
    fn exchange_addresses(&mut self, old: &InstanceSettings, cx: &mut Cx<'_>) {
        if !self.holds() && !self.found_in_place() {
            return;
        }
        let instance = self.settings.id;
        let kept = |list: &InstanceSettings, a: &VirtualAddress| list.addresses().any(|b| a == b);
        let mut changed = false;
        for gone in old.addresses().filter(|a| !kept(&self.settings, a)) {
            changed = true;
            cx.emit(Output::RemoveAddress {
                instance,
                address: Box::new(gone.clone()),
            });
        }
        for new in self.settings.addresses().filter(|a| self.holds() && !kept(old, a)) {
            changed = true;
            cx.emit(Output::AddAddress {
                instance,
                address: new.address,
            });
        }
        if changed {
            self.assert_addresses(cx);
        }
    }
}
