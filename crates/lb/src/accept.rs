//! Taking connections from one listener on one worker, and giving each to the worker that will keep it.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockAddr, Socket};
use tandem_sys::listen::Acceptor;
use tokio::sync::watch;

use crate::admission::{Admission, Permit};
use crate::frontend::{Frontend, Gate};
use crate::session::Peer;
use crate::worker::{Accepted, Phase, Worker};

/// So many in one go, then the connections that are here already get their turn (HAProxy's `tune.maxaccept`).
const BATCH: usize = 4;

/// Accepting fails when files or memory have run out: trying again at once would only burn the processor.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);

/// A socket to take connections from.
#[derive(Clone)]
pub(crate) struct Listener {
    /// Among those of its frontend, counted from 1.
    pub(crate) number: u32,
    pub(crate) socket: Arc<Socket>,
    pub(crate) frontend: Arc<Frontend>,
    pub(crate) admission: Admission,
    pub(crate) spread: Spread,
}

/// Who keeps what is accepted here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spread {
    /// The less loaded of two workers.
    LessLoaded,
    /// The worker that accepted it: the kernel has already spread them over the workers' own sockets.
    Here,
}

/// Accepts until the process drains. Dropping the listener then closes it, when the other workers have done the same.
pub(crate) async fn run(worker: Rc<Worker>, listener: Listener, mut phase: watch::Receiver<Phase>) {
    let acceptor = match Acceptor::new(listener.socket.clone()) {
        Ok(acceptor) => acceptor,
        Err(error) => {
            tracing::error!(frontend = %listener.frontend.plan.name, %error, "cannot listen on this worker");
            return;
        }
    };
    let mut trouble = Trouble::default();
    let mut gate = listener.frontend.gate.subscribe();
    loop {
        let now = (*phase.borrow_and_update(), *gate.borrow_and_update());
        match now {
            (Phase::Running, Gate::Open) => {
                tokio::select! {
                    biased;
                    _ = phase.changed() => {}
                    _ = gate.changed() => {}
                    done = batch(&worker, &listener, &acceptor) => trouble.after(&listener, done).await,
                }
            }
            (Phase::Draining | Phase::Ending | Phase::Stopped, _) | (_, Gate::Closed) => return,
            (Phase::Paused, _) | (_, Gate::Paused) => {
                tokio::select! {
                    changed = phase.changed() => if changed.is_err() { return },
                    _ = gate.changed() => {}
                }
            }
        }
    }
}

/// Waits for connections and takes some. A place comes first: a full frontend leaves its clients in the backlog.
async fn batch(worker: &Rc<Worker>, listener: &Listener, acceptor: &Acceptor) -> io::Result<()> {
    acceptor.ready().await?;
    let mut permit = listener.admission.admit().await;
    for _ in 0..BATCH {
        let Some(place) = permit.take() else { break };
        let Some((socket, peer)) = acceptor.accept()? else {
            return Ok(());
        };
        hand_over(worker, listener, socket, &peer, place);
        permit = listener.admission.try_admit();
    }
    tokio::task::yield_now().await;
    Ok(())
}

fn hand_over(worker: &Rc<Worker>, listener: &Listener, socket: Socket, peer: &SockAddr, permit: Permit) {
    let seat = match listener.spread {
        Spread::LessLoaded => worker.crew.less_loaded(&mut worker.lots.borrow_mut()),
        Spread::Here => worker.crew.seat(worker.number),
    };
    let (frontend, at) = (listener.frontend.clone(), worker.clock.now());
    Accepted {
        socket,
        peer: Peer::of(peer, listener.number),
        frontend,
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
        let frontend = &listener.frontend.plan.name;
        match done {
            Ok(()) if std::mem::take(&mut self.said) => tracing::info!(%frontend, "accepting again"),
            Ok(()) => {}
            Err(error) => {
                if !std::mem::replace(&mut self.said, true) {
                    tracing::warn!(%frontend, %error, "cannot accept for the moment");
                }
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }
}
