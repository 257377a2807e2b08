//! The first advert of a new master with a MAC address of its own waits until the kernel has its addresses, where somebody
//! serves meanwhile.
//!
//! A switch learns from it where that MAC address is now, and sends there what clients say to the virtual address. Whoever
//! leaves goes on serving until the announcements, but nothing reaches it any more.

use std::collections::BTreeMap;

use tandem_vrrp_core::settings::{InstanceId, InstanceSettings};

use super::Brain;
use super::voice::Utterance;

/// One for each peer and each way in which it must be said.
#[derive(Debug, Default)]
pub(super) struct FirstWords(BTreeMap<InstanceId, Vec<Utterance>>);

impl FirstWords {
    fn keep(&mut self, instance: InstanceId, advert: Utterance) {
        self.0.entry(instance).or_default().push(advert);
    }

    /// What has waited, in its order.
    fn take(&mut self, instance: InstanceId) -> Vec<Utterance> {
        self.0.remove(&instance).unwrap_or_default()
    }

    fn waiting(&self) -> Vec<InstanceId> {
        self.0.keys().copied().collect()
    }

    fn are_kept(&self, instance: InstanceId) -> bool {
        self.0.contains_key(&instance)
    }
}

impl Brain {
    /// Sends it, or keeps it until the addresses are there that are about to be asked for. Whatever may not wait says the
    /// same, or takes it back.
    pub(super) fn advertise(&mut self, instance: InstanceId, advert: Utterance, may_wait: bool) {
        if may_wait && self.has_to_wait(instance) {
            self.first_words.keep(instance, advert);
        } else {
            self.first_words.take(instance);
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
        for instance in self.first_words.waiting() {
            self.advertise_if_all_are_there(instance);
        }
    }

    pub(super) fn advertise_if_all_are_there(&mut self, instance: InstanceId) {
        if self.first_words.are_kept(instance) && !self.holding.waits(instance) {
            for advert in self.first_words.take(instance) {
                self.send(instance, &advert);
            }
        }
    }

    /// It is master no more.
    pub(super) fn advertise_no_more(&mut self, instance: InstanceId) {
        self.first_words.take(instance);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A group with routers of two kinds hears each advert twice, and with unicast each peer has its own.
    #[test]
    fn all_of_them_wait_and_leave_in_their_order() {
        let vi = InstanceId(3);
        let advert = |to: u8| Utterance {
            from: [10, 9, 0, 1].into(),
            to: [10, 9, 0, to].into(),
            ttl: 255,
            message: vec![0x31],
        };
        let mut words = FirstWords::default();
        [2, 3, 3].into_iter().for_each(|to| words.keep(vi, advert(to)));
        words.keep(InstanceId(4), advert(9));
        assert!(words.are_kept(vi) && words.waiting() == [vi, InstanceId(4)]);
        assert_eq!(words.take(vi), [advert(2), advert(3), advert(3)]);
        assert!(!words.are_kept(vi) && words.take(vi).is_empty(), "once");
        assert!(words.are_kept(InstanceId(4)));
    }
}
