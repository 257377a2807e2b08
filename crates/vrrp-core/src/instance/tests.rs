//! Every state against every input first; then single stories with their times.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use tandem_time::Mono;

use super::{Found, Instance, Phase, Timer};
use crate::outbox::{Cx, Outbox};
use crate::packet::fixtures::{GROUP, packet};
use crate::packet::{Addresses, Advert, Datagram, Dialect, Endpoints, Form, Packet, View};
use crate::settings::*;
use crate::{Event, Output, Release};

mod disputes;
mod floods;
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

#[test]
fn a_backup_waits_the_down_interval_and_a_wished_master_one_interval() {
    assert_eq!(due_after(&Rig::started(settings())), Duration::from_micros(3_414_062));
    let master = with(|s| s.initial = Initial::Master);
    assert_eq!(due_after(&Rig::started(master)), Duration::from_micros(1_003_906));
}

#[test]
fn an_owner_is_master_at_once() {
    let rig = Rig::started(with(|s| {
        s.initial = Initial::Master;
        s.priority = Priority::OWNER;
    }));
    assert_eq!(rig.phase(), "master");
}

#[test]
fn a_goodbye_leaves_the_skew() {
    let mut rig = Rig::started(settings());
    rig.hear(ABOVE, 0);
    assert_eq!(due_after(&rig), Duration::from_micros(414_062));
}

#[test]
fn the_goodbye_of_another_than_our_master_is_no_reason_to_hurry() {
    let mut rig = Rig::started(settings());
    rig.hear(ABOVE, 200);
    let due = rig.instance.deadline();
    rig.hear(BELOW, 0);
    assert_eq!(rig.instance.deadline(), due);
    rig.run_until(millis(2500));
    rig.hear(BELOW, 0);
    assert_eq!(
        due_after(&rig),
        Duration::from_micros(414_062),
        "our master has been silent for more than an interval"
    );
}

#[test]
fn lower_adverts_do_not_keep_a_preempting_backup_waiting() {
    let mut rig = Rig::started(settings());
    let due = rig.instance.deadline();
    for ms in [1500, 2500, 3500] {
        rig.run_until(millis(ms));
        rig.hear(ABOVE, 100);
    }
    assert_eq!(rig.instance.deadline(), due);
}

#[test]
fn nopreempt_follows_a_lower_master_and_takes_over_from_a_dead_one() {
    let mut rig = Rig::started(with(|s| s.preempt = Preempt::Never));
    for second in 1..20 {
        rig.run_until(millis(second * 1000 + 500));
        rig.hear(ABOVE, 100);
        assert_eq!(rig.phase(), "backup");
    }
    rig.run_until(millis(23_000));
    assert_eq!(rig.phase(), "master");
}

#[test]
fn preempt_delay_counts_from_the_first_lower_advert() {
    let mut rig = Rig::started(with(|s| s.preempt = Preempt::After(Duration::from_secs(5))));
    for second in 2..7 {
        rig.run_until(millis(second * 1000));
        rig.hear(ABOVE, 100);
        assert_eq!(rig.phase(), "backup");
    }
    rig.run_until(millis(6999));
    assert_eq!(rig.phase(), "backup");
    rig.run_until(millis(7000));
    assert_eq!(rig.phase(), "master");
}

#[test]
fn a_better_master_ends_the_preempt_delay() {
    let mut rig = Rig::started(with(|s| s.preempt = Preempt::After(Duration::from_secs(2))));
    rig.hear(ABOVE, 100);
    rig.run_until(millis(2000));
    rig.hear(BELOW, 200);
    rig.run_until(millis(4000));
    rig.hear(BELOW, 200);
    rig.run_until(millis(6000));
    assert_eq!(rig.phase(), "backup");
}

#[test]
fn version_3_measures_by_the_master_s_interval() {
    let mut rig = Rig::started(with(|s| {
        s.protocol = v3(10);
        s.priority = Priority::DEFAULT;
    }));
    assert_eq!(due_after(&rig), Duration::from_micros(360_937));
    rig.hear_form(
        ABOVE,
        200,
        Form::V3 {
            interval: Centis::ONE_SECOND,
        },
    );
    assert_eq!(due_after(&rig), Duration::from_micros(3_609_375));
}

