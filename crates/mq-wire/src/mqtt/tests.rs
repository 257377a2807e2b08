//! What is read, what is refused and why, byte by byte; and that no bytes make it panic.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::*;

fn framed(first: u8, body: &[u8]) -> BytesMut {
    let mut bytes = BytesMut::from(&[first][..]);
    encode::variable(u32::try_from(body.len()).unwrap(), &mut bytes);
    bytes.extend_from_slice(body);
    bytes
}

fn text(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat()
}

/// A CONNECT up to the client identifier.
fn connect(level: u8, flags: u8) -> Vec<u8> {
    let properties: &[u8] = if level == 5 { &[0] } else { &[] };
    [&text("MQTT")[..], &[level, flags, 0, 60], properties, &text("c")].concat()
}

/// Reads one packet of a client that has come in.
fn decode(version: Version, first: u8, body: &[u8]) -> Result<Packet, DecodeError> {
    let mut decoder = Decoder::new();
    let level = if version == Version::V5 { 5 } else { 4 };
    decoder.decode(&mut framed(0x10, &connect(level, 2)))?;
    decoder
        .decode(&mut framed(first, body))
        .map(|packet| packet.expect("a whole packet"))
}

fn reason(version: Version, first: u8, body: &[u8]) -> Option<Reason> {
    decode(version, first, body).err().map(|error| error.reason)
}

const V3: Version = Version::V3_1_1;
const V5: Version = Version::V5;

#[test]
fn a_connect_is_read_in_both_versions() {
    let will = [&text("w")[..], &text("dead")].concat();
    for level in [4, 5] {
        let properties: &[u8] = if level == 5 { &[5, 0x18, 0, 0, 0, 9] } else { &[] };
        let body = [
            &connect(level, 0b1110_1110)[..],
            properties,
            &will,
            &text("user"),
            &text("pass"),
        ]
        .concat();
        let read = Decoder::new().decode(&mut framed(0x10, &body)).unwrap();
        let Some(Packet::Connect(read)) = read else { panic!() };
        assert_eq!((read.keep_alive, &*read.client, read.clean), (60, "c", true));
        assert_eq!(
            (read.user.as_deref(), read.password.as_deref()),
            (Some("user"), Some(&b"pass"[..]))
        );
        let will = read.will.unwrap();
        assert_eq!(
            (&*will.topic, &will.payload[..], will.qos, will.retain),
            ("w", &b"dead"[..], Qos::AtLeastOnce, true)
        );
        assert_eq!(will.properties.will_delay, (level == 5).then_some(9));
    }
}

#[test]
fn a_connect_that_must_not_be_is_refused() {
    let with_name = |name: &str, level: u8| [&text(name)[..], &[level, 2, 0, 0], &text("c")].concat();
    for (body, reason) in [
        (connect(4, 0b0000_0011), Reason::Malformed),
        (connect(5, 0b0000_0011), Reason::Malformed),
        (
            [&connect(4, 0b0001_1110)[..], &text("w"), &text("")].concat(),
            Reason::Malformed,
        ),
        (connect(4, 0b0000_1010), Reason::Malformed),
        (connect(4, 0b0010_0010), Reason::Malformed),
        (
            [&connect(4, 0b0100_0010)[..], &text("pass")].concat(),
            Reason::Malformed,
        ),
        (connect(4, 0b1000_0010), Reason::Malformed),
        ([&connect(4, 2)[..], b"more"].concat(), Reason::Malformed),
        (with_name("MQTX", 4), Reason::Malformed),
        (with_name("MQTT", 3), Reason::UnsupportedVersion),
        (with_name("MQTT", 6), Reason::UnsupportedVersion),
        (with_name("MQIsdp", 3), Reason::UnsupportedVersion),
        (
            [&text("MQTT")[..], &[4, 2, 0, 0], &[0, 1, 0xFF]].concat(),
            Reason::Malformed,
        ),
        (
            [&text("MQTT")[..], &[4, 2, 0, 0], &[0, 1, 0]].concat(),
            Reason::Malformed,
        ),
        (
            [&text("MQTT")[..], &[4, 2, 0, 0], &[0, 3, 0xED, 0xA0, 0x80]].concat(),
            Reason::Malformed,
        ),
        (
            [&connect(4, 6)[..], &text("a/#"), &text("")].concat(),
            Reason::TopicNameInvalid,
        ),
    ] {
        let read = Decoder::new().decode(&mut framed(0x10, &body));
        assert_eq!(read.unwrap_err().reason, reason, "{body:?}");
    }
    // A password alone is allowed in MQTT 5.
    let body = [&connect(5, 0b0100_0010)[..], &text("pass")].concat();
    assert!(Decoder::new().decode(&mut framed(0x10, &body)).is_ok());
    let read = Decoder::new().decode(&mut framed(0x30, &text("t")));
    assert_eq!(read.unwrap_err().reason, Reason::ProtocolError, "CONNECT comes first");
    assert_eq!(
        reason(V5, 0x10, &connect(5, 2)),
        Some(Reason::ProtocolError),
        "and once"
    );
}

