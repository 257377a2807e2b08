use proptest::prelude::*;

use super::*;

/// A command at the end of a line.
fn last(text: &str) -> Found {
    Found::Command {
        text: text.to_owned(),
        payload: None,
        ends_line: true,
    }
}

/// A command with a semicolon after it.
fn first(text: &str) -> Found {
    Found::Command {
        text: text.to_owned(),
        payload: None,
        ends_line: false,
    }
}

fn with_payload(text: &str, payload: &str) -> Found {
    Found::Command {
        text: text.to_owned(),
        payload: Some(payload.to_owned()),
        ends_line: true,
    }
}

/// Everything up to the first that needs more bytes.
fn all(framer: &mut Framer) -> Vec<Found> {
    std::iter::from_fn(|| Some(framer.next()).filter(|f| !matches!(f, Found::Incomplete | Found::TooLong))).collect()
}

fn read(bytes: &[u8]) -> Vec<Found> {
    let mut framer = Framer::default();
    framer.push(bytes);
    all(&mut framer)
}

#[test]
fn lines_and_semicolons() {
    assert_eq!(read(b"show info\n"), [last("show info")]);
    assert_eq!(read(b"show info\r\n"), [last("show info")]);
    assert_eq!(read(b"a;b\nc\n"), [first("a"), last("b"), last("c")]);
    assert_eq!(read(b"a;;b;\n"), [first("a"), first(""), first("b"), last("")]);
    assert_eq!(read(br"a\;b;c").len(), 1);
    assert_eq!(read(b"a\\\\;b\n"), [first("a\\\\"), last("b")]);
    assert_eq!(read(b"never ended"), []);
    assert_eq!(read(b"\xff\n"), [last("\u{fffd}")]);
}

#[test]
fn payloads_end_with_an_empty_line_or_their_own_word() {
    let line = Found::PayloadLine;
    assert_eq!(
        read(b"add map x <<\na b\nc;d\n\nshow info\n"),
        [
            line.clone(),
            line.clone(),
            line.clone(),
            with_payload("add map x", "a b\nc;d\n"),
            last("show info")
        ]
    );
    assert_eq!(
        read(b"x <<END\r\n\r\nEND\r\n"),
        [line.clone(), line, with_payload("x", "\n")]
    );
    assert_eq!(read(b"x<<\n"), [last("x<<")]);
    assert_eq!(read(b"x <<;y\n"), [first("x <<"), last("y")]);
}

#[test]
fn nothing_grows_without_end() {
    let mut line = Framer::default();
    line.push(&[b'x'; LONGEST_LINE]);
    assert_eq!(line.next(), Found::TooLong);
    let mut payload = Framer::default();
    payload.push(b"x <<\n");
    assert_eq!(payload.next(), Found::PayloadLine);
    payload.push(&[b'y'; LONGEST_PAYLOAD]);
    assert_eq!(payload.next(), Found::TooLong);
    let mut lines = Framer::default();
    lines.push(b"x <<\n");
    lines.push(&b"y\n".repeat(LONGEST_PAYLOAD / 2));
    let ended = (0..=LONGEST_PAYLOAD)
        .map(|_| lines.next())
        .find(|f| *f != Found::PayloadLine);
    assert_eq!(ended, Some(Found::TooLong));
}

proptest! {
    #[test]
    fn how_the_bytes_arrive_does_not_matter(
        bytes in prop::collection::vec(prop::sample::select(b"ab <;\\\n\r\xff".to_vec()), 0..200),
        cut in 0_usize..200,
    ) {
        let whole = read(&bytes);
        let mut framer = Framer::default();
        let (head, tail) = bytes.split_at(cut.min(bytes.len()));
        framer.push(head);
        let mut parts = all(&mut framer);
        framer.push(tail);
        parts.extend(all(&mut framer));
        prop_assert_eq!(whole, parts);
    }
}
