//! BFD at work: a thread with all sessions, as urgent as the router's own, whose news go straight to the router.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::Duration;

use nix::net::if_::if_nametoindex;
use tandem_ops::clock::Clock;
use tandem_sys::hops::{HopArrival, HopSocket, scoped};
use tandem_sys::readable::Readable;
use tandem_time::{Mono, Seed};
use tandem_vrrp_config::Bfd;
use tandem_vrrp_core::Observation;
use tandem_vrrp_core::bfd::{Control, Diagnostic, Input, Output, Session, Settings};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc;

use crate::brain::Order;
use crate::urgency::Urgency;

/// RFC 5881 section 4.
const PORT: u16 = 3784;
const SOURCE_PORTS: std::ops::RangeInclusive<u16> = 49152..=65535;
/// What a packet must still have, less the hops it may have made (RFC 5881 section 5).
const HOP_LIMIT: u8 = 255;
/// Until what could not begin is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// A flood must not keep timers waiting for ever.
const AT_ONCE: usize = 1024;

/// To those who write logs.
#[derive(Debug)]
pub(crate) enum News {
    Up { name: Arc<str> },
    Down { name: Arc<str>, why: Diagnostic },
    Trouble(String),
}

/// The thread, from outside. Without sessions there is none.
pub(crate) struct Sessions {
    orders: mpsc::Sender<Order>,
    news: mpsc::Receiver<News>,
    telling: mpsc::Sender<News>,
    urgency: Urgency,
    thread: Option<(mpsc::Sender<Vec<Bfd>>, JoinHandle<()>)>,
}

const QUEUE: usize = 256;

impl Sessions {
    pub(crate) fn new(orders: mpsc::Sender<Order>, urgency: Urgency) -> Sessions {
        let (telling, news) = mpsc::channel(QUEUE);
        Sessions {
            orders,
            news,
            telling,
            urgency,
            thread: None,
        }
    }

    /// What stays the same goes on undisturbed.
    pub(crate) async fn adjust(&mut self, wanted: &[Bfd]) -> io::Result<()> {
        if self.thread.is_none() && !wanted.is_empty() {
            self.thread = Some(self.begin()?);
        }
        if let Some((assign, _)) = &self.thread {
            // A thread that has ended said why.
            assign.send(wanted.to_vec()).await.ok();
        }
        Ok(())
    }

    pub(crate) async fn news(&mut self) -> News {
        match self.news.recv().await {
            Some(news) => news,
            // Not while we hold a sender.
            None => std::future::pending().await,
        }
    }

    /// Tells the neighbours that this is no failure.
    pub(crate) fn finish(&mut self) {
        if let Some((assign, thread)) = self.thread.take() {
            drop(assign);
            // Its panic has been printed.
            thread.join().ok();
        }
    }

    fn begin(&self) -> io::Result<(mpsc::Sender<Vec<Bfd>>, JoinHandle<()>)> {
        let (assign, assigned) = mpsc::channel(1);
        let (orders, news, urgency) = (self.orders.clone(), self.telling.clone(), self.urgency);
        let work = move || {
            // Without it packets may be late on a busy host; the router's own thread has said so.
            urgency.take().ok();
            let ended = Builder::new_current_thread()
                .enable_all()
                .build_local(LocalOptions::default())
                .and_then(|runtime| runtime.block_on(watch(assigned, orders, news.clone())));
            if let Err(error) = ended {
                news.try_send(News::Trouble(format!("BFD ends: {error}"))).ok();
            }
        };
        let thread = std::thread::Builder::new().name("bfd".into()).spawn(work)?;
        Ok((assign, thread))
    }
}

/// All sessions and their sockets.
struct Watch {
    clock: Clock,
    seed: Seed,
    running: BTreeMap<Arc<str>, Running>,
    ears: Vec<(bool, Readable<HopSocket>)>,
    /// Those that could not begin, as their interface or their address is not there yet.
    waiting: Vec<Bfd>,
    again: Mono,
    orders: mpsc::Sender<Order>,
    news: mpsc::Sender<News>,
    /// The discriminator given last. The first is drawn, so that no stranger guesses it and nothing that was meant for this
    /// program before it started again fits (RFC 5880 section 6.8.1).
    last_name: u32,
}

struct Running {
    settings: Bfd,
    session: Session,
    mouth: HopSocket,
}

