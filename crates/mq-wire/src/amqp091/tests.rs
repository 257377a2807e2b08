//! What is written is read; what is wrong is refused by its code; nothing panics.

use bytes::{BufMut, Bytes, BytesMut};
use proptest::prelude::*;

use super::*;

fn greeted() -> Decoder {
    let mut decoder = Decoder::default();
    let mut bytes = BytesMut::from(&GREETING[..]);
    assert_eq!(decoder.decode(&mut bytes), Ok(Some(Item::Greeting)));
    decoder
}

fn frame(kind: u8, channel: u16, payload: &[u8], end: u8) -> BytesMut {
    let mut bytes = BytesMut::new();
    bytes.put_u8(kind);
    bytes.put_u16(channel);
    bytes.put_u32(payload.len() as u32);
    bytes.extend_from_slice(payload);
    bytes.put_u8(end);
    bytes
}

fn refused(kind: u8, channel: u16, payload: &[u8]) -> Option<Code> {
    greeted()
        .decode(&mut frame(kind, channel, payload, 0xce))
        .unwrap_err()
        .code
}

#[test]
fn flags_share_an_octet_from_its_lowest_bit() {
    let method = Method::QueueDeclare {
        ticket: 0,
        queue: "q".into(),
        passive: false,
        durable: true,
        exclusive: false,
        auto_delete: true,
        nowait: false,
        arguments: Table::default().with("x-max-length", Field::Int(3)),
    };
    let mut out = BytesMut::new();
    encode(&Frame::Method(7, method.clone()), 4096, &mut out);
    assert_eq!(
        &out[..],
        b"\x01\0\x07\0\0\0\x1f\0\x32\0\x0a\0\0\x01q\x0a\0\0\0\x12\x0cx-max-lengthI\0\0\0\x03\xce"
    );
    assert_eq!(greeted().decode(&mut out), Ok(Some(Item::Method(7, method))));
}

#[test]
fn a_body_is_cut_to_the_frames_that_were_agreed() {
    let body = Bytes::from(vec![7; 10_000]);
    let deliver = Method::Deliver {
        consumer: "c".into(),
        tag: 1,
        redelivered: true,
        exchange: "".into(),
        key: "q".into(),
    };
    let properties = Properties {
        delivery_mode: Some(2),
        timestamp: Some(5),
        headers: Some(Table::default().with("a", Field::Text("b".into()))),
        ..Properties::default()
    };
    let mut out = BytesMut::new();
    encode(
        &Frame::Content(1, deliver.clone(), Box::new(properties.clone()), body.clone()),
        4096,
        &mut out,
    );
    let mut decoder = greeted();
    decoder.limit = 4096;
    assert_eq!(decoder.decode(&mut out), Ok(Some(Item::Method(1, deliver))));
    assert_eq!(
        decoder.decode(&mut out),
        Ok(Some(Item::Header(1, 10_000, Box::new(properties))))
    );
    let mut got = Vec::new();
    while let Ok(Some(Item::Body(1, part))) = decoder.decode(&mut out) {
        got.push(part.len());
    }
    assert_eq!(got, [4088, 4088, 1824]);
    assert!(out.is_empty());
}

