//! One section: its machine, and the tasks that carry out what it says.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use socket2::Socket;
use tandem_lb_config::BindAddress;
use tandem_lb_core::peers::{ConnId, Event, Input, Output, Section, Update};
use tandem_lb_core::stick::{Learned, Since};
use tandem_ops::clock::{Clock, Wall};
use tandem_ops::syslog::{Severity, Targets};
use tandem_sys::listen::Acceptor;
use tandem_time::Seed;
use tandem_tls::Listener;
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::task::AbortHandle;

use super::SectionView;
use super::ground::{Ground, Listening};
use super::line::{Caller, converse};
use crate::directory::Directory;
use crate::keeper::Lines;
use crate::reach::Secure;
use crate::tables::Table;
use crate::wire::Wire;
use crate::worker::Phase;

/// So many are in their handshakes at once; whoever comes then has to come again.
const MOST_GREETED: usize = 64;

/// What the tasks of a section share.
pub(super) struct Heart {
    machine: RefCell<Section>,
    ground: RefCell<Standing>,
    directory: Arc<Directory>,
    clock: Clock,
    lines: Lines,
    /// What is said to each connection; one that is not there is over.
    conns: RefCell<BTreeMap<ConnId, mpsc::UnboundedSender<Vec<u8>>>>,
    next: Cell<u64>,
    reads: RefCell<VecDeque<Read>>,
    /// There is something to read.
    pump: Notify,
    /// The next deadline may have changed.
    told: Notify,
    tasks: RefCell<Vec<AbortHandle>>,
    /// What became of handing the tables to the process behind this one; nothing while it is not to be done.
    handing: watch::Sender<Handing>,
    /// The section is gone; what is underway comes too late.
    is_over: Cell<bool>,
}

struct Standing {
    plan: tandem_lb_config::Peers,
    tables: Vec<Arc<str>>,
    logs: Targets,
    listening: Vec<(Listening, AbortHandle)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Handing {
    NotYet,
    Underway,
    Over,
}

/// What the machine wants to know.
struct Read {
    conn: ConnId,
    table: usize,
    since: Since,
    most: usize,
}

impl Heart {
    pub(super) fn begin(
        ground: Ground,
        (directory, clock, lines): (Arc<Directory>, Clock, Lines),
        phase: watch::Receiver<Phase>,
        seed: Seed,
    ) -> Rc<Heart> {
        let heart = Rc::new(Heart {
            machine: RefCell::new(Section::new(ground.settings.clone(), seed, clock.now())),
            ground: RefCell::new(Standing {
                plan: ground.plan.clone(),
                tables: ground.tables.clone(),
                logs: Targets::default(),
                listening: Vec::new(),
            }),
            directory,
            clock,
            lines,
            conns: RefCell::default(),
            next: Cell::new(0),
            reads: RefCell::default(),
            pump: Notify::new(),
            told: Notify::new(),
            tasks: RefCell::default(),
            handing: watch::Sender::new(Handing::NotYet),
            is_over: Cell::new(false),
        });
        heart.stand(ground);
        let tasks = [
            tokio::task::spawn_local(heart.clone().keep_time()).abort_handle(),
            tokio::task::spawn_local(heart.clone().read()).abort_handle(),
            tokio::task::spawn_local(heart.clone().watch(phase)).abort_handle(),
        ];
        heart.tasks.borrow_mut().extend(tasks);
        heart
    }

    pub(super) fn follow(self: &Rc<Heart>, ground: Ground) {
        let settings = ground.settings.clone();
        self.stand(ground);
        if *self.machine.borrow().settings() != settings {
            self.machine.borrow_mut().configure(settings, self.clock.now());
            self.carry_out();
            self.told.notify_one();
        }
    }

    /// Listens where it is to, and nowhere else.
    fn stand(self: &Rc<Heart>, ground: Ground) {
        let Ground {
            plan,
            settings: _,
            tables,
            listening,
            logs,
        } = ground;
        let mut standing = self.ground.borrow_mut();
        let mut before = std::mem::take(&mut standing.listening);
        for listening in listening {
            let known = before
                .iter()
                .position(|((_, known), _)| Arc::ptr_eq(known, &listening.1));
            let task = match known {
                Some(known) => before.remove(known).1,
                None => tokio::task::spawn_local(self.clone().accept(listening.clone())).abort_handle(),
            };
            standing.listening.push((listening, task));
        }
        before.iter().for_each(|(_, task)| task.abort());
        (standing.plan, standing.tables, standing.logs) = (plan, tables, logs);
    }

