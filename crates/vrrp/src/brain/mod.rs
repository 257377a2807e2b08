//! The thread that decides: one router, its sockets, its timer, and the kernel's news, on one event loop.
//!
//! ```text
//!   adverts ────┐                                    ┌──▶ adverts
//!   timer ──────┤        drain all packets           ├──▶ errands: addresses, some at a time
//!   netlink ────┼──▶  then what woke us       ──▶ Router ──▶ announcements
//!   errands ────┤        then what is due            └──▶ Reports, to the control runtime
//!   Orders ─────┘
//! ```
//!
//! Nothing here waits for anything but the next event: no files on a disk, no names, no logs. What the kernel itself may
//! keep waiting (changes of any network, and closing what was open) is asked of it by other threads. Whatever woke it, packets that have
//! arrived are handed over first, with the times the kernel took them from the wire, so a timer never expires over an
//! advert that is already here.

mod around;
mod assignment;
mod begin;
mod carry;
mod changes;
mod closing;
mod ears;
mod echoes;
mod errands;
mod first_words;
mod fixtures;
mod herald;
mod holding;
mod kept;
mod lent;
mod messages;
mod mute;
mod network;
mod pace;
mod places;
mod ports;
mod retry;
mod rousers;
mod taken;
mod vmacs;
mod voice;
mod ways;

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use tandem_ops::clock::Clock;
use tandem_sys::netlink::{Address, Change, Link, NetlinkError, Watch};
use tandem_sys::readable::Readable;
use tandem_sys::timer::Timer;
use tandem_time::Mono;
use tandem_vrrp_core::settings::{Heal, InstanceId, InstanceSettings, RouterSettings};
use tandem_vrrp_core::{Burst, Input, InstanceView, Release, Router, Who};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc;

use crate::journal::Before;
use crate::policy::Policy;
use crate::snapshot::Snapshot;
use crate::statics::Statics;
use crate::urgency::Urgency;
use ears::{Ears, News};
use echoes::Echoes;
use errands::Errands;
use first_words::FirstWords;
use herald::Herald;
use holding::Holding;
use kept::Kept;
use lent::Lent;
use mute::Mute;
use network::{Network, Virtuals};
use pace::Lateness;
use ports::{Opened, Ports};
use retry::Retry;
use rousers::Rousers;
use taken::Taken;
use vmacs::Arranged;
use voice::Voice;

pub(crate) use assignment::Assignment;
pub(crate) use messages::{Order, Report};
pub(crate) use pace::Pace;

/// Before it is said that news were lost.
const REPORTS: usize = 16 << 10;
const ORDERS: usize = 1 << 10;

/// The event loop needs little; what is reserved is locked.
const STACK: usize = 1 << 20;

/// What a brain is started with.
pub(crate) struct Start {
    pub(crate) assignment: Assignment,
    pub(crate) clock: Clock,
    /// What the process before us held.
    pub(crate) journal: Before,
    /// Where a process leaves word for the next one.
    pub(crate) folder: PathBuf,
    pub(crate) verbosity: Verbosity,
    pub(crate) urgency: Urgency,
    /// `vrrp_cpu_affinity`; none is any.
    pub(crate) processors: Vec<u32>,
}

/// What is told beyond what matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verbosity {
    /// Every gratuitous ARP and unsolicited NA.
    pub(crate) announcements: bool,
    /// Every address that comes or goes.
    pub(crate) addresses: bool,
}

/// The other side of a running brain.
pub(crate) struct Handle {
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) reports: mpsc::Receiver<Report>,
    pub(crate) thread: JoinHandle<io::Result<()>>,
}

/// Starts the thread. The network is that of the calling thread.
pub(crate) fn spawn(start: Start) -> io::Result<Handle> {
    let (orders, inbox) = mpsc::channel(ORDERS);
    let (outbox, reports) = mpsc::channel(REPORTS);
    let work = move || think(start, inbox, outbox);
    let thread = std::thread::Builder::new()
        .name("brain".into())
        .stack_size(STACK)
        .spawn(work)?;
    Ok(Handle {
        orders,
        reports,
        thread,
    })
}

