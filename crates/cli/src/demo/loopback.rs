//! The scene that works everywhere: one balancer and two brokers on 127.0.0.1, no virtual address.

use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tandem_lab::{end_with_us, programs};

use crate::load::scene::{Scene, Work};
use crate::pair::PATIENCE;
use crate::pair::act::{Act, Node, Part, Place, Side};
use crate::pair::files::{self, PAGE_PORT};
use crate::pair::slot::DIED;
use crate::stats_socket::StatsSocket;

/// Keeps the order in which things end: programs before their folder.
pub struct Loopback {
    daemons: [Daemon; 3],
    target: SocketAddr,
    page: SocketAddr,
    brokers: [SocketAddr; 2],
    folder: Folder,
}

struct Folder(PathBuf);

struct Daemon {
    part: Part,
    program: PathBuf,
    file: PathBuf,
    log: PathBuf,
    /// None when it was ended.
    child: Option<Child>,
}

impl Loopback {
    /// With the page on its usual port, or on another when somebody else has that one.
    pub fn build() -> anyhow::Result<Loopback> {
        let [spare] = free_addresses()?;
        Loopback::with_page_at(local(PAGE_PORT)).or_else(|_| Loopback::with_page_at(spare))
    }

    fn with_page_at(page: SocketAddr) -> anyhow::Result<Loopback> {
        let [target, a, b] = free_addresses()?;
        let brokers = [a, b];
        let folder = Folder(std::env::temp_dir().join(format!("tandem-demo-{}", std::process::id())));
        std::fs::create_dir_all(&folder.0).with_context(|| folder.0.display().to_string())?;
        let balancer = files::Balancer {
            socket: &folder.socket(),
            page,
            listen: target,
            brokers: &brokers,
            hosts: &[],
            certificate: None,
            generation: 0,
        };
        let balancer = Daemon::new(Part::Balancer(Side(0)), "tandem-lb", &folder, &balancer.text())?;
        let broker = |number: usize| {
            let part = Part::Broker(Node(number));
            // How full this machine's disk is, is not the demo's matter.
            let text = files::broker(&folder.0.join(part.to_string()), &[brokers[number]], 100);
            Daemon::new(part, "tandem-mq", &folder, &text)
        };
        let mut scene = Loopback {
            daemons: [broker(0)?, broker(1)?, balancer],
            target,
            page,
            brokers,
            folder,
        };
        for number in 0..scene.daemons.len() {
            scene.start(number)?;
        }
        Ok(scene)
    }

    pub fn describe(&self) -> String {
        let [a, b] = self.brokers;
        format!(
            "tandem-lb on {} in front of two tandem-mq, broker1 ({a}) and broker2 ({b})\n\
             statistics page: http://{}/stats   configuration: {}\n\n",
            self.target,
            self.page,
            self.folder.0.display(),
        )
    }

    fn start(&mut self, number: usize) -> anyhow::Result<()> {
        let begun = Instant::now();
        self.daemons[number].start()?;
        while !self.serves(number) {
            let daemon = &mut self.daemons[number];
            if begun.elapsed() > PATIENCE || daemon.word() != "runs" {
                bail!("{} does not serve; it said:\n{}", daemon.part, daemon.last_words());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn serves(&self, number: usize) -> bool {
        let daemon = &self.daemons[number];
        if let Part::Broker(node) = daemon.part {
            return TcpStream::connect(self.brokers[node.0]).is_ok();
        }
        // A process that finds the page's port taken may hold the other one for a moment: only one that serves answers.
        let pid = format!("Pid: {}", daemon.child.as_ref().map_or(0, Child::id));
        let is_it = |info: String| info.lines().any(|line| line == pid);
        let table = |table: String| table.matches(",UP,").count() >= self.brokers.len();
        let socket = StatsSocket::Unix(self.folder.socket());
        socket.ask("show info").is_ok_and(is_it) && socket.ask("show stat").is_ok_and(table)
    }

    fn place(&self, part: Part) -> anyhow::Result<usize> {
        let found = self.daemons.iter().position(|daemon| daemon.part == part);
        found.with_context(|| format!("there is no {part} on loopback"))
    }
}

impl Scene for Loopback {
    fn target(&self) -> SocketAddr {
        self.target
    }

    fn brokers(&self) -> Vec<SocketAddr> {
        self.brokers.to_vec()
    }

    fn street(&self, street: u8, number: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, 64, street, number)
    }

    fn beside(&self) -> IpAddr {
        Ipv4Addr::LOCALHOST.into()
    }

    fn sides(&self) -> &[Side] {
        &[]
    }

    fn holders(&self) -> Vec<Side> {
        Vec::new()
    }

    fn thread(&self, _: Place, work: Work) -> anyhow::Result<JoinHandle<io::Result<()>>> {
        let work = || {
            work();
            Ok(())
        };
        Ok(std::thread::Builder::new().spawn(work)?)
    }

    fn perform(&mut self, act: &Act) -> anyhow::Result<()> {
        match act {
            Act::Kill(part) => {
                let number = self.place(*part)?;
                self.daemons[number].kill();
                Ok(())
            }
            Act::Start(part) => self.start(self.place(*part)?),
            other => bail!("`{other}` is nothing for loopback"),
        }
    }

    fn state(&mut self) -> Vec<(Part, &'static str)> {
        let each = |daemon: &mut Daemon| (daemon.part, daemon.word());
        self.daemons.iter_mut().map(each).collect()
    }

    fn last_words(&self, part: Part) -> String {
        let number = self.place(part);
        number
            .map(|number| self.daemons[number].last_words())
            .unwrap_or_default()
    }
}

impl Daemon {
    fn new(part: Part, program: &str, folder: &Folder, text: &str) -> anyhow::Result<Daemon> {
        let file = folder.0.join(format!("{part}.conf"));
        std::fs::write(&file, text)?;
        Ok(Daemon {
            part,
            program: programs::built(program)?,
            log: file.with_extension("log"),
            file,
            child: None,
        })
    }

    fn start(&mut self) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.program);
        end_with_us(&mut command);
        command.arg("-f").arg(&self.file).stdin(Stdio::null());
        let child = command.stdout(log.try_clone()?).stderr(log).spawn();
        self.child = Some(child.with_context(|| format!("cannot start {}", self.program.display()))?);
        Ok(())
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Fails only when it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn word(&mut self) -> &'static str {
        match self.child.as_mut().map(Child::try_wait) {
            None => "ended",
            Some(Ok(None)) => "runs",
            Some(_) => DIED,
        }
    }

    fn last_words(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Folder {
    fn socket(&self) -> PathBuf {
        self.0.join("lb.sock")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
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
