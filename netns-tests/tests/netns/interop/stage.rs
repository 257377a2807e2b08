//! Two routers and a client on one switch, a sniffer at the client's cable, and what can be asked of them.

use std::io::{BufRead, BufReader, Write};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::Signal;
pub(crate) use tandem_lab::RouterConfig as Config;
use tandem_lab::{Advert, Capture, Host, Lab, Link, Running, programs, run_router};
use tandem_netns_tests::Bench;

use super::frr;

pub(crate) const LONG: Duration = Duration::from_secs(20);
pub(crate) const VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 9, 0, 100));

/// Which program stands on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Ours,
    Keepalived,
    Frr,
}

/// `A` is 10.9.0.1, `B` 10.9.0.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    A,
    B,
}

pub(crate) struct Stage {
    pub(crate) routers: [Router; 2],
    pub(crate) client: Host,
    /// At the client's cable, where every multicast and broadcast passes.
    pub(crate) wire: Capture,
    /// Shared by all hosts; stands for `{dir}` in configurations.
    pub(crate) folder: PathBuf,
    pub(crate) lab: Lab,
}

pub(crate) struct Router {
    pub(crate) program: Program,
    pub(crate) host: Host,
    pub(crate) link: Link,
    pub(crate) hardware: [u8; 6],
    daemon: Option<Running>,
}

impl Program {
    /// Ours with this one, and the other way round.
    pub(crate) fn roles(self) -> [[Program; 2]; 2] {
        [[Program::Ours, self], [self, Program::Ours]]
    }

    pub(crate) fn path(self) -> Result<PathBuf> {
        match self {
            Program::Ours => {}
            Program::Keepalived => return Ok("keepalived".into()),
            Program::Frr => bail!("FRR is two programs and a macvlan"),
        }
        Ok(programs::built("tandem-vrrp")?)
    }

    /// Says only what it must: Keepalived waits for its log.
    pub(crate) fn run_quietly(self, host: &Host, file: &Path) -> Result<Running> {
        let mut command = Command::new(self.path()?);
        command.args(["--dont-fork", "--log-console", "--vrrp", "--use-file"]);
        Ok(host.run(command.arg(file))?)
    }

    pub(crate) fn run(self, host: &Host, file: &Path) -> Result<Running> {
        Ok(run_router(host, &self.path()?, file)?)
    }
}

impl Side {
    pub(crate) fn other(self) -> Side {
        match self {
            Side::A => Side::B,
            Side::B => Side::A,
        }
    }
}

impl Stage {
    pub(crate) fn new(bench: &Bench<'_>, programs: [Program; 2]) -> Result<Stage> {
        let lab = Lab::new(bench.ground)?;
        let lan = lab.switch("lan")?;
        let router = |name: &str, address: &str, program| -> Result<Router> {
            let host = lab.host(name)?;
            let link = lab.link(&host, &lan, address.parse()?)?;
            let interface = host.netlink(async |netlink| netlink.link("eth0").await)?;
            Ok(Router {
                program,
                host,
                link,
                hardware: interface.mac.context("an interface without an address")?.0,
                daemon: None,
            })
        };
        let routers = [
            router("a", "10.9.0.1/24", programs[0])?,
            router("b", "10.9.0.2/24", programs[1])?,
        ];
        let client = lab.host("client")?;
        let client_link = lab.link(&client, &lan, "10.9.0.3/24".parse()?)?;
        Ok(Stage {
            routers,
            client,
            wire: lab.capture(&client_link)?,
            folder: lab.folder()?,
            lab,
        })
    }

    pub(crate) fn router(&self, side: Side) -> &Router {
        &self.routers[side as usize]
    }

    pub(crate) fn start(&mut self, side: Side, config: &Config) -> Result<()> {
        let file = self.configure(side, config)?;
        let router = &mut self.routers[side as usize];
        let daemon = match router.program {
            Program::Frr => frr::start(&router.host, config, &self.folder)?,
            program => program.run(&router.host, &file)?,
        };
        router.daemon = Some(daemon);
        Ok(())
    }

