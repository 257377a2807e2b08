//! Sections `ring`: lines that are kept in memory, shown, and led on to syslog servers, beside HAProxy's.

use std::io::{BufRead, BufReader, Read, Write};
use std::sync::{Arc, Mutex};

use tandem_tests::{Lb, Server, connect, ended, free_port, until};

use super::haproxy::haproxy;
use super::room::{Room, say};

/// A syslog server over TCP, and what it has heard.
struct Ear {
    server: Server,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Ear {
    fn new() -> Ear {
        let heard = Arc::<Mutex<Vec<u8>>>::default();
        let hears = heard.clone();
        let server = Server::start(move |mut stream| {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = stream.read(&mut buffer) {
                hears.lock().expect("no panic").extend_from_slice(&buffer[..n]);
            }
        });
        Ear { server, heard }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().expect("no panic")).into_owned()
    }
}

/// Numbers and the long part of a line differ in length.
fn shape(text: &str) -> String {
    let mut same = String::new();
    for letter in text.chars() {
        let letter = if letter.is_ascii_digit() { '0' } else { letter };
        if !(matches!(letter, '0' | 'x') && same.ends_with(letter)) {
            same.push(letter);
        }
    }
    same
}

/// One of the two programs, and what is around it.
struct Side {
    room: Room,
    at: std::net::SocketAddr,
    ears: [Ear; 2],
}

impl Side {
    fn new() -> Side {
        Side {
            room: Room::new(),
            at: ([127, 0, 0, 1], free_port()).into(),
            ears: [Ear::new(), Ear::new()],
        }
    }

    fn text(&self) -> String {
        let [counted, ended] = [0, 1].map(|n| self.ears[n].server.address());
        format!(
            "global
    log-tag haproxy
    {}
    log ring@counted local0
    log ring@ended format raw local1
    log ring@kept len 90 local2 notice
ring counted
    description \"Lines with their length\"
    format rfc3164
    maxlen 100
    size 20000
    timeout connect 2s
    timeout server 2s
    server a {counted} log-proto octet-count
ring ended
    format rfc5424
    timeout connect 2s
    timeout server 2s
    server a {ended}
ring kept
defaults
    mode tcp
    timeout connect 1s
    timeout client 5s
    timeout server 5s
    log global
    option tcplog
frontend fe
    bind {}
    log ring@kept local0
    log-format \"%ci {}\"
",
            self.room.line(),
            self.at,
            "x".repeat(399),
        )
    }

    /// A client whom nobody serves; its line is written when it has ended.
    fn visit(&self, times: usize) {
        for _ in 0..times {
            assert!(ended(&mut connect(self.at)));
        }
    }

    fn lines(&self, ring: &str) -> Vec<String> {
        let text = self.room.ask(&format!("show events {ring}"));
        text.lines().filter(|line| !line.is_empty()).map(shape).collect()
    }
}

#[test]
fn lines_are_kept_and_go_on_as_haproxys_do() {
    let sides = [Side::new(), Side::new()];
    let [theirs, ours] = &sides;
    let Some(_haproxy) = haproxy(&theirs.room, &theirs.text()) else {
        return say("SKIP rings beside HAProxy: haproxy is not installed");
    };
    let _lb = Lb::start(&ours.text());
    let told = |side: &Side| {
        side.visit(3);
        for (ear, parts) in side.ears.iter().zip([3, 3]) {
            until("the lines at the server", || {
                (ear.text().matches("127.0.0.1 ").count() == parts).then_some(())
            });
        }
        let rings = ["counted", "ended", "kept"].map(|ring| side.lines(ring));
        let heard = [0, 1].map(|n| shape(&side.ears[n].text()));
        let answers = [
            "show events",
            "show events nobody",
            "show events kept -x",
            "show events kept -n",
        ];
        (
            rings,
            heard,
            answers.map(|words| side.room.ask(words).trim_end().to_owned()),
        )
    };
    let (one, other) = (told(theirs), told(ours));
    for side in &sides {
        let cut = side.room.ask("show events counted");
        assert!(
            cut.lines()
                .filter(|line| !line.is_empty())
                .all(|line| line.len() == 100),
            "{cut}"
        );
    }
    assert_eq!(other, one);
    assert_eq!(one.0[2].len(), 3, "{one:?}");
    // Each takes 412 bytes with what stands beside it: of sixty the oldest give way.
    let kept = sides.each_ref().map(|side| {
        side.visit(60);
        until("the last line", || (side.lines("kept").len() > 30).then_some(()));
        side.lines("kept").len()
    });
    assert_eq!(kept[0], kept[1], "{kept:?}");
    assert_eq!(kept[1], (16_384 - 1) / 412);
}

