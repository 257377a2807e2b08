//! The router as a whole: tracking, groups, links, reload.

mod reload;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use tandem_time::Mono;

use super::Router;
use crate::packet::fixtures::packet;
use crate::packet::{Addresses, Advert, Datagram, Dialect, Form};
use crate::settings::*;
use crate::{Event, Input, Notice, Observation, Output, Release, ScriptOutcome, State, Subject, Who};

const OWN: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);
const PEER: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 3);

fn vip(number: u8) -> IpAddr {
    Ipv4Addr::new(10, 9, 0, 100 + number).into()
}

fn instance(number: u8) -> InstanceSettings {
    let vrid = Vrid::new(51 + number).expect("not 0");
    let mut s = InstanceSettings::new(InstanceId(number.into()), &format!("VI_{number}"), vrid, Family::V4);
    s.interface = Some(format!("eth{number}").as_str().into());
    s.vips = vec![VirtualAddress::host(vip(number))];
    s.garp.repeat = 1;
    s
}

fn script(id: u16, name: &str) -> Tracker {
    let kind = TrackerKind::Script(ScriptSettings::new(&["/bin/check"]));
    Tracker {
        id: TrackerId(id),
        name: name.into(),
        kind,
    }
}

fn usage(tracker: u16, weight: i32) -> TrackUse {
    TrackUse {
        tracker: TrackerId(tracker),
        weight: Weight::of(weight),
    }
}

fn pair() -> RouterSettings {
    RouterSettings {
        instances: vec![instance(0), instance(1)],
        groups: vec![GroupSettings {
            id: GroupId(0),
            name: "G".into(),
            members: vec![InstanceId(0), InstanceId(1)],
            track: Vec::new(),
            member_weights: false,
        }],
        ..RouterSettings::default()
    }
}

struct Rig {
    router: Router,
    now: Mono,
}

impl Rig {
    fn new(settings: RouterSettings) -> Rig {
        let count = settings.instances.len();
        let mut rig = Rig {
            router: Router::new(settings),
            now: Mono::from_millis(1000),
        };
        for number in 0..count {
            rig.give(Input::Link {
                interface: &format!("eth{number}"),
                up: true,
            });
            let instance = InstanceId(number as u32);
            rig.give(Input::Source {
                instance,
                address: Some(OWN.into()),
            });
        }
        rig
    }

    fn started(settings: RouterSettings) -> Rig {
        let mut rig = Rig::new(settings);
        rig.give(Input::Start);
        rig
    }

    fn give(&mut self, input: Input<'_>) {
        self.router.handle(input, self.now);
    }

    fn observe(&mut self, tracker: u16, outcome: ScriptOutcome) {
        self.give(Input::Observed {
            tracker: TrackerId(tracker),
            observation: Observation::Script(outcome),
        });
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.router.poll_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.router.on_deadline(self.now);
        }
        self.now = end;
    }

    fn hear(&mut self, number: u8, priority: u8) {
        let advert = Advert {
            vrid: Vrid::new(51 + number).expect("not 0"),
            priority,
            addresses: Addresses::of(Family::V4, [vip(number)].into_iter()),
            form: Form::V2 {
                interval: Seconds::ONE,
                auth: AuthV2::None,
            },
        };
        let bytes = packet(PEER, &advert, Dialect::With);
        let interface = format!("eth{number}");
        self.give(Input::Packet {
            interface: Some(&interface),
            datagram: Datagram::V4(&bytes),
        });
    }

    fn states(&self) -> Vec<State> {
        self.router.instances().map(|i| i.state).collect()
    }

    fn priority(&self) -> u8 {
        self.router
            .instance(InstanceId(0))
            .expect("configured")
            .effective
            .value()
    }

    fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.router.poll_output()).collect()
    }
}

const LONG: Duration = Duration::from_secs(4);

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

#[test]
fn the_startup_delay_discards_adverts_and_then_begins() {
    let mut settings = pair();
    settings.startup_delay = Duration::from_secs(10);
    let mut rig = Rig::started(settings);
    rig.run(Duration::from_secs(9));
    rig.hear(0, 200);
    assert_eq!(rig.states(), [State::Init, State::Init]);
    rig.run(Duration::from_secs(1));
    assert_eq!(rig.states(), [State::Backup, State::Backup]);
    rig.run(LONG);
    assert_eq!(rig.states(), [State::Master, State::Master]);
}

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

#[test]
fn spurious_deadlines_do_nothing() {
    let mut rig = Rig::started(pair());
    rig.outputs();
    for _ in 0..5 {
        rig.router.on_deadline(rig.now);
    }
    assert_eq!(rig.outputs(), []);
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
