//! The inputs that fuzz programs found interesting, on every run, and as many that nobody has found interesting yet.

#[path = "../fuzz/src/check.rs"]
mod check;
#[path = "../fuzz/src/check_amqp091.rs"]
mod check_amqp091;
#[path = "../fuzz/src/check_amqp10.rs"]
mod check_amqp10;
#[path = "../fuzz/src/check_stomp.rs"]
mod check_stomp;
#[path = "../../fuzz-corpus.rs"]
mod corpus;
#[path = "../fuzz/src/one_client.rs"]
mod one_client;

use corpus::every_input_holds;
use proptest::prelude::*;

#[test]
fn whatever_mqtt_clients_send_holds() {
    every_input_holds(env!("CARGO_MANIFEST_DIR"), "mqtt", check::check);
}

#[test]
fn whatever_clients_of_amqp_send_holds() {
    every_input_holds(env!("CARGO_MANIFEST_DIR"), "amqp091", check_amqp091::check);
}

#[test]
fn whatever_clients_of_amqp_1_0_send_holds() {
    every_input_holds(env!("CARGO_MANIFEST_DIR"), "amqp10", check_amqp10::check);
}

#[test]
fn whatever_clients_of_stomp_send_holds() {
    every_input_holds(env!("CARGO_MANIFEST_DIR"), "stomp", check_stomp::check);
}

/// Lines that are nearly right get further than bytes that are not.
fn stomp() -> impl Strategy<Value = Vec<u8>> {
    let heads = prop::sample::select(vec![
        "SEND\ndestination:/queue/q\nreceipt:r\n",
        "SEND\ndestination:/topic/t\ntransaction:x\n",
        "SEND\ndestination:/queue/q\nexpires:1\npriority:9\n",
        "SEND\ndestination:/queue/q\nAMQ_SCHEDULED_DELAY:1000\n",
        "SEND\ndestination:/queue/w\ntransaction:x\ncontent-length:1\n",
        "SUBSCRIBE\nid:1\ndestination:/topic/#\nack:client\n",
        "SUBSCRIBE\nid:2\ndestination:/queue/w\nack:client-individual\ncredit:1\n",
        "SUBSCRIBE\nid:3\ndestination:/queue/q\nbrowser:true\n",
        "SUBSCRIBE\nid:4\ndestination:/topic/t\ndurable:true\nactivemq.subscriptionName:s\n",
        "SUBSCRIBE\nid:5\ndestination:/temp-queue/a\nselector:a = 1\n",
        "UNSUBSCRIBE\nid:1\n",
        "UNSUBSCRIBE\nid:4\ndurable:true\nactivemq.subscriptionName:s\n",
        "ACK\nid:1\n",
        "ACK\nid:2\ntransaction:x\n",
        "NACK\nid:2\n",
        "BEGIN\ntransaction:x\n",
        "COMMIT\ntransaction:x\n",
        "ABORT\ntransaction:x\n",
        "DISCONNECT\nreceipt:end\n",
        "\n",
    ]);
    let body = prop::sample::select(vec!["", "x", "xy"]);
    prop_oneof![
        12 => (heads, body).prop_map(|(head, body)| format!("{head}\n{body}\0").into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ]
}

/// Frames that are nearly right get further than bytes that are not.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let framed = |body: Vec<u8>| {
        let size = u8::try_from(body.len() + 8).unwrap();
        [&[0, 0, 0, size, 2, 0, 0, 0][..], &body].concat()
    };
    let said = |code: u8, count: u8, fields: &[u8]| {
        let size = u8::try_from(fields.len() + 1).unwrap();
        [&[0, 0x53, code, 0xc0, size, count][..], fields].concat()
    };
    let sent = |fields: &[u8], count: u8, rest: &[u8]| [&said(0x14, count, fields)[..], rest].concat();
    let body = b"\0\x53\x70\xc0\x02\x01\x41\0\x53\x77\xa1\x01x";
    let bodies = vec![
        sent(b"\x43\x43\xa0\x01t\x43", 4, body),
        sent(b"\x43\x52\x01\xa0\x01t\x43\x41", 5, b"\0\x53\x75\xa0\x01y"),
        sent(b"\x43\x52\x02\xa0\x01t\x43\x42\x41", 6, b"\0\x53\x70\xc0"),
        sent(b"\x43\x40\x40\x40\x40\x42\x40\x40\x40\x41", 10, b""),
        sent(b"\x52\x02\x52\x05\xa0\x01t", 3, b"\0\x53\x77\0\x53\x31\x45"),
        sent(
            b"\x52\x02\x52\x06\xa0\x01t",
            3,
            b"\0\x53\x77\0\x53\x32\xc0\x0b\x01\xa0\x08\0\0\0\0\0\0\0\x04",
        ),
        said(0x15, 5, b"\x41\x43\x52\x09\x41\0\x53\x24\x45"),
        said(0x15, 5, b"\x41\x43\x40\x42\0\x53\x26\x45"),
        said(0x15, 5, b"\x41\x52\x01\x40\x41\0\x53\x27\xc0\x02\x01\x41"),
        said(0x15, 5, b"\x42\x43\x52\x09\x41\x40"),
        said(0x13, 10, b"\x43\x52\xff\x43\x52\xff\x52\x01\x43\x52\x20\x40\x41\x41"),
        said(0x13, 7, b"\x43\x52\x02\x43\x52\xff\x52\x01\x43\x43"),
        said(0x13, 7, b"\x40\x52\xff\x43\x52\xff\x43\x43\x43"),
        said(
            0x12,
            6,
            b"\xa1\x01n\x52\x03\x41\x40\x40\0\x53\x28\xc0\x06\x05\x40\x40\x40\x40\x41",
        ),
        said(
            0x12,
            6,
            b"\xa1\x01d\x52\x04\x41\x40\x40\0\x53\x28\xc0\x0c\x02\xa1\x08/topic/t\x52\x01",
        ),
        said(0x12, 7, b"\xa1\x01a\x52\x05\x42\x40\x40\x40\0\x53\x29\x45"),
        said(0x16, 2, b"\x43\x41"),
        said(0x16, 2, b"\x52\x01\x42"),
        said(0x16, 2, b"\x52\x02\x41"),
        said(0x17, 0, b""),
        said(0x11, 4, b"\x40\x43\x52\xff\x52\xff"),
    ];
    prop_oneof![
        10 => prop::sample::select(bodies).prop_map(framed),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ]
}

