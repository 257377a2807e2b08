//! The control runtime: health of the backends, the HTTP frontends, signals, the end.
//!
//! ```text
//!   signals ──▶ Phase ─────────────▶ workers, HTTP frontends
//!   probe ──▶ backend machine ─┬───▶ published View ──▶ workers
//!                              └───▶ log lines
//! ```

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tandem_lb_config::{Bind, Plan};
use tandem_ops::clock::{Clock, Wall};
use tandem_ops::notify::Notifier;
use tandem_ops::signals::{BALANCER, Intention, Received, Signals};
use tandem_ops::syslog::{Severity, Targets};
use tandem_time::Seed;
use tokio::sync::{Notify, watch};

use crate::admission::Limit;
use crate::args::Args;
use crate::directory::Directory;
use crate::drain::Drain;
use crate::frontends::{Frontends, Sites, Stand};
use crate::http;
use crate::keeper::{Keeper, Lines, Watched};
use crate::listeners::Opened;
use crate::live::Live;
use crate::master::Master;
use crate::orders::Orders;
use crate::page::{Page, Site};
use crate::reload::{Estate, Reloader};
use crate::router::{Router, Way};
use crate::socket::{self, Doors, Room};
use crate::state::{Archive, Keeping, Past, Scene};
use crate::stats::{Process, Sources, Stats, Timeline};
use crate::upgrade::{Giver, Heir, LinkError, Store, TakenOver, Taker, Taking};
use crate::worker::{Crew, Phase};

/// How long connections get to write their log line after they were told to end.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What the control runtime is started with.
pub(crate) struct Control {
    pub(crate) clock: Clock,
    pub(crate) backends: Vec<Watched>,
    pub(crate) frontends: Frontends,
    pub(crate) http: Vec<(Site, Vec<(Bind, Opened)>)>,
    pub(crate) identity: Process,
    pub(crate) phase: watch::Sender<Phase>,
    pub(crate) process: Limit,
    pub(crate) live: Arc<Live>,
    pub(crate) doors: Doors,
    /// The master socket, if there is to be one.
    pub(crate) master: Option<Doors>,
    pub(crate) crew: Arc<Crew>,
    /// The process to take over from.
    pub(crate) predecessor: Option<Taker>,
    pub(crate) lots: Seed,
    pub(crate) past: Past,
    pub(crate) archive: Option<Archive>,
    /// For what comes later.
    pub(crate) seed: Seed,
    pub(crate) plan: Arc<Plan>,
    pub(crate) args: Arc<Args>,
    pub(crate) program: String,
    pub(crate) directory: Arc<Directory>,
    pub(crate) notifier: Rc<Notifier>,
    /// To the router beside us.
    pub(crate) router: Way,
}

