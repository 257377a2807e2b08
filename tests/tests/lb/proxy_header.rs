//! PROXY headers in and out, beside HAProxy: the same bytes, and the same answers, log lines and counts.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tandem_tests::{Config, Lb, Room, Server, both, connect, free_port, until};

const CLIENT: &[u8] = b"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n";
/// The addresses of [`CLIENT`] in version 2.
const ENDS: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8, 0x04, 0x57, 0x08, 0xae];

fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).expect("short").to_be_bytes();
    [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[0x20 | command, family], &length, body].concat()
}

/// What comes back for these bytes, to the end.
fn answer(room: &Room, listener: u16, bytes: &[u8]) -> Result<Vec<u8>, ErrorKind> {
    let mut stream = connect(room.at(listener));
    // It may have been refused before all was sent; the read tells how.
    stream.write_all(&[bytes, b"hi"].concat()).ok();
    stream.shutdown(Shutdown::Write).ok();
    let mut back = Vec::new();
    stream.read_to_end(&mut back).map_err(|error| error.kind())?;
    Ok(back)
}

/// A line without its date and figures: `1.2.3.4:1111 fe be/s --`, or what was wrong.
fn shown(line: &str) -> String {
    let (client, rest) = line.split_once(" [").unwrap_or((line, ""));
    let client = match client.strip_prefix("127.0.0.1:") {
        Some(_) => "here",
        None => client,
    };
    let rest = rest.split_once("] ").map_or("", |(_, rest)| rest);
    if rest.contains("PROXY") {
        return format!("{client} {rest}");
    }
    let words: Vec<&str> = rest.split(' ').collect();
    match words[..] {
        [frontend, server, _, _, letters, ..] => format!("{client} {frontend} {server} {letters}"),
        _ => format!("{client} {rest}"),
    }
}

#[track_caller]
fn next_line(room: &Room, before: usize) -> String {
    until("the line of this visit", || {
        room.lines().get(before).map(|line| shown(line))
    })
}

const BAD: &str = "Received an invalid PROXY protocol header";
const ODD: &str = "Received an unhandled protocol in the PROXY protocol header";
const NONE: &str = "Received something which does not look like a PROXY protocol header";
const CUT: &str = "Truncated PROXY protocol header received";