/// Of this thread alone: what it starts elsewhere runs where it may.
fn keep_to(processors: &[u32]) -> io::Result<()> {
    if processors.is_empty() {
        return Ok(());
    }
    let mut set = CpuSet::new();
    for processor in processors {
        set.set(usize::try_from(*processor).unwrap_or(usize::MAX))?;
    }
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

fn think(start: Start, inbox: mpsc::Receiver<Order>, outbox: mpsc::Sender<Report>) -> io::Result<()> {
    let mut reports = messages::Reports::new(outbox);
    if let Err(error) = start.urgency.take() {
        reports.trouble(format_args!(
            "no real-time priority ({error}): on a busy host adverts below 30 ms may come late; CAP_SYS_NICE helps"
        ));
    }
    if let Err(error) = keep_to(&start.processors) {
        reports.trouble(format_args!(
            "cannot keep to the processors of vrrp_cpu_affinity: {error}"
        ));
    }
    let runtime = Builder::new_current_thread()
        .enable_io()
        .build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let mut brain = Brain::new(&start, inbox, reports)?;
        brain.begin(&start.journal).await?;
        brain.run().await
    })
}

/// What others have done for us, who may wait.
enum Answer {
    Errands(errands::Done),
    /// A socket to listen on.
    Opened(Opened),
    Listed(Lists),
}

/// Everything there is, asked for after news were lost.
type Lists = Result<(Vec<Link>, Vec<Address>), NetlinkError>;

/// What ended the sleep.
enum Woken {
    Packets,
    Timer,
    Change(Change),
    Answer(Answer),
    Order(Order),
}

impl Woken {
    const fn name(&self) -> &'static str {
        match self {
            Self::Packets => "a packet",
            Self::Timer => "what was due",
            Self::Change(_) => "news from the kernel",
            Self::Answer(_) => "an answer of the kernel",
            Self::Order(_) => "an order",
        }
    }
}

struct Brain {
    clock: Clock,
    /// The latest moment the router was told of. It never goes back.
    told: Mono,
    router: Router,
    policies: BTreeMap<InstanceId, Policy>,
    statics: Statics,
    network: Network,
    /// What a reload replaces, until what follows from it is carried out.
    before: Vec<InstanceSettings>,
    /// Addresses that come and go with mastership.
    virtuals: Virtuals,
    sources: BTreeMap<InstanceId, Option<IpAddr>>,
    ports: Ports,
    voice: Voice,
    first_words: FirstWords,
    herald: Herald,
    ears: Ears,
    echoes: Echoes,
    holding: Holding,
    kept: Kept,
    errands: Errands,
    arranged: Arranged,
    watch: Watch,
    timer: Readable<Arc<Timer>>,
    rousers: Option<Rousers>,
    armed: Option<Mono>,
    orders: mpsc::Receiver<Order>,
    reports: messages::Reports,
    answers: mpsc::UnboundedReceiver<Answer>,
    answering: mpsc::UnboundedSender<Answer>,
    verbosity: Verbosity,
    pace: Pace,
    urgency: Urgency,
    /// More than an advert may be late.
    patience: Duration,
    mute: Mute,
    /// Routes, rules and static addresses that somebody took away lately.
    taken: Burst<Taken>,
    /// Everything there is, which the kernel would not tell.
    listing_again: Retry,
    /// Sockets that the host had not.
    opening_again: Retry,
    ending: bool,
}

impl Brain {
    fn new(start: &Start, orders: mpsc::Receiver<Order>, mut reports: messages::Reports) -> io::Result<Brain> {
        let (answering, answers) = mpsc::unbounded_channel();
        let timer = Arc::new(Timer::new()?);
        // Without them it is a router like others.
        let rousers = Rousers::start(start.clock, timer.clone(), start.urgency);
        let rousers = rousers.inspect_err(|error| {
            reports.trouble(format_args!(
                "nobody wakes the router on another processor when its own stands still: {error}"
            ));
        });
        Ok(Brain {
            clock: start.clock,
            told: Mono::ZERO,
            router: Router::new(start.assignment.settings.clone()),
            policies: start.assignment.policies.clone(),
            statics: start.assignment.statics.clone(),
            network: Network::new(Vec::new(), Vec::new(), start.assignment.vmacs.clone()),
            before: Vec::new(),
            virtuals: Virtuals::of(&start.assignment.settings),
            sources: BTreeMap::new(),
            ports: Ports::default(),
            voice: Voice::default(),
            first_words: FirstWords::default(),
            herald: Herald::default(),
            ears: Ears::default(),
            echoes: Echoes::default(),
            holding: Holding::default(),
            kept: Kept::default(),
            errands: Errands::start(answering.clone(), start.urgency, Lent::new(&start.folder))?,
            urgency: start.urgency,
            arranged: Arranged::default(),
            // The watch first, so that nothing falls between it and the first lists.
            watch: Watch::open()?,
            rousers: rousers.ok().flatten(),
            timer: Readable::new(timer)?,
            armed: None,
            orders,
            reports,
            answers,
            answering,
            verbosity: start.verbosity,
            pace: Pace::default(),
            patience: patience(&start.assignment.settings),
            mute: Mute::default(),
            taken: Burst::of(Heal::default().burst),
            listing_again: Retry::default(),
            opening_again: Retry::default(),
            ending: false,
        })
    }

