//! Groups whose members a reload changes, and what is known of those who come.

use super::*;

/// The reload that adds a member: with its interface known before, told later, or in fault.
#[test]
fn who_serves_goes_on_when_its_group_grows() {
    let mut alone = pair();
    alone.groups[0].members.truncate(1);
    alone.instances.truncate(1);
    let grown = |up: Option<bool>, told_later: bool| {
        let mut rig = Rig::started(alone.clone());
        rig.run(LONG);
        let (interface, instance) = ("eth1", InstanceId(1));
        if let Some(up) = up.filter(|_| !told_later) {
            rig.give(Input::Link { interface, up });
        }
        let address = Some(OWN.into());
        rig.give(Input::NextSource { instance, address });
        rig.outputs();
        rig.give(Input::Settings(Box::new(pair())));
        if let Some(up) = up.filter(|_| told_later) {
            assert_eq!(rig.states(), [State::Master, State::Init]);
            rig.give(Input::Link { interface, up });
        }
        rig
    };
    let dropped = |o: &Output| matches!(o, Output::RemoveAddresses { .. });
    for told_later in [false, true] {
        let mut rig = grown(Some(true), told_later);
        assert_eq!(rig.states(), [State::Master, State::Backup]);
        rig.run(LONG);
        assert_eq!(rig.states(), [State::Master; 2]);
        assert!(!rig.outputs().iter().any(dropped));

        let mut rig = grown(Some(true), told_later);
        rig.hear(1, 50);
        assert_eq!(rig.states(), [State::Master, State::Backup], "it preempts that one");
        rig.hear(1, 200);
        assert_eq!(rig.states(), [State::Backup; 2], "one of them has a master");

        assert_eq!(grown(Some(false), told_later).states(), [State::Fault; 2]);
    }
}

/// A group serves on one host: what an operator drained is served by another one, and there the rest of the group goes.
#[test]
fn who_is_grouped_with_a_drained_one_leaves_when_its_successor_serves() {
    let loose = RouterSettings {
        groups: Vec::new(),
        ..pair()
    };
    for is_gone in [false, true] {
        let mut rig = Rig::started(loose.clone());
        rig.run(LONG);
        rig.give(Input::Release {
            who: Who::One(InstanceId(0)),
            why: Release::Drain,
        });
        if is_gone {
            rig.run(LONG);
            assert_eq!(rig.states(), [State::Backup, State::Master]);
        }
        rig.outputs();
        rig.give(Input::Settings(Box::new(pair())));
        assert_eq!(rig.states()[1], State::Master, "it serves until somebody else does");
        rig.hear(1, 50);
        rig.run(LONG);
        assert_eq!(rig.states(), [State::Backup; 2]);
        assert!(rig.router.instances().all(|i| i.drained));

        rig.give(Input::Resume { who: Who::All });
        rig.run(LONG);
        assert_eq!(rig.states(), [State::Master; 2]);
    }
}

/// Whoever has stopped has said so.
#[test]
fn who_has_stopped_does_not_leave_once_more_with_its_new_group() {
    let mut rig = Rig::started(RouterSettings {
        groups: Vec::new(),
        ..pair()
    });
    for (number, why) in [(0, Release::Stop), (1, Release::Drain)] {
        let who = Who::One(InstanceId(number));
        rig.give(Input::Release { who, why });
    }
    rig.outputs();
    rig.give(Input::Settings(Box::new(pair())));
    let released = |o: &Output| matches!(o, Output::Released { .. });
    assert!(!rig.outputs().iter().any(released));
}

/// Its socket is being opened: neither its interface nor its source is told before that.
#[test]
fn who_is_not_told_yet_is_no_fault_of_its_group() {
    let mut alone = pair();
    alone.groups[0].members.truncate(1);
    alone.instances.truncate(1);
    let grown = |wanted: &RouterSettings| {
        let mut rig = Rig::started(alone.clone());
        rig.run(LONG);
        rig.give(Input::Settings(Box::new(wanted.clone())));
        rig
    };
    let address = Some(OWN.into());
    let (interface, up, instance) = ("eth1", true, InstanceId(1));
    let mut rig = grown(&pair());
    rig.give(Input::Link { interface, up });
    assert_eq!(
        rig.states(),
        [State::Master, State::Init],
        "its source is still to be told"
    );
    rig.give(Input::Settings(Box::new(pair())));
    rig.run(LONG);
    assert_eq!(
        rig.states(),
        [State::Master, State::Init],
        "another reload tells nothing"
    );
    rig.give(Input::Source { instance, address });
    assert_eq!(rig.states(), [State::Master, State::Backup]);

    let mut rig = grown(&pair());
    rig.give(Input::Link { interface, up });
    let address = None;
    rig.give(Input::Source { instance, address });
    assert_eq!(rig.states(), [State::Fault; 2], "told that there is none");

    let mut homeless = pair();
    homeless.instances[1].interface = None;
    homeless.instances[1].source = Some(OWN.into());
    homeless.instances[1].track_source = true;
    let mut rig = grown(&homeless);
    assert_eq!(rig.states(), [State::Master, State::Init]);
    let address = Some(OWN.into());
    rig.give(Input::Source { instance, address });
    assert_eq!(rig.states(), [State::Master, State::Backup]);
}

/// A group that once had a member there must not share a fault of then.
#[test]
fn what_was_said_of_an_interface_ends_with_those_who_look_at_it() {
    let mut alone = pair();
    alone.groups[0].members.truncate(1);
    alone.instances.truncate(1);
    let mut rig = Rig::started(pair());
    let (interface, instance) = ("eth1", InstanceId(1));
    rig.give(Input::Link { interface, up: false });
    rig.give(Input::Settings(Box::new(alone)));
    rig.run(LONG);
    assert_eq!(rig.states(), [State::Master]);
    let address = Some(OWN.into());
    rig.give(Input::NextSource { instance, address });
    rig.give(Input::Settings(Box::new(pair())));
    assert_eq!(rig.states(), [State::Master, State::Init]);
    rig.give(Input::Link { interface, up: true });
    assert_eq!(rig.states(), [State::Master, State::Backup]);
}

/// Its clients are being served, and nobody says yet that somebody else does.
#[test]
fn a_reload_takes_nothing_from_a_group_that_listens_after_a_crash() {
    let mut rig = Rig::new(pair());
    for id in [0, 1] {
        rig.give(Input::Found {
            instance: InstanceId(id),
            fresh_journal: true,
        });
    }
    rig.give(Input::Start);
    rig.give(Input::Settings(Box::new(pair())));
    rig.run(LONG);
    assert_eq!(rig.states(), [State::Master; 2]);
    let dropped = |o: &Output| matches!(o, Output::RemoveAddresses { .. });
    assert!(!rig.outputs().iter().any(dropped));
}
