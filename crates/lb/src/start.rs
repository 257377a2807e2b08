//! The order in which a process becomes a balancer.
//!
//! Everything that can fail happens before the first connection is taken, and what needs privileges before they go.
//!
//! ```text
//!   main thread                                        worker threads, one for each CPU
//!   ───────────                                        ────────────────────────────────
//!   limits, names, listeners, background, logs,        LocalRuntime
//!   user, ready                                          ├─ accept: one for each listener ──┐ Accepted, to the
//!   LocalRuntime                                         ├─ inbox ◀─────────────────────────┘ worker that keeps it
//!     ├─ control: signals ── Phase ───────────────────▶  └─ session: one for each connection
//!     ├─ watch: one for each backend ── View ─────────▶       ├─ pick, connect, retry
//!     │    └─ probe: one for each check                       ├─ relay through the thread's buffer
//!     └─ http: one for each statistics listener               └─ log line
//! ```

use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::num::NonZero;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, bail};
use tandem_lb_config::Plan;
use tandem_ops::clock::{Clock, Wall};
use tandem_ops::daemonize::{self, Readiness, Side};
use tandem_ops::notify::{Notifier, State};
use tandem_ops::pidfile::PidFile;
use tandem_ops::privileges::Privileges;
use tandem_ops::trace;
use tandem_sys::limits;
use tandem_sys::relay::Pipes;
use tandem_time::Seed;
use tokio::runtime::{Builder as Runtime, LocalOptions};
use tokio::sync::watch;

use crate::admission::{Limit, connections_within};
use crate::alive;
use crate::args::Args;
use crate::build::{self, Builder, Built};
use crate::control::{self, Control};
use crate::departure;
use crate::directory::Directory;
use crate::frontends::Frontends;
use crate::listeners::{Opened, Opener};
use crate::live::Live;
use crate::logs::{self, Logs};
use crate::outside::Outside;
use crate::peers::{self, Ground};
use crate::reader::Reader;
use crate::router::Way;
use crate::socket::Doors;
use crate::state;
use crate::stats::Process;
use crate::tls::Loaded;
use crate::upgrade::{self, Sockets, Taker};
use crate::worker::{self, Crew, Inbox, Phase, Start};

/// Files that the process needs beside connections: logs, pipes, event loops, checks.
const OWN_FILES: u64 = 100;

