//! Lines of a format of one's own: ours beside those of the installed HAProxy for the same connections.

use std::cell::RefCell;
use std::net::SocketAddr;

use tandem_tests::{Config, Lb, Room, Server, Syslog, ask, both, connect, ended, free_port, until};

/// Everything that is the same in two programs that see the same, or can be masked.
const FORMAT: &str = "ci=%ci cp=%cp fi=%fi fp=%fp f=%f ft=%ft b=%b s=%s bi=%bi bp=%bp si=%si sp=%sp Tw=%Tw Tc=%Tc \
    Td=%Td Th=%Th Tt=%Tt Tu=%Tu B=%B ts=%ts tsc=%tsc ac=%ac fc=%fc bc=%bc sc=%sc rc=%rc sq=%sq bq=%bq ST=%ST \
    T=<%T> Tl=<%Tl> t=<%t> Ts=%Ts ms=%ms rt=%rt lc=%lc ID=%ID sslv=%sslv \
    q=%{+Q}ci,%{+Q}s,%{+Q}sslc x=%{+X}ci e=%[src,ipmask(16)],%[fe_name],%[var(txn.none)]";
const ID: &str = "unique-id-format %{+X}o%ci-%rt";

/// What is another number in each run: ports that the kernel chose, times, the programs' own counts of milliseconds.
const MASKED: [&str; 14] = [
    "cp", "fp", "bp", "Tw", "Tc", "Td", "Tt", "Tu", "T", "Tl", "t", "Ts", "ms", "rt",
];

fn masked(line: &str) -> String {
    let (_, line) = line
        .split_once("ci=")
        .unwrap_or_else(|| panic!("no line of ours: {line}"));
    let text = format!("ci={line}");
    let mut out = Vec::new();
    let mut in_date = false;
    for field in text.split(' ') {
        // Dates have a blank in them.
        if std::mem::replace(&mut in_date, field.contains('<') && !field.contains('>')) {
            in_date = false;
            continue;
        }
        match field.split_once('=') {
            Some((name, value)) if MASKED.contains(&name) => out.push(format!("{name}={}", shape(value))),
            Some(("ID", id)) => out.push(format!("ID={}", &id[..id.rfind('-').expect("two parts")])),
            _ => out.push(field.to_owned()),
        }
    }
    out.join(" ")
}

/// Digits are alike, however many; what is beside them stays.
fn shape(value: &str) -> String {
    let mut out = String::new();
    for letter in value.chars() {
        match letter {
            '0'..='9' if out.ends_with('9') => {}
            '0'..='9' => out.push('9'),
            other => out.push(other),
        }
    }
    out
}

#[test]
fn the_same_lines_as_haproxy() {
    let server = Server::echo();
    let nobody = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let told = RefCell::new(Vec::new());
    let config = |room: &Room| {
        format!(
            "{} retries 1\n {ID}\n log-format \"{FORMAT}\"\n\
             listen served\n bind {}\n server s {}\nlisten alone\n bind {}\n server s {nobody}\n",
            room.head(),
            room.at(0),
            server.address(),
            room.at(1),
        )
    };
    both(2, config, |room| {
        let mut client = connect(room.at(0));
        assert_eq!(ask(&mut client, b"hello"), b"hello");
        drop(client);
        let served = room.syslog.line_with("f=served");
        assert!(ended(&mut connect(room.at(1))));
        let lines = [served, room.syslog.line_with("f=alone")];
        told.borrow_mut().push(lines.map(|line| masked(&line)));
    });
    let told = told.into_inner();
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:#?}");
}

/// Fields that are known at the end of a connection, and those that are known when its server has accepted.
const LATE: [&str; 17] = [
    "Tw", "Tc", "Th", "Td", "Tt", "Tu", "B", "U", "ID", "ts", "ac", "fc", "bc", "sc", "rc", "bq", "sq",
];
const EARLY: [&str; 30] = [
    "H", "ST", "T", "Tl", "Ts", "b", "bi", "bp", "ci", "cp", "f", "fi", "fp", "ft", "hr", "hrl", "hs", "hsl", "lc",
    "ms", "pid", "rt", "s", "si", "sp", "sslc", "sslv", "t", "tsc", "[src]",
];