#[test]
fn what_is_wrong_is_refused_by_its_code() {
    let close_ok = [0, 10, 0, 51];
    assert_eq!(refused(9, 0, &[]), Some(Code::FrameError), "a type that does not exist");
    assert_eq!(refused(8, 1, &[]), Some(Code::FrameError), "a heartbeat on a channel");
    assert_eq!(
        refused(8, 0, &[1]),
        Some(Code::FrameError),
        "a heartbeat with something in it"
    );
    assert_eq!(refused(1, 0, &[0, 10]), Some(Code::SyntaxError), "no method");
    assert_eq!(
        refused(1, 0, &[0, 10, 0, 99]),
        Some(Code::CommandInvalid),
        "no such method"
    );
    assert_eq!(
        refused(1, 0, &[0, 10, 0, 51, 0]),
        Some(Code::SyntaxError),
        "more than the method"
    );
    assert_eq!(
        refused(1, 0, &[0, 60, 0, 80, 0]),
        Some(Code::SyntaxError),
        "less than the method"
    );
    assert_eq!(
        refused(1, 0, &[0, 60, 0, 30, 1, 0xff, 0]),
        Some(Code::SyntaxError),
        "no UTF-8"
    );
    assert_eq!(
        refused(2, 1, &[0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        Some(Code::FrameError),
        "class"
    );
    assert_eq!(
        refused(2, 1, &[0, 60, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        Some(Code::FrameError),
        "weight"
    );
    assert_eq!(
        refused(2, 1, &[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        Some(Code::SyntaxError),
        "more flags"
    );
    assert_eq!(
        refused(2, 1, &[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        Some(Code::SyntaxError),
        "more"
    );
    let ends_wrong = greeted().decode(&mut frame(1, 0, &close_ok, 0xcd)).unwrap_err();
    assert_eq!(ends_wrong.code, Some(Code::FrameError));
    let other = Decoder::default()
        .decode(&mut BytesMut::from("AMQP\0\x01\0\0"))
        .unwrap_err();
    assert_eq!(other.code, None);
}

#[test]
fn a_frame_that_is_too_long_is_refused_before_it_has_come() {
    let mut bytes = BytesMut::from(&[1, 0, 0, 0xff, 0xff, 0xff, 0xff][..]);
    assert_eq!(greeted().decode(&mut bytes).unwrap_err().code, Some(Code::FrameError));
    let mut bytes = BytesMut::from(&[1, 0, 0, 0, 0, 0x1f, 0xf8][..]);
    assert_eq!(
        greeted().decode(&mut bytes),
        Ok(None),
        "the largest that a stranger may send"
    );
}

/// A table in a table in a table: read as deep as anybody needs, and no deeper.
#[test]
fn nobody_reaches_the_end_of_our_stack() {
    let nested = |depth: usize| {
        let mut field = Field::Void;
        for _ in 0..depth {
            field = Field::List(vec![field]);
        }
        let mut out = BytesMut::new();
        field.write(&mut out);
        Field::read(out.freeze())
    };
    assert!(nested(15).is_ok());
    assert!(nested(17).is_err());
    assert!(nested(1000).is_err());
    let many = Field::List(vec![Field::Void; 5000]);
    let mut out = BytesMut::new();
    many.write(&mut out);
    assert!(Field::read(out.freeze()).is_err());
}

fn field() -> impl Strategy<Value = Field> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Field::Bool),
        any::<i64>().prop_map(Field::Int),
        (-1e9..1e9f64).prop_map(Field::Float),
        any::<(u8, u32)>().prop_map(|(scale, digits)| Field::Decimal(scale, digits)),
        ".{0,20}".prop_map(|text| Field::Text(text.into())),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| Field::Bytes(bytes.into())),
        any::<u64>().prop_map(Field::Timestamp),
        Just(Field::Void),
    ];
    leaf.prop_recursive(3, 30, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Field::List),
            prop::collection::vec(("[a-z]{0,9}", inner), 0..5)
                .prop_map(|pairs| Field::Table(Table(pairs.into_iter().map(|(n, v)| (n.into(), v)).collect()))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(value in field()) {
        let mut out = BytesMut::new();
        value.write(&mut out);
        prop_assert_eq!(Field::read(out.freeze()), Ok(value));
    }

    /// Whatever is read as a method is written as something that is read as the same.
    #[test]
    fn nothing_panics_and_what_is_read_can_be_written(
        class in prop::sample::select(vec![10u16, 20, 40, 50, 60, 85, 90]),
        number in 0u16..130,
        rest in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let mut payload = [class.to_be_bytes(), number.to_be_bytes()].concat();
        payload.extend(rest);
        if let Ok(Some(Item::Method(channel, method))) = greeted().decode(&mut frame(1, 3, &payload, 0xce)) {
            let mut out = BytesMut::new();
            encode(&Frame::Method(channel, method.clone()), 4096, &mut out);
            prop_assert_eq!(greeted().decode(&mut out), Ok(Some(Item::Method(3, method))));
        }
    }

    #[test]
    fn a_frame_comes_however_it_is_cut(cut in 1usize..30) {
        let mut whole = BytesMut::new();
        encode(&Frame::Method(1, Method::Ack { tag: 9, multiple: true }), 4096, &mut whole);
        encode(&Frame::Heartbeat, 4096, &mut whole);
        let (mut decoder, mut bytes, mut items) = (greeted(), BytesMut::new(), Vec::new());
        for part in whole.chunks(cut) {
            bytes.extend_from_slice(part);
            while let Some(item) = decoder.decode(&mut bytes).unwrap() {
                items.push(item);
            }
        }
        prop_assert_eq!(items, vec![Item::Method(1, Method::Ack { tag: 9, multiple: true }), Item::Heartbeat]);
    }
}

#[test]
fn frames_that_bring_messages_are_known_by_their_beginning() {
    for (bytes, brings) in [
        (&b""[..], false),
        (b"\x01\0\x01\0\0\0\x09\0\x3c\0\x28\0\0\0\0\0\xce", true),
        (b"\x01\0\x01\0\0\0\x04\0\x5a\0\x14\xce", true),
        (b"\x01\0\x01\0\0\0\x0d\0\x3c\0\x50", false),
        (b"\x02\0\x01\0\0\0\x0e\0\x3c\0\x28", false),
        (b"\x08\0\0\0\0\0\0\xce", false),
    ] {
        assert_eq!(publishes(bytes), brings, "{bytes:?}");
    }
}