/// Runs the Plan until a signal ends it. `said` is what there was to say of its configuration.
pub(crate) fn run(plan: Plan, said: String, args: Args, program: &str) -> anyhow::Result<ExitCode> {
    let (plan, args) = (Arc::new(plan), Arc::new(args));
    let files = open_files(&plan, &args)?;
    let maxconn = maxconn(&plan, &args, files);
    let addresses = build::addresses(&plan.backends).map_err(all)?;
    let fetched = args.take_over.as_deref().map(upgrade::fetch).transpose()?;
    // Held to the end, so that the process before us knows for how long we have its listeners, too.
    let (passed, _line) = fetched.unzip();
    let (passed, kept) = passed.map_or_else(upgrade::kept, |sockets| (sockets, Vec::new()));
    // Before our own sockets are at that path.
    let before = args.take_over.as_deref().map(Taker::connect).transpose()?.flatten();
    let adopted = before.as_ref().map(Taker::adopted).unwrap_or_default();
    let inherited = Sockets::new(passed).with_adopted(adopted);
    // Who is not told to end keeps what is his.
    let predecessor = before.filter(|_| !args.finish.is_empty());
    let closed = predecessor.as_ref().map(|p| p.closed().to_vec()).unwrap_or_default();
    let workers = workers(&plan);
    let opened = open_listeners(
        &plan,
        &closed,
        Opener {
            policy: plan.global.accept,
            workers,
            backlog: maxconn,
            inherited: &inherited,
        },
    )?;
    let global = &plan.global;
    let doors = Doors::open(global, &inherited).map_err(all)?;
    let directory = Directory::open();
    let local = peers::local_name(args.local_peer.as_deref(), &plan, directory.hostname());
    let listening = peers::open_all(&plan, &local, &[], &inherited).map_err(all)?;
    let tls = Loaded::read(&plan, &Loaded::default(), &Outside::Here).map_err(all)?;
    let master = args.master_socket.as_ref();
    let master = master
        .map(|socket| Doors::open_master(socket.configured(), &inherited))
        .transpose()?;
    let unwanted = inherited.left();
    if !unwanted.is_empty() {
        tracing::info!("not configured any more, but passed: {}", unwanted.join(", "));
    }
    let predecessor = predecessor.map(|predecessor| predecessor.leaving(unwanted));
    drop(inherited);
    let privileges = Privileges::resolve(global.user.as_deref(), global.group.as_deref(), global.chroot.clone())?;
    let notifier = Rc::new(Notifier::from_environment().context("NOTIFY_SOCKET")?);

    let readiness = match background(&plan, &args)? {
        Background::Stay => None,
        Background::Daemon(readiness) => Some(readiness),
        Background::Leave(code) => {
            doors.leave();
            master.into_iter().for_each(Doors::leave);
            return Ok(code);
        }
    };
    let stranger = privileges.stranger().map(|user| user.as_raw());
    let reader = privileges.hide_files().then(|| Reader::open(stranger)).transpose();
    let reader = reader
        .context("cannot start the process that reads the configuration again")?
        .map(Arc::new);
    // From here on the process stays the same.
    let _lines = trace::beside().context("cannot start the thread that writes messages")?;
    let pidfile = args.pidfile.as_ref().or(global.pidfile.as_ref());
    let _pidfile = pidfile.map(PidFile::write).transpose()?;
    directory.rings.follow(directory.rings.planned(&plan.rings));
    let rings = directory.rings.now();
    let grounds = Ground::all(
        &plan,
        &local,
        &listening,
        &logs::Opener::new(&plan.global, program, &rings),
    )?;
    drop(listening);
    let logs = Logs::open(&plan, program, &rings)?;
    let frontend_maxconn = args.frontend_maxconn.unwrap_or(maxconn);
    directory.tls.replace(tls);
    directory.begin_with(&plan.global.variables);
    directory.call(global.node.as_deref());
    let process = Limit::new(maxconn).paced(global.session_rate);
    let paces = process.paces();
    paces.connections.most.configure(global.connection_rate.unwrap_or(0));
    paces.tls.most.configure(global.tls_rate.unwrap_or(0));
    directory.tls.tally.allow(global.tls_connections);
    let identity = Process {
        description: global.description.clone(),
        workers,
        limit: process.clone(),
        frontend_maxconn,
        files,
        hard_maxconn: connections_within(files, own_files(&plan, files)),
        listeners: plan.frontends.iter().map(|f| f.binds.len()).sum(),
        started: Wall::now(),
        said: said.into(),
    };
    let (past, archive) = state::recall(&plan);
    let router = Way::open(args.vrrp_socket.clone());
    privileges.settle()?;
    departure::permitted(&plan).map_err(anyhow::Error::msg)?;

    let usual = || Clock::start_at(state::START);
    let clock = predecessor.as_ref().map_or_else(usual, Taker::clock);
    let mut seed = Seed::new(chance());
    let frontend_maxconn = args.frontend_maxconn.unwrap_or(maxconn);
    let (crew, inboxes) = Crew::muster(workers, Pipes::new(pipes(&plan, files)));
    let builder = Builder {
        plan: &plan,
        logs: &logs,
        clock,
        process: &process,
        crew: &crew,
        directory: &directory,
        frontend_maxconn,
    };
    let Built {
        mut watched,
        frontends,
        http,
    } = builder.build(addresses, opened, &mut seed);

    // A successor accepts nothing before it knows what its predecessor knew.
    let frontends = Frontends::new(frontends);
    frontends.close(&closed);
    let first = match predecessor {
        Some(_) => Phase::Between,
        None => {
            past.restore(&mut watched, &directory.tables, clock.now());
            past.restore_orders(&frontends, &process, &directory);
            Phase::Running
        }
    };
    let (phase, follow) = watch::channel(first);
    let live = Arc::<Live>::default();
    let threads = start_workers(&crew, inboxes, &follow, clock, &live, &mut seed)?;
    let runtime = Runtime::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())?;
    let control = Control {
        clock,
        backends: watched,
        frontends,
        http,
        identity,
        phase,
        process,
        live,
        doors,
        master,
        crew: crew.clone(),
        predecessor,
        kept,
        grounds,
        lots: seed.fork(workers as u64),
        past,
        archive,
        seed,
        plan: plan.clone(),
        args: args.clone(),
        reader,
        program: program.to_owned(),
        directory,
        notifier: notifier.clone(),
        router,
    };
    let ended = runtime.block_on(async {
        let mut running = control::start(control).await?;
        say_ready(&notifier, readiness)?;
        tokio::task::spawn_local(alive::tell(notifier.clone(), crew, follow));
        running.keep_listeners();
        running.release_predecessor().await;
        upgrade::signal_predecessors(&args);
        running.until_the_end(&notifier).await
    });
    for thread in threads {
        match thread.join() {
            Ok(result) => result.context("a worker failed")?,
            Err(_) => bail!("a worker panicked"),
        }
    }
    ended?;
    Ok(ExitCode::SUCCESS)
}

