//! Every state against every input first; then single stories with their times.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use tandem_time::Mono;

use super::{Found, Instance, Phase, Surroundings, Timer};
use crate::outbox::{Cx, Outbox};
use crate::packet::fixtures::{GROUP, packet};
use crate::packet::{Addresses, Advert, Datagram, Dialect, Endpoints, Form, Packet, View};
use crate::settings::*;
use crate::{Event, Output, Release};

mod addresses;
mod backup;
mod deaf;
mod departure;
mod dialects;
mod disputes;
mod floods;
mod healing;
mod patience;
mod split;
mod standing;

const OWN: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);
const VIP: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 100);
const ABOVE: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 3);
const BELOW: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);

fn settings() -> InstanceSettings {
    let vrid = Vrid::new(51).expect("not 0");
    let mut settings = InstanceSettings::new(InstanceId(0), "VI_1", vrid, Family::V4);
    settings.interface = Some("eth0".into());
    settings.priority = Priority::new(150).expect("not 0");
    settings.vips = vec![VirtualAddress::host(VIP.into())];
    settings.garp.repeat = 1;
    settings.garp.lower_repeat = 1;
    settings
}

/// One instance, its clock and what it did.
struct Rig {
    instance: Instance,
    now: Mono,
    out: Outbox,
}

impl Rig {
    fn new(settings: InstanceSettings) -> Rig {
        Rig {
            instance: Instance::new(settings),
            now: Mono::from_millis(1000),
            out: Outbox::default(),
        }
    }

    fn started(settings: InstanceSettings) -> Rig {
        let mut rig = Rig::new(settings);
        rig.ready();
        rig.act(|i, cx| i.start(cx));
        rig.did();
        rig
    }

    fn ready(&mut self) {
        self.act(|i, cx| i.set_source(Some(OWN.into()), cx));
        self.act(|i, cx| i.change_conditions(|c| c.link_down = false, cx));
    }

    fn master(settings: InstanceSettings) -> Rig {
        let mut rig = Rig::started(settings);
        rig.wait();
        assert_eq!(rig.instance.phase, Phase::Master);
        rig.did();
        rig
    }

    fn act(&mut self, act: impl FnOnce(&mut Instance, &mut Cx<'_>)) {
        act(
            &mut self.instance,
            &mut Cx {
                now: self.now,
                unix: None,
                out: &mut self.out,
            },
        );
    }

    /// Around it everything is as it was.
    fn reload(&mut self, settings: InstanceSettings) {
        let around = Surroundings {
            up: Some(true),
            source: None,
            deaf: false,
        };
        self.act(|i, cx| {
            i.reconfigure(settings, around, cx);
            i.evaluate(cx);
        });
    }

    /// To the next deadline, if there is one.
    fn wait(&mut self) {
        if let Some(at) = self.instance.deadline() {
            self.now = at;
            self.act(|i, cx| i.on_deadline(cx));
        }
    }

    /// All that happens until `end`.
    fn run_until(&mut self, end: Mono) {
        while self.instance.deadline().is_some_and(|at| at <= end) {
            self.wait();
        }
        self.now = end;
    }

    fn hear(&mut self, from: Ipv4Addr, priority: u8) {
        let form = match self.instance.settings.protocol {
            Protocol::V2 { interval, auth } => Form::V2 { interval, auth },
            Protocol::V3 { interval, .. } => Form::V3 { interval },
        };
        self.hear_form(from, priority, form);
    }

    fn hear_form(&mut self, from: Ipv4Addr, priority: u8, form: Form) {
        self.hear_dialect(from, priority, form, Dialect::With);
    }

    fn hear_dialect(&mut self, from: Ipv4Addr, priority: u8, form: Form, dialect: Dialect) {
        let advert = Advert {
            vrid: self.instance.settings.vrid,
            priority,
            addresses: Addresses::V4(vec![VIP]),
            form,
        };
        let bytes = packet(from, &advert, dialect);
        let packet = Packet::find(Datagram::V4(&bytes)).expect("a packet");
        self.act(|i, cx| i.packet(&packet, cx));
    }

    /// What it did since the last call, in short.
    fn did(&mut self) -> String {
        self.out.signals.clear();
        let words: Vec<String> = self.out.outputs.drain(..).filter_map(|o| word(&o)).collect();
        words.join(" ")
    }

    fn phase(&self) -> &'static str {
        match self.instance.phase {
            Phase::Init => "init",
            Phase::Backup => "backup",
            Phase::Listening => "listening",
            Phase::Master => "master",
            Phase::Leaving(_) => "leaving",
            Phase::Fault => "fault",
            Phase::Stopped => "stopped",
        }
    }
}

