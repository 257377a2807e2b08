//! Formats, and what HAProxy 2.6.12 wrote with them.

use std::net::SocketAddr;
use std::time::Duration;

use tandem_lb_core::conn::{Ending, Summary};
use tandem_lb_core::expr::{Content, Context, Fact, Sample, Variable};
use tandem_lb_core::log::tcplog::{Client, Counts, Line, Moment, Tls, TowardsServer};
use tandem_text::Span;

use super::*;

fn parse(text: &str) -> Result<Format, Diagnostic> {
    let mut sources = tandem_text::SourceMap::default();
    let file = sources.add("", text.to_owned());
    let word = Word {
        text: text.to_owned(),
        span: Span::new(file, 0, text.len()),
    };
    let world = World::new(&|_| None, &|_| Err("no file".to_owned()));
    of_line(&word, &mut Book::default(), world)
}

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// Knows nothing.
struct Nowhere;

impl Context for Nowhere {
    fn content(&self) -> Option<Content<'_>> {
        None
    }

    fn fact(&self, _: &Fact) -> Option<Sample<'_>> {
        None
    }

    fn variable(&self, _: &Variable) -> Option<Sample<'_>> {
        None
    }

    fn wall_micros(&self) -> i64 {
        0
    }

    fn local_offset(&self, _: i64) -> i32 {
        0
    }
}

fn line() -> Line<'static> {
    Line {
        client: Client::Ip(addr("127.0.0.1:37796")),
        local: Some(addr("127.0.0.1:18998")),
        accepted: Moment {
            unix_millis: 1_795_282_992_777,
            utc_offset_seconds: 5400,
        },
        frontend: "fe",
        backend: "be",
        server: Some("s1"),
        towards_server: TowardsServer {
            from: Some(addr("127.0.0.1:59772")),
            to: Some(addr("[2001:db8::1]:49385")),
        },
        summary: Summary {
            wait: Some(Duration::from_millis(1)),
            connect: Some(Duration::from_millis(2)),
            total: Duration::from_millis(10),
            retries: 0,
            redispatched: false,
            server: None,
            ending: Ending::NORMAL,
        },
        handshake: Duration::from_millis(4),
        from_client: 2,
        bytes: 11,
        counts: Counts {
            process: 1,
            frontend: 2,
            backend: 3,
            server: 4,
            server_queue: 5,
            backend_queue: 6,
        },
        early: false,
        tls: None,
        number: 7,
        log_number: 8,
        pid: 13_972,
        hostname: "vm",
        unique_id: None,
        captures: 0,
        context: Some(&Nowhere),
    }
}

fn written(format: &str, line: &Line<'_>) -> String {
    let format = parse(format).unwrap_or_else(|wrong| panic!("{format}: {}", wrong.message));
    let mut out = Vec::new();
    format.write(line, &mut out);
    String::from_utf8(out).expect("text")
}

/// Name, plain, with `+Q`, with `+X`.
const FIELDS: &[(&str, &str, Option<&str>, Option<&str>)] = &[
    ("T", "21/Nov/2026:17:43:12 +0000", None, None),
    ("Tl", "21/Nov/2026:19:13:12 +0130", None, None),
    ("Ts", "1795282992", None, Some("6B01D830")),
    ("t", "21/Nov/2026:19:13:12.777", None, None),
    ("ms", "777", None, Some("309")),
    ("Tw", "1", None, None),
    ("Tc", "2", None, None),
    ("Td", "7", None, None),
    ("Th", "4", None, None),
    ("Tt", "10", None, None),
    ("Tu", "6", None, None),
    ("B", "11", None, None),
    ("U", "2", None, None),
    ("H", "vm", Some("\"vm\""), None),
    ("ID", "-", Some("\"\""), None),
    ("pid", "13972", None, Some("3694")),
    ("rt", "7", None, Some("0007")),
    ("lc", "8", None, Some("0008")),
    ("ac", "1", None, None),
    ("fc", "2", None, None),
    ("bc", "3", None, None),
    ("sc", "4", None, None),
    ("sq", "5", None, None),
    ("bq", "6", None, None),
    ("rc", "0", None, None),
    ("f", "fe", Some("\"fe\""), None),
    ("ft", "fe", Some("\"fe\""), None),
    ("b", "be", Some("\"be\""), None),
    ("s", "s1", Some("\"s1\""), None),
    ("ci", "127.0.0.1", Some("\"127.0.0.1\""), Some("7F000001")),
    ("cp", "37796", None, Some("93A4")),
    ("fi", "127.0.0.1", Some("\"127.0.0.1\""), Some("7F000001")),
    ("fp", "18998", None, Some("4A36")),
    ("bi", "127.0.0.1", Some("\"127.0.0.1\""), Some("7F000001")),
    ("bp", "59772", None, Some("E97C")),
    (
        "si",
        "2001:db8::1",
        Some("\"2001:db8::1\""),
        Some("20010DB8000000000000000000000001"),
    ),
    ("sp", "49385", None, Some("C0E9")),
    ("sslc", "-", Some("\"\""), None),
    ("sslv", "-", Some("\"\""), None),
    ("ts", "--", None, None),
    ("tsc", "----", None, None),
    ("ST", "0", None, None),
    ("hr", "", None, None),
    ("hs", "", None, None),
    ("hrl", "", None, None),
    ("hsl", "", None, None),
];