#[test]
fn what_comes_in() {
    let server = Server::echo();
    let config = |room: &Room| {
        format!(
            "{}frontend one\n bind {} accept-proxy name door\n default_backend be\nfrontend two\n bind {}\n \
             tcp-request connection expect-proxy layer4 if {{ src 127.0.0.1 }}\n \
             tcp-request session reject if {{ src 10.9.9.9 }}\n default_backend be\nfrontend three\n bind {} accept-proxy\n \
             tcp-request content reject unless {{ fc_rcvd_proxy }} {{ fc_pp_authority a.example }} {{ fc_pp_unique_id u1 }}\n \
             default_backend be\nbackend be\n server s {}\n",
            room.head(),
            room.at(0),
            room.at(1),
            room.at(2),
            server.address()
        )
    };
    let named = [ENDS, b"\x02\0\x09a.example\x05\0\x02u1\xee\0\x01x"].concat();
    let detail = |detail: &[u8]| v2(1, 0x11, &[ENDS, detail].concat());
    both(3, config, |room| {
        // The listener, the bytes, and who is logged as what; `None` when HAProxy reads them otherwise.
        let table: Vec<(u16, Vec<u8>, Option<String>)> = vec![
            (0, CLIENT.to_vec(), Some("1.2.3.4:1111 one be/s --".into())),
            (
                0,
                b"PROXY TCP6 ::1 ::2 1 2\r\n".to_vec(),
                Some("::1:1 one be/s --".into()),
            ),
            (0, b"PROXY UNKNOWN\r\n".to_vec(), Some("here one be/s --".into())),
            (0, v2(1, 0x11, ENDS), Some("1.2.3.4:1111 one be/s --".into())),
            (0, v2(0, 0x11, ENDS), Some("here one be/s --".into())),
            (0, v2(0, 0, b""), Some("here one be/s --".into())),
            (1, CLIENT.to_vec(), Some("1.2.3.4:1111 two be/s --".into())),
            (2, v2(1, 0x11, &named), Some("1.2.3.4:1111 three be/s --".into())),
            (
                0,
                b"GET / HTTP/1.0\r\n\r\n".to_vec(),
                Some(format!("here one/door: {NONE}")),
            ),
            (
                1,
                b"GET / HTTP/1.0\r\n\r\n".to_vec(),
                Some(format!("here two/1: {NONE}")),
            ),
            (
                0,
                b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n".to_vec(),
                Some(format!("here one/door: {BAD}")),
            ),
            (
                0,
                b"PROXY TCP4 ::1 5.6.7.8 1 2\r\n".to_vec(),
                Some(format!("here one/door: {BAD}")),
            ),
            (
                0,
                b"PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n".to_vec(),
                Some(format!("here one/door: {ODD}")),
            ),
            (0, v2(5, 0x11, ENDS), Some(format!("here one/door: {BAD}"))),
            (0, v2(1, 0x12, ENDS), Some(format!("here one/door: {BAD}"))),
            (0, CLIENT[..12].to_vec(), None),
            (0, detail(b"\x03\0\x04\0\0\0\0"), None),
            (0, detail(b"\x05\0\x81"), None),
        ];
        let (mut served, mut refused) = ([0; 3], [0; 3]);
        for (before, (listener, bytes, line)) in table.iter().enumerate() {
            let back = answer(room, *listener, bytes);
            let logged = next_line(room, before);
            let what = format!("{}: {:?}", room.name, String::from_utf8_lossy(bytes));
            match line {
                Some(line) => assert_eq!(logged, *line, "{what}"),
                None => assert!(logged.ends_with(BAD) || logged.ends_with(CUT), "{what}: {logged}"),
            }
            let place = usize::from(*listener);
            if logged.ends_with("--") {
                assert_eq!(back.as_deref(), Ok(&b"hi"[..]), "{what}");
                served[place] += 1;
            } else {
                assert_eq!(back, Err(ErrorKind::ConnectionReset), "{what}");
                refused[place] += 1;
            }
        }
        for (frontend, place) in ["one", "two", "three"].into_iter().zip(0..) {
            let count = |column| {
                room.cell(frontend, "FRONTEND", column)
                    .parse::<usize>()
                    .expect("a number")
            };
            assert_eq!(count("stot"), served[place], "{}", room.name);
            assert_eq!(count("conn_tot"), served[place] + refused[place], "{}", room.name);
            if room.is_ours() {
                assert_eq!(count("ereq"), refused[place]);
            }
        }
        // The rules for sessions know the client by its header, those for its words too.
        let denied = answer(room, 1, b"PROXY TCP4 10.9.9.9 5.6.7.8 1111 2222\r\n");
        assert!(
            denied.as_ref().is_ok_and(Vec::is_empty) || denied.is_err(),
            "{}",
            room.name
        );
        assert_eq!(room.cell("two", "FRONTEND", "dses"), "1", "{}", room.name);
        assert_ne!(answer(room, 2, CLIENT).as_deref(), Ok(&b"hi"[..]), "{}", room.name);
        assert_eq!(room.cell("three", "FRONTEND", "dreq"), "1", "{}", room.name);
    });
}

/// The statistics page, for whom the header says that he is.
#[test]
fn a_page_behind_another_balancer() {
    let config = |room: &Room| {
        format!(
            "{}listen page\n mode http\n bind {} accept-proxy\n stats enable\n stats uri /stats\n \
             stats http-request deny unless {{ src 1.2.3.4 }} {{ dst 5.6.7.8 }}\n",
            room.head(),
            room.at(0)
        )
    };
    let local = v2(0, 0, &[]);
    let of_v2 = v2(1, 0x11, ENDS);
    let other = b"PROXY TCP4 1.2.3.5 5.6.7.8 1111 2222\r\n";
    both(1, config, |room| {
        let asked = |pieces: &[&[u8]]| {
            let mut stream = connect(room.at(0));
            for piece in pieces {
                // Where it is refused, the read says how.
                stream.write_all(piece).ok();
                std::thread::sleep(Duration::from_millis(20));
            }
            stream.write_all(b"GET /stats;csv HTTP/1.0\r\n\r\n").ok();
            let mut back = Vec::new();
            stream.read_to_end(&mut back).ok();
            String::from_utf8_lossy(&back)
                .chars()
                .skip(9)
                .take(3)
                .collect::<String>()
        };
        assert_eq!(asked(&[CLIENT]), "200", "{}", room.name);
        assert_eq!(asked(&[&of_v2]), "200", "{}", room.name);
        assert_eq!(asked(&[other]), "403", "{}", room.name);
        assert_eq!(asked(&[&local]), "403", "{}", room.name);
        // No answer to whoever has none.
        assert_eq!(asked(&[]), "", "{}", room.name);
        assert_eq!(asked(&[b"PROXY TCP4 1.2.3.4\r\n"]), "", "{}", room.name);
        if room.is_ours() {
            assert_eq!(asked(&[&CLIENT[..3], &CLIENT[3..30], &CLIENT[30..]]), "200");
        }
    });
}

