//! `tandem top` beside the real balancer and beside HAProxy: as a table, as JSON, over HTTP, and on a terminal where keys
//! are pressed.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tandem_tests::{Config, Haproxy, Lb, Server, ask, binary, connect, fetch, free_port, until};

fn top(arguments: &[&str]) -> Output {
    Command::new(binary("tandem"))
        .arg("top")
        .args(arguments)
        .output()
        .expect("the program runs")
}

#[track_caller]
fn said(arguments: &[&str]) -> String {
    let output = top(arguments);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{wrong}");
    String::from_utf8(output.stdout).expect("text")
}

/// A file name that nobody else has.
fn place(ending: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!(
        "tandem-top-{}-{}{ending}",
        std::process::id(),
        COUNT.fetch_add(1, Relaxed)
    );
    std::env::temp_dir().join(name)
}

fn config(socket: &Path, server: &Server) -> Config {
    Config::default()
        .global(format!("stats socket {} mode 600 level admin", socket.display()))
        .server("mq1", server, "check inter 100")
        .server("mq2", server, "check inter 100 backup")
}

/// A terminal on which `top` runs: `script` makes one and passes on what it shows.
struct Terminal {
    child: Child,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    fn start(socket: &Path) -> Terminal {
        let line = format!(
            "stty rows 20 cols 160; exec {} top --every 200ms -s {}",
            binary("tandem").display(),
            socket.display()
        );
        let mut child = Command::new("script")
            .args(["-q", "-e", "-c", &line, "/dev/null"])
            .env("TERM", "xterm")
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script is part of every Linux");
        let mut out = child.stdout.take().expect("it was piped");
        let shown = Arc::<Mutex<Vec<u8>>>::default();
        let kept = shown.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = out.read(&mut buffer) {
                kept.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend_from_slice(&buffer[..n]);
            }
        });
        Terminal { child, shown }
    }

    /// Waits for these words in what has been shown, whatever else moves around them.
    #[track_caller]
    fn shows(&self, words: &str) {
        until(&format!("the terminal to show {words:?}"), || {
            self.text().contains(words).then_some(())
        });
    }

    /// Without what moves the cursor and chooses colours; whoever moves leaves a space.
    fn text(&self) -> String {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut out, mut is_control) = (String::new(), false);
        for c in String::from_utf8_lossy(&shown).chars() {
            match (is_control, c) {
                (false, '\u{1b}') => is_control = true,
                (false, c) => out.push(c),
                (true, 'm') => is_control = false,
                (true, c) if c.is_ascii_alphabetic() => {
                    is_control = false;
                    out.push(' ');
                }
                (true, _) => {}
            }
        }
        out
    }

    fn press(&mut self, keys: &str) {
        let stdin = self.child.stdin.as_mut().expect("it was piped");
        stdin.write_all(keys.as_bytes()).expect("the terminal takes keys");
        stdin.flush().expect("the terminal takes keys");
    }

    #[track_caller]
    fn ends(&mut self) {
        let status = until("top to end", || self.child.try_wait().expect("it is our child"));
        assert!(status.success(), "{status}: {}", self.text());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn once_as_a_table_and_as_json() {
    let server = Server::echo();
    let (socket, port) = (place(".sock"), free_port());
    let mut text = config(&socket, &server).to_string();
    let _ = write!(
        text,
        "listen stats\n  mode http\n  bind 127.0.0.1:{port}\n  stats enable\n  stats uri /stats\n  stats auth ops:s3cret\n"
    );
    let _lb = Lb::start(&text);
    let at = socket.display().to_string();
    let table = said(&["-s", &at, "--once"]);
    assert!(
        table.lines().any(|l| l.starts_with("  be/mq1 ") && l.contains(" UP ")),
        "{table}"
    );
    assert!(!table.contains('\u{1b}'), "no colours");
    // What is no terminal gets the same without being told.
    assert_eq!(said(&["-s", &at, "--filter", "mq"]).lines().count(), 3);
    assert_eq!(said(&["-s", &at, "--sort", "name"]).lines().count(), 3);
    let json: serde_json::Value = serde_json::from_str(&said(&["-s", &at, "--json"])).expect("JSON");
    assert_eq!(json["process"]["Name"], "HAProxy");
    assert_eq!(json["rows"][1]["name"], "mq1");
    assert_eq!(json["rows"][1]["bytes_in_per_second"], 0);
    // The page says the same of the servers.
    let page = format!("http://ops:s3cret@127.0.0.1:{port}/stats");
    let over_http: serde_json::Value = serde_json::from_str(&said(&["-s", &page, "--json"])).expect("JSON");
    assert_eq!(over_http["rows"][1]["status"], json["rows"][1]["status"]);
    let denied = top(&["-s", &format!("http://127.0.0.1:{port}/stats"), "--once"]);
    assert_eq!(denied.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&denied.stderr).contains("a user and a password are needed"));
    let nobody = top(&["-s", "/nowhere.sock", "--once"]);
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("cannot ask the balancer at /nowhere.sock"));
}

