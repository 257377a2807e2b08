//! What the kernel is asked of sockets, as `ss` shows it, and what servers are told: ours beside the installed HAProxy.

use std::cell::RefCell;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tandem_tests::{Config, Lb, Room, Server, ask, both, connect, until};

/// The line about the socket between these two; `None` where there is no `ss`, and empty where there is no such socket.
fn seen(from: SocketAddr, to: SocketAddr) -> Option<String> {
    let filter = format!("src {from} and dst {to}");
    let mut command = Command::new("ss");
    command.args(["-tnHOieo", "--tos"]).args(filter.split(' '));
    match command.output() {
        Ok(output) => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        Err(error) => {
            writeln!(std::io::stdout().lock(), "SKIP: ss: {error}").ok();
            None
        }
    }
}

/// What stands behind a word of such a line.
fn behind<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    line.split_whitespace().find_map(|part| part.strip_prefix(word))
}

/// In how many minutes the other end is asked whether it is there.
fn minutes(line: &str) -> Option<u32> {
    behind(line, "timer:(keepalive,")?.split_once("min")?.0.parse().ok()
}

#[test]
fn both_ends_are_as_the_lines_say() {
    let is_root = nix::unistd::geteuid().is_root();
    let ends = Arc::<Mutex<Vec<(SocketAddr, SocketAddr)>>>::default();
    let kept = ends.clone();
    let server = Server::start(move |mut stream| {
        let pair = stream.peer_addr().ok().zip(stream.local_addr().ok());
        kept.lock().unwrap_or_else(PoisonError::into_inner).extend(pair);
        let mut byte = [0; 64];
        while let Ok(count @ 1..) = stream.read(&mut byte) {
            stream.write_all(&byte[..count]).ok();
        }
    });
    let segments = RefCell::new(Vec::new());
    let config = |room: &Room| {
        let ours = match room.is_ours() {
            true => " tcp-request content set-bc-tos 0x08\n tcp-request content set-bc-mark 0x55\n",
            false => "",
        };
        format!(
            "{}frontend f\n bind {} mss 1200\n option clitcpka\n clitcpka-idle 10000s\n \
             tcp-request connection set-tos 0x10\n tcp-request connection set-mark 0x77\n{ours} default_backend b\n\
             backend b\n option srvtcpka\n srvtcpka-idle 30000s\n server s {}\n",
            room.head(),
            room.at(0),
            server.address()
        )
    };
    both(1, config, |room| {
        ends.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let mut client = connect(room.at(0));
        // Whoever has an answer is connected to a server.
        ask(&mut client, b"?");
        let own = client.local_addr().expect("it is connected");
        let Some(front) = seen(room.at(0), own) else { return };
        let (from, to) = ends.lock().unwrap_or_else(PoisonError::into_inner)[0];
        let back = seen(from, to).expect("it was there just now");
        let name = room.name;
        assert!(minutes(&front).is_some_and(|min| min <= 167), "{name}: {front}");
        assert!(
            minutes(&back).is_some_and(|min| (168..=500).contains(&min)),
            "{name}: {back}"
        );
        assert_eq!(behind(&front, "tos:"), Some("0x10"), "{name}: {front}");
        let segment: u32 = behind(&front, "mss:")
            .and_then(|mss| mss.parse().ok())
            .expect("a number");
        assert!(segment <= 1200, "{name}: {front}");
        segments.borrow_mut().push(segment);
        if is_root {
            assert_eq!(behind(&front, "fwmark:"), Some("0x77"), "{name}: {front}");
        }
        if room.is_ours() {
            assert_eq!(behind(&back, "tos:"), Some("0x8"), "{back}");
            assert!(!is_root || behind(&back, "fwmark:") == Some("0x55"), "{back}");
        }
    });
    assert!(segments.into_inner().windows(2).all(|pair| pair[0] == pair[1]));
}

/// The client hears nothing at all, and nothing is left of its connection here.
#[test]
fn who_is_dropped_silently_hears_nothing() {
    let config = |room: &Room| {
        format!(
            "{}frontend f\n bind {}\n tcp-request connection silent-drop if {{ src 127.0.0.1 }}\n",
            room.head(),
            room.at(0)
        )
    };
    both(1, config, |room| {
        let mut client = connect(room.at(0));
        let own = client.local_addr().expect("it is connected");
        if seen(room.at(0), own).is_none() {
            return;
        }
        until(&format!("{}: its socket is gone", room.name), || {
            seen(room.at(0), own).filter(String::is_empty)
        });
        client
            .set_read_timeout(Some(Duration::from_millis(300)))
            .expect("a timeout above zero");
        let heard = client.read(&mut [0]).map_err(|error| error.kind());
        assert!(
            matches!(heard, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)),
            "{}: {heard:?}",
            room.name
        );
    });
}

#[test]
fn files_are_limited_as_the_configuration_says() {
    let server = Server::echo();
    let config = Config::default().global("fd-hard-limit 900").server("s", &server, "");
    let lb = Lb::start(&config.to_string());
    let limits = fs::read_to_string(format!("/proc/{}/limits", lb.pid())).expect("it runs");
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    let most: Vec<u32> = line
        .into_iter()
        .flat_map(str::split_whitespace)
        .filter_map(|word| word.parse().ok())
        .collect();
    assert!(most.first().is_some_and(|most| *most <= 900), "{most:?}");
}

#[test]
fn servers_are_told_what_is_thought_of_them() {
    let heard = Arc::<Mutex<Vec<String>>>::default();
    let kept = heard.clone();
    let server = Server::start(move |mut stream| {
        let mut request = Vec::new();
        let mut some = [0; 512];
        while !request.ends_with(b"\r\n\r\n") {
            match stream.read(&mut some) {
                Ok(count @ 1..) => request.extend_from_slice(&some[..count]),
                _ => return,
            }
        }
        let text = String::from_utf8_lossy(&request).to_lowercase();
        let said = text
            .lines()
            .find_map(|line| line.strip_prefix("x-haproxy-server-state: "));
        let said = said.unwrap_or("nothing").to_owned();
        kept.lock().unwrap_or_else(PoisonError::into_inner).push(said);
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").ok();
    });
    let first = RefCell::new(Vec::new());
    let config = |room: &Room| {
        format!(
            "{}global\n node me\nlisten l\n bind {}\n option httpchk\n http-check send-state\n \
             server a {} weight 3 check inter 100ms fall 3\n server b 127.0.0.1:1 weight 5\n server c 127.0.0.1:1 weight 7 backup\n",
            room.head(),
            room.at(0),
            server.address()
        )
    };
    both(1, config, |room| {
        let said = |count| {
            until(&format!("{}: {count} checks", room.name), || {
                let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                (heard.len() >= count).then(|| heard.clone())
            })
        };
        let told = said(2);
        heard.lock().unwrap_or_else(PoisonError::into_inner).clear();
        first.borrow_mut().push(told[..2].to_vec());
    });
    let first = first.into_inner();
    let at = server.address().port();
    let rest = format!("address=127.0.0.1; port={at}; name=l/a; node=me; weight=3/8; scur=0/0; qcur=0");
    assert_eq!(
        first.last().expect("ours"),
        &[format!("up 1/3; {rest}"), format!("up; {rest}")]
    );
    assert!(first.windows(2).all(|pair| pair[0] == pair[1]), "{first:#?}");
}
