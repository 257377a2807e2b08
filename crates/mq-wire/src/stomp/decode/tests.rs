//! The table of what arrives, then two properties: what is written is read again however it is cut, and nothing that a
//! stranger sends does more than end his connection.

use proptest::prelude::*;

use super::*;
use crate::stomp::encode;

const LIMITS: Limits = Limits {
    head: 256,
    headers: 5,
    body: 32,
};

fn decoder(version: Version) -> Decoder {
    let mut decoder = Decoder::new(LIMITS);
    decoder.version = version;
    decoder
}

/// All that comes of `bytes`, and what ended it.
fn read(version: Version, bytes: &[u8]) -> (Vec<Item>, Option<DecodeError>) {
    let (mut decoder, mut buffer) = (decoder(version), BytesMut::from(bytes));
    let mut items = Vec::new();
    loop {
        match decoder.decode(&mut buffer) {
            Ok(Some(item)) => items.push(item),
            Ok(None) => return (items, None),
            Err(error) => return (items, Some(error)),
        }
    }
}

fn frame(command: Command) -> Frame {
    Frame::new(command)
}

#[test]
fn what_arrives_and_what_comes_of_it() {
    let send = frame(Command::Send).with("destination", "/queue/a");
    for (bytes, version, expected) in [
        (
            &b"SEND\ndestination:/queue/a\n\nhi\0"[..],
            Version::V1_2,
            send.clone().body("hi"),
        ),
        (
            b"SEND\r\ndestination:/queue/a\r\n\r\nhi\0",
            Version::V1_2,
            send.clone().body("hi"),
        ),
        (
            b"SEND\ncontent-length:3\n\na\0b\0",
            Version::V1_2,
            frame(Command::Send).with("content-length", "3").body(&b"a\0b"[..]),
        ),
        (
            b"SEND\na:x\\cy\\n\n\n\0",
            Version::V1_1,
            frame(Command::Send).with("a", "x:y\n"),
        ),
        (b"SEND\na: x \n\n\0", Version::V1_0, frame(Command::Send).with("a", "x")),
        (
            b"SEND\na: x \n\n\0",
            Version::V1_2,
            frame(Command::Send).with("a", " x "),
        ),
        (
            b"CONNECT\npasscode:a\\cb\n\n\0",
            Version::V1_2,
            frame(Command::Connect).with("passcode", "a\\cb"),
        ),
        (
            b"STOMP\nhost:x\n\n\0",
            Version::V1_2,
            frame(Command::Stomp).with("host", "x"),
        ),
        (
            b"CONNECT\npasscode:a:b\n\n\0",
            Version::V1_2,
            frame(Command::Connect).with("passcode", "a:b"),
        ),
        (
            b"SEND\na:http://b\n\n\0",
            Version::V1_2,
            frame(Command::Send).with("a", "http://b"),
        ),
        (
            b"SEND\na\\cb:\\r\n\n\0",
            Version::V1_2,
            frame(Command::Send).with("a:b", "\r"),
        ),
        (
            b"SEND\na\\nb:\\c\n\n\0",
            Version::V1_0,
            frame(Command::Send).with("a\\nb", "\\c"),
        ),
        (b"DISCONNECT\n\n\0", Version::V1_2, frame(Command::Disconnect)),
        (
            b"DISCONNECT\ncontent-length:0\n\n\0",
            Version::V1_2,
            frame(Command::Disconnect).with("content-length", "0"),
        ),
        (
            b"SEND\na:1\na:2\n\n\0",
            Version::V1_2,
            frame(Command::Send).with("a", "1").with("a", "2"),
        ),
    ] {
        assert_eq!(
            read(version, bytes),
            (vec![Item::Frame(expected)], None),
            "{:?}",
            shown(bytes)
        );
    }
}

#[test]
fn line_ends_between_frames_are_heart_beats() {
    let (items, error) = read(Version::V1_2, b"\n\nSEND\n\n\0\r\n\nSEND\n\n\0\n");
    let send = || Item::Frame(frame(Command::Send));
    assert_eq!(
        items,
        [Item::HeartBeat, send(), Item::HeartBeat, send(), Item::HeartBeat]
    );
    assert_eq!(error, None);
}

#[test]
fn the_first_of_two_equal_headers_counts() {
    let (items, _) = read(Version::V1_2, b"SEND\na:1\na:2\n\n\0");
    let Some(Item::Frame(frame)) = items.first() else {
        panic!("{items:?}")
    };
    assert_eq!(frame.header("a"), Some("1"));
}

