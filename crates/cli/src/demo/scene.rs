//! The processes of the demo: one balancer with its configuration, two servers, and their end.

use std::fmt;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerName {
    A,
    B,
}

impl ServerName {
    pub const ALL: [ServerName; 2] = [ServerName::A, ServerName::B];

    pub fn from_byte(byte: u8) -> Option<ServerName> {
        ServerName::ALL.into_iter().find(|s| s.byte() == byte)
    }

    pub fn byte(self) -> u8 {
        match self {
            ServerName::A => b'A',
            ServerName::B => b'B',
        }
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.byte() as char)
    }
}

pub struct Scene {
    dir: PathBuf,
    balancer: Child,
    balancer_port: u16,
    stats_port: u16,
    servers: [Child; 2],
    server_ports: [u16; 2],
}

/// The port of the statistics page in every HAProxy example.
const STATS_PORT: u16 = 8404;
const START_LIMIT: Duration = Duration::from_secs(10);

impl Scene {
    pub fn build() -> anyhow::Result<Scene> {
        let lb = sibling("tandem-lb")?;
        let [balancer_port, port_a, port_b, spare] = free_ports()?;
        let server_ports = [port_a, port_b];
        let stats_port = if TcpListener::bind(("127.0.0.1", STATS_PORT)).is_ok() {
            STATS_PORT
        } else {
            spare
        };
        let dir = std::env::temp_dir().join(format!("tandem-demo-{}", std::process::id()));
        std::fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
        let file = dir.join("haproxy.cfg");
        std::fs::write(&file, configuration(balancer_port, stats_port, server_ports))?;

        let servers = [
            spawn_server(ServerName::A, port_a)?,
            spawn_server(ServerName::B, port_b)?,
        ];
        let log = std::fs::File::create(dir.join("tandem-lb.log"))?;
        let balancer = Command::new(&lb)
            .arg("-f")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", lb.display()))?;
        let mut scene = Scene {
            dir,
            balancer,
            balancer_port,
            stats_port,
            servers,
            server_ports,
        };
        scene.wait_until_serving()?;
        Ok(scene)
    }

    pub fn describe(&self) -> String {
        let [a, b] = self.server_ports;
        format!(
            "tandem-lb (pid {}) on 127.0.0.1:{} in front of A (127.0.0.1:{a}) and B (127.0.0.1:{b})\n\
             statistics page: http://127.0.0.1:{}/stats   configuration: {}\n\n",
            self.balancer.id(),
            self.balancer_port,
            self.stats_port,
            self.dir.join("haproxy.cfg").display(),
        )
    }

    pub fn balancer_port(&self) -> u16 {
        self.balancer_port
    }

    pub fn balancer_alive(&mut self) -> bool {
        matches!(self.balancer.try_wait(), Ok(None))
    }

    pub fn kill(&mut self, name: ServerName) {
        end(&mut self.servers[name as usize]);
    }

    pub fn start(&mut self, name: ServerName) -> anyhow::Result<()> {
        self.servers[name as usize] = spawn_server(name, self.server_ports[name as usize])?;
        Ok(())
    }

    /// Ends everything; also called when the demo fails half-way (see `Drop`).
    pub fn end(mut self) {
        self.stop_all();
    }

    fn stop_all(&mut self) {
        end(&mut self.balancer);
        self.servers.iter_mut().for_each(end);
        let _ = std::fs::remove_dir_all(&self.dir);
    }

    fn wait_until_serving(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.balancer_port)).is_err() {
            if !self.balancer_alive() || begun.elapsed() > START_LIMIT {
                let log = std::fs::read_to_string(self.dir.join("tandem-lb.log")).unwrap_or_default();
                bail!(
                    "tandem-lb does not serve on port {}; it said:\n{log}",
                    self.balancer_port
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.stop_all();
    }
}

fn end(child: &mut Child) {
    // Fails only when it has ended already.
    let _ = child.kill();
    let _ = child.wait();
}

fn spawn_server(name: ServerName, port: u16) -> anyhow::Result<Child> {
    let me = std::env::current_exe().context("where is this program?")?;
    let mut child = Command::new(me)
        .args(["demo-server", "--name", &name.to_string(), "--port", &port.to_string()])
        .stdin(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start server {name}"))?;
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if begun.elapsed() > START_LIMIT || !matches!(child.try_wait(), Ok(None)) {
            end(&mut child);
            bail!("server {name} does not serve on port {port}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(child)
}

/// The program that was built beside this one.
fn sibling(name: &str) -> anyhow::Result<PathBuf> {
    let me = std::env::current_exe().context("where is this program?")?;
    let path = me.parent().unwrap_or(Path::new(".")).join(name);
    if !path.exists() {
        bail!(
            "{} is not built; `cargo demo` builds it, or: cargo build -p {name}",
            path.display()
        );
    }
    Ok(path)
}

/// Ports that were free a moment ago; all held until all are known, so that they differ.
fn free_ports<const N: usize>() -> anyhow::Result<[u16; N]> {
    let mut held = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on 127.0.0.1")?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// The file that operators know, with checks quick enough for people who watch.
fn configuration(port: u16, stats_port: u16, [a, b]: [u16; 2]) -> Vec<u8> {
    let mut text = Vec::new();
    // Writing into a Vec cannot fail.
    let _ = write!(
        text,
        "\
global
    maxconn 4000

defaults
    mode tcp
    option tcpka
    option redispatch 1
    retries 3
    timeout connect 2s
    timeout client 1m
    timeout server 1m

frontend stats
    mode http
    bind 127.0.0.1:{stats_port}
    stats enable
    stats uri /stats
    stats refresh 2s

frontend brokers
    bind 127.0.0.1:{port}
    default_backend brokers

backend brokers
    balance source
    hash-type consistent
    stick-table type ip size 200k
    stick on src
    default-server inter 300ms rise 2 fall 2 weight 100
    server A 127.0.0.1:{a} check
    server B 127.0.0.1:{b} check
"
    );
    text
}
