//! Rules beside HAProxy: the same lines and the same clients, and the same servers, endings, log lines and counts.
//!
//! What is expected is written down here, and holds for both programs; where HAProxy is not installed, for ours.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::signal::Signal;
use socket2::{Domain, Socket, Type};
use tandem_tests::{Config, Haproxy, Lb, PATIENCE, Server, Syslog, connect, free_ports, hello, order, until};

/// Who connects, and what it sends at once.
#[derive(Clone, Copy, Debug)]
struct Visit<'a> {
    from: Ipv4Addr,
    /// To the second port of the frontend.
    second_port: bool,
    sends: &'a [u8],
    /// Says at once that this is all.
    ends: bool,
}

const HERE: Visit<'static> = Visit {
    from: Ipv4Addr::LOCALHOST,
    second_port: false,
    sends: b"",
    ends: false,
};

const fn from(last: u8) -> Visit<'static> {
    Visit {
        from: Ipv4Addr::new(127, 0, 0, last),
        ..HERE
    }
}

const fn sends(bytes: &[u8]) -> Visit<'_> {
    Visit { sends: bytes, ..HERE }
}

struct Scenario<'a> {
    /// Of the frontend.
    rules: &'a str,
    /// Further sections.
    sections: &'a str,
    /// Each visit, who answers or how it ends, and the log line without its figures.
    visits: &'a [(Visit<'a>, &'a str, &'a str)],
    /// `dcon`, `dses`, `dreq` of the frontend.
    denied: [u64; 3],
}

const PLAIN: Scenario<'static> = Scenario {
    rules: "",
    sections: "",
    visits: &[],
    denied: [0, 0, 0],
};

/// Plays it to HAProxy, when there is one, and to ours.
#[track_caller]
fn play(scenario: &Scenario<'_>) {
    let beside = World::new(scenario);
    if let Some(_haproxy) = Haproxy::start(&beside.config, &beside.socket) {
        beside.visit(scenario, "HAProxy");
    }
    let world = World::new(scenario);
    let _lb = Lb::start(&world.config);
    world.visit(scenario, "tandem-lb");
}

/// The servers, the log and the configuration around a balancer.
struct World {
    config: String,
    port: u16,
    syslog: Syslog,
    socket: PathBuf,
    _servers: [Server; 3],
}

impl World {
    fn new(scenario: &Scenario<'_>) -> World {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let servers = ["a", "b", "c"].map(Server::named);
        let (port, syslog) = (free_ports(2), Syslog::default());
        let name = format!(
            "tandem-rules-{}-{}.sock",
            std::process::id(),
            COUNT.fetch_add(1, Relaxed)
        );
        let socket = std::env::temp_dir().join(name);
        let mut config = format!(
            "global\n log {} local0\n stats socket {} level admin\ndefaults\n log global\n option tcplog\n timeout connect 2s\n \
             timeout client 5s\n timeout server 5s\nfrontend fe\n bind 127.0.0.1:{port}\n bind 127.0.0.1:{} name second\n{}",
            syslog.address(),
            socket.display(),
            port + 1,
            scenario.rules,
        );
        for (name, server) in ["a", "b", "c"].iter().zip(&servers) {
            write!(config, "\nbackend {name}\n server s {}\n", server.address()).expect("a string takes it");
        }
        let [a, b, c] = servers.each_ref().map(|server| server.address().to_string());
        let sections = scenario.sections.replace("@A", &a).replace("@B", &b).replace("@C", &c);
        config.push_str(&sections);
        World {
            config,
            port,
            syslog,
            socket,
            _servers: servers,
        }
    }

    #[track_caller]
    fn visit(&self, scenario: &Scenario<'_>, who: &str) {
        let mut expected = Vec::new();
        for (visit, answer, line) in scenario.visits {
            assert_eq!(self.answer(*visit), *answer, "{who}: {visit:?} of\n{}", scenario.rules);
            expected.extend(Some(*line).filter(|line| !line.is_empty()));
            let lines = || self.lines();
            until("the line of this visit", || {
                (lines().len() >= expected.len()).then_some(())
            });
            assert_eq!(lines(), expected, "{who}: {:?}", self.syslog.lines());
        }
        assert_eq!(self.denied(), scenario.denied, "{who}: what was refused");
    }

