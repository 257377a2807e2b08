//! How servers come and go, beside HAProxy: errors of their clients, slow start, and what becomes of whom they had.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use tandem_tests::{Room, Server, both, check, connect, ended, free_port, until};

/// The first log line with this in it.
#[track_caller]
fn line(room: &Room, part: &str) -> String {
    until(&format!("{}: a line with {part:?}", room.name), || {
        room.lines().into_iter().find(|line| line.contains(part))
    })
}

fn nowhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

#[test]
fn errors_of_clients_count() {
    let alive = Server::echo();
    let config = |room: &Room| {
        let (dead, port) = (nowhere(), alive.address().port());
        let observed = format!("{dead} check port {port} inter 60s observe layer4 error-limit 2");
        format!(
            "{} retries 0\nlisten b\n bind {}\n server s {observed}\nlisten a\n bind {}\n server s {observed} on-error mark-down\n",
            room.head(),
            room.at(1),
            room.at(0),
        )
    };
    both(2, config, |room| {
        // The other proxy's first check is half an interval away; without one, too, errors count.
        until("the first check", || {
            (room.cell("b", "s", "check_status") == "L4OK").then_some(())
        });
        for listener in [0, 0, 1, 1] {
            assert!(ended(&mut connect(room.at(listener))), "{}", room.name);
        }
        let down = line(room, "Server a/s is DOWN");
        let reason = "Server a/s is DOWN, reason: Health analyze, info: \"Detected 2 consecutive errors, last one was: L4 unsuccessful \
                      connection\". 0 active and 0 backup servers left.";
        assert!(down.starts_with(reason), "{}: {down}", room.name);
        assert_eq!(room.cell("a", "s", "status"), "DOWN", "{}", room.name);
        until("the failed check", || {
            (room.cell("b", "s", "status") == "UP 2/3").then_some(())
        });
        for (column, value) in [("hanafail", "1"), ("chkfail", "1"), ("check_status", "HANA")] {
            assert_eq!(room.cell("b", "s", column), value, "{}: {column}", room.name);
        }
    });
}

#[test]
fn a_server_comes_back_slowly() {
    let server = Server::echo();
    let config = |room: &Room| {
        format!(
            "{}listen l\n bind {}\n server s {at} check inter 60s weight 10 slowstart 3s\n server t {at} weight 10\n",
            room.head(),
            room.at(0),
            at = server.address()
        )
    };
    both(1, config, |room| {
        assert_eq!(room.cell("l", "s", "throttle"), "", "not at the start: {}", room.name);
        room.order("set server l/s health down");
        room.order("set server l/s health up");
        let shown = ["throttle", "weight", "uweight"].map(|column| room.cell("l", "s", column));
        assert_eq!(shown, ["6", "1", "10"], "{}", room.name);
        assert_eq!(room.cell("l", "BACKEND", "weight"), "11", "{}", room.name);
        let end = line(room, "Server l/s is UP. ");
        assert!(
            end.starts_with("Server l/s is UP. 2 active and 0 backup servers online."),
            "{}: {end}",
            room.name
        );
        let shown = ["throttle", "weight", "uweight"].map(|column| room.cell("l", "s", column));
        assert_eq!(shown, ["", "10", "10"], "{}", room.name);
    });
}

#[test]
fn sessions_end_with_their_server() {
    let server = Server::echo();
    let config = |room: &Room| {
        format!(
            "{}listen l\n bind {}\n server a {at} check inter 60s on-marked-down shutdown-sessions on-marked-up shutdown-backup-sessions\n \
             server b {at} backup\n",
            room.head(),
            room.at(0),
            at = server.address()
        )
    };
    both(1, config, |room| {
        let talk = || {
            let mut client = connect(room.at(0));
            client.write_all(b"x").expect("the kernel takes it");
            client.read_exact(&mut [0]).expect("an echo");
            client
        };
        let mut at_active = talk();
        room.order("set server l/a health down");
        assert!(ended(&mut at_active), "{}", room.name);
        assert!(line(room, "l l/a ").contains(" D- "), "{}", room.name);
        let mut at_backup = talk();
        room.order("set server l/a health up");
        assert!(ended(&mut at_backup), "{}", room.name);
        assert!(line(room, "l l/b ").contains(" U- "), "{}", room.name);
        let mut again = talk();
        room.order("set server l/a state maint");
        assert!(ended(&mut again), "{}", room.name);
    });
}

#[test]
fn a_full_queue_takes_nobody() {
    let server = Server::echo();
    let config = |room: &Room| {
        format!(
            "{} timeout queue 20s\nlisten l\n bind {}\n balance source\n server s {} maxconn 1 maxqueue 1\n",
            room.head(),
            room.at(0),
            server.address()
        )
    };
    both(1, config, |room| {
        let clients: Vec<TcpStream> = (1..=2)
            .map(|count| {
                let client = connect(room.at(0));
                until("it is there", || {
                    (room.cell("l", "BACKEND", "scur") == count.to_string()).then_some(())
                });
                client
            })
            .collect();
        assert_eq!(room.cell("l", "s", "qcur"), "1", "{}", room.name);
        assert!(ended(&mut connect(room.at(0))), "{}", room.name);
        let refused = line(room, " SQ ");
        let is_refused = refused.contains("] l l/s -1/-1/") && refused.contains(" 0 SQ ");
        assert!(is_refused, "{}: {refused}", room.name);
        assert_eq!(room.cell("l", "s", "econ"), "1", "{}", room.name);
        drop(clients);
    });
}

#[test]
fn nobody_is_sent_to_a_server_that_nobody_has_checked() {
    let mut server = Server::echo();
    server.kill();
    let at = free_port();
    let text = format!(
        "[defaults]\ntimeout = {{ connect = \"1s\", client = \"9s\", server = \"9s\" }}\nretries = 0\n[[frontend]]\nname = \"f\"\n\
         bind = [{{ address = \"127.0.0.1:{at}\" }}]\ndefault-backend = \"b\"\n[[backend]]\nname = \"b\"\n\
         server = [{{ name = \"s\", address = \"{}\", check = true, inter = \"100ms\", rise = 5 }}]\n",
        server.address()
    );
    assert!(check(&["-c"], &text).status.success());
    let _lb = tandem_tests::Lb::start(&text);
    let at = SocketAddr::from(([127, 0, 0, 1], at));
    assert!(ended(&mut connect(at)));
    server.revive();
    // One good check is enough, whatever `rise` says.
    until("a client is served", || {
        let mut client = connect(at);
        client.write_all(b"x").ok()?;
        client.read_exact(&mut [0]).ok()
    });
}
