//! Sections `ring`: lines that are kept in memory, shown, and led on to syslog servers, beside HAProxy's.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tandem_tests::{Lb, Papers, Server, connect, ended, free_port, request, until};

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

    /// One that is spoken to with TLS, and shows this certificate.
    fn secure(pem: &str) -> Ear {
        let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>();
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain.expect("certificates"), key);
        let config = Arc::new(config.expect("it fits"));
        let heard = Arc::<Mutex<Vec<u8>>>::default();
        let hears = heard.clone();
        let server = Server::start(move |stream| {
            let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).expect("a server"), stream);
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

/// One of the two programs, and what is around it. It has one thread: with more, a line that HAProxy writes while its last
/// one is passed on may wait for the next one.
struct Side {
    room: Room,
    at: SocketAddr,
    /// Where metrics are.
    page: SocketAddr,
    ears: [Ear; 2],
}

impl Side {
    fn new() -> Side {
        Side {
            room: Room::new(),
            at: ([127, 0, 0, 1], free_port()).into(),
            page: ([127, 0, 0, 1], free_port()).into(),
            ears: [Ear::new(), Ear::new()],
        }
    }

    fn text(&self) -> String {
        let [counted, ended] = [0, 1].map(|n| self.ears[n].server.address());
        format!(
            "global
    nbthread 1
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
    timeout connect 60s
    timeout server 60s
    server a {counted} log-proto octet-count
ring ended
    format rfc5424
    timeout connect 60s
    timeout server 60s
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
frontend page
    mode http
    bind {}
    no log
    http-request use-service prometheus-exporter if {{ path /metrics }}
",
            self.room.line(),
            self.at,
            "x".repeat(399),
            self.page,
        )
    }

    /// A client whom nobody serves; its line is written when it has ended.
    fn visit(&self, times: usize) {
        for _ in 0..times {
            assert!(ended(&mut connect(self.at)));
        }
    }

    /// One figure of a ring among the metrics.
    fn figure(&self, name: &str, ring: &str) -> u64 {
        let accepted = "Accept: application/openmetrics-text";
        let text = request(self.page, "GET", "/metrics?scope=ring", &[accepted], "").body;
        let series = format!("tandem_ring_{name}{{ring=\"{ring}\"}} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&series));
        value
            .and_then(|value| value.parse().ok())
            .unwrap_or_else(|| panic!("no {series} in {text}"))
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
        // Who writes a line writes it to one ring after the other.
        until("the lines in the last ring", || {
            (side.lines("kept").len() == 3).then_some(())
        });
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
    lb.configure(&side.text().replace("timeout server 60s", "timeout server 61s"));
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
    until("all to be counted", || {
        (side.figure("dropped_total", "ended") + side.figure("lines", "ended") == 50).then_some(())
    });
    assert_eq!(side.figure("lines", "ended"), side.lines("ended").len() as u64);
    assert_eq!(side.figure("size_bytes", "counted"), 20_000);
    let (lines, bytes) = (side.figure("lines", "kept"), side.figure("bytes", "kept"));
    assert_eq!(bytes, 412 * lines);
    assert_eq!(side.figure("dropped_total", "kept"), 0);
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

#[test]
fn lines_go_on_with_tls_to_who_proves_who_it_is() {
    let (papers, others) = (Papers::new(), Papers::new());
    let pem = papers.pem(&["logs.example"]);
    let one = |ours: bool| {
        let (room, ear, at) = (
            Room::new(),
            Ear::secure(&pem),
            SocketAddr::from(([127, 0, 0, 1], free_port())),
        );
        let server = ear.server.address();
        let secure = |ca: &str| format!("{server} ssl verify required ca-file {ca} sni str(logs.example)");
        let text = format!(
            "global\n nbthread 1\n {}\n log ring@away local0\n log ring@stranger local1\n\
             ring away\n format raw\n server a {} log-proto octet-count\n\
             ring stranger\n format raw\n server b {}\n\
             defaults\n mode tcp\n timeout connect 1s\n timeout client 5s\n timeout server 5s\n log global\n\
             frontend fe\n bind {at}\n log-format \"%ci came\"\n",
            room.line(),
            secure(&papers.path("ca.pem")),
            secure(&others.path("ca.pem")),
        );
        let _running = match ours {
            true => (Some(Lb::start(&text)), None),
            false => (None, Some(haproxy(&room, &text)?)),
        };
        for _ in 0..3 {
            assert!(ended(&mut connect(at)));
        }
        let heard = until("the lines at the server", || {
            Some(ear.text()).filter(|text| text.matches("came").count() >= 3)
        });
        let kept = until("the lines of who reaches nobody", || {
            let text = room.ask("show events stranger");
            (text.matches("came").count() == 3).then_some(text)
        });
        Some((heard, kept.trim_end().to_owned()))
    };
    let ours = one(true);
    // Each once, whatever the other ring would have liked.
    assert_eq!(
        ours.as_ref().map(|(heard, _)| heard.as_str()),
        Some(&*"14 127.0.0.1 came".repeat(3))
    );
    match one(false) {
        Some(theirs) => assert_eq!(ours, Some(theirs)),
        None => say("SKIP rings with TLS beside HAProxy: haproxy is not installed"),
    }
}