/// Starts everything that runs beside the workers. Signals are listened to when this returns.
pub(crate) async fn start(control: Control) -> io::Result<Running> {
    let Control {
        clock,
        mut backends,
        frontends,
        http,
        identity,
        phase,
        process,
        live,
        doors,
        master,
        crew,
        predecessor,
        lots,
        mut past,
        archive,
        seed,
        plan,
        args,
        program,
        directory,
        notifier,
        router,
    } = control;
    let signals = Signals::listen(BALANCER)?;
    let mut taking = None;
    if let Some(predecessor) = predecessor {
        // It says what it knows itself, and later than any file; if it does not, the file is what there is.
        if let Some((state, begun)) = begin_to_take(predecessor, &live).await {
            (past, taking) = (state, Some(begun));
        }
        past.restore(&mut backends, clock.now());
    }
    let lines = Lines::default();
    let timeline = Rc::<Timeline>::default();
    let desk = Desk {
        phase,
        frontends,
        orders: Orders::new(
            backends
                .into_iter()
                .map(|watched| Keeper::new(watched, clock, lines.clone(), timeline.clone()))
                .collect::<Vec<_>>(),
        ),
        lines: lines.clone(),
    };
    // The workers have waited for what the predecessor knows, if there is one.
    desk.phase
        .send_if_modified(|p| std::mem::replace(p, Phase::Running) != Phase::Running);
    let heir = Heir {
        frontends: &desk.frontends.all(),
        crew: &crew,
        process: &process,
        lots,
    };
    let mut taken_over = None;
    if let Some(taking) = taking
        && let Some((counted, all)) = take_connections(taking, heir).await
    {
        (past, taken_over) = (counted, Some(all));
    }
    tokio::task::spawn_local(forget(desk.orders.clone(), clock));
    for keeper in desk.orders.backends().iter() {
        tokio::task::spawn_local(keeper.clone().run());
    }
    let http: Vec<_> = http.into_iter().map(|(site, at)| (Rc::new(site), at)).collect();
    let stats = Stats::new(Sources {
        clock,
        process: identity,
        phase: desk.phase.subscribe(),
        crew: crew.clone(),
        frontends: desk.frontends.clone(),
        sites: http.iter().map(|(site, _)| site.clone()).collect(),
        orders: desk.orders.clone(),
        timeline: timeline.clone(),
    });
    stats.resume(&past);
    drop(past);
    tokio::task::spawn_local(stats.clone().watch());
    let scene = Scene {
        stats: stats.clone(),
        orders: desk.orders.clone(),
        clock,
    };
    let keeping = archive.map(|archive| Keeping::begin(archive, scene.clone()));
    let way = router;
    let router = Rc::<Router>::default();
    tokio::task::spawn_local(router.clone().watch(way));
    let host = http::Host {
        page: Page::new(clock, stats.clone(), desk.orders.clone(), live.clone(), router),
        phase: desk.phase.subscribe(),
    };
    let (sites, hall) = (Sites::default(), socket::Hall::default());
    let stands = http.into_iter().map(|(site, lines)| Stand {
        bound: lines
            .into_iter()
            .zip(1..)
            .map(|((bind, opened), number)| Rc::new(host.begin(&site, bind, &opened, number)))
            .collect(),
        site,
    });
    sites.replace(stands.collect());
    let giver = Rc::new(Giver {
        live: live.clone(),
        phase: desk.phase.clone(),
        process: process.clone(),
        clock,
        scene,
        frontends: desk.frontends.clone(),
        sites: sites.clone(),
        hall: hall.clone(),
        master: master.iter().flat_map(Doors::sockets).map(Arc::downgrade).collect(),
        is_exposed: Cell::default(),
        is_giving: Cell::default(),
        succeeded: Notify::new(),
    });
    let store = Rc::new(Store::new(notifier.clone()));
    let usual = plan.global.close_spread_time;
    let drain = Rc::new(Drain::new(live.clone(), clock, notifier.clone(), usual));
    let hard_stop_after = Rc::new(Cell::new(plan.global.hard_stop_after));
    let estate = Estate {
        args,
        program,
        directory: directory.clone(),
        clock,
        frontends: desk.frontends.clone(),
        sites,
        orders: desk.orders.clone(),
        stats: stats.clone(),
        process: process.clone(),
        crew,
        phase: desk.phase.subscribe(),
        giver: giver.clone(),
        lines,
        timeline,
        host,
        hall: hall.clone(),
        store: store.clone(),
        hard_stop_after: hard_stop_after.clone(),
        notifier,
    };
    let reloader = Reloader::new(estate, plan, seed);
    let room = Room {
        orders: desk.orders.clone(),
        frontends: desk.frontends.clone(),
        directory,
        stats,
        live,
        process: process.clone(),
        clock,
        giver: giver.clone(),
        drain: drain.clone(),
        reloader: reloader.clone(),
    };
    let open = socket::open(doors, room);
    let (console, reloads) = (open.console().clone(), reloader.clone());
    let master = master.map(|doors| socket::open_master(doors, Master::new(console, reloads, clock)));
    hall.replace(Some(open));
    Ok(Running {
        desk,
        hall,
        master,
        reloader,
        giver,
        drain,
        store,
        taken_over,
        signals,
        process,
        hard_stop_after,
        keeping,
    })
}

/// A balancer at work.
pub(crate) struct Running {
    desk: Desk,
    hall: socket::Hall,
    master: Option<socket::Open<Master>>,
    reloader: Rc<Reloader>,
    giver: Rc<Giver>,
    drain: Rc<Drain>,
    store: Rc<Store>,
    /// A predecessor waits for our word.
    taken_over: Option<TakenOver>,
    signals: Signals,
    process: Limit,
    hard_stop_after: Rc<Cell<Option<Duration>>>,
    keeping: Option<Keeping>,
}

impl Running {
    /// Obeys signals until one of them ends the process, and stops the workers.
    pub(crate) async fn until_the_end(mut self) -> anyhow::Result<()> {
        let obeyed = self.obey().await;
        self.leave_doors();
        // The files of the sockets go with them.
        self.hall.take();
        self.desk.phase.send_replace(Phase::Stopped);
        if let Some(keeping) = self.keeping.take() {
            keeping.end().await;
        }
        Ok(obeyed?)
    }

    /// The service manager keeps our listeners from now on. To be called when it knows that we are ready.
    pub(crate) fn keep_listeners(&self) {
        self.store.keep(&self.desk.frontends.sockets());
    }

    /// Lets the predecessor go.
    pub(crate) async fn release_predecessor(&mut self) {
        let Some(taken_over) = self.taken_over.take() else {
            return;
        };
        if let Err(error) = taken_over.done().await {
            tracing::warn!(%error, "the process before this one did not hear that it may go");
        }
    }

    /// Who was given the listeners was given these too, and serves them.
    fn leave_doors(&mut self) {
        if self.giver.is_exposed.get() {
            self.master.take().into_iter().for_each(socket::Open::leave);
            self.hall.take().into_iter().for_each(socket::Open::leave);
        }
    }