    /// Writes the file that a daemon reads at its start and at SIGHUP.
    pub(crate) fn configure(&self, side: Side, config: &Config) -> Result<PathBuf> {
        let file = self.folder.join(format!("{side:?}.conf"));
        let text = config.text().replace("{dir}", &self.folder.display().to_string());
        std::fs::write(&file, text)?;
        Ok(file)
    }

    /// `side` has the address and the other has not. FRR's macvlan carries it always: there its adverts tell.
    pub(crate) fn wait_for_holder(&self, side: Side, vip: IpAddr) -> Result<()> {
        for (each, held) in [(side, true), (side.other(), false)] {
            let router = self.router(each);
            match router.program {
                Program::Frr if held => self.wait_for_frr(each)?,
                Program::Frr => {}
                _ => router
                    .host
                    .wait_for_address(vip, held, LONG)
                    .with_context(|| format!("{side:?} is not the only holder"))?,
            }
        }
        Ok(())
    }

    /// FRR that becomes master within milliseconds may leave its macvlan switched off behind itself, and then its adverts
    /// go nowhere: its two daemons race. That is mended here, as nobody else is concerned.
    fn wait_for_frr(&self, side: Side) -> Result<()> {
        let since = SystemTime::now();
        if self.wait_for_adverts_within(frr::RACE, side, since, 2).is_err() {
            frr::switch_on(&self.router(side).host)?;
        }
        self.wait_for_adverts(side, since, 2)
    }

    pub(crate) fn adverts(&self) -> Vec<Advert> {
        self.wire.frames().iter().filter_map(Advert::read).collect()
    }

    /// Adverts of one router since a moment, oldest first.
    pub(crate) fn adverts_of(&self, side: Side, since: SystemTime) -> Vec<Advert> {
        let mut all = self.adverts();
        all.retain(|advert| advert.at >= since && self.is_from(side, advert));
        all
    }

    fn is_from(&self, side: Side, advert: &Advert) -> bool {
        let address = self.router(side).link.address().ip();
        let router = self.router(side);
        // FRR speaks as the virtual router, and over IPv6 from an address that only it knows.
        let is_other = advert.source == self.router(side.other()).link.address().ip();
        let virtual_one = router.program == Program::Frr && advert.hardware.starts_with(&[0, 0, 0x5e, 0]) && !is_other;
        advert.source == address || advert.hardware == router.hardware || virtual_one
    }

    /// The first advert of `side` since a moment that fits.
    pub(crate) fn wait_for_advert(
        &self,
        side: Side,
        since: SystemTime,
        fits: impl Fn(&Advert) -> bool,
    ) -> Result<Advert> {
        let good = |advert: &Advert| advert.at >= since && self.is_from(side, advert) && fits(advert);
        let read = |frame: &_| Advert::read(frame).filter(good);
        let frame = self
            .wire
            .wait_for("an advert", LONG, |frame| read(frame).is_some())
            .with_context(|| format!("of {side:?}"))?;
        read(&frame).context("an advert that changed")
    }

    /// Until `side` has advertised so often since a moment.
    pub(crate) fn wait_for_adverts(&self, side: Side, since: SystemTime, count: usize) -> Result<()> {
        self.wait_for_adverts_within(LONG, side, since, count)
    }