/// A line is written as soon as there is nothing in it that is not known yet, and once.
#[test]
fn a_line_that_waits_for_nothing_is_written_at_once() {
    let server = Server::echo();
    let all = || LATE.into_iter().chain(EARLY).zip(0u16..);
    let count = LATE.len() + EARLY.len();
    let config = |room: &Room| {
        let listen = |(field, place): (&str, u16)| {
            let (at, to) = (room.at(place), server.address());
            format!("listen l{place}\n bind {at}\n {ID}\n log-format \"says-{field} %{field}\"\n server s {to}\n")
        };
        all()
            .map(listen)
            .fold(room.head().replace("option tcplog", "log global"), |text, one| {
                text + &one
            })
    };
    both(count as u16, config, |room| {
        let told = || {
            let lines = room.lines();
            let field = |line: &String| Some(line.split_once("says-")?.1.split(' ').next()?.to_owned());
            let mut told: Vec<String> = lines.iter().filter_map(field).collect();
            told.sort();
            told
        };
        let mut clients: Vec<_> = all().map(|(_, place)| connect(room.at(place))).collect();
        for client in &mut clients {
            assert_eq!(ask(client, b"1"), b"1");
        }
        let mut early = EARLY.map(str::to_owned);
        early.sort();
        until(&format!("{}: {early:?}", room.name), || (told() == early).then_some(()));
        drop(clients);
        until(&format!("{}: the others", room.name), || {
            (told().len() >= count).then_some(())
        });
        let mut whole: Vec<String> = all().map(|(field, _)| field.to_owned()).collect();
        whole.sort();
        assert_eq!(told(), whole, "{}", room.name);
    });
}

/// What a line is written for, in each of the forms that HAProxy has.
const FORMS: [&str; 8] = [
    "local", "rfc3164", "rfc5424", "priority", "short", "timed", "iso", "raw",
];

/// A line begins with digits that are the same; times and the number of the process are not.
fn form(line: &str) -> String {
    let (priority, rest) = match line.split_once('>') {
        Some((priority, rest)) if priority.starts_with('<') => (priority, rest),
        _ => ("", line),
    };
    // Where it is cut off depends on the digits of that number; how long it is does not.
    match rest.split_once(" with a text") {
        Some((head, text)) if !text.ends_with("before it") => format!("{priority}>{} {}", shape(head), line.len()),
        _ => format!("{priority}>{}", shape(rest)),
    }
}

#[test]
fn every_form_of_a_line_is_haproxys() {
    let server = Server::echo();
    let told = RefCell::new(Vec::new());
    let config = |room: &Room| {
        let mut logs = String::new();
        for (facility, form) in FORMS.iter().enumerate() {
            logs += &format!(" log {} format {form} local{facility}\n", room.syslog.address());
            logs += &format!(
                " log {} len 120 format {form} local{facility} notice\n",
                room.syslog.address()
            );
        }
        format!(
            "{} no log\n log-tag places\n{logs} log-format \"%f %b/%s with a text that is too long for any of the lines that have no more than a hundred and twenty bytes, whatever stands before it\"\n \
             log-format-sd \"[place@32473 frontend=\\\"%f\\\"]\"\n option log-separate-errors\nlisten l\n bind {}\n server s {}\n\
             listen m\n bind {}\n server s {}\n tcp-request content reject\n",
            room.head(),
            room.at(0),
            server.address(),
            room.at(1),
            server.address(),
        )
    };
    both(2, config, |room| {
        assert_eq!(ask(&mut connect(room.at(0)), b"hello"), b"hello");
        assert!(ended(&mut connect(room.at(1))));
        let lines = until("a line of each form for one, and two for the other", || {
            let lines = room
                .syslog
                .lines()
                .into_iter()
                .filter(|line| line.contains("l l/s") || line.contains("m m/"));
            Some(lines.map(|line| form(&line)).collect::<Vec<_>>()).filter(|lines| lines.len() >= 3 * FORMS.len())
        });
        let sorted = |name: &str| {
            let mut lines: Vec<_> = lines.iter().filter(|line| line.contains(name)).cloned().collect();
            lines.sort();
            lines
        };
        told.borrow_mut().push([sorted("l l/s"), sorted("m m/")]);
    });
    let told = told.into_inner();
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:#?}");
}

#[test]
fn structured_data_an_own_tag_and_a_sample() {
    let (server, syslog) = (Server::echo(), Syslog::default());
    let config = Config::default()
        .defaults(format!("log {} format rfc5424 sample 2:2 local0", syslog.address()))
        .defaults("log-format \"%b/%s\"")
        .defaults("log-format-sd \"[place@32473 frontend=\\\"%f\\\"]\"")
        .frontend("log-tag brokers")
        .server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    for _ in 0..4 {
        assert_eq!(ask(&mut connect(config.at()), b"hello"), b"hello");
    }
    let lines = until("every second line", || {
        Some(syslog.lines()).filter(|lines| lines.len() == 2)
    });
    for line in lines {
        let told = line.split_once(" brokers ").map(|(_, told)| told);
        let told = told.and_then(|told| told.split_once(" - ")).map(|(_, told)| told);
        assert_eq!(told, Some("[place@32473 frontend=\"fe\"] be/s"), "{line}");
    }
}