#[test]
fn on_a_terminal_a_server_is_drained_and_made_ready() {
    let server = Server::echo();
    let socket = place(".sock");
    let config = config(&socket, &server);
    let page = free_port();
    let _lb = Lb::start(&format!(
        "{config}listen stats\n  mode http\n  bind 127.0.0.1:{page}\n  stats enable\n  stats uri /stats\n"
    ));
    let status = || {
        let csv = fetch(([127, 0, 0, 1], page).into(), "/stats;csv").body;
        let line = csv
            .lines()
            .find(|l| l.starts_with("be,mq1,"))
            .unwrap_or_default()
            .to_owned();
        line.split(',').nth(17).unwrap_or_default().to_owned()
    };
    let mut client = connect(config.at());
    ask(&mut client, b"x");
    let mut terminal = Terminal::start(&socket);
    terminal.shows("be/mq1");
    for (key, word, expect) in [("jd", "drain?", "DRAIN"), ("r", "ready?", "UP")] {
        terminal.press(key);
        terminal.shows(&format!("be/mq1: {word} y or n"));
        assert_ne!(status(), expect, "it asks first");
        terminal.press("y");
        until(expect, || (status() == expect).then_some(()));
    }
    terminal.press("q");
    terminal.ends();
}

#[test]
fn haproxys_socket_does_as_well() {
    let server = Server::echo();
    let socket = place(".sock");
    let config = config(&socket, &server);
    let Ok(haproxy) = Haproxy::begin(&config.to_string(), &[]) else {
        // A test whose reader is gone has nobody to tell.
        let _ = writeln!(
            std::io::stdout().lock(),
            "SKIP top beside HAProxy: haproxy is not installed"
        );
        return;
    };
    let haproxy = haproxy.answering(&socket);
    let at = socket.display().to_string();
    let table = said(&["-s", &at, "--once"]);
    assert!(
        table.lines().any(|l| l.starts_with("  be/mq2 ") && l.contains("1 b")),
        "{table}"
    );
    let mut terminal = Terminal::start(&socket);
    terminal.shows("version 2.");
    terminal.press("jm");
    terminal.shows("be/mq1: maint? y or n");
    terminal.press("y");
    until("HAProxy to have done it", || {
        let table = said(&["-s", &at, "--once"]);
        table
            .lines()
            .any(|l| l.starts_with("  be/mq1 ") && l.contains(" MAINT "))
            .then_some(())
    });
    // HAProxy says no bytes a second; two looks do.
    let mut client = connect(config.at());
    until("bytes a second on the terminal", || {
        ask(&mut client, &[7; 5000]);
        std::thread::sleep(Duration::from_millis(20));
        terminal.text().contains("k ").then_some(())
    });
    terminal.press("q");
    terminal.ends();
    drop(haproxy);
    std::fs::remove_file(&socket).ok();
}
