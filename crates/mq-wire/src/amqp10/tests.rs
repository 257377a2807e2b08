//! What is written is read again; what nobody should send is refused before it costs anything.

use bytes::{BufMut, Bytes, BytesMut};
use proptest::prelude::*;

use super::*;

fn read(data: &[u8]) -> Result<Value, Malformed> {
    Value::read(Bytes::copy_from_slice(data))
}

fn written(value: &Value) -> BytesMut {
    let mut out = BytesMut::new();
    value.write(&mut out);
    out
}

/// Every encoding of part 1, section 1.6, with what it says.
#[test]
fn every_encoding_is_read() {
    let text = |text: &str| Value::Text(text.into());
    for (data, value) in [
        (&b"\x40"[..], Value::Null),
        (b"\x56\x01", Value::Bool(true)),
        (b"\x56\x00", Value::Bool(false)),
        (b"\x41", Value::Bool(true)),
        (b"\x42", Value::Bool(false)),
        (b"\x50\xff", Value::Ubyte(255)),
        (b"\x60\x01\x02", Value::Ushort(258)),
        (b"\x70\0\0\x01\0", Value::Uint(256)),
        (b"\x52\xff", Value::Uint(255)),
        (b"\x43", Value::Uint(0)),
        (b"\x80\0\0\0\0\0\0\x01\0", Value::Ulong(256)),
        (b"\x53\xff", Value::Ulong(255)),
        (b"\x44", Value::Ulong(0)),
        (b"\x51\xff", Value::Byte(-1)),
        (b"\x61\xff\xff", Value::Short(-1)),
        (b"\x71\xff\xff\xff\xff", Value::Int(-1)),
        (b"\x54\xff", Value::Int(-1)),
        (b"\x81\xff\xff\xff\xff\xff\xff\xff\xff", Value::Long(-1)),
        (b"\x55\xff", Value::Long(-1)),
        (b"\x72\x3f\x80\0\0", Value::Float(1.0)),
        (b"\x82\x3f\xf0\0\0\0\0\0\0", Value::Double(1.0)),
        (b"\x74abcd", Value::Decimal(Bytes::from_static(b"abcd"))),
        (b"\x84abcdefgh", Value::Decimal(Bytes::from_static(b"abcdefgh"))),
        (
            b"\x94abcdefghabcdefgh",
            Value::Decimal(Bytes::from_static(b"abcdefghabcdefgh")),
        ),
        (b"\x73\0\x01\xf6\x00", Value::Char('\u{1f600}')),
        (b"\x83\0\0\0\0\0\0\0\x07", Value::Timestamp(7)),
        (b"\x98abcdefghabcdefgh", Value::Uuid(*b"abcdefghabcdefgh")),
        (b"\xa0\x02\0\xff", Value::Binary(Bytes::from_static(b"\0\xff"))),
        (b"\xb0\0\0\0\x01x", Value::Binary(Bytes::from_static(b"x"))),
        (b"\xa1\x02\xc3\xa9", text("\u{e9}")),
        (b"\xb1\0\0\0\x01x", text("x")),
        (b"\xa3\x01x", Value::symbol("x")),
        (b"\xb3\0\0\0\x01x", Value::symbol("x")),
        (b"\x45", Value::List(vec![])),
        (
            b"\xc0\x03\x02\x40\x41",
            Value::List(vec![Value::Null, Value::Bool(true)]),
        ),
        (b"\xd0\0\0\0\x05\0\0\0\x01\x43", Value::List(vec![Value::Uint(0)])),
        (
            b"\xc1\x03\x02\x43\x41",
            Value::Map(vec![(Value::Uint(0), Value::Bool(true))]),
        ),
        (
            b"\xd1\0\0\0\x06\0\0\0\x02\x43\x41",
            Value::Map(vec![(Value::Uint(0), Value::Bool(true))]),
        ),
        (
            b"\xe0\x04\x02\x50\x01\x02",
            Value::Array(vec![Value::Ubyte(1), Value::Ubyte(2)]),
        ),
        (
            b"\xf0\0\0\0\x07\0\0\0\x02\x50\x01\x02",
            Value::Array(vec![Value::Ubyte(1), Value::Ubyte(2)]),
        ),
        (
            b"\0\x53\x24\x45",
            Value::Described(Box::new((Value::Ulong(0x24), Value::List(vec![])))),
        ),
        (
            b"\xe0\x06\x01\0\x53\x07\x50\x01",
            Value::Array(vec![Value::Described(Box::new((Value::Ulong(7), Value::Ubyte(1))))]),
        ),
    ] {
        assert_eq!(read(data), Ok(value.clone()), "{data:x?}");
        assert_eq!(read(&written(&value)), Ok(value), "{data:x?}");
    }
}

