//! The control runtime: health of the backends, the HTTP frontends, signals, the end.
//!
//! ```text
//!   signals ──▶ Phase ─────────────▶ workers, HTTP frontends
//!   probe ──▶ backend machine ─┬───▶ published View ──▶ workers
//!                              └───▶ log lines
//! ```

mod desk;
mod house;
mod succession;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tandem_lb_config::{Bind, Plan};
use tandem_ops::clock::Clock;
use tandem_ops::notify::{Notifier, State};
use tandem_ops::signals::{BALANCER, Intention, Received, Signals};
use tandem_time::Seed;
use tokio::sync::{Notify, watch};

use crate::admission::Limit;
use crate::args::Args;
use crate::directory::Directory;
use crate::drain::Drain;
use crate::forward::{Forwarder, Origin};
use crate::frontends::Frontends;
use crate::keeper::{Keeper, Lines, Watched};
use crate::listeners::Opened;
use crate::live::Live;
use crate::master::{Elder, Master};
use crate::orders::Orders;
use crate::page::Site;
use crate::peers::{Ground, Peers};
use crate::reader::Reader;
use crate::reload::Reloader;
use crate::resolving::Resolving;
use crate::rings::Outward;
use crate::router::Way;
use crate::socket::{self, Doors};
use crate::state::{Archive, Keeping, Past};
use crate::stats::{Process, Sources, Stats, Timeline};
use crate::tls;
use crate::tracking;
use crate::upgrade::{Giver, Heir, Store, TakenOver, Taker};
use crate::worker::{Crew, Phase};
use desk::Desk;
use house::{House, Renewed};
use tandem_ops::web::origin::Token;

