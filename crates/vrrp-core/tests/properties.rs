//! What holds for any sequence of inputs at any times.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use proptest::prelude::*;
use tandem_time::Mono;
use tandem_vrrp_core::packet::{Addresses, Advert, Datagram, Dialect, Endpoints, Form, Ipv4Header};
use tandem_vrrp_core::settings::*;
use tandem_vrrp_core::{Conditions, Input, Observation, Output, Release, Router, ScriptOutcome, State, Who};

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);

/// A down interval of the slowest master that is heard here, and some.
const FOUND: Duration = Duration::from_secs(9);

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    ToDeadline,
    Hear {
        number: u8,
        from: u8,
        priority: u8,
        centis: u16,
    },
    Noise(Vec<u8>),
    Link {
        number: u8,
        up: bool,
    },
    Source {
        number: u8,
        there: bool,
    },
    Script(bool),
    Lost(u8),
    Announced(u8),
    Release {
        number: u8,
        why: Release,
    },
    Resume,
    TakeOver(u8),
    Reload {
        more: bool,
        grouped: bool,
        priority: u8,
        recurring: u8,
    },
}

fn any_step() -> impl Strategy<Value = Step> {
    let number = 0..2_u8;
    let why = prop_oneof![
        1 => Just(Release::Stop),
        3 => Just(Release::Drain),
        6 => Just(Release::Handover { successor: None }),
    ];
    prop_oneof![
        3 => (0..5000_u64).prop_map(Step::Wait),
        6 => Just(Step::ToDeadline),
        6 => (number.clone(), 1..6_u8, any::<u8>(), 1..200_u16)
            .prop_map(|(number, from, priority, centis)| Step::Hear { number, from, priority, centis }),
        1 => proptest::collection::vec(any::<u8>(), 0..64).prop_map(Step::Noise),
        1 => (number.clone(), any::<bool>()).prop_map(|(number, up)| Step::Link { number, up }),
        1 => (number.clone(), any::<bool>()).prop_map(|(number, there)| Step::Source { number, there }),
        2 => any::<bool>().prop_map(Step::Script),
        1 => number.clone().prop_map(Step::Lost),
        1 => number.clone().prop_map(Step::Announced),
        1 => (number.clone(), why).prop_map(|(number, why)| Step::Release { number, why }),
        1 => Just(Step::Resume),
        1 => number.prop_map(Step::TakeOver),
        1 => (any::<bool>(), any::<bool>(), 1..=255_u8, 0..3_u8)
            .prop_map(|(more, grouped, priority, recurring)| Step::Reload { more, grouped, priority, recurring }),
    ]
}

fn vip(number: u8) -> IpAddr {
    Ipv4Addr::new(10, 9, number, 100).into()
}

fn own(number: u8) -> IpAddr {
    Ipv4Addr::new(10, 9, number, 3).into()
}

/// `recurring` is how often announcements come again: never, seldom, often.
fn settings(more: bool, grouped: bool, priority: u8, recurring: u8) -> RouterSettings {
    let instances = (0..2_u8).map(|number| {
        let vrid = Vrid::new(51).expect("not 0");
        let mut s = InstanceSettings::new(InstanceId(number.into()), "VI", vrid, Family::V4);
        s.interface = Some(format!("eth{number}").as_str().into());
        s.priority = Priority::new(priority).expect("not 0");
        s.protocol = Protocol::V3 {
            interval: Centis::new(50).expect("in range"),
            checksum: ChecksumPolicy::Auto,
        };
        s.vips = vec![VirtualAddress::host(vip(number))];
        s.track = vec![TrackUse {
            tracker: TrackerId(0),
            weight: Weight::of(if number == 0 { 0 } else { -60 }),
        }];
        s.garp.refresh = Duration::from_millis(700) * recurring.into();
        s.garp.extra_interfaces = Duration::from_millis(900) * recurring.into();
        if more {
            s.excluded = vec![VirtualAddress::host(vip(number + 100))];
        }
        s
    });
    let instances: Vec<InstanceSettings> = instances.collect();
    let group = GroupSettings {
        id: GroupId(0),
        name: "G".into(),
        members: vec![InstanceId(0), InstanceId(1)],
        track: Vec::new(),
        member_weights: false,
    };
    let kind = TrackerKind::Script(ScriptSettings::new(&["/bin/true"]));
    RouterSettings {
        instances,
        groups: if grouped { vec![group] } else { Vec::new() },
        trackers: vec![Tracker {
            id: TrackerId(0),
            name: "chk".into(),
            kind,
        }],
        ..RouterSettings::default()
    }
}

/// A router, and the addresses that a faithful kernel would have.
struct Run {
    router: Router,
    now: Mono,
    kernel: BTreeSet<IpAddr>,
    /// A reload has put a master beside one that is none, and they have not found together yet. Until then they must have.
    mixed: Option<Mono>,
}

impl Run {
    fn new(grouped: bool) -> Run {
        let mut run = Run {
            router: Router::new(settings(false, grouped, 100, 0)),
            now: Mono::ZERO,
            kernel: BTreeSet::new(),
            mixed: None,
        };
        for number in 0..2 {
            run.step(&Step::Link { number, up: true });
            run.step(&Step::Source { number, there: true });
        }
        run.give(Input::Start);
        run
    }

    fn give(&mut self, input: Input<'_>) {
        self.router.handle(input, self.now);
        self.carry_out();
    }

