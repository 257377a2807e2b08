//! The stage that works everywhere: one balancer and two servers on 127.0.0.1, no virtual address.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tandem_lab::programs;

use crate::pair::files::{Balancer, PAGE_PORT};
use crate::stats_socket::StatsSocket;

use super::stage::{Part, Quarter, ServerName, Stage, backend};

pub struct Loopback {
    dir: PathBuf,
    balancer: Child,
    target: SocketAddr,
    stats: SocketAddr,
    servers: [Child; 2],
    server_addresses: [SocketAddr; 2],
}

const SOCKET: &str = "lb.sock";
const START_LIMIT: Duration = Duration::from_secs(10);

impl Loopback {
    /// With the page on its usual port, or on another when somebody else has that one.
    pub fn build() -> anyhow::Result<Loopback> {
        let [spare] = free_addresses()?;
        Loopback::with_page_at(local(PAGE_PORT)).or_else(|_| Loopback::with_page_at(spare))
    }

    fn with_page_at(stats: SocketAddr) -> anyhow::Result<Loopback> {
        let lb = programs::built("tandem-lb")?;
        let [target, a, b] = free_addresses()?;
        let dir = std::env::temp_dir().join(format!("tandem-demo-{}", std::process::id()));
        std::fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
        let file = dir.join("haproxy.cfg");
        let configuration = Balancer {
            socket: &dir.join(SOCKET),
            page: stats,
            listen: target,
            backend: &backend(target.port(), [a, b]),
            generation: 0,
        };
        std::fs::write(&file, configuration.text())?;

        let servers = [spawn_server(ServerName::A, a)?, spawn_server(ServerName::B, b)?];
        let log = std::fs::File::create(dir.join("tandem-lb.log"))?;
        let balancer = Command::new(&lb)
            .arg("-f")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", lb.display()))?;
        let mut stage = Loopback {
            dir,
            balancer,
            target,
            stats,
            servers,
            server_addresses: [a, b],
        };
        stage.wait_until_serving()?;
        Ok(stage)
    }

    fn last_words(&self) -> String {
        std::fs::read_to_string(self.dir.join("tandem-lb.log")).unwrap_or_default()
    }

    fn wait_until_serving(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let socket = StatsSocket::Unix(self.dir.join(SOCKET));
        let pid = format!("Pid: {}", self.balancer.id());
        // A process that finds the page's port taken may hold the other one for a moment: only one that serves answers.
        let serves = || {
            socket
                .ask("show info")
                .is_ok_and(|info| info.lines().any(|line| line == pid))
        };
        while !serves() {
            if begun.elapsed() > START_LIMIT || !matches!(self.balancer.try_wait(), Ok(None)) {
                bail!(
                    "tandem-lb does not serve on {}; it said:\n{}",
                    self.target,
                    self.last_words()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Stage for Loopback {
    fn describe(&self) -> String {
        let [a, b] = self.server_addresses;
        format!(
            "tandem-lb (pid {}) on {} in front of A ({a}) and B ({b})\n\
             statistics page: http://{}/stats   configuration: {}\n\n",
            self.balancer.id(),
            self.target,
            self.stats,
            self.dir.join("haproxy.cfg").display(),
        )
    }

    fn target(&self) -> SocketAddr {
        self.target
    }

    fn quarter(&self) -> Quarter {
        Quarter(127)
    }

    fn client(&self, work: Box<dyn FnOnce() + Send>) -> anyhow::Result<JoinHandle<()>> {
        Ok(std::thread::Builder::new().spawn(work)?)
    }

    fn master(&self) -> Option<String> {
        None
    }

    fn kill(&mut self, part: Part) -> anyhow::Result<()> {
        match part {
            Part::Server(name) => end(&mut self.servers[name as usize]),
            Part::Master => bail!("there is only one balancer on this stage"),
        }
        Ok(())
    }

    fn revive(&mut self, part: Part) -> anyhow::Result<()> {
        if let Part::Server(name) = part {
            self.servers[name as usize] = spawn_server(name, self.server_addresses[name as usize])?;
        }
        Ok(())
    }

    fn failed(&mut self) -> Option<String> {
        let alive = matches!(self.balancer.try_wait(), Ok(None));
        (!alive).then(|| format!("tandem-lb ended:\n{}", self.last_words()))
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        end(&mut self.balancer);
        self.servers.iter_mut().for_each(end);
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn end(child: &mut Child) {
    // Fails only when it has ended already.
    let _ = child.kill();
    let _ = child.wait();
}

fn spawn_server(name: ServerName, at: SocketAddr) -> anyhow::Result<Child> {
    let me = std::env::current_exe().context("where is this program?")?;
    let mut child = Command::new(me)
        .args([
            "demo-server",
            "--tied",
            "--name",
            &name.to_string(),
            "--listen",
            &at.to_string(),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start server {name}"))?;
    let begun = Instant::now();
    while TcpStream::connect(at).is_err() {
        if begun.elapsed() > START_LIMIT || !matches!(child.try_wait(), Ok(None)) {
            end(&mut child);
            bail!("server {name} does not serve on {at}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(child)
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Ports that were free a moment ago; all held until all are known, so that they differ.
fn free_addresses<const N: usize>() -> anyhow::Result<[SocketAddr; N]> {
    let mut held = Vec::new();
    let mut addresses = [local(0); N];
    for address in &mut addresses {
        let listener = TcpListener::bind(local(0)).context("no free port on 127.0.0.1")?;
        *address = listener.local_addr()?;
        held.push(listener);
    }
    Ok(addresses)
}
