//! A proxy at work: started with a configuration for its kind, and what the kernel says it costs.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::clients::Places;
use super::configuration;
use super::load::Setup;
use super::servers::Servers;
use crate::{ports, process};

const READY: Duration = Duration::from_secs(30);

/// A program and how it is set up.
#[derive(Clone, Debug)]
pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It reads haproxy.cfg; these lines come in addition, to its `global` and to its `defaults`.
    Haproxy([&'static str; 2]),
    Nginx,
    /// This program, as the floor.
    Bare(&'static str),
    /// Nothing between clients and servers.
    Direct,
}

impl Kind {
    pub(super) fn can(self, setup: Setup) -> bool {
        matches!(self, Kind::Haproxy(_)) || setup == Setup::Usual
    }
}

/// A program with a file that it was told to read. Killed when it is dropped.
pub(super) struct Running {
    child: Child,
    file: PathBuf,
}

/// Between clients and servers.
pub(super) struct Proxy {
    /// `None` when there is nothing between them.
    running: Option<Running>,
    /// Who speaks TLS to it for the clients.
    before: Option<Running>,
    places: Places,
}

impl Proxy {
    pub(super) fn start(contender: &Contender, setup: Setup, servers: Servers, threads: u64) -> Result<Self> {
        if contender.kind == Kind::Direct {
            return Ok(Self {
                running: None,
                before: None,
                places: servers.places(),
            });
        }
        let places = free_places()?;
        let running = match contender.kind {
            Kind::Bare(how) => {
                let way = |from: SocketAddr, to: SocketAddr| format!("{from}={to}");
                let (echo, source) = (way(places.echo, servers.echo), way(places.source, servers.source));
                Running::spawn(
                    Command::new(&contender.path).args([
                        "bare",
                        how,
                        "--threads",
                        &threads.to_string(),
                        &echo,
                        &source,
                    ]),
                    PathBuf::new(),
                )?
            }
            Kind::Nginx => {
                let text = configuration::nginx(threads, servers, places);
                Running::start(&contender.path, &["-c"], &text)?
            }
            Kind::Haproxy(extra) => {
                let text = configuration::haproxy(extra, setup, threads, servers, places)?;
                Running::start(&contender.path, &["-db", "-q", "-f"], &text)?
            }
            Kind::Direct => bail!("nothing is started for it"),
        };
        let mut proxy = Self {
            running: Some(running),
            before: None,
            places,
        };
        if setup == Setup::Tls {
            proxy.begin_tls()?;
        }
        proxy.wait_until_ready().with_context(|| contender.name)?;
        Ok(proxy)
    }

    /// Clients speak no TLS themselves: one and the same HAProxy does it for all.
    fn begin_tls(&mut self) -> Result<()> {
        let haproxy = tandem_lab::programs::installed("haproxy").context("TLS is spoken by HAProxy")?;
        let places = free_places()?;
        let text = configuration::speaker(places, self.places);
        self.before = Some(Running::start(&haproxy, &["-db", "-q", "-f"], &text)?);
        self.places = places;
        Ok(())
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + READY;
        // Who speaks TLS answers before there is anybody to speak to; a client is through when something comes back.
        while !answers(self.places.echo) {
            for each in self.running.iter_mut().chain(self.before.iter_mut()) {
                each.lives()?;
            }
            if Instant::now() > deadline {
                bail!("nobody answers on {}", self.places.echo);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    pub(super) fn places(&self) -> Places {
        self.places
    }

    /// What all its threads have had of the processors; nothing of nothing.
    pub(super) fn processor_time(&self) -> Result<Option<Duration>> {
        self.running.as_ref().map(Running::processor_time).transpose()
    }

    /// In bytes, of user space.
    pub(super) fn memory(&self) -> Result<Option<f64>> {
        self.running.as_ref().map(Running::memory).transpose()
    }
}

impl Running {
    /// The options come before the name of its file.
    pub(super) fn start(program: &Path, options: &[&str], text: &str) -> Result<Self> {
        let file = std::env::temp_dir().join(format!("tandem-bench-{}-{}.cfg", std::process::id(), number()));
        fs::write(&file, text)?;
        Running::spawn(Command::new(program).args(options).arg(&file), file)
    }

    fn spawn(command: &mut Command, file: PathBuf) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = quiet.spawn().context(name)?;
        Ok(Self { child, file })
    }

    pub(super) fn lives(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("it ended with {status}; its configuration was {}", self.file.display()),
            None => Ok(()),
        }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    pub(super) fn processor_time(&self) -> Result<Duration> {
        Ok(process::processor_time(&self.family()?))
    }

    pub(super) fn memory(&self) -> Result<f64> {
        process::memory(&self.family()?)
    }

    /// It and its children.
    fn family(&self) -> Result<Vec<u32>> {
        let id = self.child.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let children = children.split_whitespace().map(str::parse);
        Ok(std::iter::once(Ok(id)).chain(children).collect::<Result<_, _>>()?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Who has children ends them. It may have ended by itself, and its file may be gone: neither matters any more.
        if self.family().is_ok_and(|family| family.len() > 1) {
            kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM).ok();
        } else {
            self.child.kill().ok();
        }
        self.child.wait().ok();
        fs::remove_file(&self.file).ok();
    }
}

/// Whether something comes back.
fn answers(from: SocketAddr) -> bool {
    use std::io::{Read, Write};
    let ask = || {
        let mut stream = std::net::TcpStream::connect(from)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"?")?;
        stream.read_exact(&mut [0])
    };
    ask().is_ok()
}

fn free_places() -> Result<Places> {
    Ok(Places {
        echo: ports::free()?,
        source: ports::free()?,
    })
}

/// Several run at a time, each with a file of its own.
fn number() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Relaxed)
}