    /// The section is gone.
    pub(super) fn end(&self) {
        self.is_over.set(true);
        self.handing.send_replace(Handing::Over);
        self.close();
        self.tasks.take().iter().for_each(AbortHandle::abort);
        self.conns.take();
    }

    pub(super) fn inherit(self: &Rc<Heart>) {
        self.tell(Input::Inherited);
    }

    pub(super) fn name(&self) -> Arc<str> {
        self.ground.borrow().plan.name.clone()
    }

    pub(super) fn listening(&self) -> Vec<Listening> {
        let ground = self.ground.borrow();
        ground
            .listening
            .iter()
            .map(|(listening, _)| listening.clone())
            .collect()
    }

    pub(super) fn counts(&self) -> (usize, usize) {
        self.machine.borrow().counts()
    }

    pub(super) fn view(&self) -> SectionView {
        let machine = self.machine.borrow();
        let last = |table: usize| self.table(table).map_or((0, 0), |table| table.lock().last_change());
        let names = self.ground.borrow().tables.clone();
        SectionView {
            name: self.name(),
            is_taught: machine.is_taught(),
            resync_until: machine.resync_until(),
            strangers: machine.strangers(),
            peers: machine.view(),
            tables: names
                .into_iter()
                .enumerate()
                .map(|(place, name)| (name, last(place)))
                .collect(),
        }
    }

    /// To be called when somebody has changed a table.
    pub(super) fn tell_news(self: &Rc<Heart>) {
        let tables = self.ground.borrow().tables.len();
        for table in 0..tables {
            let Some(known) = self.table(table) else { continue };
            let (last_own, _) = known.lock().last_change();
            self.tell(Input::Changed { table, last_own });
        }
    }

    pub(super) fn tell(self: &Rc<Heart>, input: Input<'_>) {
        if self.is_over.get() {
            return;
        }
        self.machine.borrow_mut().handle(input, self.clock.now());
        self.carry_out();
        self.told.notify_one();
    }

    /// To be waited for where this process ends: otherwise there is nothing to be handed over.
    pub(super) async fn handed_over(&self) {
        let mut handing = self.handing.subscribe();
        // An error means that nobody will say any more.
        handing.wait_for(|handing| *handing == Handing::Over).await.ok();
    }

    fn table(&self, place: usize) -> Option<Arc<Table>> {
        let ground = self.ground.borrow();
        self.directory.tables.named(ground.tables.get(place)?)
    }

    fn carry_out(self: &Rc<Heart>) {
        loop {
            let output = self.machine.borrow_mut().poll_output();
            match output {
                None => return,
                Some(Output::Connect { peer }) => {
                    tokio::task::spawn_local(self.clone().connect(peer));
                }
                Some(Output::Send { conn, bytes }) => {
                    if let Some(words) = self.conns.borrow().get(&conn) {
                        // Whoever does not hear any more says so himself.
                        words.send(bytes).ok();
                    }
                }
                Some(Output::Close(conn)) => {
                    self.conns.borrow_mut().remove(&conn);
                }
                Some(Output::Learn { table, update, unless }) => self.learn(table, &update, unless),
                Some(Output::Read {
                    conn,
                    table,
                    since,
                    most,
                }) => {
                    let read = Read {
                        conn,
                        table,
                        since,
                        most,
                    };
                    self.reads.borrow_mut().push_back(read);
                    self.pump.notify_one();
                }
                Some(Output::Event(event)) => self.happened(&event),
            }
        }
    }

