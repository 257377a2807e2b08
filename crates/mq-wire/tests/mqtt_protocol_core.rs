//! Another codec says the same: what it writes as a client we read, and what we write as a server it reads.

use bytes::{Bytes, BytesMut};
use mqtt_protocol_core::mqtt::packet::{
    ContentType, CorrelationData, MessageExpiryInterval, PayloadFormatIndicator, ReceiveMaximum, ResponseTopic,
    SessionExpiryInterval, SubscriptionIdentifier, UserProperty, WillDelayInterval,
};
use mqtt_protocol_core::mqtt::packet::{
    PayloadFormat, Properties as Theirs, Qos as TheirQos, RetainHandling as TheirHandling,
};
use mqtt_protocol_core::mqtt::packet::{SubEntry, SubOpts, v3_1_1, v5_0};
use tandem_mq_wire::mqtt::*;

const BOTH: [Version; 2] = [Version::V3_1_1, Version::V5];

/// A decoder that has seen a CONNECT of theirs, and what it was.
fn connected(version: Version) -> (Decoder, Connect) {
    let bytes = match version {
        Version::V3_1_1 => {
            let connect = v3_1_1::Connect::builder()
                .client_id("c")
                .unwrap()
                .clean_session(false)
                .keep_alive(9);
            let connect = connect.will_message("w", b"dead", TheirQos::ExactlyOnce, true).unwrap();
            let connect = connect.user_name("u").unwrap().password(b"p").unwrap();
            connect.build().unwrap().to_continuous_buffer()
        }
        Version::V5 => {
            let properties: Theirs = vec![
                SessionExpiryInterval::new(7).unwrap().into(),
                ReceiveMaximum::new(8).unwrap().into(),
            ];
            let will: Theirs = vec![WillDelayInterval::new(3).unwrap().into()];
            let connect = v5_0::Connect::builder()
                .client_id("c")
                .unwrap()
                .clean_start(false)
                .keep_alive(9);
            let connect = connect.will_message("w", b"dead", TheirQos::ExactlyOnce, true).unwrap();
            let connect = connect.user_name("u").unwrap().password(b"p").unwrap();
            let connect = connect.props(properties).will_props(will);
            connect.build().unwrap().to_continuous_buffer()
        }
    };
    let mut decoder = Decoder::new();
    let mut bytes = BytesMut::from(&bytes[..]);
    let Ok(Some(Packet::Connect(connect))) = decoder.decode(&mut bytes) else {
        panic!()
    };
    assert!(bytes.is_empty());
    (decoder, *connect)
}

fn read(version: Version, bytes: &[u8]) -> Packet {
    let (mut decoder, _) = connected(version);
    decoder
        .decode(&mut BytesMut::from(bytes))
        .unwrap()
        .expect("a whole packet")
}

#[test]
fn what_their_client_writes_is_read() {
    for version in BOTH {
        let (_, connect) = connected(version);
        let will = connect.will.unwrap();
        assert_eq!(
            (connect.version, connect.clean, connect.keep_alive, &*connect.client),
            (version, false, 9, "c")
        );
        assert_eq!(
            (connect.user.as_deref(), connect.password.as_deref()),
            (Some("u"), Some(&b"p"[..]))
        );
        assert_eq!(
            (&*will.topic, &will.payload[..], will.qos, will.retain),
            ("w", &b"dead"[..], Qos::ExactlyOnce, true)
        );
        let five = version == Version::V5;
        assert_eq!(connect.properties.session_expiry, five.then_some(7));
        assert_eq!(connect.properties.receive_maximum, five.then_some(8));
        assert_eq!(will.properties.will_delay, five.then_some(3));
    }
    let options = SubOpts::new()
        .set_qos(TheirQos::AtLeastOnce)
        .set_nl(true)
        .set_rap(true)
        .set_rh(TheirHandling::DoNotSendRetained);
    let entries = vec![
        SubEntry::new("a/#", options).unwrap(),
        SubEntry::new("b", SubOpts::new()).unwrap(),
    ];
    let properties: Theirs = vec![SubscriptionIdentifier::new(300).unwrap().into()];
    let subscribe = v5_0::Subscribe::builder()
        .packet_id(5u16)
        .entries(entries)
        .props(properties)
        .build()
        .unwrap();
    let Packet::Subscribe(found) = read(Version::V5, &subscribe.to_continuous_buffer()) else {
        panic!()
    };
    assert_eq!((found.packet, found.identifier, found.filters.len()), (5, Some(300), 2));
    let first = &found.filters[0];
    assert_eq!(
        (&*first.filter, first.qos, first.no_local, first.retain_as_published),
        ("a/#", Qos::AtLeastOnce, true, true)
    );
    assert_eq!(first.retain_handling, RetainHandling::DoNotSend);
}

