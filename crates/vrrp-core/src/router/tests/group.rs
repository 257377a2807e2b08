//! What members of a sync group have in common.

use super::*;

#[test]
fn a_group_becomes_master_together_or_not_at_all() {
    let mut rig = Rig::started(pair());
    for _ in 0..10 {
        rig.hear(1, 200);
        rig.run(Duration::from_secs(1));
        assert_eq!(rig.states(), [State::Backup, State::Backup], "one of them has a master");
    }
    rig.run(LONG);
    assert_eq!(rig.states(), [State::Master, State::Master]);
    assert_eq!(rig.router.group_state(GroupId(0)), Some(State::Master));
}

#[test]
fn a_group_yields_together_and_its_scripts_hear_it_once() {
    let mut rig = Rig::started(pair());
    rig.run(LONG);
    rig.outputs();
    rig.hear(0, 200);
    assert_eq!(rig.states(), [State::Backup, State::Backup]);
    let told: Vec<(Subject, Notice)> = rig
        .outputs()
        .into_iter()
        .filter_map(|o| {
            if let Output::Notify { subject, notice, .. } = o {
                Some((subject, notice))
            } else {
                None
            }
        })
        .collect();
    assert_eq!(
        told,
        [
            (Subject::Instance(InstanceId(0)), Notice::Backup),
            (Subject::Instance(InstanceId(1)), Notice::Backup),
            (Subject::Group(GroupId(0)), Notice::Backup),
        ]
    );
}

/// As Keepalived 2.2.7 does at the start and at no other time.
#[test]
fn at_the_start_a_group_is_told_before_its_members() {
    let mut rig = Rig::started(pair());
    let subjects: Vec<Subject> = rig
        .outputs()
        .into_iter()
        .filter_map(|output| match output {
            Output::Notify { subject, .. } => Some(subject),
            _ => None,
        })
        .collect();
    let members = [0, 1].map(|id| Subject::Instance(InstanceId(id)));
    assert_eq!(subjects, [Subject::Group(GroupId(0)), members[0], members[1]]);
}

/// As Keepalived 2.2.7 does: after its members, without a priority of its own.
#[test]
fn a_group_is_told_that_it_stops() {
    let mut rig = Rig::started(pair());
    rig.run(LONG);
    rig.outputs();
    rig.give(Input::Release {
        who: Who::All,
        why: Release::Stop,
    });
    rig.run(LONG);
    let told: Vec<_> = rig
        .outputs()
        .into_iter()
        .filter_map(|o| match o {
            Output::Notify {
                subject,
                notice: Notice::Stop,
                priority,
            } => Some((subject, priority)),
            _ => None,
        })
        .collect();
    assert_eq!(told.len(), 3);
    assert_eq!(told[2], (Subject::Group(GroupId(0)), 0));
}

#[test]
fn a_fault_of_one_member_is_the_fault_of_all() {
    let mut rig = Rig::started(pair());
    rig.run(LONG);
    rig.give(Input::Link {
        interface: "eth0",
        up: false,
    });
    assert_eq!(rig.states(), [State::Fault, State::Fault]);
    rig.give(Input::Link {
        interface: "eth0",
        up: true,
    });
    assert_eq!(rig.states(), [State::Backup, State::Backup]);
}

#[test]
fn a_group_waits_for_the_slowest_script() {
    let mut settings = pair();
    settings.trackers = vec![script(0, "chk")];
    settings.instances[1].track = vec![usage(0, 0)];
    let mut rig = Rig::started(settings);
    rig.run(LONG);
    assert_eq!(rig.states(), [State::Init, State::Init]);
    rig.observe(0, ScriptOutcome::Exited(0));
    rig.run(LONG);
    assert_eq!(rig.states(), [State::Master, State::Master]);
}

#[test]
fn a_group_s_tracker_counts_for_all_and_a_member_s_weight_for_nobody() {
    let mut settings = pair();
    settings.trackers = vec![script(0, "shared"), script(1, "own")];
    settings.groups[0].track = vec![usage(0, -20)];
    settings.instances[0].track = vec![usage(1, -50)];
    let mut rig = Rig::started(settings.clone());
    rig.observe(0, ScriptOutcome::Exited(1));
    rig.observe(1, ScriptOutcome::Exited(1));
    let priorities: Vec<u8> = rig.router.instances().map(|i| i.effective.value()).collect();
    assert_eq!(priorities, [80, 80]);
    let why = rig.router.explain(InstanceId(0)).expect("configured").to_string();
    assert!(
        why.contains("own: bad, weight -50: ignored: the instance is in a sync group"),
        "{why}"
    );
    assert!(why.contains("shared (for group G): bad, weight -20: -20"), "{why}");

    settings.groups[0].member_weights = true;
    let mut rig = Rig::started(settings);
    rig.observe(1, ScriptOutcome::Exited(1));
    assert_eq!(rig.priority(), 50);
}

#[test]
fn a_release_of_one_member_releases_its_group() {
    let mut rig = Rig::started(pair());
    rig.run(LONG);
    rig.give(Input::Release {
        who: Who::One(InstanceId(1)),
        why: Release::Stop,
    });
    rig.run(LONG);
    let released = rig
        .outputs()
        .iter()
        .filter(|o| matches!(o, Output::Released { .. }))
        .count();
    assert_eq!(released, 2);
    assert!(rig.router.instances().all(|i| i.stopped));
}

