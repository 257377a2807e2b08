//! A balancer host: its balancer, its router, and what an operator does to them.

use std::fs::Permissions;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::Signal;
use tandem_lab::{Cidr, Host, Lab, Link, Route, Running, Switch, run_router};

use super::act::Side;
use super::cast::{Cast, Origin};
use super::files::{self, PAGE_PORT, PORT, VIP};
use super::slot::Slot;
use super::{CLIENT, PATIENCE, Wishes, cidr};
use crate::stats_socket::StatsSocket;

pub struct BalancerHost {
    pub side: Side,
    pub host: Host,
    pub cable: Link,
    pub balancer: Option<Slot>,
    pub router: Option<Slot>,
    /// Predecessors that still lead old connections.
    retired: Vec<Slot>,
    folder: PathBuf,
    brokers: Vec<SocketAddr>,
    cast: Cast,
    interval: u32,
    generation: u32,
}

/// Of a balancer host on the network that all of them are on.
fn address(side: Side) -> Ipv4Addr {
    Ipv4Addr::new(10, 9, 0, [1, 2][side.0])
}

impl BalancerHost {
    /// With a cable and a way back to the clients' streets; nothing runs yet.
    pub fn build(
        lab: &Lab,
        lan: &Switch,
        side: Side,
        streets: Cidr,
        brokers: Vec<SocketAddr>,
        wishes: &Wishes,
    ) -> anyhow::Result<BalancerHost> {
        let host = lab.host(&side.to_string())?;
        let cable = lab.link(&host, lan, cidr(address(side), 24)?)?;
        let mut back = Route::new(streets);
        back.via = Some(IpAddr::V4(CLIENT));
        host.netlink(async |netlink| netlink.add_route(&back).await)?;
        Ok(BalancerHost {
            side,
            host,
            cable,
            balancer: None,
            router: None,
            retired: Vec::new(),
            folder: lab.folder()?,
            brokers,
            cast: wishes.cast,
            interval: wishes.interval,
            generation: 0,
        })
    }

    pub fn start_balancer(&mut self) -> anyhow::Result<()> {
        if self.balancer.as_ref().is_some_and(Slot::runs) {
            bail!("it runs already");
        }
        self.balancer = Some(self.launch_balancer(&[])?);
        Ok(())
    }

    /// As its unit does: the other host serves before this balancer ends. Whatever became of that, it ends.
    pub fn stop_balancer(&mut self) -> anyhow::Result<()> {
        let left = self.leave_briefly();
        self.balancer.as_mut().context("the balancer does not run")?.stop()?;
        left
    }

    fn leave_briefly(&self) -> anyhow::Result<()> {
        if self.cast.routers.0[self.side.0] == Origin::Ours && self.router.as_ref().is_some_and(Slot::runs) {
            let me = std::env::current_exe().context("where is this program?")?;
            let words = ["handover", "--brief", "--keep", "0s", "--wait", "2s"];
            self.host.run(Command::new(me).args(words))?.finish(PATIENCE)?;
        }
        Ok(())
    }