#[test]
fn a_publish_means_the_same_to_both() {
    let publish = Publish {
        dup: true,
        qos: Qos::ExactlyOnce,
        retain: true,
        topic: "a/b".into(),
        packet: 5,
        properties: Properties::default(),
        payload: Bytes::from_static(b"body"),
    };
    let properties = Properties {
        payload_format: Some(true),
        message_expiry: Some(60),
        content_type: Some("text/x".into()),
        response_topic: Some("re".into()),
        correlation_data: Some(Bytes::from_static(b"\xff\x00")),
        user: vec![("k".into(), "v".into()), ("k".into(), "w".into())],
        ..Properties::default()
    };
    let theirs: Theirs = vec![
        PayloadFormatIndicator::new(PayloadFormat::String).unwrap().into(),
        MessageExpiryInterval::new(60).unwrap().into(),
        ContentType::new("text/x").unwrap().into(),
        ResponseTopic::new("re").unwrap().into(),
        CorrelationData::new(b"\xff\x00").unwrap().into(),
        UserProperty::new("k", "v").unwrap().into(),
        UserProperty::new("k", "w").unwrap().into(),
    ];
    let three = v3_1_1::Publish::builder()
        .topic_name("a/b")
        .unwrap()
        .qos(TheirQos::ExactlyOnce)
        .dup(true)
        .retain(true);
    let three = three
        .packet_id(5u16)
        .payload(b"body")
        .build()
        .unwrap()
        .to_continuous_buffer();
    let five = v5_0::Publish::builder()
        .topic_name("a/b")
        .unwrap()
        .qos(TheirQos::ExactlyOnce)
        .dup(true)
        .retain(true);
    let five = five
        .packet_id(5u16)
        .payload(b"body")
        .props(theirs)
        .build()
        .unwrap()
        .to_continuous_buffer();
    for (version, bytes, ours) in [
        (Version::V3_1_1, three, publish.clone()),
        (Version::V5, five, Publish { properties, ..publish }),
    ] {
        assert_eq!(read(version, &bytes), Packet::Publish(Box::new(ours.clone())));
        let mut out = BytesMut::new();
        encode(&Answer::Publish(Box::new(ours)), version, &mut out);
        assert_eq!(&out[..], &bytes[..], "{version:?}");
    }
}

#[test]
fn what_we_answer_is_what_they_would() {
    let (v3, v5) = (Version::V3_1_1, Version::V5);
    let puback = |packet: u16| {
        v3_1_1::Puback::builder()
            .packet_id(packet)
            .build()
            .unwrap()
            .to_continuous_buffer()
    };
    let pubrel = |packet: u16| {
        v5_0::Pubrel::builder()
            .packet_id(packet)
            .build()
            .unwrap()
            .to_continuous_buffer()
    };
    let pubcomp = |packet: u16| {
        v3_1_1::Pubcomp::builder()
            .packet_id(packet)
            .build()
            .unwrap()
            .to_continuous_buffer()
    };
    for (answer, version, bytes) in [
        (Answer::Puback(7, Reason::Success), v3, puback(7)),
        (Answer::Pubrel(7, Reason::Success), v5, pubrel(7)),
        (Answer::Pubcomp(7, Reason::Success), v3, pubcomp(7)),
        (
            Answer::Pingresp,
            v5,
            v5_0::Pingresp::builder().build().unwrap().to_continuous_buffer(),
        ),
    ] {
        let mut out = BytesMut::new();
        encode(&answer, version, &mut out);
        assert_eq!(&out[..], &bytes[..], "{answer:?}");
    }
}