type Thread = JoinHandle<std::io::Result<()>>;

/// `closed` are frontends that were shut down in the process before this one, and stay so.
fn open_listeners(plan: &Plan, closed: &[String], opener: Opener<'_>) -> anyhow::Result<Vec<Vec<Opened>>> {
    let mut errors = Vec::new();
    let is_closed = |frontend: &tandem_lb_config::Frontend| closed.iter().any(|name| **name == *frontend.name);
    let of = |errors: &mut Vec<_>, frontend: &tandem_lb_config::Frontend| match frontend.disabled || is_closed(frontend)
    {
        true => Vec::new(),
        false => opener.frontend(frontend, errors),
    };
    let opened = plan
        .frontends
        .iter()
        .map(|frontend| of(&mut errors, frontend))
        .collect();
    if errors.is_empty() {
        Ok(opened)
    } else {
        Err(all(errors))
    }
}

fn start_workers(
    crew: &Arc<Crew>,
    inboxes: Vec<Inbox>,
    phase: &watch::Receiver<Phase>,
    clock: Clock,
    live: &Arc<Live>,
    seed: &mut Seed,
) -> anyhow::Result<Vec<Thread>> {
    let starts = inboxes.into_iter().enumerate().map(|(number, inbox)| Start {
        number,
        crew: crew.clone(),
        live: live.clone(),
        inbox,
        phase: phase.clone(),
        clock,
        seed: seed.fork(number as u64),
    });
    starts
        .map(|start| worker::spawn(start).context("cannot start a worker"))
        .collect()
}

enum Background {
    Stay,
    Daemon(Readiness),
    /// This process was only the caller.
    Leave(ExitCode),
}

/// Must come before the first thread.
fn background(plan: &Plan, args: &Args) -> anyhow::Result<Background> {
    let wanted = (args.daemon || plan.global.daemon) && !(args.foreground || args.debug || args.notify);
    if !wanted {
        return Ok(Background::Stay);
    }
    Ok(match daemonize::detach().context("cannot go into the background")? {
        Side::Caller(code) => Background::Leave(code),
        Side::Daemon(readiness) => Background::Daemon(readiness),
    })
}

fn say_ready(notifier: &Notifier, readiness: Option<Readiness>) -> anyhow::Result<()> {
    // A service manager that does not listen is no reason to stop.
    if let Err(error) = notifier.send(&[
        State::MainPid(std::process::id()),
        State::Ready,
        State::Status("Ready."),
    ]) {
        tracing::warn!(%error, "cannot tell the service manager that we are ready");
    }
    readiness
        .map_or(Ok(()), Readiness::announce)
        .context("cannot let go of the terminal")
}

/// Has the system allow as many files as are asked for, or as the connections need; how many it allows.
fn open_files(plan: &Plan, args: &Args) -> anyhow::Result<u64> {
    let global = &plan.global;
    let asked = global.open_files.map(u64::from);
    let wanted = args.maxconn.or(global.maxconn);
    let most = global.files.map(u64::from);
    let least = wanted.map_or(0, |n| least_files(plan, n));
    let needed = wanted.map(|n| 2 * u64::from(n) + own_files(plan, u64::MAX));
    let mut files = limits::raise_open_files(asked.max(needed), most);
    let bare = asked.unwrap_or(0).max(least);
    if files < bare {
        // Where the system does not allow all of them, it may allow these.
        files = limits::raise_open_files(Some(bare), most);
    }
    let lacks_asked = asked
        .filter(|asked| files < *asked)
        .map(|asked| format!("ulimit-n {asked}"));
    let lacks = lacks_asked.or_else(|| wanted.filter(|_| files < least).map(|n| format!("maxconn {n}")));
    match lacks {
        Some(what) if !global.lenient_limits => bail!(
            "{what} needs more files than the {files} that may be open: raise the limit (`ulimit -n`, LimitNOFILE=), ask for less, \
             or write `no strict-limits` to start with what there is"
        ),
        _ => Ok(files),
    }
}

