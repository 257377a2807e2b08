//! The addresses that should be on this host's interfaces because of us.
//!
//! An address is announced when the kernel has it, and what disappears without our doing is told apart from what we removed
//! ourselves.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use tandem_sys::netlink::{AddressRequest, Broadcast, Cidr, Flags, Index};
use tandem_vrrp_core::settings::{InstanceId, VirtualAddress};

use crate::policy::scope;

type Key = (InstanceId, IpAddr);

/// In the order of addresses.
const FIRST: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

#[derive(Debug, Default)]
pub(super) struct Holding {
    held: BTreeMap<Key, Held>,
    /// Of these, those that the kernel has not answered for.
    pending: BTreeSet<Key>,
    /// Removals of ours that the kernel has not reported yet.
    going: BTreeMap<(Index, IpAddr), Going>,
    /// Addresses that this host had before an instance put them there, and whether that one owned them. An owner's stay when
    /// it goes, whatever it is by then.
    native: BTreeMap<(InstanceId, Index, Cidr), bool>,
    /// What a process before us left.
    left: BTreeSet<(Index, Cidr)>,
    /// Additions that the kernel has not been asked for yet.
    arriving: u32,
    /// Announcements after the first of each address: they wait until every address has had its first.
    repeats: Vec<(InstanceId, IpAddr)>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    index: Index,
    /// Asked for, and neither seen nor refused.
    coming: bool,
    /// The kernel would not have it. Announcing it would draw clients to a host that does not answer.
    refused: bool,
    /// It is announced with a MAC address that others of its instance have as well. Where that is a switch learns from the
    /// first frame, so all of them have to be there.
    together: bool,
    /// Announcements that wait for the answer.
    announcements: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Going {
    unanswered: u32,
    unreported: u32,
}

impl Holding {
    /// An address is on its interface, or is not, when an instance comes to it, which may own it.
    pub(super) fn found(&mut self, instance: InstanceId, is_owner: bool, index: Index, cidr: Cidr, is_there: bool) {
        if self.held.contains_key(&(instance, cidr.ip())) {
            return;
        }
        if is_there && !self.is_from_us(index, cidr) {
            *self.native.entry((instance, index, cidr)).or_default() |= is_owner;
        } else {
            self.native.remove(&(instance, index, cidr));
        }
    }

    /// The process before us put it there.
    pub(super) fn was_left(&mut self, index: Index, cidr: Cidr) {
        self.left.insert((index, cidr));
    }

    fn is_from_us(&self, index: Index, cidr: Cidr) -> bool {
        let brought = |((instance, ip), held): (&(InstanceId, IpAddr), &Held)| {
            *ip == cidr.ip() && held.index == index && !self.is_native(*instance, index, cidr)
        };
        self.left.contains(&(index, cidr))
            || self.going.contains_key(&(index, cidr.ip()))
            || self.held.iter().any(brought)
    }

    fn is_native(&self, instance: InstanceId, index: Index, cidr: Cidr) -> bool {
        self.native.contains_key(&(instance, index, cidr))
    }

    /// It is left to the host by an instance that owned it when it came to it, or does now.
    pub(super) fn stays(&self, instance: InstanceId, is_owner: bool, index: Index, cidr: Cidr) -> bool {
        let was_owner = self.native.get(&(instance, index, cidr));
        was_owner.is_some_and(|was_owner| is_owner || *was_owner)
    }

    /// Of instances that are no more nothing is known.
    pub(super) fn keep(&mut self, is_known: impl Fn(InstanceId) -> bool) {
        self.native.retain(|(instance, ..), _| is_known(*instance));
    }

    /// Holds it no longer, and it stays where it is.
    pub(super) fn leave(&mut self, instance: InstanceId, address: IpAddr) {
        self.forget(instance, address);
    }

    fn forget(&mut self, instance: InstanceId, address: IpAddr) {
        self.held.remove(&(instance, address));
        self.pending.remove(&(instance, address));
    }

    /// The kernel is being asked for it, or was and has not shown it yet.
    pub(super) fn is_coming(&self, instance: InstanceId, address: IpAddr) -> bool {
        self.held.get(&(instance, address)).is_some_and(|held| held.coming)
    }

    /// An interface has this address.
    pub(super) fn seen(&mut self, index: Index, address: IpAddr) {
        self.here(index, address).for_each(|held| held.coming = false);
    }

