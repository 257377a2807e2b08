//! Groups whose members a reload changes, and what is known of those who come.

use super::*;

fn alone() -> RouterSettings {
    let mut alone = pair();
    alone.groups[0].members.truncate(1);
    alone.instances.truncate(1);
    alone
}

/// A group of one, which a reload is about to give another member: how that one's interface is, and its source.
fn about_to_grow(up: bool, address: Option<IpAddr>) -> Rig {
    let mut rig = Rig::started(alone());
    rig.run(LONG);
    let (interface, instance) = ("eth1", InstanceId(1));
    rig.give(Input::Link { interface, up });
    rig.give(Input::NextSource { instance, address });
    rig
}

fn deaf(rig: &mut Rig, number: u32, deaf: bool) {
    let instance = InstanceId(number);
    rig.give(Input::Deaf { instance, deaf });
}

/// The reload that adds a member: one that hears at once, or whose socket is still being opened, or one in fault.
#[test]
fn who_serves_goes_on_when_its_group_grows() {
    let grown = |up: bool, later: bool| {
        let mut rig = about_to_grow(up, Some(OWN.into()));
        deaf(&mut rig, 1, later);
        rig.outputs();
        rig.give(Input::Settings(Box::new(pair())));
        if later && up {
            rig.run(LONG);
            assert_eq!(rig.states(), [State::Master, State::Init]);
            deaf(&mut rig, 1, false);
        }
        rig
    };
    let dropped = |o: &Output| matches!(o, Output::RemoveAddresses { .. });
    for later in [false, true] {
        let mut rig = grown(true, later);
        assert_eq!(rig.states(), [State::Master, State::Backup]);
        rig.run(LONG);
        assert_eq!(rig.states(), [State::Master; 2]);
        assert!(!rig.outputs().iter().any(dropped));

        let mut rig = grown(true, later);
        rig.hear(1, 50);
        assert_eq!(rig.states(), [State::Master, State::Backup], "it preempts that one");
        rig.hear(1, 200);
        assert_eq!(rig.states(), [State::Backup; 2], "one of them has a master");

        assert_eq!(grown(false, later).states(), [State::Fault; 2]);
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

/// Another reload tells nothing of its socket.
#[test]
fn who_hears_nothing_is_no_fault_of_its_group_and_waits() {
    let mut rig = about_to_grow(true, Some(OWN.into()));
    deaf(&mut rig, 1, true);
    for _ in 0..2 {
        rig.give(Input::Settings(Box::new(pair())));
        rig.run(LONG);
        assert_eq!(rig.states(), [State::Master, State::Init]);
    }
    deaf(&mut rig, 1, false);
    assert_eq!(rig.states(), [State::Master, State::Backup]);

    let mut rig = about_to_grow(true, None);
    deaf(&mut rig, 1, true);
    rig.give(Input::Settings(Box::new(pair())));
    assert_eq!(rig.states(), [State::Fault; 2], "there is no address to speak from");
}

/// It hears nobody for as long as it is deaf, so it can never be master, and a group serves on one host.
#[test]
fn a_master_goes_along_with_a_member_that_falls_deaf() {
    let mut loose = pair();
    loose.groups.clear();
    let mut rig = Rig::started(loose);
    deaf(&mut rig, 1, true);
    rig.run(LONG);
    assert_eq!(rig.states(), [State::Master, State::Backup]);
    rig.give(Input::Settings(Box::new(pair())));
    rig.run(LONG);
    assert_eq!(rig.states(), [State::Backup; 2]);
    deaf(&mut rig, 1, false);
    rig.run(LONG);
    assert_eq!(rig.states(), [State::Master; 2]);
}

/// A group that once had a member there must not share a fault of then.
#[test]
fn what_was_said_of_an_interface_ends_with_those_who_look_at_it() {
    let (interface, instance) = ("eth1", InstanceId(1));
    let mut settings = pair();
    settings.link_delays = vec![LinkDelay {
        interface: interface.into(),
        up: LONG,
        down: LONG,
    }];
    let mut rig = Rig::started(pair());
    rig.give(Input::Link { interface, up: false });
    rig.give(Input::Settings(Box::new(alone())));
    rig.run(LONG);
    assert_eq!(rig.states(), [State::Master]);
    let address = Some(OWN.into());
    rig.give(Input::NextSource { instance, address });
    rig.give(Input::Link { interface, up: true });
    rig.give(Input::Settings(Box::new(settings)));
    assert_eq!(
        rig.states(),
        [State::Master, State::Backup],
        "a first word counts at once"
    );
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
