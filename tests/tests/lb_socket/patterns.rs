//! Lists of patterns that are changed while they decide about clients.

use tandem_tests::{Config, Lb, Server, ask, connect};

use super::room::Room;

/// A balancer that refuses whom a file names, and sends whom a map names to another backend.
struct Gate {
    room: Room,
    config: Config,
    _servers: [Server; 2],
    _lb: Lb,
}

impl Gate {
    fn start() -> Gate {
        let room = Room::new();
        let file = |name: &str, text: &str| {
            let path = room.0.join(name);
            std::fs::write(&path, text).expect("the folder is writable");
            path.display().to_string()
        };
        let (blocked, ways) = (
            file("blocked.lst", "192.0.2.1\n"),
            file("ways.map", "192.0.2.0/24 be\n"),
        );
        let servers = [Server::named("one"), Server::named("two")];
        let config = Config::default()
            .global(room.line())
            .frontend(format!("tcp-request connection reject if {{ src -f {blocked} }}"))
            .frontend(format!("use_backend %[src,map_ip({ways},be)]"))
            .server("one", &servers[0], "");
        let other = format!("backend other\n  server two {}\n", servers[1].address());
        let _lb = Lb::start(&format!("{config}{other}"));
        Gate {
            room,
            config,
            _servers: servers,
            _lb,
        }
    }

    /// The server that answers; `None` when nobody does.
    fn answerer(&self) -> Option<String> {
        let mut name = [0; 3];
        let mut stream = connect(self.config.at());
        let read = std::io::Read::read_exact(&mut stream, &mut name);
        read.ok().map(|()| String::from_utf8_lossy(&name).into_owned())
    }

    #[track_caller]
    fn done(&self, command: &str) {
        let folder = self.room.0.display().to_string();
        assert_eq!(self.room.ask(&command.replace("FOLDER", &folder)), "\n", "{command}");
    }
}

#[test]
fn they_decide_otherwise_at_once() {
    let gate = Gate::start();
    let mut kept = connect(gate.config.at());
    let mut name = [0; 3];
    std::io::Read::read_exact(&mut kept, &mut name).expect("the server says its name");
    assert_eq!(gate.answerer().as_deref(), Some("one"));
    gate.done("add acl FOLDER/blocked.lst 127.0.0.0/8");
    assert_eq!(gate.answerer(), None);
    assert_eq!(ask(&mut kept, b"still here"), b"still here");
    gate.done("del acl FOLDER/blocked.lst 127.0.0.0/8");
    assert_eq!(gate.answerer().as_deref(), Some("one"));
    gate.done("add map FOLDER/ways.map 127.0.0.1 other");
    assert_eq!(gate.answerer().as_deref(), Some("two"));
    gate.done("set map FOLDER/ways.map 127.0.0.1 be");
    assert_eq!(gate.answerer().as_deref(), Some("one"));
}

#[test]
fn many_change_in_one_moment() {
    let gate = Gate::start();
    let map = gate.room.0.join("ways.map").display().to_string();
    let answer = gate.room.ask(&format!("prepare map {map}"));
    assert_eq!(answer, "New version created: 1\n\n");
    let rows: String = (0..200).map(|n| format!("10.0.{n}.0/24 be\n")).collect();
    gate.done(&format!("add map @1 {map} <<\n{rows}127.0.0.0/8 other\n"));
    assert_eq!(gate.answerer().as_deref(), Some("one"));
    gate.done(&format!("commit map @1 {map}"));
    assert_eq!(gate.answerer().as_deref(), Some("two"));
    assert_eq!(gate.room.ask(&format!("show map {map}")).lines().count(), 202);
}

#[test]
fn a_reload_reads_the_files_again() {
    let gate = Gate::start();
    gate.done("add acl FOLDER/blocked.lst 127.0.0.1");
    assert_eq!(gate.answerer(), None);
    let said = gate.room.ask("reload");
    assert!(said.contains("tcp-request"), "the change is named: {said}");
    assert_eq!(gate.answerer().as_deref(), Some("one"));
    std::fs::write(gate.room.0.join("blocked.lst"), "127.0.0.1\n").expect("the folder is writable");
    assert_eq!(gate.answerer().as_deref(), Some("one"));
    gate.room.ask("reload");
    assert_eq!(gate.answerer(), None);
    let entries = gate
        .room
        .ask(&format!("show acl {}", gate.room.0.join("blocked.lst").display()));
    assert!(
        entries.contains(" 127.0.0.1\n") && !entries.contains("192.0.2.1"),
        "{entries}"
    );
}
