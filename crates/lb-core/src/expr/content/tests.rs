//! Readers of hostile bytes: what they find in good ones, that a beginning is never taken for something else, and that
//! nothing makes them panic or look beyond the end.

use proptest::prelude::*;

use super::*;
use crate::expr::Fetched;

/// A hello of TLS 1.3 with these extensions, in one record.
fn hello(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let vector = |size: usize, bytes: &[u8]| {
        let length = (bytes.len() as u32).to_be_bytes();
        [&length[4 - size..], bytes].concat()
    };
    let all: Vec<u8> = extensions
        .iter()
        .flat_map(|(kind, body)| [&kind.to_be_bytes(), &vector(2, body)[..]].concat())
        .collect();
    let body = [
        &[3, 3][..],
        &[7; 32],
        &vector(1, &[9; 32]),
        &vector(2, &[0x13, 1]),
        &vector(1, &[0]),
        &vector(2, &all),
    ]
    .concat();
    let message = [&[1][..], &vector(3, &body)].concat();
    [&[22, 3, 1][..], &vector(2, &message)].concat()
}

fn full_hello() -> Vec<u8> {
    hello(&[
        (0x0a0a, vec![]),
        (0, b"\0\x0e\0\0\x0bexample.org".to_vec()),
        (10, vec![0, 2, 0, 29]),
        (16, b"\0\x0c\x02h2\x08http/1.1".to_vec()),
        (35, vec![]),
        (43, vec![4, 3, 4, 3, 3]),
    ])
}

fn find(part: &Part, bytes: &[u8], is_final: bool) -> String {
    match part.find(Content { bytes, is_final }, 0) {
        Fetched::Known(sample) => String::from_utf8_lossy(&sample.into_text()).into_owned(),
        Fetched::Changing(sample) => format!("{}…", String::from_utf8_lossy(&sample.into_text())),
        Fetched::Missing => "missing".to_owned(),
        Fetched::Unknown => "unknown".to_owned(),
    }
}

const OF_HELLO: [Part; 6] = [
    Part::HelloType,
    Part::HelloVersion,
    Part::HelloSni,
    Part::HelloAlpn,
    Part::HelloHasEc,
    Part::HelloTicket,
];

#[test]
fn what_a_hello_says() {
    let bytes = full_hello();
    let said = OF_HELLO.map(|part| find(&part, &bytes, false));
    assert_eq!(said, ["1", "196612", "example.org", "h2", "1", "1"]);
    let second = Part::HelloAlpn.find(
        Content {
            bytes: &bytes,
            is_final: false,
        },
        1,
    );
    assert_eq!(second, Fetched::Known(text(b"http/1.1")));
    let plain = hello(&[]);
    let said = OF_HELLO.map(|part| find(&part, &plain, false));
    assert_eq!(said, ["1", "196611", "missing", "missing", "0", "0"]);
}

#[test]
fn a_beginning_is_not_yet_and_at_the_end_nothing() {
    let bytes = full_hello();
    for part in &OF_HELLO[1..] {
        for cut in 0..bytes.len() {
            assert_eq!(find(part, &bytes[..cut], false), "unknown", "{part:?} {cut}");
            assert_eq!(find(part, &bytes[..cut], true), "missing", "{part:?} {cut}");
        }
    }
}

#[test]
fn what_is_no_hello() {
    let mut server = full_hello();
    server[5] = 2;
    let mut lies = full_hello();
    // The message claims more than its record holds.
    lies[8] = 0xff;
    for bytes in [
        &b"GET / HTTP/1.1\r\n"[..],
        &server,
        &lies,
        b"\x16\x02\x01",
        b"\x10\x0c\0\x04MQTT",
    ] {
        assert_eq!(find(&Part::HelloSni, bytes, false), "missing", "{bytes:?}");
    }
    assert_eq!(find(&Part::HelloType, &server, false), "2");
}

#[test]
fn lengths_that_the_content_names() {
    let place = |length_offset, length_size, value| {
        Part::LengthValue(LengthValue {
            length_offset,
            length_size,
            value,
        })
    };
    let bytes = b"\0\x03abcdef";
    for (part, expected) in [
        (place(0, 2, ValuePlace::Relative(0)), "abc"),
        (place(0, 2, ValuePlace::Relative(2)), "cde"),
        (place(0, 2, ValuePlace::Relative(-9)), "missing"),
        (place(0, 2, ValuePlace::Absolute(5)), "def"),
        (place(0, 2, ValuePlace::Absolute(6)), "unknown"),
        (place(0, 1, ValuePlace::Relative(0)), "missing"),
        (place(0, 8, ValuePlace::Relative(0)), "missing"),
        (place(7, 2, ValuePlace::Relative(0)), "unknown"),
    ] {
        assert_eq!(find(&part, bytes, false), expected, "{part:?}");
    }
}

#[test]
fn a_cookie_of_remote_desktop() {
    let line = b"Cookie: mstshash=Jane\r\n";
    let length = 11 + line.len();
    let head = [3, 0, 0, length as u8, (length - 5) as u8, 0xe0, 0, 0, 0, 0, 0];
    let bytes = [&head[..], line].concat();
    let cookie = |name: Option<&str>| Part::RdpCookie(name.map(Box::from));
    assert_eq!(find(&cookie(None), &bytes, false), "Jane");
    assert_eq!(find(&cookie(Some("MSTShash")), &bytes, false), "Jane");
    assert_eq!(find(&cookie(Some("msts")), &bytes, false), "missing");
    assert_eq!(find(&Part::RdpCookieCount(None), &bytes, false), "1");
    for cut in 0..bytes.len() - 1 {
        assert_eq!(find(&cookie(None), &bytes[..cut], false), "unknown", "{cut}");
    }
    for other in [
        &b"\x16\x03\x01 and no cookie at all"[..],
        b"0123456789aCookie: none\r\n",
    ] {
        assert_eq!(find(&cookie(None), other, false), "missing");
        assert_eq!(find(&Part::RdpCookieCount(None), other, false), "0");
    }
}

