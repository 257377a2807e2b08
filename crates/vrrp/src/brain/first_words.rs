//! The first advert of a new master with a MAC address of its own waits until the kernel has its addresses.
//!
//! A switch learns from it where that MAC address is now, and sends there what clients say to the virtual address. Whoever
//! leaves goes on serving until the announcements, but nothing reaches it any more.

use std::collections::BTreeMap;

use tandem_vrrp_core::settings::{InstanceId, InstanceSettings};

use super::Brain;
use super::voice::Utterance;

/// At most one of an instance: the next one, an interval later, waits for nobody.
#[derive(Debug, Default)]
pub(super) struct FirstWords(BTreeMap<InstanceId, Utterance>);

impl Brain {
    /// Sends it, or keeps it until the addresses are there that are about to be asked for.
    pub(super) fn advertise(&mut self, instance: InstanceId, advert: Utterance) {
        if self.has_to_wait(instance) {
            self.first_words.0.insert(instance, advert);
        } else {
            self.first_words.0.remove(&instance);
            self.send(instance, &advert);
        }
    }

    /// It speaks as somebody whose addresses have not come here yet.
    fn has_to_wait(&self, instance: InstanceId) -> bool {
        let is_unknown = |settings: &InstanceSettings| {
            let mut addresses = settings.addresses();
            addresses.all(|a| self.holding.place(instance, a.address).is_none())
        };
        let speaks_so = self.network.vmacs().speaker(instance).is_some();
        speaks_so && self.settings(instance).is_some_and(is_unknown)
    }

    /// What waited for no address, or for the one that has been answered for last.
    pub(super) fn advertise_what_waited(&mut self) {
        let waiting: Vec<InstanceId> = self.first_words.0.keys().copied().collect();
        for instance in waiting {
            self.advertise_if_all_are_there(instance);
        }
    }

    pub(super) fn advertise_if_all_are_there(&mut self, instance: InstanceId) {
        if self.first_words.0.contains_key(&instance)
            && !self.holding.waits(instance)
            && let Some(advert) = self.first_words.0.remove(&instance)
        {
            self.send(instance, &advert);
        }
    }

    /// It is master no more.
    pub(super) fn advertise_no_more(&mut self, instance: InstanceId) {
        self.first_words.0.remove(&instance);
    }
}
