//! The old process's side: passing everything to the successor that asks for it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;

use socket2::Socket;
use tandem_lb_config::BindAddress;
use tandem_lb_core::handover::{Adopted, Hello, Message, VERSION};
use tandem_lb_core::snapshot::Snapshot;
use tandem_ops::clock::Clock;
use tandem_ops::control::Place;
use tokio::net::UnixStream;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

use super::afterwards::{Afterwards, PIECE};
use super::expose::expose;
use super::exposure::Exposure;
use super::link::{Link, LinkError};
use super::parcel::{Parcel, Verdict};
use super::sockets::name_of;
use super::store::Store;
use crate::admission::Limit;
use crate::bound::Bound;
use crate::frontend::Gate;
use crate::frontends::{Frontends, Sites};
use crate::live::{Call, Connection, Live};
use crate::orders::Recess;
use crate::peers::Peers;
use crate::reload::Reloader;
use crate::socket::{Hall, Open};
use crate::state::{Counted, Scene};
use crate::tls::Desk;
use crate::worker::Phase;

/// So many connections are at rest at a time: each rests for about as long as these take.
const AT_A_TIME: usize = 64;

/// How long the successor may need from its first word until it can take over.
const STARTING: Duration = Duration::from_secs(60);

/// How long it may need for one answer. A connection rests no longer than this.
const ANSWERING: Duration = Duration::from_secs(5);

/// How long connections get to come to a quiet moment.
const GATHERING: Duration = Duration::from_secs(8);

/// How long the outcome of a connect is waited for; after that the successor connects anew.
const CONNECTING: Duration = Duration::from_secs(2);

/// How long those who were just accepted may be on the way to their worker.
const ARRIVING: Duration = Duration::from_millis(500);

/// How often to look who is there.
const LOOK: Duration = Duration::from_millis(20);

/// What a successor is given, and who has to know.
pub(crate) struct Giver {
    pub(crate) live: Arc<Live>,
    pub(crate) phase: watch::Sender<Phase>,
    pub(crate) process: Limit,
    pub(crate) clock: Clock,
    pub(crate) scene: Scene,
    pub(crate) frontends: Frontends,
    pub(crate) sites: Sites,
    pub(crate) hall: Hall,
    /// The master socket.
    pub(crate) master: Vec<Weak<Socket>>,
    /// Who has been given the listeners.
    pub(crate) exposure: Exposure,
    pub(crate) store: Rc<Store>,
    pub(crate) peers: Rc<Peers>,
    /// Where files of TLS are changed.
    pub(crate) desk: Rc<RefCell<Desk>>,
    /// Who is told of those who stayed.
    pub(crate) afterwards: RefCell<Option<Afterwards>>,
    /// Told when a successor has everything that it can have.
    pub(crate) succeeded: Notify,
}

impl Giver {
    /// Somebody else accepts from our listeners.
    pub(crate) fn is_shared(&self) -> bool {
        self.scene.orders.recess() == Some(Recess::Given) || self.exposure.is_shared()
    }

    /// Passes the listeners to whoever asks for them, who has a place among the clients meanwhile.
    pub(crate) async fn expose(self: Rc<Giver>, mut stream: UnixStream, _place: Place) {
        if self.exposure.is_full() {
            return tracing::warn!("too many others have the listeners already: nobody else gets them");
        }
        let mut listeners = self.listeners();
        listeners.extend(self.hall.borrow().iter().flat_map(Open::sockets));
        listeners.extend(self.master.iter().filter_map(Weak::upgrade));
        match timeout(ANSWERING, expose(&mut stream, &listeners)).await {
            Ok(Ok(())) => self.exposure.to(stream),
            Ok(Err(error)) => tracing::warn!(%error, "cannot pass the listeners on"),
            Err(_) => tracing::warn!("whoever asked for the listeners does not take them"),
        }
    }

    /// What clients and the page's readers connect to.
    pub(crate) fn listeners(&self) -> Vec<Arc<Socket>> {
        [self.frontends.sockets(), self.sites.sockets()].concat()
    }