/// With fewer files than these HAProxy does not start: it counts less for itself than is set aside here.
fn least_files(plan: &Plan, connections: u32) -> u64 {
    const USUAL: u64 = 10;
    const OF_EACH_THREAD: u64 = 3;
    let binds: usize = plan.frontends.iter().map(|f| f.binds.len()).sum();
    2 * u64::from(connections) + USUAL + binds as u64 + OF_EACH_THREAD * workers(plan) as u64
}

/// The most connections, as far as the files allow.
pub(crate) fn maxconn(plan: &Plan, args: &Args, files: u64) -> u32 {
    let possible = connections_within(files, own_files(plan, files));
    let Some(wanted) = args.maxconn.or(plan.global.maxconn) else {
        return possible.max(1);
    };
    if wanted <= possible {
        return wanted;
    }
    // A few too many are what HAProxy would take, too.
    let most = if least_files(plan, wanted) <= files {
        wanted
    } else {
        possible.max(1)
    };
    tracing::warn!(
        "maxconn {wanted} may need more files than the {files} that are allowed, and is {most}: raise the limit (ulimit -n)"
    );
    most
}

/// The most pipes. They are lent only while there is something in them, so a few will do for many connections.
fn pipes(plan: &Plan, files: u64) -> usize {
    const USUAL: u64 = 256;
    let usual = || usize::try_from((files / 64).min(USUAL)).unwrap_or(0);
    match plan.global.no_splice {
        true => 0,
        false => plan.global.pipes.map_or_else(usual, |most| most as usize),
    }
}

/// Files that a process with this Plan needs beside its connections, when it may have so many.
pub(crate) fn own_files(plan: &Plan, files: u64) -> u64 {
    let binds: usize = plan.frontends.iter().map(|f| f.binds.len()).sum();
    let servers: usize = plan.backends.iter().map(|b| b.servers.len()).sum();
    OWN_FILES + binds as u64 + servers as u64 + 2 * pipes(plan, files) as u64
}

fn workers(plan: &Plan) -> usize {
    plan.global.threads.map_or_else(cpus, usize::from).max(1)
}

fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// A number that nobody can foresee, from what the standard library seeds its hash maps with.
fn chance() -> u64 {
    std::hash::RandomState::new().build_hasher().finish()
}

/// Several errors as one, each on its line.
fn all(errors: Vec<impl fmt::Display>) -> anyhow::Error {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    anyhow::anyhow!("{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use tandem_lb_config::Global;

    use super::*;

    fn plan(set: impl FnOnce(&mut Global)) -> Plan {
        let mut plan = Plan::default();
        set(&mut plan.global);
        plan
    }

    #[test]
    fn bytes_go_through_as_many_pipes_as_was_said() {
        assert_eq!(pipes(&plan(|_| ()), 1 << 20), 256);
        assert_eq!(pipes(&plan(|_| ()), 640), 10);
        assert_eq!(pipes(&plan(|global| global.pipes = Some(3)), 640), 3);
        let none = plan(|global| (global.pipes, global.no_splice) = (Some(3), true));
        assert_eq!(pipes(&none, 640), 0);
    }

    #[test]
    fn there_are_as_many_connections_as_was_said_or_as_the_files_allow() {
        use clap::Parser;
        let args = Args::parse_from(["tandem-lb"]);
        let possible = maxconn(&plan(|_| ()), &args, 10_000);
        assert!((4000..5000).contains(&possible), "{possible}");
        let wants = |most| plan(|global| (global.maxconn, global.threads) = (Some(most), Some(2)));
        assert_eq!(maxconn(&wants(300), &args, 10_000), 300);
        assert_eq!(maxconn(&wants(4900), &args, 10_000), 4900, "HAProxy would take it");
        assert_eq!(maxconn(&wants(50_000), &args, 10_000), possible);
    }
}
