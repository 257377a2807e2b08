//! Scripts against servers, with the words that HAProxy 2.6.12 said of the same.

use super::*;
use crate::probe::{Content, Expect, HttpRequest, Step, hex};

fn text(text: &str) -> Expect {
    Expect::new(Answer::Content(Content::Text(text.into())))
}

fn regex(pattern: &str) -> Expect {
    Expect::new(Answer::Content(Content::Regex(
        regex::bytes::Regex::new(pattern).unwrap(),
    )))
}

fn step(action: Action) -> Step {
    Step::new(action)
}

fn expect(expect: Expect) -> Step {
    Step::new(Action::Expect(expect))
}

fn send(bytes: &str) -> Step {
    step(Action::Send(bytes.as_bytes().into()))
}

const CONNECT: Action = Action::Connect(Connect {
    port: None,
    ip: None,
    as_usual: false,
    sends_header: false,
    speaks_tls: false,
    sni: None,
    alpn: Vec::new(),
    lingers: false,
});

/// Nobody knows anything, but the time.
pub(in crate::probe) struct Nobody;

impl Context for Nobody {
    fn content(&self) -> Option<crate::expr::content::Content<'_>> {
        None
    }

    fn fact(&self, _: &crate::expr::Fact) -> Option<Sample<'_>> {
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