    /// The name of the server that answers, or how it ends instead.
    fn answer(&self, visit: Visit<'_>) -> String {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket
            .bind(&SocketAddr::from((visit.from, 0)).into())
            .expect("all of 127/8 is ours");
        let port = self.port + u16::from(visit.second_port);
        let to = SocketAddr::from(([127, 0, 0, 1], port));
        if let Err(error) = socket.connect(&to.into()) {
            return ending(&error);
        }
        let mut stream: TcpStream = socket.into();
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
        // It may have been refused already; the read tells how.
        stream.write_all(visit.sends).ok();
        if visit.ends {
            stream.shutdown(Shutdown::Write).ok();
        }
        let mut name = [0];
        match stream.read(&mut name) {
            Ok(0) => return "end".to_owned(),
            Ok(_) => {}
            Err(error) => return ending(&error),
        }
        stream.shutdown(Shutdown::Write).ok();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).ok();
        String::from_utf8_lossy(&name).into_owned()
    }

    /// The lines of connections without times, ports and counts: `127.0.0.1 fe a/s --`.
    fn lines(&self) -> Vec<String> {
        let shown = |line: String| {
            let (_, text) = line.split_once("]: ")?;
            let words: Vec<&str> = text.split(' ').collect();
            let [client, _, fe, be, _, _, flags, ..] = words[..] else {
                return None;
            };
            let (ip, _) = client.rsplit_once(':')?;
            Some(format!("{ip} {fe} {be} {flags}"))
        };
        self.syslog.lines().into_iter().filter_map(shown).collect()
    }

    fn denied(&self) -> [u64; 3] {
        let text = order(&self.socket, "show stat");
        let mut lines = text.lines();
        let names: Vec<&str> = lines
            .next()
            .expect("a header")
            .trim_start_matches("# ")
            .split(',')
            .collect();
        let row = lines.find(|line| line.starts_with("fe,FRONTEND,")).expect("its row");
        let row: Vec<&str> = row.split(',').collect();
        ["dcon", "dses", "dreq"].map(|name| {
            let place = names.iter().position(|known| *known == name).expect("a column");
            row[place].parse().expect("a number")
        })
    }
}

fn ending(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionReset => "reset".to_owned(),
        other => format!("{other:?}"),
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // HAProxy leaves it.
        std::fs::remove_file(&self.socket).ok();
    }
}

#[test]
fn by_source() {
    play(&Scenario {
        rules: " acl second src 127.0.0.2\n acl others src 127.0.0.64/26 127.0.0.9\n use_backend b if second\n use_backend c if others !second\n \
                default_backend a\n",
        visits: &[
            (HERE, "a", "127.0.0.1 fe a/s --"),
            (from(2), "b", "127.0.0.2 fe b/s --"),
            (from(9), "c", "127.0.0.9 fe c/s --"),
            (from(70), "c", "127.0.0.70 fe c/s --"),
        ],
        ..PLAIN
    });
}

#[test]
fn by_port_and_by_what_is_up() {
    let second = Visit {
        second_port: true,
        ..HERE
    };
    play(&Scenario {
        rules: " use_backend b if { dst_port gt 0 } { so_id 2 } or { src 127.0.0.3 }\n use_backend c if { nbsrv(dead) lt 1 } { src 127.0.0.4 }\n \
                use_backend dead unless { srv_is_up(dead/s) } or { src 127.0.0.1 }\n default_backend a\n",
        sections: "backend dead\n server s 127.0.0.1:1 disabled\n",
        visits: &[
            (HERE, "a", "127.0.0.1 fe a/s --"),
            (second, "b", "127.0.0.1 fe b/s --"),
            (from(3), "b", "127.0.0.3 fe b/s --"),
            (from(4), "c", "127.0.0.4 fe c/s --"),
            (from(5), "end", "127.0.0.5 fe dead/<NOSRV> SC"),
        ],
        ..PLAIN
    });
}

