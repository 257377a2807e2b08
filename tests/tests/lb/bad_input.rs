//! Bad input while it runs: what is bad is refused, counted and said once, and nothing else is disturbed.
//!
//! In each test a client is connected before and speaks after; new clients are served.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use tandem_tests::{Config, Lb, PATIENCE, Server, Syslog, ask, connect, ended, fetch, free_port, order, until};

/// A client who was there before, and must be there after.
struct Bystander(TcpStream);

impl Bystander {
    fn come(at: SocketAddr) -> Bystander {
        let mut stream = connect(at);
        assert_eq!(ask(&mut stream, b"before"), b"before");
        Bystander(stream)
    }

    /// It is served still, and so is who comes now.
    #[track_caller]
    fn stays_served(mut self, at: SocketAddr) {
        assert_eq!(ask(&mut self.0, b"after"), b"after");
        assert_eq!(ask(&mut connect(at), b"new"), b"new");
    }
}

fn page() -> (String, SocketAddr) {
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let text = format!("listen stats\n mode http\n bind {at}\n stats enable\n stats uri /stats\n");
    (text, at)
}

/// A column of a row of the CSV.
fn cell(page: SocketAddr, row: &str, column: &str) -> String {
    let csv = fetch(page, "/stats;csv").body;
    let mut lines = csv.lines();
    let names = lines.next().expect("a header").trim_start_matches("# ");
    let place = names.split(',').position(|name| name == column).expect("a column");
    let row = lines.find(|line| line.starts_with(row)).expect("a row");
    row.split(',').nth(place).expect("a cell").to_owned()
}

