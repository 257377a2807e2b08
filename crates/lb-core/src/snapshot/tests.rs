mod haproxys;
mod lasting;

use super::stats_file::{self, StatsFile};
use super::*;
use crate::acl::{Content, Entry, Origin};
use crate::backend::{
    Backend, BackendSettings, Conduct, Input, Output, ProxyKind, SavedCheck, ServerSettings, Spread, Status, Tuned,
};
use crate::balance::Policy;
use crate::expr::Sample;
use crate::health::{Admin, AdminChange, CheckResult, CheckSettings, CheckStatus};
use crate::log::state::Severity;
use crate::stats::histogram::Measure;
use crate::stats::hour::{Past, Slot};
use crate::stick::{DataType, Key, Value};
use crate::{ServerIdx, backend::Operation};
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};
use tandem_time::{Mono, Seed};

const START: Mono = Mono::from_millis(1_000_000_000);

fn settings(disabled: bool, weight: u16, is_checked: bool) -> ServerSettings {
    let check = CheckSettings {
        inter: Duration::from_secs(2),
        fastinter: None,
        downinter: None,
        rise: 2,
        fall: 3,
        connect_timeout: Duration::from_secs(1),
    };
    ServerSettings {
        place: ServerIdx(0),
        name: "s".into(),
        id: ServerId(1),
        weight,
        backup: false,
        disabled,
        is_nowhere: false,
        maxconn: 0,
        check: is_checked.then_some(check),
        conduct: Conduct::default(),
        agent: None,
        tracks: None,
        minconn: 0,
        hash_key: crate::balance::HashKey::Id,
        guid: None,
        at: None,
    }
}

fn machine(server: ServerSettings) -> Backend {
    let settings = BackendSettings {
        name: "be".into(),
        kind: ProxyKind::Backend,
        policy: Policy::default(),
        log_checks: false,
        spread: Spread::default(),
        servers: vec![server],
    };
    Backend::new(settings, Seed::new(1), START)
}

const S: ServerIdx = ServerIdx(0);

/// The machine that goes on with what this one leaves, under other settings.
fn heir(of: &Backend, settings: ServerSettings) -> Backend {
    let mut heir = machine(settings);
    let saved = of.saved(S, START).expect("there is one server");
    let age = Duration::from_secs(9);
    heir.handle(
        Input::Restore {
            servers: vec![(S, saved)],
            age,
        },
        START,
    );
    heir
}

fn status(of: &Backend) -> Status {
    of.report(S, START).expect("there is one server").status
}

fn admin(machine: &mut Backend, change: AdminChange) {
    machine.handle(Input::Admin { server: S, change }, START);
}

fn list() -> ListState {
    let mut content = Content::begun(0, 1, 9);
    for (number, version, value) in [(2, 0, Some("a b")), (9, 1, None)] {
        content.put(Entry {
            number,
            version,
            key: "10.0.0.0/8 \t%".into(),
            value: value.map(Into::into),
        });
    }
    ListState {
        id: 3,
        file: Some("/etc/a map".into()),
        origin: Origin {
            count: 1,
            sum: u64::MAX,
        },
        content,
    }
}

fn roster() -> Roster {
    let mut roster = Roster::new(Origin { count: 2, sum: 7 });
    roster.add("new".into(), "127.0.0.1:80 weight 5");
    roster.remove(&"old".into());
    roster.rename(&"a".into(), &"a b=%".into());
    roster
}

fn slot(ago: u64) -> Past {
    let slot = Slot {
        most: 1,
        seconds: 10,
        sessions: 2,
        bytes: 3,
        connects: 4,
        connect_micros: 5,
    };
    Past { ago, slot }
}