#[test]
fn by_the_name_that_a_tls_client_asks_for() {
    let (one, two, three) = (
        hello("Example.org", &["h2"]),
        hello("x.example.net", &["http/1.1", "mqtt"]),
        hello("other", &["h2", "mqtt"]),
    );
    play(&Scenario {
        rules: " tcp-request inspect-delay 3s\n tcp-request content accept if { req.ssl_hello_type 1 }\n tcp-request content reject\n \
                use_backend b if { req.ssl_sni -i example.org }\n use_backend c if { req.ssl_sni -m end .example.net }\n \
                use_backend b if { req.ssl_alpn mqtt }\n default_backend a\n",
        visits: &[
            (sends(&one), "b", "127.0.0.1 fe b/s --"),
            (sends(&two), "c", "127.0.0.1 fe c/s --"),
            (sends(&three), "b", "127.0.0.1 fe b/s --"),
            (sends(b"GET / HTTP/1.0\r\n\r\n"), "end", "127.0.0.1 fe fe/<NOSRV> PR"),
        ],
        denied: [0, 0, 1],
        ..PLAIN
    });
}

#[test]
fn by_the_name_itself() {
    let (known, unknown) = (hello("B", &[]), hello("nobody", &[]));
    play(&Scenario {
        rules: " tcp-request inspect-delay 3s\n tcp-request content accept if { req.ssl_sni -m found }\n \
                use_backend %[req.ssl_sni,lower] if { req.ssl_sni -m len 1:10 }\n default_backend a\n",
        visits: &[
            (sends(&known), "b", "127.0.0.1 fe b/s --"),
            (sends(&unknown), "a", "127.0.0.1 fe a/s --"),
        ],
        ..PLAIN
    });
}

#[test]
fn by_the_fields_of_mqtt() {
    let connect = |user: &str| {
        let body = [&b"\0\x04MQTT\x04\x82\0\x3c\0\x02me\0\x01"[..], user.as_bytes()].concat();
        [&[0x10, body.len() as u8][..], &body].concat()
    };
    let (b, c, wrong) = (connect("b"), connect("c"), b"\x10\x04\0\x02XX".to_vec());
    play(&Scenario {
        rules: " tcp-request inspect-delay 3s\n tcp-request content reject unless { req.payload(0,0),mqtt_is_valid } or { req.payload(0,1) -m bin 16 }\n \
                use_backend %[req.payload(0,0),mqtt_field_value(connect,username)]\n default_backend a\n",
        visits: &[
            (sends(&b), "b", "127.0.0.1 fe b/s --"),
            (sends(&c), "c", "127.0.0.1 fe c/s --"),
            (sends(b"\x16\x03"), "a", "127.0.0.1 fe a/s --"),
            (
                Visit {
                    ends: true,
                    ..sends(&wrong)
                },
                "end",
                "127.0.0.1 fe fe/<NOSRV> PR",
            ),
        ],
        denied: [0, 0, 1],
        ..PLAIN
    });
}

#[test]
fn by_the_first_bytes_or_after_a_while() {
    play(&Scenario {
        rules: " tcp-request inspect-delay 300ms\n tcp-request content accept if { req.len ge 4 }\n tcp-request content reject if { req.len 1:3 }\n \
                use_backend b if { req.payload(0,2) -m str ab }\n use_backend c if { req.payload(0,4) -m reg ^c.*d$ }\n default_backend a\n",
        visits: &[
            (sends(b"abcd"), "b", "127.0.0.1 fe b/s --"),
            (sends(b"cxxd"), "c", "127.0.0.1 fe c/s --"),
            (HERE, "a", "127.0.0.1 fe a/s --"),
            (sends(b"ab"), "end", "127.0.0.1 fe fe/<NOSRV> PR"),
        ],
        denied: [0, 0, 1],
        ..PLAIN
    });
}

#[test]
fn what_is_said_at_the_end_of_the_delay() {
    play(&Scenario {
        rules: " tcp-request inspect-delay 300ms\n tcp-request content reject if { src 127.0.0.2 } WAIT_END\n \
                use_backend b if { src 127.0.0.3 } REQ_CONTENT\n default_backend a\n",
        visits: &[
            (from(2), "end", "127.0.0.2 fe fe/<NOSRV> PR"),
            (HERE, "a", "127.0.0.1 fe a/s --"),
            (from(3), "a", "127.0.0.3 fe a/s --"),
        ],
        denied: [0, 0, 1],
        ..PLAIN
    });
}