#[test]
fn every_field_in_every_style() {
    assert_eq!(FIELDS.len(), Field::ALL.len());
    let line = line();
    for (name, plain, quoted, hex) in FIELDS {
        for (flags, expected) in [
            ("", plain),
            ("{+Q}", &quoted.unwrap_or(plain)),
            ("{+X}", &hex.unwrap_or(plain)),
        ] {
            let format = format!("<%{flags}{name}>");
            assert_eq!(written(&format, &line), format!("<{expected}>"), "{format}");
        }
    }
}

#[test]
fn flags_hold_for_one_field_or_for_all_that_follow() {
    let line = line();
    for (format, expected) in [
        (
            "%{+Q}o %ci %{-Q}o %ci %{+Q}ci %ci",
            " \"127.0.0.1\"  127.0.0.1 \"127.0.0.1\" 127.0.0.1",
        ),
        (
            "%{+Q,+X}ci %{-Q-X}cp %{+X+Q}cp %{Q}cp",
            "\"7F000001\" 37796 37796 37796",
        ),
        ("%{-M}sslc|%sslc", "|-"),
        ("%{+E}[str('a\"b]c')]", "a\\\"b\\]c"),
    ] {
        assert_eq!(written(format, &line), expected, "{format}");
    }
}

#[test]
fn texts_and_expressions() {
    let line = line();
    for (format, expected) in [
        ("a  b   %ci   c", "a b 127.0.0.1 c"),
        ("100%% %b", "100% be"),
        ("%b/%s:%cp", "be/s1:37796"),
        ("<%[str('a]b')]> <%[int(5)]> <%[bool(true)]>", "<a]b> <5> <1>"),
        ("%{+Q}[int(5)] %{+X}[int(500)]", "\"5\" 500"),
        ("<%[var(txn.x)]> <%{+Q}[var(txn.x)]>", "<-> <\"\">"),
        ("%(name)ci", "127.0.0.1"),
    ] {
        assert_eq!(written(format, &line), expected, "{format}");
    }
}

#[test]
fn other_connections() {
    let unix = Line {
        client: Client::Unix { listener: 2 },
        local: None,
        ..line()
    };
    assert_eq!(written("%ci:%cp %fi:%fp", &unix), "unix:2 unix:2");
    let early = Line { early: true, ..line() };
    assert_eq!(written("%Tt %Tu %B %U %Td", &early), "+10 +6 +11 2 7");
    let refused = Line {
        server: None,
        towards_server: TowardsServer::default(),
        summary: Summary {
            connect: None,
            retries: 3,
            redispatched: true,
            ..line().summary
        },
        ..line()
    };
    assert_eq!(
        written("%s %bi:%bp %si:%sp %Tc %Td %rc", &refused),
        "<NOSRV> -:- -:- -1 -1 +3"
    );
    let tls = Line {
        tls: Some(Tls {
            cipher: "TLS_AES_128_GCM_SHA256",
            version: "TLSv1.3",
        }),
        ..line()
    };
    assert_eq!(
        written("%ft %f %sslv %sslc", &tls),
        "fe~ fe TLSv1.3 TLS_AES_128_GCM_SHA256"
    );
}

#[test]
fn as_an_object() {
    let line = line();
    for (format, expected) in [
        (
            "%{+json}o ignored %(client)ci %cp %(port)cp %(none)sslc %(date)t",
            r#"{"client": "127.0.0.1", "port": 37796, "none": null, "date": "21/Nov/2026:19:13:12.777"}"#,
        ),
        (
            r#"%{+json}o %(a)[str('x"\y')] %(b)[bool(true)] %(c:str)cp %(d:bool)sq %(e:sint)[str('12')]"#,
            r#"{"a": "x\"\\y", "b": true, "c": "37796", "d": true, "e": 12}"#,
        ),
        (
            "%{+cbor}o %(a)sq %(b)[int(-500)] %(c)s %(d)sslc",
            "BF61610561623901F361636273316164F6FF",
        ),
    ] {
        assert_eq!(written(format, &line), expected, "{format}");
    }
}

#[test]
fn mistakes() {
    for (format, message) in [
        ("%Tr", "`%Tr` is about HTTP, and this relays TCP"),
        ("%zz", "there is no field `%zz`"),
        ("a %", "the name of a field is missing behind this"),
        ("%{+Q", "`}` is missing behind this"),
        ("%[src", "this bracket is not closed"),
        ("%{+Q}(x)ci", "the name stands before the flags"),
        ("%(x:float)ci", "`float` is no type of a value here"),
        ("%[src,foo]", "`foo` is no converter"),
        (
            "%[req.payload(0,3)]",
            "what the client sends first is gone when a line is written",
        ),
        ("%[res.len]", "what the server answers is gone when a line is written"),
    ] {
        let wrong = parse(format).expect_err(format);
        assert_eq!(wrong.message, message, "{format}");
    }
}
