//! Against the lines that the installed HAProxy wrote (`conn/golden/capture.py raw`).

use std::net::SocketAddr;
use std::time::Duration;

use super::*;
use crate::conn::{Ending, Phase, Who};
use crate::log::format::Format;

const LINES: &str = include_str!("lines.tsv");

/// Scenario, syslog priority, line; of what was logged.
fn rows() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    LINES.lines().map(|row| {
        let mut parts = row.splitn(3, '\t');
        let mut part = || parts.next().expect("three columns");
        (part(), part(), part())
    })
}

fn ending(letters: &str) -> Ending {
    use Who::*;
    let all = [
        Nobody,
        Client,
        Server,
        ClientTimeout,
        ServerTimeout,
        Resource,
        Internal,
        Down,
        Up,
        Killed,
    ];
    let phases = [Phase::Queue, Phase::Connect, Phase::Data, Phase::Done];
    let endings = all
        .iter()
        .flat_map(|&who| phases.iter().map(move |&phase| Ending { who, phase }));
    endings
        .into_iter()
        .find(|e| e.letters() == letters.as_bytes())
        .expect("letters of an ending")
}

fn time(text: &str) -> Moment {
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let n = |range: std::ops::Range<usize>| text[range].parse::<i64>().expect("digits");
    let months = (0..12).map(|month| CivilTime::from_unix(month * 31 * 86_400_000, 0).month_name());
    let month = months
        .into_iter()
        .position(|name| name == &text[3..6])
        .expect("a month");
    let year = n(7..11);
    // Good for this century.
    let leap_days = (year - 1969) / 4 + i64::from(year % 4 == 0 && month > 1);
    let days = (year - 1970) * 365 + leap_days + BEFORE[month] + n(0..2) - 1;
    let seconds = ((days * 24 + n(12..14)) * 60 + n(15..17)) * 60 + n(18..20);
    Moment {
        unix_millis: seconds * 1000 + n(21..24),
        utc_offset_seconds: 0,
    }
}

fn duration(text: &str) -> Option<Duration> {
    text.trim_start_matches('+').parse().ok().map(Duration::from_millis)
}

fn number(text: &str) -> u64 {
    text.trim_start_matches('+').parse().expect("a number")
}

/// Reads a line as a log analyser would.
fn parse(line: &'static str) -> Line<'static> {
    let field: Vec<&str> = line.split(' ').collect();
    let [client, date, frontend, target, times, bytes, letters, counts, queues] = field[..] else {
        panic!("nine fields: {line}")
    };
    let times: Vec<&str> = times.split('/').collect();
    let counts: Vec<&str> = counts.split('/').collect();
    let (backend, server) = target.split_once('/').expect("backend/server");
    let (server_queue, backend_queue) = queues.split_once('/').expect("two queues");
    Line {
        client: Client::Ip(client.parse().expect("an address")),
        accepted: time(date.trim_matches(['[', ']'])),
        frontend,
        backend,
        server: Some(server).filter(|&name| name != "<NOSRV>"),
        summary: Summary {
            wait: duration(times[0]),
            connect: duration(times[1]),
            total: duration(times[2]).expect("a total"),
            retries: number(counts[4]) as u32,
            redispatched: counts[4].starts_with('+'),
            server: None,
            ending: ending(letters),
        },
        bytes: number(bytes),
        counts: Counts {
            process: number(counts[0]),
            frontend: number(counts[1]),
            backend: number(counts[2]),
            server: number(counts[3]),
            server_queue: number(server_queue),
            backend_queue: number(backend_queue),
        },
        early: bytes.starts_with('+'),
        local: None,
        towards_server: TowardsServer::default(),
        handshake: Duration::ZERO,
        from_client: 0,
        tls: None,
        number: 0,
        log_number: 0,
        pid: 0,
        hostname: "",
        unique_id: None,
        captures: 0,
        context: None,
    }
}

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).expect("a line of text")
}

#[test]
fn every_line_as_haproxy_wrote_it() {
    let mut count = 0;
    for (_, _, line) in rows().filter(|(_, _, line)| line.starts_with("127.0.0.1:")) {
        let parsed = parse(line);
        assert_eq!(text(|out| Format::tcplog().write(&parsed, out)), line);
        count += 1;
    }
    assert!(count >= 50, "{count} lines");
}

#[test]
fn the_default_line() {
    let (_, _, line) = rows()
        .find(|(name, ..)| *name == "without_tcplog")
        .expect("it is in the capture");
    let words: Vec<&str> = line.split(' ').collect();
    let addr = |text: &str| text.parse::<SocketAddr>().expect("an address");
    let ours = ConnectLine {
        client: Client::Ip(addr(words[2])),
        local: addr(words[4]),
        frontend: "without_tcplog",
    };
    assert_eq!(text(|out| ours.write(out)), line);
}

#[test]
fn an_ipv6_client_has_no_brackets() {
    let client = "[2001:db8::1]:4711".parse().expect("an address");
    let line = ConnectLine {
        client: Client::Ip(client),
        local: client,
        frontend: "f",
    };
    assert_eq!(
        text(|out| line.write(out)),
        "Connect from 2001:db8::1:4711 to 2001:db8::1:4711 (f/TCP)"
    );
}

/// Both seen on HAProxy.
#[test]
fn a_unix_client_is_its_listener() {
    let client = Client::Unix { listener: 2 };
    let short = ConnectLine {
        client,
        local: ([0; 4], 0).into(),
        frontend: "f",
    };
    assert_eq!(text(|out| short.write(out)), "Connect to unix:2 (f/TCP)");
    let (_, _, line) = rows()
        .find(|(name, ..)| !name.starts_with("without"))
        .expect("the capture has lines");
    let line = Line { client, ..parse(line) };
    assert!(text(|out| Format::tcplog().write(&line, out)).starts_with("unix:2 ["));
}

#[test]
fn logged_or_not_and_how_loud() {
    let rules = |name: &str| LogRules {
        skip_null: name.starts_with("null_"),
        skip_normal: name.contains("normal_not_logged") || name.starts_with("dontlog_normal"),
        separate_errors: name.starts_with("separate_errors"),
    };
    let normal = parse(rows().next().expect("a first line").2).summary;
    for (name, priority, line) in rows().filter(|(name, ..)| *name != "without_tcplog") {
        let expected = match priority {
            "134" => Some(Severity::Info),
            "131" => Some(Severity::Error),
            _ => None,
        };
        let from_client = if name.starts_with("null_") { 0 } else { 4 };
        let summary = if expected.is_some() {
            parse(line).summary
        } else {
            normal
        };
        assert_eq!(rules(name).severity(&summary, from_client), expected, "{name}");
    }
}

#[test]
fn a_second_attempt_is_not_normal() {
    let normal = parse(rows().next().expect("a first line").2).summary;
    let rules = LogRules {
        skip_normal: true,
        ..LogRules::default()
    };
    assert_eq!(rules.severity(&normal, 4), None);
    assert_eq!(
        rules.severity(&Summary { retries: 1, ..normal }, 4),
        Some(Severity::Info)
    );
    assert_eq!(
        rules.severity(
            &Summary {
                redispatched: true,
                ..normal
            },
            4
        ),
        Some(Severity::Info)
    );
}
