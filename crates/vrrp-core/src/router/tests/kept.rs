//! What a reload keeps, and what it retires.

use super::*;

#[test]
fn a_reload_keeps_mastership_and_touches_only_what_changed() {
    let mut rig = Rig::started(pair());
    rig.run(Duration::from_secs(20));
    rig.outputs();
    let mut wanted = pair();
    wanted.instances[0].vips.push(VirtualAddress::host(vip(9)));
    wanted.adopt_ids(rig.router.settings());
    rig.give(Input::Settings(Box::new(wanted)));
    assert_eq!(rig.states(), [State::Master, State::Master]);
    let did = rig.outputs();
    let added: Vec<&Output> = did.iter().filter(|o| matches!(o, Output::AddAddress { .. })).collect();
    assert_eq!(
        added,
        [&Output::AddAddress {
            instance: InstanceId(0),
            address: vip(9)
        }]
    );
    let harm = |o: &&Output| {
        matches!(
            o,
            Output::RemoveAddresses { .. } | Output::SendAdvert { .. } | Output::Notify { .. }
        )
    };
    assert_eq!(did.iter().find(harm), None);
    assert!(did.iter().any(|o| *o
        == Output::Announce {
            instance: InstanceId(0),
            address: vip(9)
        }));
}

#[test]
fn a_reload_retires_what_is_gone_and_starts_what_is_new() {
    let mut settings = pair();
    settings.groups.clear();
    let mut rig = Rig::started(settings.clone());
    rig.run(LONG);
    rig.outputs();
    let mut wanted = settings;
    wanted.instances.remove(0);
    wanted.instances.push(instance(2));
    wanted.adopt_ids(rig.router.settings());
    assert_eq!(wanted.instances.iter().map(|i| i.id.0).collect::<Vec<_>>(), [1, 2]);
    rig.give(Input::Settings(Box::new(wanted)));
    let did = rig.outputs();
    assert!(did.contains(&Output::RemoveAddresses {
        instance: InstanceId(0)
    }));
    let notice = |o: &Output| {
        matches!(
            o,
            Output::Notify {
                notice: Notice::Deleted,
                ..
            }
        )
    };
    assert!(did.iter().any(notice));
    rig.give(Input::Link {
        interface: "eth2",
        up: true,
    });
    rig.give(Input::Source {
        instance: InstanceId(2),
        address: Some(OWN.into()),
    });
    rig.run(LONG);
    assert_eq!(rig.states(), [State::Master, State::Master]);
}

/// To whichever comes first in the file, from one that stays or one that goes.
#[test]
fn an_address_that_goes_over_is_given_up_before_it_is_taken() {
    for (to, from, stays) in [(0, 1, true), (1, 0, true), (0, 1, false), (1, 0, false)] {
        let mut settings = pair();
        settings.groups.clear();
        let moved = VirtualAddress::host(vip(9));
        settings.instances[from].vips.push(moved.clone());
        let mut rig = Rig::started(settings.clone());
        rig.run(LONG);
        rig.outputs();
        settings.instances[from].vips.pop();
        settings.instances[to].vips.push(moved);
        if !stays {
            settings.instances.remove(from);
        }
        settings.adopt_ids(rig.router.settings());
        rig.give(Input::Settings(Box::new(settings)));
        let did = rig.outputs();
        let place = |which: &dyn Fn(&Output) -> bool| did.iter().position(which).expect("it happened");
        let given_up = place(&|o| matches!(o, Output::RemoveAddress { .. } | Output::RemoveAddresses { .. }));
        let taken = place(&|o| matches!(o, Output::AddAddress { .. }));
        assert!(given_up < taken, "from {from} to {to}, stays: {stays}\n{did:?}");
    }
}

#[test]
fn counters_begin_again_and_nothing_else_does() {
    let mut settings = pair();
    settings.groups.clear();
    let mut rig = Rig::started(settings);
    rig.run(LONG);
    rig.hear(0, 50);
    let received = |rig: &Rig| -> Vec<u64> { rig.router.instances().map(|i| i.stats.adverts_received).collect() };
    assert_eq!(received(&rig), [1, 0]);
    rig.outputs();
    rig.give(Input::ClearStatistics);
    assert_eq!(received(&rig), [0, 0]);
    assert!(rig.router.instances().all(|i| i.stats.became_master == 0));
    assert_eq!(rig.outputs(), []);
    assert_eq!(rig.states(), [State::Master, State::Master]);
}