    fn step(&mut self, step: &Step) {
        let id = |number: &u8| InstanceId((*number).into());
        match step {
            Step::Wait(ms) => self.until(self.now + Duration::from_millis(*ms)),
            Step::ToDeadline => self.until(self.router.poll_deadline().unwrap_or(self.now)),
            Step::Hear {
                number,
                from,
                priority,
                centis,
            } => {
                self.hear(*number, *from, *priority, *centis);
                // Whoever hears a master goes on waiting.
                self.mixed = self.mixed.map(|_| self.now + FOUND);
            }
            Step::Noise(bytes) => self.give(Input::Packet {
                interface: Some("eth0"),
                datagram: Datagram::V4(bytes),
            }),
            Step::Link { number, up } => self.give(Input::Link {
                interface: &format!("eth{number}"),
                up: *up,
            }),
            Step::Source { number, there } => {
                self.give(Input::Source {
                    instance: id(number),
                    address: there.then(|| own(*number)),
                });
            }
            Step::Script(good) => {
                let outcome = ScriptOutcome::Exited(i32::from(!good));
                self.give(Input::Observed {
                    tracker: TrackerId(0),
                    observation: Observation::Script(outcome),
                });
            }
            Step::Lost(number) => self.give(Input::AddressLost {
                instance: id(number),
                address: vip(*number),
            }),
            Step::Announced(number) => {
                self.give(Input::AnnouncementSeen {
                    instance: id(number),
                    address: vip(*number),
                });
            }
            Step::Release { number, why } => self.give(Input::Release {
                who: Who::One(id(number)),
                why: *why,
            }),
            Step::Resume => self.give(Input::Resume { who: Who::All }),
            Step::TakeOver(number) => self.give(Input::TakeOver { instance: id(number) }),
            Step::Reload {
                more,
                grouped,
                priority,
                recurring,
            } => {
                let mut wanted = settings(*more, *grouped, *priority, *recurring);
                wanted.adopt_ids(self.router.settings());
                self.give(Input::Settings(Box::new(wanted)));
                self.mixed = Some(self.now + FOUND);
            }
        }
    }

    /// Every deadline on the way; each must move the next one, or the runtime would spin.
    fn until(&mut self, end: Mono) {
        let mut at_once = 0;
        while let Some(at) = self.router.poll_deadline().filter(|at| *at <= end) {
            at_once = if at > self.now { 0 } else { at_once + 1 };
            assert!(at_once < 20, "deadlines that do not move on");
            self.now = self.now.max(at);
            self.router.on_deadline(self.now);
            self.carry_out();
        }
        self.now = self.now.max(end);
    }

    fn hear(&mut self, number: u8, from: u8, priority: u8, centis: u16) {
        let source = Ipv4Addr::new(10, 9, number, from);
        let IpAddr::V4(address) = vip(number) else { return };
        let advert = Advert {
            vrid: Vrid::new(51).expect("not 0"),
            priority,
            addresses: Addresses::V4(vec![address]),
            form: Form::V3 {
                interval: Centis::new(centis).expect("in range"),
            },
        };
        let ends = Endpoints {
            source: source.into(),
            destination: GROUP.into(),
        };
        let header = Ipv4Header {
            source,
            destination: GROUP,
            id: 1,
            ttl: 255,
        };
        let bytes = header.wrap(&advert.encode(ends, Dialect::Without));
        let interface = format!("eth{number}");
        self.give(Input::Packet {
            interface: Some(&interface),
            datagram: Datagram::V4(&bytes),
        });
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.router.poll_output() {
            match output {
                Output::AddAddresses { instance } => {
                    let settings = self.router.settings().instance(instance).expect("configured");
                    self.kernel.extend(settings.addresses().map(|a| a.address));
                }
                Output::RemoveAddresses { instance } => {
                    let number = instance.0 as u8;
                    self.kernel.retain(|a| *a != vip(number) && *a != vip(number + 100));
                }
                Output::AddAddress { address, .. } => {
                    self.kernel.insert(address);
                }
                Output::RemoveAddress { address, .. } => {
                    self.kernel.remove(&address.address);
                }
                Output::Announce { address, .. } => {
                    assert!(self.kernel.contains(&address), "{address} announced but not held");
                }
                _ => {}
            }
        }
    }

    fn check(&mut self) {
        for view in self.router.instances() {
            let has = |a: &VirtualAddress| self.kernel.contains(&a.address);
            if view.state == State::Master {
                assert!(view.settings.addresses().all(has), "a master without its addresses");
            } else if !view.listening {
                assert!(!view.settings.addresses().any(has), "{} with addresses", view.state);
            }
        }
        let leaving = self.router.instances().any(|i| i.leaving || i.stopped);
        if !self.router.settings().groups.is_empty() && !leaving {
            let masters = self.router.instances().filter(|i| i.state == State::Master).count();
            self.mixed = self.mixed.filter(|_| masters == 1);
            // Whoever waits for a tracker's first word has not begun, and its time has not either.
            let waits = |c: Conditions| c.pending || c.link_unknown || c.source_unknown;
            if self.router.instances().any(|i| waits(i.conditions)) {
                self.mixed = self.mixed.map(|_| self.now + FOUND);
            }
            let is_early = self.mixed.is_some_and(|until| self.now <= until);
            assert!(masters != 1 || is_early, "a group of two minds");
        }
    }
}

proptest! {
    #[test]
    fn a_master_has_its_addresses_and_nobody_else_does(
        grouped in any::<bool>(),
        steps in proptest::collection::vec(any_step(), 1..120),
    ) {
        let mut run = Run::new(grouped);
        for step in &steps {
            run.step(step);
            run.check();
        }
    }
}