    /// Tells a successor what those carry who stayed, until all is over, and then a last time.
    pub(crate) async fn tell_on(self: Rc<Giver>, is_over: Rc<Notify>) {
        let mut is_last = false;
        while let Some(rest) = self.tell_successor().await
            && !is_last
        {
            is_last = timeout(rest, is_over.notified()).await.is_ok();
        }
    }

    /// How long to rest then. `None` when there is no successor, or when it does not want to hear it.
    async fn tell_successor(&self) -> Option<Duration> {
        let afterwards = self.afterwards.take()?;
        match afterwards.tell(&self.scene).await {
            Ok((afterwards, rest)) => {
                self.afterwards.replace(Some(afterwards));
                Some(rest)
            }
            Err(error) => {
                tracing::info!(%error, "what is counted here from now on, no successor is told");
                None
            }
        }
    }

    /// Everything that listens under a number that this process was started with.
    fn adopted(&self) -> Vec<Adopted> {
        let numbered = |bound: &Rc<Bound>| match bound.plan.address {
            BindAddress::Fd(descriptor) => {
                let at = bound.sockets().find_map(|socket| name_of(&socket))?;
                Some(Adopted { descriptor, at })
            }
            _ => None,
        };
        let fronts = self.frontends.fronts().into_iter().flat_map(|front| front.bound);
        let stands = self.sites.stands().into_iter().flat_map(|stand| stand.bound);
        let mut adopted: Vec<Adopted> = fronts.chain(stands).filter_map(|bound| numbered(&bound)).collect();
        adopted.extend(self.hall.borrow().iter().flat_map(Open::adopted));
        adopted
    }

    /// Frontends that were shut down.
    fn closed(&self) -> Vec<String> {
        let all = self.frontends.all();
        let closed = all.iter().filter(|frontend| *frontend.gate.borrow() == Gate::Closed);
        closed.map(|frontend| frontend.plan.name.to_string()).collect()
    }

    /// Nobody else takes those who wait there.
    fn finish(&self, unwanted: &[String]) {
        let is_unwanted = |bound: &Rc<Bound>| {
            let names: Vec<String> = bound.sockets().filter_map(|socket| name_of(&socket)).collect();
            names.iter().any(|name| unwanted.contains(name))
        };
        let all = self.frontends.fronts().into_iter().flat_map(|front| front.bound);
        all.filter(is_unwanted).for_each(|bound| bound.finish());
    }

    /// Who was accepted and is on the way to a worker holds a place and is not among the live ones yet; nor is who has
    /// not said its PROXY header.
    fn is_arriving(&self) -> bool {
        self.process.used() > self.live.count()
    }

    /// Who was taken called nobody to the place that he left. It is free when this is over, whether he lives elsewhere or
    /// has died with the successor.
    fn call_waiting(&self) {
        let keepers = self.scene.orders.backends();
        keepers
            .iter()
            .for_each(|keeper| keeper.backend().queue.servers_changed());
    }

    /// Whether orders are taken.
    fn recess(&self, recess: Option<Recess>) {
        self.scene.orders.set_recess(recess);
    }
}

/// Leads the conversation with a successor to its end, or undoes everything when it fails.
pub(crate) async fn give(giver: Rc<Giver>, reloader: Rc<Reloader>, stream: UnixStream, place: Place) {
    let mut giving = Giving {
        link: Link::new(stream),
        resting: Resting::default(),
        unwanted: Vec::new(),
        giver,
        reloader,
        has_turn: false,
    };
    match giving.lead(place).await {
        Ok(counted) => {
            let (giver, taken, link) = (giving.giver, giving.resting.taken, giving.link);
            tracing::info!("{taken} connections were handed over, {} stay", giver.live.count());
            giver.live.open_gate(None);
            giver.recess(Some(Recess::Given));
            giver.finish(&giving.unwanted);
            giver.call_waiting();
            giver.afterwards.replace(Some(Afterwards::new(link, counted)));
            giver.succeeded.notify_one();
        }
        Err(error) if !giving.has_turn => {
            tracing::info!(%error, "a successor came and went before it could take over");
        }
        Err(error) => {
            tracing::warn!(%error, "the successor did not take over: this process goes on");
            giving.undo();
        }
    }
}