/// How long connections get to write their log line after they were told to end.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How long the next process may take for the stick tables.
const LAST_TABLES: Duration = Duration::from_secs(5);

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
    /// What the service manager keeps of processes before this one.
    pub(crate) kept: Vec<String>,
    /// What the sections of peers stand on.
    pub(crate) grounds: Vec<Ground>,
    pub(crate) lots: Seed,
    pub(crate) past: Past,
    pub(crate) archive: Option<Archive>,
    pub(crate) reader: Option<Arc<Reader>>,
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
        mut kept,
        grounds,
        lots,
        mut past,
        archive,
        mut seed,
        plan,
        args,
        reader,
        program,
        directory,
        notifier,
        router,
    } = control;
    let signals = Signals::listen(BALANCER)?;
    let files = Rc::<RefCell<tls::Desk>>::default();
    let before = predecessor.as_ref().map(Taker::pid);
    let origin = Origin {
        is_successor: before.is_some(),
        before: [&*args.finish, &args.terminate]
            .concat()
            .into_iter()
            .chain(before)
            .collect(),
        lots: Seed::new(seed.next_u64()),
    };
    let mut heritage = succession::Heritage {
        past: &mut past,
        backends: &mut backends,
        plan: &plan,
        program: &program,
        seed: &mut seed,
        frontends: &frontends,
        process: &process,
        directory: &directory,
        library: &plan.patterns,
        files: &files,
        kept: &mut kept,
    };
    let taking = heritage.begin(predecessor, &live, clock.now()).await;
    let token = Token::after(past.own.page.as_deref());
    tracking::settle(&mut backends, clock.now());
    directory.rings.convey(&Outward {
        vault: directory.tls.clone(),
        clock,
    });
    let (lines, timeline) = (Lines::default(), Rc::<Timeline>::default());
    let keepers = backends.into_iter().map(|watched| {
        Keeper::new(
            watched,
            clock,
            lines.clone(),
            live.clone(),
            timeline.clone(),
            directory.clone(),
        )
    });
    let desk = Desk {
        phase,
        frontends,
        orders: Orders::new(keepers.collect::<Vec<_>>()),
        lines: lines.clone(),
    };
    desk.begin();
    let heir = Heir {
        fronts: &desk.frontends.fronts(),
        crew: &crew,
        process: &process,
        lots,
    };
    let taken_over = succession::complete(taking, heir, &mut past, &directory, clock).await;
    keep(&desk.orders, directory.clone(), clock);
    let forwarder = Forwarder::begin(desk.frontends.clone(), desk.orders.clone(), clock, origin);
    let forwarder = forwarder.await.map_err(io::Error::other)?;
    let http: Vec<_> = http.into_iter().map(|(site, at)| (Rc::new(site), at)).collect();
    let peers = Peers::begin(
        grounds,
        &directory,
        clock,
        &lines,
        (desk.phase.subscribe(), Seed::new(seed.next_u64())),
        taken_over.is_some(),
    );
    let lots = Seed::new(seed.next_u64());
    let resolving = Resolving::begin(desk.orders.clone(), clock, lots, &plan, &directory.lookups);
    let stats = Stats::new(Sources {
        clock,
        process: identity,
        phase: desk.phase.subscribe(),
        crew: crew.clone(),
        frontends: desk.frontends.clone(),
        sites: http.iter().map(|(site, _)| site.clone()).collect(),
        orders: desk.orders.clone(),
        timeline: timeline.clone(),
        directory: directory.clone(),
        peers: peers.clone(),
        resolving: resolving.clone(),
    });
    stats.resume(&past);
    if taken_over.is_some() {
        stats.take_over(past.own.reloads);
    }
    drop(past);
    tokio::task::spawn_local(stats.clone().watch());
    let house = House {
        clock,
        desk,
        files,
        lines,
        timeline,
        stats,
        process,
        live,
        crew,
        directory,
        router: Rc::default(),
        notifier,
        token,
    };
    let keeping = archive.map(|archive| Keeping::begin(archive, house.scene()));
    let (host, sites) = house.pages(http, router, Seed::new(seed.next_u64()));
    let hall = socket::Hall::default();
    let store = Rc::new(Store::new(house.notifier.clone(), kept));
    let giver = house.giver(&sites, &hall, &store, master.as_ref(), &peers);
    let drain = house.drain(&plan.global);
    let estate = house.estate(Renewed {
        resolving: resolving.clone(),
        peers: peers.clone(),
        forwarder: forwarder.clone(),
        args,
        reader,
        program,
        host,
        sites,
        hall: hall.clone(),
        store: store.clone(),
        drain: drain.clone(),
    });
    let reloader = Reloader::new(estate, plan, seed);
    let open = socket::open(doors, house.room(&giver, &drain, &reloader, (&resolving, &peers)));
    let (console, reloads) = (open.console().clone(), reloader.clone());
    let elder = Elder::new(before);
    let master = master.map(|doors| socket::open_master(doors, Master::new(console, reloads, elder.clone(), clock)));
    hall.replace(Some(open));
    Ok(Running {
        desk: house.desk,
        hall,
        master,
        reloader,
        giver,
        drain,
        store,
        peers,
        taken_over,
        elder,
        signals,
        process: house.process,
        keeping,
        forwarder,
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
    peers: Rc<Peers>,
    /// A predecessor waits for our word.
    taken_over: Option<TakenOver>,
    elder: Rc<Elder>,
    signals: Signals,
    process: Limit,
    keeping: Option<Keeping>,
    forwarder: Rc<Forwarder>,
}

impl Running {
    /// Obeys signals until one of them ends the process, and stops the workers.
    pub(crate) async fn until_the_end(mut self, notifier: &Notifier) -> anyhow::Result<()> {
        let obeyed = self.obey().await;
        // From a process that has a successor the service manager would take it for the end of both.
        if !self.giver.is_shared() {
            notifier.send(&[State::Stopping]).ok();
        }
        self.leave_doors();
        // The files of the sockets go with them.
        self.hall.take();
        self.desk.phase.send_replace(Phase::Stopped);
        if let Some(keeping) = self.keeping.take() {
            keeping.end().await;
        }
        self.forwarder.end().await;
        Ok(obeyed?)
    }

    /// The service manager keeps our listeners from now on. To be called when it knows that we are ready.
    pub(crate) fn keep_listeners(&self) {
        self.store.keep(&self.giver.listeners());
    }

    /// Lets the predecessor go.
    pub(crate) async fn release_predecessor(&mut self) {
        let Some(taken_over) = self.taken_over.take() else {
            return;
        };
        match taken_over.done().await {
            Ok(aftermath) => {
                let (scene, elder) = (self.giver.scene.clone(), self.elder.clone());
                tokio::task::spawn_local(async move {
                    elder.serves(true);
                    succession::count_on(aftermath, scene).await;
                    elder.serves(false);
                });
            }
            Err(error) => tracing::warn!(%error, "the process before this one did not hear that it may go"),
        }
    }

    /// Who was given the listeners was given these too, and serves them.
    fn leave_doors(&mut self) {
        if self.giver.is_shared() {
            self.master.take().into_iter().for_each(socket::Open::leave);
            self.hall.take().into_iter().for_each(socket::Open::leave);
        }
    }

    async fn obey(&mut self) -> io::Result<()> {
        loop {
            let received = tokio::select! {
                received = self.signals.next() => received?,
                () = self.drain.asked.notified() => return self.drain().await,
                () = self.giver.succeeded.notified() => return self.drain().await,
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
                Intention::Dump(_) | Intention::ClearStatistics | Intention::Nothing => {}
            }
        }
    }

    /// Waits for the last connection, for as long as patience lasts.
    async fn drain(&mut self) -> io::Result<()> {
        let is_succeeded = self.giver.is_shared();
        if is_succeeded {
            // The state file is the other process's, too.
            self.keeping.take().into_iter().for_each(Keeping::leave);
        } else {
            // Who comes is to be refused, and not to wait for somebody who may never come.
            self.store.keep(&[]);
        }
        let is_over = Rc::<Notify>::default();
        let telling = tokio::task::spawn_local(self.giver.clone().tell_on(is_over.clone()));
        // Whoever asks from now on asks the successor: that we have stopped is no news of what both are.
        self.leave_doors();
        self.desk.drain(is_succeeded);
        let patience = self.drain.limit();
        let closing = async {
            loop {
                tokio::select! {
                    () = self.drain.run() => {}
                    // In another way from now on.
                    () = self.drain.asked.notified() => {}
                }
            }
        };
        let last = async {
            last_is_gone(&self.desk.frontends, &self.process).await;
            // Nobody waits for a successor that does not take them.
            tokio::time::timeout(LAST_TABLES, self.peers.handed_over()).await.ok();
        };
        let ended = tokio::select! {
            () = closing => Ok(()),
            () = last => Ok(()),
            () = given_up(patience) => {
                self.desk.end(self.process.used());
                let _in_time = tokio::time::timeout(LAST_WORDS, self.process.emptied()).await;
                Ok(())
            }
            stopped = stop_asked(&mut self.signals) => stopped,
        };
        is_over.notify_one();
        tokio::time::timeout(LAST_WORDS, telling).await.ok();
        ended
    }
}

/// Whoever waits where nobody listens any more is let in first.
async fn last_is_gone(frontends: &Frontends, process: &Limit) {
    const LOOK: Duration = Duration::from_millis(20);
    while !frontends.sockets().is_empty() {
        tokio::time::sleep(LOOK).await;
    }
    process.emptied().await;
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

/// Has every backend's machine and stick table live on.
fn keep(orders: &Orders, directory: Arc<Directory>, clock: Clock) {
    tokio::task::spawn_local(forget(directory, clock));
    for keeper in orders.backends().iter() {
        tokio::task::spawn_local(keeper.clone().run());
    }
}

/// Drops stick entries when they expire; not one by one, but a second's worth at a time, in bites that no worker has to
/// wait for.
async fn forget(directory: Arc<Directory>, clock: Clock) {
    const EVERY: Duration = Duration::from_secs(1);
    const AT_ONCE: usize = 1_000;
    loop {
        for table in directory.tables.all() {
            while table.lock().expire_some(AT_ONCE, clock.now()) == AT_ONCE {
                tokio::task::yield_now().await;
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}
