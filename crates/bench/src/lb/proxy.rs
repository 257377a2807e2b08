//! A proxy at work: started with a configuration that all of them read, and what the kernel says it costs.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::load::Load;
use super::servers::Servers;

/// More than any load opens. Each needs two descriptors, and a usual hard limit is 20,000.
const MAXCONN: u32 = 9_500;
const READY: Duration = Duration::from_secs(10);

/// A program and how it is set up.
#[derive(Clone, Debug)]
pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) path: PathBuf,
    /// Lines for its `global` and for its `defaults`.
    pub(super) extra: [&'static str; 2],
}

/// Killed when it is dropped.
pub(super) struct Proxy {
    child: Child,
    file: PathBuf,
    exchange: SocketAddr,
    bulk: SocketAddr,
}

impl Proxy {
    pub(super) fn start(contender: &Contender, servers: Servers, threads: usize) -> Result<Self> {
        let (exchange, bulk) = (free()?, free()?);
        let file = std::env::temp_dir().join(format!("tandem-bench-{}.cfg", std::process::id()));
        fs::write(&file, configuration(contender.extra, threads, servers, exchange, bulk))?;
        let child = Command::new(&contender.path)
            .args(["-db", "-q", "-f"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| contender.path.display().to_string())?;
        let mut proxy = Self {
            child,
            file,
            exchange,
            bulk,
        };
        proxy.wait_until_ready().with_context(|| contender.name)?;
        Ok(proxy)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + READY;
        while std::net::TcpStream::connect(self.exchange).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status}; its configuration is {}", self.file.display());
            }
            if Instant::now() > deadline {
                bail!("nobody listens on {}", self.exchange);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    pub(super) fn address(&self, load: Load) -> SocketAddr {
        match load {
            Load::Bulk { .. } => self.bulk,
            _ => self.exchange,
        }
    }

    /// What all its threads have had of the processors.
    pub(super) fn processor_time(&self) -> Result<Duration> {
        let mut nanos = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = fs::read_to_string(thread?.path().join("schedstat"))?;
            let ran = text.split(' ').next().context("an empty schedstat")?;
            nanos += ran.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// In bytes, of user space.
    pub(super) fn memory(&self) -> Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        let kib = line
            .and_then(|line| line.trim().strip_suffix(" kB"))
            .context("no Pss")?;
        Ok(kib.trim().parse::<f64>()? * 1024.0)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may have ended by itself; its file may be gone. Neither matters any more.
        self.child.kill().ok();
        self.child.wait().ok();
        fs::remove_file(&self.file).ok();
    }
}

/// A port that nobody has at this moment.
fn free() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn configuration(
    [global, defaults]: [&str; 2],
    threads: usize,
    servers: Servers,
    exchange: SocketAddr,
    bulk: SocketAddr,
) -> String {
    let place = |name: &str, at: SocketAddr, server: SocketAddr| {
        format!(
            "
frontend fe_{name}
    bind {at}
    default_backend be_{name}

backend be_{name}
    balance source
    stick-table type ip size 1m expire 30m
    stick on src
    server s1 {server} check
"
        )
    };
    format!(
        "global
    maxconn {MAXCONN}
    nbthread {threads}
{global}
defaults
    mode tcp
    timeout connect 5s
    timeout client 10m
    timeout server 10m
{defaults}{}{}",
        place("exchange", exchange, servers.echo),
        place("bulk", bulk, servers.source)
    )
}
