//! A session with TLS: its keys are in the old process, and nobody else is told them.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tandem_tests::{Config, Lb, Server, ask, connect, free_port};

use crate::socket::Socket;

/// A certificate of its own with its key, in one file.
struct Identity(PathBuf);

impl Identity {
    /// `None`, with a word about it, where there is no program to make one.
    fn new() -> Option<Identity> {
        let file = std::env::temp_dir().join(format!("tandem-up-{}.pem", free_port()));
        let mut command = Command::new("openssl");
        command.args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ]);
        command
            .args(["-days", "2", "-subj", "/CN=localhost", "-keyout"])
            .arg(&file)
            .arg("-out");
        let certificate = file.with_extension("crt");
        command.arg(&certificate).stdout(Stdio::null()).stderr(Stdio::null());
        match command.status() {
            Ok(status) if status.success() => {}
            other => {
                writeln!(std::io::stdout().lock(), "SKIP: openssl: {other:?}").ok();
                return None;
            }
        }
        let both = [&file, &certificate].map(|file| std::fs::read(file).expect("it was made"));
        std::fs::write(&file, both.concat()).expect("the temporary folder is writable");
        std::fs::remove_file(certificate).ok();
        Some(Identity(file))
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

/// `openssl s_client`, which passes on what it is told.
struct Client(Child);

impl Client {
    fn connect(at: SocketAddr) -> Client {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-quiet", "-connect"]).arg(at.to_string());
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        Client(command.spawn().expect("it was there just now"))
    }

    fn ask(&mut self, text: &str) -> String {
        let sent = self.0.stdin.as_mut().expect("piped").write_all(text.as_bytes());
        sent.expect("it takes it");
        let mut answer = vec![0; text.len()];
        let read = self.0.stdout.as_mut().expect("piped").read_exact(&mut answer);
        read.expect("an answer");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn it_stays_and_drains_while_the_others_move() {
    let Some(identity) = Identity::new() else { return };
    let (server, socket) = (Server::echo(), Socket::new());
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = Config::default()
        .global(socket.line())
        .frontend(format!("bind {at} ssl crt {}", identity.0.display()))
        .server("s", &server, "");
    let mut old = Lb::start(&config.to_string());
    let mut secret = Client::connect(at);
    assert_eq!(secret.ask("before\n"), "before\n");
    let mut plain = connect(config.at());
    assert_eq!(ask(&mut plain, b"before"), b"before");

    let _new = old.succeed(socket.path(), &config.to_string());
    assert_eq!(ask(&mut plain, b"moved"), b"moved");
    assert_eq!(secret.ask("stays\n"), "stays\n");
    assert!(old.is_running());
    assert_eq!(Client::connect(at).ask("new\n"), "new\n");
    drop(plain);
    assert_eq!(secret.ask("still\n"), "still\n");
    drop(secret);
    assert!(old.ended().success());
}