    fn here(&mut self, index: Index, address: IpAddr) -> impl Iterator<Item = &mut Held> {
        let held = self.held.iter_mut();
        held.filter_map(move |((_, ip), held)| (*ip == address && held.index == index).then_some(held))
    }

    /// Nobody will tell any more of removals that the kernel has answered.
    pub(super) fn reports_were_lost(&mut self) {
        self.going.retain(|_, going| {
            going.unreported = going.unanswered;
            going.unanswered > 0
        });
    }

    /// `together`: no address of this instance is announced before all are there.
    pub(super) fn adding(&mut self, instance: InstanceId, address: IpAddr, index: Index, together: bool) {
        let held = self.held.entry((instance, address)).or_insert(Held {
            index,
            coming: true,
            refused: false,
            together,
            announcements: 0,
        });
        held.index = index;
        held.coming = true;
        held.together = together;
        self.pending.insert((instance, address));
        self.arriving += 1;
    }

    /// The kernel's answer to an addition. Returns the announcements that have waited for it.
    pub(super) fn added(&mut self, instance: InstanceId, address: IpAddr, is_there: bool) -> Vec<(InstanceId, IpAddr)> {
        self.arriving = self.arriving.saturating_sub(1);
        self.pending.remove(&(instance, address));
        let mut due = Vec::new();
        if let Some(held) = self.held.get_mut(&(instance, address)) {
            held.refused = !is_there;
            held.coming &= is_there;
            if held.refused {
                held.announcements = 0;
            }
            if !held.together {
                let waited = std::mem::take(&mut held.announcements);
                due.extend((waited > 0).then_some((instance, address)));
                self.repeats.extend((1..waited).map(|_| (instance, address)));
            }
        }
        if !self.waits(instance) {
            self.release(instance, &mut due);
        }
        if self.arriving == 0 {
            due.append(&mut self.repeats);
        }
        due
    }

    /// What has waited for the last address of its instance.
    fn release(&mut self, instance: InstanceId, due: &mut Vec<(InstanceId, IpAddr)>) {
        for (key, held) in self.held.range_mut((instance, FIRST)..) {
            if key.0 != instance {
                break;
            }
            let waited = std::mem::take(&mut held.announcements);
            due.extend((waited > 0).then_some(*key));
            self.repeats.extend((1..waited).map(|_| *key));
        }
    }

    /// The kernel has not answered for all of its addresses yet.
    pub(super) fn waits(&self, instance: InstanceId) -> bool {
        let mut pending = self.pending.range((instance, FIRST)..);
        pending.next().is_some_and(|(whose, _)| *whose == instance)
    }

    fn is_pending(&self, instance: InstanceId, address: IpAddr) -> bool {
        self.pending.contains(&(instance, address))
    }

    /// Whether to announce now; if not, it is remembered until the kernel has the address.
    pub(super) fn may_announce(&mut self, instance: InstanceId, address: IpAddr) -> bool {
        let (is_pending, waits) = (self.is_pending(instance, address), self.waits(instance));
        match self.held.get_mut(&(instance, address)) {
            Some(held) if is_pending || waits && held.together && !held.refused => {
                held.announcements += 1;
                false
            }
            Some(held) => !held.refused,
            None => true,
        }
    }

    pub(super) fn removing(&mut self, instance: InstanceId, cidr: Cidr, index: Index) {
        let address = cidr.ip();
        self.forget(instance, address);
        self.native.remove(&(instance, index, cidr));
        self.left.remove(&(index, cidr));
        let going = self.going.entry((index, address)).or_default();
        going.unanswered += 1;
        going.unreported += 1;
    }

    /// The kernel's answer to a removal. When it refused there will be no report of it.
    pub(super) fn removed(&mut self, index: Index, address: IpAddr, happened: bool) {
        if let Some(going) = self.going.get_mut(&(index, address)) {
            going.unanswered = going.unanswered.saturating_sub(1);
        }
        if !happened {
            self.is_ours_going(index, address);
        }
    }

    /// Whether the kernel has it from us.
    pub(super) fn has(&self, instance: InstanceId, address: IpAddr) -> bool {
        let held = self.held.get(&(instance, address));
        held.is_some_and(|held| !held.refused) && !self.is_pending(instance, address)
    }

