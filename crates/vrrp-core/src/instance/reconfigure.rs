//! New settings for a running instance: addresses come and go one by one, mastership stays.

use super::{Instance, Timer};
use crate::Output;
use crate::outbox::Cx;
use crate::settings::{InstanceSettings, VirtualAddress};

impl Instance {
    pub(crate) fn reconfigure(&mut self, settings: InstanceSettings, cx: &mut Cx<'_>) {
        let old = std::mem::replace(&mut self.settings, settings);
        self.source = self.speaks_from();
        self.conditions.source_unknown &= self.source.is_none();
        self.conditions.no_source = self.source.is_none() && !self.conditions.source_unknown;
        self.conditions.no_peer = self.settings.lacks_peer();
        if !self.settings.track_primary {
            (self.conditions.link_down, self.conditions.link_unknown) = (false, false);
        }
        if self.followed.is_none() {
            self.master_interval = self.interval();
        }
        if self.holds() {
            self.exchange_addresses(&old, cx);
        }
        if self.is_master() {
            self.garp.reconfigure(&old.garp, &self.settings.garp, cx.now);
        }
        if self.is_master() && old.protocol != self.settings.protocol {
            self.timers.disarm(Timer::Advert);
            self.advertise(cx);
        }
        self.evaluate(cx);
    }

    fn exchange_addresses(&mut self, old: &InstanceSettings, cx: &mut Cx<'_>) {
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
        for new in self.settings.addresses().filter(|a| !kept(old, a)) {
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
