//! Successors as operators start them: in the background, with another number of workers, or in vain.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tandem_tests::{Config, Lb, Newcomers, Server, ask, binary, check, connect, until};

use crate::socket::Socket;

/// As systemd's `ExecReload=` does it.
#[test]
fn in_the_background_with_a_pid_file() {
    let (server, socket) = (Server::echo(), Socket::new());
    let config = Config::default().global(socket.line()).server("s", &server, "");
    let files = [0, 1].map(|n| std::env::temp_dir().join(format!("tandem-up-{n}-{}", tandem_tests::free_port())));
    let [file, pidfile] = &files;
    std::fs::write(file, config.to_string()).expect("the temporary folder is writable");
    let mut old = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    assert_eq!(ask(&mut client, b"before"), b"before");

    let old_pid = socket.ask("show info");
    let old_pid = old_pid
        .lines()
        .find_map(|l| l.strip_prefix("Pid: "))
        .expect("show info has it");
    let mut command = Command::new(binary("tandem-lb"));
    command.arg("-D").arg("-f").arg(file).arg("-p").arg(pidfile);
    command.arg("-x").arg(socket.path()).args(["-sf", old_pid]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(
        command
            .env_remove("NOTIFY_SOCKET")
            .status()
            .expect("it starts")
            .success()
    );
    // It has come back when the other one is ready, and then the old one ends.
    assert!(old.ended().success());
    // systemd would stop the whole unit, in which the other process goes on.
    let told = old.told_beside();
    assert!(!told.contains("STOPPING=1"), "{told}");
    assert_eq!(ask(&mut client, b"after"), b"after");
    let pid = std::fs::read_to_string(pidfile).expect("the daemon's file");
    let pid = Pid::from_raw(pid.trim().parse().expect("a number"));
    kill(pid, Signal::SIGTERM).expect("it runs");
    until("the daemon's end", || kill(pid, None).is_err().then_some(()));
    for file in &files {
        std::fs::remove_file(file).ok();
    }
}

#[test]
fn sockets_of_their_own_are_all_served_whatever_the_number_of_workers() {
    let (server, socket) = (Server::echo(), Socket::new());
    let at = std::net::SocketAddr::from(([127, 0, 0, 1], tandem_tests::free_port()));
    let config = |threads: u32, accept: &str| {
        format!(
            r#"
[global]
threads = {threads}
accept = "{accept}"

[[global.control]]
address = "{}"
level = "admin"
expose-listeners = true

[[frontend]]
name = "fe"
bind = [{{ address = "{at}" }}]
timeout = {{ client = "30s" }}
default-backend = "be"

[[backend]]
name = "be"
timeout = {{ connect = "5s", server = "30s" }}

[[backend.server]]
name = "s"
address = "{}"
"#,
            socket.path().display(),
            server.address(),
        )
    };
    let mut running = Lb::start(&config(4, "reuseport"));
    let newcomers = Newcomers::come(at, 300);
    let mut client = connect(at);
    assert_eq!(ask(&mut client, b"before"), b"before");
    for (threads, accept) in [(1, "reuseport"), (3, "reuseport"), (2, "shared"), (2, "reuseport")] {
        let new = running.succeed(socket.path(), &config(threads, accept));
        assert!(running.ended().success());
        assert_eq!(ask(&mut client, b"again"), b"again");
        running = new;
    }
    assert!(newcomers.go() > 0);
}

#[test]
fn one_that_cannot_start_changes_nothing() {
    let (server, socket) = (Server::echo(), Socket::new());
    let config = Config::default().global(socket.line()).server("s", &server, "");
    let mut old = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    assert_eq!(ask(&mut client, b"before"), b"before");
    let pid = socket.ask("show info");
    let pid = pid
        .lines()
        .find_map(|l| l.strip_prefix("Pid: "))
        .expect("show info has it");
    // It has our listener when it finds out that another address is taken.
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let worse = config
        .clone()
        .frontend(format!("bind {}", taken.local_addr().expect("bound")));
    let path = socket.path().display().to_string();
    let said = check(&["-db", "-x", &path, "-sf", pid], &worse.to_string());
    assert!(!said.status.success());
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(text.contains("cannot listen on"), "{text}");

    assert!(old.is_running());
    assert_eq!(ask(&mut client, b"after"), b"after");
    assert_eq!(ask(&mut connect(config.at()), b"new"), b"new");
    assert_eq!(socket.figure("fe", "FRONTEND", "stot"), 2);
    let nobody = check(&["-db", "-x", "/nowhere/at/all"], &config.to_string());
    let text = String::from_utf8_lossy(&nobody.stderr).into_owned();
    assert!(
        !nobody.status.success() && text.contains("-x /nowhere/at/all: "),
        "{text}"
    );
    let _new = old.succeed(socket.path(), &config.to_string());
    assert!(old.ended().success());
    assert_eq!(ask(&mut client, b"moved"), b"moved");
}
