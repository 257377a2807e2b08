//! Addresses that somebody takes again and again, while everything else changes.

use super::*;

const EXTRA: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 150));

fn with_extra() -> InstanceSettings {
    with(|s| s.excluded = vec![VirtualAddress::host(EXTRA)])
}

/// It waits to be put back.
fn fight(rig: &mut Rig, address: IpAddr) {
    for _ in 0..=10 {
        rig.act(|i, cx| i.address_lost(address, cx));
    }
    rig.did();
    assert!(rig.instance.puts_back(address));
}

#[test]
fn whoever_leaves_puts_back_what_it_said_it_would() {
    let mut rig = Rig::master(settings());
    fight(&mut rig, VIP.into());
    rig.act(|i, cx| i.release(Release::Handover { successor: None }, cx));
    assert!(rig.instance.puts_back(VIP.into()));
    rig.did();
    rig.run_until(rig.now + Duration::from_secs(1));
    assert_eq!((rig.phase(), rig.did().as_str()), ("leaving", "readd"));
}

#[test]
fn who_listens_after_a_crash_goes_on_as_master() {
    let mut rig = Rig::new(settings());
    rig.ready();
    rig.act(|i, _| i.found(Found::Fresh));
    rig.act(|i, cx| i.start(cx));
    rig.run_until(rig.now + Duration::from_millis(600));
    fight(&mut rig, VIP.into());
    rig.wait();
    assert_eq!(rig.phase(), "master");
    assert!(!rig.instance.puts_back(VIP.into()), "it was put back with the others");
}

#[test]
fn a_fight_ends_with_the_mastership() {
    let mut rig = Rig::master(settings());
    fight(&mut rig, VIP.into());
    rig.hear(ABOVE, 200);
    rig.hear(ABOVE, 0);
    rig.wait();
    assert_eq!(rig.phase(), "master");
    assert!(!rig.instance.puts_back(VIP.into()));
    rig.did();
    rig.run_until(rig.now + Duration::from_secs(2));
    assert!(!rig.did().contains("readd"));
}

#[test]
fn what_a_reload_dropped_is_not_put_back() {
    let mut rig = Rig::master(with_extra());
    fight(&mut rig, EXTRA);
    rig.reload(settings());
    assert!(!rig.instance.puts_back(EXTRA));
    rig.did();
    let healed = rig.instance.stats.healed;
    rig.run_until(rig.now + Duration::from_secs(2));
    assert!(!rig.did().contains("readd"));
    assert_eq!(rig.instance.stats.healed, healed);
}

#[test]
fn a_reload_says_how_often_is_a_fight() {
    let mut rig = Rig::master(settings());
    rig.reload(with(|s| s.heal.burst = 2));
    rig.did();
    for _ in 0..3 {
        rig.act(|i, cx| i.address_lost(VIP.into(), cx));
    }
    assert_eq!(rig.did(), "readd garp readd garp");
}

/// Who has not begun holds what was found, and nobody else ever takes that away.
#[test]
fn what_was_found_goes_with_the_reload_that_drops_it() {
    for found in [Found::Fresh, Found::Stale] {
        let mut rig = Rig::new(with_extra());
        rig.act(|i, _| i.found(found));
        rig.reload(settings());
        assert_eq!(rig.did(), "remove-one");
        let mut leaves = Rig::new(settings());
        leaves.act(|i, _| i.found(found));
        leaves.act(|i, cx| i.release(Release::Drain, cx));
        assert_eq!(leaves.did(), "remove released");
        rig.act(|i, cx| i.retire(cx));
        assert!(rig.did().starts_with("remove "));
    }
}

/// The successor will not announce it.
#[test]
fn whoever_leaves_does_not_wait_for_what_a_reload_dropped() {
    let mut rig = Rig::master(with_extra());
    rig.act(|i, cx| i.release(Release::Handover { successor: None }, cx));
    rig.reload(settings());
    rig.did();
    rig.act(|i, cx| i.announcement_seen(VIP.into(), cx));
    rig.run_until(rig.now + Duration::from_millis(10));
    assert_eq!((rig.phase(), rig.did().as_str()), ("backup", "remove BACKUP released"));
}