/// The rules at the door know who connects, those for sessions and contents who the header says it is.
#[test]
fn a_page_asks_its_rules() {
    let config = |room: &Room| {
        let page = |listener, name: &str, rules: &str| {
            let at = room.at(listener);
            format!("listen {name}\n mode http\n bind {at} {rules}\n stats enable\n stats uri /stats\n")
        };
        let refused = "\n tcp-request connection reject if { src 127.0.0.1 }";
        let guarded = "accept-proxy\n tcp-request connection reject unless { src 127.0.0.1 }\n \
                       tcp-request session reject if { src 1.2.3.5 }";
        let expecting = "\n tcp-request connection expect-proxy layer4 if { src 127.0.0.1 }\n \
                         tcp-request inspect-delay 100ms\n tcp-request content reject if WAIT_END { src 1.2.3.5 }";
        let counting = "\n stick-table type ip size 10 expire 1m store conn_cnt,conn_cur,bytes_in_cnt\n \
                        tcp-request connection track-sc0 src\n tcp-request content reject if { sc0_conn_cnt ge 4 }";
        [
            room.head(),
            page(0, "door", refused),
            page(1, "guard", guarded),
            page(2, "expect", expecting),
            page(3, "count", counting),
            page(4, "pace", "\n rate-limit sessions 2"),
            page(5, "full", "\n maxconn 1"),
        ]
        .concat()
    };
    let other = b"PROXY TCP4 1.2.3.5 5.6.7.8 1111 2222\r\n";
    both(6, config, |room| {
        // What comes, and whether it ends as it should.
        let asked = |listener, header: &[u8]| {
            let mut stream = connect(room.at(listener));
            stream
                .write_all(&[header, b"GET /stats;csv HTTP/1.0\r\n\r\n"].concat())
                .ok();
            let mut back = Vec::new();
            let ended = stream.read_to_end(&mut back).is_ok();
            let back = String::from_utf8_lossy(&back);
            (back.chars().skip(9).take(3).collect::<String>(), ended)
        };
        let page = |listener, header: &[u8]| asked(listener, header).0;
        let denied = |proxy: &str, column: &str| room.cell(proxy, "FRONTEND", column);
        assert_eq!(
            (page(0, b""), denied("door", "dcon")),
            (String::new(), "1".into()),
            "{}",
            room.name
        );
        assert_eq!(
            (page(1, CLIENT), page(1, other)),
            ("200".into(), String::new()),
            "{}",
            room.name
        );
        assert_eq!(
            (denied("guard", "dcon"), denied("guard", "dses")),
            ("0".into(), "1".into()),
            "{}",
            room.name
        );
        assert_eq!(
            (asked(2, CLIENT), asked(2, other)),
            (("200".into(), true), (String::new(), true)),
            "{}: whom rules for contents refuse hears an end",
            room.name
        );
        assert_eq!(
            (denied("expect", "dreq"), page(2, b"")),
            ("1".into(), String::new()),
            "{}",
            room.name
        );
        // What was asked for before counts.
        assert_eq!(
            [(); 4].map(|()| asked(3, b"")),
            ["200", "200", "200", ""].map(|code| (code.to_owned(), true)),
            "{}",
            room.name
        );
        until("the last of them to be counted out", || {
            let table = room.order("show table count");
            table.contains(" conn_cnt=4 conn_cur=0 bytes_in_cnt=").then_some(())
        });
        if room.is_ours() {
            let before = Instant::now();
            assert_eq!([(); 6].map(|()| page(4, b"")), ["200"; 6]);
            // However the window lies, three of them were one too many and had to wait for a half of it each.
            assert!(before.elapsed() > Duration::from_secs(1));
            let (mut silent, before) = (connect(room.at(5)), Instant::now());
            assert_eq!(page(5, b""), "200");
            assert_eq!(silent.read(&mut [0]).ok(), Some(0), "the longest guest went");
            // By itself it may say nothing for ten seconds.
            assert!(before.elapsed() < Duration::from_secs(5));
        }
    });
}