#[test]
fn a_change_of_priority_shifts_the_running_timer() {
    let mut rig = Rig::started(settings());
    rig.run_until(millis(2000));
    let before = due_after(&rig);
    rig.act(|i, cx| i.set_priority(Priority::DEFAULT, cx));
    assert_eq!(due_after(&rig), before + Duration::from_micros(609_375 - 414_062));
}

#[test]
fn a_master_tells_its_new_priority_at_once() {
    let mut rig = Rig::master(settings());
    rig.act(|i, cx| i.set_priority(Priority::DEFAULT, cx));
    assert_eq!(rig.did(), "who-has say100 MASTER_PRIORITY");
}

#[test]
fn strictness_keeps_the_last_word_back() {
    let mut rig = Rig::master(with(InstanceSettings::make_strict));
    rig.hear(ABOVE, 200);
    assert_eq!(rig.did(), "remove BACKUP");
}

#[test]
fn a_leaving_master_serves_until_its_successor_had_its_time() {
    let mut rig = Rig::master(settings());
    rig.act(|i, cx| i.release(Release::Stop, cx));
    rig.now += Duration::from_millis(600);
    rig.hear(BELOW, 100);
    assert_eq!(due_after(&rig), Duration::from_millis(50));
    rig.wait();
    assert_eq!(rig.did(), "say0 name remove STOP released");
}

#[test]
fn a_leaving_master_goes_when_every_address_is_announced() {
    let other = Ipv4Addr::new(10, 9, 0, 101);
    let mut rig = Rig::master(with(|s| s.excluded = vec![VirtualAddress::host(other.into())]));
    rig.act(|i, cx| i.release(Release::Drain, cx));
    rig.act(|i, cx| i.announcement_seen(VIP.into(), cx));
    assert_eq!(rig.phase(), "leaving");
    rig.act(|i, cx| i.announcement_seen(other.into(), cx));
    assert_eq!(due_after(&rig), Duration::from_millis(5));
    rig.wait();
    assert_eq!(rig.phase(), "backup");
}

#[test]
fn nobody_comes_a_stop_stops_and_a_handover_is_called_off() {
    for (why, phase, did) in [
        (Release::Stop, "stopped", "say0 name remove STOP released"),
        (
            Release::Handover { successor: None },
            "master",
            "say0 name say150 add garp",
        ),
    ] {
        let mut rig = Rig::master(settings());
        rig.act(|i, cx| i.release(why, cx));
        assert_eq!(due_after(&rig), Duration::from_millis(1200));
        rig.wait();
        assert_eq!((rig.phase(), rig.did().as_str()), (phase, did));
    }
}

#[test]
fn after_a_handover_the_successor_is_left_alone_until_it_is_gone() {
    let mut rig = Rig::master(settings());
    rig.act(|i, cx| i.release(Release::Handover { successor: None }, cx));
    rig.hear(BELOW, 100);
    for _ in 0..10 {
        rig.now += Duration::from_millis(900);
        rig.act(|i, cx| i.on_deadline(cx));
        rig.hear(BELOW, 100);
        assert_eq!(rig.phase(), "backup");
    }
    rig.wait();
    assert_eq!(rig.phase(), "master");
}

#[test]
fn a_drained_instance_stays_out_until_it_is_resumed() {
    let mut rig = Rig::started(settings());
    rig.act(|i, cx| i.release(Release::Drain, cx));
    rig.run_until(millis(30_000));
    assert_eq!(rig.phase(), "backup");
    rig.act(|i, _| i.resume());
    rig.run_until(millis(34_000));
    assert_eq!(rig.phase(), "master");
}