#[test]
fn reserved_flags_are_as_they_must_be() {
    for (kind, right) in [(4, 0), (5, 0), (6, 2), (7, 0), (8, 2), (10, 2), (12, 0), (14, 0)] {
        let body: &[u8] = match kind {
            8 => &[0, 1, 0, 1, b'a', 0],
            10 => &[0, 1, 0, 1, b'a'],
            12 | 14 => &[],
            _ => &[0, 1],
        };
        for flags in 0..16 {
            let read = decode(V3, kind << 4 | flags, body);
            assert_eq!(read.is_ok(), flags == right, "{kind} {flags}: {read:?}");
        }
    }
    for kind in [0, 2, 9, 11, 13, 15] {
        assert!(
            decode(V3, kind << 4, &[0, 1, 0, 0]).is_err(),
            "a client does not send {kind}"
        );
    }
}

#[test]
fn a_publish_is_read_or_refused() {
    let body = [&text("a/b")[..], &[0, 7, 0], b"body"].concat();
    let Ok(Packet::Publish(read)) = decode(V5, 0x3D, &body) else {
        panic!()
    };
    assert_eq!(
        (&*read.topic, read.packet, read.qos, read.dup, read.retain),
        ("a/b", 7, Qos::ExactlyOnce, true, true)
    );
    assert_eq!(&read.payload[..], b"body");
    for (version, first, body, why) in [
        (V3, 0x36, [&text("t")[..], &[0, 1]].concat(), Reason::Malformed),
        (V3, 0x38, text("t"), Reason::Malformed),
        (V3, 0x32, [&text("t")[..], &[0, 0]].concat(), Reason::ProtocolError),
        (V3, 0x30, text("t/+"), Reason::TopicNameInvalid),
        (V3, 0x30, text("t/#"), Reason::TopicNameInvalid),
        (V3, 0x30, text(""), Reason::TopicNameInvalid),
        (V5, 0x30, [&text("")[..], &[0]].concat(), Reason::TopicNameInvalid),
        (
            V5,
            0x30,
            [&text("t")[..], &[2, 0x0B, 1]].concat(),
            Reason::ProtocolError,
        ),
        (
            V5,
            0x30,
            [&text("t")[..], &[4, 0x08, 0, 1, b'#']].concat(),
            Reason::TopicNameInvalid,
        ),
        (
            V5,
            0x30,
            [&text("t")[..], &[4, 0x01, 1, 0x01, 1]].concat(),
            Reason::ProtocolError,
        ),
        (
            V5,
            0x30,
            [&text("t")[..], &[2, 0x01, 2]].concat(),
            Reason::ProtocolError,
        ),
        (V5, 0x30, [&text("t")[..], &[2, 0x7E, 2]].concat(), Reason::Malformed),
        (
            V5,
            0x30,
            [&text("t")[..], &[6, 0x26, 0, 1, 0xFF, 0, 0]].concat(),
            Reason::Malformed,
        ),
        (V5, 0x30, [&text("t")[..], &[9, 0x01, 1]].concat(), Reason::Malformed),
        (V3, 0x30, vec![0, 9, b't'], Reason::Malformed),
    ] {
        assert_eq!(reason(version, first, &body), Some(why), "{body:?}");
    }
    let alias = [&text("")[..], &[3, 0x23, 0, 1]].concat();
    assert!(decode(V5, 0x30, &alias).is_ok());
}

