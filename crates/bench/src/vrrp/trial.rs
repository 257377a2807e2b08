//! One run: two routers of one program and a client on a switch, something happens to the master, and what the client and
//! the cable saw of it.
//!
//! ```text
//!   a 10.9.0.1, priority 150 ──┐
//!   b 10.9.0.2, priority 100 ──┼── switch        VIP 10.9.0.100, virtual router 51
//!   client 10.9.0.3 ───────────┘  every cable of the client's is recorded
//! ```

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde::Serialize;
use tandem_lab::{
    Advert, Capture, FaultId, Ground, Host, Lab, Link, Probe, Responder, RouterConfig, Running, run_router,
};

use super::event::Event;
use super::setting::{BACKUP, MASTER, Setting};

const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 100));
const A: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 1));
const B: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 2));
const LONG: Duration = Duration::from_secs(20);
/// One more, which no advert names: Keepalived 2.2.7 does not believe a master with another list than its own.
const MORE: &str = "virtual_ipaddress_excluded {\n        10.9.0.101/24\n    }";
/// What systemd waits before it starts a service again.
const RESTART: Duration = Duration::from_millis(100);

/// A daemon that is measured.
#[derive(Clone, Debug)]
pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) path: PathBuf,
    /// Its children's deaths are its own affair: it starts them again.
    pub(super) minds_children: bool,
}

/// What one run showed; times in milliseconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    /// Questions without an answer from the event on.
    pub(super) lost: usize,
    pub(super) gap: f64,
    /// From the event to the other router's first advert.
    pub(super) advert: Option<f64>,
    /// How much later than the protocol's arithmetic that advert came.
    pub(super) late: Option<f64>,
    /// After the event was undone.
    pub(super) healed: Option<Healed>,
    /// Until the address that somebody removed was back.
    pub(super) back: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Healed {
    pub(super) lost: usize,
    pub(super) gap: f64,
}

struct Router {
    host: Host,
    link: Link,
    file: PathBuf,
    daemon: Running,
}

struct Trial<'a> {
    contender: &'a Contender,
    setting: Setting,
    event: Event,
    a: Router,
    _b: Router,
    wire: Capture,
    lab: Lab,
}

/// A moment on the clock of this process and on that of the frames.
#[derive(Clone, Copy)]
struct Moment {
    clock: Instant,
    wall: SystemTime,
}

/// `phase`: how far into an interval it happens, so that runs differ.
pub(super) fn run(
    ground: &Ground,
    contender: &Contender,
    setting: Setting,
    event: Event,
    phase: Duration,
) -> Result<Figures> {
    let lab = Lab::new(ground)?;
    let lan = lab.switch("lan")?;
    let (a, b, client) = (lab.host("a")?, lab.host("b")?, lab.host("client")?);
    let a_link = lab.link(&a, &lan, "10.9.0.1/24".parse()?)?;
    let b_link = lab.link(&b, &lan, "10.9.0.2/24".parse()?)?;
    let wire = lab.capture(&lab.link(&client, &lan, "10.9.0.3/24".parse()?)?)?;
    let folder = lab.folder()?;
    let a = Router::start(contender, a, a_link, &folder, &setting.config(MASTER))?;
    a.host.wait_for_address(VIP, true, LONG)?;
    let b = Router::start(contender, b, b_link, &folder, &setting.config(BACKUP))?;
    b.daemon.wait_for_line("Entering BACKUP STATE", LONG)?;
    // Until it has heard the master, it counts from its own start.
    let follows = SystemTime::now();
    wire.wait_for("the master's advert", LONG, |frame| {
        Advert::read(frame).is_some_and(|advert| advert.source == A && advert.at > follows)
    })?;
    let _responders = (Responder::start(&a.host)?, Responder::start(&b.host)?);
    let probe = Probe::start(&client, VIP)?;
    std::thread::sleep(Duration::from_millis(300) + phase);

    let mut trial = Trial {
        contender,
        setting,
        event,
        a,
        _b: b,
        wire,
        lab,
    };
    trial.measure(probe).with_context(|| {
        let logs = [&trial.a, &trial._b].map(|router| router.daemon.output());
        format!(
            "{} {} {}\n{}",
            contender.name,
            setting.name(),
            event.name(),
            logs.join("---\n")
        )
    })
}

