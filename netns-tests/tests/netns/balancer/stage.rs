//! The hosts: a client with many addresses, a balancer, two servers.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tandem_lab::{Host, Lab, Running, programs};
use tandem_netns_tests::{Bench, Peer};

use super::{clients, server};

pub(crate) const INTER: Duration = Duration::from_millis(300);
pub(crate) const FALL: u32 = 3;
pub(crate) const RISE: u32 = 2;

const FRONT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(10, 9, 0, 1)), 61616);
const LONG: Duration = Duration::from_secs(10);

pub(crate) struct Stage {
    pub(crate) client: Host,
    pub(crate) front: SocketAddr,
    servers: BTreeMap<&'static str, (Host, Running)>,
    log: Receiver<(Instant, String)>,
    balancer: Running,
    _lab: Lab,
}

impl Stage {
    pub(crate) fn new(bench: &Bench<'_>) -> Result<Self> {
        let lab = Lab::new(bench.ground)?;
        let lan = lab.switch("lan")?;
        let client = lab.host("client")?;
        lab.link(&client, &lan, "10.9.0.10/24".parse()?)?;
        for source in Self::old_sources().chain(Self::new_sources()) {
            client.add_address("eth0", format!("{source}/24").parse()?)?;
        }
        let mut servers = BTreeMap::new();
        for (name, address) in [("s1", "10.9.0.21/24"), ("s2", "10.9.0.22/24")] {
            let host = lab.host(name)?;
            lab.link(&host, &lan, address.parse()?)?;
            let running = start_server(&host)?;
            servers.insert(name, (host, running));
        }
        let host = lab.host("balancer")?;
        lab.link(&host, &lan, "10.9.0.1/24".parse()?)?;
        let log = collect_log(&host)?;
        let config = lab.folder()?.join("haproxy.cfg");
        std::fs::write(&config, configuration())?;
        let balancer = host.run(
            Command::new(program(bench.options.peer)?)
                .arg("-f")
                .arg(&config)
                .arg("-db"),
        )?;
        let mut stage = Self {
            client,
            front: FRONT,
            servers,
            log,
            balancer,
            _lab: lab,
        };
        stage.wait_until_served()?;
        Ok(stage)
    }

    /// Clients that are there from the beginning.
    pub(crate) fn old_sources() -> impl Iterator<Item = Ipv4Addr> + Clone {
        (0..50).map(|n| Ipv4Addr::new(10, 9, 0, 100 + n))
    }

    /// Clients that come when a server has returned.
    pub(crate) fn new_sources() -> impl Iterator<Item = Ipv4Addr> + Clone {
        (0..50).map(|n| Ipv4Addr::new(10, 9, 0, 150 + n))
    }

    pub(crate) fn kill(&mut self, name: &str) -> Result<()> {
        self.servers.get_mut(name).context("no such server")?.1.kill()?;
        Ok(())
    }

    pub(crate) fn start(&mut self, name: &str) -> Result<()> {
        let (host, running) = self.servers.get_mut(name).context("no such server")?;
        *running = start_server(host)?;
        Ok(())
    }

    /// When a line with these words arrived; lines before it are gone.
    pub(crate) fn wait_for_log(&self, words: &str, within: Duration) -> Result<Instant> {
        let deadline = Instant::now() + within;
        let mut seen = String::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.log.recv_timeout(left) {
                Ok((at, line)) if line.contains(words) => return Ok(at),
                Ok((_, line)) if line.contains("Server ") => seen.push_str(&line),
                Ok(_) => {}
                Err(_) => bail!("`{words}` was not logged; {seen}\n{}", self.balancer.output()),
            }
        }
    }

    fn wait_until_served(&mut self) -> Result<()> {
        let deadline = Instant::now() + LONG;
        // From an address that is no client's, so that the table stays empty of those.
        while clients::visit(&self.client, Ipv4Addr::new(10, 9, 0, 10), self.front).is_err() {
            if Instant::now() > deadline || !self.balancer.is_running()? {
                bail!("the balancer does not serve:\n{}", self.balancer.output());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

fn start_server(host: &Host) -> Result<Running> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--run", "helper::named_echo"]);
    command
        .env(server::NAME, host.name())
        .env(server::LISTEN, "0.0.0.0:61616");
    let running = host.run(&mut command)?;
    running.wait_for_line("listening", LONG)?;
    Ok(running)
}

/// The balancer's syslog, received in its own host.
fn collect_log(host: &Host) -> Result<Receiver<(Instant, String)>> {
    let socket = host.inside(|| UdpSocket::bind("127.0.0.1:514"))??;
    let (tell, log) = channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok(length) = socket.recv(&mut buffer) {
            let line = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if tell.send((Instant::now(), line)).is_err() {
                return;
            }
        }
    });
    Ok(log)
}

pub(super) fn program(peer: Peer) -> Result<PathBuf> {
    match peer {
        Peer::Haproxy => Ok("haproxy".into()),
        Peer::Ours => Ok(programs::built("tandem-lb")?),
    }
}

fn configuration() -> String {
    format!(
        "global
    log 127.0.0.1:514 local0
    maxconn 2000
    daemon
    stats socket /run/balancer.sock mode 600 level admin
    stats timeout 30s

defaults
    log global
    mode tcp
    option tcplog
    option dontlognull
    option tcpka
    option redispatch
    retries 3
    timeout connect 5s
    timeout client 1m
    timeout server 1m

frontend broker
    bind *:61616
    default_backend nodes

backend nodes
    balance source
    stick-table type ip size 200k expire 30m
    stick on src
    default-server inter {}ms rise {RISE} fall {FALL} weight 100
    server s1 10.9.0.21:61616 check
    server s2 10.9.0.22:61616 check
",
        INTER.as_millis()
    )
}