#[test]
fn what_cannot_be_understood_says_why() {
    let long = [b"SEND\na:".as_slice(), &[b'x'; 300], b"\n\n\0"].concat();
    for (bytes, expected) in [
        (
            &b"GET / HTTP/1.1\r\n"[..],
            DecodeError::UnknownCommand("GET / HTTP/1".into()),
        ),
        (b"NOPE\n\n\0", DecodeError::UnknownCommand("NOPE".into())),
        (b"SEND\nnocolon\n\n\0", DecodeError::NoColon("nocolon".into())),
        (b"SEND\n:value\n\n\0", DecodeError::NoName(":value".into())),
        // A carriage return alone ends no line, and what comes behind a frame begins one.
        (b"SEND\ra:1\n\n\0", DecodeError::UnknownCommand("SEND\ra:1".into())),
        (b"SEND\n\n\0 SEND\n\n\0", DecodeError::UnknownCommand(" SEND".into())),
        (b"send\n\n\0", DecodeError::UnknownCommand("send".into())),
        (b"SEND\na:\\t\n\n\0", DecodeError::Escape("a:\\t".into())),
        (b"SEND\na:\xff\n\n\0", DecodeError::NotUtf8),
        (b"SEND\ncontent-length:x\n\n\0", DecodeError::ContentLength("x".into())),
        (
            b"SEND\ncontent-length:-1\n\n\0",
            DecodeError::ContentLength("-1".into()),
        ),
        (b"SEND\ncontent-length:1\n\nab", DecodeError::NoEnd(1)),
        (b"SEND\ncontent-length:33\n\n", DecodeError::BodyTooLong(32)),
        (
            b"SEND\n\n0123456789012345678901234567890123456789",
            DecodeError::BodyTooLong(32),
        ),
        (
            b"SEND\na:1\nb:1\nc:1\nd:1\ne:1\nf:1\n\n\0",
            DecodeError::TooManyHeaders(5),
        ),
        (&long, DecodeError::HeadTooLong(256)),
        (b"ACK\nid:1\n\nbody\0", DecodeError::Body(Command::Ack)),
        (b"ACK\ncontent-length:4\n\n", DecodeError::Body(Command::Ack)),
    ] {
        assert_eq!(read(Version::V1_2, bytes).1, Some(expected), "{:?}", shown(bytes));
    }
}

#[test]
fn without_a_length_the_first_nul_ends_the_body() {
    let (items, error) = read(Version::V1_2, b"SEND\n\na\0b\0");
    assert_eq!(items, [Item::Frame(frame(Command::Send).body("a"))]);
    assert_eq!(error, None, "the rest may be the beginning of a command");
    let (_, error) = read(Version::V1_2, b"SEND\n\na\0b\0\n\n");
    assert_eq!(error, Some(DecodeError::UnknownCommand("b\0".into())));
}

#[test]
fn a_body_of_just_the_limit_is_taken() {
    let bytes = [b"SEND\n\n".as_slice(), &[b'x'; 32], b"\0"].concat();
    assert_eq!(read(Version::V1_2, &bytes).0.len(), 1);
}

fn any_frame() -> impl Strategy<Value = Frame> {
    let header = ("[ -~é\n\r:\\\\]{1,12}", "[ -~é\n\r:\\\\]{0,12}");
    let headers = prop::collection::vec(header, 0..4);
    let command = prop::sample::select(vec![Command::Send, Command::Message, Command::Error]);
    (command, headers, prop::collection::vec(any::<u8>(), 0..32)).prop_map(|(command, headers, body)| {
        let mut frame = Frame::new(command).body(body);
        for (name, value) in headers.iter().filter(|(name, _)| name != "content-length") {
            frame.headers.push(name, value.as_str());
        }
        frame
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again_however_it_is_cut(
        frames in prop::collection::vec(any_frame(), 1..4),
        cuts in prop::collection::vec(1usize..9, 1..40),
    ) {
        let mut bytes = BytesMut::new();
        frames.iter().for_each(|frame| encode(frame, Version::V1_2, &mut bytes));
        let mut decoder = Decoder::new(Limits { head: 1024, ..LIMITS });
        let (mut arrived, mut buffer, mut cuts) = (Vec::new(), BytesMut::new(), cuts.into_iter().cycle());
        while !bytes.is_empty() {
            let cut = cuts.next().unwrap_or(1).min(bytes.len());
            buffer.unsplit(bytes.split_to(cut));
            while let Some(item) = decoder.decode(&mut buffer).unwrap() {
                arrived.push(item);
            }
        }
        let expected: Vec<Item> = frames
            .into_iter()
            .map(|frame| {
                let length = frame.body.len().to_string();
                Item::Frame(frame.with("content-length", length))
            })
            .collect();
        prop_assert_eq!(arrived, expected);
    }

    #[test]
    fn no_bytes_do_more_than_end_the_connection(bytes in prop::collection::vec(any::<u8>(), 0..400), version in 0usize..3) {
        read(Version::ALL[version], &bytes);
        let mut framed = b"SEND\n".to_vec();
        framed.extend(&bytes);
        read(Version::ALL[version], &framed);
    }
}

#[test]
fn frames_that_bring_messages_are_known_by_their_beginning() {
    for (bytes, brings) in [
        ("", false),
        ("\n\r\n", false),
        ("SEND\ndestination:/queue/a\n", true),
        ("\n\r\nSEND\r\n", true),
        ("COMMIT\ntransaction:t\n\n\0", true),
        ("ACK\nid:1\n\n\0SEND\n", false),
        ("DISCONNECT\n\n\0", false),
    ] {
        assert_eq!(publishes(bytes.as_bytes()), brings, "{bytes:?}");
    }
}