async fn watch(
    mut assigned: mpsc::Receiver<Vec<Bfd>>,
    orders: mpsc::Sender<Order>,
    news: mpsc::Sender<News>,
) -> io::Result<()> {
    let clock = Clock::start();
    let chance = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let mut seed = Seed::new(chance.as_nanos() as u64);
    let mut watch = Watch {
        clock,
        last_name: seed.next_u64() as u32,
        seed,
        running: BTreeMap::new(),
        ears: Vec::new(),
        waiting: Vec::new(),
        again: Mono::ZERO,
        orders,
        news,
    };
    loop {
        let again = (!watch.waiting.is_empty()).then_some(watch.again);
        let due = watch.running.values().filter_map(|r| r.session.poll_deadline());
        let wake = clock.instant(due.chain(again).min().unwrap_or(Mono::FAR));
        let ears = &watch.ears;
        let readable = std::future::poll_fn(|cx| {
            let ready = |(_, ear): &(bool, Readable<HopSocket>)| ear.poll_readable(cx).is_ready();
            let any = ears.iter().map(ready).fold(false, |any, ready| any | ready);
            if any { Poll::Ready(()) } else { Poll::Pending }
        });
        tokio::select! {
            biased;
            () = readable => {}
            wanted = assigned.recv() => match wanted {
                Some(wanted) => watch.assign(wanted).await,
                None => return watch.end().await,
            },
            () = tokio::time::sleep_until(wake.into()) => {}
        }
        // Packets that are here were in time.
        watch.drain();
        watch.expire();
        watch.begin_again().await;
        watch.carry_out().await;
    }
}

impl Watch {
    async fn assign(&mut self, wanted: Vec<Bfd>) {
        let mut before = std::mem::take(&mut self.running);
        self.waiting.clear();
        for settings in wanted {
            let same = before
                .remove(&settings.name)
                .filter(|known| is_same(&known.settings, &settings));
            match same {
                Some(mut known) => {
                    known.settings = settings;
                    self.tell(&known).await;
                    self.running.insert(known.settings.name.clone(), known);
                }
                None => self.begin(settings).await,
            }
        }
        self.say_goodbye(before.into_values());
    }

    async fn begin(&mut self, settings: Bfd) {
        let name = settings.name.clone();
        if let Err(error) = self.try_to_begin(settings).await {
            let text = format!("BFD_Instance({name}) cannot begin: {error}; it is tried again");
            self.news.send(News::Trouble(text)).await.ok();
        }
    }

    async fn try_to_begin(&mut self, settings: Bfd) -> io::Result<()> {
        match self.open(&settings) {
            Ok(running) => {
                self.tell(&running).await;
                self.running.insert(settings.name, running);
                Ok(())
            }
            Err(error) => {
                self.observed(&settings, false).await;
                self.again = self.clock.now() + AGAIN;
                self.waiting.push(settings);
                Err(error)
            }
        }
    }

    async fn begin_again(&mut self) {
        if self.clock.now() < self.again {
            return;
        }
        for settings in std::mem::take(&mut self.waiting) {
            // That it cannot has been said.
            self.try_to_begin(settings).await.ok();
        }
    }

