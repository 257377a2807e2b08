//! Every message there and back, every cut and every hostile byte, and what a later version may add.

use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;
use tandem_time::Mono;

use super::fields::{Reader, Writer};
use super::*;
use crate::conn::{Ending, Relayed, Side};
use crate::expr::{Sample, Scope, Variable};
use crate::proxy_header::{Ends, Header};
use crate::stick::Key;

fn record(held: &[u8]) -> Record {
    Record {
        frontend: "fe".to_owned(),
        listener: 2,
        peer: Some(SocketAddr::from(([192, 0, 2, 7], 40_000))),
        came_by: "192.0.2.1:80%eth0".to_owned(),
        began: Mono::from_millis(5),
        routed: Some("be".to_owned()),
        known: Some(known()),
        waits_until: Some(Mono::from_millis(77)),
        waits_since: Some(Mono::from_millis(77)),
        placed: Some(Placed {
            backend: "be".to_owned(),
            server: "s1".to_owned(),
            relayed: Relayed {
                chosen: Some(Mono::from_millis(6)),
                connected: Some(Mono::from_millis(7)),
                client_seen: Mono::from_millis(8),
                server_seen: Mono::from_millis(9),
                retries: 1,
                redispatched: true,
                finished: Some(Side::Client),
                ending: Ending::NORMAL,
            },
            from_client: 10,
            to_client: 11,
            queued_at_server: 12,
            queued_at_backend: 13,
            upwards: Flow {
                stage: Stage::Last,
                held: held.to_vec(),
            },
            downwards: Flow::default(),
        }),
        held: [
            Key::V4([10, 0, 0, 1].into()),
            Key::V6([9; 16].into()),
            Key::Int(70_000),
            Key::Text(b"a".as_slice().into()),
            Key::Binary(b"".as_slice().into()),
        ]
        .into_iter()
        .zip(0..)
        .map(|(key, slot)| Held {
            slot,
            table: "t".to_owned(),
            key,
        })
        .collect(),
    }
}

/// A value of every kind, in every scope.
fn known() -> Known {
    let variable = |scope, name: &str| Variable {
        scope,
        name: name.into(),
    };
    Known {
        local: Some(SocketAddr::from(([192, 0, 2, 1], 80))),
        header: Some(Header {
            ends: Some(Ends {
                source: SocketAddr::from(([192, 0, 2, 2], 81)),
                destination: SocketAddr::from(([192, 0, 2, 3], 82)),
            }),
            authority: Some((*b"\xffname").into()),
            unique_id: Some((*b"").into()),
            details: (*b"\xe0\0\x01x").into(),
        }),
        loudness: Some(crate::rules::Loudness::Level(4)),
        variables: vec![
            (variable(Scope::Session, "a"), Sample::Bool(true)),
            (variable(Scope::Transaction, "b"), Sample::Int(-7)),
            (variable(Scope::Request, "c"), Sample::Ip([192, 0, 2, 9].into())),
            (
                variable(Scope::Response, "d"),
                Sample::Text(b"\xff text".to_vec().into()),
            ),
            (variable(Scope::Process, ""), Sample::Binary(Vec::new().into())),
        ],
        unique_id: Some(b"7F000001:1".as_slice().into()),
        last_rule: Some("/etc/a:b.cfg:7".into()),
        priority: crate::rules::Priority { class: -3, offset: 40 },
        limits: vec![
            Limit {
                proxy: "l".to_owned(),
                name: "slow".to_owned(),
                limit: 1_000,
                period: Duration::from_secs(1),
                key: None,
            },
            Limit {
                proxy: "l".to_owned(),
                name: "shared".to_owned(),
                limit: u32::MAX,
                period: Duration::from_millis(1),
                key: Some(Sample::Ip([192, 0, 2, 9].into())),
            },
        ],
    }
}

fn messages() -> Vec<Message> {
    let fresh = Record {
        peer: None,
        came_by: String::new(),
        routed: None,
        known: None,
        waits_until: None,
        waits_since: None,
        placed: None,
        held: Vec::new(),
        ..record(b"")
    };
    vec![
        Message::Hello(Hello {
            version: VERSION,
            pid: 4711,
            clock_began: -5,
            adopted: vec![Adopted {
                descriptor: 3,
                at: "a place with blanks".to_owned(),
            }],
            closed: vec!["fe".to_owned(), "fe2".to_owned()],
        }),
        Message::Begin { unwanted: Vec::new() },
        Message::Begin {
            unwanted: vec!["127.0.0.1:80".to_owned()],
        },
        Message::State(b"some state".to_vec()),
        Message::Ready {
            last: 9,
            kept: vec!["one".to_owned(), "two".to_owned()],
        },
        Message::Connection {
            number: 7,
            record: Box::new(record(b"\0held\xff")),
        },
        Message::Connection {
            number: 8,
            record: Box::new(fresh),
        },
        Message::Taken { number: 7 },
        Message::Refused {
            number: 8,
            why: "no such server".to_owned(),
        },
        Message::Counters(Vec::new()),
        Message::Ended,
        Message::Done,
    ]
}

fn read_all(frames: &mut Frames) -> Vec<(Message, u8)> {
    let next = || frames.next_frame().expect("well formed");
    std::iter::from_fn(next)
        .map(|f| (f.descriptors, Message::of_frame(f)))
        .map(|(n, m)| (m.expect("a message"), n))
        .collect()
}