#[test]
fn what_is_wrong_or_greedy_is_refused() {
    for data in [
        &b""[..],
        b"\x3f",
        b"\x56\x02",
        b"\x70\0",
        b"\xa1\x01\xff",
        b"\xa3\x02\xc3\xa9",
        b"\x73\0\0\xd8\0",
        b"\xb0\xff\xff\xff\xff",
        b"\xc0\x03\x01\x40\x40",
        b"\xc0\x02\x02\x40",
        b"\xc1\x02\x01\x40",
        b"\x40\x40",
        // Four thousand million values in no bytes.
        b"\xf0\0\0\0\x05\xff\xff\xff\xff\x40",
        b"\xd0\0\0\0\x05\xff\xff\xff\xff\x40",
    ] {
        assert!(read(data).is_err(), "{data:x?}");
    }
    let lists = |depth: usize| (0..depth).fold(Value::List(vec![]), |within, _| Value::List(vec![within]));
    assert!(read(&written(&lists(10))).is_ok());
    for depth in [20, 5000] {
        let mut data = vec![0x45u8];
        for _ in 0..depth {
            let mut out = BytesMut::new();
            out.put_u8(0xd0);
            out.put_u32(u32::try_from(data.len() + 4).unwrap());
            out.put_u32(1);
            out.extend_from_slice(&data);
            data = out.to_vec();
        }
        assert!(read(&data).is_err());
        assert!(read(&vec![0; depth]).is_err());
        let array = [&[0xf0, 0, 0, 0xff, 0, 0, 0, 0, 1][..], &vec![0; 0xfeff]].concat();
        assert!(read(&array).is_err());
    }
    // A large descriptor would be copied for each.
    let name = [&[0xb3, 0, 1, 0, 0][..], &[b'x'; 0x10000]].concat();
    let items = [&[0, 0, 0x10, 0, 0][..], &name, &[0x40]].concat();
    let array = [&[0xf0][..], &u32::try_from(items.len()).unwrap().to_be_bytes(), &items].concat();
    assert!(read(&array).is_err());
}

#[test]
fn fields_that_are_left_out_are_null_and_what_must_be_there_is() {
    let open = |fields: &[u8]| {
        let mut out = BytesMut::from(&b"\0\0\0\0\x02\0\0\0\0\x53\x10"[..]);
        out.extend_from_slice(fields);
        let size = u32::try_from(out.len()).unwrap();
        out[..4].copy_from_slice(&size.to_be_bytes());
        let mut decoder = Decoder {
            layer: Layer::Amqp,
            ..Decoder::default()
        };
        decoder.decode(&mut out)
    };
    let Ok(Some(Item::Said(0, Performative::Open(read), _))) = open(b"\xc0\x04\x01\xa1\x01c") else {
        panic!("a name is enough")
    };
    assert_eq!((&*read.container_id, read.max_frame_size), ("c", None));
    let Ok(Some(Item::Said(0, Performative::Open(read), _))) =
        open(b"\xc0\x13\x08\xa1\x01c\x40\x52\xff\x40\x40\x40\x40\xe0\x06\x02\xa3\x01a\x01b")
    else {
        panic!("symbols are one or many")
    };
    assert_eq!(read.offered_capabilities, ["a".into(), "b".into()]);
    assert!(open(b"\x45").is_err(), "a name must be there");
    assert!(open(b"\xc0\x03\x01\xa3\x00").is_err(), "and be a text");
    assert!(
        open(b"\xc0\x0e\x0b\xa1\x01c\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40").is_err(),
        "ten fields"
    );
}