/// What a server does.
enum Server {
    Refuses,
    /// Says this, then nothing.
    Says(&'static str),
    SaysAndCloses(&'static str),
}

fn run(script: &Script, server: &Server) -> (String, Vec<u8>) {
    let mut probe = Probe::new(script, &Nobody);
    let mut sent = Vec::new();
    let mut spoken = false;
    for _ in 0..100 {
        match probe.poll_output() {
            Some(Output::Connect(_)) => match server {
                Server::Refuses => probe.handle(Input::NotConnected {
                    words: "Connection refused",
                    shortage: false,
                }),
                _ => probe.handle(Input::Connected),
            },
            Some(Output::Send(bytes)) => sent.extend_from_slice(&bytes),
            Some(Output::Done(end)) => {
                let code = end.code.map_or_else(String::new, |code| format!(" {code}"));
                return (format!("{}{code} | {}", end.status, end.info.unwrap_or_default()), sent);
            }
            None if spoken => probe.handle(Input::Late),
            None => {
                spoken = true;
                let (Server::Says(bytes) | Server::SaysAndCloses(bytes)) = server else {
                    continue;
                };
                // Byte by byte, as the worst network brings it.
                for byte in bytes.as_bytes() {
                    probe.handle(Input::Received(&[*byte]));
                }
                if matches!(server, Server::SaysAndCloses(_)) {
                    probe.handle(Input::Closed);
                }
            }
        }
    }
    panic!("it does not end");
}

#[test]
fn the_words_of_tcp_checks() {
    use Server::{Refuses, Says, SaysAndCloses};
    let hello = "220 hello there\r\n";
    let negated = |e: Expect| Expect { negated: true, ..e };
    let commented = |mut step: Step, comment: &str| {
        step.comment = Some(comment.into());
        step
    };
    for (steps, server, expected) in [
        (vec![expect(text("hello"))], Says(hello), "L7OK 0 | (tcp-check)"),
        (
            vec![expect(text("hello"))],
            Says(""),
            "L7TOUT |  at step 1 of tcp-check (expect string 'hello')",
        ),
        (
            vec![expect(text("hello"))],
            SaysAndCloses(""),
            "L7RSP | TCPCHK got an empty response at step 1",
        ),
        (
            vec![expect(text("hello"))],
            Refuses,
            "L4CON | Connection refused at initial connection step of tcp-check",
        ),
        (
            vec![step(CONNECT), expect(text("goodbye"))],
            Says(hello),
            "L7TOUT |  at step 2 of tcp-check (expect string 'goodbye')",
        ),
        (
            vec![step(CONNECT), expect(text("x"))],
            Refuses,
            "L4CON | Connection refused at step 1 of tcp-check (connect)",
        ),
        (
            vec![commented(step(CONNECT), "first"), expect(text("x"))],
            Refuses,
            "L4CON | Connection refused at step 1 of tcp-check (connect) comment: 'first'",
        ),
        (
            vec![step(CONNECT), commented(expect(regex("^good.*bye")), "the greeting")],
            Says(hello),
            "L7TOUT |  at step 2 of tcp-check (expect regex) comment: 'the greeting'",
        ),
        (
            vec![expect(negated(text("hello")))],
            Says(hello),
            "L7RSP | TCPCHK matched unwanted content 'hello' at step 1",
        ),
        (
            vec![expect(Expect {
                min_recv: Some(17),
                ..negated(text("hello"))
            })],
            Says(hello),
            "L7RSP | TCPCHK matched unwanted content 'hello' at step 1",
        ),
        (
            vec![expect(Expect {
                min_recv: Some(17),
                ..negated(regex("hel+o"))
            })],
            Says(hello),
            "L7RSP | TCPCHK matched unwanted content (regex) at step 1",
        ),
        (
            vec![expect(Expect {
                min_recv: Some(5),
                ..text("zzz")
            })],
            Says(hello),
            "L7RSP | TCPCHK did not match content 'zzz' at step 1",
        ),
        (
            vec![expect(text("zzz"))],
            SaysAndCloses(hello),
            "L7RSP | TCPCHK did not match content 'zzz' at step 1",
        ),
        (
            vec![expect(Expect::new(Answer::Content(Content::Binary(
                hex("0102").unwrap(),
            ))))],
            Says(hello),
            "L7TOUT |  at step 1 of tcp-check (expect binary '<01><02>')",
        ),
        (
            vec![expect(Expect {
                on_success: Some("it said hello".into()),
                ..text("hello")
            })],
            Says(hello),
            "L7OK 0 | it said hello",
        ),
        (
            vec![expect(Expect {
                ok_status: Some(CheckStatus::L7OkConditionally),
                ..text("hello")
            })],
            Says(hello),
            "L7OKC 0 | (tcp-check)",
        ),
        (
            vec![expect(Expect {
                error_status: Some(CheckStatus::L7Status),
                on_error: Some("own words".into()),
                ..text("zzz")
            })],
            SaysAndCloses(hello),
            "L7STS 0 | own words",
        ),
        (
            vec![step(Action::Connect(Connect {
                port: Some(1),
                ..Connect::default()
            }))],
            Says(""),
            "L4OK | (tcp-check)",
        ),
        (vec![send("foo")], Says(""), "L7OK 0 | (tcp-check)"),
        (
            vec![expect(text("hello")), step(CONNECT)],
            Says(hello),
            "L4OK | (tcp-check)",
        ),
    ] {
        let script = Script::tcp(steps);
        assert_eq!(run(&script, &server).0, expected, "{script:?}");
    }
}

#[test]
fn the_words_of_http_checks() {
    use Server::{Refuses, Says, SaysAndCloses};
    let script = Script::http(&HttpRequest::default(), Vec::new());
    for (server, expected) in [
        (Says("HTTP/1.0 200 OK\r\n\r\n"), "L7OK 200 | "),
        (Says("HTTP/1.0 302 Found\r\n\r\n"), "L7OK 302 | "),
        (Says("HTTP/1.0 503 Some Reason\r\n\r\n"), "L7STS 503 | Some Reason"),
        (Says("this is not http at all\r\n\r\n"), "L7RSP | "),
        (Says(""), "L7TOUT | "),
        (SaysAndCloses(""), "L7RSP | "),
        (Refuses, "L4CON | Connection refused"),
    ] {
        let (said, sent) = run(&script, &server);
        assert_eq!(said, expected);
        assert!(sent.is_empty() || sent.starts_with(b"OPTIONS / HTTP/1.0\r\n"));
    }
}

#[test]
fn other_checks_send_and_hear() {
    use Server::Says;
    for (script, server, expected) in [
        (Script::redis(), Says("+PONG\r\n"), "L7OK 0 | Redis server is ok"),
        (Script::redis(), Says(""), "L7TOUT | "),
        (Script::mysql(None), Says("220 hello"), "L7TOUT | "),
        (
            Script::postgres("x"),
            Says("220 hello"),
            "L7STS 0 | PostgreSQL unknown error",
        ),
        (Script::ldap(), Says("this is not ldap"), "L7RSP | Not LDAPv3 protocol"),
        (Script::ssl_hello(), Says("this is no tls"), "L6RSP | "),
        (Script::ssl_hello(), Says("\x16\x03\x03\0\x50"), "L6OK | "),
        (Script::smtp("EHLO", "h"), Says("220 hello\r\n"), "L7TOUT | "),
    ] {
        assert_eq!(run(&script, &server).0, expected, "{script:?}");
    }
}

#[test]
fn steps_come_one_after_the_other() {
    let script = Script::tcp(vec![expect(text("hello")), send("PING\r\n"), expect(text("+PONG"))]);
    let mut probe = Probe::new(&script, &Nobody);
    assert_eq!(probe.poll_output(), Some(Output::Connect(Connect::usual())));
    assert!(!probe.wants_bytes());
    probe.handle(Input::Connected);
    assert_eq!(probe.poll_output(), None);
    probe.handle(Input::Received(b"hello"));
    assert_eq!(probe.poll_output(), Some(Output::Send(b"PING\r\n".as_slice().into())));
    assert_eq!(probe.poll_output(), None, "what was said before does not count");
    probe.handle(Input::Received(b"+PONG"));
    assert!(matches!(
        probe.poll_output(),
        Some(Output::Done(End {
            status: CheckStatus::L7Ok,
            ..
        }))
    ));
    probe.handle(Input::Late);
    assert_eq!(probe.poll_output(), None, "it has ended");
}

#[test]
fn a_server_that_never_stops_talking_costs_a_buffer() {
    let script = Script::expecting(Content::Text("never".into()));
    let mut probe = Probe::new(&script, &Nobody);
    probe.poll_output();
    probe.handle(Input::Connected);
    for _ in 0..100 {
        probe.handle(Input::Received(&[b'x'; 1000]));
    }
    let Some(Output::Done(end)) = probe.poll_output() else {
        panic!("it has heard enough")
    };
    assert_eq!(end.status, CheckStatus::L7Response);
    assert!(probe.received.len() <= MOST);
}

#[test]
fn texts_are_made_when_they_are_said() {
    use crate::expr::{Expr, Fetch, Scope};
    use crate::probe::Text;
    use crate::rules::{Made, Piece};
    let name = Variable {
        scope: Scope::Check,
        name: "who".into(),
    };
    let who = || Piece::Value(Expr::of(Fetch::Variable(name.clone())));
    let value = Expr::of(Fetch::Constant(Sample::text("you")));
    let steps = vec![
        step(Action::Set(name.clone(), Made::Value(value))),
        step(Action::SendMade {
            text: Text(vec![Piece::Literal("hello ".into()), who()]),
            is_hex: false,
        }),
        step(Action::SendMade {
            text: "0d0A".into(),
            is_hex: true,
        }),
        expect(Expect {
            on_success: Some(Text(vec![Piece::Literal("it is ".into()), who()])),
            code: Some(Expr::of(Fetch::Constant(Sample::Int(7)))),
            ..Expect::new(Answer::Content(Content::Made {
                text: Text(vec![who()]),
                is_hex: false,
            }))
        }),
        step(Action::Unset(name.clone())),
    ];
    let script = Script::tcp(steps);
    let (said, sent) = run(&script, &Server::Says("and you"));
    assert_eq!(
        (said.as_str(), sent.as_slice()),
        ("L7OK 7 | it is you", &b"hello you\r\n"[..])
    );
    let (said, _) = run(&script, &Server::SaysAndCloses("and me"));
    assert_eq!(
        said,
        "L7RSP 7 | TCPCHK did not match content (log-format string) at step 4"
    );
}
