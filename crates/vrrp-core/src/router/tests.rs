//! The router as a whole: tracking, groups, links, reload.

mod group;
mod growing;
mod kept;
mod reload;
mod tracking;

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
fn spurious_deadlines_do_nothing() {
    let mut rig = Rig::started(pair());
    rig.outputs();
    for _ in 0..5 {
        rig.router.on_deadline(rig.now);
    }
    assert_eq!(rig.outputs(), []);
}