#[test]
fn silence_and_pieces() {
    let server = Server::echo();
    let config = |room: &Room| {
        format!(
            "{} timeout client 1s\nfrontend one\n bind {} accept-proxy\n default_backend be\nfrontend two\n bind {} accept-proxy\n \
             option dontlognull\n default_backend be\nbackend be\n server s {}\n",
            room.head(),
            room.at(0),
            room.at(1),
            server.address()
        )
    };
    both(2, config, |room| {
        // Who says nothing is told nothing, and it is said once; not at all where such clients are of no interest.
        for listener in [1, 0] {
            let mut silent = connect(room.at(listener));
            assert_eq!(silent.read(&mut [0]).ok(), Some(0), "{}", room.name);
        }
        assert_eq!(
            next_line(room, 0),
            "here one/1: Timeout while waiting for PROXY protocol header"
        );
        drop(connect(room.at(1)));
        drop(connect(room.at(0)));
        let closed = "here one/1: Connection closed while waiting for PROXY protocol header";
        assert_eq!(next_line(room, 1), closed, "{}", room.name);
        if !room.is_ours() {
            return;
        }
        let mut slow = connect(room.at(0));
        for piece in [&CLIENT[..3], &CLIENT[3..30], &CLIENT[30..CLIENT.len() - 1], b"\nhi"] {
            slow.write_all(piece).expect("it is waited for");
            std::thread::sleep(Duration::from_millis(30));
        }
        let mut back = [0; 2];
        slow.read_exact(&mut back).expect("an echo");
        assert_eq!(&back, b"hi");
        drop(slow);
        assert_eq!(next_line(room, 2), "1.2.3.4:1111 one be/s --");
        let mut half = connect(room.at(0));
        half.write_all(&CLIENT[..20]).expect("the kernel takes it");
        let ended = half.read(&mut [0]).map_err(|error| error.kind());
        assert_eq!(ended, Err(ErrorKind::ConnectionReset));
        assert_eq!(
            next_line(room, 3),
            "here one/1: Timeout while waiting for PROXY protocol header"
        );
    });
}

#[test]
fn what_goes_out() {
    let server = Server::echo();
    let config = |room: &Room| {
        format!(
            "{}frontend one\n bind {} accept-proxy\n default_backend v1\nfrontend two\n bind {} accept-proxy\n default_backend v2\n\
             frontend three\n bind {}\n tcp-request connection set-src ipv6(::5)\n default_backend v1\nfrontend four\n bind {}\n \
             tcp-request connection set-src ipv4(9.9.9.9)\n tcp-request connection set-src-port int(77)\n \
             tcp-request connection set-dst ipv4(8.8.8.8)\n tcp-request connection set-dst-port int(88)\n default_backend more\n\
             backend v1\n server s {server} send-proxy\nbackend v2\n server s {server} send-proxy-v2\n\
             backend more\n server s {server} send-proxy-v2 proxy-v2-options crc32c,ssl,authority\n",
            room.head(),
            room.at(0),
            room.at(1),
            room.at(2),
            room.at(3),
            server = server.address(),
        )
    };
    both(4, config, |room| {
        let hears = |listener, bytes: &[u8]| answer(room, listener, bytes).expect("an echo");
        let with = |header: &[u8]| [header, b"hi"].concat();
        assert_eq!(hears(0, &v2(1, 0x11, ENDS)), with(CLIENT), "{}", room.name);
        assert_eq!(hears(1, CLIENT), with(&v2(1, 0x11, ENDS)), "{}", room.name);
        let six = hears(2, b"");
        let six = String::from_utf8_lossy(&six);
        assert!(
            six.starts_with("PROXY TCP6 ::5 ::ffff:127.0.0.1 "),
            "{}: {six}",
            room.name
        );
        let all = [
            &[9, 9, 9, 9, 8, 8, 8, 8, 0, 77, 0, 88, 3, 0, 4][..],
            &[0x44, 0x59, 0x2a, 0x7c],
            &[0x20, 0, 5, 0, 0, 0, 0, 0],
        ];
        let heard = hears(3, b"");
        let expected = with(&v2(1, 0x11, &all.concat()));
        // The checksum, which a table would have to know beforehand, is compared between the two programs' readers.
        assert_eq!(
            (&heard[..31], &heard[35..]),
            (&expected[..31], &expected[35..]),
            "{}",
            room.name
        );
        assert_eq!(
            hears(1, &heard[..heard.len() - 2])[16..28],
            heard[16..28],
            "{}",
            room.name
        );
        assert_eq!(
            room.cell("one", "FRONTEND", "bin"),
            "2",
            "a header is not the client's: {}",
            room.name
        );
    });
}