/// Rules and lines ask what a connection is called, and it is called so from then on.
#[test]
fn what_a_connection_is_called_can_be_asked_for() {
    let server = Server::echo();
    let config = |room: &Room| {
        let head = room.head();
        let id = "unique-id-format %ci-%cp-%ft\n";
        format!(
            "{head} log-format \"f=%f b=%b id=%ID var=%[var(txn.id)] asked=%[unique-id] upper=%[unique-id,upper]\"\n\
             frontend ruled\n bind {}\n {id} tcp-request content set-var(txn.id) unique-id\n \
             use_backend named if {{ unique-id -m beg 127.0.0.1- }} {{ unique-id -m end ruled }}\n\
             frontend plain\n bind {}\n {id} default_backend named\nfrontend nameless\n bind {}\n \
             tcp-request content set-var(txn.id) unique-id\n default_backend named\n\
             frontend late\n bind {}\n unique-id-format %[var(txn.a)]\n tcp-request content set-var(txn.a) str(x)\n \
             tcp-request content set-var(txn.id) unique-id\n default_backend named\n\
             backend named\n stick-table type string len 60 size 10\n stick on unique-id\n server s {}\n",
            room.at(0),
            room.at(1),
            room.at(2),
            room.at(3),
            server.address(),
        )
    };
    both(4, config, |room| {
        let told = |listener: u16, frontend: &str| {
            let mut client = connect(room.at(listener));
            let port = client.local_addr().expect("it is bound").port();
            assert_eq!(ask(&mut client, b"hello"), b"hello");
            drop(client);
            let line = room.syslog.line_with(&format!("f={frontend} "));
            let line = line.split_once("f=").expect("found by it").1.to_owned();
            (line, port)
        };
        let (line, port) = told(0, "ruled");
        let id = format!("127.0.0.1-{port}-ruled");
        let upper = id.to_uppercase();
        assert_eq!(line, format!("ruled b=named id={id} var={id} asked={id} upper={upper}"));
        let keyed = |id: &str| room.order("show table named").contains(&format!("key={id} "));
        assert!(keyed(&id), "{}", room.name);
        let (line, port) = told(1, "plain");
        let id = format!("127.0.0.1-{port}-plain");
        let upper = id.to_uppercase();
        assert_eq!(line, format!("plain b=named id={id} var=- asked={id} upper={upper}"));
        assert!(keyed(&id), "{}", room.name);
        let (line, _) = told(2, "nameless");
        assert_eq!(line, "nameless b=named id=- var=- asked=- upper=-", "{}", room.name);
        // It is made when somebody asks, and knows what was known by then.
        let (line, _) = told(3, "late");
        assert_eq!(line, "late b=named id=x var=x asked=x upper=X", "{}", room.name);
    });
}

/// The content rule that decided last; what is asked before there is a stream does not count.
#[test]
fn which_rule_decided_can_be_asked_for() {
    let server = Server::echo();
    let config = |room: &Room| {
        let proxies = [
            "tcp-request connection accept\n tcp-request content set-var(txn.l) last_rule_line\n \
             tcp-request content accept if { src 127.0.0.1 }\n default_backend be",
            "tcp-request content reject if { src 127.0.0.9 }\n tcp-request content reject if { src 127.0.0.1 }\n default_backend be",
            "tcp-request content accept\n default_backend bf",
            "tcp-request connection accept\n tcp-request session accept\n default_backend be",
        ];
        let proxies = (0..).zip(proxies).map(|(number, rules)| {
            let at = room.at(number);
            format!("frontend f{number}\n bind {at}\n {rules}\n")
        });
        format!(
            "{} log-format \"f=%f %b %[last_rule_line] %[var(txn.l)] %B at=%[last_rule_file]\"\n{}\
             backend be\n server s {server}\nbackend bf\n tcp-request content set-var(txn.l) last_rule_line\n \
             tcp-request content accept\n tcp-response content accept\n server s {server}\n",
            room.head(),
            proxies.collect::<String>(),
            server = server.address(),
        )
    };
    let seen = RefCell::new(Vec::new());
    both(4, config, |room| {
        let lines = (0..4).map(|number| {
            let mut client = connect(room.at(number));
            if number == 1 {
                assert!(ended(&mut client));
            } else {
                assert_eq!(ask(&mut client, b"hello"), b"hello");
            }
            drop(client);
            let line = room.syslog.line_with(&format!("f=f{number} "));
            let (line, file) = line
                .split_once("f=")
                .and_then(|(_, line)| line.split_once(" at="))
                .expect("the line");
            // Each has a file of its own; there is one where there is a line.
            format!("{line} {}", file.len() > 1)
        });
        seen.borrow_mut().push(lines.collect::<Vec<_>>());
    });
    let seen = seen.into_inner();
    let ours = seen.last().expect("ours is the last");
    assert_eq!(seen[0], *ours);
    let numbers = ours
        .iter()
        .map(|line| line.split(' ').nth(2).is_some_and(|number| number != "-"));
    assert_eq!(numbers.collect::<Vec<_>>(), [true, true, true, false], "{ours:?}");
}