#[test]
fn a_server_that_was_away_misses_nothing_and_a_reload_keeps_what_is_there() {
    let mut side = Side::new();
    let lb = Lb::start(&side.text());
    let mut follower = BufReader::new(side.room.connect());
    follower
        .get_mut()
        .write_all(b"show events kept -w -n\n")
        .expect("it is taken");
    // Who asks behind it is answered when it has been heard.
    side.room.ask("show version");
    side.visit(2);
    until("both lines", || {
        (side.ears[1].text().lines().count() == 2).then_some(())
    });
    let mut line = String::new();
    follower.read_line(&mut line).expect("a line while it happens");
    assert!(line.starts_with("127.0.0.1 xxx"), "{line}");
    side.ears[1].server.kill();
    side.visit(3);
    until("five lines in the ring", || {
        (side.lines("ended").len() == 5).then_some(())
    });
    side.ears[1].server.revive();
    until("five lines at the server", || {
        (side.ears[1].text().lines().count() == 5).then_some(())
    });
    // What is said of the way there changes, and not how far it is.
    lb.configure(&side.text().replace("timeout server 2s", "timeout server 3s"));
    assert!(side.room.ask("reload").contains("ring"));
    side.visit(1);
    let newest = until("the sixth line in the ring", || {
        let lines = side.room.ask("show events ended");
        let lines: Vec<_> = lines.lines().filter(|line| !line.is_empty()).collect();
        (lines.len() == 6).then(|| lines[5].to_owned())
    });
    until("it at the server", || {
        side.ears[1].text().contains(&newest).then_some(())
    });
    assert_eq!(side.ears[1].text().lines().count(), 6, "{}", side.ears[1].text());
    // While it is away what it has not had stays, and what comes then is lost and counted.
    side.ears[1].server.kill();
    side.visit(50);
    let dropped = until("lines that found no place", || {
        let sinks = side.room.ask("show events");
        let line = sinks.lines().find(|line| line.contains(" ended "))?.to_owned();
        (!line.contains(" 0 dropped")).then_some(line)
    });
    assert!(dropped.contains("type=buffer, "), "{dropped}");
    let before = side.lines("kept").len();
    assert!(before > 30);
    // Another shape keeps what is in it; another ring is another one.
    let text = side.text();
    let text = text.replace(
        "ring kept\n",
        "ring kept\n    description \"For a while\"\n    format short\n    size 40000\n",
    );
    lb.configure(
        &text
            .replace("ring ended", "ring other")
            .replace("ring@ended", "ring@other"),
    );
    let said = side.room.ask("reload");
    assert!(said.contains("ring"), "{said}");
    assert_eq!(side.room.ask("show events ended"), "No such event sink\n\n");
    assert!(
        side.room
            .ask("show events")
            .contains("    kept       : type=buffer, 0 dropped, For a while\n")
    );
    side.visit(1);
    let lines = until("one more", || {
        Some(side.lines("kept")).filter(|lines| lines.len() == before + 1)
    });
    assert!(lines[before].starts_with("<0>0.0.0.0 x"), "{:?}", lines[before]);
    until("the new ring's line", || (side.lines("other").len() == 1).then_some(()));
    // A line that names none is refused, and nothing changes.
    lb.configure(&text.replace("ring@kept", "ring@kept2"));
    let said = side.room.ask("reload");
    assert!(said.contains("there is no ring `kept2`"), "{said}");
    assert_eq!(side.lines("kept").len(), before + 1);
}