#[test]
fn an_instance_whose_place_is_known_begins_without_a_fault() {
    let mut settings = pair();
    settings.groups.clear();
    settings.instances.truncate(1);
    let mut rig = Rig::started(settings.clone());
    rig.outputs();
    settings.instances.push(instance(1));
    rig.give(Input::Link {
        interface: "eth1",
        up: true,
    });
    rig.give(Input::NextSource {
        instance: InstanceId(1),
        address: Some(OWN.into()),
    });
    rig.give(Input::Settings(Box::new(settings)));
    assert_eq!(rig.states(), [State::Backup, State::Backup]);
    let faults = |o: &Output| matches!(o, Output::Notify { notice, .. } if *notice == Notice::Fault);
    assert!(!rig.outputs().iter().any(faults));
}

#[test]
fn ids_follow_routers_not_names_and_trackers_keep_their_results() {
    let mut old = pair();
    old.trackers = vec![script(4, "a"), script(5, "b")];
    let mut new = pair();
    new.instances.swap(0, 1);
    new.instances[0].name = "renamed".into();
    new.instances[0].id = InstanceId(0);
    new.instances[1].id = InstanceId(1);
    new.trackers = vec![script(0, "b"), script(1, "c")];
    new.instances[0].track = vec![usage(0, 5), usage(1, 5)];
    new.adopt_ids(&old);
    assert_eq!(new.instances.iter().map(|i| i.id.0).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(new.groups[0].members, [InstanceId(1), InstanceId(0)]);
    assert_eq!(new.trackers.iter().map(|t| t.id.0).collect::<Vec<_>>(), [5, 6]);
    assert_eq!(new.instances[0].track, [usage(5, 5), usage(6, 5)]);
}

/// Keepalived knows a script again by its name and its command.
#[test]
fn a_check_that_is_asked_otherwise_keeps_its_result() {
    let asked = |change: &dyn Fn(&mut ScriptSettings)| {
        let mut settings = pair();
        settings.groups.clear();
        settings.trackers = vec![script(0, "chk")];
        settings.instances[0].track = vec![usage(0, 0)];
        if let TrackerKind::Script(script) = &mut settings.trackers[0].kind {
            script.rise = 3;
            change(script);
        }
        settings
    };
    let changes: [&dyn Fn(&mut ScriptSettings); 3] = [
        &|s| s.interval = Duration::from_secs(3),
        &|s| (s.init_fail, s.timeout) = (true, Duration::from_secs(1)),
        &|s| (s.rise, s.fall, s.user) = (5, 7, Some("nobody".into())),
    ];
    for change in changes {
        let mut rig = Rig::started(asked(&|_| {}));
        rig.observe(0, ScriptOutcome::Exited(0));
        rig.run(LONG);
        rig.outputs();
        let mut wanted = asked(change);
        wanted.adopt_ids(rig.router.settings());
        rig.give(Input::Settings(Box::new(wanted)));
        assert_eq!(rig.states(), [State::Master; 2]);
        assert_eq!(rig.outputs(), []);
    }
    let mut rig = Rig::started(asked(&|_| {}));
    rig.observe(0, ScriptOutcome::Exited(0));
    let mut wanted = asked(&|s| s.command = vec!["/bin/other".into()]);
    wanted.adopt_ids(rig.router.settings());
    let id = wanted.trackers[0].id;
    rig.give(Input::Settings(Box::new(wanted)));
    assert_eq!(rig.router.tracker_level(id), Some(crate::track::Level::Unknown));
}

/// Whoever resumes after a crash serves clients as a master does, so its successor is told at once as well.
#[test]
fn a_reload_that_retires_who_listens_says_goodbye() {
    let mut settings = pair();
    settings.groups.clear();
    let mut rig = Rig::new(settings.clone());
    rig.give(Input::Found {
        instance: InstanceId(0),
        fresh_journal: true,
    });
    rig.give(Input::Start);
    assert!(rig.router.instance(InstanceId(0)).is_some_and(|i| i.listening));
    rig.outputs();
    let mut wanted = settings;
    wanted.instances.remove(0);
    rig.give(Input::Settings(Box::new(wanted)));
    let did = rig.outputs();
    let goodbye = did.iter().position(|o| matches!(o, Output::SendAdvert { .. }));
    let removed = did.iter().position(|o| matches!(o, Output::RemoveAddresses { .. }));
    assert!(goodbye.is_some() && goodbye < removed, "{did:?}");
}
