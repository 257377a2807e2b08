//! Whoever hears nothing takes no silence for the truth.

use super::*;

fn deaf(rig: &mut Rig, deaf: bool) {
    rig.act(|i, cx| i.set_deaf(deaf, cx));
}

#[test]
fn a_deaf_backup_takes_over_from_nobody_and_waits_anew_when_it_hears() {
    let mut rig = Rig::started(with(|s| s.preempt = Preempt::After(Duration::from_secs(5))));
    rig.hear(BELOW, 100);
    deaf(&mut rig, true);
    assert!(
        !rig.instance.view().is_ready(),
        "whoever named it would wait for nothing"
    );
    rig.out.outputs.clear();
    rig.act(|i, cx| i.take_over(cx));
    assert_eq!(rig.out.outputs, [], "it does not say that it would");
    rig.run_until(rig.now + Duration::from_secs(100));
    assert_eq!((rig.phase(), rig.did().as_str()), ("backup", ""));
    deaf(&mut rig, false);
    assert!(rig.instance.view().is_ready());
    assert_eq!(due_after(&rig), Duration::from_micros(3_414_062));
    deaf(&mut rig, false);
    rig.wait();
    assert_eq!(rig.phase(), "master");
}

/// Nothing is decided by it, so nothing is to be said of it each time.
#[test]
fn a_deaf_one_that_wakes_late_has_overslept_nothing() {
    let mut rig = Rig::started(settings());
    deaf(&mut rig, true);
    rig.out.outputs.clear();
    rig.now += Duration::from_secs(60);
    rig.act(|i, cx| i.on_deadline(cx));
    assert_eq!(rig.out.outputs, []);
}

#[test]
fn a_deaf_owner_does_not_begin() {
    let mut rig = Rig::new(with(|s| {
        s.initial = Initial::Master;
        s.priority = Priority::OWNER;
    }));
    rig.ready();
    deaf(&mut rig, true);
    rig.act(|i, cx| i.start(cx));
    assert_eq!((rig.phase(), rig.did().as_str()), ("init", ""));
    deaf(&mut rig, false);
    assert_eq!(rig.phase(), "master");
}

/// Somebody else may serve them by now, and would not be heard.
#[test]
fn what_a_deaf_one_finds_in_place_it_does_not_keep() {
    for later in [false, true] {
        let mut rig = Rig::new(settings());
        rig.ready();
        rig.act(|i, _| i.found(Found::Fresh));
        deaf(&mut rig, !later);
        rig.act(|i, cx| i.start(cx));
        deaf(&mut rig, true);
        assert_eq!((rig.phase(), rig.did().as_str()), ("init", "remove"), "{later}");
        rig.run_until(rig.now + Duration::from_secs(100));
        deaf(&mut rig, false);
        assert_eq!((rig.phase(), rig.did().as_str()), ("backup", "BACKUP"), "{later}");
    }
}

/// Somebody has to serve, and it says that it does.
#[test]
fn a_master_that_falls_deaf_goes_on() {
    let mut rig = Rig::master(settings());
    deaf(&mut rig, true);
    rig.run_until(rig.now + Duration::from_millis(1500));
    assert_eq!((rig.phase(), rig.did().as_str()), ("master", "who-has say150"));
    rig.act(|i, cx| i.change_conditions(|c| c.tracked = true, cx));
    rig.act(|i, cx| i.change_conditions(|c| c.tracked = false, cx));
    assert_eq!(rig.phase(), "fault", "but it does not come back so");
    deaf(&mut rig, false);
    assert_eq!(rig.phase(), "backup");
}

/// Somebody may have come whom it did not hear.
#[test]
fn a_deaf_one_that_hands_over_lets_go() {
    let mut rig = Rig::master(settings());
    rig.act(|i, cx| i.release(Release::Handover { successor: None }, cx));
    deaf(&mut rig, true);
    rig.run_until(rig.now + Duration::from_secs(100));
    assert_eq!(
        (rig.phase(), rig.did().as_str()),
        ("backup", "say0 name remove BACKUP released")
    );
}
