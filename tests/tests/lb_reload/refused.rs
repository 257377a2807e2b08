//! What cannot be followed changes nothing, and says why.

use std::net::{SocketAddr, TcpListener};
use std::process::Command;

use nix::sys::signal::Signal;
use tandem_tests::{Config, Lb, Server, ask, binary, connect, free_port};

use crate::room::Room;

#[test]
fn a_mistake_changes_nothing_and_is_named() {
    let (room, server) = (Room::new(), Server::echo());
    let config = Config::default().global(room.line()).server("s", &server, "");
    let mut lb = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    assert_eq!(ask(&mut client, b"before"), b"before");

    lb.configure(&config.clone().backend("server t 127.0.0.1:9 wieght 5").to_string());
    let answer = room.ask("reload");
    assert!(
        answer.contains("error[") && answer.contains("wieght") && answer.contains("did you mean"),
        "{answer}"
    );
    let told = lb.reload(Signal::SIGHUP, "global\n    no such thing\n");
    assert!(told.contains("refused"), "{told}");
    assert!(!room.ask("show stat").contains(",t,"));
    assert_eq!(ask(&mut client, b"still"), b"still");
    assert_eq!(ask(&mut connect(config.at()), b"new"), b"new");
    assert!(lb.is_running());
}

#[test]
fn a_port_that_is_taken_changes_nothing_else_either() {
    let (room, server) = (Room::new(), Server::echo());
    let config = Config::default().global(room.line()).server("s", &server, "");
    let lb = Lb::start(&config.to_string());
    let taken = TcpListener::bind(("127.0.0.1", free_port())).expect("it was free");
    let at = taken.local_addr().expect("it is bound");
    let free = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let wanted = config
        .clone()
        .frontend(format!("bind {free}"))
        .frontend(format!("bind {at}"));
    lb.configure(&wanted.server_at("t", at, "").to_string());

    let answer = room.ask("reload");
    assert!(
        answer.contains(&format!("cannot listen on {at}: Address already in use")),
        "{answer}"
    );
    assert!(TcpListener::bind(free).is_ok(), "it let go of the other again");
    assert!(!room.ask("show stat").contains(",t,"));

    drop(taken);
    let answer = room.ask("reload");
    assert!(answer.contains("server be/t is new"), "{answer}");
    assert_eq!(ask(&mut connect(free), b"new"), b"new");
}

#[test]
fn a_rehearsal_only_says() {
    let (room, server) = (Room::new(), Server::echo());
    let config = Config::default().global(room.line()).server("s", &server, "");
    let lb = Lb::start(&config.to_string());
    assert_eq!(room.ask("reload dry-run").trim(), "Nothing has changed.");
    lb.configure(
        &config
            .clone()
            .defaults("timeout queue 7s")
            .server("t", &server, "weight 3")
            .to_string(),
    );
    let said = room.ask("reload dry-run");
    let lines: Vec<&str> = said.trim().lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert_eq!(lines[0], "backend be: timeout queue 5s becomes 7s, for new connections");
    assert!(lines[1].ends_with(": server be/t is new"), "{said}");
    assert!(!room.ask("show stat").contains(",t,"));

    let json: serde_json::Value = serde_json::from_str(room.ask("reload json").trim()).expect("JSON");
    assert_eq!(json["changes"][1]["about"]["section"], "server");
    assert_eq!(json["changes"][1]["change"], "added");
    assert!(room.ask("show stat").contains("be,t,"));
    assert!(room.ask("reload sideways").contains("only takes"));
}

#[test]
fn the_tool_rehearses_and_reloads_and_says_it_in_json() {
    let (room, server) = (Room::new(), Server::echo());
    let config = Config::default().global(room.line()).server("s", &server, "");
    let lb = Lb::start(&config.to_string());
    let reload = |words: &[&str]| -> serde_json::Value {
        let mut tool = Command::new(binary("tandem"));
        let tool = tool.arg("reload").arg("--socket").arg(room.socket()).args(words);
        let done = tool.output().expect("the tool starts");
        assert_eq!(done.status.code(), Some(0), "{words:?}");
        serde_json::from_slice(&done.stdout).expect("JSON and nothing else")
    };
    lb.configure(&config.clone().server("t", &server, "weight 3").to_string());
    let said = reload(&["--dry-run", "--json"]);
    assert_eq!(said["changes"][0]["about"]["section"], "server");
    assert_eq!(said["changes"][0]["change"], "added");
    assert!(!room.ask("show stat").contains("be,t,"));
    assert_eq!(reload(&["--json"]), said, "it does what it has said");
    assert!(room.ask("show stat").contains("be,t,"));
    let nothing = reload(&["--dry-run", "--json"]);
    assert_eq!(nothing["changes"].as_array().map(Vec::len), Some(0), "{nothing}");
}

#[test]
fn what_needs_a_restart_is_said_each_time() {
    let (room, server) = (Room::new(), Server::echo());
    let config = Config::default().global(room.line()).server("s", &server, "");
    let lb = Lb::start(&config.to_string());
    lb.configure(&config.to_string().replace("nbthread 2", "nbthread 3"));
    for _ in 0..2 {
        let said = room.ask("reload");
        assert_eq!(said.trim(), "global: nbthread 2 becomes 3, but not before a restart");
    }
    assert!(room.ask("show info").contains("Nbthread: 2\n"));
}

#[test]
fn it_takes_an_administrator() {
    let (room, server) = (Room::new(), Server::echo());
    let line = room.line().replace("level admin", "level operator");
    let config = Config::default().global(line).server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    assert_eq!(room.ask("reload").trim(), "Permission denied");
}
