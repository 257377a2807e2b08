//! Taking connections from one listener on one worker, and giving each to the worker that will keep it.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockAddr, Socket};
use tandem_lb_config::Bind;
use tandem_sys::listen::Acceptor;
use tokio::sync::watch;

use crate::admission::{Admission, Permit, Turn};
use crate::bound::{Stay, Staying};
use crate::door::Door;
use crate::frontend::{Gate, Seat};
use crate::rules::Arrival;
use crate::session::Peer;
use crate::worker::{Accepted, Begins, Greeting, Phase, Worker};

/// So many in one go, then the connections that are here already get their turn (HAProxy's `tune.maxaccept`).
const BATCH: usize = 4;

/// Accepting fails when files or memory have run out: trying again at once would only burn the processor.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Clients who were answered before a listener closes have so long to finish their greeting.
const HANDSHAKE: Duration = Duration::from_millis(250);

/// A socket to take connections from.
#[derive(Clone)]
pub(crate) struct Listener {
    /// Among those of its frontend, counted from 1.
    pub(crate) number: u32,
    /// The line of the configuration that it was opened for.
    pub(crate) bind: Arc<Bind>,
    pub(crate) socket: Arc<Socket>,
    pub(crate) frontend: Seat,
    pub(crate) admission: Admission,
    pub(crate) spread: Spread,
    pub(crate) staying: Staying,
}

/// Who keeps what is accepted here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spread {
    /// The less loaded of two workers.
    LessLoaded,
    /// The worker that accepted it: the kernel has already spread them over the workers' own sockets.
    Here,
}

/// What a listener is to do.
enum Order {
    Accept,
    Pause,
    /// Take those who are here already, then close.
    Finish,
    Close,
}

/// Accepts until it is to close. Dropping the listener then closes the socket, when the other workers have done the same.
pub(crate) async fn run(worker: Rc<Worker>, listener: Listener, mut phase: watch::Receiver<Phase>) {
    let acceptor = match Acceptor::new(listener.socket.clone()) {
        Ok(acceptor) => acceptor,
        Err(error) => {
            tracing::error!(frontend = %listener.frontend.load().plan.name, %error, "cannot listen on this worker");
            return;
        }
    };
    let mut trouble = Trouble::default();
    let mut gate = listener.frontend.load().gate.subscribe();
    let mut staying = listener.staying.clone();
    let mut door = Door::new(listener.bind.clone(), listener.number);
    loop {
        let frontend = listener.frontend.load_full();
        door.look(&frontend.plan, &frontend.directory.tls);
        drop(frontend);
        let now = order(*phase.borrow_and_update(), *gate.borrow_and_update(), staying.now());
        match now {
            Order::Accept => {
                tokio::select! {
                    biased;
                    _ = phase.changed() => {}
                    _ = gate.changed() => {}
                    () = staying.changed() => {}
                    done = batch(&worker, &listener, &mut door, &acceptor) => trouble.after(&listener, done).await,
                }
            }
            Order::Pause => {
                tokio::select! {
                    changed = phase.changed() => if changed.is_err() { return },
                    _ = gate.changed() => {}
                    () = staying.changed() => {}
                }
            }
            Order::Finish => return finish(&worker, &listener, &mut door, &acceptor, staying).await,
            Order::Close => return,
        }
    }
}

fn order(phase: Phase, gate: Gate, stay: Stay) -> Order {
    match (phase, gate, stay) {
        (Phase::Ending | Phase::Stopped, _, _) | (_, _, Stay::Yield) => Order::Close,
        // Whoever has our listeners has not this one.
        (Phase::Left, _, Stay::Finish) => Order::Finish,
        (Phase::Left, _, _) => Order::Close,
        (Phase::Draining, _, _) | (_, Gate::Closed, _) | (_, _, Stay::Finish) => Order::Finish,
        (Phase::Paused | Phase::Between, _, _) | (_, Gate::Paused, _) => Order::Pause,
        (Phase::Running, Gate::Open, Stay::Open) => Order::Accept,
    }
}