/// Methods that are nearly right get further than bytes that are not.
fn method() -> impl Strategy<Value = Vec<u8>> {
    let framed = |kind: u8, channel: u8, body: Vec<u8>| {
        let length = u8::try_from(body.len()).unwrap();
        [&[kind, 0, channel, 0, 0, 0, length][..], &body, &[0xce]].concat()
    };
    let named = |class: u8, method: u8, rest: &[u8]| [&[0, class, 0, method][..], rest].concat();
    let bodies = vec![
        named(60, 40, b"\0\0\0\x01q\0"),
        named(60, 40, b"\0\0\x09amq.topic\x03a.b\x01"),
        named(50, 20, b"\0\0\x01q\x09amq.topic\x01#\0\0\0\0\0"),
        named(60, 80, b"\0\0\0\0\0\0\0\x01\0"),
        named(60, 120, b"\0\0\0\0\0\0\0\0\x03"),
        named(60, 70, b"\0\0\x01q\0"),
        named(60, 10, b"\0\0\0\0\0\x01\x01"),
        named(60, 30, b"\x01t\0"),
        named(60, 110, b"\x01"),
        named(50, 40, b"\0\0\x01q\0"),
        named(50, 10, b"\0\0\x01p\x0c\0\0\0\x12\x0dx-message-ttlb\x01\0\0"),
        named(85, 10, b"\0"),
        named(90, 10, b""),
        named(90, 20, b""),
        named(90, 30, b""),
        named(20, 10, b"\0"),
        named(20, 40, b"\0\0\0\0\0\0\0"),
        named(20, 41, b""),
    ];
    prop_oneof![
        8 => (prop::sample::select(bodies), 1u8..3).prop_map(move |(body, channel)| framed(1, channel, body)),
        3 => Just(framed(2, 1, b"\0\x3c\0\0\0\0\0\0\0\0\0\x01\x10\0\x02".to_vec())),
        3 => Just(framed(3, 1, b"x".to_vec())),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ]
}