#[test]
fn every_message_arrives_however_it_is_cut() {
    let all: Vec<(Message, u8)> = messages().into_iter().zip(0..).collect();
    let bytes: Vec<u8> = all.iter().flat_map(|(m, n)| m.to_frame(*n).to_bytes()).collect();
    for size in [1, 2, 3, 7, 64, bytes.len()] {
        let (mut frames, mut read) = (Frames::default(), Vec::new());
        for piece in bytes.chunks(size) {
            frames.push(piece);
            read.extend(read_all(&mut frames));
        }
        assert_eq!(read, all, "pieces of {size}");
    }
}

#[test]
fn two_full_buffers_fit() {
    let mut full = record(&vec![1; 256 * 1024]);
    if let Some(placed) = &mut full.placed {
        placed.downwards = placed.upwards.clone();
    }
    let message = Message::Connection {
        number: 1,
        record: Box::new(full),
    };
    let mut frames = Frames::default();
    frames.push(&message.to_frame(2).to_bytes());
    assert_eq!(read_all(&mut frames), [(message, 2)]);
}

#[test]
fn a_length_beyond_all_reason_is_refused_before_it_is_waited_for() {
    let mut frames = Frames::default();
    frames.push(&[0xff, 0xff, 0xff, 0xff, 1, 0]);
    assert_eq!(frames.next_frame(), Err(Malformed::TooLong(0xffff_ffff)));
}

#[test]
fn unknown_messages_are_errors_and_unknown_fields_are_not() {
    let frame = |kind, body| Frame {
        kind,
        descriptors: 0,
        body,
    };
    assert_eq!(
        Message::of_frame(frame(77, Vec::new())),
        Err(Malformed::UnknownMessage(77))
    );
    let mut taken = Message::Taken { number: 3 }.to_frame(0);
    taken.body.extend_from_slice(&[200, 0, 0, 0, 2, 1, 2]);
    assert_eq!(Message::of_frame(taken), Ok(Message::Taken { number: 3 }));
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let fields = |put: &dyn Fn(&mut Writer)| {
        let mut writer = Writer::default();
        put(&mut writer);
        writer.into_bytes()
    };
    let read = |bytes: &[u8]| Record::of_bytes(bytes).map(|_| ());
    assert_eq!(read(b""), Err(Malformed::Missing(1)));
    assert_eq!(read(b"\x01\0\0\0\x05ab"), Err(Malformed::Truncated));
    assert_eq!(
        read(&fields(&|w| {
            w.bytes(1, b"\xff");
        })),
        Err(Malformed::Value(1))
    );
    assert_eq!(
        read(&fields(&|w| {
            w.text(1, "fe").number(2, u64::MAX);
        })),
        Err(Malformed::Value(2))
    );
    assert_eq!(
        read(&fields(&|w| {
            w.text(1, "fe").number(2, 1).number(4, 1).text(3, "nowhere");
        })),
        Err(Malformed::Value(3))
    );
    assert_eq!(
        read(&fields(&|w| {
            w.text(1, "fe").number(2, 1).number(4, 1).bytes(5, b"");
        })),
        Err(Malformed::Missing(1))
    );
}

#[test]
fn endings_have_two_letters_and_come_back() {
    for letters in [*b"--", *b"cD", *b"SC", *b"K-", *b"RQ"] {
        assert_eq!(Ending::from_letters(letters).map(Ending::letters), Some(letters));
    }
    assert_eq!(Ending::from_letters(*b"xD"), None);
    assert_eq!(Ending::from_letters(*b"Cx"), None);
}

fn some_record() -> impl Strategy<Value = Record> {
    let ends = (any::<bool>(), 0u8..3, proptest::collection::vec(any::<u8>(), 0..300));
    let ids = (any::<u32>(), any::<u64>(), any::<u64>(), "[a-z.é-]{0,40}");
    (ends, ids).prop_map(|((is_placed, stage, held), (small, one, two, name))| {
        let mut it = record(&held);
        it.frontend = name.clone();
        it.listener = small;
        it.began = Mono::from_nanos(one);
        match &mut it.placed {
            Some(placed) if is_placed => {
                placed.server = name;
                placed.from_client = two;
                placed.relayed.retries = small;
                placed.relayed.chosen = (stage == 1).then_some(Mono::from_nanos(two));
                placed.relayed.finished = [None, Some(Side::Client), Some(Side::Server)][usize::from(stage)];
                placed.upwards.stage = [Stage::Reading, Stage::Last, Stage::Ended][usize::from(stage)];
            }
            placed => *placed = None,
        }
        it
    })
}

proptest! {
    #[test]
    fn records_come_back(record in some_record()) {
        prop_assert_eq!(Record::of_bytes(&record.to_bytes()), Ok(record));
    }

    #[test]
    fn a_cut_record_is_an_error_or_a_record_but_no_panic(record in some_record(), share in 0.0..1.0f64) {
        let bytes = record.to_bytes();
        let cut = (bytes.len() as f64 * share) as usize;
        let _either = Record::of_bytes(&bytes[..cut]);
    }

    #[test]
    fn a_changed_byte_never_panics(record in some_record(), place in any::<usize>(), to in any::<u8>()) {
        let mut bytes = Message::Connection { number: 1, record: Box::new(record) }.to_frame(2).to_bytes();
        let place = place % bytes.len();
        bytes[place] = to;
        let mut frames = Frames::default();
        frames.push(&bytes);
        if let Ok(Some(frame)) = frames.next_frame() {
            let _either = Message::of_frame(frame);
        }
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let mut frames = Frames::default();
        frames.push(&bytes);
        while let Ok(Some(frame)) = frames.next_frame() {
            let _either = Message::of_frame(frame);
        }
        let _either = Record::of_bytes(&bytes);
        if let Ok(reader) = Reader::new(&bytes) {
            (0..=255).for_each(|tag| { let _found = reader.find(tag); });
        }
    }
}