fn word(output: &Output) -> Option<String> {
    Some(match output {
        Output::SendAdvert { message, .. } => {
            format!("say{}", View::new(message, Family::V4).expect("a header").priority())
        }
        Output::AddAddresses { .. } => "add".into(),
        Output::RemoveAddresses { .. } => "remove".into(),
        Output::AddAddress { .. } => "readd".into(),
        Output::RemoveAddress { .. } => "remove-one".into(),
        Output::Announce { .. } => "garp".into(),
        Output::AskHolder { .. } => "who-has".into(),
        Output::SeekPeers { .. } => "where-is".into(),
        Output::AnnounceElsewhere { .. } => "elsewhere".into(),
        Output::Notify { notice, .. } => notice.to_string(),
        Output::Drop { reason, .. } => reason.label().into(),
        Output::AskWitnesses { .. } => "ask".into(),
        Output::NameSuccessor { .. } => "name".into(),
        Output::Released { .. } => "released".into(),
        Output::Log { .. } => return None,
    })
}

const PHASES: [&str; 7] = ["init", "backup", "listening", "master", "leaving", "fault", "stopped"];

fn in_phase(phase: &str) -> Rig {
    let mut rig = match phase {
        "init" => {
            let mut rig = Rig::new(settings());
            rig.ready();
            rig
        }
        "backup" => Rig::started(settings()),
        "listening" => {
            let mut rig = Rig::new(settings());
            rig.ready();
            rig.act(|i, _| i.found(Found::Fresh));
            rig.act(|i, cx| i.start(cx));
            rig
        }
        "master" => Rig::master(settings()),
        "leaving" => {
            let mut rig = Rig::master(settings());
            rig.act(|i, cx| i.release(Release::Drain, cx));
            rig
        }
        "fault" => {
            let mut rig = Rig::started(settings());
            rig.act(|i, cx| i.change_conditions(|c| c.tracked = true, cx));
            rig
        }
        "stopped" => {
            let mut rig = Rig::started(settings());
            rig.act(|i, cx| i.release(Release::Stop, cx));
            rig
        }
        other => panic!("no phase {other}"),
    };
    assert_eq!(rig.phase(), phase);
    rig.did();
    rig
}

const INPUTS: [&str; 18] = [
    "start",
    "higher",
    "equal-above",
    "equal-below",
    "lower",
    "zero",
    "own-echo",
    "deadline",
    "link-down",
    "tracked-bad",
    "recovered",
    "stop",
    "drain",
    "handover",
    "take-over",
    "vip-lost",
    "vip-announced",
    "vip-answered",
];

