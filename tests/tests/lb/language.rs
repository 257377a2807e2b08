//! Words of the configuration that change what a connection looks like from outside, ours beside the installed HAProxy.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use tandem_tests::{Room, Server, ask, both, connect, ended, until};

/// The number in front of a line of syslog.
fn priority(line: &str) -> &str {
    line.trim_start_matches('<').split('>').next().unwrap_or_default()
}

#[test]
fn rules_say_how_loud_a_line_is_and_what_is_in_it() {
    let server = Server::echo();
    let config = |room: &Room| {
        let head = room.head().replacen(
            "global\n",
            "global\n set-var proc.place str(here)\n set-var-fmt proc.number \"no %[int(7)]\"\n",
            1,
        );
        format!(
            "{head} log-format \"at=%f who=%[var(sess.who)] place=%[var(proc.place)] number=%[var(proc.number)]\"\n\
             listen loud\n bind {}\n server s {}\n tcp-request content set-log-level alert\n \
             tcp-request content set-var-fmt(sess.who) \"<%[src]>\"\n\
             listen silent\n bind {}\n server s {}\n tcp-request content set-log-level silent\n",
            room.at(0),
            server.address(),
            room.at(1),
            server.address(),
        )
    };
    both(2, config, |room| {
        for listener in [1, 0] {
            let mut client = connect(room.at(listener));
            assert_eq!(ask(&mut client, b"hello"), b"hello");
        }
        let line = room.syslog.line_with("at=loud");
        assert!(
            line.ends_with("at=loud who=<127.0.0.1> place=here number=no 7"),
            "{}: {line}",
            room.name
        );
        // local0 is 16, and alert is 1.
        assert_eq!(priority(&line), "129", "{}", room.name);
        assert!(
            !room.lines().iter().any(|line| line.contains("at=silent")),
            "{}",
            room.name
        );
    });
}

#[test]
fn who_comes_to_be_no_session_has_a_line_of_its_own() {
    let server = Server::echo();
    let config = |room: &Room| {
        format!(
            "{} error-log-format \"refused by=%f to=%b/%s client=%ci ends=%ts\"\n\
             listen strict\n bind {} accept-proxy\n server s {}\n",
            room.head(),
            room.at(0),
            server.address(),
        )
    };
    both(1, config, |room| {
        let mut client = connect(room.at(0));
        client.write_all(b"this is no header\r\n").expect("it listens");
        assert!(ended(&mut client));
        let line = room.syslog.line_with("refused by=");
        assert!(
            line.ends_with("refused by=strict to=strict/<NOSRV> client=127.0.0.1 ends=PR"),
            "{}: {line}",
            room.name
        );
    });
}

#[test]
fn without_lingering_a_connection_is_reset() {
    let server = Server::echo();
    let config = |room: &Room| {
        format!(
            "{} timeout client 300ms\nlisten l\n bind {}\n server s {}\n option nolinger\n",
            room.head(),
            room.at(0),
            server.address(),
        )
    };
    both(1, config, |room| {
        let mut client = connect(room.at(0));
        assert_eq!(ask(&mut client, b"hello"), b"hello");
        client.read_to_end(&mut Vec::new()).ok();
        // Whoever closes in the usual way says so and no more; what comes behind that here is a reset.
        until("a reset", || client.take_error().expect("a socket can be asked"));
    });
}

#[test]
fn listeners_that_are_files_have_their_rights() {
    let server = Server::echo();
    let place = |room: &Room, name: &str| {
        std::env::temp_dir().join(format!("tandem-{name}-{}-{}.sock", room.name, std::process::id()))
    };
    let config = |room: &Room| {
        let temp = std::env::temp_dir();
        let head = room.head().replacen(
            "global\n",
            &format!("global\n unix-bind prefix {} mode 640\n", temp.display()),
            1,
        );
        let name = |name: &str| {
            let path = place(room, name);
            path.file_name().expect("it has one").to_string_lossy().into_owned()
        };
        format!(
            "{head}listen l\n bind /{}\n bind /{} mode 600\n server s {}\n",
            name("usual"),
            name("own"),
            server.address(),
        )
    };
    both(0, config, |room| {
        for (name, mode) in [("usual", 0o640), ("own", 0o600)] {
            let path = place(room, name);
            let file = until("the socket's file", || std::fs::metadata(&path).ok());
            let rights = file.permissions().mode();
            assert_eq!(rights & 0o777, mode, "{}: {name}", room.name);
            let mut client = UnixStream::connect(&path).expect("it listens");
            client.write_all(b"hello").expect("it is relayed");
            let mut answer = [0; 5];
            client.read_exact(&mut answer).expect("the echo");
            assert_eq!(&answer, b"hello");
            std::fs::remove_file(&path).ok();
        }
    });
}