    async fn obey(&mut self) -> io::Result<()> {
        loop {
            let received = tokio::select! {
                received = self.signals.next() => received?,
                () = self.drain.asked.notified() => return self.drain().await,
                () = self.giver.succeeded.notified() => {
                    if let Some(keeping) = self.keeping.take() {
                        keeping.leave();
                    }
                    return self.drain().await;
                }
            };
            let Received { intention, signal } = received;
            match intention {
                Intention::Stop => return Ok(()),
                Intention::Drain => return self.drain().await,
                Intention::Pause => self.desk.pause(),
                Intention::Resume => self.desk.resume(),
                Intention::Reload => {
                    tracing::info!(%signal, "the configuration is read again");
                    let reloader = self.reloader.clone();
                    // What comes of it was told to the log; a signal has nobody to answer to.
                    tokio::task::spawn_local(async move { reloader.reload().await.ok() });
                }
                Intention::Dump(_) | Intention::ClearStatistics => {}
            }
        }
    }

    /// Waits for the last connection, for as long as patience lasts.
    async fn drain(&mut self) -> io::Result<()> {
        let is_succeeded = self.giver.is_exposed.get();
        if !is_succeeded {
            // Who comes is to be refused, and not to wait for somebody who may never come.
            self.store.keep(&[]);
        }
        self.desk.drain(is_succeeded);
        self.leave_doors();
        let closing = async {
            loop {
                tokio::select! {
                    () = self.drain.run() => {}
                    // In another way from now on.
                    () = self.drain.asked.notified() => {}
                }
            }
        };
        tokio::select! {
            () = closing => Ok(()),
            () = self.process.emptied() => Ok(()),
            () = given_up(self.hard_stop_after.get()) => {
                self.desk.end();
                let _in_time = tokio::time::timeout(LAST_WORDS, self.process.emptied()).await;
                Ok(())
            }
            stopped = stop_asked(&mut self.signals) => stopped,
        }
    }
}

/// Who gives orders and says so.
struct Desk {
    phase: watch::Sender<Phase>,
    frontends: Frontends,
    orders: Orders,
    lines: Lines,
}

impl Desk {
    fn pause(&self) {
        if Phase::pause(&self.phase) {
            self.about_frontends(|name| format!("Paused frontend {name}."));
        }
    }

    fn resume(&self) {
        if Phase::resume(&self.phase) {
            self.about_frontends(|name| format!("Resumed frontend {name}."));
        }
    }

    /// `is_succeeded`: another process has our listeners.
    fn drain(&self, is_succeeded: bool) {
        let phase = if is_succeeded { Phase::Left } else { Phase::Draining };
        self.phase.send_replace(phase);
        let frontends = self.frontends.all();
        for frontend in &frontends {
            let name = &frontend.plan.name;
            // A `listen` section is both, and stops once.
            let behind = self
                .orders
                .backend(name)
                .map_or(0, |k| k.backend().traffic.sessions.total());
            let text = stopped(name, frontend.traffic.sessions.total(), behind);
            self.say(&frontend.logs, Severity::Warning, &text);
        }
        for keeper in self.orders.backends().iter() {
            let (backend, name) = (keeper.backend(), keeper.backend().name());
            if frontends.iter().all(|f| f.plan.name != name) {
                let text = stopped(&name, 0, backend.traffic.sessions.total());
                self.say(&keeper.logs(), Severity::Warning, &text);
            }
        }
    }

    /// Ends the connections that are left after `hard-stop-after`.
    fn end(&self) {
        tracing::warn!("hard-stop-after has passed: the remaining connections are closed");
        self.phase.send_replace(Phase::Ending);
    }

    fn about_frontends(&self, text: impl Fn(&str) -> String) {
        for frontend in self.frontends.all() {
            self.say(&frontend.logs, Severity::Warning, &text(&frontend.plan.name));
        }
    }

    fn say(&self, logs: &Targets, severity: Severity, text: &str) {
        tracing::info!("{text}");
        self.lines.borrow_mut().send(logs, severity, text, Wall::now());
    }
}

/// Whatever fails on the way, this process serves from now on.
async fn begin_to_take(predecessor: Taker, live: &Live) -> Option<(Past, Taking)> {
    let begun = predecessor.begin(live).await;
    begun
        .map_err(not_everything)
        .ok()
        .map(|(state, taking)| (Past::of(state), taking))
}

async fn take_connections(taking: Taking, heir: Heir<'_>) -> Option<(Past, TakenOver)> {
    let taken = taking.connections(heir).await;
    taken
        .map_err(not_everything)
        .ok()
        .map(|(counted, all)| (Past::of(counted), all))
}

fn not_everything(error: LinkError) {
    tracing::warn!(%error, "the process before this one did not hand over everything");
}

fn stopped(name: &str, frontend: u64, backend: u64) -> String {
    format!("Proxy {name} stopped (cumulated conns: FE: {frontend}, BE: {backend}).")
}

async fn given_up(after: Option<Duration>) {
    match after {
        Some(after) => tokio::time::sleep(after).await,
        None => std::future::pending().await,
    }
}

async fn stop_asked(signals: &mut Signals) -> io::Result<()> {
    while signals.next().await?.intention != Intention::Stop {}
    Ok(())
}

/// Drops stick entries when they expire; not one by one, but a second's worth at a time.
async fn forget(orders: Orders, clock: Clock) {
    const EVERY: Duration = Duration::from_secs(1);
    loop {
        for keeper in orders.backends().iter() {
            if let Some(affinity) = &keeper.backend().now().affinity {
                affinity.expire(clock.now());
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}
