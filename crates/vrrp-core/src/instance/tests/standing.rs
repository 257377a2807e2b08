//! What keeps an instance out, and what makes a master doubt itself.

use super::*;

#[test]
fn a_source_that_is_tracked_must_be_there() {
    let mut rig = Rig::master(with(|s| {
        s.source = Some(OWN.into());
        s.track_source = true;
    }));
    rig.act(|i, cx| i.set_source(None, cx));
    assert_eq!((rig.phase(), rig.did().as_str()), ("fault", "remove FAULT"));
    rig.act(|i, cx| i.set_source(Some(ABOVE.into()), cx));
    assert_eq!(rig.phase(), "fault", "another address of the interface is not the one");
    rig.act(|i, cx| i.set_source(Some(OWN.into()), cx));
    assert_eq!(rig.phase(), "backup");
}

#[test]
fn a_source_that_is_only_named_may_come_later() {
    let mut rig = Rig::master(with(|s| s.source = Some(OWN.into())));
    rig.act(|i, cx| i.set_source(None, cx));
    assert_eq!(rig.phase(), "master");
}

#[test]
fn who_overslept_listens_before_it_takes_over() {
    let mut rig = Rig::started(with(|s| s.protocol = v3(1)));
    rig.hear(ABOVE, 200);
    let due = rig.instance.deadline().expect("the master may fall silent");
    rig.now = due + Duration::from_millis(9);
    rig.act(|i, cx| i.on_deadline(cx));
    assert_eq!(rig.phase(), "backup", "nine of ten milliseconds late");
    assert_eq!(due_after(&rig), Duration::from_millis(10));
    rig.hear(ABOVE, 200);
    rig.run_until(rig.now + Duration::from_millis(30));
    assert_eq!(rig.phase(), "backup", "the master slept as long");
    rig.now += Duration::from_millis(50);
    rig.act(|i, cx| i.on_deadline(cx));
    rig.now += Duration::from_millis(50);
    rig.act(|i, cx| i.on_deadline(cx));
    assert_eq!(rig.phase(), "master", "late again, but once is enough");
}

#[test]
fn a_goodbye_that_is_answered_late_is_answered() {
    let mut rig = Rig::started(settings());
    rig.hear(ABOVE, 0);
    rig.now += Duration::from_secs(2);
    rig.act(|i, cx| i.on_deadline(cx));
    assert_eq!(rig.phase(), "master");
}

fn alone(settings: &mut InstanceSettings) {
    settings.needs_peer = true;
    settings.transport = Transport::Unicast {
        peers: Vec::new(),
        check_source: false,
        ttl: None,
    };
}

#[test]
fn unicast_to_nobody_is_a_fault_until_a_reload_names_somebody() {
    let mut rig = Rig::new(with(alone));
    rig.ready();
    rig.act(|i, cx| i.start(cx));
    assert_eq!(rig.phase(), "fault");
    let named = with(|s| {
        alone(s);
        if let Transport::Unicast { peers, .. } = &mut s.transport {
            peers.push(Peer {
                address: ABOVE.into(),
                ttl: None,
            });
        }
    });
    rig.reload(named);
    assert_eq!(rig.phase(), "backup");
    rig.reload(with(alone));
    assert_eq!(rig.phase(), "fault");
}

#[test]
fn a_reload_that_names_no_source_speaks_from_the_interface_again() {
    let mut rig = Rig::master(with(|s| s.source = Some(BELOW.into())));
    rig.reload(settings());
    assert_eq!((rig.phase(), rig.instance.source), ("master", Some(OWN.into())));
}

/// It has waited for its turn to preempt, and may not any more.
#[test]
fn whoever_may_not_preempt_any_more_does_not() {
    type Forbid = fn(&mut Rig);
    let later = || with(|s| s.preempt = Preempt::After(Duration::from_secs(5)));
    let ways: [(&str, Forbid); 3] = [
        ("a reload", |rig| rig.reload(with(|s| s.preempt = Preempt::Never))),
        ("a longer delay", |rig| {
            rig.reload(with(|s| s.preempt = Preempt::After(Duration::from_secs(60))));
        }),
        ("a handover", |rig| {
            rig.act(|i, cx| i.release(Release::Handover { successor: None }, cx));
        }),
    ];
    for (way, forbid) in ways {
        let mut rig = Rig::started(later());
        rig.hear(BELOW, 100);
        forbid(&mut rig);
        for _ in 0..10 {
            rig.run_until(rig.now + Duration::from_secs(1));
            rig.hear(BELOW, 100);
        }
        assert_eq!(rig.phase(), "backup", "{way}");
    }
}

/// At one second and for a rival of 254 it is 3.008 s after the last advert, so 2.008 s after the next one was due.
#[test]
fn a_master_that_slept_too_long_listens_first() {
    let slept = |millis: u64, settings: InstanceSettings| {
        let mut rig = Rig::master(settings);
        let due = rig.instance.timers.due(Timer::Advert).expect("a master advertises");
        rig.now = due + Duration::from_millis(millis);
        rig
    };
    let careful = || with(|s| s.late_is_backup = Priority::new(254));
    let mut rig = slept(2000, careful());
    rig.act(|i, cx| i.on_deadline(cx));
    assert_eq!(rig.phase(), "master");
    let mut rig = slept(2010, careful());
    rig.act(|i, cx| i.on_deadline(cx));
    assert_eq!((rig.phase(), rig.did().as_str()), ("backup", "remove BACKUP"));
    let mut rig = slept(2010, careful());
    rig.hear(ABOVE, 100);
    assert_eq!(
        rig.phase(),
        "backup",
        "the rival that was waiting to be read is not talked over"
    );
    let mut rig = slept(2010, settings());
    rig.hear(ABOVE, 100);
    assert_eq!(rig.phase(), "master", "nobody asked for it");
}
