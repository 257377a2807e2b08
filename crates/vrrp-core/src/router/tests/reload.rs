//! What a reload may find, and what it may change.

use super::*;
use crate::track::Level;
use crate::{Partner, Stand};

const OTHER: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 9);

fn loose() -> RouterSettings {
    RouterSettings {
        groups: Vec::new(),
        ..pair()
    }
}

fn interface(id: u16, name: &str) -> Tracker {
    Tracker {
        id: TrackerId(id),
        name: name.into(),
        kind: TrackerKind::Interface(name.into()),
    }
}

fn reload(rig: &mut Rig, wanted: &RouterSettings) {
    let mut wanted = wanted.clone();
    wanted.adopt_ids(rig.router.settings());
    rig.give(Input::Settings(Box::new(wanted)));
}

fn link(rig: &mut Rig, interface: &str, up: bool) {
    rig.give(Input::Link { interface, up });
}

/// How the interface is was told long ago, or just before the settings, and is not told again.
#[test]
fn an_interface_that_a_reload_begins_to_track_is_looked_at() {
    for (name, weight, up, state, priority) in [
        ("eth1", 0, true, State::Master, 100),
        ("eth1", 0, false, State::Fault, 100),
        ("eth1", -30, false, State::Master, 70),
        ("eth9", 0, true, State::Master, 100),
        ("eth9", 0, false, State::Fault, 100),
        ("eth9", -30, false, State::Master, 70),
    ] {
        let mut wanted = loose();
        wanted.trackers = vec![interface(0, name)];
        wanted.instances[0].track = vec![usage(0, weight)];
        let mut rig = Rig::started(loose());
        rig.run(LONG);
        link(&mut rig, name, up);
        reload(&mut rig, &wanted);
        let case = format!("{name} {weight} {up}");
        assert_eq!(rig.router.tracker_level(TrackerId(0)), Some(Level::Good(up)), "{case}");
        assert_eq!((rig.states()[0], rig.priority()), (state, priority), "{case}");
        if state == State::Master {
            link(&mut rig, "eth0", false);
            link(&mut rig, "eth0", true);
            assert_eq!(rig.states()[0], State::Backup, "{case}");
        }
    }
}

/// It is told when somebody listens there.
#[test]
fn an_interface_that_nobody_has_told_of_yet_is_no_fault() {
    let mut wanted = loose();
    wanted.trackers = vec![interface(0, "eth9")];
    wanted.instances[0].track = vec![usage(0, 0)];
    let mut rig = Rig::started(loose());
    rig.run(LONG);
    reload(&mut rig, &wanted);
    assert_eq!(rig.states()[0], State::Master);
    link(&mut rig, "eth9", false);
    assert_eq!(rig.states()[0], State::Fault);
}

#[test]
fn what_comes_during_the_startup_delay_begins_as_the_others_do() {
    let delayed = |mut settings: RouterSettings| {
        settings.startup_delay = Duration::from_secs(10);
        settings
    };
    let mut alone = loose();
    alone.instances.truncate(1);
    for deaf in [false, true] {
        let mut rig = Rig::started(delayed(alone.clone()));
        let (instance, address) = (InstanceId(1), Some(OWN.into()));
        link(&mut rig, "eth1", true);
        rig.give(Input::NextSource { instance, address });
        rig.give(Input::Deaf { instance, deaf });
        reload(&mut rig, &delayed(loose()));
        rig.run(Duration::from_secs(10));
        if deaf {
            assert_eq!(rig.states(), [State::Backup, State::Init]);
            let deaf = false;
            rig.give(Input::Deaf { instance, deaf });
        }
        assert_eq!(rig.states(), [State::Backup; 2]);
    }
}

/// Both ways, and whoever waits for its interface goes on waiting.
#[test]
fn a_reload_decides_whether_the_own_interface_counts() {
    let tracked = |own: bool| {
        let mut settings = loose();
        settings.instances[0].track_primary = own;
        settings
    };
    let mut rig = Rig::started(tracked(false));
    rig.run(LONG);
    link(&mut rig, "eth0", false);
    assert_eq!(rig.states()[0], State::Master);
    reload(&mut rig, &tracked(true));
    assert_eq!(rig.states()[0], State::Fault);
    reload(&mut rig, &tracked(false));
    assert_eq!(rig.states()[0], State::Backup);
    link(&mut rig, "eth0", true);
    reload(&mut rig, &tracked(true));
    rig.run(LONG);
    assert_eq!(rig.states()[0], State::Master);
}

