//! When a backup takes over, and when a better one waits.

use super::*;

#[test]
fn a_backup_waits_the_down_interval_and_a_wished_master_one_interval() {
    assert_eq!(due_after(&Rig::started(settings())), Duration::from_micros(3_414_062));
    let master = with(|s| s.initial = Initial::Master);
    assert_eq!(due_after(&Rig::started(master)), Duration::from_micros(1_003_906));
}

#[test]
fn an_owner_is_master_at_once() {
    let rig = Rig::started(with(|s| {
        s.initial = Initial::Master;
        s.priority = Priority::OWNER;
    }));
    assert_eq!(rig.phase(), "master");
}

#[test]
fn a_goodbye_leaves_the_skew() {
    let mut rig = Rig::started(settings());
    rig.hear(ABOVE, 0);
    assert_eq!(due_after(&rig), Duration::from_micros(414_062));
}

#[test]
fn the_goodbye_of_another_than_our_master_is_no_reason_to_hurry() {
    let mut rig = Rig::started(settings());
    rig.hear(ABOVE, 200);
    let due = rig.instance.deadline();
    rig.hear(BELOW, 0);
    assert_eq!(rig.instance.deadline(), due);
    rig.run_until(millis(2500));
    rig.hear(BELOW, 0);
    assert_eq!(
        due_after(&rig),
        Duration::from_micros(414_062),
        "our master has been silent for more than an interval"
    );
}

#[test]
fn lower_adverts_do_not_keep_a_preempting_backup_waiting() {
    let mut rig = Rig::started(settings());
    let due = rig.instance.deadline();
    for ms in [1500, 2500, 3500] {
        rig.run_until(millis(ms));
        rig.hear(ABOVE, 100);
    }
    assert_eq!(rig.instance.deadline(), due);
}

#[test]
fn nopreempt_follows_a_lower_master_and_takes_over_from_a_dead_one() {
    let mut rig = Rig::started(with(|s| s.preempt = Preempt::Never));
    for second in 1..20 {
        rig.run_until(millis(second * 1000 + 500));
        rig.hear(ABOVE, 100);
        assert_eq!(rig.phase(), "backup");
    }
    rig.run_until(millis(23_000));
    assert_eq!(rig.phase(), "master");
}

#[test]
fn preempt_delay_counts_from_the_first_lower_advert() {
    let mut rig = Rig::started(with(|s| s.preempt = Preempt::After(Duration::from_secs(5))));
    for second in 2..7 {
        rig.run_until(millis(second * 1000));
        rig.hear(ABOVE, 100);
        assert_eq!(rig.phase(), "backup");
    }
    rig.run_until(millis(6999));
    assert_eq!(rig.phase(), "backup");
    rig.run_until(millis(7000));
    assert_eq!(rig.phase(), "master");
}

#[test]
fn a_better_master_ends_the_preempt_delay() {
    let mut rig = Rig::started(with(|s| s.preempt = Preempt::After(Duration::from_secs(2))));
    rig.hear(ABOVE, 100);
    rig.run_until(millis(2000));
    rig.hear(BELOW, 200);
    rig.run_until(millis(4000));
    rig.hear(BELOW, 200);
    rig.run_until(millis(6000));
    assert_eq!(rig.phase(), "backup");
}

#[test]
fn version_3_measures_by_the_master_s_interval() {
    let mut rig = Rig::started(with(|s| {
        s.protocol = v3(10);
        s.priority = Priority::DEFAULT;
    }));
    assert_eq!(due_after(&rig), Duration::from_micros(360_937));
    rig.hear_form(
        ABOVE,
        200,
        Form::V3 {
            interval: Centis::ONE_SECOND,
        },
    );
    assert_eq!(due_after(&rig), Duration::from_micros(3_609_375));
}

#[test]
fn a_change_of_priority_shifts_the_running_timer() {
    let mut rig = Rig::started(settings());
    rig.run_until(millis(2000));
    let before = due_after(&rig);
    rig.act(|i, cx| i.set_priority(Priority::DEFAULT, cx));
    assert_eq!(due_after(&rig), before + Duration::from_micros(609_375 - 414_062));
}