    async fn run(&mut self) -> io::Result<()> {
        self.carry_out();
        loop {
            if self.ending && self.errands.is_empty() {
                return Ok(());
            }
            self.arm()?;
            let woken = self.doze().await?;
            let (what, since) = (woken.name(), self.clock.now());
            self.hurry(since);
            let late = self.pace.woke(self.armed, since, self.patience);
            self.say(late);
            self.drain()?;
            match woken {
                Woken::Packets => {}
                Woken::Timer => self.armed = None,
                Woken::Change(change) => self.changed(change),
                Woken::Answer(answer) => self.answered(answer),
                Woken::Order(order) => self.obey(order),
            }
            let now = self.now();
            if self.router.poll_deadline().is_some_and(|at| at <= now) {
                self.router.on_deadline(now);
            }
            self.put_back_later();
            self.try_again();
            self.close_ears();
            self.carry_out();
            let late = self.pace.worked(what, since, self.clock.now(), self.patience);
            self.say(late);
        }
    }

    fn say(&mut self, late: Option<Lateness>) {
        if let Some(late) = late {
            self.reports.trouble(late);
        }
    }

    /// Who was late is more urgent from now on (`max_auto_priority`).
    fn hurry(&mut self, now: Mono) {
        let late = self.armed.map_or(Duration::ZERO, |due| now.since(due));
        if let Some(priority) = self.urgency.was_late(late) {
            self.reports.trouble(format_args!(
                "A thread timer expired {:.6} seconds ago: the router's thread has real-time priority {priority} now",
                late.as_secs_f64()
            ));
        }
    }

    /// Sleeps, with somebody there to wake it if the timer does not.
    async fn doze(&mut self) -> io::Result<Woken> {
        if let Some(rousers) = &self.rousers {
            rousers.asleep_until(self.armed, self.patience);
        }
        let woken = self.sleep().await;
        if self.rousers.as_ref().is_some_and(Rousers::awake) {
            self.pace.roused += 1;
        }
        woken
    }

    async fn sleep(&mut self) -> io::Result<Woken> {
        let Brain {
            ports,
            ears,
            watch,
            answers,
            orders,
            timer,
            ending,
            ..
        } = self;
        let readable = std::future::poll_fn(|cx| match (ports.poll_readable(cx), ears.poll_readable(cx)) {
            (Poll::Pending, other) => other,
            (ready, _) => ready,
        });
        tokio::select! {
            biased;
            ready = readable => ready.map(|()| Woken::Packets),
            // Announcements wait for these; the kernel's reports of the same additions are many and wait for nothing.
            Some(answer) = answers.recv() => Ok(Woken::Answer(answer)),
            change = watch.next() => change.map(Woken::Change),
            // An order that cannot come any more is the order to end.
            // After the last one it would be given again and again, and nobody else would get a word in.
            order = orders.recv(), if !*ending => Ok(Woken::Order(order.unwrap_or(Order::End))),
            expired = std::future::poll_fn(|cx| timer.poll_readable(cx)) => {
                timer.inner().clear()?;
                timer.found_empty();
                expired.map(|()| Woken::Timer)
            }
        }
    }

    /// Sets the timer to the router's next deadline, if it is not.
    fn arm(&mut self) -> io::Result<()> {
        let due = self.router.poll_deadline().into_iter();
        let again = [self.listing_again.deadline(), self.opening_again.deadline()];
        let due = due
            .chain(self.taken.deadline())
            .chain(again.into_iter().flatten())
            .min();
        if due == self.armed {
            return Ok(());
        }
        self.armed = due;
        match due {
            Some(at) => self.timer.inner().arm(at.since(self.clock.now())),
            None => self.timer.inner().disarm(),
        }
    }

