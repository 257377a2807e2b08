use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::*;
use crate::syslog::{Destination, Facility, Format, Identity, Target};

const AT: Wall = Wall::from_micros(1_795_260_885_046_302);

fn targets(list: &[Target]) -> Targets {
    let identity = Identity {
        tag: "tandem-lb".to_owned(),
        hostname: None,
        pid: 7,
    };
    Targets::open(list, &identity).expect("these targets can be opened")
}

fn raw(to: Destination) -> Target {
    Target {
        format: Some(Format::Raw),
        ..Target::new(to, Facility::DAEMON)
    }
}

fn udp_server(address: &str) -> (std::net::UdpSocket, Destination) {
    let server = std::net::UdpSocket::bind((address, 0)).expect("loopback has free ports");
    server
        .set_read_timeout(Some(Duration::from_secs(5)))
        .expect("a timeout above zero");
    let to = Destination::Udp(server.local_addr().expect("it is bound"));
    (server, to)
}

fn received(server: &std::net::UdpSocket) -> String {
    let mut buffer = [0; 2048];
    let length = server.recv(&mut buffer).expect("a datagram arrives");
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

#[test]
fn udp_over_both_families() {
    let (four, to4) = udp_server("127.0.0.1");
    let (six, to6) = udp_server("::1");
    let both = targets(&[
        raw(to4),
        Target {
            format: Some(Format::Priority),
            ..Target::new(to6, Facility::DAEMON)
        },
    ]);
    let mut sender = Sender::default();
    for line in ["one", "two"] {
        sender.send(&both, Severity::Notice, line, AT);
        assert_eq!(received(&four), format!("{line}\n"));
        assert_eq!(received(&six), format!("<29>{line}\n"));
    }
    assert_eq!(both.dropped(), 0);
}

#[test]
fn a_unix_socket_may_come_late_and_come_back() {
    let dir = std::env::temp_dir().join(format!("tandem-syslog-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("the temporary folder is writable");
    let path = dir.join("log");
    let list = targets(&[raw(Destination::Unix(path.clone()))]);
    let mut sender = Sender::default();
    sender.send(&list, Severity::Info, "nobody listens", AT);
    assert_eq!(list.dropped(), 1);
    for round in ["first", "second"] {
        let server = UnixDatagram::bind(&path).expect("the path is free");
        server
            .set_read_timeout(Some(Duration::from_secs(5)))
            .expect("a timeout above zero");
        sender.send(&list, Severity::Info, round, AT);
        let mut buffer = [0; 64];
        let length = server.recv(&mut buffer).expect("a datagram arrives");
        assert_eq!(&buffer[..length], format!("{round}\n").as_bytes());
        std::fs::remove_file(&path).expect("we made it");
    }
    std::fs::remove_dir_all(&dir).expect("we made it");
    assert_eq!(list.dropped(), 1);
}

#[test]
fn a_full_pipe_drops_and_counts_instead_of_waiting() {
    let (mut reader, writer) = io::pipe().expect("a pipe");
    let list = targets(&[raw(Destination::Fd(writer.as_raw_fd()))]);
    let mut sender = Sender::default();
    let line = "x".repeat(1000);
    let mut sent = 0;
    while list.dropped() < 3 {
        sender.send(&list, Severity::Info, line.as_str(), AT);
        sent += 1;
        assert!(sent < 10_000, "a pipe is never that large");
    }
    drop((writer, list));
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("all writers are gone");
    assert_eq!(text.lines().count(), sent - 3);
    assert!(text.lines().all(|l| l == line), "no line is torn");
}

#[test]
fn a_stream_socket_as_the_journal_gives_it() {
    let (mut journal, ours) = std::os::unix::net::UnixStream::pair().expect("a pair of sockets");
    let list = targets(&[raw(Destination::Fd(ours.as_raw_fd()))]);
    Sender::default().send(&list, Severity::Info, "hello", AT);
    drop((ours, list));
    let mut text = String::new();
    journal.read_to_string(&mut text).expect("all writers are gone");
    assert_eq!(text, "hello\n");
}

#[test]
fn long_lines_are_cut_with_their_header_but_not_inside_a_character() {
    let (server, to) = udp_server("127.0.0.1");
    let list = targets(&[Target {
        format: Some(Format::Short),
        length: 10,
        ..Target::new(to, Facility::DAEMON)
    }]);
    let mut sender = Sender::default();
    for (message, line) in [
        ("0123456", "<6>0123456\n"),
        ("01234567", "<6>0123456\n"),
        ("012345ä", "<6>012345\n"),
        ("", "<6>\n"),
    ] {
        sender.send(&list, Severity::Info, message, AT);
        assert_eq!(received(&server), line);
    }
}

#[test]
fn threads_share_targets_and_nothing_else() {
    let (server, to) = udp_server("127.0.0.1");
    let list = targets(&[raw(to)]);
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let list = list.clone();
            scope.spawn(move || {
                let mut sender = Sender::default();
                for n in 0..8 {
                    sender.send(&list, Severity::Info, format!("{worker} {n}").as_str(), AT);
                }
            });
        }
    });
    let mut lines: Vec<String> = (0..32).map(|_| received(&server)).collect();
    lines.sort();
    lines.dedup();
    assert_eq!((lines.len(), list.dropped()), (32, 0));
}
