//! `tandem explain` and the socket's `explain` beside what really happens to clients.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use socket2::{Domain, Socket, Type};
use tandem_tests::{Config, Lb, PATIENCE, Server, binary, connect, free_port, order, request, until};

fn explain(arguments: &[&str]) -> Output {
    Command::new(binary("tandem"))
        .arg("explain")
        .args(arguments)
        .output()
        .expect("the program runs")
}

#[track_caller]
fn text(arguments: &[&str]) -> String {
    let output = explain(arguments);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{wrong}");
    String::from_utf8(output.stdout).expect("text")
}

/// The server that is said, by its name in the backend.
#[track_caller]
fn server(arguments: &[&str]) -> Option<String> {
    let output = explain(&[arguments, &["--json"]].concat());
    let all: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let server = all[0]["server"].as_str()?;
    server.strip_prefix("be/").map(ToOwned::to_owned)
}

/// Connects from this address and answers the name that the server says.
fn met(from: Ipv4Addr, to: SocketAddr) -> String {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket
        .bind(&SocketAddr::from((from, 0)).into())
        .expect("all of 127/8 is ours");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
    socket.connect(&to.into()).expect("the balancer listens");
    let mut name = [0; 1];
    let mut stream = std::net::TcpStream::from(socket);
    stream.read_exact(&mut name).expect("a server says its name");
    String::from_utf8_lossy(&name).into_owned()
}

fn clients() -> impl Iterator<Item = Ipv4Addr> {
    (1..60u32).map(|n| Ipv4Addr::from(0x7f00_0001 + n * 40_503 % 0x00ff_0000))
}

struct Scene {
    _lb: Lb,
    _servers: Vec<Server>,
    config: Config,
    page: SocketAddr,
    socket: PathBuf,
    file: PathBuf,
}

impl Scene {
    fn new(name: &str, balance: &str) -> Scene {
        let place = |ending: &str| {
            let file = format!("tandem-explain-{name}-{}{ending}", std::process::id());
            std::env::temp_dir().join(file)
        };
        let (socket, file, port) = (place(".sock"), place(".cfg"), free_port());
        let servers: Vec<Server> = ["a", "b", "c"].map(Server::named).into();
        let mut config = Config::default().global(format!("stats socket {} level admin", socket.display()));
        for line in balance.split(';') {
            config = config.backend(line);
        }
        for (name, server) in ["a", "b", "c"].iter().zip(&servers) {
            config = config.server(name, server, if *name == "c" { "weight 3" } else { "" });
        }
        let text = format!(
            "{config}listen stats\n  mode http\n  bind 127.0.0.1:{port}\n  stats enable\n  stats uri /stats\n  stats admin if TRUE\n"
        );
        std::fs::write(&file, &text).expect("the folder for temporary files is writable");
        Scene {
            _lb: Lb::start(&text),
            _servers: servers,
            config,
            page: SocketAddr::from(([127, 0, 0, 1], port)),
            socket,
            file,
        }
    }

    fn live(&self, client: impl ToString) -> Option<String> {
        server(&[
            &client.to_string(),
            "-s",
            &self.socket.display().to_string(),
            "--frontend",
            "fe",
        ])
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        std::fs::remove_file(&self.file).ok();
        std::fs::remove_file(&self.socket).ok();
    }
}

#[test]
fn what_is_said_is_what_happens() {
    for (name, balance) in [
        ("map", "balance source"),
        ("ring", "balance source;hash-type consistent"),
    ] {
        let scene = Scene::new(name, balance);
        let file = scene.file.display().to_string();
        for client in clients() {
            let said = scene.live(client);
            assert_eq!(said, Some(met(client, scene.config.at())), "{balance}: {client}");
            assert_eq!(
                said,
                server(&[&client.to_string(), "--config", &file]),
                "{balance}: {client}"
            );
        }
        // A server less: both say where its clients go, and there they go.
        let answer = request(scene.page, "POST", "/stats", &[], "s=c&b=be&action=maint");
        assert_eq!(answer.header("location"), "/stats;st=DONE");
        for client in clients().take(15) {
            let said = scene.live(client);
            assert_eq!(said, Some(met(client, scene.config.at())), "{balance}: {client}");
            let offline = server(&[&client.to_string(), "--config", &file, "--down", "be/c"]);
            assert_eq!(said, offline, "{balance}: {client}");
        }
    }
}