/// As in HAProxy 2.9, which is not there to be compared with.
#[test]
fn what_is_told_beside() {
    let server = Server::echo();
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = format!(
        "defaults\n timeout connect 2s\n timeout client 3s\n timeout server 3s\nfrontend f\n bind {at} accept-proxy\n \
         tcp-request inspect-delay 3s\n tcp-request content accept if {{ req.len ge 2 }}\n \
         tcp-request content set-var(txn.v) str(kept)\n default_backend b\nbackend b\n \
         default-server send-proxy-v2 set-proxy-v2-tlv-fmt(0xE1) first set-proxy-v2-tlv-fmt(226) same\n \
         server s {} set-proxy-v2-tlv-fmt(0xE0) %[src]+%[req.payload(0,2)] set-proxy-v2-tlv-fmt(0xe1) %[srv_name]\n",
        server.address()
    );
    let _lb = Lb::start(&config);
    let mut client = connect(at);
    client.write_all(&[CLIENT, b"hi"].concat()).expect("it reads");
    client.shutdown(Shutdown::Write).expect("it is open");
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).expect("an echo");
    let told = [ENDS, b"\xe2\0\x04same\xe0\0\x0a1.2.3.4+hi\xe1\0\x01s"].concat();
    assert_eq!(heard, [&v2(1, 0x11, &told)[..], b"hi"].concat());
}

#[test]
fn what_checks_say() {
    let (hears, heard) = mpsc::channel();
    let server = Server::start(move |mut stream| {
        let mut buffer = [0; 256];
        if let Ok(n @ 1..) = stream.read(&mut buffer) {
            hears.send(buffer[..n].to_vec()).ok();
        }
    });
    for (lines, beginning, end) in [
        (
            "server s @ check inter 200 send-proxy",
            &b"PROXY TCP4 127.0.0.1 127.0.0.1 "[..],
            &b"\r\n"[..],
        ),
        (
            "server s @ check inter 200 check-send-proxy send-proxy-v2",
            b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
            b"",
        ),
        (
            "option tcp-check\n tcp-check connect send-proxy\n tcp-check send hello\n tcp-check expect string x\n server s @ check inter 200",
            b"PROXY TCP4 127.0.0.1 127.0.0.1 ",
            b"hello",
        ),
    ] {
        let config = |room: &Room| {
            let lines = lines.replace('@', &server.address().to_string());
            format!("{}listen l\n bind {}\n {lines}\n", room.head(), room.at(0))
        };
        both(1, config, |room| {
            while heard.try_recv().is_ok() {}
            until("a check", || {
                let said = heard.try_recv().ok()?;
                (said.starts_with(beginning) && said.ends_with(end)).then_some(())
            });
            assert!(
                room.cell("l", "s", "status").starts_with("UP") || lines.contains("expect"),
                "{}",
                room.name
            );
        });
    }
}

/// A header is bounded: what has no room is left out, and said once for the server, and again when a reload has other values.
#[test]
fn values_without_room_are_left_out_and_that_is_said_once() {
    let (server, log) = (
        Server::echo(),
        std::env::temp_dir().join(format!("tandem-cut-{}", free_port())),
    );
    let base = Config::default();
    let text = |more: &str| {
        let long = "x".repeat(5000);
        let options = format!("send-proxy-v2 set-proxy-v2-tlv-fmt(0xe0) {long} set-proxy-v2-tlv-fmt(0xe1) short{more}");
        base.clone().server("s", &server, &options).to_string()
    };
    let (config, other) = (text(""), text("er"));
    let errors = std::fs::File::create(&log).expect("the temporary folder is writable");
    let mut lb = Lb::start_as(&config, |mut command| {
        command.stderr(errors);
        command
    });
    let comes = |ends: &[u8]| {
        let mut client = connect(base.at());
        let mut header = [0; 16];
        client.read_exact(&mut header).expect("an echo of the header");
        let mut rest = vec![0; usize::from(u16::from_be_bytes([header[14], header[15]]))];
        client.read_exact(&mut rest).expect("all of it");
        assert!(rest.len() < 4096 && rest.ends_with(ends), "{rest:?}");
    };
    let said = || {
        let log = std::fs::read_to_string(&log).expect("it is there");
        log.lines()
            .filter(|line| line.contains("values are left out of a PROXY header"))
            .count()
    };
    comes(b"\xe1\0\x05short");
    comes(b"\xe1\0\x05short");
    until("it to be said", || (said() == 1).then_some(()));
    lb.reload(Signal::SIGHUP, &other);
    comes(b"\xe1\0\x07shorter");
    comes(b"\xe1\0\x07shorter");
    until("it to be said again", || (said() == 2).then_some(()));
    std::fs::remove_file(&log).ok();
}
