//! The order in which a process becomes a router.
//!
//! What can fail does so before anything is said on the network, and what fails later is no reason to leave anything there;
//! what must happen on one thread (another network, the background) before there are two; memory is locked after the last
//! fork, because a child does not inherit locks.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use nix::sched::{CloneFlags, setns};
use nix::sys::prctl::set_name;
use nix::sys::stat::{Mode, umask};
use tandem_ops::clock::Clock;
use tandem_ops::daemonize::{self, Readiness, Side};
use tandem_ops::notify::{Notifier, State};
use tandem_ops::pidfile::PidFile;
use tandem_ops::signals::{ROUTER, Signals};
use tandem_sys::realtime;
use tandem_vrrp_config::Plan;
use thiserror::Error;
use tokio::runtime::{Builder, LocalOptions};

use crate::args::Args;
use crate::brain::{self, Assignment, Verbosity};
use crate::configuration::Configuration;
use crate::control::{self, Control};
use crate::doubts;
use crate::firewall::Firewall;
use crate::journal::Journal;
use crate::launcher::Launcher;
use crate::logs::{Log, called};
use crate::notify::Heralds;
use crate::saving;
use crate::socket;
use crate::urgency::Urgency;

/// Where `ip netns` keeps its networks.
const NETWORKS: &str = "/run/netns";

/// What `keepalived.pid`'s neighbour is called.
const PID: &str = "/run/keepalived.pid";
const VRRP_PID: &str = "/run/keepalived_vrrp.pid";

/// Where pid files are of those who are not the only ones.
pub(crate) const PID_FOLDER: &str = "/run/keepalived";

/// A mistake of ours, which has its own exit status.
#[derive(Debug, Error)]
#[error("the router's thread panicked")]
pub(crate) struct Panicked;

/// Runs the Plan until a signal ends it. What there is to say about the configuration is said once there is a log.
pub(crate) fn run(
    mut plan: Plan,
    configuration: &Configuration,
    args: Args,
    program: &str,
) -> anyhow::Result<ExitCode> {
    let network = args.namespace.as_deref().or(plan.global.net_namespace.as_deref());
    let first_network = network.map(enter).transpose()?;
    if let Some(why) = doubts::cannot_run(&plan) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why).into());
    }
    wait_for_boot(&mut plan);
    let notifier = Rc::new(Notifier::from_environment().context("NOTIFY_SOCKET")?);
    let readiness = match background(&args)? {
        Background::Stay => None,
        Background::Daemon(readiness) => Some(readiness),
        Background::Leave(code) => return Ok(code),
    };
    let log = Rc::new(Log::open(&args, program)?);
    let called = called(program);
    log.info(&format!("Starting {called} v{}", env!("CARGO_PKG_VERSION")));
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())?;
    // From here on no signal ends this process but in good order: whatever is put in place is taken away again.
    let mut signals = runtime.block_on(async { Signals::listen(ROUTER) }).context("signals")?;
    configuration.lines.iter().for_each(|line| log.warning(line));
    saving::configuration(&plan, &configuration.text, 0, &log);
    let journal = Journal::new(&args.run_dir).with_context(|| format!("{}", args.run_dir.display()))?;
    let door = socket::open(&args.run_dir).context("is another router running? the control socket")?;
    if let Some(error) = door.trouble() {
        log.warning(&format!("the state is told at the control socket only: {error}"));
    }
    let _pidfiles = pidfiles(&args, &plan)?;
    if let Some(name) = &plan.global.process_name
        && let Err(error) = CString::new(&**name)
            .map_err(io::Error::other)
            .and_then(|name| Ok(set_name(&name)?))
    {
        log.warning(&format!("this process cannot be called {name}: {error}"));
    }
    if let Some(most) = plan.global.scheduling.rlimit_rttime
        && let Err(error) = realtime::limit_real_time(most)
    {
        log.warning(&format!("real time is not limited (vrrp_rlimit_rttime): {error}"));
    }
    // Files that matter get their permissions one by one; programs that are run keep what they are used to.
    if let Some(mask) = args.umask.or(plan.global.umask) {
        umask(Mode::from_bits_truncate(mask));
    }
    if let Err(error) = realtime::lock_memory() {
        log.warning(&format!(
            "memory is not locked, so a host that pages may delay adverts: {error}"
        ));
    }

    let ended = runtime.block_on(async {
        // What can fail does so before anything is on an interface.
        let (ask, questions) = socket::questions();
        socket::serve(door, ask.clone()).context("the control socket")?;
        let launcher = Launcher::new(&args);
        let heralds = Heralds::new(&plan, log.clone(), launcher.clone());
        if let Some(script) = &plan.global.scripts.startup {
            tokio::select! {
                () = heralds.once(script) => {}
                stop = signals.stop() => return stop.map(|()| None).context("signals"),
            }
        }
        let mut firewall = Firewall::default();
        // Before the addresses are there.
        if let Err(trouble) = firewall.adjust(&plan).await {
            log.error(&trouble);
        }
        let before = journal.before(&plan.router);
        let (held, owners) = (before.fresh.clone(), before.owners.clone());
        let brain = brain::spawn(brain::Start {
            assignment: Assignment::of(&plan),
            clock: Clock::start(),
            journal: before,
            folder: args.run_dir.clone(),
            verbosity: Verbosity {
                announcements: args.log_detail,
                addresses: args.address_monitoring,
            },
            urgency: Urgency::of(&plan),
            processors: plan.global.scheduling.cpu_affinity.clone(),
        })
        .context("cannot start the router's thread")?;
        let control = Control {
            args,
            plan,
            log: log.clone(),
            journal,
            held,
            owners,
            heralds,
            launcher,
            firewall,
            ask,
            questions,
            first_network,
            notifier: notifier.clone(),
            signals,
            orders: brain.orders,
            reports: brain.reports,
        };
        let running = control::start(control);
        let ready = say_ready(&notifier, readiness, &log);
        anyhow::Ok(Some((running.work(ready).await, brain.thread)))
    })?;
    notifier.send(&[State::Stopping]).ok();
    // There is nothing to wait for if it was told to stop before it began.
    if let Some((outcome, thread)) = ended {
        match thread.join() {
            Ok(result) => result.context("the router failed")?,
            Err(_) => return Err(Panicked.into()),
        }
        outcome?;
    }
    log.info(&format!("Stopped {called} v{}", env!("CARGO_PKG_VERSION")));
    Ok(ExitCode::SUCCESS)
}