    /// The interface it is on, or will be.
    pub(super) fn place(&self, instance: InstanceId, address: IpAddr) -> Option<Index> {
        self.held.get(&(instance, address)).map(|held| held.index)
    }

    /// An address is gone from an interface: those whom somebody else took it from.
    pub(super) fn gone(&mut self, index: Index, address: IpAddr) -> Vec<InstanceId> {
        if self.is_ours_going(index, address) {
            return Vec::new();
        }
        let Holding { held, pending, .. } = self;
        let here = |(key, held): &(&Key, &mut Held)| key.1 == address && held.index == index;
        held.iter_mut()
            .filter(|entry| here(entry) && !pending.contains(entry.0))
            .for_each(|(_, held)| held.coming = false);
        let lost = self
            .held
            .iter()
            .filter(|((_, ip), held)| *ip == address && held.index == index);
        lost.map(|((instance, _), _)| *instance).collect()
    }

    fn is_ours_going(&mut self, index: Index, address: IpAddr) -> bool {
        let Some(going) = self.going.get_mut(&(index, address)) else {
            return false;
        };
        let ours = going.unreported > 0;
        going.unreported = going.unreported.saturating_sub(1);
        if going.unreported == 0 && going.unanswered == 0 {
            self.going.remove(&(index, address));
        }
        ours
    }

    /// Addresses that ought to be on this interface; to be asked when reports of the kernel were lost.
    pub(super) fn on(&self, index: Index) -> impl Iterator<Item = (InstanceId, IpAddr)> {
        let here = self
            .held
            .iter()
            .filter(move |(key, held)| held.index == index && !self.pending.contains(key));
        here.map(|(key, _)| *key)
    }

