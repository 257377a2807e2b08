//! A balancer host: its balancer, its router, and what an operator does to them.

use std::fs::Permissions;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::Signal;
use tandem_lab::{Cidr, Host, Lab, Link, Route, Running, Switch, programs, router_command};

use super::act::Side;
use super::cast::{Cast, Origin};
use super::certificate::Certificate;
use super::files::{self, PAGE_PORT, PORT, TLS_PORT};
use super::site::{BrokerSite, CONNECTIONS, FOLDER, Paper, Papers, Site, USUAL_CONNECTIONS};
use super::slot::Slot;
use super::{PATIENCE, Wishes, cidr, lead};
use crate::stats_socket::StatsSocket;

/// One of these is said by a router that takes part.
const STATES: [&str; 3] = ["Entering BACKUP STATE", "Entering MASTER STATE", "ntering FAULT STATE"];

/// They would ask this machine's service manager.
const MANAGERS: [&str; 2] = ["systemctl", "service"];

pub struct BalancerHost {
    pub side: Side,
    pub host: Host,
    pub cables: Vec<Link>,
    pub balancer: Option<Slot>,
    pub router: Option<Slot>,
    /// Predecessors that still lead old connections.
    retired: Vec<Slot>,
    folder: PathBuf,
    site: Site,
    cast: Cast,
    interval: u32,
    generation: u32,
    certificate: Certificate,
}

impl BalancerHost {
    /// With a cable and a way back to the clients' streets; nothing runs yet.
    pub fn build(lab: &Lab, lan: &Switch, side: Side, site: &Site, wishes: &Wishes) -> anyhow::Result<BalancerHost> {
        let place = &site.hosts[side.0];
        // What somebody's own files have run is to do nothing to this machine.
        let host = match place.papers {
            Some(_) => lab.host_apart(&side.to_string())?,
            None => lab.host(&side.to_string())?,
        };
        let mut cables = Vec::new();
        for (number, interface) in place.interfaces.iter().enumerate() {
            // Only the first has an address that anybody needs.
            let address = match u8::try_from(number) {
                Ok(0) => place.address,
                Ok(number) => cidr(Ipv4Addr::new(198, 18, number, [1, 2][side.0]), 32)?,
                Err(_) => bail!("{side} has too many interfaces"),
            };
            cables.push(lab.link_as(&host, lan, interface, address)?);
        }
        let first = place.interfaces.first().context("a host without an interface")?;
        lead(&host, first, site, place.address)?;
        let mut back = Route::new(cidr(site.streets, 16)?);
        back.via = Some(site.client.ip());
        host.netlink(async |netlink| netlink.add_route(&back).await)?;
        let side = BalancerHost {
            side,
            host,
            cables,
            balancer: None,
            router: None,
            retired: Vec::new(),
            folder: lab.folder()?,
            site: site.clone(),
            cast: wishes.cast,
            interval: wishes.interval,
            generation: 0,
            certificate: Certificate::new()?,
        };
        side.furnish()?;
        Ok(side)
    }

    /// What somebody's own files want to find here.
    fn furnish(&self) -> anyhow::Result<()> {
        let Some(papers) = self.papers() else { return Ok(()) };
        for paper in &papers.along {
            self.write(paper)?;
        }
        for (key, value) in &papers.sysctls {
            self.host.sysctl(key, value)?;
        }
        if !papers.folders.is_empty() {
            self.have_done(Command::new("mkdir").arg("-p").args(&papers.folders))?;
        }
        for (number, (paper, path)) in papers.placed.iter().enumerate() {
            let name = format!("placed/{number}");
            let source = self.write(&Paper { name, ..paper.clone() })?;
            self.have_done(Command::new("install").args(["-D", "-m", "644"]).arg(source).arg(path))?;
        }
        for program in MANAGERS {
            let own = self.write(&Paper::program(&format!("bin/{program}"), include_str!("manager.sh")))?;
            if let Ok(installed) = programs::installed(program).map(|path| path.canonicalize().unwrap_or(path)) {
                self.host.put_over(&installed, &own)?;
            }
        }
        for (name, program) in [
            (papers.called[0], self.origin().balancer()?),
            (papers.called[1], self.cast.routers.0[self.side.0].router()?),
        ] {
            symlink(program, self.folder.join("bin").join(name))?;
        }
        Ok(())
    }