#[test]
fn names_of_types_are_as_good_as_their_numbers() {
    let mut out = BytesMut::new();
    let body = b"\0\xa3\x0damqp:end:list\x45";
    out.put_u32(u32::try_from(body.len() + 8).unwrap());
    out.extend_from_slice(b"\x02\0\0\x01");
    out.extend_from_slice(body);
    let mut decoder = Decoder {
        layer: Layer::Amqp,
        ..Decoder::default()
    };
    assert_eq!(
        decoder.decode(&mut out),
        Ok(Some(Item::Said(1, End::default().into(), Bytes::new())))
    );
}

#[test]
fn a_frame_that_cannot_be_is_refused_before_it_has_come() {
    for (layer, data) in [
        (Layer::Greeting, &b"AMQP\0\0\x09\x01"[..]),
        (Layer::Greeting, b"AMQP\x02\x01\0\0"),
        (Layer::Greeting, b"HELO"),
        (Layer::Amqp, b"\xff\0\0\0\x02\0\0\0"),
        (Layer::Amqp, b"\0\0\0\x10\x01\0\0\0"),
        (Layer::Amqp, b"\0\0\0\x08\x03\0\0\0"),
        (Layer::Amqp, b"\0\0\0\x10\x02\x01\0\0"),
        (Layer::Amqp, b"\0\0\0\x0c\x02\0\0\0\0\x53\x19\x45"),
        (Layer::Amqp, b"\0\0\0\x0d\x02\0\0\0\0\x53\x17\x45\x40"),
        (Layer::Sasl, b"\0\0\0\x10\x02\0\0\0"),
        (Layer::Sasl, b"\0\0\0\x0c\x02\x01\0\0\0\x53\x40\x45"),
    ] {
        let mut decoder = Decoder {
            layer,
            ..Decoder::default()
        };
        assert!(decoder.decode(&mut BytesMut::from(data)).is_err(), "{data:x?}");
    }
    let mut decoder = Decoder::default();
    assert_eq!(decoder.decode(&mut BytesMut::from(&b"AMQP\0"[..])), Ok(None));
    decoder.layer = Layer::Amqp;
    // What precedes the body is passed over (2.3.1, extended header).
    let mut extended = BytesMut::from(&b"\0\0\0\x0c\x03\0\0\0abcd"[..]);
    assert_eq!(decoder.decode(&mut extended), Ok(Some(Item::Empty)));
}

#[test]
fn sections_come_back_as_they_were() {
    let map = Bytes::from_static(b"\xc1\x05\x02\xa3\x01x\x41");
    let mut all = Sections {
        header: MessageHeader {
            durable: Some(true),
            ..MessageHeader::default()
        },
        annotations: Some(map.clone()),
        properties: Properties {
            message_id: Some(Value::Ulong(7)),
            creation_time: Some(Millis(9)),
            content_type: Some("a/b".into()),
            ..Properties::default()
        },
        application: vec![("n".into(), Value::Int(5))],
        footer: Some(map),
        ..Sections::default()
    };
    for body in [
        Body::Data(Bytes::from_static(b"data")),
        Body::Value(Bytes::from_static(b"\xa1\x01x")),
        Body::Sequence(Bytes::from_static(b"\x45\xc0\x02\x01\x43")),
    ] {
        all.body = body;
        let mut out = BytesMut::new();
        all.write(&mut out);
        assert_eq!(Sections::read(out.freeze()), Ok(all.clone()));
    }
    for (wrong, why) in [
        (&b"\0\x53\x77\x40\0\x53\x70\x45"[..], "not in their order"),
        (b"\0\x53\x75\xa0\0\0\x53\x77\x40", "of several kinds"),
        (b"\0\x53\x77\x40\0\x53\x77\x40", "twice"),
        (b"\0\x53\x79\x40", "there is no such section"),
        (b"\0\x53\x74\xc1\x05\x02\xa1\x01x\x45", "a list is not simple"),
        (b"\0\x53\x74\xc1\x03\x02\x43\x43", "a name is a text"),
        (b"\0\x53\x72\x45", "annotations are a map"),
    ] {
        assert!(Sections::read(Bytes::from_static(wrong)).is_err(), "{why}");
    }
}