fn sample() -> Snapshot {
    let mut counters = Counters::default();
    counters.set(Field::Stot, 12);
    counters.set(Field::Smax, 3);
    let saved = Saved {
        operation: Operation::Down,
        admin: Admin::FORCED_DRAIN,
        was_disabled: true,
        weight: Tuned { now: 5, configured: 10 },
        maxconn: Some(Tuned { now: 7, configured: 0 }),
        age: Duration::from_millis(1_234),
        downs: 4,
        down_time: Duration::from_millis(99),
        check: Some(SavedCheck {
            is_enabled: true,
            health: 1,
            failures: 6,
            last: CheckResult::new(CheckStatus::L4Connection, Duration::from_millis(2)).with_info("100% refused\n= no"),
        }),
        agent: Some(SavedCheck {
            is_enabled: true,
            health: 0,
            failures: 0,
            last: CheckResult::new(CheckStatus::L7Status, Duration::from_millis(1)).with_info("via agent : down"),
        }),
    };
    let tuned = |now| Tuned { now, configured: 9 };
    let mut spread = Distributions::default();
    spread[Measure::Age.place()].counts[3] = 5;
    spread[Measure::Age.place()].sum = 77;
    let value = |data: DataType, at, period, raw| Value { data, at, period, raw };
    let entry = |key, left| Dumped {
        key,
        left,
        holders: 0,
        values: vec![
            value(DataType::ServerId, 0, 0, Raw::Word(2)),
            value(DataType::ServerKey, 0, 0, Raw::Name(Some("a 1".into()))),
            value(DataType::BytesInCnt, 0, 0, Raw::Wide(1 << 40)),
            value(
                DataType::GpcRate,
                3,
                500,
                Raw::Rate {
                    age: 3,
                    present: 4,
                    before: 5,
                },
            ),
        ],
    };
    let table = |name: &str, key, entries: Vec<Dumped>| TableState {
        name: name.into(),
        key,
        untold: entries.first().map(|entry| entry.key.clone()).into_iter().collect(),
        entries,
    };
    Snapshot {
        page: Some("a word of its own".into()),
        reloads: Reloads {
            followed: 3,
            refused: 2,
            replacements: 1,
        },
        unmade: vec![Unmade {
            name: "gone by".into(),
            origin: Origin { count: 2, sum: 7 },
        }],
        taken: 1_795_000_000_123,
        process: ProcessOrders {
            maxconn: Some(tuned(100)),
            connection_rate: None,
            session_rate: Some(tuned(0)),
            tls_rate: Some(tuned(7)),
            variables: vec![
                ("a b".into(), Sample::Bool(true)),
                ("c".into(), Sample::Int(-1)),
                ("d".into(), Sample::Ip(Ipv6Addr::LOCALHOST.into())),
                ("e".into(), Sample::Text(b"\xff = %".to_vec().into())),
                ("f".into(), Sample::Binary(Vec::new().into())),
            ],
        },
        counts: ProcessCounts {
            rate_max: 5,
            tls: 1 << 40,
            tls_rate_max: 6,
            client_keys_max: 7,
            server_keys_max: 8,
        },
        events: vec![Event {
            at: 1_795_000_000_123_456,
            proxy: "be".into(),
            severity: Severity::Alert,
            text: "Server be/one is DOWN, reason: 100% refused".to_owned(),
        }],
        lists: vec![list()],
        files: [
            FileStage::Used {
                before: b"old\n".to_vec(),
            },
            FileStage::Spare,
            FileStage::Open,
            FileStage::Used {
                before: b"1 a.pem\n".to_vec(),
            },
            FileStage::Used { before: Vec::new() },
        ]
        .into_iter()
        .zip([
            FileKind::Certificate,
            FileKind::Authorities,
            FileKind::Revoked,
            FileKind::List,
            FileKind::Response,
        ])
        .map(|(stage, kind)| FileState {
            kind,
            path: "/etc/a b.pem".into(),
            stage,
            content: b"-----BEGIN\n".to_vec(),
        })
        .collect(),
        frontends: vec![FrontendState {
            counters: counters.clone(),
            orders: FrontendOrders {
                is_paused: true,
                maxconn: Some(tuned(7)),
            },
            listeners: vec![ListenerState {
                at: "[::1]:80 on a b".into(),
                counters: counters.clone(),
            }],
            ..FrontendState::new("fe".into())
        }],
        backends: vec![BackendState {
            counters: counters.clone(),
            age: Duration::from_secs(60),
            last_session: Some(Duration::from_secs(61)),
            made: Some(Made {
                from: "of its own".into(),
                id: 9,
                guid: Some("be:9".into()),
            }),
            is_unpublished: true,
            roster: roster(),
            servers: vec![
                ServerState {
                    health: Some(saved),
                    moved: Some(Moved {
                        from: "a host:1".into(),
                        ip: Ipv4Addr::LOCALHOST.into(),
                        port: Some(80),
                    }),
                    told: Some(Told {
                        from: "a host:1".into(),
                        fqdn: Some("b.example".into()),
                        is_plain: true,
                    }),
                    check_moved: Some(Elsewhere {
                        from: "".into(),
                        ip: Some(Ipv4Addr::LOCALHOST.into()),
                        port: None,
                    }),
                    agent_moved: Some(OtherAgent {
                        at: Elsewhere {
                            from: "- 9 hello".into(),
                            ip: Some(Ipv4Addr::LOCALHOST.into()),
                            port: Some(0),
                        },
                        send: Some("50% of\n".into()),
                    }),
                    counters,
                    last_session: Some(Duration::ZERO),
                    spread: Some(Box::new(spread)),
                    hour: vec![slot(3), slot(0)],
                    ..ServerState::new("one".into(), ServerId(1))
                },
                ServerState {
                    agent_moved: Some(OtherAgent::default()),
                    ..ServerState::new("two".into(), ServerId(2))
                },
            ],
            ..BackendState::new("be".into())
        }],
        tables: vec![
            table(
                "be",
                KeyType::Ipv6,
                vec![
                    entry(Key::V6(Ipv6Addr::LOCALHOST), Some(Duration::from_secs(30))),
                    entry(Key::V6(Ipv6Addr::UNSPECIFIED), None),
                ],
            ),
            table(
                "peers/t",
                KeyType::Text { most: 9 },
                vec![entry(Key::Text(b"a b\xff".as_slice().into()), None)],
            ),
        ],
    }
}