    fn learn(&self, table: usize, update: &Update, unless: Option<u64>) {
        let learned = Learned {
            key: &update.key,
            left: update.left,
            values: &update.values,
        };
        let Some(table) = self.table(table) else { return };
        let now = self.clock.now();
        let mut known = table.lock();
        // That a full table has no room for it is no fault of the peer's.
        known.learn(&learned, unless, now);
        let other = known.settings().write_to.clone();
        drop(known);
        if let Some(other) = other.and_then(|name| self.directory.tables.named(&name)) {
            other.lock().adopt(&learned, now);
        }
    }

    /// Reads tables for the peers, a few entries at a time.
    async fn read(self: Rc<Heart>) {
        loop {
            let next = self.reads.borrow_mut().pop_front();
            let Some(Read {
                conn,
                table,
                since,
                most,
            }) = next
            else {
                self.pump.notified().await;
                continue;
            };
            let (changes, (_, last)) = self.table(table).map_or_else(Default::default, |table| {
                let mut table = table.lock();
                (table.changes(since, most, self.clock.now()), table.last_change())
            });
            self.tell(Input::Entries {
                conn,
                table,
                changes,
                last,
            });
            tokio::task::yield_now().await;
        }
    }

    fn line(self: &Rc<Heart>, wire: Wire, input: impl FnOnce(ConnId) -> Input<'static>) {
        if self.is_over.get() {
            return;
        }
        let conn = ConnId(self.next.get());
        self.next.set(conn.0 + 1);
        let (say, words) = mpsc::unbounded_channel();
        self.conns.borrow_mut().insert(conn, say);
        self.tell(input(conn));
        let heart = self.clone();
        tokio::task::spawn_local(async move {
            converse(heart.clone(), conn, wire, words).await;
            heart.conns.borrow_mut().remove(&conn);
        });
    }

    async fn connect(self: Rc<Heart>, peer: usize) {
        let wanted = self.machine.borrow().settings().peers.get(peer).cloned();
        let found = wanted.as_ref().and_then(|wanted| {
            let ground = self.ground.borrow();
            let peer = ground.plan.local(&wanted.name)?;
            let secure = match &peer.tls {
                None => None,
                Some(tls) => {
                    let origin = self.directory.tls.origin(&ground.plan.key(), &peer.name, tls)?;
                    Some(Secure::new(origin, tls))
                }
            };
            Some((peer.place.clone()?, secure))
        });
        let Some((place, secure)) = found else {
            return self.unreachable(peer);
        };
        let connected = self.caller().connect(&place, secure).await;
        // The peers may have changed meanwhile.
        let is_it = |peer: &tandem_lb_core::peers::Peer| Some(peer) == wanted.as_ref();
        let peer = self.machine.borrow().settings().peers.iter().position(is_it);
        match (connected, peer) {
            (_, None) => {}
            (Ok(stream), Some(peer)) => self.line(stream, |conn| Input::Connected { peer, conn }),
            (Err(error), Some(peer)) => {
                tracing::debug!(peers = %self.name(), %error, "a peer cannot be reached");
                self.unreachable(peer);
            }
        }
    }

    fn caller(&self) -> Caller<'_> {
        Caller {
            vault: &self.directory.tls,
            clock: self.clock,
        }
    }

    /// What TLS goes by where somebody listens: nothing where it is not spoken; an error where it cannot be.
    fn rules(&self, address: &BindAddress) -> Result<Option<Arc<Listener>>, std::io::Error> {
        let ground = self.ground.borrow();
        let lines = ground.plan.listens_at(&self.machine.borrow().settings().local);
        let mut numbered = lines.iter().zip(1..);
        let Some((bind, number)) = numbered.find(|(bind, _)| bind.address == *address) else {
            return Err(std::io::Error::other("this address is listened at no more"));
        };
        let Some(tls) = &bind.tls else { return Ok(None) };
        let made = self.directory.tls.listener(&ground.plan.key(), number, tls);
        let missing = || std::io::Error::other("there is no certificate for this listener any more");
        made.map(Some).ok_or_else(missing)
    }

    fn unreachable(self: &Rc<Heart>, peer: usize) {
        self.tell(Input::Unreachable { peer });
        let is_local = {
            let machine = self.machine.borrow();
            machine.settings().peers.get(peer).is_some_and(|peer| peer.is_local)
        };
        self.handing.send_if_modified(|handing| {
            let is_vain = is_local && *handing == Handing::Underway;
            if is_vain {
                *handing = Handing::Over;
            }
            is_vain
        });
    }

