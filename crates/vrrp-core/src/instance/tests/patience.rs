//! What the down timer stands for, and what a change of priority or settings makes of it.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn priority(rig: &mut Rig, value: u8) {
    rig.act(|i, cx| i.set_priority(Priority::new(value).expect("not 0"), cx));
}

fn due(rig: &Rig) -> Mono {
    rig.instance.deadline().expect("a backup waits for something")
}

fn every(centis: u16) -> InstanceSettings {
    with(|s| s.protocol = v3(centis))
}

/// The witnesses have an interval to answer, whatever happens to the priority meanwhile.
#[test]
fn the_pause_between_two_questions_has_no_skew() {
    for value in [1, 254] {
        let mut rig = Rig::started(with(has_witness));
        rig.wait();
        assert_eq!(rig.did(), "ask");
        priority(&mut rig, value);
        assert_eq!(
            (due_after(&rig), rig.did().as_str()),
            (SECOND, "BACKUP_PRIORITY"),
            "{value}"
        );
        rig.act(|i, cx| i.witnesses(0, cx));
        priority(&mut rig, 100);
        assert_eq!(due_after(&rig), SECOND, "after an answer that is not enough: {value}");
    }
}

/// Nobody waits for a question as for a master.
#[test]
fn a_reload_with_a_longer_interval_puts_no_question_off() {
    let mut rig = Rig::started(with(|s| {
        has_witness(s);
        s.protocol = v3(100);
    }));
    rig.wait();
    rig.reload(with(|s| {
        has_witness(s);
        s.protocol = v3(4000);
    }));
    assert_eq!(due_after(&rig), SECOND);
    rig.wait();
    rig.reload(with(|s| {
        has_witness(s);
        s.protocol = v3(10);
    }));
    assert_eq!(
        due_after(&rig),
        Duration::from_millis(100),
        "an interval is shorter now"
    );
}

#[test]
fn who_overslept_listens_for_a_moment_however_its_priority_changes() {
    for value in [1, 254] {
        let mut rig = Rig::started(settings());
        rig.now = due(&rig) + SECOND;
        rig.act(|i, cx| i.on_deadline(cx));
        let moment = due_after(&rig);
        priority(&mut rig, value);
        assert_eq!((rig.phase(), due_after(&rig)), ("backup", moment), "{value}");
    }
}

/// That of `state MASTER` is an interval and the least skew, not its own.
#[test]
fn the_first_interval_is_listened_to_whole() {
    for value in [1, 200, 254] {
        let mut rig = Rig::started(with(|s| s.initial = Initial::Master));
        priority(&mut rig, value);
        assert_eq!(due_after(&rig), Duration::from_micros(1_003_906), "{value}");
    }
    let mut rig = Rig::started(with(|s| {
        s.initial = Initial::Master;
        s.protocol = v3(10);
    }));
    rig.reload(with(|s| {
        s.initial = Initial::Master;
        s.protocol = v3(100);
    }));
    assert_eq!(due_after(&rig), Duration::from_micros(1_003_906), "nor three");
}

#[test]
fn who_listens_after_a_crash_does_so_for_an_interval_and_an_eighth() {
    let mut rig = Rig::new(every(10));
    rig.ready();
    rig.act(|i, _| i.found(Found::Fresh));
    rig.act(|i, cx| i.start(cx));
    assert_eq!(
        (rig.phase(), due_after(&rig)),
        ("listening", Duration::from_micros(112_500))
    );
    rig.reload(every(100));
    assert_eq!(due_after(&rig), Duration::from_micros(1_125_000));
}

/// RFC 9568 section 6.4.1 begins with the own interval; whoever was followed before is not the master any more.
#[test]
fn who_comes_back_waits_by_its_own_interval() {
    let mut rig = Rig::started(every(100));
    let form = Form::V3 {
        interval: Centis::new(4000).expect("in range"),
    };
    rig.hear_form(ABOVE, 200, form);
    assert!(due_after(&rig) > Duration::from_secs(120));
    rig.act(|i, cx| i.change_conditions(|c| c.tracked = true, cx));
    rig.act(|i, cx| i.change_conditions(|c| c.tracked = false, cx));
    assert_eq!(
        (rig.phase(), due_after(&rig)),
        ("backup", Duration::from_micros(3_414_062))
    );
}

#[test]
fn who_is_drained_forgets_the_interval_of_a_master_that_is_gone() {
    let mut rig = Rig::started(every(100));
    let form = Form::V3 {
        interval: Centis::new(4000).expect("in range"),
    };
    rig.act(|i, cx| i.release(Release::Drain, cx));
    rig.hear_form(ABOVE, 200, form);
    rig.wait();
    assert_eq!(due_after(&rig), Duration::from_micros(3_414_062));
}

/// There the interval is the own one, whoever is followed.
#[test]
fn in_version_2_a_reload_counts_although_a_master_is_followed() {
    let every = |seconds: u8| {
        with(|s| {
            s.protocol = Protocol::V2 {
                interval: Seconds::new(seconds).expect("in range"),
                auth: AuthV2::None,
            }
        })
    };
    let mut rig = Rig::started(every(1));
    rig.hear(ABOVE, 200);
    rig.run_until(rig.now + SECOND);
    rig.reload(every(10));
    assert_eq!(
        due_after(&rig),
        Duration::from_micros(29_414_062),
        "a second has passed"
    );
    rig.reload(every(1));
    assert_eq!(due_after(&rig), Duration::from_micros(3_414_062));
}