#[test]
fn proxy_headers() {
    let (server, syslog, doors) = (Server::echo(), Syslog::default(), free_port());
    let (site, page) = page();
    let config = Config::default().log_to(syslog.address()).server("s", &server, "");
    let at = SocketAddr::from(([127, 0, 0, 1], doors));
    let text = format!(
        "{config}frontend proxied\n bind {at} accept-proxy\n timeout client 300ms\n default_backend be\n{site}"
    );
    let _lb = Lb::start(&text);
    let bystander = Bystander::come(config.at());
    let signature = b"\r\n\r\n\0\r\nQUIT\n";
    let addresses = [1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 0, 2];
    let v2 =
        |length: u16, rest: &[u8]| [&signature[..], &[0x21, 0x11], &length.to_be_bytes(), &addresses, rest].concat();
    // The words, the bytes, and whether that was all.
    let bad: [(&str, Vec<u8>, bool); 5] = [
        (
            "half of a header, then the end",
            b"PROXY TCP4 1.2.3.4 5.6".to_vec(),
            true,
        ),
        ("half of a header, then silence", signature[..7].to_vec(), false),
        ("a TLV that is longer than the header", v2(15, b"\x05\xff\xff"), false),
        (
            "a header that is longer than any may be",
            v2(u16::MAX, &[0; 4096]),
            false,
        ),
        ("no header", b"CONNECT\n\n\0".to_vec(), false),
    ];
    for (count, (what, bytes, ends)) in bad.iter().enumerate() {
        let mut client = connect(at);
        client.write_all(bytes).ok();
        if *ends {
            client.shutdown(Shutdown::Write).ok();
        }
        assert!(ended(&mut client), "{what}");
        let lines = || {
            syslog
                .lines()
                .into_iter()
                .filter(|line| line.contains("proxied/1: "))
                .collect::<Vec<_>>()
        };
        until(what, || (lines().len() == count + 1).then_some(()));
        until(what, || {
            (cell(page, "proxied,FRONTEND,", "ereq") == (count + 1).to_string()).then_some(())
        });
    }
    let mut good = connect(at);
    good.write_all(b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nhello")
        .expect("it is taken");
    let mut answer = [0; 5];
    good.read_exact(&mut answer).expect("it is served");
    assert_eq!(&answer, b"hello");
    assert_eq!(cell(page, "proxied,FRONTEND,", "ereq"), "5");
    assert_eq!(server.accepted(), 2, "nobody of these came to the server");
    bystander.stays_served(config.at());
}

const GOOD: &str = include_str!("../../corpus/configs/files/broker.pem");
const NONSENSE: &str = "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n";

/// What the master's socket says: reloads that were followed, and that were refused.
fn reloads(master: &Path) -> String {
    let text = order(master, "show proc");
    let row = text.lines().nth(1).expect("the process");
    row.split_whitespace().skip(2).take(3).collect::<Vec<_>>().join(" ")
}

#[test]
fn reloads_that_are_refused() {
    let server = Server::echo();
    let file = |ending: &str| std::env::temp_dir().join(format!("tandem-bad-{}.{ending}", std::process::id()));
    let (crt, other, master, said) = (file("pem"), file("other.pem"), file("master"), file("said"));
    std::fs::write(&crt, GOOD).expect("a writable folder");
    std::fs::write(&other, NONSENSE).expect("a writable folder");
    let stderr = File::create(&said).expect("a writable folder");
    let with = |crt: &Path| format!("bind 127.0.0.1:{} ssl crt {}", free_port(), crt.display());
    let config = Config::default().frontend(with(&crt)).server("s", &server, "");
    let (site, page) = page();
    let mut lb = Lb::start_as(&format!("{config}{site}"), |mut command| {
        command.arg("-S").arg(&master).stderr(stderr);
        command
    });
    let bystander = Bystander::come(config.at());
    let bad = [
        (
            "a table of size zero",
            config.clone().backend("stick-table type ip size 0"),
            GOOD,
        ),
        (
            "a new listener's certificate that does not parse",
            config.clone().frontend(with(&other)),
            GOOD,
        ),
        ("half a line", config.clone().backend("server"), GOOD),
        (
            "the certificate of a listener that is there does not parse any more",
            config.clone(),
            NONSENSE,
        ),
    ];
    for (count, (what, bad, pem)) in (1..).zip(bad) {
        std::fs::write(&crt, pem).expect("a writable folder");
        let told = lb.reload(Signal::SIGHUP, &format!("{bad}{site}"));
        assert!(told.contains("refused"), "{what}: {told}");
        assert_eq!(reloads(&master), format!("{count} [failed: {count}]"), "{what}");
        // Lines are written beside the one who says them.
        let times = || {
            let text = std::fs::read_to_string(&said).expect("it is written");
            text.matches("nothing was changed, because:").count()
        };
        until(what, || (times() == count).then_some(()));
        assert_eq!(ask(&mut connect(config.at()), b"still"), b"still", "{what}");
        assert_eq!(times(), count, "{what}: said once");
    }
    std::fs::write(&crt, GOOD).expect("a writable folder");
    let good = config.clone().backend("timeout queue 3s");
    let told = lb.reload(Signal::SIGHUP, &format!("{good}{site}"));
    assert!(!told.contains("refused"), "{told}");
    assert_eq!(reloads(&master), "5 [failed: 0]");
    // What came before is still counted there.
    let metrics = fetch(page, "/metrics").body;
    for (outcome, count) in [("followed", 1), ("refused", 4)] {
        let line = format!("tandem_reloads_total{{outcome=\"{outcome}\"}} {count}");
        assert!(metrics.lines().any(|known| known == line), "{line}");
    }
    bystander.stays_served(config.at());
    for file in [crt, other, said] {
        std::fs::remove_file(file).ok();
    }
}

#[test]
fn garbage_from_a_name_server() {
    let server = Server::echo();
    let nameserver = UdpSocket::bind("127.0.0.1:0").expect("a port for names");
    nameserver
        .set_read_timeout(Some(Duration::from_millis(200)))
        .expect("a timeout above zero");
    let names = nameserver.local_addr().expect("it is bound");
    let socket = std::env::temp_dir().join(format!("tandem-bad-dns-{}", std::process::id()));
    let config = Config::default()
        .global(format!("stats socket {} level admin", socket.display()))
        .server("s", &server, "")
        .backend(format!(
            "server named broker.example:{} resolvers r init-addr none",
            free_port()
        ));
    let text = format!(
        "{config}resolvers r\n nameserver n {names}\n resolve_retries 1\n timeout resolve 1s\n timeout retry 100ms\n"
    );
    let _lb = Lb::start(&text);
    let bystander = Bystander::come(config.at());
    let show = || {
        let text = order(&socket, "show resolvers");
        let figure = |name: &str| {
            let line = text
                .lines()
                .find_map(|line| line.trim().strip_prefix(&format!("{name}:")));
            line.and_then(|figure| figure.trim().parse::<u64>().ok())
                .unwrap_or_else(|| panic!("{name}: {text}"))
        };
        figure("invalid") + figure("outdated") + figure("other") + figure("too_big") + figure("truncated")
    };
    let mut question = [0; 512];
    let mut sent = 0;
    until("garbage to be counted", || {
        let (length, from) = nameserver.recv_from(&mut question).ok()?;
        let mut all_records = question[..length].to_vec();
        // An answer that says it has as many records as can be said.
        all_records[2..8].copy_from_slice(&[0x81, 0x80, 0, 1, 0xff, 0xff]);
        for garbage in [&b""[..], b"\0", &[0xff; 600], &question[..length], &all_records] {
            nameserver.send_to(garbage, from).expect("loopback takes it");
            sent += 1;
        }
        (show() >= 4).then_some(())
    });
    assert!(sent >= 5);
    bystander.stays_served(config.at());
    std::fs::remove_file(socket).ok();
}

#[test]
fn garbage_on_the_stats_socket() {
    let (server, socket) = (
        Server::echo(),
        std::env::temp_dir().join(format!("tandem-bad-stats-{}", std::process::id())),
    );
    let config = Config::default()
        .global(format!("stats socket {} level admin", socket.display()))
        .server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    let bystander = Bystander::come(config.at());
    for garbage in [
        &b"\0\xff\xfe\n"[..],
        &[b'x'; 100_000],
        b"show info; ; ;;\n",
        b"set server be/s \xff\n",
        b"\n\n\n",
    ] {
        let mut stream = UnixStream::connect(&socket).expect("a stats socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
        stream.write_all(garbage).ok();
        stream.shutdown(Shutdown::Write).ok();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok();
    }
    bystander.stays_served(config.at());
    std::fs::remove_file(socket).ok();
}
