//! A master that hands over, stops or is drained.

use super::*;

#[test]
fn a_leaving_master_serves_until_its_successor_had_its_time() {
    let mut rig = Rig::master(settings());
    rig.act(|i, cx| i.release(Release::Stop, cx));
    rig.now += Duration::from_millis(600);
    rig.hear(BELOW, 100);
    assert_eq!(due_after(&rig), Duration::from_millis(50));
    rig.wait();
    assert_eq!(rig.did(), "say0 name remove STOP released");
}

#[test]
fn a_leaving_master_goes_when_every_address_is_announced() {
    let other = Ipv4Addr::new(10, 9, 0, 101);
    let mut rig = Rig::master(with(|s| s.excluded = vec![VirtualAddress::host(other.into())]));
    rig.act(|i, cx| i.release(Release::Drain, cx));
    rig.act(|i, cx| i.announcement_seen(VIP.into(), cx));
    assert_eq!(rig.phase(), "leaving");
    rig.act(|i, cx| i.announcement_seen(other.into(), cx));
    assert_eq!(due_after(&rig), Duration::from_millis(5));
    rig.wait();
    assert_eq!(rig.phase(), "backup");
}

#[test]
fn nobody_comes_a_stop_stops_and_a_handover_is_called_off() {
    for (why, phase, did) in [
        (Release::Stop, "stopped", "say0 name remove STOP released"),
        (
            Release::Handover { successor: None },
            "master",
            "say0 name say150 add garp",
        ),
    ] {
        let mut rig = Rig::master(settings());
        rig.act(|i, cx| i.release(why, cx));
        assert_eq!(due_after(&rig), Duration::from_millis(1200));
        rig.wait();
        assert_eq!((rig.phase(), rig.did().as_str()), (phase, did));
    }
}

#[test]
fn after_a_handover_the_successor_is_left_alone_until_it_is_gone() {
    let mut rig = Rig::master(settings());
    rig.act(|i, cx| i.release(Release::Handover { successor: None }, cx));
    rig.hear(BELOW, 100);
    for _ in 0..10 {
        rig.now += Duration::from_millis(900);
        rig.act(|i, cx| i.on_deadline(cx));
        rig.hear(BELOW, 100);
        assert_eq!(rig.phase(), "backup");
    }
    rig.wait();
    assert_eq!(rig.phase(), "master");
}

#[test]
fn a_drained_instance_stays_out_until_it_is_resumed() {
    let mut rig = Rig::started(settings());
    rig.act(|i, cx| i.release(Release::Drain, cx));
    rig.run_until(millis(30_000));
    assert_eq!(rig.phase(), "backup");
    rig.act(|i, _| i.resume());
    rig.run_until(millis(34_000));
    assert_eq!(rig.phase(), "master");
}

/// An operator who changes their mind does not wait for the addresses to be gone.
#[test]
fn who_is_resumed_while_it_leaves_takes_part_again() {
    for why in [Release::Drain, Release::Handover { successor: None }] {
        let mut rig = Rig::master(settings());
        rig.act(|i, cx| i.release(why, cx));
        rig.act(|i, _| i.resume());
        assert_eq!(rig.phase(), "leaving", "somebody else may be on its way");
        let mut alone = Rig::master(settings());
        alone.act(|i, cx| i.release(why, cx));
        alone.act(|i, _| i.resume());
        alone.wait();
        assert_eq!(alone.phase(), "master", "nobody was");

        rig.hear(BELOW, 50);
        rig.wait();
        assert_eq!(rig.phase(), "backup");
        let end = rig.now + Duration::from_secs(4);
        while rig.now < end {
            rig.hear(BELOW, 50);
            let next = rig.now + Duration::from_millis(900);
            rig.run_until(next);
        }
        assert_eq!(rig.phase(), "master", "it is better than its successor");
    }
    let mut rig = Rig::master(settings());
    rig.act(|i, cx| i.release(Release::Drain, cx));
    rig.act(|i, _| i.resume());
    rig.act(|i, cx| i.release(Release::Drain, cx));
    rig.run_until(millis(60_000));
    assert_eq!(rig.phase(), "backup", "the last word counts");
}

/// `vrrp_startup_delay`: what is there already does not outlive whoever is told to go before it has begun.
#[test]
fn found_addresses_go_with_who_leaves_before_it_begins() {
    for found in [Found::Fresh, Found::Stale] {
        let fresh = || {
            let mut rig = Rig::new(settings());
            rig.ready();
            rig.act(|i, _| i.found(found));
            rig
        };
        let mut rig = fresh();
        rig.act(|i, cx| i.retire(cx));
        assert_eq!(rig.did(), "remove DELETED", "{found:?}");

        let mut rig = fresh();
        rig.act(|i, cx| i.release(Release::Stop, cx));
        assert_eq!(rig.did(), "remove STOP released", "{found:?}");

        let mut rig = fresh();
        rig.act(|i, cx| i.release(Release::Drain, cx));
        rig.act(|i, cx| i.start(cx));
        assert_eq!(rig.did(), "remove released BACKUP", "{found:?}");
        assert_eq!(rig.phase(), "backup");
    }
}

/// After a crash what was served goes on being served, until somebody else does: then nothing speaks for it any more.
#[test]
fn who_listens_without_a_first_result_waits_for_it_when_there_is_a_rival() {
    let mut rig = Rig::new(settings());
    rig.ready();
    rig.act(|i, cx| i.change_conditions(|c| c.pending = true, cx));
    rig.act(|i, _| i.found(Found::Fresh));
    rig.act(|i, cx| i.start(cx));
    assert_eq!(rig.phase(), "listening");
    rig.hear(ABOVE, 50);
    assert_eq!((rig.phase(), rig.did().as_str()), ("init", "remove"));
    rig.act(|i, cx| i.change_conditions(|c| c.pending = false, cx));
    assert_eq!(rig.phase(), "backup");
}