/// An operator who changes their mind does not wait for the addresses to be gone.
#[test]
fn who_is_resumed_while_it_leaves_takes_part_again() {
    for why in [Release::Drain, Release::Handover { successor: None }] {
        let mut rig = Rig::master(settings());
        rig.act(|i, cx| i.release(why, cx));
        rig.act(|i, _| i.resume());
        assert_eq!(rig.phase(), "leaving", "somebody else may be on its way");
        let mut alone = Rig::master(settings());
        alone.act(|i, cx| i.release(why, cx));
        alone.act(|i, _| i.resume());
        alone.wait();
        assert_eq!(alone.phase(), "master", "nobody was");

        rig.hear(BELOW, 50);
        rig.wait();
        assert_eq!(rig.phase(), "backup");
        let end = rig.now + Duration::from_secs(4);
        while rig.now < end {
            rig.hear(BELOW, 50);
            let next = rig.now + Duration::from_millis(900);
            rig.run_until(next);
        }
        assert_eq!(rig.phase(), "master", "it is better than its successor");
    }
    let mut rig = Rig::master(settings());
    rig.act(|i, cx| i.release(Release::Drain, cx));
    rig.act(|i, _| i.resume());
    rig.act(|i, cx| i.release(Release::Drain, cx));
    rig.run_until(millis(60_000));
    assert_eq!(rig.phase(), "backup", "the last word counts");
}

#[test]
fn an_address_is_healed_at_once_until_it_becomes_a_fight() {
    let mut rig = Rig::master(settings());
    for _ in 0..10 {
        rig.act(|i, cx| i.address_lost(VIP.into(), cx));
        assert_eq!(rig.did(), "readd garp");
    }
    rig.act(|i, cx| i.address_lost(VIP.into(), cx));
    assert_eq!(rig.did(), "");
    let later = rig.now + Duration::from_secs(1);
    rig.run_until(later);
    assert!(rig.did().contains("readd garp"));
}

/// A network manager that starts again takes every address that it does not know.
#[test]
fn addresses_that_vanish_together_come_back_together() {
    let many: Vec<IpAddr> = (1..=250).map(|n| Ipv4Addr::new(10, 9, 1, n).into()).collect();
    let mut rig = Rig::master(with(|s| {
        s.excluded = many.iter().copied().map(VirtualAddress::host).collect()
    }));
    for address in &many {
        rig.act(|i, cx| i.address_lost(*address, cx));
    }
    assert_eq!(rig.did().matches("readd").count(), many.len());
}

#[test]
fn without_a_witness_silence_is_no_reason() {
    let mut rig = Rig::started(with(|s| {
        s.quorum = Some(Quorum {
            gateway: false,
            witnesses: vec![BELOW.into()],
            need: 1,
        })
    }));
    rig.wait();
    assert_eq!(rig.did(), "ask");
    rig.act(|i, cx| i.witnesses(0, cx));
    assert_eq!(rig.phase(), "backup");
    rig.wait();
    assert_eq!(rig.did(), "ask");
    rig.act(|i, cx| i.witnesses(1, cx));
    assert_eq!(rig.phase(), "master");
}

#[test]
fn a_goodbye_needs_no_witness() {
    let mut rig = Rig::started(with(|s| {
        s.quorum = Some(Quorum {
            gateway: false,
            witnesses: vec![BELOW.into()],
            need: 1,
        })
    }));
    rig.hear(ABOVE, 0);
    rig.wait();
    assert_eq!(rig.phase(), "master");
}

#[test]
fn leftovers_without_a_fresh_journal_are_removed_first() {
    let mut rig = Rig::new(settings());
    rig.ready();
    rig.act(|i, _| i.found(Found::Stale));
    rig.act(|i, cx| i.start(cx));
    assert_eq!((rig.phase(), rig.did().as_str()), ("backup", "remove BACKUP"));
}

#[test]
fn the_second_round_dies_with_the_mastership() {
    let mut rig = Rig::master(settings());
    rig.run_until(millis(5000));
    rig.hear(ABOVE, 200);
    rig.did();
    rig.run_until(millis(8000));
    rig.wait();
    assert_eq!(rig.phase(), "master");
    rig.did();
    let mastered = rig.now;
    rig.run_until(mastered + Duration::from_millis(4900));
    assert!(!rig.did().contains("garp"));
    rig.run_until(mastered + Duration::from_millis(5100));
    assert!(rig.did().contains("garp"));
}

