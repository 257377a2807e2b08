//! Taking connections: as many as a listener may have, the next one is closed at once and said so.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use socket2::Socket;
use tandem_sys::listen::Acceptor;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_local;

use crate::configuration::Listener;
use crate::connection::{self, Shared};

/// After an error such as "too many open files" others have to end before it can go on.
const PAUSE: Duration = Duration::from_millis(100);

/// One listening socket, as all threads share it.
#[derive(Clone)]
pub(crate) struct Listening {
    pub(crate) socket: Arc<Socket>,
    pub(crate) plan: Arc<Listener>,
    /// As its papers were read last.
    pub(crate) tls: Option<watch::Receiver<Arc<tandem_tls::Listener>>>,
    pub(crate) open: Arc<AtomicU32>,
}

/// A place among a listener's connections, free again when dropped.
struct Seat(Arc<AtomicU32>);

impl Seat {
    fn take(open: &Arc<AtomicU32>, most: u32) -> Option<Seat> {
        let take = |now: u32| (now < most).then_some(now + 1);
        open.fetch_update(Relaxed, Relaxed, take).ok()?;
        Some(Seat(open.clone()))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Accepts until `leaving` says otherwise. `alive` is held by each connection, so that its end can be waited for.
pub(crate) async fn run(
    listening: Listening,
    shared: Rc<Shared>,
    mut leaving: watch::Receiver<bool>,
    alive: mpsc::Sender<()>,
) -> io::Result<()> {
    let acceptor = Acceptor::new(listening.socket.clone())?;
    loop {
        tokio::select! {
            // Nobody says it twice, and an error means that the node is ending.
            _ = leaving.wait_for(|leaving| *leaving) => return Ok(()),
            ready = acceptor.ready() => ready?,
        }
        match acceptor.accept() {
            Ok(None) => {}
            Ok(Some((socket, _))) => take(socket, &listening, &shared, &leaving, &alive),
            Err(error) => {
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn take(
    socket: Socket,
    listening: &Listening,
    shared: &Rc<Shared>,
    leaving: &watch::Receiver<bool>,
    alive: &mpsc::Sender<()>,
) {
    let plan = listening.plan.clone();
    let Some(seat) = Seat::take(&listening.open, plan.max_connections) else {
        shared.tally.turned_away();
        tracing::warn!(
            "{}: {} connections are open, no more are taken",
            plan.address,
            plan.max_connections
        );
        return;
    };
    // Small frames should not wait for each other; a client that cannot have it is served all the same.
    socket.set_tcp_nodelay(true).ok();
    let stream = match TcpStream::from_std(socket.into()) {
        Ok(stream) => stream,
        Err(error) => return tracing::warn!(%error, "cannot take a connection into the event loop"),
    };
    let (shared, leaving, alive) = (shared.clone(), leaving.clone(), alive.clone());
    let tls = listening.tls.as_ref().map(|papers| papers.borrow().clone());
    spawn_local(async move {
        connection::serve(stream, &plan, tls, &shared, leaving).await;
        drop((seat, alive));
    });
}