    fn open(&mut self, settings: &Bfd) -> io::Result<Running> {
        let is_v4 = settings.neighbor.is_ipv4();
        let any: IpAddr = if is_v4 {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        if self.ears.iter().all(|(v4, _)| *v4 != is_v4) {
            let ear = HopSocket::receiver(SocketAddr::new(any, PORT))?;
            self.ears.push((is_v4, Readable::new(ear)?));
        }
        let from = settings.source.unwrap_or(any);
        let mouth = HopSocket::sender(from, scope(settings)?, SOURCE_PORTS, settings.ttl)?;
        self.last_name = self.last_name.wrapping_add(1).max(1);
        let timing = Settings {
            min_tx: settings.min_tx,
            min_rx: settings.min_rx,
            idle_tx: settings.idle_tx,
            multiplier: settings.multiplier,
            passive: settings.passive,
        };
        let seed = self.seed.fork(self.last_name.into());
        Ok(Running {
            settings: settings.clone(),
            session: Session::new(timing, self.last_name, seed, self.clock.now()),
            mouth,
        })
    }

    fn drain(&mut self) {
        let mut buffer = [0; 128];
        let now = self.clock.now();
        for (_, ear) in &self.ears {
            for _ in 0..AT_ONCE {
                match ear.inner().receive(&mut buffer) {
                    Ok(arrival) => {
                        let heard = Control::decode(&buffer[..arrival.length]);
                        let by_name = |r: &&mut Running, yours: u32| yours == 0 || r.session.is_named(yours);
                        // What is not for one of ours is a stranger's, and not worth a line each.
                        let Ok(control) = heard else { continue };
                        let mut all = self.running.values_mut();
                        let known = all.find(|r| is_from(&arrival, &r.settings) && by_name(r, control.yours));
                        if let Some(running) = known
                            && arrival.hop_limit >= HOP_LIMIT.saturating_sub(running.settings.max_hops)
                        {
                            running.session.handle(Input::Packet(control), now);
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(_) => {
                        ear.found_empty();
                        break;
                    }
                }
            }
        }
    }

    fn expire(&mut self) {
        let now = self.clock.now();
        for running in self.running.values_mut() {
            if running.session.poll_deadline().is_some_and(|at| at <= now) {
                running.session.on_deadline(now);
            }
        }
    }

    async fn carry_out(&mut self) {
        let mut changed = Vec::new();
        for running in self.running.values_mut() {
            let name = &running.settings.name;
            while let Some(output) = running.session.poll_output() {
                match output {
                    Output::Send(bytes) => {
                        running.send(&bytes);
                    }
                    Output::Up => changed.push((running.settings.clone(), News::Up { name: name.clone() })),
                    Output::Down(why) => {
                        let name = name.clone();
                        changed.push((running.settings.clone(), News::Down { name, why }));
                    }
                }
            }
        }
        for (settings, news) in changed {
            self.observed(&settings, matches!(news, News::Up { .. })).await;
            // Logs may be lost, decisions may not.
            self.news.try_send(news).ok();
        }
    }

    async fn tell(&self, running: &Running) {
        self.observed(&running.settings, running.session.is_up()).await;
    }

    async fn observed(&self, settings: &Bfd, holds: bool) {
        if let Some(tracker) = settings.tracker {
            let observation = Observation::Holds(holds);
            // Nobody to tell means that the router has ended.
            self.orders.send(Order::Observed { tracker, observation }).await.ok();
        }
    }

    fn say_goodbye(&self, all: impl Iterator<Item = Running>) {
        for mut running in all {
            running.session.handle(Input::AdminDown, self.clock.now());
            while let Some(output) = running.session.poll_output() {
                if let Output::Send(bytes) = output {
                    running.send(&bytes);
                }
            }
        }
    }

    async fn end(mut self) -> io::Result<()> {
        let all = std::mem::take(&mut self.running);
        self.say_goodbye(all.into_values());
        Ok(())
    }
}

impl Running {
    /// A neighbour that cannot be reached is what this is about.
    fn send(&self, bytes: &[u8]) {
        let to = scope(&self.settings).map(|scope| scoped(self.settings.neighbor, PORT, scope));
        to.and_then(|to| self.mouth.send(bytes, to)).ok();
    }
}

/// The present number of the interface, which may have been made anew.
fn scope(settings: &Bfd) -> io::Result<u32> {
    let index = settings.interface.as_deref().map(if_nametoindex);
    Ok(index.transpose()?.unwrap_or(0))
}

fn is_from(arrival: &HopArrival, settings: &Bfd) -> bool {
    let here = settings.interface.is_none() || scope(settings).is_ok_and(|scope| scope == arrival.scope);
    settings.neighbor == arrival.source && here
}

/// But for whom it is told to.
fn is_same(one: &Bfd, other: &Bfd) -> bool {
    let tracker = None;
    Bfd { tracker, ..one.clone() }
        == Bfd {
            tracker,
            ..other.clone()
        }
}

/// As Keepalived numbers and names them in its log.
pub(crate) const fn words(why: Diagnostic) -> &'static str {
    match why {
        Diagnostic::None => "no reason given",
        Diagnostic::Expired => "nothing was heard within the detection time",
        Diagnostic::NeighbourDown => "the neighbour says that it is down",
        Diagnostic::AdminDown => "it was ended",
        Diagnostic::Other(_) => "a reason of the neighbour's own",
    }
}
