//! The installed HAProxy with one proxy for each case, asked through unix sockets.
//!
//! A PROXY header names the client, so any address can call; each server answers its own name and closes.

use super::fixture::{Case, Fate, Server};
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tandem_tests::{PATIENCE, try_order};

pub struct HaProxy {
    child: Child,
    dir: PathBuf,
}

/// The first line of `haproxy -v`, or nothing when it is not installed.
pub fn version() -> Option<String> {
    let out = Command::new("haproxy").arg("-v").output().ok()?;
    Some(String::from_utf8_lossy(&out.stdout).lines().next()?.to_owned())
}

impl HaProxy {
    pub fn start(cases: &[Case]) -> io::Result<HaProxy> {
        let dir = std::env::temp_dir().join(format!("tandem-golden-{}", std::process::id()));
        std::fs::create_dir_all(&dir)?;
        let most = cases.iter().map(|c| c.servers.len()).max().unwrap_or(0);
        for (place, name) in ('0'..='9').enumerate().take(most) {
            answer(UnixListener::bind(dir.join(format!("server{place}")))?, name);
        }
        let config = dir.join("haproxy.cfg");
        std::fs::write(&config, configuration(&dir, cases))?;
        let child = Command::new("haproxy")
            .arg("-db")
            .arg("-f")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let haproxy = HaProxy { child, dir };
        haproxy.wait("the stats socket", || haproxy.command("show info").is_ok())?;
        haproxy.befall(cases)?;
        Ok(haproxy)
    }

    /// The server that answered each client in turn.
    pub fn picks(&self, place: usize, clients: &[IpAddr]) -> io::Result<String> {
        let socket = self.dir.join(format!("case{place}"));
        clients.iter().map(|&c| ask(&socket, c)).collect()
    }

    /// Lets happen to the servers what the cases say.
    fn befall(&self, cases: &[Case]) -> io::Result<()> {
        for (c, case) in cases.iter().enumerate() {
            for (s, server) in case.servers.iter().enumerate() {
                for order in orders(server.fate) {
                    let answer = self.command(&order.replace("NAME", &format!("case{c}/s{s}")))?;
                    if !answer.trim().is_empty() {
                        return Err(io::Error::other(format!("{}: {order}: {answer}", case.line)));
                    }
                }
            }
        }
        let dead = cases
            .iter()
            .flat_map(|c| &c.servers)
            .filter(|s| s.fate == Fate::Dead)
            .count();
        self.wait("the checks", || {
            self.command("show stat -1 4 -1")
                .is_ok_and(|s| s.matches(",DOWN,").count() == dead)
        })
    }

    fn command(&self, words: &str) -> io::Result<String> {
        try_order(self.dir.join("stats"), words)
    }

    fn wait(&self, what: &str, done: impl Fn() -> bool) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !done() {
            if Instant::now() > deadline {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("waited in vain for {what}"),
                ));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for HaProxy {
    fn drop(&mut self) {
        // Nothing to do about a failure here: the process or the folder is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Ends with the test's process.
fn answer(listener: UnixListener, name: char) {
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // A client that is gone shows as a missing pick.
            let _ = (&client).write_all(&[name as u8]);
        }
    });
}

fn ask(socket: &Path, client: IpAddr) -> io::Result<char> {
    let header = match client {
        IpAddr::V4(a) => format!("PROXY TCP4 {a} 127.0.0.1 1024 1024\r\n"),
        IpAddr::V6(a) => format!("PROXY TCP6 {a} ::1 1024 1024\r\n"),
    };
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(header.as_bytes())?;
    let mut name = Vec::new();
    stream.read_to_end(&mut name)?;
    Ok(name.first().map_or('-', |&b| char::from(b)))
}

fn orders(fate: Fate) -> &'static [&'static str] {
    match fate {
        Fate::Well | Fate::Disabled | Fate::Dead => &[],
        Fate::Maint => &["set server NAME state maint"],
        Fate::Drain => &["set server NAME state drain"],
        Fate::Zero => &["set weight NAME 0%"],
        Fate::Back => &["set server NAME state maint", "set server NAME state ready"],
    }
}

fn configuration(dir: &Path, cases: &[Case]) -> String {
    let dir = dir.display();
    let mut text = format!(
        "global\n nbthread 1\n maxconn 200\n stats socket {dir}/stats level admin\n\
         defaults\n mode tcp\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n"
    );
    for (place, case) in cases.iter().enumerate() {
        let listen = listen(&case.balance, &case.hash_type);
        let backups = if case.all_backups { " option allbackups\n" } else { "" };
        write!(
            text,
            "listen case{place}\n bind unix@{dir}/case{place} accept-proxy\n{listen}{backups}"
        )
        .expect("a String takes all");
        for (s, server) in case.servers.iter().enumerate() {
            let at = if server.fate == Fate::Dead {
                "nobody".to_owned()
            } else {
                format!("server{s}")
            };
            writeln!(text, " server s{s} unix@{dir}/{at} {}", settings(server)).expect("a String takes all");
        }
    }
    text
}

fn listen(balance: &str, hash_type: &str) -> String {
    format!(" balance {balance}\n hash-type {hash_type}\n")
}

fn settings(server: &Server) -> String {
    let mut words = format!("weight {}", server.weight);
    if let Some(id) = server.id {
        words += &format!(" id {id}");
    }
    if server.backup {
        words += " backup";
    }
    words
        + match server.fate {
            Fate::Disabled => " disabled",
            Fate::Dead => " check inter 100ms fall 1",
            _ => "",
        }
}
