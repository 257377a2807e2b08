//! Scripts and links: what they hold back, and what they cost.

use super::*;

#[test]
fn an_unweighted_script_holds_back_until_it_spoke() {
    let mut settings = pair();
    settings.groups.clear();
    settings.trackers = vec![script(0, "chk")];
    settings.instances[0].track = vec![usage(0, 0)];
    let mut rig = Rig::started(settings);
    rig.run(LONG);
    assert_eq!(rig.states(), [State::Init, State::Master]);
    rig.observe(0, ScriptOutcome::Exited(0));
    assert_eq!(rig.states(), [State::Backup, State::Master]);
    rig.observe(0, ScriptOutcome::CouldNotRun);
    assert_eq!(rig.states(), [State::Fault, State::Master]);
    rig.observe(0, ScriptOutcome::Exited(0));
    assert_eq!(rig.states(), [State::Backup, State::Master]);
}

#[test]
fn weights_move_the_priority_and_explain_themselves() {
    let mut settings = pair();
    settings.groups.clear();
    settings.trackers = vec![script(0, "chk_haproxy")];
    settings.instances[0].track = vec![usage(0, 2)];
    let mut rig = Rig::started(settings);
    assert_eq!(rig.priority(), 100);
    rig.observe(0, ScriptOutcome::Exited(0));
    assert_eq!(rig.priority(), 102);
    rig.observe(0, ScriptOutcome::Exited(1));
    assert_eq!(rig.priority(), 100);
    let lines: Vec<String> = rig
        .outputs()
        .into_iter()
        .filter_map(|o| match o {
            Output::Log {
                event: event @ (Event::Script { .. } | Event::PriorityChanged { .. }),
                ..
            } => Some(event.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(
        lines,
        [
            "VRRP_Script(chk_haproxy) succeeded",
            "(VI_0) Changing effective priority from 100 to 102",
            "VRRP_Script(chk_haproxy) failed (exited with status 1)",
            "(VI_0) Changing effective priority from 102 to 100",
        ]
    );
    let why = rig.router.explain(InstanceId(0)).expect("configured").to_string();
    assert_eq!(
        why,
        "base priority 100\nchk_haproxy: bad, weight 2: +0\neffective priority 100"
    );
}

#[test]
fn a_short_flap_of_a_debounced_link_is_no_fault() {
    let mut settings = pair();
    settings.groups.clear();
    let second = Duration::from_secs(1);
    settings.link_delays = vec![LinkDelay {
        interface: "eth0".into(),
        down: second,
        up: Duration::ZERO,
    }];
    let mut rig = Rig::started(settings);
    rig.run(LONG);
    rig.give(Input::Link {
        interface: "eth0",
        up: false,
    });
    rig.run(Duration::from_millis(900));
    rig.give(Input::Link {
        interface: "eth0",
        up: true,
    });
    rig.run(LONG);
    assert_eq!(rig.states()[0], State::Master);
    rig.give(Input::Link {
        interface: "eth0",
        up: false,
    });
    rig.run(Duration::from_millis(1000));
    assert_eq!(rig.states()[0], State::Fault);
}

#[test]
fn a_tracked_interface_with_a_weight_costs_points() {
    let mut settings = pair();
    settings.groups.clear();
    let kind = TrackerKind::Interface("eth9".into());
    settings.trackers = vec![Tracker {
        id: TrackerId(0),
        name: "eth9".into(),
        kind,
    }];
    settings.instances[0].track = vec![usage(0, -30)];
    let mut rig = Rig::started(settings);
    rig.give(Input::Link {
        interface: "eth9",
        up: false,
    });
    assert_eq!(rig.priority(), 70);
    rig.give(Input::Link {
        interface: "eth9",
        up: true,
    });
    assert_eq!(rig.priority(), 100);
}