/// Takes those whom the kernel has let in already, and lets in nobody else: closing the socket would reset them.
async fn finish(worker: &Rc<Worker>, listener: &Listener, door: &mut Door, acceptor: &Acceptor, mut staying: Staying) {
    if let Err(error) = acceptor.refuse_new() {
        tracing::debug!(%error, "clients that come at this very moment may be let in and then left");
    }
    // Whoever takes the place over lets clients in again; had that come just before, it would be undone here.
    if staying.now() == Stay::Yield {
        return acceptor.let_in_again();
    }
    while let Ok(Ok(())) = tokio::time::timeout(HANDSHAKE, acceptor.ready()).await {
        if staying.now() == Stay::Yield || batch(worker, listener, door, acceptor).await.is_err() {
            return;
        }
    }
}

/// Waits for connections and takes some. A place and its time come first: a full or hurried
/// frontend leaves its clients in the backlog.
async fn batch(worker: &Rc<Worker>, listener: &Listener, door: &mut Door, acceptor: &Acceptor) -> io::Result<()> {
    acceptor.ready().await?;
    let mut permit = listener.admission.admit(worker.clock, door.speaks_tls()).await;
    for _ in 0..BATCH {
        let Some((place, turn)) = permit.take() else { break };
        let Some((socket, peer)) = acceptor.accept()? else {
            return Ok(());
        };
        hand_over(worker, listener, door, (socket, &peer), place, turn);
        permit = listener.admission.try_admit_at(worker.clock.now(), door.speaks_tls());
    }
    tokio::task::yield_now().await;
    Ok(())
}

fn hand_over(
    worker: &Rc<Worker>,
    listener: &Listener,
    door: &mut Door,
    (socket, peer): (Socket, &SockAddr),
    permit: Permit,
    mut turn: Turn<'_>,
) {
    turn.came();
    let (frontend, at) = (listener.frontend.load_full(), worker.clock.now());
    door.look(&frontend.plan, &frontend.directory.tls);
    let tls = match door.tls() {
        Ok(tls) => tls,
        Err(error) => return tracing::warn!(frontend = %frontend.plan.name, %error, "a client is turned away"),
    };
    let peer = Peer::of(peer, door.number);
    let arrival = Arrival {
        worker,
        frontend: &frontend,
        wire: None,
        socket: &socket,
        peer,
        listener: door.number,
    };
    let Ok(mut subject) = arrival.connection() else { return };
    let tls = match tls.map(|rules| (rules, frontend.directory.tls.tally.enter())) {
        None => None,
        Some((rules, Some(spoken))) => Some((rules, spoken)),
        Some((_, None)) => {
            return tracing::debug!(frontend = %frontend.plan.name, "a client is turned away: too many speak TLS");
        }
    };
    let has_header = door.has_header || subject.as_deref().is_some_and(|subject| subject.expects_header);
    let begins = if has_header || tls.is_some() {
        if tls.is_some() {
            turn.begins_tls();
        }
        Begins::After(Greeting {
            has_header,
            tls,
            admission: listener.admission.clone(),
        })
    } else {
        if arrival.session(&mut subject).is_err() {
            return;
        }
        listener.admission.began(at);
        Begins::Now
    };
    let seat = match listener.spread {
        Spread::LessLoaded => worker.crew.less_loaded(&mut worker.lots.borrow_mut()),
        Spread::Here => worker.crew.seat(worker.number),
    };
    Accepted {
        socket,
        peer,
        frontend,
        listener: door.number,
        subject,
        begins,
        permit,
        seat,
        at,
    }
    .deliver();
}

/// Whether accepting works; it is said when that changes, and not with every attempt.
#[derive(Default)]
struct Trouble {
    said: bool,
}

impl Trouble {
    async fn after(&mut self, listener: &Listener, done: io::Result<()>) {
        let frontend = || listener.frontend.load().plan.name.clone();
        match done {
            Ok(()) if std::mem::take(&mut self.said) => tracing::info!(frontend = %frontend(), "accepting again"),
            Ok(()) => {}
            Err(error) => {
                if !std::mem::replace(&mut self.said, true) {
                    tracing::warn!(frontend = %frontend(), %error, "cannot accept for the moment");
                }
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }
}