/// Its socket is being opened, so it would take silence for the truth, whatever it says of its own address and interface,
/// and whatever is known of them.
#[test]
fn whoever_needs_no_news_waits_for_its_socket_all_the_same() {
    let mut alone = loose();
    alone.instances.truncate(1);
    for (interface, track_primary) in [("eth0", true), ("eth0", false), ("eth1", false)] {
        let mut wanted = loose();
        wanted.instances[1].track_primary = track_primary;
        wanted.instances[1].interface = Some(interface.into());
        wanted.instances[1].source = Some(OWN.into());
        let mut rig = Rig::started(alone.clone());
        let (instance, deaf) = (InstanceId(1), true);
        rig.give(Input::Deaf { instance, deaf });
        reload(&mut rig, &wanted);
        rig.run(LONG);
        assert_eq!(rig.states()[1], State::Init);
        let deaf = false;
        rig.give(Input::Deaf { instance, deaf });
        assert_eq!(rig.states()[1], State::Backup);
        rig.run(LONG);
        assert_eq!(rig.states()[1], State::Master);
    }
}

/// The address that a master speaks from is another one, or is chosen in another way, and is there.
#[test]
fn a_master_that_is_to_speak_from_another_address_stays_master() {
    let speaks = |source: Option<Ipv4Addr>, tracked: bool| {
        let mut settings = pair();
        settings.instances[0].source = source.map(IpAddr::from);
        settings.instances[0].track_source = tracked;
        settings
    };
    let ways = [
        (None, false),
        (Some(OWN), false),
        (Some(OWN), true),
        (Some(OTHER), false),
        (Some(OTHER), true),
    ];
    let instance = InstanceId(0);
    for (from, to) in ways.iter().flat_map(|from| ways.iter().map(move |to| (from, to))) {
        let offer = |(source, _): &(Option<Ipv4Addr>, bool)| Some(IpAddr::from(source.unwrap_or(OWN)));
        let mut rig = Rig::new(speaks(from.0, from.1));
        let address = offer(from);
        rig.give(Input::Source { instance, address });
        rig.give(Input::Start);
        rig.run(LONG);
        assert_eq!(rig.states(), [State::Master; 2]);
        rig.outputs();
        // As the runtime does: nothing is told of one that names its address and does not track it.
        if to.0.is_none() || to.1 {
            let address = offer(to);
            rig.give(Input::NextSource { instance, address });
        }
        reload(&mut rig, &speaks(to.0, to.1));
        assert_eq!(rig.states(), [State::Master; 2], "{from:?} {to:?}");
        assert_eq!(rig.router.instance(instance).and_then(|i| i.source), offer(to));
        let dropped = |o: &Output| matches!(o, Output::RemoveAddresses { .. } | Output::Notify { .. });
        assert!(!rig.outputs().iter().any(dropped), "{from:?} {to:?}");
    }
}

/// What the next settings will bring is nothing to those that run.
#[test]
fn an_address_that_is_not_there_is_a_fault_when_the_settings_ask_for_it() {
    let mut wanted = loose();
    wanted.instances[0].source = Some(OTHER.into());
    wanted.instances[0].track_source = true;
    let instance = InstanceId(0);
    let mut rig = Rig::started(loose());
    rig.run(LONG);
    let address = None;
    rig.give(Input::NextSource { instance, address });
    assert_eq!(rig.states(), [State::Master; 2]);
    reload(&mut rig, &wanted);
    assert_eq!(rig.states(), [State::Fault, State::Master]);
    let address = Some(OTHER.into());
    rig.give(Input::Source { instance, address });
    assert_eq!(rig.states(), [State::Backup, State::Master]);
}

/// It is none because the other host of the pair is, and its adverts do not arrive; or because its witnesses say nothing, or
/// too little.
#[test]
fn a_master_goes_along_with_a_member_that_may_not_be_one() {
    let with_witnesses = |mut settings: RouterSettings| {
        settings.instances[1].quorum = Some(Quorum {
            gateway: false,
            witnesses: vec![PEER.into()],
            need: 1,
        });
        settings
    };
    let partner = Some(Partner {
        stand: Stand::Master,
        priority: 200,
        source: Some(PEER.into()),
    });
    let instance = InstanceId(1);
    type Way<'a> = (&'a str, bool, &'a dyn Fn(&mut Rig));
    let ways: [Way<'_>; 3] = [
        ("the pair link", false, &|rig| {
            rig.give(Input::Partner { instance, partner });
        }),
        ("no answer", true, &|_| {}),
        ("not enough", true, &|rig| {
            let asked = rig.outputs().iter().any(|o| matches!(o, Output::AskWitnesses { .. }));
            if asked {
                rig.give(Input::Witnesses { instance, reachable: 0 });
            }
        }),
    ];
    for (way, has_witnesses, says) in ways {
        let settings = |settings| {
            if has_witnesses {
                with_witnesses(settings)
            } else {
                settings
            }
        };
        let lives = |rig: &mut Rig| {
            for _ in 0..10 {
                says(rig);
                rig.run(Duration::from_millis(500));
            }
        };
        let mut rig = Rig::started(settings(loose()));
        rig.run(LONG);
        lives(&mut rig);
        assert_eq!(rig.states(), [State::Master, State::Backup], "{way}");
        reload(&mut rig, &settings(pair()));
        lives(&mut rig);
        assert_eq!(rig.states(), [State::Backup; 2], "{way}");
    }
}