/// What the other host of the pair is told after it named us.
#[test]
fn who_is_named_and_does_take_over() {
    let willing = |rig: &mut Rig, number: u32| {
        let instance = InstanceId(number);
        rig.give(Input::TakeOver { instance });
        let view = rig.router.instance(instance).expect("it is configured");
        view.is_or_wants_master()
    };
    let mut rig = Rig::new(pair());
    rig.give(Input::Start);
    assert!(willing(&mut rig, 0), "it waits for its group only");
    assert!(willing(&mut rig, 1));
    assert_eq!(rig.states()[0], State::Master);
    assert!(willing(&mut rig, 0), "it is there already");

    let mut settings = pair();
    settings.groups.clear();
    let mut rig = Rig::new(settings);
    rig.give(Input::Start);
    let (who, why) = (Who::One(InstanceId(0)), Release::Drain);
    rig.give(Input::Release { who, why });
    assert!(!willing(&mut rig, 0), "it is drained");
    let (interface, up) = ("eth1", false);
    rig.give(Input::Link { interface, up });
    assert!(!willing(&mut rig, 1), "it is at fault");
}

/// Neither over the pair link nor by the others of its group.
#[test]
fn who_leaves_does_not_want_to_be_master_any_more() {
    for why in [Release::Drain, Release::Handover { successor: None }] {
        let mut rig = Rig::started(pair());
        for _ in 0..8 {
            rig.hear(1, 200);
            rig.run(Duration::from_millis(500));
        }
        let view = |rig: &Rig| {
            rig.router
                .instance(InstanceId(0))
                .map(|i| (i.want, i.is_or_wants_master()))
        };
        assert_eq!(view(&rig), Some((State::Master, true)));
        rig.give(Input::Release { who: Who::All, why });
        assert_eq!(view(&rig), Some((State::Backup, false)), "{why:?}");
    }
}

/// It has wanted to be master before it was drained; the one that a reload puts beside it wants to be it at once.
#[test]
fn a_new_member_does_not_make_a_drained_one_master() {
    let mut rig = Rig::started(pair());
    for _ in 0..8 {
        rig.hear(1, 200);
        rig.run(Duration::from_millis(500));
    }
    let (who, why) = (Who::One(InstanceId(0)), Release::Drain);
    rig.give(Input::Release { who, why });
    let mut wanted = pair();
    let owner = &mut wanted.instances[1];
    (owner.vrid, owner.priority) = (Vrid::new(99).expect("not 0"), Priority::OWNER);
    owner.initial = Initial::Master;
    wanted.adopt_ids(rig.router.settings());
    let instance = wanted.instances[1].id;
    let address = Some(OWN.into());
    rig.give(Input::NextSource { instance, address });
    rig.give(Input::Settings(Box::new(wanted)));
    rig.run(LONG);
    assert_eq!(rig.states(), [State::Backup; 2]);
}

/// A group cannot be called off in part, so it lets go at the cap; whoever asked for the handover must be able to tell.
#[test]
fn a_group_that_nobody_succeeds_says_who_is_left_alone() {
    let mut rig = Rig::started(pair());
    rig.run(LONG);
    assert_eq!(rig.states(), [State::Master; 2]);
    rig.give(Input::Release {
        who: Who::All,
        why: Release::Handover { successor: None },
    });
    rig.run(Duration::from_millis(500));
    rig.hear(0, 90);
    rig.run(Duration::from_secs(1));
    assert_eq!(rig.states(), [State::Backup; 2]);
    let abandoned = |rig: &Rig| rig.router.instances().map(|i| i.abandoned).collect::<Vec<_>>();
    assert_eq!(abandoned(&rig), [false, true]);
    rig.hear(1, 90);
    assert_eq!(abandoned(&rig), [false, false]);
}

/// Whoever leaves does not want to be master any more, whatever the rest of its group comes to meanwhile.
#[test]
fn whoever_listened_and_leaves_is_not_called_back_by_its_group() {
    let mut rig = Rig::new(pair());
    rig.give(Input::Found {
        instance: InstanceId(0),
        fresh_journal: true,
    });
    rig.give(Input::Start);
    let wants = |rig: &Rig| rig.router.instances().map(|i| i.want).collect::<Vec<_>>();
    for _ in 0..1000 {
        if wants(&rig)[0] == State::Master {
            break;
        }
        rig.run(Duration::from_millis(10));
    }
    assert_eq!(wants(&rig), [State::Master, State::Backup]);
    rig.give(Input::Release {
        who: Who::All,
        why: Release::Handover { successor: None },
    });
    assert_ne!(wants(&rig)[0], State::Master);
    rig.outputs();
    rig.run(LONG);
    let did = rig.outputs();
    let left = did.iter().position(|o| matches!(o, Output::Released { .. }));
    let added = did.iter().position(|o| matches!(o, Output::AddAddresses { .. }));
    assert!(
        left.is_some() && added.is_none_or(|added| left < Some(added)),
        "{did:?}"
    );
}