#[test]
fn turns_are_told_before_they_come() {
    let scene = Scene::new("turns", "balance roundrobin");
    for _ in 0..12 {
        let said = scene.live("127.0.0.1");
        assert_eq!(said, Some(met(Ipv4Addr::LOCALHOST, scene.config.at())));
    }
}

#[test]
fn a_stick_entry_and_a_live_connection_are_told() {
    let scene = Scene::new("stick", "balance roundrobin;stick-table type ip size 100;stick on src");
    let socket = scene.socket.display().to_string();
    let told = |client: &str| text(&[client, "-s", &socket]);
    let client = Ipv4Addr::new(127, 0, 0, 9);
    assert!(told("127.0.0.9").contains("no entry: balancing decides, and the server is remembered"));
    let name = met(client, scene.config.at());
    until("the entry", || {
        let entry = format!("an entry names {name}, which keeps its clients");
        told("127.0.0.9").contains(&entry).then_some(())
    });
    assert_eq!(scene.live(client), Some(name));
    let mut open = connect(scene.config.at());
    let mut at = [0; 1];
    open.read_exact(&mut at).expect("a server says its name");
    let own = open.local_addr().expect("it is connected").to_string();
    let words = told(&own);
    let line = format!("  now      {}: connected for ", char::from(at[0]));
    assert!(words.contains(&line), "{words}");
    // Each step has its line; of the running balancer it is that of the file it was started with.
    let lines = words
        .lines()
        .filter(|l| l.starts_with("  ") && !l.starts_with("  now "));
    assert!(
        lines.clone().count() >= 6 && lines.clone().all(|l| l.ends_with(')') && l.contains(".cfg:")),
        "{words}"
    );
    drop(open);
    // The socket's own words are the same.
    let answer = order(&scene.socket, "explain 127.0.0.9 fe");
    assert!(answer.starts_with("127.0.0.9 at fe: be/"), "{answer}");
}

#[test]
fn a_rule_about_the_address_is_followed() {
    let (one, two) = (Server::named("1"), Server::named("2"));
    let socket = std::env::temp_dir().join(format!("tandem-explain-rule-{}.sock", std::process::id()));
    let config = Config::default()
        .global(format!("stats socket {} level admin", socket.display()))
        .frontend("use_backend own if { src 127.0.0.64/26 }")
        .server("a", &one, "");
    let _lb = Lb::start(&format!("{config}backend own\n  server b {}\n", two.address()));
    let at = socket.display().to_string();
    for (client, name, expect) in [
        (Ipv4Addr::new(127, 0, 0, 70), "2", "own/b"),
        (Ipv4Addr::LOCALHOST, "1", "be/a"),
    ] {
        assert_eq!(met(client, config.at()), name);
        let told = text(&[&client.to_string(), "-s", &at]);
        assert!(told.starts_with(&format!("{client} at fe: {expect}\n")), "{told}");
        assert_eq!(
            told.contains("use_backend own holds for this address  ("),
            name == "2",
            "{told}"
        );
    }
    std::fs::remove_file(&socket).ok();
}

#[test]
fn what_cannot_be_said() {
    let scene = Scene::new("wrong", "balance source");
    let socket = scene.socket.display().to_string();
    let file = scene.file.display().to_string();
    for (arguments, code, words) in [
        (&["nobody"][..], 2, "write an address"),
        (
            &["127.0.0.1", "-s", "/nowhere.sock"],
            2,
            "cannot ask the balancer at /nowhere.sock",
        ),
        (&["127.0.0.1", "-s", &socket, "--frontend", "x"], 2, "No such frontend."),
        (
            &["127.0.0.1", "--config", &file, "--frontend", "x"],
            2,
            "no such frontend",
        ),
        (
            &["127.0.0.1", "--config", "/nowhere.cfg"],
            2,
            "cannot read /nowhere.cfg",
        ),
        (&["127.0.0.1", "--down", "be/a"], 2, "--config"),
    ] {
        let output = explain(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    let all_down = ["be/a", "be/b", "be/c"].map(|name| ["--down", name]).concat();
    let nobody = explain(&[&["127.0.0.1", "--config", &file][..], &all_down].concat());
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nobody.stdout).starts_with("127.0.0.1 at fe: nobody\n"));
}
