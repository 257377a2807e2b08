//! What an operator waits for, and what goes on beside the traffic: starting with a large configuration, changing one
//! weight of it, checking many servers, telling of all of them, and a large stick table.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::configuration;
use super::proxy::{Contender, Kind, Running};
use super::servers::Servers;
use crate::ports;

const BACKENDS: u32 = 1000;
const SERVERS: u32 = 20;
const CHECKED: u32 = 5000;
const CHECKED_FOR: Duration = Duration::from_secs(10);
const ENTRIES: u32 = 1_000_000;
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Chore {
    /// 1,000 backends of 20 servers each, until a client is taken.
    Start,
    /// Of these, one server's weight, until it is in force.
    Reload,
    /// 5,000 servers, each every second.
    Checks,
    /// Of 20,000 servers.
    ShowStat,
    /// A million entries.
    Table,
}

impl Chore {
    pub(super) const ALL: [Chore; 5] = [
        Chore::Start,
        Chore::Reload,
        Chore::Checks,
        Chore::ShowStat,
        Chore::Table,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Chore::Start => "start, 1,000 x 20 servers",
            Chore::Reload => "reload of one weight",
            Chore::Checks => "checks of 5,000 servers, CPU",
            Chore::ShowStat => "show stat of 20,000 servers",
            Chore::Table => "stick table, memory an entry",
        }
    }

    pub(super) fn unit(self) -> (&'static str, f64) {
        match self {
            Chore::Start | Chore::Reload | Chore::ShowStat => ("ms", 1e3),
            Chore::Checks => ("% of a CPU", 100.0),
            Chore::Table => ("B", 1.0),
        }
    }

    /// The figure; less is better.
    pub(super) fn measure(self, contender: &Contender, servers: Servers) -> Result<f64> {
        match self {
            Chore::Start => Estate::large(contender, servers).map(|(_, took)| took),
            Chore::Reload => Estate::large(contender, servers)?.0.reload(contender, servers),
            Chore::ShowStat => {
                let estate = Estate::large(contender, servers)?.0;
                let begun = Instant::now();
                let said = estate.ask("show stat")?;
                let took = begun.elapsed().as_secs_f64();
                let lines = said.lines().count();
                if lines < (BACKENDS * SERVERS) as usize {
                    bail!("only {lines} lines");
                }
                Ok(took)
            }
            Chore::Checks => checks(contender, servers),
            Chore::Table => table(contender, servers),
        }
    }
}

/// A program with much to look after.
struct Estate {
    running: Running,
    listener: SocketAddr,
    control: PathBuf,
}

impl Estate {
    /// And how long it took, in seconds, until a client was taken.
    fn large(contender: &Contender, servers: Servers) -> Result<(Self, f64)> {
        let listener = ports::free()?;
        Self::start(contender, listener, |control| {
            configuration::large(BACKENDS, SERVERS, servers.echo, listener, control, 10)
        })
    }

    fn start(contender: &Contender, listener: SocketAddr, text: impl FnOnce(&Path) -> String) -> Result<(Self, f64)> {
        let control = std::env::temp_dir().join(format!("tandem-bench-{}.sock", std::process::id()));
        std::fs::remove_file(&control).ok();
        let options = options(contender);
        let begun = Instant::now();
        let mut running = Running::start(&contender.path, options, &text(&control))?;
        wait(|| {
            running.lives()?;
            Ok(std::net::TcpStream::connect(listener).is_ok())
        })?;
        let took = begun.elapsed().as_secs_f64();
        let estate = Self {
            running,
            listener,
            control,
        };
        Ok((estate, took))
    }

    /// Another weight: HAProxy starts anew and ends its old self, ours is told.
    fn reload(self, contender: &Contender, servers: Servers) -> Result<f64> {
        let text = configuration::large(BACKENDS, SERVERS, servers.echo, self.listener, &self.control, 20);
        std::fs::write(self.running.file(), &text)?;
        let begun = Instant::now();
        let mut next = None;
        if contender.kind == Kind::Haproxy(["", ""]) && contender.name == super::HAPROXY {
            let id = self.running.id().to_string();
            next = Some(Running::start(
                &contender.path,
                &["-db", "-q", "-sf", &id, "-f"],
                &text,
            )?);
        } else {
            self.ask("reload")?;
        }
        wait(|| Ok(self.ask("get weight b0/s0").is_ok_and(|said| said.starts_with("20 "))))?;
        let took = begun.elapsed().as_secs_f64();
        drop(next);
        Ok(took)
    }

    fn ask(&self, command: &str) -> Result<String> {
        let mut stream = UnixStream::connect(&self.control)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(command.as_bytes())?;
        stream.write_all(b"\n")?;
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        Ok(said)
    }
}

impl Drop for Estate {
    fn drop(&mut self) {
        // Whoever it was may have taken it away.
        std::fs::remove_file(&self.control).ok();
    }
}

/// Seconds of the processors a second, once all have been checked.
fn checks(contender: &Contender, servers: Servers) -> Result<f64> {
    let listener = ports::free()?;
    let (estate, _) = Estate::start(contender, listener, |_| {
        configuration::checked(CHECKED, servers.echo, listener)
    })?;
    std::thread::sleep(Duration::from_secs(3));
    let (before, begun) = (estate.running.processor_time()?, Instant::now());
    std::thread::sleep(CHECKED_FOR);
    let spent = estate.running.processor_time()?.saturating_sub(before);
    Ok(spent.as_secs_f64() / begun.elapsed().as_secs_f64())
}

/// Bytes for each entry.
fn table(contender: &Contender, servers: Servers) -> Result<f64> {
    /// In one go: the line that a command may be is bounded.
    const TOGETHER: u32 = 100;
    let listener = ports::free()?;
    let (estate, _) = Estate::start(contender, listener, |control| {
        configuration::table(ENTRIES + 1000, servers, listener, control)
    })?;
    let before = estate.running.memory()?;
    for first in (0..ENTRIES).step_by(TOGETHER as usize) {
        let key = |number: u32| std::net::Ipv4Addr::from(0x0a00_0000 + number);
        let commands =
            (first..first + TOGETHER).map(|number| format!("set table t key {} data.server_id 1", key(number)));
        estate.ask(&commands.collect::<Vec<_>>().join(";"))?;
    }
    let said = estate.ask("show table")?;
    if !said.contains(&format!("used:{ENTRIES}")) {
        bail!("the table is not full: {}", said.trim());
    }
    Ok((estate.running.memory()? - before) / f64::from(ENTRIES))
}

fn options(contender: &Contender) -> &'static [&'static str] {
    match contender.kind {
        Kind::Haproxy(_) => &["-db", "-q", "-f"],
        Kind::Nginx | Kind::Bare(_) | Kind::Direct => &[],
    }
}

fn wait(mut until: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !until()? {
        if Instant::now() > deadline {
            return Err(anyhow::anyhow!("it took too long")).context("waiting");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
