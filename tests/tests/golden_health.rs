//! Lets the same befall the installed HAProxy as the scripts of the core's golden test, and records what it showed.
//!
//! Health goes by real time and a script takes half a minute of it, so this runs only when a recording is asked for:
//! `TANDEM_RECORD=1 cargo test -p tandem-tests --test golden_health`.

#[path = "../../crates/lb-core/tests/golden/health_script.rs"]
mod health_script;

use health_script::{Case, Seen, Sight, Step, What, difference, parse, see_words};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tandem_lb_core::backend::Operation;
use tandem_lb_core::health::AdminChange;
use tandem_tests::try_order;

const HEADER: &str = "Status words and log lines of the installed HAProxy, with the milliseconds since its start.
Captured with `TANDEM_RECORD=1 cargo test -p tandem-tests --test golden_health`: listeners on loopback that close and
open, orders through the stats socket, the log over UDP. How a case is written: health_script.rs.";

const LOOK_EVERY: Duration = Duration::from_millis(5);

/// One HAProxy, the servers it checks and what it says.
struct Stage {
    child: Child,
    dir: PathBuf,
    started: Instant,
    log: UdpSocket,
    servers: Vec<(SocketAddr, Option<TcpListener>)>,
    looks: bool,
}

impl Stage {
    fn set(case: &Case) -> io::Result<Stage> {
        let dir = std::env::temp_dir().join(format!("tandem-golden-{}-{}", std::process::id(), case.name));
        std::fs::create_dir_all(&dir)?;
        let log = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        log.set_read_timeout(Some(LOOK_EVERY))?;
        let listen = |_| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            Ok((listener.local_addr()?, Some(listener)))
        };
        let servers: Vec<_> = case.servers.iter().map(listen).collect::<io::Result<_>>()?;
        let config = dir.join("haproxy.cfg");
        std::fs::write(&config, configuration(case, &dir, log.local_addr()?, &servers))?;
        let started = Instant::now();
        let child = Command::new("haproxy")
            .arg("-db")
            .arg("-f")
            .arg(&config)
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Stage {
            child,
            dir,
            started,
            log,
            servers,
            looks: false,
        })
    }

    fn at(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Plays the script to its end and watches.
    fn play(mut self, case: &Case) -> io::Result<Vec<Seen>> {
        let mut seen = Vec::new();
        for step in &case.steps {
            while self.at() < step.at {
                self.watch(&mut seen, case)?;
            }
            self.act(step, case)?;
        }
        Ok(seen)
    }

    fn watch(&self, seen: &mut Vec<Seen>, case: &Case) -> io::Result<()> {
        let mut datagram = [0; 2048];
        if let Ok(length) = self.log.recv(&mut datagram) {
            let line = String::from_utf8_lossy(&datagram[..length]).into_owned();
            seen.push(Seen {
                at: self.at(),
                sight: sight(&line)?,
            });
        }
        if self.looks {
            let table = self.order("show stat")?;
            see_words(
                seen,
                self.at(),
                case.servers
                    .iter()
                    .map(|s| (s.name.clone(), word(&table, &case.name, &s.name))),
            );
        }
        Ok(())
    }

    fn act(&mut self, step: &Step, case: &Case) -> io::Result<()> {
        let (address, listener) = &mut self.servers[step.server];
        let name = format!("{}/{}", case.name, case.servers[step.server].name);
        let order = match step.what {
            What::Close => {
                *listener = None;
                return Ok(());
            }
            What::Open => {
                *listener = Some(TcpListener::bind(*address)?);
                return Ok(());
            }
            What::End => return Ok(()),
            What::Look => {
                self.looks = true;
                return Ok(());
            }
            What::Admin(AdminChange::Ready) => format!("set server {name} state ready"),
            What::Admin(AdminChange::Drain) => format!("set server {name} state drain"),
            What::Admin(AdminChange::Maint) => format!("set server {name} state maint"),
            What::Admin(other) => panic!("no script has a word for {other:?}"),
            What::Weight(weight) => format!("set server {name} weight {weight}"),
            What::Health(Operation::Running) => format!("set server {name} health up"),
            What::Health(Operation::Stopping) => format!("set server {name} health stopping"),
            What::Health(Operation::Down) => format!("set server {name} health down"),
            What::Checks(true) => format!("enable health {name}"),
            What::Checks(false) => format!("disable health {name}"),
        };
        let answer = self.order(&order)?;
        if answer.trim().is_empty() {
            Ok(())
        } else {
            Err(io::Error::other(format!("{order}: {answer}")))
        }
    }

    fn order(&self, words: &str) -> io::Result<String> {
        try_order(self.dir.join("stats"), words)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Nothing to do about a failure here: the process or the folder is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// One thread, or a look between two of its steps shows words such as `UP -1/3`.
fn configuration(case: &Case, dir: &Path, log: SocketAddr, servers: &[(SocketAddr, Option<TcpListener>)]) -> String {
    let dir = dir.display();
    let mut text = format!(
        "global\n nbthread 1\n log {log} local0\n stats socket {dir}/stats level admin\ndefaults\n mode tcp\n log global\n \
         timeout connect 1s\n timeout client 5s\n timeout server 5s\n{} {}\n",
        case.section, case.name
    );
    if case.section == "listen" {
        text += &format!(" bind unix@{dir}/front\n");
    }
    for option in case.options.split(',').filter(|o| !o.is_empty()) {
        text += &format!(" {option}\n");
    }
    for (server, (address, _)) in case.servers.iter().zip(servers) {
        text += &format!(" server {} {address} {}\n", server.name, server.words);
    }
    text
}

/// `<PRI>Nov 21 11:40:44 haproxy[1]: TEXT`, its severity and its text.
fn sight(line: &str) -> io::Result<Sight> {
    let parse = || {
        let (priority, rest) = line.strip_prefix('<')?.split_once('>')?;
        let severity = priority.parse::<u8>().ok()? & 7;
        Some(Sight::Line {
            severity,
            text: rest.split_once("]: ")?.1.trim_end().to_owned(),
        })
    };
    parse().ok_or_else(|| io::Error::other(format!("not a log line: {line}")))
}

/// The `status` column of one server.
fn word(table: &str, proxy: &str, server: &str) -> String {
    let start = format!("{proxy},{server},");
    let row = table.lines().find(|row| row.starts_with(&start)).unwrap_or_default();
    row.split(',').nth(17).unwrap_or("?").to_owned()
}

fn render(version: &str, cases: &[Case], text: &str) -> String {
    let mut out = format!("# {version}\n");
    for line in HEADER.lines() {
        let _ = writeln!(out, "# {line}");
    }
    let scripts = text
        .split_inclusive('\n')
        .filter(|l| !l.starts_with('#') && !l.starts_with('=') && l.trim() != "");
    let mut cases = cases.iter();
    for line in scripts {
        if line.starts_with("case ") {
            out.push('\n');
        }
        out.push_str(line);
        if line.trim_end().ends_with(" end") {
            for seen in cases.next().map(|c| &c.seen).into_iter().flatten() {
                let _ = writeln!(out, "{seen}");
            }
        }
    }
    out
}

fn say(line: &str) {
    // A test whose reader is gone has nobody to tell.
    let _ = writeln!(io::stdout().lock(), "{line}");
}

#[test]
fn record_what_the_installed_haproxy_shows() {
    if std::env::var_os("TANDEM_RECORD").is_none() {
        return say("SKIP recording of health: it takes half a minute and TANDEM_RECORD is not set");
    }
    let Ok(out) = Command::new("haproxy").arg("-v").output() else {
        return say("SKIP recording of health: haproxy is not installed");
    };
    let version = String::from_utf8_lossy(&out.stdout)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/lb-core/tests/golden/health.txt");
    let text = std::fs::read_to_string(&path).expect("the fixture is part of the repository");
    let mut cases = parse(&text);
    thread::scope(|scope| {
        let play = |case: &Case| Stage::set(case)?.play(case);
        let play_all = cases.iter_mut().map(|case| {
            scope.spawn(move || -> io::Result<()> {
                case.seen = play(case)?;
                Ok(())
            })
        });
        let stages: Vec<_> = play_all.collect();
        for stage in stages {
            stage
                .join()
                .expect("a stage does not panic")
                .expect("HAProxy plays the script");
        }
    });
    std::fs::write(&path, render(&version, &cases, &text)).expect("the fixture can be written");
    let differences: Vec<String> = cases
        .iter()
        .filter_map(|c| difference(&c.name, &c.seen, &c.ours()))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