#[test]
fn a_master_tells_its_new_priority_at_once() {
    let mut rig = Rig::master(settings());
    rig.act(|i, cx| i.set_priority(Priority::DEFAULT, cx));
    assert_eq!(rig.did(), "who-has say100 MASTER_PRIORITY");
}

#[test]
fn strictness_keeps_the_last_word_back() {
    let mut rig = Rig::master(with(InstanceSettings::make_strict));
    rig.hear(ABOVE, 200);
    assert_eq!(rig.did(), "remove BACKUP");
}

#[test]
fn the_closest_call_is_remembered() {
    let mut rig = Rig::started(settings());
    rig.hear(ABOVE, 200);
    rig.run_until(millis(3000));
    rig.hear(ABOVE, 200);
    rig.run_until(millis(4000));
    rig.hear(ABOVE, 200);
    assert_eq!(rig.instance.stats.closest_call, 585, "2 s of 3.414 s");
}

/// Which of the adverts since the last look may wait for the addresses.
fn may_wait(rig: &mut Rig) -> Vec<bool> {
    let said = rig.out.outputs.drain(..).filter_map(|o| match o {
        Output::SendAdvert { may_wait, .. } => Some(may_wait),
        _ => None,
    });
    said.collect()
}

/// Where there are three routers the next one takes over as well unless it hears of the first.
#[test]
fn the_first_advert_waits_only_where_somebody_serves_meanwhile() {
    type Way = (&'static str, fn() -> InstanceSettings, fn(&mut Rig), bool);
    const OFTEN: fn() -> Centis = || Centis::new(10).expect("in range");
    let ways: [Way; 9] = [
        ("nobody was ever heard", settings, |rig| rig.wait(), false),
        (
            "a better one is dead",
            settings,
            |rig| {
                rig.hear(ABOVE, 200);
                rig.wait();
            },
            false,
        ),
        (
            "a better one that spoke more often is dead",
            || with(|s| s.protocol = v3(100)),
            |rig| {
                rig.hear_form(ABOVE, 200, Form::V3 { interval: OFTEN() });
                rig.wait();
            },
            false,
        ),
        (
            "it resumes after a crash",
            settings,
            |rig| {
                *rig = in_phase("listening");
                rig.wait();
            },
            false,
        ),
        (
            "the master says goodbye",
            settings,
            |rig| {
                rig.hear(ABOVE, 200);
                rig.hear(ABOVE, 0);
                rig.wait();
            },
            true,
        ),
        (
            "a lesser one lives",
            settings,
            |rig| {
                for ms in [1500, 2500, 3500] {
                    rig.run_until(millis(ms));
                    rig.hear(ABOVE, 100);
                }
                rig.wait();
            },
            true,
        ),
        (
            "a lesser one had its delay",
            || with(|s| s.preempt = Preempt::After(Duration::from_secs(1))),
            |rig| {
                rig.hear(ABOVE, 100);
                rig.wait();
            },
            true,
        ),
        (
            "the master names it",
            settings,
            |rig| rig.act(|i, cx| i.take_over(cx)),
            true,
        ),
        (
            "an owner comes to where somebody stands in for it",
            || {
                with(|s| {
                    s.initial = Initial::Master;
                    s.priority = Priority::OWNER;
                })
            },
            |rig| {
                rig.instance = Instance::new(rig.instance.settings.clone());
                rig.ready();
                rig.act(|i, cx| i.start(cx));
            },
            true,
        ),
    ];
    for (what, settings, act, waits) in ways {
        let mut rig = Rig::started(settings());
        rig.did();
        act(&mut rig);
        assert_eq!((rig.phase(), may_wait(&mut rig)), ("master", vec![waits]), "{what}");
        rig.wait();
        rig.act(|i, cx| i.release(Release::Stop, cx));
        let later = may_wait(&mut rig);
        assert!(
            later.len() > 1 && !later.contains(&true),
            "{what}: no other waits: {later:?}"
        );
    }
}