    pub(super) fn interfaces(&self) -> BTreeSet<Index> {
        self.held.values().map(|held| held.index).collect()
    }
}

/// What the kernel is asked for. A prefix that does not fit its family was refused when the configuration was read.
pub(super) fn request(address: &VirtualAddress, index: Index) -> Option<AddressRequest> {
    let cidr = Cidr::new(address.address, address.prefix).ok()?;
    let options = address.options;
    let never_a_source = address.address.is_ipv6() && address.prefix == 128;
    Some(AddressRequest {
        scope: scope(address.scope),
        label: address.label.as_deref().map(str::to_owned),
        broadcast: match address.broadcast {
            Some(IpAddr::V4(broadcast)) => Broadcast::Is(broadcast),
            _ => Broadcast::None,
        },
        peer: address.peer,
        preferred_lifetime: options.preferred_lifetime.or(never_a_source.then_some(0)),
        flags: Flags {
            skip_duplicate_detection: !options.detect_duplicates,
            no_prefix_route: options.no_prefix_route,
            home: options.home,
            manage_temporary: options.manage_temporary,
            autojoin: options.autojoin,
        },
        ..AddressRequest::new(index, cidr)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const VI: InstanceId = InstanceId(3);
    const ETH: Index = Index(2);

    fn vip() -> IpAddr {
        IpAddr::from([10, 9, 0, 100])
    }

    #[test]
    fn announcements_wait_for_the_kernel() {
        let mut holding = Holding::default();
        holding.adding(VI, vip(), ETH, false);
        assert!(!holding.may_announce(VI, vip()) && !holding.may_announce(VI, vip()));
        let other = IpAddr::from([10, 9, 0, 101]);
        holding.adding(VI, other, ETH, false);
        assert!(!holding.may_announce(VI, other));
        assert!(holding.waits(VI) && !holding.waits(InstanceId(4)));
        assert_eq!(
            holding.added(VI, vip(), true),
            [(VI, vip())],
            "its repeat comes after the other's first"
        );
        assert!(holding.may_announce(VI, vip()));
        assert!(holding.waits(VI), "for the other");
        assert_eq!(holding.added(VI, other, true), [(VI, other), (VI, vip())]);
        assert!(!holding.waits(VI));
    }

    /// The frame that announces the first tells a switch where to send what is for the others.
    #[test]
    fn with_a_mac_address_of_their_own_all_wait_for_the_last() {
        let addresses = [100, 101, 102, 103].map(|last| IpAddr::from([10, 9, 0, last]));
        let [first, second, refused, last] = addresses;
        let mut holding = Holding::default();
        for address in addresses {
            holding.adding(VI, address, ETH, true);
            assert!(!holding.may_announce(VI, address));
        }
        assert!(!holding.may_announce(VI, first), "once more");
        holding.adding(InstanceId(4), first, Index(9), true);
        assert_eq!(holding.added(VI, first, true), []);
        assert_eq!(holding.added(VI, second, true), []);
        assert!(!holding.may_announce(VI, second), "it is there, and the last is not");
        assert_eq!(holding.added(VI, refused, false), []);
        assert!(!holding.may_announce(VI, refused));
        assert_eq!(holding.added(VI, last, true), [(VI, first), (VI, second), (VI, last)]);
        assert!(holding.may_announce(VI, first) && !holding.may_announce(VI, refused));
        assert_eq!(
            holding.added(InstanceId(4), first, true),
            [(VI, first), (VI, second)],
            "repeats come when nothing else is on its way"
        );
    }

    #[test]
    fn what_is_given_up_is_not_waited_for() {
        let other = IpAddr::from([10, 9, 0, 101]);
        let mut holding = Holding::default();
        for address in [vip(), other] {
            holding.adding(VI, address, ETH, true);
            assert!(!holding.may_announce(VI, address));
        }
        assert_eq!(holding.added(VI, vip(), true), []);
        holding.removing(VI, Cidr::host(other), ETH);
        assert_eq!(holding.added(VI, other, true), [(VI, vip())]);
    }

    #[test]
    fn what_the_kernel_refused_is_not_announced() {
        let mut holding = Holding::default();
        holding.adding(VI, vip(), ETH, false);
        assert!(!holding.may_announce(VI, vip()));
        assert!(!holding.has(VI, vip()), "not yet");
        assert_eq!(holding.added(VI, vip(), false), []);
        assert!(!holding.has(VI, vip()));
        assert!(
            !holding.may_announce(VI, vip()),
            "a host without it would draw its clients"
        );
        holding.adding(VI, vip(), ETH, false);
        assert!(!holding.may_announce(VI, vip()));
        assert_eq!(holding.added(VI, vip(), true), [(VI, vip())]);
        assert!(holding.has(VI, vip()));
        assert!(holding.may_announce(VI, vip()));
    }

    #[test]
    fn it_comes_until_it_is_seen_or_refused() {
        let mut holding = Holding::default();
        assert!(!holding.is_coming(VI, vip()));
        holding.adding(VI, vip(), ETH, false);
        holding.added(VI, vip(), true);
        assert!(holding.is_coming(VI, vip()), "the kernel's report is still to come");
        holding.seen(Index(9), vip());
        assert!(holding.is_coming(VI, vip()), "another interface has it");
        holding.seen(ETH, vip());
        assert!(!holding.is_coming(VI, vip()));
        holding.adding(VI, vip(), ETH, false);
        holding.added(VI, vip(), false);
        assert!(!holding.is_coming(VI, vip()), "refused");
        holding.adding(VI, vip(), ETH, false);
        holding.added(VI, vip(), true);
        assert_eq!(holding.gone(ETH, vip()), [VI]);
        assert!(!holding.is_coming(VI, vip()), "somebody took it before it was seen");
    }

    #[test]
    fn the_host_s_is_what_nobody_of_us_brought() {
        let cidr = Cidr::host(vip());
        let other = InstanceId(4);
        let mut holding = Holding::default();
        holding.found(VI, true, ETH, cidr, true);
        assert!(holding.is_native(VI, ETH, cidr));
        assert!(!holding.is_native(other, ETH, cidr) && !holding.is_native(VI, Index(9), cidr));
        let wide = Cidr::new(vip(), 24).expect("it fits");
        assert!(!holding.is_native(VI, ETH, wide), "another address to the kernel");
        holding.adding(VI, vip(), ETH, false);
        holding.found(VI, true, ETH, cidr, false);
        assert!(holding.is_native(VI, ETH, cidr), "somebody took it, and we put it back");
        holding.found(other, true, ETH, cidr, true);
        assert!(holding.is_native(other, ETH, cidr), "the next one finds it as well");
        holding.leave(VI, vip());
        holding.found(VI, true, ETH, cidr, false);
        assert!(
            !holding.is_native(VI, ETH, cidr),
            "gone meanwhile, and ours if it comes"
        );
    }

    #[test]
    fn what_an_owner_had_from_its_host_stays_whatever_it_is_by_now() {
        let cidr = Cidr::host(vip());
        let mut holding = Holding::default();
        holding.found(VI, false, ETH, cidr, true);
        assert!(!holding.stays(VI, false, ETH, cidr));
        assert!(holding.stays(VI, true, ETH, cidr), "it has become its owner");
        holding.found(VI, true, ETH, cidr, true);
        holding.adding(VI, vip(), ETH, false);
        assert!(holding.stays(VI, false, ETH, cidr), "it was its owner");
        holding.leave(VI, vip());
        holding.found(VI, false, ETH, cidr, true);
        assert!(holding.stays(VI, false, ETH, cidr), "and has come again");
        holding.keep(|instance| instance == VI);
        assert!(holding.stays(VI, false, ETH, cidr), "after a reload");
        holding.found(VI, false, ETH, cidr, false);
        assert!(!holding.stays(VI, true, ETH, cidr), "the host has it no more");
        holding.found(VI, true, ETH, cidr, true);
        holding.keep(|_| false);
        assert!(!holding.stays(VI, true, ETH, cidr), "nor is there such an instance");
    }

    #[test]
    fn what_we_brought_is_nobody_else_s() {
        let cidr = Cidr::host(vip());
        let other = InstanceId(4);
        let mut holding = Holding::default();
        holding.found(VI, true, ETH, cidr, false);
        holding.adding(VI, vip(), ETH, false);
        holding.added(VI, vip(), true);
        holding.found(other, true, ETH, cidr, true);
        assert!(!holding.is_native(other, ETH, cidr), "another instance has it from us");
        holding.removing(VI, cidr, ETH);
        holding.found(other, true, ETH, cidr, true);
        assert!(!holding.is_native(other, ETH, cidr), "it is going");
        holding.removed(ETH, vip(), true);
        holding.gone(ETH, vip());
        holding.found(other, true, ETH, cidr, true);
        assert!(holding.is_native(other, ETH, cidr), "somebody else put it there");
        let left = Cidr::host(IpAddr::from([10, 9, 0, 101]));
        holding.was_left(ETH, left);
        holding.found(VI, true, ETH, left, true);
        assert!(!holding.is_native(VI, ETH, left), "by a process before us");
    }

    #[test]
    fn what_we_removed_is_not_lost() {
        let mut holding = Holding::default();
        holding.adding(VI, vip(), ETH, false);
        holding.removing(VI, Cidr::host(vip()), ETH);
        holding.adding(VI, vip(), ETH, false);
        assert!(holding.gone(ETH, vip()).is_empty(), "that was the removal");
        holding.removed(ETH, vip(), true);
        assert_eq!(holding.gone(Index(9), vip()), [], "another interface");
        assert_eq!(holding.gone(ETH, vip()), [VI]);
    }

    #[test]
    fn a_report_that_was_lost_is_not_waited_for() {
        let mut holding = Holding::default();
        holding.adding(VI, vip(), ETH, false);
        holding.removing(VI, Cidr::host(vip()), ETH);
        holding.removed(ETH, vip(), true);
        let other = IpAddr::from([10, 9, 0, 101]);
        holding.removing(VI, Cidr::host(other), ETH);
        holding.reports_were_lost();
        holding.adding(VI, vip(), ETH, false);
        holding.adding(VI, other, ETH, false);
        assert_eq!(holding.gone(ETH, vip()), [VI], "somebody else did that");
        assert_eq!(holding.gone(ETH, other), [], "that is still to come");
        holding.removed(ETH, other, true);
        assert_eq!(holding.gone(ETH, other), [VI]);
    }

    #[test]
    fn a_refused_removal_is_not_waited_for() {
        let mut holding = Holding::default();
        holding.removing(VI, Cidr::host(vip()), ETH);
        holding.removed(ETH, vip(), false);
        holding.adding(VI, vip(), ETH, false);
        assert_eq!(holding.gone(ETH, vip()), [VI]);
    }

    #[test]
    fn a_lone_ipv6_address_is_never_a_source() {
        let mut address = VirtualAddress::host("2001:db8::1".parse().expect("well written"));
        assert_eq!(request(&address, ETH).and_then(|r| r.preferred_lifetime), Some(0));
        address.prefix = 64;
        assert_eq!(request(&address, ETH).and_then(|r| r.preferred_lifetime), None);
    }
}