/// The dialects that the next adverts are said in.
fn spoken(rig: &mut Rig) -> Vec<Vec<Dialect>> {
    rig.out.outputs.clear();
    rig.wait();
    let ends = Endpoints {
        source: OWN.into(),
        destination: GROUP.into(),
    };
    let said = rig.out.outputs.drain(..).filter_map(|o| match o {
        Output::SendAdvert { message, .. } => Some(message),
        _ => None,
    });
    said.map(|m| View::new(&m, Family::V4).expect("a header").dialects(ends).collect())
        .collect()
}

fn hear_dialect(rig: &mut Rig, from: Ipv4Addr, priority: u8, dialect: Dialect) {
    let interval = Centis::ONE_SECOND;
    rig.hear_dialect(from, priority, Form::V3 { interval }, dialect);
}

#[test]
fn a_peer_is_answered_in_its_dialect_and_both_in_both() {
    const WITH: [Dialect; 2] = [Dialect::With, Dialect::WithGroup];
    let mut rig = Rig::master(with(|s| s.protocol = v3(100)));
    assert_eq!(
        spoken(&mut rig),
        [WITH.to_vec()],
        "Keepalived's, before anybody was heard"
    );
    hear_dialect(&mut rig, ABOVE, 100, Dialect::Without);
    assert_eq!(spoken(&mut rig), [vec![Dialect::Without]]);
    hear_dialect(&mut rig, BELOW, 100, Dialect::With);
    assert_eq!(spoken(&mut rig), [WITH.to_vec(), vec![Dialect::Without]]);
}

#[test]
fn whoever_makes_up_peers_does_not_fill_the_log() {
    let mut rig = Rig::master(with(|s| s.protocol = v3(100)));
    hear_dialect(&mut rig, ABOVE, 200, Dialect::Without);
    rig.out.outputs.clear();
    for last in 1..=200 {
        hear_dialect(&mut rig, Ipv4Addr::new(10, 9, 1, last), 200, Dialect::Without);
    }
    let is_found = |o: &&Output| {
        matches!(
            o,
            Output::Log {
                event: Event::DialectFound { .. },
                ..
            }
        )
    };
    assert_eq!(rig.out.outputs.iter().filter(is_found).count(), 16);
}

#[test]
fn a_fixed_dialect_is_the_only_one_heard_and_said() {
    let checksum = ChecksumPolicy::Without;
    let mut rig = Rig::master(with(|s| {
        s.protocol = Protocol::V3 {
            interval: Centis::ONE_SECOND,
            checksum,
        }
    }));
    hear_dialect(&mut rig, ABOVE, 200, Dialect::With);
    assert_eq!((rig.phase(), rig.did().as_str()), ("master", "checksum"));
    assert_eq!(spoken(&mut rig), [vec![Dialect::Without]]);
}

#[test]
fn the_closest_call_is_remembered() {
    let mut rig = Rig::started(settings());
    rig.hear(ABOVE, 200);
    rig.run_until(millis(3000));
    rig.hear(ABOVE, 200);
    rig.run_until(millis(4000));
    rig.hear(ABOVE, 200);
    assert_eq!(rig.instance.stats.closest_call, 585, "2 s of 3.414 s");
}

#[test]
fn unicast_goes_to_every_peer() {
    let peer = |a: Ipv4Addr| Peer {
        address: IpAddr::V4(a),
        ttl: None,
    };
    let peers = vec![peer(ABOVE), peer(BELOW)];
    let mut rig = Rig::started(with(|s| {
        s.transport = Transport::Unicast {
            peers,
            check_source: false,
            ttl: None,
        }
    }));
    rig.wait();
    assert_eq!(rig.did(), "say150 say150 add garp MASTER");
}

#[test]
fn other_interfaces_are_told_each_period_while_master() {
    let mut rig = Rig::master(with(|s| {
        s.garp.delay = Duration::ZERO;
        s.garp.extra_interfaces = Duration::from_secs(10);
    }));
    let end = rig.now + Duration::from_secs(35);
    rig.run_until(end);
    assert_eq!(rig.did().matches("elsewhere").count(), 3);
    rig.hear(ABOVE, 200);
    rig.did();
    rig.run_until(end + Duration::from_secs(2));
    assert_eq!(rig.did(), "");
}