    fn drain(&mut self) -> io::Result<()> {
        let Brain {
            ports,
            router,
            clock,
            told,
            ..
        } = self;
        ports.drain(|interface, arrival, datagram| {
            *told = moment(clock, arrival.at).max(*told);
            let interface = Some(interface);
            router.handle(Input::Packet { interface, datagram }, *told);
        })?;
        for news in self.ears.drain() {
            self.told_of(news);
        }
        Ok(())
    }

    /// Somebody says where an address is that we have or are about to leave.
    fn told_of(
        &mut self,
        News {
            index,
            address,
            mac,
            to_all,
        }: News,
    ) {
        // A network says much of others' addresses. Another interface of this host answers for all of ours.
        if !self.virtuals.contains(&address) || self.network.is_own(mac) {
            return;
        }
        let now = self.now();
        if self.network.is_virtual(mac) && self.echoes.is_echo(address, now) {
            return;
        }
        let holding = self.router.instances().filter(|i| i.holds);
        let here = |i: &InstanceView<'_>| {
            let known = i.settings.addresses().find(|a| a.address == address);
            let place = known.and_then(|a| self.network.place(i.settings, a));
            let below = place.and_then(|link| self.network.below(link));
            below.is_some_and(|link| link.index == index)
        };
        let named: Vec<InstanceId> = holding.filter(here).map(|i| i.settings.id).collect();
        for instance in named {
            let input = if to_all {
                Input::AnnouncementSeen { instance, address }
            } else {
                Input::HolderSeen { instance, address }
            };
            self.router.handle(input, now);
        }
    }

    fn obey(&mut self, order: Order) {
        let now = self.now();
        match order {
            Order::Observed { tracker, observation } => {
                self.router.handle(Input::Observed { tracker, observation }, now);
            }
            Order::Release { who, why } => self.release(who, why, now),
            Order::Keep { instance, seconds } => self.kept.want(instance, seconds),
            Order::KeepNoMore { instance } => self.keep_no_more(instance),
            Order::Resume { who } => self.router.handle(Input::Resume { who }, now),
            Order::Witnesses { instance, reachable } => {
                self.router.handle(Input::Witnesses { instance, reachable }, now);
            }
            Order::Partner { instance, partner } => self.router.handle(Input::Partner { instance, partner }, now),
            Order::WallClock { unix } => self.router.handle(Input::WallClock { unix }, now),
            Order::TakeOver { instance, willing } => {
                self.router.handle(Input::TakeOver { instance }, now);
                let takes_over = self.router.instance(instance).is_some_and(|i| i.is_or_wants_master());
                // Whoever asked may have gone.
                willing.send(takes_over).ok();
            }
            Order::ClearStatistics => {
                self.pace.clear();
                self.router.handle(Input::ClearStatistics, now);
            }
            Order::Assign(assignment) => self.reload(*assignment, now),
            Order::Show(to) => {
                // Whoever asked may have gone.
                let is_set = |instance, address| self.holding.has(instance, address);
                to.send(Snapshot::of(&self.router, is_set, now, self.reports.lost(), self.pace))
                    .ok();
            }
            Order::ShowAround(to) => {
                to.send(self.around()).ok();
            }
            Order::End => {
                self.exchange_statics(Statics::default());
                self.unmake_vmacs();
                self.ending = true;
            }
            Order::Leave => self.ending = true,
        }
    }

    fn release(&mut self, who: Who, why: Release, now: Mono) {
        if let Err(error) = self.open_ears() {
            self.reports.trouble(format_args!(
                "cannot listen for the successor's announcements, so its advert must do: {error}"
            ));
        }
        self.router.handle(Input::Release { who, why }, now);
    }

    fn now(&mut self) -> Mono {
        self.told = self.clock.now().max(self.told);
        self.told
    }
}

/// The shortest interval between adverts: whoever is later than that was not there for one of them.
fn patience(settings: &RouterSettings) -> Duration {
    let intervals = settings.instances.iter().map(|i| i.protocol.interval());
    intervals.min().unwrap_or(Duration::MAX)
}

/// When something happened that the kernel stamped with the wall clock. A clock that is stepped meanwhile must not make
/// an advert look ancient.
fn moment(clock: &Clock, at: SystemTime) -> Mono {
    const MOST: Duration = Duration::from_secs(1);
    let ago = SystemTime::now().duration_since(at).unwrap_or_default().min(MOST);
    let nanos = u64::try_from(ago.as_nanos()).unwrap_or(0);
    Mono::from_nanos(clock.now().as_nanos().saturating_sub(nanos))
}
