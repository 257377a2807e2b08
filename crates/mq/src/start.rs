//! The order in which a process becomes a broker: the lock, the journal, the listeners, the threads.
//!
//! A port is opened only when everything before it is well, so a balancer's check sees a node that serves or none.

use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tandem_mq_core::broker::{self, Broker};
use tandem_mq_store::{Folder, Journal, Line, Lock, Room, Settings};
use tandem_ops::clock::Clock;
use tandem_ops::notify::{Notifier, State};
use tandem_ops::signals::{BROKER, Intention, Signals};
use tandem_ops::watchdog::Watchdog;
use tandem_sys::limits;
use tandem_sys::listen::{self, Listen, Place};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, oneshot, watch};

use crate::accept::{self, Listening};
use crate::admin::{self, Admin};
use crate::configuration::{Checked, Configuration, Listener};
use crate::connection::{Shared, origin};
use crate::connections::Connections;
use crate::console::Console;
use crate::guard::{Guard, Outlook};
use crate::halves::Halves;
use crate::hub::{self, Hub, Order};
use crate::reload::Reload;
use crate::tally::Tally;
use crate::users::Users;
use crate::writer;

const BACKLOG: u32 = 1024;
/// How long clients may take to hear that the node stops.
const FAREWELL: Duration = Duration::from_secs(3);

pub(crate) fn run(checked: Checked, path: &Path) -> anyhow::Result<ExitCode> {
    let Checked {
        plan: configuration,
        known,
        policies,
        papers,
    } = checked;
    let notifier = Notifier::from_environment().context("NOTIFY_SOCKET")?;
    let connections = configuration
        .listeners
        .iter()
        .map(|l| u64::from(l.max_connections))
        .sum::<u64>();
    limits::raise_open_files(Some(connections + 100), None);
    std::fs::create_dir_all(&configuration.data_dir)
        .with_context(|| format!("data-dir {}", configuration.data_dir.display()))?;
    let _lock = Lock::take(&configuration.data_dir)?;

    let clock = Clock::start();
    let origin = origin(clock);
    let halves = Halves::new(configuration.memory.messages / 4);
    let settings = broker::Settings {
        memory: configuration.memory.messages,
        slow: configuration.memory.slow_subscribers.of_broker(),
        queue_idle: configuration.queue_idle(),
        began: origin.began,
        policies,
        ..broker::Settings::default()
    };
    let (line, mut broker) = recover(&configuration, clock, Broker::new(settings))?;
    // Whoever comes first finds a node that knows it.
    let seen = Outlook::of(&configuration.data_dir, configuration.max_disk_usage);
    let outlook = seen.unwrap_or(Outlook::UNKNOWN).and(line.is_full());
    broker.handle(outlook.input(), clock.now());
    let (users, known) = watch::channel(Arc::new(known));
    let plans = configuration.listeners.clone();
    let mut reload = Reload::new(path, configuration, users);
    let listening = open(plans.into_iter().zip(papers), &mut reload)?;
    let admin = reload.admin().map(admin::open).transpose()?;

    let (hub, door) = Hub::new();
    let (journal_ended, disk) = oneshot::channel();
    let tally = Arc::new(Tally::default());
    let (no_room, journal_full) = watch::channel(line.is_full());
    let (records, writer) = writer::spawn(line, hub.clone(), tally.clone(), no_room, journal_ended)?;
    let broker = hub::spawn(broker, clock, door, records)?;

    let (leave, leaving) = watch::channel(false);
    let (alive, mut all_gone) = mpsc::channel(1);
    let users = Users::new(known.clone());
    let sessions = Arc::new(AtomicU64::new(1));
    let connections = Arc::new(Connections::default());
    // Passwords that are tried at the console have turns of their own: whoever guesses there keeps no client out.
    let console = Console::new(
        hub.clone(),
        Users::new(known),
        sessions.clone(),
        connections.clone(),
        tally.clone(),
        (clock, origin.began),
    );
    let threads = (0..workers())
        .map(|number| {
            let (listening, hub, users) = (listening.clone(), hub.clone(), users.clone());
            let (sessions, tally) = (sessions.clone(), tally.clone());
            let (connections, halves) = (connections.clone(), halves.clone());
            let (leaving, alive) = (leaving.clone(), alive.clone());
            let shared = move || {
                Rc::new(Shared {
                    hub,
                    users,
                    clock,
                    origin,
                    sessions,
                    tally,
                    connections,
                    halves,
                })
            };
            serve(number, listening, shared, leaving, alive)
        })
        .collect::<Result<Vec<_>, _>>()?;
    drop((alive, listening));

    let runtime = Builder::new_current_thread().enable_all().build()?;
    let stopped = runtime.block_on(async {
        let mut signals = Signals::listen(BROKER)?;
        if let Some(socket) = admin {
            let watcher = Admin::new(hub.clone(), tally, reload.data_dir(), leaving, console);
            tokio::spawn(watcher.serve(socket)?);
        }
        let guard = Guard {
            data_dir: reload.data_dir().to_owned(),
            most: reload.disk_usage(),
            journal: journal_full,
            told: outlook,
        };
        tokio::spawn(guard.run(hub.clone()));
        notifier.send(&[State::Ready, State::Status("Ready.")]).ok();
        tracing::info!("ready");
        let mut watchdog = Watchdog::from_environment();
        let mut disk = disk;
        let stopped = loop {
            tokio::select! {
                received = signals.next() => {
                    let received = received?;
                    if received.intention != Intention::Reload {
                        tracing::info!("{}: stopping", received.signal);
                        break true;
                    }
                    notifier.send(&[State::Reloading]).ok();
                    let said = reload.again();
                    notifier.send(&[State::Ready, State::Status(&said)]).ok();
                }
                _ = &mut disk => break false,
                // An answer of the thread that owns all queues.
                () = watchdog.due() => {
                    hub.figures().await;
                    notifier.send(&[State::Watchdog]).ok();
                }
            }
        };
        notifier.send(&[State::Stopping]).ok();
        leave.send_replace(true);
        all_gone.recv().await;
        hub.tell(Order::Stop).await;
        anyhow::Ok(stopped)
    })?;
    join(broker, "the broker's thread")??;
    join(writer, "the journal's thread")?.context("the journal")?;
    for thread in threads {
        join(thread, "a connection thread")??;
    }
    if !stopped {
        bail!("the journal ended");
    }
    Ok(ExitCode::SUCCESS)
}

