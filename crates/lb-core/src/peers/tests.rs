//! What is written is read, and bytes of strangers do no harm.

use std::time::Duration;

use proptest::prelude::*;

use super::number::{Bytes, write};
use super::*;
use crate::stick::{DataType, Form, Key, KeyType, Raw, Stored, TableSettings, Value};

#[test]
fn numbers_as_haproxy_writes_them() {
    for (number, bytes) in [
        (0u64, &[0u8][..]),
        (239, &[239]),
        (240, &[240, 0]),
        (2_287, &[255, 127]),
        (2_288, &[240, 128, 0]),
    ] {
        let mut out = Vec::new();
        write(number, &mut out);
        assert_eq!(out, bytes, "{number}");
        assert_eq!(Bytes(bytes).number(), Ok(number));
    }
    assert_eq!(Bytes(&[255; 20]).number(), Err(Malformed::Truncated));
}

#[test]
fn greetings() {
    let hello = Hello {
        minor: 1,
        to: "b".to_owned(),
        from: "a".to_owned(),
        pid: 77,
    };
    let bytes = hello.to_bytes();
    assert_eq!(bytes, b"HAProxyS 2.1\nb\na 77 1\n");
    assert_eq!(Hello::read(&bytes), Ok(Some((hello, bytes.len()))));
    for end in 0..bytes.len() {
        assert_eq!(Hello::read(&bytes[..end]), Ok(None), "{end}");
    }
    assert_eq!(Hello::read(b"HAProxyS 3.0\nb\na 1 1\n"), Err(Status::Protocol));
    assert_eq!(Hello::read(b"HAProxyS 2.9\nb\na 1 1\n"), Err(Status::Version));
    assert_eq!(Hello::read(b"HAProxyS 2.1\nb\na\n"), Err(Status::Protocol));
    assert_eq!(Hello::read(&[b'x'; 600]), Err(Status::Protocol));
    assert_eq!(Status::read(b"200\nx"), Ok(Some((Status::Welcome, 4))));
    assert_eq!(Status::read(b"20"), Ok(None));
    assert_eq!(Status::read(b"what\n"), Err(Malformed::Greeting));
    assert_eq!(Status::NotYou.to_bytes(), b"504\n");
}

fn settings(key: KeyType) -> TableSettings {
    let stored = |data: DataType| Stored {
        data,
        count: if data.is_array() { 3 } else { 1 },
        period: if data.form() == Form::Rate { 10_000 } else { 0 },
    };
    TableSettings {
        expire: Some(Duration::from_secs(3_600)),
        store: DataType::ALL.map(stored).to_vec(),
        ..TableSettings::new(key, 10)
    }
}

fn values(seed: u32) -> Vec<Value> {
    let raw = |data: DataType, n: u32| match data.form() {
        Form::Word => Raw::Word(n),
        Form::Wide => Raw::Wide(u64::from(n) << 20),
        Form::Name => Raw::Name((!n.is_multiple_of(3)).then(|| format!("s{}", n % 5).into())),
        Form::Rate => Raw::Rate {
            age: n,
            present: n / 2,
            before: n / 3,
        },
    };
    let stored = settings(KeyType::Ipv4).store;
    let each = stored.into_iter().flat_map(|s| (0..s.count).map(move |at| (s, at)));
    each.zip(seed..)
        .map(|((s, at), n)| Value {
            data: s.data,
            at,
            period: s.period,
            raw: raw(s.data, n),
        })
        .collect()
}

fn keys() -> [(KeyType, Key<'static>); 5] {
    [
        (KeyType::Ipv4, Key::V4([10, 0, 0, 1].into())),
        (KeyType::Ipv6, Key::V6([7; 16].into())),
        (KeyType::Integer, Key::Int(300)),
        (KeyType::Text { most: 9 }, Key::Text(b"client".as_slice().into())),
        (
            KeyType::Binary { length: 4 },
            Key::Binary(b"\0\x01\0\xff".as_slice().into()),
        ),
    ]
}

#[test]
fn what_is_said_is_heard() {
    for (kind, key) in keys() {
        let definition = Definition::of(3, "be", &settings(kind));
        let update = |id, left: Option<u64>, seed| {
            Message::Update(Update {
                id,
                left: left.map(Duration::from_millis),
                key: key.clone(),
                values: values(seed),
            })
        };
        let all = [
            Message::Control(Control::ResyncRequest),
            Message::Define(definition.clone()),
            update(Some(9), None, 1),
            update(None, None, 2),
            update(Some(70_000), Some(5_000), 4),
            update(None, Some(1), 5),
            Message::Switch(3),
            Message::Ack {
                table: 300,
                update: u32::MAX,
            },
            Message::Control(Control::Heartbeat),
            Message::Error(1),
        ];
        let (mut said, mut bytes) = (Names::default(), Vec::new());
        all.iter().for_each(|message| message.write(&mut said, &mut bytes));
        let (mut heard, mut rest) = (Names::default(), bytes.as_slice());
        for message in &all {
            for end in 0..rest.len().min(40) {
                if let Ok(Some((_, taken))) = next(&rest[..end], Some(&definition), &mut heard.clone()) {
                    assert!(taken <= end);
                }
            }
            let (found, taken) = next(rest, Some(&definition), &mut heard)
                .expect("whole")
                .expect("there");
            assert_eq!(found.as_ref(), Some(message));
            rest = &rest[taken..];
        }
        assert!(rest.is_empty());
    }
}

#[test]
fn what_nobody_may_say() {
    let mut names = Names::default();
    let mut read = |bytes: &[u8]| next(bytes, None, &mut names);
    assert_eq!(read(&[0, 9]), Err(Malformed::Unknown(0, 9)));
    assert_eq!(read(&[7, 1]), Err(Malformed::Unknown(7, 1)));
    assert_eq!(
        read(&[10, 0x80, 255, 255, 255, 127]),
        Err(Malformed::TooLong(33_818_863))
    );
    assert_eq!(
        read(&[10, 0x84, 1, 5]),
        Err(Malformed::Truncated),
        "half an acknowledgement"
    );
    assert_eq!(read(&[10, 0x99, 1, 5]), Ok(Some((None, 4))), "of a later version");
    assert_eq!(
        read(&[10, 0x80, 1, 5]),
        Ok(Some((None, 4))),
        "of no table that is known"
    );
    assert_eq!(read(&[10]), Ok(None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn strangers_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 0x80u8..0x88) {
        let definition = Definition::of(1, "t", &settings(KeyType::Text { most: 5 }));
        let mut names = Names::default();
        let mut message = vec![10, kind, bytes.len() as u8 % 200];
        message.extend_from_slice(&bytes);
        let _any = next(&message, Some(&definition), &mut names);
        let _any = next(&bytes, Some(&definition), &mut names);
        let _any = Hello::read(&bytes);
        let _any = Status::read(&bytes);
    }

    #[test]
    fn every_number(number: u64) {
        let mut out = Vec::new();
        write(number, &mut out);
        prop_assert_eq!(Bytes(&out).number(), Ok(number));
    }
}