    async fn accept(self: Rc<Heart>, (address, socket): Listening) {
        let acceptor = match Acceptor::new(socket) {
            Ok(acceptor) => acceptor,
            Err(error) => return tracing::error!(peers = %self.name(), %error, "cannot listen"),
        };
        // Strangers who say nothing after they came are let go before they are many.
        let places = Rc::new(Semaphore::new(MOST_GREETED));
        loop {
            let taken = match acceptor.ready().await {
                Ok(()) => acceptor.accept(),
                Err(error) => Err(error),
            };
            match taken {
                Ok(Some((socket, _))) => self.welcome(&address, socket, &places),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(peers = %self.name(), %error, "cannot accept for the moment");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// Makes the acquaintance of one who came, while others may come.
    fn welcome(self: &Rc<Heart>, address: &BindAddress, socket: Socket, places: &Rc<Semaphore>) {
        let rules = match self.rules(address) {
            Ok(rules) => rules,
            Err(error) => return tracing::warn!(peers = %self.name(), %error, "a peer is turned away"),
        };
        let (heart, places) = (self.clone(), places.clone());
        tokio::task::spawn_local(async move {
            let Ok(_place) = places.try_acquire() else { return };
            match heart.caller().accepted(socket, rules).await {
                Ok(wire) => heart.line(wire, Input::Accepted),
                Err(error) => {
                    tracing::debug!(peers = %heart.name(), %error, "a peer does not get through the handshake")
                }
            }
        });
    }

    async fn keep_time(self: Rc<Heart>) {
        loop {
            let due = self.machine.borrow().poll_deadline();
            let Some(due) = due else {
                self.told.notified().await;
                continue;
            };
            tokio::select! {
                () = self.told.notified() => {}
                () = tokio::time::sleep_until(self.clock.instant(due).into()) => {
                    self.machine.borrow_mut().on_deadline(self.clock.now());
                    self.carry_out();
                }
            }
        }
    }

    /// A process that ends lets go of its peers. One that has no successor of its kind offers its tables to whoever listens
    /// at the local address now.
    async fn watch(self: Rc<Heart>, mut phase: watch::Receiver<Phase>) {
        let Ok(phase) = phase.wait_for(|phase| phase.is_last()).await.map(|phase| *phase) else {
            return;
        };
        self.close();
        if phase != Phase::Draining {
            return self.end();
        }
        self.handing.send_replace(Handing::Underway);
        self.tell(Input::Leaving);
    }

    /// Nobody is let in any more.
    fn close(&self) {
        let listening = std::mem::take(&mut self.ground.borrow_mut().listening);
        listening.iter().for_each(|(_, task)| task.abort());
    }

    fn happened(&self, event: &Event) {
        let name = |peer: usize| {
            let machine = self.machine.borrow();
            machine
                .settings()
                .peers
                .get(peer)
                .map(|peer| peer.name.to_string())
                .unwrap_or_default()
        };
        let section = self.name();
        let (severity, text) = match event {
            Event::Up { peer } => (
                Severity::Notice,
                format!("Peer {section}/{} is connected.", name(*peer)),
            ),
            Event::Down { peer, why } => (
                Severity::Warning,
                format!("Peer {section}/{} is not connected: {why}.", name(*peer)),
            ),
            Event::Stranger { why } => (Severity::Warning, format!("Somebody is no peer of {section}: {why}.")),
            Event::Learned { from: Some(peer) } => (
                Severity::Notice,
                format!("Peers {section}: {} has told all that it knows.", name(*peer)),
            ),
            Event::Learned { from: None } => (
                Severity::Notice,
                format!("Peers {section}: nobody knows more than this process."),
            ),
            Event::Taught => {
                self.handing.send_replace(Handing::Over);
                (
                    Severity::Notice,
                    format!("Peers {section}: the next process has all tables."),
                )
            }
        };
        tracing::info!("{text}");
        let ground = self.ground.borrow();
        self.lines
            .borrow_mut()
            .send(&ground.logs, severity, text.as_str(), Wall::now());
    }
}