/// Packets that are nearly right get further than bytes that are not.
fn packet() -> impl Strategy<Value = Vec<u8>> {
    let text = |text: &str| [&[0, u8::try_from(text.len()).unwrap()][..], text.as_bytes()].concat();
    let framed = |first: u8, body: Vec<u8>| [&[first, u8::try_from(body.len()).unwrap()][..], &body].concat();
    let topic = || prop::sample::select(vec!["t", "t/x", "$SYS", "t/#", "+", "$share/g/t", ""]);
    prop_oneof![
        (any::<bool>(), any::<bool>(), 0u8..2).prop_map(move |(clean, lasts, name)| {
            let properties: &[u8] = if lasts { &[5, 0x11, 0, 0, 0, 60] } else { &[0] };
            let will = [&[0][..], &text("w"), &text("dead")].concat();
            let head = [&text("MQTT")[..], &[5, u8::from(clean) << 1 | 0x2C, 0, 9], properties].concat();
            framed(0x10, [head, text(&name.to_string()), will].concat())
        }),
        (topic(), 0u8..16, 1u8..4).prop_map(move |(topic, flags, packet)| {
            let number: &[u8] = if flags & 6 == 0 { &[] } else { &[0, packet] };
            framed(0x30 | flags, [&text(topic)[..], number, &[0], b"body"].concat())
        }),
        (topic(), any::<u8>())
            .prop_map(move |(topic, options)| framed(0x82, [&[0, 1, 0][..], &text(topic), &[options]].concat())),
        topic().prop_map(move |topic| framed(0xA2, [&[0, 1, 0][..], &text(topic)].concat())),
        (
            prop::sample::select(vec![0x40u8, 0x50, 0x62, 0x70]),
            1u8..4,
            any::<bool>()
        )
            .prop_map(move |(first, packet, error)| framed(
                first,
                if error { vec![0, packet, 0x80] } else { vec![0, packet] }
            )),
        Just(vec![0xC0, 0]),
        prop::sample::select(vec![
            vec![0xE0, 0],
            vec![0xE0, 1, 4],
            vec![0xE0, 7, 0, 5, 0x11, 0, 0, 0, 1]
        ]),
        prop::collection::vec(any::<u8>(), 0..20),
    ]
}

fn step() -> impl Strategy<Value = Vec<u8>> {
    let say = |which: u8, bytes: Vec<u8>| [&[which << 4, u8::try_from(bytes.len()).unwrap()][..], &bytes].concat();
    prop_oneof![
        8 => (0u8..2, packet()).prop_map(move |(which, packet)| say(which, packet)),
        2 => (any::<u8>(), 0u8..9).prop_map(|(kind, length)| vec![kind, length]),
    ]
}

proptest! {
    #[test]
    fn lines_that_are_nearly_right_hold(first in any::<u8>(), frames in prop::collection::vec(stomp(), 0..60)) {
        check_stomp::check(&[vec![first & !1], frames.concat()].concat());
    }

    #[test]
    fn frames_that_are_nearly_right_hold(first in any::<u8>(), frames in prop::collection::vec(frame(), 0..60)) {
        check_amqp10::check(&[vec![first & !1], frames.concat()].concat());
    }

    #[test]
    fn methods_that_are_nearly_right_hold(first in any::<u8>(), methods in prop::collection::vec(method(), 0..60)) {
        check_amqp091::check(&[vec![first & !1], methods.concat()].concat());
    }

    #[test]
    fn steps_that_are_nearly_right_hold(steps in prop::collection::vec(step(), 0..60)) {
        check::check(&steps.concat());
    }
}