#[test]
fn refused_at_each_door() {
    play(&Scenario {
        rules: " tcp-request connection accept if { src 127.0.0.5 }\n tcp-request connection reject if { src 127.0.0.2 127.0.0.5 }\n \
                tcp-request session reject if { src 127.0.0.3 }\n tcp-request content reject if { src 127.0.0.4 }\n default_backend a\n",
        visits: &[
            (from(2), "reset", ""),
            (from(3), "end", ""),
            (from(4), "end", "127.0.0.4 fe fe/<NOSRV> PR"),
            (from(5), "a", "127.0.0.5 fe a/s --"),
        ],
        denied: [1, 1, 1],
        ..PLAIN
    });
}

#[test]
fn variables_and_another_source() {
    play(&Scenario {
        rules: " tcp-request connection set-var(sess.last) src,field(4,.)\n tcp-request connection set-src src,ipmask(8) if { var(sess.last) -m int 7 }\n \
                tcp-request session set-var(sess.to) str(b) if { var(sess.last) -m str 8 9 }\n tcp-request content unset-var(sess.to) if { src 127.0.0.9 }\n \
                tcp-request session set-var(txn.to) str(b) if { src 127.0.0.6 }\n tcp-request content set-var(txn.too) str(c) if { src 127.0.0.5 }\n \
                use_backend c if { src 127.0.0.0 }\n use_backend b if { var(txn.to) -m found }\n use_backend c if { var(txn.too) -m str c }\n \
                use_backend %[var(sess.to)] if { var(sess.to) -m found }\n default_backend a\n",
        visits: &[
            (HERE, "a", "127.0.0.1 fe a/s --"),
            (from(7), "c", "127.0.0.0 fe c/s --"),
            (from(8), "b", "127.0.0.8 fe b/s --"),
            (from(9), "a", "127.0.0.9 fe a/s --"),
            // A transaction begins later, and what was said of it before is forgotten.
            (from(6), "a", "127.0.0.6 fe a/s --"),
            (from(5), "c", "127.0.0.5 fe c/s --"),
        ],
        ..PLAIN
    });
}

#[test]
fn rules_of_the_backend() {
    play(&Scenario {
        rules: " use_backend choosy unless { src 127.0.0.4 }\n default_backend a\n",
        sections: "backend choosy\n tcp-request content reject if { src 127.0.0.2 }\n use-server second if { src 127.0.0.3 }\n \
                   use-server gone if { src 127.0.0.5 }\n balance first\n server first @A\n server second @B\n server gone @C disabled\n",
        visits: &[
            (HERE, "a", "127.0.0.1 fe choosy/first --"),
            (from(2), "end", "127.0.0.2 fe choosy/<NOSRV> PR"),
            (from(3), "b", "127.0.0.3 fe choosy/second --"),
            (from(4), "a", "127.0.0.4 fe a/s --"),
            (from(5), "a", "127.0.0.5 fe choosy/first --"),
        ],
        denied: [0, 0, 1],
    });
}

#[test]
fn by_the_hash_of_what_is_said() {
    let backend = |function: &str| {
        format!(
            "backend hashed\n balance hash var(txn.key)\n hash-type map-based {function}\n server first @A\n server second @B\n server third @C\n"
        )
    };
    let rules = " tcp-request inspect-delay 3s\n tcp-request content set-var(txn.key) req.payload(0,3) if { req.len ge 3 }\n default_backend hashed\n";
    // Through a variable, as HAProxy has no bytes left when it balances; we would take them from the client directly, too.
    let visits = |table: [(&'static str, &'static str, &'static str); 3]| {
        table.map(|(bytes, answer, line)| (sends(bytes.as_bytes()), answer, line))
    };
    let (first, second, third) = (
        "127.0.0.1 fe hashed/first --",
        "127.0.0.1 fe hashed/second --",
        "127.0.0.1 fe hashed/third --",
    );
    for (function, table) in [
        ("sdbm", [("abc", "c", third), ("abd", "a", first), ("xyz", "a", first)]),
        (
            "crc32",
            [("abc", "a", first), ("abd", "b", second), ("xyz", "a", first)],
        ),
    ] {
        play(&Scenario {
            rules,
            sections: &backend(function),
            visits: &visits(table),
            ..PLAIN
        });
    }
}

#[test]
fn a_client_that_says_nothing_for_too_long() {
    play(&Scenario {
        rules: " timeout client 300ms\n tcp-request inspect-delay 3s\n tcp-request content accept if REQ_CONTENT\n default_backend a\n",
        visits: &[(HERE, "end", "127.0.0.1 fe a/<NOSRV> cR")],
        ..PLAIN
    });
}

#[test]
fn bytes_that_were_looked_at_are_relayed_once() {
    // One write before the rules decide, one after; both come back, in order and whole.
    let world = World::new(&Scenario {
        rules: " tcp-request inspect-delay 5s\n tcp-request content accept if { req.len ge 6 }\n default_backend a\n",
        ..PLAIN
    });
    let _lb = Lb::start(&world.config);
    let mut stream = TcpStream::connect(("127.0.0.1", world.port)).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
    for part in ["ab", "cd", "efgh"] {
        stream.write_all(part.as_bytes()).expect("it takes it");
        std::thread::sleep(Duration::from_millis(30));
    }
    let mut answer = [0; 9];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"aabcdefgh");
    let large = vec![b'x'; 200_000];
    let mut writer = stream.try_clone().expect("a copy");
    let copy = large.clone();
    let thread = std::thread::spawn(move || writer.write_all(&copy));
    let mut back = vec![0; large.len()];
    stream.read_exact(&mut back).expect("all of it");
    thread.join().expect("it ends").expect("it takes it");
    assert_eq!(back, large);
}