struct Giving {
    giver: Rc<Giver>,
    /// Who knows what is configured.
    reloader: Rc<Reloader>,
    link: Link,
    resting: Resting,
    /// Listeners that the successor does not serve.
    unwanted: Vec<String>,
    /// This successor, and no other, is being given everything, from its "begin" on.
    has_turn: bool,
}

/// Connections at rest, until the successor has said what becomes of them.
#[derive(Default)]
struct Resting {
    waiting: BTreeMap<u64, oneshot::Sender<Verdict>>,
    taken: usize,
}

/// Who is to go.
#[derive(Default)]
struct Calls {
    /// Not called yet.
    ahead: Vec<(u64, Arc<Connection>)>,
    /// Called lately, and neither at the gate nor known to be busy.
    called: BTreeSet<u64>,
}

impl Giving {
    /// A successor that only waits gives its place to whoever has something to say.
    async fn lead(&mut self, place: Place) -> Result<Counted, LinkError> {
        let giver = self.giver.clone();
        let hello = Hello {
            version: VERSION,
            pid: std::process::id().into(),
            clock_began: giver.clock.beginning(),
            adopted: giver.adopted(),
            closed: giver.closed(),
        };
        self.say(&Message::Hello(hello)).await?;
        let begun = place.await_client(self.heard(STARTING)).await;
        match begun.ok_or(LinkError::Crowded)?? {
            Message::Begin { unwanted } => self.unwanted = unwanted,
            _ => return Err(LinkError::OutOfTurn),
        }
        drop(place);
        // Two would take the connections and the gate from each other.
        if giver.scene.orders.recess().is_some() {
            return Err(LinkError::Busy);
        }
        giver.recess(Some(Recess::Giving));
        tracing::info!("a successor is ready: connections are handed over");
        // It accepts from the same queues from now on.
        self.has_turn = true;
        Phase::step_between(&giver.phase);
        giver.peers.rest(true);
        let mut state = giver
            .scene
            .bequest(&self.reloader.patterns(), &giver.peers, &giver.desk)
            .await;
        state.unmade = self.reloader.unmade();
        self.state(&state).await?;
        let (last, kept) = (giver.live.last(), giver.store.names());
        self.say(&Message::Ready { last, kept }).await?;
        self.connections().await?;
        let (counted, told) = giver.scene.counted(state.tables).await;
        for piece in counted.to_bytes().chunks(PIECE) {
            self.say(&Message::Counters(piece.to_vec())).await?;
        }
        self.say(&Message::Ended).await?;
        match self.heard(ANSWERING).await? {
            Message::Done => Ok(told),
            _ => Err(LinkError::OutOfTurn),
        }
    }

    async fn state(&self, snapshot: &Snapshot) -> Result<(), LinkError> {
        for piece in snapshot.to_bytes().chunks(PIECE) {
            self.say(&Message::State(piece.to_vec())).await?;
        }
        Ok(())
    }

    async fn say(&self, message: &Message) -> Result<(), LinkError> {
        let said = timeout(ANSWERING, self.link.send(message, &[])).await;
        said.map_err(|_| LinkError::TooLong)?
    }

    async fn heard(&mut self, within: Duration) -> Result<Message, LinkError> {
        let heard = timeout(within, self.link.receive()).await;
        heard.map_err(|_| LinkError::TooLong)?.map(|(message, _)| message)
    }