#[test]
fn subscriptions_are_read_or_refused() {
    let one = |options: u8| [&[0, 1][..], &text("a"), &[options]].concat();
    let five = |options: u8| [&[0, 1, 0][..], &text("a"), &[options]].concat();
    for (version, body, why) in [
        (V3, vec![0, 1], Some(Reason::ProtocolError)),
        (
            V3,
            [&[0, 0][..], &text("a"), &[0]].concat(),
            Some(Reason::ProtocolError),
        ),
        (V3, one(3), Some(Reason::Malformed)),
        (V3, one(4), Some(Reason::Malformed)),
        (V3, one(2), None),
        (V5, five(0x40), Some(Reason::Malformed)),
        (V5, five(0x30), Some(Reason::ProtocolError)),
        (V5, five(0x2E), None),
        (V5, vec![0, 1, 0], Some(Reason::ProtocolError)),
        (
            V5,
            [&[0, 1, 2, 0x0B, 0][..], &text("a"), &[0]].concat(),
            Some(Reason::ProtocolError),
        ),
        (
            V5,
            [&[0, 1, 0][..], &text("$share/g/a"), &[4]].concat(),
            Some(Reason::ProtocolError),
        ),
    ] {
        assert_eq!(reason(version, 0x82, &body), why, "{body:?}");
    }
    assert_eq!(reason(V3, 0xA2, &[0, 1]), Some(Reason::ProtocolError));
    let Ok(Packet::Subscribe(read)) = decode(V5, 0x82, &five(0x2E)) else {
        panic!()
    };
    let filter = &read.filters[0];
    assert_eq!(
        (filter.qos, filter.no_local, filter.retain_as_published),
        (Qos::ExactlyOnce, true, true)
    );
    assert_eq!(filter.retain_handling, RetainHandling::DoNotSend);
}

#[test]
fn acknowledgements_leave_out_what_says_nothing() {
    for (version, body, reason) in [
        (V3, &[0, 5][..], 0),
        (V5, &[0, 5], 0),
        (V5, &[0, 5, 0x92], 0x92),
        (V5, &[0, 5, 0x80, 0], 0x80),
        (V5, &[0, 5, 0x80, 4, 0x1F, 0, 1, b'x'], 0x80),
    ] {
        assert_eq!(
            decode(version, 0x40, body),
            Ok(Packet::Puback(Ack { packet: 5, reason }))
        );
    }
    assert_eq!(reason(V3, 0x40, &[0, 0]), Some(Reason::ProtocolError));
    assert_eq!(reason(V3, 0x40, &[0, 1, 0]), Some(Reason::Malformed));
    let gone = decode(V5, 0xE0, &[4, 5, 0x11, 0, 0, 0, 9]);
    let expected = Disconnect {
        reason: 4,
        session_expiry: Some(9),
    };
    assert_eq!(gone, Ok(Packet::Disconnect(expected)));
    assert_eq!(decode(V3, 0xE0, &[]), Ok(Packet::Disconnect(Disconnect::default())));
}

#[test]
fn a_length_is_believed_only_so_far() {
    let mut decoder = Decoder::new();
    let mut bytes = BytesMut::from(&[0x10, 0xFF, 0xFF, 0xFF, 0x7F][..]);
    assert_eq!(decoder.decode(&mut bytes).unwrap_err().reason, Reason::PacketTooLarge);
    let mut bytes = BytesMut::from(&[0x10, 0xFF, 0xFF, 0xFF, 0xFF][..]);
    assert_eq!(Decoder::new().decode(&mut bytes).unwrap_err().reason, Reason::Malformed);
}