/// Where one of two witnesses is dead the answer is as late as answers may be, and where the interval is short, the next
/// question goes out before.
#[test]
fn a_master_stays_where_the_other_member_is_about_to_have_its_answer() {
    let quick = |mut settings: RouterSettings| {
        for instance in &mut settings.instances {
            instance.protocol = Protocol::V3 {
                interval: Centis::new(10).expect("in range"),
                checksum: ChecksumPolicy::Auto,
            };
        }
        settings.instances[1].quorum = Some(Quorum {
            gateway: false,
            witnesses: vec![PEER.into(), OTHER.into()],
            need: 1,
        });
        settings
    };
    let instance = InstanceId(1);
    let mut rig = Rig::started(quick(loose()));
    rig.run(Duration::from_secs(1));
    rig.give(Input::Witnesses { instance, reachable: 0 });
    assert_eq!(rig.states(), [State::Master, State::Backup]);
    reload(&mut rig, &quick(pair()));
    rig.outputs();
    let asks = |rig: &mut Rig| rig.outputs().iter().any(|o| matches!(o, Output::AskWitnesses { .. }));
    while !asks(&mut rig) {
        rig.run(Duration::from_millis(10));
    }
    rig.run(Duration::from_millis(150));
    assert!(asks(&mut rig), "once more");
    assert_eq!(rig.states(), [State::Master, State::Backup]);
    rig.give(Input::Witnesses { instance, reachable: 1 });
    assert_eq!(rig.states(), [State::Master; 2]);
}

/// Its runtime did not look at it either.
#[test]
fn what_nobody_looked_at_for_a_while_is_not_known_any_more() {
    let tracking = |is_used: bool| {
        let mut settings = loose();
        settings.trackers = vec![script(0, "chk")];
        if is_used {
            settings.instances[0].track = vec![usage(0, 0)];
        }
        settings
    };
    let mut rig = Rig::started(tracking(true));
    rig.observe(0, ScriptOutcome::Exited(1));
    assert_eq!(rig.states()[0], State::Fault);
    reload(&mut rig, &tracking(false));
    rig.run(LONG);
    assert_eq!(rig.states()[0], State::Master);
    reload(&mut rig, &tracking(true));
    assert_eq!(rig.states()[0], State::Master);
    rig.observe(0, ScriptOutcome::Exited(1));
    assert_eq!(rig.states()[0], State::Fault);
}

/// Whatever was there in between: who asks for the history of one must not be told that of another.
#[test]
fn an_instance_has_a_number_that_no_other_had() {
    let mut alone = loose();
    alone.instances.truncate(1);
    let mut seen = Vec::new();
    for number in 1..5 {
        let mut next = loose();
        next.instances[1] = instance(number);
        next.adopt_ids(&alone);
        seen.push(next.instances[1].id.0);
        alone.adopt_ids(&next);
    }
    assert_eq!(seen, [1, 2, 3, 4]);
}

/// Nobody is followed, and the interval changes while the silence is waited for.
#[test]
fn who_waits_waits_as_long_as_is_configured_now() {
    let every = |centis: u16| {
        let mut settings = loose();
        for instance in &mut settings.instances {
            instance.protocol = Protocol::V3 {
                interval: Centis::new(centis).expect("in range"),
                checksum: ChecksumPolicy::Auto,
            };
        }
        settings
    };
    let mut shorter = Rig::started(every(100));
    reload(&mut shorter, &every(10));
    shorter.run(Duration::from_millis(300));
    assert_eq!(shorter.states(), [State::Backup; 2]);
    shorter.run(Duration::from_millis(100));
    assert_eq!(shorter.states(), [State::Master; 2]);

    let mut longer = Rig::started(every(10));
    reload(&mut longer, &every(100));
    longer.run(Duration::from_millis(3300));
    assert_eq!(longer.states(), [State::Backup; 2]);
    longer.run(Duration::from_millis(400));
    assert_eq!(longer.states(), [State::Master; 2]);
}
