//! What holds for any sequence of inputs at any times.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use proptest::prelude::*;
use tandem_time::Mono;
use tandem_vrrp_core::packet::{Addresses, Advert, Datagram, Dialect, Endpoints, Form, Ipv4Header};
use tandem_vrrp_core::settings::*;
use tandem_vrrp_core::{
    Conditions, Input, Observation, Output, Partner, Release, Router, ScriptOutcome, Stand, State, Who,
};

/// What a run keeps, whatever is reloaded.
#[derive(Clone, Copy, Debug)]
struct Kind {
    family: Family,
    unicast: bool,
    quorum: bool,
    startup_delay: Duration,
    /// Of each instance: its addresses are there at the start, and whether the journal says that we put them there.
    found: [Option<bool>; 2],
}

fn any_kind() -> impl Strategy<Value = Kind> {
    let found = || prop_oneof![2 => Just(None), 1 => any::<bool>().prop_map(Some)];
    let delay = prop_oneof![3 => Just(0), 1 => 1..4000_u64];
    let flags = (any::<bool>(), any::<bool>(), proptest::bool::weighted(0.25));
    (flags, delay, found(), found()).prop_map(|((v6, unicast, quorum), delay, first, second)| Kind {
        family: if v6 { Family::V6 } else { Family::V4 },
        unicast,
        quorum,
        startup_delay: Duration::from_millis(delay),
        found: [first, second],
    })
}

/// A down interval of the slowest master that is heard here, what witnesses have to answer, and some.
const FOUND: Duration = Duration::from_secs(10);

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
    Deaf {
        number: u8,
        deaf: bool,
    },
    Script(bool),
    Lost(u8),
    Announced(u8),
    Holder(u8),
    Witnesses(u8, usize),
    Partner {
        number: u8,
        partner: Option<Partner>,
    },
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
        /// The second instance is there.
        second: bool,
        looks: Looks,
    },
}

/// What instances look at besides.
#[derive(Clone, Copy, Debug, Default)]
struct Looks {
    /// Each at the other's interface.
    interfaces: bool,
    /// At the address they name.
    source: bool,
    /// Not at their own interface.
    elsewhere: bool,
    /// The runtime knows where they will speak from.
    told: bool,
}

fn any_looks() -> impl Strategy<Value = Looks> {
    any::<[bool; 4]>().prop_map(|[interfaces, source, elsewhere, told]| Looks {
        interfaces,
        source,
        elsewhere,
        told,
    })
}

fn any_partner() -> impl Strategy<Value = Option<Partner>> {
    let stand = prop_oneof![
        3 => Just(Stand::Master),
        1 => Just(Stand::Yielded),
        1 => Just(Stand::Leaving),
        1 => Just(Stand::Other),
    ];
    let partner = (stand, any::<u8>()).prop_map(|(stand, priority)| Partner {
        stand,
        priority,
        source: None,
    });
    proptest::option::weighted(0.8, partner)
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
        1 => (number.clone(), any::<bool>()).prop_map(|(number, deaf)| Step::Deaf { number, deaf }),
        2 => any::<bool>().prop_map(Step::Script),
        1 => number.clone().prop_map(Step::Lost),
        1 => number.clone().prop_map(Step::Announced),
        1 => number.clone().prop_map(Step::Holder),
        2 => (number.clone(), 0..2_usize).prop_map(|(number, count)| Step::Witnesses(number, count)),
        1 => (number.clone(), any_partner()).prop_map(|(number, partner)| Step::Partner { number, partner }),
        1 => (number.clone(), why).prop_map(|(number, why)| Step::Release { number, why }),
        1 => Just(Step::Resume),
        1 => number.prop_map(Step::TakeOver),
        1 => (any::<bool>(), any::<bool>(), 1..=255_u8, 0..3_u8, proptest::bool::weighted(0.8), any_looks()).prop_map(
            |(more, grouped, priority, recurring, second, looks)| {
                Step::Reload { more, grouped, priority, recurring, second, looks }
            }
        ),
    ]
}