#[test]
fn many_small_things_are_refused() {
    let publish = |count: usize| {
        let user = [&[0x26][..], &text("n"), &text("")].concat().repeat(count);
        let mut length = BytesMut::new();
        encode::variable(u32::try_from(user.len()).unwrap(), &mut length);
        [&text("t")[..], &length, &user].concat()
    };
    assert_eq!(reason(V5, 0x30, &publish(1000)), None);
    assert_eq!(reason(V5, 0x30, &publish(1001)), Some(Reason::QuotaExceeded));
    // Only a message is large.
    for (first, may) in [(0x30, true), (0x82, false), (0xA2, false)] {
        let mut decoder = Decoder::new();
        decoder.decode(&mut framed(0x10, &connect(5, 2))).unwrap();
        decoder.limit = 100 << 20;
        let mut bytes = BytesMut::from(&[first][..]);
        encode::variable(2 << 20, &mut bytes);
        assert_eq!(decoder.decode(&mut bytes).is_ok(), may, "{first:x}");
    }
}

#[test]
fn a_packet_may_come_in_pieces() {
    let whole = framed(0x10, &connect(5, 2));
    let mut decoder = Decoder::new();
    let mut bytes = BytesMut::new();
    for (at, byte) in whole.iter().enumerate() {
        bytes.extend_from_slice(&[*byte]);
        let read = decoder.decode(&mut bytes).unwrap();
        assert_eq!(read.is_some(), at + 1 == whole.len());
    }
    assert!(bytes.is_empty());
}

#[test]
fn answers_are_written_as_each_version_has_them() {
    let connack = |reason, properties: Properties| Answer::Connack {
        session_present: reason == Reason::Success,
        reason,
        properties: Box::new(properties),
    };
    let some = Properties {
        assigned_client: Some("x".into()),
        receive_maximum: Some(9),
        ..Properties::default()
    };
    let publish = Publish {
        dup: true,
        qos: Qos::AtLeastOnce,
        retain: true,
        topic: "t".into(),
        packet: 3,
        properties: Properties {
            subscription_identifiers: vec![300],
            ..Properties::default()
        },
        payload: Bytes::from_static(b"p"),
    };
    let publish = Answer::Publish(Box::new(publish));
    for (answer, version, bytes) in [
        (connack(Reason::Success, some.clone()), V3, &[0x20, 2, 1, 0][..]),
        (
            connack(Reason::Success, some),
            V5,
            &[0x20, 10, 1, 0, 7, 0x12, 0, 1, b'x', 0x21, 0, 9],
        ),
        (
            connack(Reason::ClientIdentifier, Properties::default()),
            V3,
            &[0x20, 2, 0, 2],
        ),
        (connack(Reason::Malformed, Properties::default()), V3, &[]),
        (
            connack(Reason::Malformed, Properties::default()),
            V5,
            &[0x20, 3, 0, 0x81, 0],
        ),
        (publish.clone(), V3, &[0x3B, 6, 0, 1, b't', 0, 3, b'p']),
        (publish, V5, &[0x3B, 10, 0, 1, b't', 0, 3, 3, 0x0B, 0xAC, 0x02, b'p']),
        (Answer::Puback(3, Reason::Success), V5, &[0x40, 2, 0, 3]),
        (Answer::Pubrec(3, Reason::TopicNameInvalid), V5, &[0x50, 3, 0, 3, 0x90]),
        (Answer::Pubrec(3, Reason::TopicNameInvalid), V3, &[0x50, 2, 0, 3]),
        (Answer::Pubrel(3, Reason::Success), V3, &[0x62, 2, 0, 3]),
        (Answer::Pubcomp(3, Reason::Success), V3, &[0x70, 2, 0, 3]),
        (
            Answer::Suback(3, vec![Reason::GrantedQos2, Reason::TopicFilterInvalid]),
            V3,
            &[0x90, 4, 0, 3, 2, 0x80],
        ),
        (
            Answer::Suback(3, vec![Reason::TopicFilterInvalid]),
            V5,
            &[0x90, 4, 0, 3, 0, 0x8F],
        ),
        (Answer::Unsuback(3, vec![Reason::Success]), V3, &[0xB0, 2, 0, 3]),
        (
            Answer::Unsuback(3, vec![Reason::NoSubscriptionExisted]),
            V5,
            &[0xB0, 4, 0, 3, 0, 0x11],
        ),
        (Answer::Pingresp, V5, &[0xD0, 0]),
        (
            Answer::Disconnect(Reason::SessionTakenOver, None),
            V5,
            &[0xE0, 2, 0x8E, 0],
        ),
        (Answer::Disconnect(Reason::SessionTakenOver, None), V3, &[]),
    ] {
        let mut out = BytesMut::new();
        encode(&answer, version, &mut out);
        assert_eq!(&out[..], bytes, "{answer:?}");
        if let Answer::Publish(publish) = &answer {
            assert_eq!(publish_size(publish, version), bytes.len());
        }
    }
}

