//! What the kernel is told of connections, and how many of a kind there may be.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use socket2::Socket;
use tandem_tests::{Config, Lb, Room, Server, ask, both, connect, ended, fetch, free_port, until};

/// The bytes that the kernel keeps of established connections with this port of theirs: to be read, and to be sent.
fn buffers(filter: &str) -> Option<(u64, u64)> {
    let output = Command::new("ss")
        .args(["-tnmH", "state", "established", filter])
        .output();
    let text = String::from_utf8(output.ok()?.stdout).ok()?;
    let number = |name: &str| -> Option<u64> {
        let (_, rest) = text.split_once(name)?;
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    Some((number(",rb")?, number(",tb")?))
}

/// What is asked for is doubled by the kernel, for what it needs itself.
#[test]
fn buffers_are_as_large_as_they_are_to_be() {
    if Command::new("ss").arg("-V").output().is_err() {
        writeln!(std::io::stderr(), "SKIP: there is no ss").ok();
        return;
    }
    let server = Server::echo();
    let config = |room: &Room| {
        let head = room.head().replace(
            "defaults",
            " tune.rcvbuf.client 20000\n tune.sndbuf.client 21000\n tune.rcvbuf.server 22000\n tune.sndbuf.server 23000\ndefaults",
        );
        format!("{head}listen l\n bind {}\n server s {}\n", room.at(0), server.address())
    };
    both(1, config, |room| {
        let mut client = connect(room.at(0));
        assert_eq!(ask(&mut client, b"1"), b"1");
        let (ours, theirs) = (room.at(0).port(), server.address().port());
        assert_eq!(
            buffers(&format!("sport = :{ours}")),
            Some((40000, 42000)),
            "{}",
            room.name
        );
        assert_eq!(
            buffers(&format!("dport = :{theirs}")),
            Some((44000, 46000)),
            "{}",
            room.name
        );
    });
}

/// The sockets of the process that answers there, as far as they can be looked at. `None` where another process's cannot.
fn sockets(room: &Room) -> Option<Vec<Socket>> {
    let info = room.order("show info");
    let pid = info.lines().find_map(|line| line.strip_prefix("Pid: ")?.parse().ok());
    let pid = Pid::from_raw(pid.expect("it says who it is")).expect("more than 0");
    let process = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    let files = std::fs::read_dir(format!("/proc/{}/fd", pid.as_raw_nonzero())).expect("it runs");
    let numbers = files.filter_map(|file| file.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let mut sockets = Vec::new();
    for number in numbers {
        match pidfd_getfd(&process, number, PidfdGetfdFlags::empty()) {
            Ok(file) => sockets.push(Socket::from(file)),
            // Closed meanwhile.
            Err(Errno::BADF) => {}
            Err(why) => {
                writeln!(std::io::stderr(), "SKIP: sockets of another process: {why}").ok();
                return None;
            }
        }
    }
    Some(sockets)
}

/// How long what was sent may stay without an answer, on either side.
#[test]
fn whoever_does_not_answer_is_given_up_after_what_is_said() {
    let server = Server::echo();
    let config = |room: &Room| {
        let (at, to) = (room.at(0), server.address());
        format!(
            "{}listen l\n bind {at} tcp-ut 7s\n server s {to} tcp-ut 9s\n",
            room.head()
        )
    };
    both(1, config, |room| {
        let mut client = connect(room.at(0));
        assert_eq!(ask(&mut client, b"1"), b"1");
        let Some(sockets) = sockets(room) else { return };
        let peer = |socket: &Socket| socket.peer_addr().ok().and_then(|peer| peer.as_socket());
        let to = |whom: SocketAddr| {
            let found = sockets.iter().find(|socket| peer(socket) == Some(whom));
            let found = found.unwrap_or_else(|| panic!("{}: no connection to {whom}", room.name));
            found.tcp_user_timeout().expect("it is TCP")
        };
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let own = client.local_addr().expect("it is connected");
        assert_eq!(
            (to(own), to(server.address())),
            (seconds(7), seconds(9)),
            "{}",
            room.name
        );
    });
}

/// Bytes go through no more pipes than there may be, and through none where that is said.
#[test]
fn there_are_as_many_pipes_as_there_may_be() {
    let server = Server::start(|mut stream| {
        let bulk = vec![7; 1 << 20];
        while stream.read_exact(&mut [0]).is_ok() {
            for _ in 0..16 {
                if stream.write_all(&bulk).is_err() {
                    return;
                }
            }
        }
    });
    for (line, most) in [("maxpipes 3", 3), ("nosplice", 0), ("maxpipes 3\n nosplice", 0)] {
        let room = Room::of_ours(1);
        let head = room.head().replace("defaults", &format!(" {line}\ndefaults"));
        let text = format!("{head}listen l\n bind {}\n server s {}\n", room.at(0), server.address());
        let _lb = Lb::start(&text);
        let figure = |name: &str| -> u64 {
            let info = room.order("show info");
            let found = info
                .lines()
                .find_map(|line| line.strip_prefix(name)?.trim_start_matches(": ").parse().ok());
            found.unwrap_or_else(|| panic!("no {name}: {info}"))
        };
        assert_eq!(figure("Maxpipes"), most, "{line}");
        let mut clients: Vec<TcpStream> = (0..6).map(|_| connect(room.at(0))).collect();
        let mut bulk = vec![0; 1 << 20];
        let mut round = || {
            clients
                .iter_mut()
                .for_each(|client| client.write_all(b"?").expect("it is open"));
            for _ in 0..16 {
                clients
                    .iter_mut()
                    .for_each(|client| client.read_exact(&mut bulk).expect("all of it"));
            }
            assert!(figure("PipesUsed") + figure("PipesFree") <= most, "{line}");
            figure("TotalSplicedBytesOut")
        };
        if most > 0 {
            until("bytes that were spliced", || (round() > 0).then_some(()));
        } else {
            assert_eq!(round(), 0, "{line}");
        }
    }
}

/// What rules wait for may lie behind the usual 15,360 bytes.
#[test]
fn rules_look_at_as_much_as_the_buffer_holds() {
    let server = Server::echo();
    let config = |room: &Room| {
        let head = room.head().replace("defaults", " tune.bufsize 32768\ndefaults");
        let rules = " tcp-request inspect-delay 30s\n tcp-request content accept if { req.len ge 20000 }\n tcp-request content reject\n";
        format!(
            "{head}listen l\n bind {}\n{rules} server s {}\n",
            room.at(0),
            server.address()
        )
    };
    both(1, config, |room| {
        let sent = vec![7; 25_000];
        let mut client = connect(room.at(0));
        client.write_all(&sent).expect("it takes it");
        let mut back = vec![0; sent.len()];
        client.read_exact(&mut back).expect(room.name);
        assert!(back == sent, "{}", room.name);
    });
}

/// A listener with TLS and one without behind that head.
fn with_tls(room: &Room, head: &str) -> String {
    let pem = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/configs/files/broker.pem");
    let [at, plain] = [0, 1].map(|place| room.at(place));
    format!("{head}frontend fe\n bind {at} ssl crt {pem}\n bind {plain}\n")
}

#[test]
fn only_so_many_speak_tls() {
    let config = |room: &Room| with_tls(room, &room.head().replace("defaults", " maxsslconn 1\ndefaults"));
    both(2, config, |room| {
        assert!(room.order("show info").contains("MaxSslConns: 1\n"), "{}", room.name);
        let first = connect(room.at(0));
        until("it is there", || {
            room.order("show info").contains("CurrSslConns: 1\n").then_some(())
        });
        let mut second = connect(room.at(0));
        // HAProxy begins nothing with it either, and lets it wait until the client's time is over.
        if room.is_ours() {
            assert!(ended(&mut second));
        }
        assert!(room.order("show info").contains("CumSslConns: 1\n"), "{}", room.name);
        drop((first, second));
        until("it is gone", || {
            room.order("show info").contains("CurrSslConns: 0\n").then_some(())
        });
        let next = connect(room.at(0));
        until("the next one", || {
            room.order("show info").contains("CurrSslConns: 1\n").then_some(())
        });
        drop(next);
    });
}

#[test]
fn a_server_is_not_bothered_when_there_is_no_room_for_more_tls() {
    // It has no answer to TLS.
    let server = Server::start(|mut stream| {
        let mut first = [0];
        if stream.read_exact(&mut first).is_ok() && first == *b"?" {
            stream.write_all(&first).ok();
        }
        std::io::copy(&mut stream, &mut std::io::sink()).ok();
    });
    let config = Config::default()
        .global("maxsslconn 1")
        .backend("retries 0")
        .server("s", &server, "ssl verify none");
    let _lb = Lb::start(&config.to_string());
    let _first = connect(config.at());
    until("the first to be on its way", || (server.accepted() == 1).then_some(()));
    assert!(ended(&mut connect(config.at())));
    // Whoever came before this one has been counted when it is answered.
    assert_eq!(ask(&mut connect(server.address()), b"?"), b"?");
    assert_eq!(server.accepted(), 2);
}

#[test]
fn only_so_many_begin_to_speak_tls_in_a_second() {
    let config = |room: &Room| {
        let head = room.head().replace("defaults", " maxsslrate 2\ndefaults");
        with_tls(room, &head.replace("3s", "30s"))
    };
    both(2, config, |room| {
        assert!(room.order("show info").contains("SslRateLimit: 2\n"), "{}", room.name);
        let began = Instant::now();
        let clients: Vec<TcpStream> = (0..5).map(|_| connect(room.at(0))).collect();
        let now = || {
            let info = room.order("show info");
            let line = info.lines().find_map(|line| line.strip_prefix("CumSslConns: "));
            line.and_then(|count| count.parse::<usize>().ok()).unwrap_or_default()
        };
        until("the first two", || (now() >= 2).then_some(()));
        let came = now();
        // Each half second that the first two lie back makes room for one. HAProxy's threads look and count apart.
        let halves = usize::try_from(began.elapsed().as_millis() / 500).unwrap_or_default();
        assert!(
            !room.is_ours() || came <= 2 + halves,
            "{came} after {halves} half seconds"
        );
        // Who speaks no TLS need not wait for those who do.
        assert!(ended(&mut connect(room.at(1))), "{}", room.name);
        room.order("set rate-limit ssl-sessions global 0");
        until("all of them", || (now() == 5).then_some(()));
        drop(clients);
    });
}

#[test]
fn who_says_nothing_is_not_let_in() {
    let server = Server::echo();
    let config = |room: &Room| {
        format!(
            "{}listen l\n bind {} defer-accept\n server s {}\n",
            room.head(),
            room.at(0),
            server.address()
        )
    };
    both(1, config, |room| {
        // After a second the kernel loses its patience; on a machine with much to do that may be before we look.
        until("somebody overtakes", || {
            let before = room.cell("l", "FRONTEND", "stot");
            let silent = connect(room.at(0));
            assert_eq!(ask(&mut connect(room.at(0)), b"1"), b"1");
            let after = room.cell("l", "FRONTEND", "stot");
            drop(silent);
            (before.parse::<u32>().ok()? + 1 == after.parse::<u32>().ok()?).then_some(())
        });
    });
}

/// Where there is room for one alone, he who says nothing makes it for the next.
#[test]
fn so_many_command_clients_at_a_time() {
    let port = free_port();
    let at = SocketAddr::from(([127, 0, 0, 1], port));
    let socket = format!("stats socket {at} level admin");
    let config = Config::default().global("stats maxconn 1").global(socket);
    let _lb = Lb::start(&config.to_string());
    let command = |words: &[u8]| {
        let mut client = connect(at);
        client.write_all(words).expect("it is open");
        client
    };
    let mut first = command(b"prompt\n");
    let mut greeting = [0; 3];
    first.read_exact(&mut greeting).expect("a prompt");
    assert!(ended(&mut command(b"show info\n")));
    // Nobody else is silent for so long.
    first.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    assert!(ended(&mut first));
}

#[test]
fn what_a_proxy_is_for_stands_on_the_page() {
    let port = free_port();
    let at = SocketAddr::from(([127, 0, 0, 1], port));
    let config = Config::default()
        .frontend("description the <way> in")
        .backend("description the rest");
    let page = format!("listen stats\n mode http\n bind {at}\n stats enable\n stats uri /stats\n");
    let mut lb = Lb::start(&format!("{config}{page}"));
    let shown = fetch(at, "/stats").body;
    assert!(
        shown.contains("the &#60;way&#62; in") && shown.contains("the rest"),
        "{shown}"
    );
    lb.reload(
        Signal::SIGUSR2,
        &format!("{}{page}", config.to_string().replace("the rest", "what is left")),
    );
    let shown = fetch(at, "/stats").body;
    assert!(shown.contains("what is left") && !shown.contains("the rest"), "{shown}");
}
