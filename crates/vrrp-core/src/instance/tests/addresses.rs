//! Addresses that vanish, that were left over, and that others are told of.

use super::*;

#[test]
fn an_address_is_healed_at_once_until_it_becomes_a_fight() {
    let mut rig = Rig::master(settings());
    for _ in 0..10 {
        rig.act(|i, cx| i.address_lost(VIP.into(), cx));
        assert_eq!(rig.did(), "readd garp");
    }
    rig.act(|i, cx| i.address_lost(VIP.into(), cx));
    assert_eq!(rig.did(), "");
    let later = rig.now + Duration::from_secs(1);
    rig.run_until(later);
    assert!(rig.did().contains("readd garp"));
}

/// A network manager that starts again takes every address that it does not know.
#[test]
fn addresses_that_vanish_together_come_back_together() {
    let many: Vec<IpAddr> = (1..=250).map(|n| Ipv4Addr::new(10, 9, 1, n).into()).collect();
    let mut rig = Rig::master(with(|s| {
        s.excluded = many.iter().copied().map(VirtualAddress::host).collect()
    }));
    for address in &many {
        rig.act(|i, cx| i.address_lost(*address, cx));
    }
    assert_eq!(rig.did().matches("readd").count(), many.len());
}

#[test]
fn leftovers_without_a_fresh_journal_are_removed_first() {
    let mut rig = Rig::new(settings());
    rig.ready();
    rig.act(|i, _| i.found(Found::Stale));
    rig.act(|i, cx| i.start(cx));
    assert_eq!((rig.phase(), rig.did().as_str()), ("backup", "remove BACKUP"));
}

#[test]
fn the_second_round_dies_with_the_mastership() {
    let mut rig = Rig::master(settings());
    rig.run_until(millis(5000));
    rig.hear(ABOVE, 200);
    rig.did();
    rig.run_until(millis(8000));
    rig.wait();
    assert_eq!(rig.phase(), "master");
    rig.did();
    let mastered = rig.now;
    rig.run_until(mastered + Duration::from_millis(4900));
    assert!(!rig.did().contains("garp"));
    rig.run_until(mastered + Duration::from_millis(5100));
    assert!(rig.did().contains("garp"));
}

#[test]
fn other_interfaces_are_told_each_period_while_master() {
    let mut rig = Rig::master(with(|s| {
        s.garp.delay = Duration::ZERO;
        s.garp.extra_interfaces = Duration::from_secs(10);
    }));
    let end = rig.now + Duration::from_secs(35);
    rig.run_until(end);
    assert_eq!(rig.did().matches("elsewhere").count(), 3);
    rig.hear(ABOVE, 200);
    rig.did();
    rig.run_until(end + Duration::from_secs(2));
    assert_eq!(rig.did(), "");
}