fn address(family: Family, number: u8, host: u8) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(10, 9, number, host).into(),
        Family::V6 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, number.into(), host.into()).into(),
    }
}

fn vip(family: Family, number: u8) -> IpAddr {
    address(family, number, 100)
}

fn excluded(family: Family, number: u8) -> IpAddr {
    address(family, number, 101)
}

fn own(family: Family, number: u8) -> IpAddr {
    address(family, number, 3)
}

impl Kind {
    fn transport(self, number: u8) -> Transport {
        let peer = |host| Peer {
            address: address(self.family, number, host),
            ttl: None,
        };
        match (self.unicast, self.family) {
            (true, _) => Transport::Unicast {
                peers: [1, 2, 4].map(peer).into(),
                check_source: false,
                ttl: None,
            },
            (false, Family::V4) => Transport::Multicast {
                group: Ipv4Addr::new(224, 0, 0, 18).into(),
            },
            (false, Family::V6) => Transport::Multicast {
                group: Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12).into(),
            },
        }
    }
}

/// `recurring` is how often announcements come again: never, seldom, often.
fn settings(kind: Kind, more: bool, grouped: bool, priority: u8, recurring: u8) -> RouterSettings {
    let instances = (0..2_u8).map(|number| {
        let vrid = Vrid::new(51).expect("not 0");
        let mut s = InstanceSettings::new(InstanceId(number.into()), "VI", vrid, kind.family);
        s.interface = Some(format!("eth{number}").as_str().into());
        s.priority = Priority::new(priority).expect("not 0");
        s.protocol = Protocol::V3 {
            interval: Centis::new(50).expect("in range"),
            checksum: ChecksumPolicy::Auto,
        };
        s.vips = vec![VirtualAddress::host(vip(kind.family, number))];
        s.transport = kind.transport(number);
        s.quorum = kind.quorum.then(|| Quorum {
            witnesses: vec![address(kind.family, number, 1)],
            gateway: false,
            need: 1,
        });
        s.track = vec![TrackUse {
            tracker: TrackerId(0),
            weight: Weight::of(if number == 0 { 0 } else { -60 }),
        }];
        s.garp.refresh = Duration::from_millis(700) * recurring.into();
        s.garp.extra_interfaces = Duration::from_millis(900) * recurring.into();
        if more {
            s.excluded = vec![VirtualAddress::host(excluded(kind.family, number))];
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
    let script = TrackerKind::Script(ScriptSettings::new(&["/bin/true"]));
    RouterSettings {
        instances,
        groups: if grouped { vec![group] } else { Vec::new() },
        trackers: vec![Tracker {
            id: TrackerId(0),
            name: "chk".into(),
            kind: script,
        }],
        startup_delay: kind.startup_delay,
        ..RouterSettings::default()
    }
}

impl Looks {
    fn at(self, family: Family, settings: &mut RouterSettings) {
        for (number, instance) in (0..).zip(&mut settings.instances) {
            instance.track_primary = !self.elsewhere;
            if self.source {
                instance.source = Some(own(family, number));
                instance.track_source = true;
            }
            if self.interfaces {
                let tracker = TrackerId(1 + u16::from(number));
                let name: std::sync::Arc<str> = format!("eth{}", 1 - number).into();
                let weight = Weight::FAULT;
                instance.track.push(TrackUse { tracker, weight });
                settings.trackers.push(Tracker {
                    id: tracker,
                    name: name.clone(),
                    kind: TrackerKind::Interface(name),
                });
            }
        }
    }
}

/// A router, and the addresses that a faithful kernel would have.
struct Run {
    kind: Kind,
    router: Router,
    now: Mono,
    kernel: BTreeSet<IpAddr>,
    /// Which instance has which number now, and had before: one that comes again has another name.
    ids: [InstanceId; 2],
    numbers: BTreeMap<InstanceId, u8>,
    /// Whether the interface of each has its address.
    there: [bool; 2],
    /// Who was master when that was looked at last.
    masters: BTreeSet<InstanceId>,
    /// A reload has put a master beside one that is none, and they have not found together yet. Until then they must have.
    mixed: Option<Mono>,
}

impl Run {
    fn new(kind: Kind, grouped: bool) -> Run {
        let ids = [InstanceId(0), InstanceId(1)];
        let mut run = Run {
            kind,
            router: Router::new(settings(kind, false, grouped, 100, 0)),
            now: Mono::ZERO,
            kernel: BTreeSet::new(),
            ids,
            numbers: ids.into_iter().zip(0..).collect(),
            there: [true; 2],
            masters: BTreeSet::new(),
            mixed: None,
        };
        for (number, found) in (0..).zip(kind.found) {
            run.step(&Step::Link { number, up: true });
            run.step(&Step::Source { number, there: true });
            if let Some(fresh_journal) = found {
                run.kernel.insert(vip(kind.family, number));
                let instance = run.ids[usize::from(number)];
                run.give(Input::Found {
                    instance,
                    fresh_journal,
                });
            }
        }
        run.give(Input::Start);
        run
    }

    fn give(&mut self, input: Input<'_>) {
        self.router.handle(input, self.now);
        self.carry_out();
    }

    fn step(&mut self, step: &Step) {
        let ids = self.ids;
        let id = |number: &u8| ids[usize::from(*number)];
        let family = self.kind.family;
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
                // Whoever follows a master goes on waiting.
                let view = self.router.instance(id(number));
                if view
                    .and_then(|view| view.master)
                    .is_some_and(|master| master.last_heard == self.now)
                {
                    self.mixed = self.mixed.map(|_| self.now + FOUND);
                }
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
                self.there[usize::from(*number)] = *there;
                self.give(Input::Source {
                    instance: id(number),
                    address: there.then(|| own(family, *number)),
                });
            }
            Step::Deaf { number, deaf } => {
                self.give(Input::Deaf {
                    instance: id(number),
                    deaf: *deaf,
                });
                // Whoever hears again waits again.
                self.mixed = self.mixed.map(|_| self.now + FOUND);
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
                address: vip(family, *number),
            }),
            Step::Announced(number) => {
                self.give(Input::AnnouncementSeen {
                    instance: id(number),
                    address: vip(family, *number),
                });
            }
            Step::Holder(number) => {
                self.give(Input::HolderSeen {
                    instance: id(number),
                    address: vip(family, *number),
                });
            }
            Step::Witnesses(number, reachable) => {
                self.give(Input::Witnesses {
                    instance: id(number),
                    reachable: *reachable,
                });
            }
            Step::Partner { number, partner } => {
                self.give(Input::Partner {
                    instance: id(number),
                    partner: *partner,
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
                second,
                looks,
            } => {
                let mut wanted = settings(self.kind, *more, *grouped, *priority, *recurring);
                looks.at(family, &mut wanted);
                if !second {
                    wanted.instances.truncate(1);
                    wanted.groups.iter_mut().for_each(|g| g.members.truncate(1));
                }
                wanted.adopt_ids(self.router.settings());
                for (number, instance) in (0..).zip(&wanted.instances) {
                    self.ids[usize::from(number)] = instance.id;
                    self.numbers.insert(instance.id, number);
                    if looks.told {
                        let address = self.there[usize::from(number)].then(|| own(family, number));
                        let instance = instance.id;
                        self.router.handle(Input::NextSource { instance, address }, self.now);
                    }
                }
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
        let family = self.kind.family;
        let source = address(family, number, from);
        let destination = match self.kind.transport(number) {
            Transport::Multicast { group } => group,
            Transport::Unicast { .. } => own(family, number),
        };
        let advert = Advert {
            vrid: Vrid::new(51).expect("not 0"),
            priority,
            addresses: Addresses::of(family, [vip(family, number)].into_iter()),
            form: Form::V3 {
                interval: Centis::new(centis).expect("in range"),
            },
        };
        let message = advert.encode(Endpoints { source, destination }, Dialect::With);
        let interface = format!("eth{number}");
        let interface = Some(interface.as_str());
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let header = Ipv4Header {
                    source,
                    destination,
                    id: 1,
                    ttl: 255,
                };
                let bytes = header.wrap(&message);
                let datagram = Datagram::V4(&bytes);
                self.give(Input::Packet { interface, datagram });
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let datagram = Datagram::V6 {
                    source,
                    destination,
                    hop_limit: 255,
                    payload: &message,
                };
                self.give(Input::Packet { interface, datagram });
            }
            _ => {}
        }
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.router.poll_output() {
            match output {
                Output::AddAddresses { instance } => {
                    let settings = self.router.settings().instance(instance).expect("configured");
                    self.kernel.extend(settings.addresses().map(|a| a.address));
                }
                Output::RemoveAddresses { instance } => {
                    let (family, number) = (self.kind.family, self.numbers[&instance]);
                    let gone = [vip(family, number), excluded(family, number)];
                    self.kernel.retain(|a| !gone.contains(a));
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
                Output::AskWitnesses { .. } => {
                    assert!(self.kind.quorum, "nobody is to be asked");
                }
                _ => {}
            }
        }
    }

    fn check(&mut self) {
        let masters = self.router.instances().filter(|i| i.state == State::Master);
        let deaf = masters.filter(|i| i.conditions.deaf).map(|i| i.settings.id);
        let new: Vec<InstanceId> = deaf.filter(|id| !self.masters.contains(id)).collect();
        assert!(new.is_empty(), "{new:?} became master and hears nothing");
        let masters = self.router.instances().filter(|i| i.state == State::Master);
        self.masters = masters.map(|i| i.settings.id).collect();
        let began = self.now >= Mono::ZERO + self.kind.startup_delay;
        for view in self.router.instances().filter(|_| began) {
            let serves = view.listening || view.state == State::Master;
            assert!(!view.drained || !serves, "drained, and it serves");
            if view.state == State::Backup && !view.stopped {
                assert!(self.router.poll_deadline().is_some(), "a backup that waits for nothing");
            }
            let has = |a: &VirtualAddress| self.kernel.contains(&a.address);
            if view.state == State::Master {
                assert!(view.settings.addresses().all(has), "a master without its addresses");
            } else if !view.holds {
                assert!(!view.settings.addresses().any(has), "{} with addresses", view.state);
            }
        }
        let leaving = self.router.instances().any(|i| i.leaving || i.stopped);
        if !self.router.settings().groups.is_empty() && !leaving {
            let masters = self.router.instances().filter(|i| i.state == State::Master).count();
            let are_two = masters > 0 && masters < self.router.instances().count();
            self.mixed = self.mixed.filter(|_| are_two);
            // Whoever waits for a tracker's first word, or to hear, has not begun, and its time has not either.
            let waits = |c: Conditions| c.pending || c.deaf;
            if self
                .router
                .instances()
                .any(|i| i.state == State::Init && waits(i.conditions))
            {
                self.mixed = self.mixed.map(|_| self.now + FOUND);
            }
            let is_early = self.mixed.is_some_and(|until| self.now <= until);
            assert!(!are_two || is_early, "a group of two minds");
        }
    }
}

proptest! {
    #[test]
    fn a_master_has_its_addresses_and_nobody_else_does(
        kind in any_kind(),
        grouped in any::<bool>(),
        steps in proptest::collection::vec(any_step(), 1..120),
    ) {
        let mut run = Run::new(kind, grouped);
        for step in &steps {
            run.step(step);
            run.check();
        }
    }
}