/// A CONNECT of MQTT 5.0 with a will, a user and two properties.
fn connect() -> Vec<u8> {
    let body = [
        &b"\0\x04MQTT\x05\xee\0\x3c"[..],
        b"\x08\x11\0\0\0\x0a\x21\0\x14",
        b"\0\x02me",
        b"\x02\x01\x01",
        b"\0\x01t\0\x01w",
        b"\0\x04user\0\x02pw",
    ]
    .concat();
    [&[0x10, body.len() as u8][..], &body].concat()
}

#[test]
fn what_a_connect_says() {
    use MqttField::*;
    let bytes = connect();
    assert!(mqtt_is_valid(&bytes));
    let of = |field| {
        mqtt_field(&bytes, PacketType::Connect, field)
            .map(|sample| String::from_utf8_lossy(&sample.into_text()).into_owned())
    };
    for (field, expected) in [
        (Flags, Some("238")),
        (ProtocolName, Some("MQTT")),
        (ProtocolVersion, Some("5")),
        (Keepalive, Some("60")),
        (ClientIdentifier, Some("me")),
        (WillTopic, Some("t")),
        (WillPayload, Some("w")),
        (Username, Some("user")),
        (Password, Some("pw")),
        (ReasonCode, None),
        (Property(0x11), Some("10")),
        (Property(0x21), Some("20")),
        (Property(0x22), None),
    ] {
        assert_eq!(of(field).as_deref(), expected, "{field:?}");
    }
    for cut in 0..bytes.len() {
        assert!(!mqtt_is_valid(&bytes[..cut]), "{cut}");
    }
}

#[test]
fn other_messages_of_mqtt() {
    let old = b"\x10\x10\0\x06MQIsdp\x03\x02\0\x0a\0\x02id";
    assert!(mqtt_is_valid(old));
    for (bytes, is_good) in [
        (&b"\x20\x02\0\0"[..], true),
        (b"\x20\x03\x01\x87\0", true),
        (b"\x20\x02\x02\0", false),
        // A name that no version has, a reserved flag, a password without a user, bytes behind the end.
        (b"\x10\x0c\0\x04MQTX\x04\x02\0\x0a\0\0", false),
        (b"\x10\x0c\0\x04MQTT\x04\x03\0\x0a\0\0", false),
        (b"\x10\x0e\0\x04MQTT\x04\x42\0\x0a\0\0\0\0", false),
        (b"\x10\x0d\0\x04MQTT\x04\x02\0\x0a\0\0\0", false),
        (b"\x10\x0c\0\x04MQTT\x04\x02\0\x0a\0\0", true),
        (b"\x30\x02\0\0", false),
        (b"\x10\xff\xff\xff\xff\x7f", false),
    ] {
        assert_eq!(mqtt_is_valid(bytes), is_good, "{bytes:?}");
    }
}

fn parts() -> Vec<Part> {
    let lengths = [ValuePlace::Relative(-3), ValuePlace::Absolute(2)].map(|value| {
        Part::LengthValue(LengthValue {
            length_offset: 1,
            length_size: 3,
            value,
        })
    });
    let payload = Part::Payload { offset: 3, length: 5 };
    let rdp = [Part::RdpCookie(None), Part::RdpCookieCount(None)];
    OF_HELLO
        .into_iter()
        .chain(lengths)
        .chain([Part::Length, payload])
        .chain(rdp)
        .collect()
}

/// Good messages with a few bytes changed get further than noise.
fn nearly_good() -> impl Strategy<Value = Vec<u8>> {
    let good = prop_oneof![
        Just(full_hello()),
        Just(connect()),
        Just(b"\x03\0\0\x20\x1b\xe0\0\0\0\0\0Cookie: a=b\r\n".to_vec())
    ];
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (good, changes, any::<prop::sample::Index>()).prop_map(|(mut bytes, changes, cut)| {
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        bytes.truncate(cut.index(bytes.len() + 1).max(1));
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(2000), ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_harm(
        bytes in prop_oneof![proptest::collection::vec(any::<u8>(), 0..200), nearly_good()],
        is_final in any::<bool>(),
    ) {
        for part in parts() {
            for nth in 0..3 {
                let found = part.find(Content { bytes: &bytes, is_final }, nth);
                prop_assert!(!(is_final && matches!(found, Fetched::Unknown | Fetched::Changing(_))));
                // What was found is part of what came, or a number.
                if let Fetched::Known(Sample::Text(text) | Sample::Binary(text)) = found {
                    prop_assert!(text.is_empty() || bytes.windows(text.len()).any(|window| window == &*text));
                }
            }
        }
        mqtt_is_valid(&bytes);
        for id in 0..=255 {
            mqtt_field(&bytes, PacketType::Connect, MqttField::Property(id));
        }
    }

    /// What is known of a beginning stays true when more comes.
    #[test]
    fn more_bytes_do_not_change_what_is_known(bytes in nearly_good(), more in proptest::collection::vec(any::<u8>(), 1..20)) {
        let longer = [&bytes[..], &more].concat();
        for part in parts() {
            let before = part.find(Content { bytes: &bytes, is_final: false }, 0);
            let after = part.find(Content { bytes: &longer, is_final: false }, 0);
            if let (Fetched::Known(before), Fetched::Known(after)) = (&before, &after) {
                prop_assert_eq!(before, after, "{:?}", part);
            }
        }
    }
}