    /// Something that takes no time and must succeed.
    fn have_done(&self, command: &mut Command) -> anyhow::Result<()> {
        let (status, said) = self.host.run(command)?.finish(PATIENCE)?;
        if !status.success() {
            bail!("cannot furnish {}: {said}", self.side);
        }
        Ok(())
    }

    /// The balancer's program and the router's: checks ask for their files' ones by name.
    fn program(&self, which: usize) -> anyhow::Result<PathBuf> {
        Ok(match (self.papers(), which) {
            (Some(papers), _) => self.folder.join("bin").join(papers.called[which]),
            (None, 0) => self.origin().balancer()?,
            (None, _) => self.cast.routers.0[self.side.0].router()?,
        })
    }

    /// Into this host's folder, whose name the text may hold.
    fn write(&self, paper: &Paper) -> anyhow::Result<PathBuf> {
        let file = self.folder.join(&paper.name);
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let bytes = match std::str::from_utf8(&paper.bytes) {
            Ok(text) => {
                let here = text.replace(FOLDER, &self.folder.display().to_string());
                here.replace(CONNECTIONS, &self.connections().to_string()).into_bytes()
            }
            Err(_) => paper.bytes.clone(),
        };
        std::fs::write(&file, bytes)?;
        if paper.runs {
            std::fs::set_permissions(&file, Permissions::from_mode(0o755))?;
        }
        Ok(file)
    }

    fn papers(&self) -> Option<&Papers> {
        self.site.hosts[self.side.0].papers.as_ref()
    }