fn value() -> impl Strategy<Value = Value> {
    let simple = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<u32>().prop_map(Value::Uint),
        any::<i64>().prop_map(Value::Long),
        any::<u8>().prop_map(|n| Value::Ulong(n.into())),
        any::<i16>().prop_map(Value::Short),
        any::<char>().prop_map(Value::Char),
        ".{0,300}".prop_map(|text: String| Value::Text(text.into())),
        "[a-z:]{0,9}".prop_map(|text: String| Value::symbol(&text)),
    ];
    simple.prop_recursive(4, 32, 6, |within| {
        prop_oneof![
            prop::collection::vec(within.clone(), 0..6).prop_map(Value::List),
            prop::collection::vec((within.clone(), within.clone()), 0..4).prop_map(Value::Map),
            (any::<u64>(), within).prop_map(|(n, value)| Value::Described(Box::new((Value::Ulong(n), value)))),
            prop::collection::vec(any::<i32>().prop_map(Value::Int), 1..6).prop_map(Value::Array),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(value in value()) {
        prop_assert_eq!(read(&written(&value)), Ok(value));
    }

    #[test]
    fn bytes_that_nobody_chose_harm_nobody(data in prop::collection::vec(any::<u8>(), 0..200), layer in 0..3) {
        let layer = [Layer::Greeting, Layer::Sasl, Layer::Amqp][layer as usize];
        let mut decoder = Decoder { layer, ..Decoder::default() };
        let mut bytes = BytesMut::from(&data[..]);
        while let Ok(Some(_)) = decoder.decode(&mut bytes) {}
        if let Ok(sections) = Sections::read(data.into()) {
            sections.write(&mut BytesMut::new());
        }
    }
}

#[test]
fn frames_that_bring_messages_are_known_by_their_beginning() {
    for (bytes, brings) in [
        (&b""[..], false),
        (b"AMQP\0\x01\0\0", false),
        (b"\0\0\0\x10\x02\0\0\0\0\x53\x14\xc0\x03\x01\x43", true),
        (b"\0\0\0\x14\x03\0\0\0\0\0\0\0\0\x53\x14\xc0", true),
        (b"\0\0\0\x20\x02\0\0\0\0\x80\0\0\0\0\0\0\0\x14", true),
        (
            b"\0\0\0\x30\x02\0\0\0\0\xa3\x12amqp:transfer:list\xc0\x03\x01\x43",
            true,
        ),
        (
            b"\0\0\0\x30\x02\0\0\0\0\xb3\0\0\0\x12amqp:transfer:list\xc0\x03\x01\x43",
            true,
        ),
        (b"\0\0\0\x30\x02\0\0\0\0\xa3\x0eamqp:flow:list\xc0\x03\x01\x43", false),
        (b"\0\0\0\x30\x02\0\0\0\0\xa3\x12amqp:trans", false),
        (b"\0\0\0\x10\x02\0\0\0\0\x53\x15\xc0\x03\x01\x43", false),
        (b"\0\0\0\x08\x02\0\0\0", false),
    ] {
        assert_eq!(publishes(bytes), brings, "{bytes:?}");
    }
}

#[test]
fn each_copy_of_an_array_s_descriptor_counts() {
    // So many times null, in no bytes, described by so many names.
    let array = |count: u16, descriptors: usize| {
        let constructor = [&b"\0\xa3\x01a".repeat(descriptors)[..], b"\x40"].concat();
        let size = u32::try_from(constructor.len() + 4).unwrap();
        let head = [&b"\xf0"[..], &size.to_be_bytes(), &u32::from(count).to_be_bytes()].concat();
        read(&[head, constructor].concat())
    };
    assert!(array(4000, 0).is_ok() && array(4000, 1).is_ok());
    assert_eq!(array(4000, 3), Err(Malformed("there are too many values")));
    assert_eq!(array(8192, 1), Err(Malformed("there are too many values")));
    let value = array(4000, 1).unwrap();
    assert_eq!(value.weight(), size_of::<Value>() * (1 + 3 * 4000) + 4000);
    let long = [b"\xf0\0\0\0\xd0\0\0\0\x01\0\xa3\xc8", &[b'a'; 200][..], b"\x40"].concat();
    assert!(read(&long).is_err(), "it would be copied for each item");
}
