//! Casts between the types.

use std::borrow::Cow;
use std::net::IpAddr;

use super::*;

fn samples() -> [Sample<'static>; 7] {
    [
        Sample::Bool(true),
        Sample::Int(5),
        Sample::Ip(IpAddr::from([10, 0, 0, 1])),
        Sample::Ip(IpAddr::from([0u16, 0, 0, 0, 0, 0xffff, 0x0a00, 1])),
        Sample::text("7x"),
        Sample::text("10.0.0.2"),
        Sample::Binary(Cow::Borrowed(b"AB")),
    ]
}

#[test]
fn what_each_becomes() {
    let bools = samples().map(|s| s.as_bool());
    assert_eq!(
        bools,
        [Some(true), Some(true), Some(true), None, Some(true), Some(true), None]
    );
    let ints = samples().map(|s| s.as_int());
    assert_eq!(
        ints,
        [Some(1), Some(5), Some(0x0a00_0001), None, Some(7), Some(10), None]
    );
    let v4 = samples().map(|s| s.as_v4().map(|ip| ip.to_string()));
    let v4 = v4.each_ref().map(|ip| ip.as_deref());
    assert_eq!(
        v4,
        [
            None,
            Some("0.0.0.5"),
            Some("10.0.0.1"),
            Some("10.0.0.1"),
            None,
            Some("10.0.0.2"),
            None
        ]
    );
    let texts = samples().map(|s| String::from_utf8(s.into_text().into_owned()).expect("ASCII"));
    assert_eq!(texts, ["1", "5", "10.0.0.1", "::ffff:10.0.0.1", "7x", "10.0.0.2", "AB"]);
    let lengths = samples().map(|s| s.into_binary().map(|bytes| bytes.len()));
    assert_eq!(lengths, [None, Some(8), Some(4), Some(16), Some(2), Some(8), Some(2)]);
}

/// The types promise at least what the values keep.
#[test]
fn a_cast_that_works_was_promised() {
    for sample in samples() {
        let kind = sample.kind();
        assert!(sample.as_bool().is_none() || kind.becomes(Kind::Bool) || matches!(sample, Sample::Ip(_)));
        assert!(sample.as_int().is_none() || kind.becomes(Kind::Int));
        assert!(sample.as_ip().is_none() || kind.becomes(Kind::Ip));
        assert!(sample.borrow().into_binary().is_none() || kind.becomes(Kind::Binary));
    }
}

#[test]
fn numbers_at_the_edge() {
    for (text, expected) in [
        ("", None),
        ("x", Some(0)),
        ("-", Some(0)),
        ("99999999999999999999", Some(i64::MAX)),
        ("-99999999999999999999", Some(i64::MIN)),
        ("+4", Some(4)),
    ] {
        assert_eq!(Sample::text(text).as_int(), expected, "{text}");
    }
}