    /// How many are allowed: each reload allows one more, so that there is a difference.
    fn connections(&self) -> u32 {
        self.papers().map_or(USUAL_CONNECTIONS, |papers| papers.connections) + self.generation
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
        let mut command = Command::new(self.program(0)?);
        for file in self.write_balancer()? {
            command.arg("-f").arg(file);
        }
        if let Some(papers) = self.papers() {
            command.args(&papers.options);
        }
        let mut running = self.host.run(command.arg("-db").args(options))?;
        let deadline = Instant::now() + PATIENCE;
        let own_pid = running.own_pid()?;
        let pid = format!("Pid: {own_pid}");
        while !self
            .ask("show info")
            .is_ok_and(|info| info.lines().any(|line| line == pid))
        {
            if !running.is_running()? {
                bail!("the balancer ended:\n{}", running.finish(PATIENCE)?.1);
            }
            if Instant::now() > deadline {
                bail!("the balancer does not answer:\n{}", running.output());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        std::fs::write(self.pid_file(), own_pid.to_string())?;
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

    fn write_balancer(&self) -> anyhow::Result<Vec<PathBuf>> {
        if let Some(papers) = self.papers() {
            return papers.balancer.iter().map(|paper| self.write(paper)).collect();
        }
        let brokers: Vec<SocketAddr> = self.site.brokers.iter().flat_map(BrokerSite::listens).collect();
        let hosts = Side::BOTH
            .into_iter()
            .filter_map(|side| match self.site.hosts[side.0].address.ip() {
                IpAddr::V4(at) => Some((side, at)),
                IpAddr::V6(_) => None,
            });
        let hosts: Vec<(Side, Ipv4Addr)> = hosts.collect();
        let text = files::Balancer {
            socket: &self.socket(),
            page: (Ipv4Addr::UNSPECIFIED, PAGE_PORT).into(),
            listen: (Ipv4Addr::UNSPECIFIED, PORT).into(),
            brokers: &brokers,
            hosts: &hosts,
            certificate: Some(&self.write(&Paper::text("tls.pem", self.certificate.pem.as_str()))?),
            generation: self.generation,
        }
        .text();
        Ok(vec![self.write(&Paper::text("haproxy.cfg", text))?])
    }

    pub fn start_router(&mut self) -> anyhow::Result<()> {
        if self.router.as_ref().is_some_and(Slot::runs) {
            bail!("it runs already");
        }
        let mut command = router_command(&self.program(1)?, &self.write_router()?);
        if self.papers().is_some() {
            let machine = std::env::var("PATH").unwrap_or_default();
            command.env("PATH", format!("{}:{machine}", self.folder.join("bin").display()));
        }
        let mut router = self.host.run(&mut command)?;
        let deadline = Instant::now() + PATIENCE;
        while !STATES.iter().any(|state| router.output().contains(state)) {
            if Instant::now() > deadline || !router.is_running()? {
                bail!("the router takes no part:\n{}", router.output());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.router = Some(Slot::new(router));
        Ok(())
    }

    fn write_router(&self) -> anyhow::Result<PathBuf> {
        if let Some(papers) = self.papers() {
            return self.write(&papers.router);
        }
        let text = files::Router {
            side: self.side,
            origin: self.cast.routers.0[self.side.0],
            socket: &self.socket(),
            script: &self.write_script()?,
            interval: self.interval,
            partner: self.partner(),
        }
        .text();
        self.write(&Paper::text("keepalived.conf", text))
    }

    /// Where the other router is, if both are ours and so have a link of their own.
    fn partner(&self) -> Option<Ipv4Addr> {
        let both_ours = self.cast.routers.0 == [Origin::Ours; 2];
        match self.site.hosts[1 - self.side.0].address.ip() {
            IpAddr::V4(address) if both_ours => Some(address),
            _ => None,
        }
    }

    /// A new process of the same configuration takes over, as on an upgrade.
    pub fn upgrade(&mut self) -> anyhow::Result<()> {
        let old = self.balancer.take().context("the balancer does not run")?;
        let options = [
            "-x".into(),
            self.socket().display().to_string(),
            "-sf".into(),
            old.own_pid()?.to_string(),
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
        let expected = format!("Maxconn: {}", self.connections());
        let deadline = Instant::now() + PATIENCE;
        while !self.ask("show info")?.lines().any(|line| line == expected) {
            if Instant::now() > deadline {
                bail!("no `{expected}` after the reload:\n{}", self.last_words());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// The same with another certificate. Who came before goes on, who comes now sees the new one, and nobody the old one.
    pub fn renew(&mut self, client: &Host) -> anyhow::Result<()> {
        let at = SocketAddr::new(self.site.hosts[self.side.0].address.ip(), TLS_PORT);
        let mut before = self.certificate.visit(client, at)?;
        self.certificate = Certificate::new()?;
        self.reload()?;
        if self.origin() == Origin::Original {
            // A predecessor may still take somebody while it hears that it is one.
            self.certificate.visit(client, at)?;
        }
        self.certificate.shown_to_all(client, at)?;
        let answered = before.send("/queue/certificate", "still here");
        answered.context("a connection that was there before the certificate broke")
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

    /// Addresses do not survive a power cut, so leftovers go too.
    pub fn cut_power(&mut self, lab: &Lab) -> anyhow::Result<()> {
        self.cables.iter().try_for_each(|cable| lab.cut(cable))?;
        self.host.kill_all()?;
        self.balancer = None;
        self.router = None;
        self.retired.clear();
        let own: Vec<Cidr> = self.cables.iter().map(Link::address).collect();
        self.host.netlink(async |netlink| {
            for address in netlink.addresses().await? {
                let is_left = !own.contains(&address.cidr) && !address.cidr.ip().is_loopback();
                if is_left && address.cidr.ip().is_ipv4() {
                    netlink.delete_address(address.index, address.cidr).await?;
                }
            }
            Ok(())
        })?;
        Ok(())
    }

    pub fn give_power(&mut self, lab: &Lab) -> anyhow::Result<()> {
        self.cables.iter().try_for_each(|cable| lab.heal(cable))?;
        self.start_balancer()?;
        self.start_router()
    }

    /// How many servers of the backend are up.
    pub fn serving(&self) -> anyhow::Result<usize> {
        Ok(self.servers()?.iter().filter(|(_, state)| is_up(state)).count())
    }

    /// Those that are not, and what they are.
    pub fn not_serving(&self) -> anyhow::Result<Vec<String>> {
        let servers = self.servers()?.into_iter().filter(|(_, state)| !is_up(state));
        Ok(servers.map(|(name, state)| format!("{name} is {state}")).collect())
    }

    /// Names and states.
    fn servers(&self) -> anyhow::Result<Vec<(String, String)>> {
        const STATE: usize = 17;
        let table = self.ask("show stat")?;
        let of_backend = |line: &str| {
            let fields: Vec<&str> = line.split(',').collect();
            let (proxy, name, state) = (fields.first()?, fields.get(1)?, fields.get(STATE)?);
            let is_server = *proxy == self.site.backend && !["FRONTEND", "BACKEND"].contains(name);
            is_server.then(|| ((*name).to_owned(), (*state).to_owned()))
        };
        Ok(table.lines().filter_map(of_backend).collect())
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

/// One that is not checked is taken for well.
fn is_up(state: &str) -> bool {
    state == "UP" || state == "no check"
}