impl Router {
    fn start(contender: &Contender, host: Host, link: Link, folder: &Path, config: &RouterConfig) -> Result<Self> {
        let file = folder.join(format!("{}.conf", host.name()));
        std::fs::write(&file, config.text())?;
        let daemon = run_router(&host, &contender.path, &file)?;
        Ok(Self {
            host,
            link,
            file,
            daemon,
        })
    }
}

impl Trial<'_> {
    fn measure(&mut self, probe: Probe) -> Result<Figures> {
        let event = Moment::now();
        let fault = self.act()?;
        let back = self.returned(event)?;
        if self.event.moves() {
            self.wire.wait_for("the other router's advert", LONG, |frame| {
                Advert::read(frame).is_some_and(|advert| advert.source == B && advert.at >= event.wall)
            })?;
        }
        std::thread::sleep(self.event.watch(self.setting));
        let undone = Moment::now();
        if let Some(watch) = self.event.healing() {
            self.lab.mend(fault)?;
            std::thread::sleep(watch);
        }
        let end = Instant::now();
        let seen = probe.finish()?;
        let during = seen.between(event.clock, undone.clock);
        let (advert, late) = self.detection(event);
        Ok(Figures {
            lost: during.lost(),
            gap: millis(during.gap()),
            advert,
            late,
            healed: self.event.healing().map(|_| {
                let after = seen.between(undone.clock, end);
                Healed {
                    lost: after.lost(),
                    gap: millis(after.gap()),
                }
            }),
            back,
        })
    }

    /// Lets it happen. What the network loses from now on is returned.
    fn act(&mut self) -> Result<Option<FaultId>> {
        let Router {
            host,
            link,
            file,
            daemon,
        } = &mut self.a;
        match self.event {
            Event::Sigterm => daemon.signal(Signal::SIGTERM)?,
            Event::KillAll => drop(daemon.kill()?),
            Event::KillOne => self.kill_one()?,
            Event::LinkDown => host.set_down("eth0")?,
            Event::CarrierLost => self.lab.cut(link)?,
            Event::Blackhole => return Ok(Some(self.lab.blackhole(link)?)),
            Event::AddressDeleted => host.delete_address("eth0", "10.9.0.100/24".parse()?)?,
            Event::Reload => {
                let config = self.setting.config(MASTER).with(MORE);
                std::fs::write(file, config.text())?;
                daemon.signal(Signal::SIGHUP)?;
            }
        }
        Ok(None)
    }

    fn kill_one(&mut self) -> Result<()> {
        let Router { host, file, daemon, .. } = &mut self.a;
        if self.contender.minds_children {
            let worker = child_of(daemon.pid())?;
            return Ok(nix::sys::signal::kill(worker, Signal::SIGKILL)?);
        }
        daemon.kill()?;
        std::thread::sleep(RESTART);
        *daemon = run_router(host, &self.contender.path, file)?;
        Ok(())
    }

    /// How long the address was away after somebody removed it.
    fn returned(&self, event: Moment) -> Result<Option<f64>> {
        if self.event != Event::AddressDeleted {
            return Ok(None);
        }
        self.a.host.wait_for_address(VIP, true, LONG)?;
        Ok(Some(millis(event.clock.elapsed())))
    }

    /// The other router's first advert: how long after the event, and how much later than it had to be.
    fn detection(&self, event: Moment) -> (Option<f64>, Option<f64>) {
        let adverts: Vec<Advert> = self.wire.frames().iter().filter_map(Advert::read).collect();
        let Some(first) = adverts.iter().find(|a| a.source == B && a.at >= event.wall) else {
            return (None, None);
        };
        let before = || adverts.iter().filter(|a| a.source == A && a.at < first.at);
        let goodbye = before().find(|a| a.at >= event.wall && a.priority == 0);
        let due = match goodbye {
            Some(goodbye) => Some(goodbye.at + self.setting.skew()),
            None => before().next_back().map(|last| last.at + self.setting.down()),
        };
        (Some(since(event.wall, first.at)), due.map(|due| since(due, first.at)))
    }
}

impl Moment {
    fn now() -> Self {
        Self {
            clock: Instant::now(),
            wall: SystemTime::now(),
        }
    }
}

/// Negative where it came earlier.
fn since(from: SystemTime, to: SystemTime) -> f64 {
    match to.duration_since(from) {
        Ok(later) => millis(later),
        Err(earlier) => -millis(earlier.duration()),
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn child_of(parent: u32) -> Result<Pid> {
    let text = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))?;
    match text.split_whitespace().next() {
        Some(child) => Ok(Pid::from_raw(child.parse()?)),
        None => bail!("it has no child process"),
    }
}