    fn wait_for_adverts_within(&self, limit: Duration, side: Side, since: SystemTime, count: usize) -> Result<()> {
        let deadline = Instant::now() + limit;
        while self.adverts_of(side, since).len() < count {
            if Instant::now() > deadline {
                bail!("{side:?} did not advertise {count} times");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Until `side` has advertised so often in a row, with nothing of the other between: of two masters one yields. A
    /// machine that is too busy for one of them may let the other take over for a moment, and then it yields again.
    pub(crate) fn wait_until_alone(&self, side: Side, since: SystemTime, count: usize) -> Result<()> {
        let deadline = Instant::now() + LONG;
        let is_alone = || {
            let others = self.adverts_of(side.other(), since);
            let last = others.last().map_or(since, |advert| advert.at);
            self.adverts_of(side, last).len() >= count
        };
        while !is_alone() {
            if Instant::now() > deadline {
                bail!(
                    "the other of {side:?} goes on: {:?}",
                    self.adverts_of(side.other(), since)
                );
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    pub(crate) fn says(&self, side: Side, words: &str) -> Result<String> {
        Ok(self.router(side).running()?.wait_for_line(words, LONG)?)
    }

    pub(crate) fn wait_for_backup(&self, side: Side) -> Result<()> {
        match self.router(side).program {
            Program::Frr => {
                self.says(side, "-> Backup")?;
                // One that is master before its other daemon has heard of that stays mute.
                frr::wait_until_off(&self.router(side).host)
            }
            _ => self.says(side, "Entering BACKUP STATE").map(drop),
        }
    }

    /// What both wrote, for the reader of a failure.
    pub(crate) fn logs(&self) -> String {
        let log = |router: &Router| {
            let said = router.daemon.as_ref().map(Running::output).unwrap_or_default();
            said + &router.links()
        };
        self.routers
            .iter()
            .map(|router| format!("--- {} {:?}\n{}", router.host.name(), router.program, log(router)))
            .collect()
    }
}

impl Router {
    pub(crate) fn running(&self) -> Result<&Running> {
        self.daemon.as_ref().context("it was not started")
    }

    pub(crate) fn stop(&mut self) -> Result<()> {
        self.daemon.as_mut().context("it was not started")?.stop(LONG)?;
        Ok(())
    }

    /// What its interfaces look like, for the reader of a failure: FRR takes its macvlan down and up by itself.
    fn links(&self) -> String {
        let show = || {
            let mut show = self.host.run(Command::new("ip").args(["-s", "-d", "link"]))?;
            show.wait(LONG)?;
            anyhow::Ok(show.output())
        };
        show().unwrap_or_else(|error| format!("ip link: {error}"))
    }

    /// At once, because Keepalived's child hands the address over when only its parent dies.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.daemon.as_mut().context("it was not started")?.kill()?;
        Ok(())
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        Ok(self.running()?.signal(signal)?)
    }

    /// One of the counters that the daemon writes to /tmp/keepalived.stats, in a /tmp that is only this host's.
    pub(crate) fn counter(&self, section: &str, name: &str) -> Result<u64> {
        let mut mount = self
            .host
            .run(Command::new("mount").args(["-t", "tmpfs", "none", "/tmp"]))?;
        ensure!(mount.wait(LONG)?.success(), "mount: {}", mount.output());
        let daemon = self.running()?;
        daemon.signal(Signal::SIGUSR2)?;
        let file = format!("/proc/{}/root/tmp/keepalived.stats", daemon.pid());
        let deadline = Instant::now() + LONG;
        loop {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            // The last line of the file is there, so all are.
            if text.contains("Priority Zero") && text.trim_end().lines().last().is_some_and(|l| l.contains("Sent")) {
                return find(&text, section, name).with_context(|| format!("no {section}, {name} in\n{text}"));
            }
            ensure!(Instant::now() < deadline, "{file} was not written; it has:\n{text}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// How many packets ours did not believe, for this reason.
    pub(crate) fn dropped(&self, reason: &str) -> Result<u64> {
        dropped(self.running()?, reason)
    }
}

pub(crate) fn dropped(daemon: &Running, reason: &str) -> Result<u64> {
    let mut socket = UnixStream::connect(format!("/proc/{}/root/run/tandem-vrrp/control.sock", daemon.pid()))?;
    socket.set_read_timeout(Some(LONG))?;
    writeln!(socket, r#"{{"ask": "metrics"}}"#)?;
    let mut answer = String::new();
    BufReader::new(socket).read_line(&mut answer)?;
    // JSON: quotes and line ends are escaped.
    let label = format!(r#"reason=\"{reason}\"}} "#);
    let (_, after) = answer
        .split_once(&label)
        .with_context(|| format!("no {reason} in {answer}"))?;
    let digits = after.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    Ok(digits.parse()?)
}

fn find(text: &str, section: &str, name: &str) -> Option<u64> {
    let (_, after) = text.split_once(section)?;
    let (_, value) = after.split_once(&format!("{name}: "))?;
    value.lines().next()?.trim().parse().ok()
}
