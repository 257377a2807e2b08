//! The listeners from HAProxy to us and back, with the distribution's HAProxy as it is.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tandem_tests::{Config, Lb, Newcomers, Server, ask, connect, until};

use crate::socket::Socket;

struct Haproxy {
    child: Child,
    config: PathBuf,
}

impl Haproxy {
    /// `None`, with a word about it, where it is not installed.
    fn start(config: &Config, arguments: &[&str]) -> Option<Haproxy> {
        let file = std::env::temp_dir().join(format!("tandem-up-{}.cfg", tandem_tests::free_port()));
        std::fs::write(&file, config.to_string()).expect("the temporary folder is writable");
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(&file).args(arguments);
        match command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
            Ok(child) => Some(Haproxy { child, config: file }),
            Err(error) => {
                writeln!(std::io::stdout().lock(), "SKIP: haproxy: {error}").ok();
                std::fs::remove_file(&file).ok();
                None
            }
        }
    }

    fn pid(&self) -> String {
        self.child.id().to_string()
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_some()
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        std::fs::remove_file(&self.config).ok();
    }
}

/// The process that answers at the socket.
fn answers(socket: &Socket) -> Option<String> {
    let info = socket.try_ask("show info")?;
    info.lines().find_map(|l| l.strip_prefix("Pid: ")).map(str::to_owned)
}

#[test]
fn from_haproxy_to_us() {
    let (server, socket) = (Server::echo(), Socket::new());
    let config = Config::default().global(socket.line()).server("s", &server, "");
    let Some(mut old) = Haproxy::start(&config, &[]) else {
        return;
    };
    until("HAProxy", || (answers(&socket)? == old.pid()).then_some(()));
    let mut client = connect(config.at());
    assert_eq!(ask(&mut client, b"before"), b"before");
    let newcomers = Newcomers::come(config.at(), 200);

    let path = socket.path().display().to_string();
    let new = Lb::start_with(&["-x", &path, "-sf", &old.pid()], &config.to_string());
    until("our socket", || (answers(&socket)? != old.pid()).then_some(()));
    assert_eq!(ask(&mut client, b"stays"), b"stays");
    assert!(!old.has_ended());
    drop(client);
    until("HAProxy's end", || old.has_ended().then_some(()));
    assert_eq!(ask(&mut connect(config.at()), b"new"), b"new");
    assert!(newcomers.go() > 0);
    // Its end has left the socket's file to us.
    assert!(answers(&socket).is_some());
    drop(new);
}

#[test]
fn from_us_to_haproxy() {
    let (server, socket) = (Server::echo(), Socket::new());
    let config = Config::default().global(socket.line()).server("s", &server, "");
    let mut old = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    assert_eq!(ask(&mut client, b"before"), b"before");
    let newcomers = Newcomers::come(config.at(), 200);

    let path = socket.path().display().to_string();
    let pid = answers(&socket).expect("we answer");
    let Some(new) = Haproxy::start(&config, &["-x", &path, "-sf", &pid]) else {
        newcomers.go();
        return;
    };
    until("HAProxy's socket", || (answers(&socket)? == new.pid()).then_some(()));
    assert_eq!(ask(&mut client, b"stays"), b"stays");
    assert!(old.is_running());
    drop(client);
    assert!(old.ended().success());
    assert_eq!(ask(&mut connect(config.at()), b"new"), b"new");
    assert!(newcomers.go() > 0);
    assert_eq!(answers(&socket), Some(new.pid()));
}
