//! Starting, or saying why not.

use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tandem_tests::{Config, Lb, Server, ask, check, connect, free_port, order, until};

fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_valid_configuration_is_valid() {
    let config = Config::default().server_at("s", ([127, 0, 0, 1], 9).into(), "");
    let output = check(&["-c"], &config.to_string());
    let (out, err) = said(&output);
    assert!(output.status.success(), "{err}");
    assert_eq!(out, "Configuration file is valid\n");
    assert_eq!(said(&check(&["-c", "-q"], &config.to_string())).0, "");
}

#[test]
fn every_error_with_its_place() {
    let text =
        "global\n  maxcon 3\ndefaults\n  timeout connect never\nfrontend fe\n  bind :0x\n  default_backend gone\n";
    let output = check(&["-c"], text);
    let (out, err) = said(&output);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(out, "");
    for place in [":2:3: error", ":4:19: error", ":6:8: error", ":7:19: error"] {
        assert!(err.contains(place), "{place}: {err}");
    }
    assert!(err.contains("maxconn"), "the nearest keyword is named: {err}");
}

#[test]
fn all_addresses_in_use_are_named_with_their_lines() {
    let taken: Vec<TcpListener> = (0..2)
        .map(|_| TcpListener::bind("127.0.0.1:0").expect("a port"))
        .collect();
    let [one, two] = [0, 1].map(|n| taken[n].local_addr().expect("it is bound"));
    let config = Config::default()
        .frontend(format!("bind {one}"))
        .frontend(format!("bind {two}"));
    let text = config.server_at("s", ([127, 0, 0, 1], 9).into(), "").to_string();
    let output = check(&["-db"], &text);
    let (_, err) = said(&output);
    assert_eq!(output.status.code(), Some(1));
    for address in [one, two] {
        let line = 1 + text
            .lines()
            .position(|l| l.contains(&address.to_string()))
            .expect("it is in the text");
        let words = format!(":{line}: frontend 'fe': cannot listen on {address}: Address already in use");
        assert!(err.contains(&words), "{words}: {err}");
    }
}

/// More files than any system has.
#[test]
fn a_limit_that_cannot_be_had_ends_the_start_unless_it_need_not_be() {
    for (wanted, said_of) in [
        ("maxconn 900000000", "maxconn 900000000"),
        ("ulimit-n 2000000000", "ulimit-n 2000000000"),
    ] {
        let config = Config::default().server_at("s", ([127, 0, 0, 1], 9).into(), "");
        let config = config.global(wanted);
        let output = check(&["-db"], &config.to_string());
        let (_, err) = said(&output);
        assert_eq!(output.status.code(), Some(1), "{err}");
        assert!(err.contains(&format!("{said_of} needs more files")), "{err}");
    }
    let socket = format!("/tmp/tandem-limits-{}.sock", std::process::id());
    let config = Config::default().server_at("s", ([127, 0, 0, 1], 9).into(), "");
    let config = config.global(format!(
        "maxconn 900000000\n  no strict-limits\n  stats socket {socket}"
    ));
    let _lb = Lb::start(&config.to_string());
    let info = order(Path::new(&socket), "show info");
    let most = info
        .lines()
        .find_map(|line| line.strip_prefix("Maxconn: "))
        .expect("it says it");
    assert!(
        (1..900_000_000).contains(&most.parse::<u32>().expect("a number")),
        "{most}"
    );
}

#[test]
fn users_and_groups_have_to_be_there() {
    for line in [
        "user nobody-of-this-name",
        "group nobody-of-this-name",
        "stats socket /tmp/tandem-x.sock user nobody-of-this-name",
    ] {
        let config = Config::default()
            .server_at("s", ([127, 0, 0, 1], 9).into(), "")
            .global(line);
        let (_, err) = said(&check(&["-c"], &config.to_string()));
        assert!(err.contains("nobody-of-this-name"), "{line}: {err}");
    }
}

#[test]
fn a_condition_is_answered_by_the_status() {
    for (condition, code) in [("streq(a,a)", 0), ("!streq(a,a)", 1), ("", 1), ("nope(", 2)] {
        let output = check(&["-cc", condition], "");
        assert_eq!(output.status.code(), Some(code), "{condition}: {}", said(&output).1);
    }
}

#[test]
fn an_unknown_flag_is_refused() {
    let output = check(&["-Z"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).1.contains("unexpected argument '-Z'"));
}

#[test]
fn versions() {
    let (out, _) = said(&check(&["-v"], ""));
    assert!(out.starts_with("tandem-lb version "), "{out}");
    assert!(
        said(&check(&["-vv"], ""))
            .0
            .contains("Accept policies: shared reuseport")
    );
}

#[test]
fn every_worker_may_have_listeners_of_its_own() {
    let server = Server::echo();
    let port = free_port();
    let text = format!(
        r#"
[global]
threads = 2
accept = "reuseport"

[[frontend]]
name = "fe"
bind = [{{ address = "127.0.0.1:{port}" }}]
default-backend = "be"

[[backend]]
name = "be"

[[backend.server]]
name = "s"
address = "{}"
"#,
        server.address()
    );
    let _lb = Lb::start(&text);
    for n in 0..20u8 {
        assert_eq!(ask(&mut connect(([127, 0, 0, 1], port).into()), &[n]), [n]);
    }
}

#[test]
fn in_the_background_it_is_ready_when_the_shell_returns() {
    let server = Server::echo();
    let config = Config::default().server("s", &server, "");
    let pidfile = std::env::temp_dir().join(format!("tandem-lb-{}.pid", std::process::id()));
    let name = pidfile.display().to_string();
    // Its output is not ours any more once it is ready, so the call ends although the daemon goes on.
    let output = check(&["-D", "-p", &name], &config.to_string());
    assert!(output.status.success(), "{}", said(&output).1);
    let pid = std::fs::read_to_string(&pidfile).expect("the pid file is there");
    let pid = Pid::from_raw(pid.trim().parse().expect("a number"));
    assert_eq!(ask(&mut connect(config.at()), b"x"), b"x");
    kill(pid, Signal::SIGTERM).expect("it runs");
    until("the pid file to go with its process", || {
        (!pidfile.exists()).then_some(())
    });
}