fn properties() -> impl Strategy<Value = Properties> {
    let text = || prop::option::of("[a-zé]{0,6}".prop_map(|text| Box::<str>::from(text.as_str())));
    let user = prop::collection::vec(("[a-z]{0,3}", "[a-z]{0,3}"), 0..3);
    let flag = prop::option::of(any::<bool>());
    let expiry = prop::option::of(any::<u32>());
    (flag, expiry, text(), text(), prop::option::of(1u16..9), user).prop_map(
        |(payload_format, message_expiry, content_type, response_topic, topic_alias, user)| Properties {
            payload_format,
            message_expiry,
            content_type,
            response_topic: response_topic.filter(|topic| !topic.is_empty()),
            correlation_data: message_expiry.map(|n| Bytes::copy_from_slice(&n.to_be_bytes())),
            topic_alias,
            user: user
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            ..Properties::default()
        },
    )
}

proptest! {
    #[test]
    fn a_publish_is_read_as_it_was_written(
        topic in "[a-z/é]{1,8}", payload in prop::collection::vec(any::<u8>(), 0..300), properties in properties(),
        qos in 0u8..3, five in any::<bool>(),
    ) {
        let version = if five { V5 } else { V3 };
        let publish = Publish {
            dup: false,
            qos: Qos::of(qos).unwrap(),
            retain: payload.len() % 2 == 0,
            topic: topic.into(),
            packet: if qos == 0 { 0 } else { 5 },
            properties: if five { properties } else { Properties::default() },
            payload: payload.into(),
        };
        let mut bytes = BytesMut::new();
        encode(&Answer::Publish(Box::new(publish.clone())), version, &mut bytes);
        prop_assert_eq!(bytes.len(), publish_size(&publish, version));
        let mut decoder = Decoder::new();
        decoder.decode(&mut framed(0x10, &connect(if five { 5 } else { 4 }, 2))).unwrap();
        prop_assert_eq!(decoder.decode(&mut bytes).unwrap(), Some(Packet::Publish(Box::new(publish))));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), first in 0u8..=255, five in any::<bool>()) {
        let mut decoder = Decoder::new();
        decoder.decode(&mut framed(0x10, &connect(if five { 5 } else { 4 }, 2))).unwrap();
        let _ = decoder.decode(&mut framed(first, &bytes));
        let _ = Decoder::new().decode(&mut framed(0x10, &bytes));
        let _ = Decoder::new().decode(&mut BytesMut::from(&bytes[..]));
    }
}

#[test]
fn packets_that_bring_messages_are_known_by_their_beginning() {
    let bring: Vec<u8> = (0..=15).filter(|kind| publishes(&[kind << 4])).collect();
    assert_eq!((bring, publishes(&[])), (vec![kind::PUBLISH], false));
}