    fn launch_balancer(&self, options: &[String]) -> anyhow::Result<Slot> {
        let file = self.write_balancer()?;
        let mut command = Command::new(self.origin().balancer()?);
        let mut running = self.host.run(command.arg("-f").arg(&file).arg("-db").args(options))?;
        let deadline = Instant::now() + PATIENCE;
        let pid = format!("Pid: {}", running.pid());
        while !self
            .ask("show info")
            .is_ok_and(|info| info.lines().any(|line| line == pid))
        {
            if Instant::now() > deadline || !running.is_running()? {
                bail!("the balancer does not answer:\n{}", running.output());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        std::fs::write(self.pid_file(), running.pid().to_string())?;
        Ok(Slot::new(running))
    }

    fn write_script(&self) -> anyhow::Result<PathBuf> {
        let file = self.folder.join("alive.sh");
        let pid_file = self.pid_file();
        std::fs::write(&file, format!("#!/bin/sh\nkill -0 \"$(cat {})\"\n", pid_file.display()))?;
        std::fs::set_permissions(&file, Permissions::from_mode(0o755))?;
        Ok(file)
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.join("lb.pid")
    }

    fn write_balancer(&self) -> anyhow::Result<PathBuf> {
        let file = self.folder.join("haproxy.cfg");
        let text = files::Balancer {
            socket: &self.socket(),
            page: (Ipv4Addr::UNSPECIFIED, PAGE_PORT).into(),
            listen: (Ipv4Addr::UNSPECIFIED, PORT).into(),
            brokers: &self.brokers,
            generation: self.generation,
        }
        .text();
        std::fs::write(&file, text)?;
        Ok(file)
    }

    pub fn start_router(&mut self) -> anyhow::Result<()> {
        if self.router.as_ref().is_some_and(Slot::runs) {
            bail!("it runs already");
        }
        let file = self.folder.join("keepalived.conf");
        let origin = self.cast.routers.0[self.side.0];
        let text = files::Router {
            side: self.side,
            origin,
            socket: &self.socket(),
            script: &self.write_script()?,
            interval: self.interval,
            partner: self.partner(),
        }
        .text();
        std::fs::write(&file, text)?;
        let router = run_router(&self.host, &origin.router()?, &file)?;
        let in_reserve = router.wait_for_line("Entering BACKUP STATE", PATIENCE);
        self.router = Some(Slot::new(router));
        in_reserve?;
        Ok(())
    }

    /// Where the other router is, if both are ours and so have a link of their own.
    fn partner(&self) -> Option<Ipv4Addr> {
        let both_ours = self.cast.routers.0 == [Origin::Ours; 2];
        both_ours.then(|| address(Side(1 - self.side.0)))
    }

    /// A new process of the same configuration takes over, as on an upgrade.
    pub fn upgrade(&mut self) -> anyhow::Result<()> {
        let old = self.balancer.take().context("the balancer does not run")?;
        let options = [
            "-x".into(),
            self.socket().display().to_string(),
            "-sf".into(),
            old.pid().to_string(),
        ];
        let new = self.launch_balancer(&options);
        match new {
            Ok(new) => {
                self.balancer = Some(new);
                self.retired.push(old);
                Ok(())
            }
            Err(error) => {
                self.balancer = Some(old);
                Err(error)
            }
        }
    }

    /// The configuration with one more connection allowed, which then shows that it was read.
    pub fn reload(&mut self) -> anyhow::Result<()> {
        self.generation += 1;
        if self.origin() == Origin::Original {
            // HAProxy in the foreground reads nothing again: a successor does, which is what its unit's reload comes to.
            return self.upgrade();
        }
        self.write_balancer()?;
        self.balancer
            .as_ref()
            .context("the balancer does not run")?
            .signal(Signal::SIGHUP)?;
        let expected = format!("Maxconn: {}", 4000 + self.generation);
        let deadline = Instant::now() + PATIENCE;
        while !self.ask("show info")?.lines().any(|line| line == expected) {
            if Instant::now() > deadline {
                bail!("no `{expected}` after the reload:\n{}", self.last_words());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    pub fn hand_over(&self, options: &[&str]) -> anyhow::Result<()> {
        if self.cast.routers.0[self.side.0] == Origin::Original {
            bail!("Keepalived knows no handover: stop its router instead");
        }
        let me = std::env::current_exe().context("where is this program?")?;
        let mut handover: Running = self.host.run(Command::new(me).arg("handover").args(options))?;
        let (status, said) = handover.finish(PATIENCE)?;
        if !status.success() {
            bail!("tandem handover: {said}");
        }
        Ok(())
    }

    /// Addresses do not survive a power cut, so a leftover goes too.
    pub fn cut_power(&mut self, lab: &Lab) -> anyhow::Result<()> {
        lab.cut(&self.cable)?;
        self.host.kill_all()?;
        self.balancer = None;
        self.router = None;
        self.retired.clear();
        if self.host.holds(IpAddr::V4(VIP))? {
            self.host.delete_address("eth0", cidr(VIP, 24)?)?;
        }
        Ok(())
    }

    pub fn give_power(&mut self, lab: &Lab) -> anyhow::Result<()> {
        lab.heal(&self.cable)?;
        self.start_balancer()?;
        self.start_router()
    }

    /// How many servers of the backend are up.
    pub fn serving(&self) -> anyhow::Result<usize> {
        let table = self.ask("show stat")?;
        let up = |line: &&str| line.starts_with("brokers,") && !line.contains(",BACKEND,") && line.contains(",UP,");
        Ok(table.lines().filter(up).count())
    }

    pub fn last_words(&self) -> String {
        [&self.balancer, &self.router]
            .into_iter()
            .flatten()
            .map(Slot::last_words)
            .collect()
    }

    fn origin(&self) -> Origin {
        self.cast.balancers.0[self.side.0]
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("lb.sock")
    }

    fn ask(&self, question: &str) -> std::io::Result<String> {
        StatsSocket::Unix(self.socket()).ask(question)
    }
}