    /// Calls one connection after the other to the gate, until all have left that can.
    async fn connections(&mut self) -> Result<(), LinkError> {
        let (gate, mut parcels) = mpsc::unbounded_channel();
        self.giver.live.open_gate(Some(gate));
        let (began, mut answered) = (Instant::now(), Instant::now());
        let mut calls = Calls::default();
        loop {
            let is_waiting = !self.resting.waiting.is_empty();
            let room = AT_A_TIME.saturating_sub(self.resting.waiting.len());
            let how = if began.elapsed() < CONNECTING {
                Call::WhenAtRest
            } else {
                Call::WhileConnecting
            };
            let more = calls.call(&self.giver, room, how) || began.elapsed() < ARRIVING && self.giver.is_arriving();
            if !is_waiting && (!more || began.elapsed() > GATHERING) {
                return Ok(());
            }
            if is_waiting && answered.elapsed() > ANSWERING {
                return Err(LinkError::TooLong);
            }
            tokio::select! {
                Some(parcel) = parcels.recv() => {
                    calls.called.remove(&parcel.number);
                    if !is_waiting {
                        answered = Instant::now();
                    }
                    self.pass(parcel).await?;
                }
                heard = self.link.receive() => {
                    answered = Instant::now();
                    self.resting.settle(heard?.0)?;
                }
                // Whoever has not come by now is busy, and is called again with the next round.
                () = tokio::time::sleep(LOOK) => calls.called.clear(),
            }
        }
    }

    async fn pass(&mut self, parcel: Parcel) -> Result<(), LinkError> {
        let Parcel {
            number,
            record,
            sockets,
            verdict,
        } = parcel;
        self.resting.waiting.insert(number, verdict);
        let mut descriptors = vec![sockets.client.as_fd()];
        descriptors.extend(sockets.server.as_ref().map(AsFd::as_fd));
        let message = Message::Connection {
            number,
            record: Box::new(record),
        };
        let sent = timeout(ANSWERING, self.link.send(&message, &descriptors)).await;
        sent.map_err(|_| LinkError::TooLong)?
    }

    /// What the successor could still say counts; everybody else goes on here.
    fn undo(self) {
        let Giving {
            giver,
            link,
            mut resting,
            has_turn,
            reloader: _,
            unwanted: _,
        } = self;
        // Until its turn nothing was done for it, and what is done now is done for another.
        if !has_turn {
            return;
        }
        giver.live.open_gate(None);
        for message in link.close() {
            resting.settle(message).ok();
        }
        drop(resting);
        giver.live.forget_calls();
        giver.call_waiting();
        giver.peers.rest(false);
        Phase::step_back(&giver.phase);
        giver.recess(None);
    }
}

impl Resting {
    fn settle(&mut self, message: Message) -> Result<(), LinkError> {
        let (number, verdict) = match message {
            Message::Taken { number } => (number, Verdict::Taken),
            Message::Refused { number, why } => {
                tracing::warn!("connection {number} stays in this process: {why}");
                (number, Verdict::Kept)
            }
            _ => return Err(LinkError::OutOfTurn),
        };
        let waiting = self.waiting.remove(&number).ok_or(LinkError::OutOfTurn)?;
        self.taken += usize::from(verdict == Verdict::Taken);
        // Nobody hears it when the worker has ended, and then there is nothing to go on with.
        waiting.send(verdict).ok();
        Ok(())
    }
}

impl Calls {
    /// Calls as many as there is room for; whether anybody is left who may still go.
    fn call(&mut self, giver: &Giver, room: usize, how: Call) -> bool {
        if self.ahead.is_empty() && self.called.is_empty() {
            // The oldest goes first, so that who waits for a place does not lose it to a later one; and who waits goes when
            // all have gone who have places, or he would find theirs free. That is not worth waiting for one who may be
            // busy for long: then they go as well, behind the others.
            let all = giver
                .live
                .all()
                .into_iter()
                .rev()
                .filter(|(_, connection)| !connection.is_staying());
            let (placed, mut waiting): (Vec<_>, Vec<_>) =
                all.partition(|(_, connection)| connection.server().is_some());
            self.ahead = if placed.is_empty() || how == Call::WhileConnecting {
                waiting.extend(placed);
                waiting
            } else {
                placed
            };
        }
        while self.called.len() < room
            && let Some((number, connection)) = self.ahead.pop()
        {
            if connection.call(how) {
                self.called.insert(number);
            }
        }
        !self.ahead.is_empty() || !self.called.is_empty()
    }
}