#[test]
fn more_bytes_than_are_looked_at_end_the_waiting() {
    let many = vec![b'x'; 60_000];
    let world = World::new(&Scenario {
        rules: " tcp-request inspect-delay 60s\n tcp-request content accept if { req.payload(0,0) -m sub never }\n default_backend a\n",
        ..PLAIN
    });
    let _lb = Lb::start(&world.config);
    let mut stream = TcpStream::connect(("127.0.0.1", world.port)).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
    stream.write_all(&many).expect("it takes it");
    let mut answer = vec![0; 1 + many.len()];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!((answer[0], &answer[1..]), (b'a', &many[..]));
}

/// What it has said may lie unread in the balancer by then.
#[test]
fn whoever_talks_while_an_answer_is_refused_hears_an_end() {
    let (reached, speakers) = mpsc::channel();
    let server = Server::start(move |mut stream| {
        reached.send(stream.try_clone().expect("a second one")).ok();
        std::io::copy(&mut stream, &mut std::io::sink()).ok();
    });
    let config = Config::default().backend("tcp-response inspect-delay 30s");
    let config = config
        .backend("tcp-response content reject if { res.len gt 0 }")
        .server("s", &server, "");
    let lb = Lb::start(&config.to_string());
    // Which of the two it sees first is chance.
    for _ in 0..20 {
        let mut client = connect(config.at());
        let mut speaker = speakers.recv_timeout(PATIENCE).expect("a server is asked");
        lb.signal(Signal::SIGSTOP);
        speaker.write_all(b"no").expect("the kernel takes it");
        client.write_all(b"hi").expect("the kernel takes it");
        lb.signal(Signal::SIGCONT);
        assert_eq!(client.read(&mut [0; 64]).expect("an end, and no reset"), 0);
    }
}

#[test]
fn a_reload_brings_other_rules_and_other_backends() {
    let world = World::new(&Scenario {
        rules: " use_backend b if { src 127.0.0.2 }\n default_backend a\n",
        ..PLAIN
    });
    let mut lb = Lb::start(&world.config);
    assert_eq!([HERE, from(2)].map(|visit| world.answer(visit)), ["a", "b"]);
    let server = world
        .config
        .lines()
        .find(|line| line.starts_with(" server"))
        .expect("there are servers");
    let config =
        world.config.replace(
            "use_backend b if { src 127.0.0.2 }",
            "use_backend new if { src 127.0.0.1 }",
        ) + &format!("backend new\n tcp-request content reject unless LOCALHOST\n{server}\nbackend last\n{server}\n");
    lb.reload(Signal::SIGHUP, &config);
    let lines = || world.lines();
    world.answer(HERE);
    until("the line of the new backend", || {
        lines().contains(&"127.0.0.1 fe new/s --".to_owned()).then_some(())
    });
    assert_eq!(world.answer(from(2)), "a");
    lb.reload(
        Signal::SIGHUP,
        &config.replace(
            "default_backend a",
            "tcp-request connection reject if { src 127.0.0.2 }\n default_backend a",
        ),
    );
    assert_eq!(world.answer(from(2)), "reset");
}