/// `vrrp_delay_after_boot`: what is left of it is waited for like a startup delay.
fn wait_for_boot(plan: &mut Plan) {
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds = uptime.split_whitespace().next().and_then(|word| word.parse().ok());
    let since = seconds
        .and_then(|s: f64| Duration::try_from_secs_f64(s).ok())
        .unwrap_or_default();
    let left = plan.global.delay_after_boot.saturating_sub(since);
    plan.router.startup_delay = plan.router.startup_delay.max(left);
}

/// Must come before the first thread. Returns the network that this process was in.
fn enter(network: &str) -> anyhow::Result<File> {
    const OWN: &str = "/proc/self/ns/net";
    let before = File::open(OWN).context(OWN)?;
    let path = Path::new(NETWORKS).join(network);
    let file = File::open(&path).with_context(|| format!("network namespace {network}: {}", path.display()))?;
    setns(file.as_fd(), CloneFlags::CLONE_NEWNET).with_context(|| {
        format!(
            "cannot enter network namespace {network}, for which it takes CAP_SYS_ADMIN, and under systemd \
             RestrictNamespaces=net (systemctl edit tandem-vrrp)"
        )
    })?;
    Ok(before)
}

enum Background {
    Stay,
    Daemon(Readiness),
    /// This process was only the caller.
    Leave(ExitCode),
}

/// Must come before the first thread.
fn background(args: &Args) -> anyhow::Result<Background> {
    if args.dont_fork {
        return Ok(Background::Stay);
    }
    Ok(match daemonize::detach().context("cannot go into the background")? {
        Side::Caller(code) => Background::Leave(code),
        Side::Daemon(readiness) => Background::Daemon(readiness),
    })
}

fn pidfiles(args: &Args, plan: &Plan) -> anyhow::Result<Vec<PidFile>> {
    let [main, vrrp] = usual_pidfiles(plan);
    let is_usual = args.pid == Path::new(PID);
    let vrrp = args.vrrp_pid.clone().or_else(|| is_usual.then_some(vrrp));
    let main = if is_usual { main } else { args.pid.clone() };
    if let Some(folder) = main.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let paths = std::iter::once(main).chain(vrrp);
    Ok(paths.map(PidFile::write).collect::<Result<_, _>>()?)
}

/// `use_pid_dir` and `instance`
fn usual_pidfiles(plan: &Plan) -> [PathBuf; 2] {
    let name = match &plan.global.instance_name {
        Some(instance) => format!("_{instance}"),
        None if plan.global.use_pid_dir => String::new(),
        None => return [PID.into(), VRRP_PID.into()],
    };
    ["keepalived", "vrrp"].map(|file| Path::new(PID_FOLDER).join(format!("{file}{name}.pid")))
}

fn say_ready(notifier: &Notifier, readiness: Option<Readiness>, log: &Log) -> anyhow::Result<()> {
    // A service manager that does not listen is no reason to stop.
    if let Err(error) = notifier.send(&[State::Ready, State::Status("Ready.")]) {
        log.warning(&format!("cannot tell the service manager that we are ready: {error}"));
    }
    log.info("Startup complete");
    readiness
        .map_or(Ok(()), Readiness::announce)
        .context("cannot let go of the terminal")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pid_files_of_several() {
        let mut plan = Plan::default();
        let names = |plan: &Plan| usual_pidfiles(plan).map(|path| path.display().to_string());
        assert_eq!(names(&plan), [PID, VRRP_PID]);
        plan.global.use_pid_dir = true;
        assert_eq!(
            names(&plan),
            ["/run/keepalived/keepalived.pid", "/run/keepalived/vrrp.pid"]
        );
        plan.global.use_pid_dir = false;
        plan.global.instance_name = Some("left".into());
        assert_eq!(
            names(&plan),
            ["/run/keepalived/keepalived_left.pid", "/run/keepalived/vrrp_left.pid"]
        );
    }
}