fn give(rig: &mut Rig, input: &str) {
    match input {
        "start" => rig.act(|i, cx| i.start(cx)),
        "higher" => rig.hear(ABOVE, 200),
        "equal-above" => rig.hear(ABOVE, 150),
        "equal-below" => rig.hear(BELOW, 150),
        "lower" => rig.hear(ABOVE, 100),
        "zero" => rig.hear(ABOVE, 0),
        "own-echo" => rig.hear(OWN, 150),
        "deadline" => rig.wait(),
        "link-down" => rig.act(|i, cx| i.change_conditions(|c| c.link_down = true, cx)),
        "tracked-bad" => rig.act(|i, cx| i.change_conditions(|c| c.tracked = true, cx)),
        "recovered" => rig.act(|i, cx| i.change_conditions(|c| c.tracked = false, cx)),
        "stop" => rig.act(|i, cx| i.release(Release::Stop, cx)),
        "drain" => rig.act(|i, cx| i.release(Release::Drain, cx)),
        "handover" => rig.act(|i, cx| {
            i.release(
                Release::Handover {
                    successor: Some(ABOVE.into()),
                },
                cx,
            )
        }),
        "take-over" => rig.act(|i, cx| i.take_over(cx)),
        "vip-lost" => rig.act(|i, cx| i.address_lost(VIP.into(), cx)),
        "vip-announced" => rig.act(|i, cx| i.announcement_seen(VIP.into(), cx)),
        "vip-answered" => rig.act(|i, cx| i.holder_seen(VIP.into(), cx)),
        other => panic!("no input {other}"),
    }
}

#[test]
fn every_state_meets_every_input() {
    let mut actual = String::new();
    for phase in PHASES {
        for input in INPUTS {
            let mut rig = in_phase(phase);
            give(&mut rig, input);
            let (after, did) = (rig.phase(), rig.did());
            actual += format!("{phase:<9} {input:<13} {after:<9} {did}").trim_end();
            actual += "\n";
        }
    }
    let expected = include_str!("table.txt");
    for (got, want) in actual.lines().zip(expected.lines()) {
        assert_eq!(got, want, "state, input, new state, effects");
    }
    assert_eq!(
        actual.lines().count(),
        expected.lines().count(),
        "the table has a row for each pair:\n{actual}"
    );
}

fn millis(ms: u64) -> Mono {
    Mono::from_millis(ms)
}

fn due_after(rig: &Rig) -> Duration {
    rig.instance.deadline().map(|at| at.since(rig.now)).expect("a deadline")
}

fn with(change: impl FnOnce(&mut InstanceSettings)) -> InstanceSettings {
    let mut settings = settings();
    change(&mut settings);
    settings
}

fn v3(centis: u16) -> Protocol {
    Protocol::V3 {
        interval: Centis::new(centis).expect("in range"),
        checksum: ChecksumPolicy::Auto,
    }
}

fn has_witness(settings: &mut InstanceSettings) {
    settings.quorum = Some(Quorum {
        gateway: false,
        witnesses: vec![BELOW.into()],
        need: 1,
    });
}

#[test]
fn without_a_witness_silence_is_no_reason() {
    let mut rig = Rig::started(with(has_witness));
    rig.wait();
    assert_eq!(rig.did(), "ask");
    rig.act(|i, cx| i.witnesses(0, cx));
    assert_eq!(rig.phase(), "backup");
    rig.wait();
    assert_eq!(rig.did(), "ask");
    rig.act(|i, cx| i.witnesses(1, cx));
    assert_eq!(rig.phase(), "master");
}

/// As after a silence that nobody was asked about.
#[test]
fn whoever_takes_over_with_its_witnesses_is_the_owner_again() {
    let mut rig = Rig::started(with(|s| {
        s.initial = Initial::Master;
        s.priority = Priority::OWNER;
        has_witness(s);
    }));
    while rig.phase() == "master" {
        rig.run_until(rig.now + Duration::from_secs(1));
        rig.hear(BELOW, 255);
    }
    assert_eq!(rig.instance.priority.value(), 254);
    rig.hear(BELOW, 255);
    rig.wait();
    rig.act(|i, cx| i.witnesses(1, cx));
    assert_eq!((rig.phase(), rig.instance.priority), ("master", Priority::OWNER));
}

#[test]
fn a_goodbye_needs_no_witness() {
    let mut rig = Rig::started(with(has_witness));
    rig.hear(ABOVE, 0);
    rig.wait();
    assert_eq!(rig.phase(), "master");
}