/// Everything that was confirmed, as it was.
fn recover(configuration: &Configuration, clock: Clock, mut broker: Broker) -> anyhow::Result<(Line<Folder>, Broker)> {
    let path = configuration.data_dir.join("journal");
    let folder = Folder::open(&path).with_context(|| format!("{}", path.display()))?;
    let settings = Room::of(&path).map_or_else(|_| Settings::default(), |room| Settings::for_disk(room.size));
    let began = Instant::now();
    let mut records = 0u64;
    let journal = Journal::open(folder, settings, |record| {
        records += 1;
        broker.restore([record]);
    });
    let said = || format!("the journal in {}", path.display());
    let mut line = Line::new(journal.with_context(said)?);
    line.prepare().with_context(said)?;
    broker.restored(clock.now());
    let messages = broker.figures().ready;
    tracing::info!(
        "{records} records read in {:?}: {messages} messages wait",
        began.elapsed()
    );
    Ok((line, broker))
}

fn open(
    plans: impl Iterator<Item = (Listener, Option<Arc<tandem_tls::Listener>>)>,
    reload: &mut Reload,
) -> anyhow::Result<Vec<Listening>> {
    let mut listening = Vec::new();
    for (plan, papers) in plans {
        let how = Listen::on(Place::Ip(plan.address), BACKLOG);
        let socket = listen::open(&how).with_context(|| format!("cannot listen on {}", plan.address))?;
        plan.tune(&socket)
            .with_context(|| format!("the sockets of {}", plan.address))?;
        listening.push(Listening {
            socket: Arc::new(socket),
            tls: papers.map(|papers| reload.watch(&plan, papers)),
            plan: Arc::new(plan),
            open: Arc::default(),
        });
    }
    Ok(listening)
}

type Thread = JoinHandle<anyhow::Result<()>>;

/// A thread that accepts and carries connections until they have all left.
fn serve(
    number: usize,
    listening: Vec<Listening>,
    shared: impl FnOnce() -> Rc<Shared> + Send + 'static,
    leaving: watch::Receiver<bool>,
    alive: mpsc::Sender<()>,
) -> std::io::Result<Thread> {
    let run = move || {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())?;
        runtime.block_on(async {
            let shared = shared();
            let (here, mut gone) = mpsc::channel(1);
            let accepting = listening.into_iter().map(|listening| {
                tokio::task::spawn_local(accept::run(listening, shared.clone(), leaving.clone(), here.clone()))
            });
            for task in accepting.collect::<Vec<_>>() {
                task.await??;
            }
            // The connections that are still open belong to this thread. Whoever does not go is left behind.
            drop(here);
            tokio::time::timeout(FAREWELL, gone.recv()).await.ok();
            drop(alive);
            anyhow::Ok(())
        })
    };
    std::thread::Builder::new().name(format!("net-{number}")).spawn(run)
}

fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn join<T>(thread: JoinHandle<T>, what: &str) -> anyhow::Result<T> {
    thread.join().map_err(|_| anyhow::anyhow!("{what} panicked"))
}