#[test]
fn what_is_written_is_read() {
    for snapshot in [sample(), Snapshot::default()] {
        assert_eq!(Snapshot::from_bytes(&snapshot.to_bytes()), Ok(snapshot));
    }
}

#[test]
fn no_part_of_it_is_taken_for_the_whole() {
    let bytes = sample().to_bytes();
    for end in 0..bytes.len() {
        assert_eq!(
            Snapshot::from_bytes(&bytes[..end]),
            Err(SnapshotError::Torn),
            "{end} bytes"
        );
    }
}

#[test]
fn no_flipped_bit_goes_unseen() {
    let bytes = sample().to_bytes();
    for place in 0..bytes.len() * 8 {
        let mut broken = bytes.clone();
        broken[place / 8] ^= 1 << (place % 8);
        assert!(Snapshot::from_bytes(&broken).is_err(), "bit {place}");
    }
}

#[test]
fn other_files_and_versions() {
    let read = |text: &str| Snapshot::from_bytes(text.as_bytes());
    assert_eq!(read("1\n# be_id\n"), Err(SnapshotError::Foreign));
    assert_eq!(read("root:x:0:0"), Err(SnapshotError::Foreign));
    assert_eq!(read("tandem-state 2 0 0\n"), Err(SnapshotError::Version(2)));
    assert_eq!(read("tandem-state x 0 0\n"), Err(SnapshotError::Torn));
}

#[test]
fn lines_of_a_later_program_are_passed_over() {
    let text =
        "taken at=5\nnews x=1\nbackend name=be colour=blue\nserver name=a id=1\nodd\ntable type=method\nentry key=1\n";
    let read = Snapshot::from_bytes(&seal::seal(text)).expect("it is whole");
    assert_eq!((read.taken, read.backends[0].servers.len()), (5, 1));
    assert_eq!(read.tables, []);
    // What belongs to something that is not known belongs to nobody.
    let text = "backend name=be\nserver name=a id=1\nserver name=b id=x\nhealth operation=running admin=0 weight=1 \
                configured_weight=1\ntable name=t type=ip\nentry key=10.0.0.1\ntable name=u type=method\n\
                entry key=10.0.0.2\nbackend\nserver name=c id=3\n";
    let read = Snapshot::from_bytes(&seal::seal(text)).expect("it is whole");
    assert_eq!(read.backends[0].servers.len(), 1);
    assert_eq!(read.backends[0].servers[0].health, None);
    assert_eq!(read.table("t").map(|table| table.entries.len()), Some(1));
    // Tables once stood behind their backends and knew servers only.
    let text = "backend name=be\ntable type=ip\nentry key=10.0.0.1 server=3 left=7\n";
    let read = Snapshot::from_bytes(&seal::seal(text)).expect("it is whole");
    let entry = read.table("be").and_then(|table| table.entries.first());
    let server = entry.and_then(|e| e.value(DataType::ServerId)).map(Value::number);
    assert_eq!(
        (server, entry.and_then(|e| e.left)),
        (Some(3), Some(Duration::from_millis(7)))
    );
}

#[test]
fn ages_grow_and_entries_run_out() {
    let aged = sample().aged(Duration::from_secs(40));
    let backend = &aged.backends[0];
    assert_eq!(backend.age, Duration::from_secs(100));
    let saved = backend.servers[0].health.as_ref().map(|s| s.age);
    assert_eq!(saved, Some(Duration::from_millis(41_234)));
    let table = aged.table("be").expect("it had one");
    assert_eq!(table.entries.len(), 1, "one had 30 s left, the other lives for ever");
    let rate = &table.entries[0].values[3].raw;
    assert_eq!(
        *rate,
        Raw::Rate {
            age: 40_003,
            present: 4,
            before: 5
        }
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, text in "(tandem-state 1 [0-9a-f ]{0,20}\n)?([a-z#,=%0-9 ]{0,20}\n){0,6}") {
        let _ = Snapshot::from_bytes(&bytes);
        let _ = Snapshot::from_bytes(text.as_bytes());
        let _ = Snapshot::from_bytes(&seal::seal(&text));
        let _ = Snapshot::from_server_state(&text);
        let _ = StatsFile::read(&text);
    }
}
