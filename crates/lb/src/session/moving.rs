//! Leaving for another process, and coming from one.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use tandem_lb_core::bandwidth::Limiter;
use tandem_lb_core::conn::{Conn, ConnSettings, Input};
use tandem_lb_core::handover::{self, Flow, Placed, Record};
use tandem_sys::relay::{Direction, Endpoint, Packets, Parked};
use tokio::sync::oneshot;

use super::counted::{AtBackend, AtFrontend, AtServer};
use super::inspect::Stage;
use super::task::{Led, Stages};
use super::upstream::Upstream;
use super::{Carried, Peer, Session};
use crate::bandwidth::Throttles;
use crate::frontend::Frontend;
use crate::listeners::place_of;
use crate::publish::Backend;
use crate::queue::Position;
use crate::rules::{Subject, Trackers};
use crate::upgrade::{Ends, Moved, Parcel, Verdict};
use crate::wire::Wire;
use crate::worker::Worker;

/// Leads a connection that another process has led so far.
pub(crate) fn resume(worker: Rc<Worker>, moved: Box<Moved>) -> impl Future<Output = ()> {
    let arrival = async {
        let arrived = arrive(worker, moved).await;
        arrived
            .inspect_err(
                |error| tracing::warn!(%error, "a connection that was handed over cannot be watched: it is lost"),
            )
            .ok()
    };
    Stages::Beginning(Box::pin(arrival))
}

async fn arrive(worker: Rc<Worker>, moved: Box<Moved>) -> io::Result<Led> {
    let Moved {
        record,
        sockets,
        frontend,
        server,
        number,
        permit,
        seat,
    } = *moved;
    let client = Wire::Plain(Endpoint::new(sockets.client)?);
    let upstream = match sockets.server {
        Some(server) => Upstream::Up(Wire::Plain(Endpoint::new(server)?)),
        None => Upstream::None,
    };
    let peer = Peer::of_record(&record);
    let counted = AtFrontend::arrive(&frontend, record.listener, &worker.crew);
    let waker = std::future::poll_fn(|cx| std::task::Poll::Ready(cx.waker().clone())).await;
    let routed = record
        .placed
        .as_ref()
        .map(|placed| &placed.backend)
        .or(record.routed.as_ref());
    let backend = match routed {
        Some(routed) => frontend.directory.backend(routed),
        None => frontend.backend.clone().filter(|_| !frontend.settings.inspects),
    };
    let known = record
        .known
        .clone()
        .map(|known| Subject::resumed(peer, record.listener, known));
    let entry = worker.live.arrive(number, &frontend, peer, record.began, waker.clone());
    let limits = record
        .known
        .as_ref()
        .map_or_else(Vec::new, |known| known.limits.clone());
    let mut subject = known.map(Box::new);
    if let Some(subject) = &mut subject {
        subject.trackers = Trackers::of(&record.held, &frontend.directory, worker.clock);
        subject.throttles = Throttles::of(&limits, &limiters(&frontend, backend.as_deref()), &frontend.directory);
    }
    let mut session = Session {
        upstream,
        at_backend: backend.as_ref().map(AtBackend::arrive),
        subject,
        ..Session::new(worker, frontend, (client, record.listener), entry, waker, record.began)
    };
    if let Some(backend) = backend {
        session.settle(backend);
    }
    match record.placed.zip(server) {
        Some((placed, server)) => session.take_up(placed, server),
        None => {
            session.conn.wait_only_until(record.waits_until);
            session.waits_since = record.waits_since;
            session.begin_again(record.routed.is_some());
        }
    }
    session.note_ends();
    Ok(Led {
        session,
        counted,
        permit,
        seat,
    })
}

/// Those of both proxies.
fn limiters(frontend: &Frontend, backend: Option<&Backend>) -> Vec<Arc<Limiter>> {
    let of_backend = backend.map(|backend| backend.now().plan.requests.limiters.clone());
    let of_frontend = frontend.plan.requests.limiters.iter().cloned();
    of_frontend.chain(of_backend.into_iter().flatten()).collect()
}

impl Session {
    /// Whether it can never leave this process: the keys of TLS are here, and nobody else is told them.
    pub(super) fn is_tied(&self) -> bool {
        let of_server = match &self.upstream {
            Upstream::Up(server) => server.tls(),
            _ => None,
        };
        // What its packets to the server are to carry is said when it connects, and no record has it.
        let is_to_be_marked = self
            .subject
            .as_ref()
            .is_some_and(|subject| subject.packets != Packets::default());
        self.client.tls().or(of_server).is_some() || is_to_be_marked && !matches!(self.upstream, Upstream::Up(_))
    }

    /// Puts itself at the gate and waits. Nothing is read or written meanwhile. `None` when nobody wants it any more.
    pub(super) async fn depart(&mut self) -> Option<Verdict> {
        let gate = self.worker.live.gate()?;
        let (verdict, outcome) = oneshot::channel();
        let parcel = match self.record().and_then(|record| Ok((record, self.copies()?))) {
            Ok((record, sockets)) => Parcel {
                number: self.entry.id(),
                record,
                sockets,
                verdict,
            },
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be handed over and stays");
                return Some(Verdict::Kept);
            }
        };
        gate.send(parcel).ok()?;
        outcome.await.ok()
    }

    /// Another process has it now.
    pub(super) fn leave_to_others(&mut self) {
        self.at_server.iter_mut().for_each(AtServer::goes_on_elsewhere);
        self.client.leave_to_others();
        if let Upstream::Up(server) = &self.upstream {
            server.leave_to_others();
        }
    }

    fn copies(&self) -> io::Result<Ends> {
        let server = match &self.upstream {
            Upstream::Up(server) => Some(server.socket().try_clone()?),
            _ => None,
        };
        Ok(Ends {
            client: self.client.socket().try_clone()?,
            server,
        })
    }

    fn record(&mut self) -> io::Result<Record> {
        let placed = self.placed()?;
        Ok(Record {
            frontend: self.frontend.plan.name.to_string(),
            listener: self.listener,
            came_by: self.came_by(),
            peer: self.peer().socket(),
            began: self.conn.began(),
            routed: self.routed(),
            waits_until: self.conn.waits_until(),
            waits_since: self.upstream.waits_since(),
            known: self.subject.as_ref().map(|subject| subject.known()),
            placed,
            held: self
                .subject
                .as_ref()
                .map_or_else(Vec::new, |subject| subject.trackers.held()),
        })
    }

    /// Where the listener listens that it came by.
    fn came_by(&self) -> String {
        self.frontend.bind(self.listener).map(place_of).unwrap_or_default()
    }

    /// The backend, when all rules have been heard.
    fn routed(&self) -> Option<String> {
        let backend = self.backend.as_ref().filter(|_| !self.is_inspected())?;
        Some(backend.name().to_string())
    }

    /// It has no server yet. Rules that have been heard are not asked again.
    fn begin_again(&mut self, is_routed: bool) {
        if is_routed {
            self.inspection.stage = Stage::Over;
            let settings = ConnSettings {
                inspects: false,
                ..*self.settings()
            };
            self.conn.govern(Arc::new(settings));
        }
        self.conn.handle(Input::Begin, self.conn.began());
    }

    fn placed(&mut self) -> io::Result<Option<Placed>> {
        let place = self.at_server.as_ref().zip(self.backend.as_ref());
        let Some((relayed, (at, backend))) = self.conn.relayed().zip(place) else {
            return Ok(None);
        };
        Ok(Some(Placed {
            backend: backend.name().to_string(),
            server: at.server().name().to_string(),
            relayed,
            from_client: self.carried.from_client,
            to_client: self.carried.to_client,
            queued_at_server: self.waited_at.server,
            queued_at_backend: self.waited_at.backend,
            upwards: flow(self.to_server.park()?),
            downwards: flow(self.to_client.park()?),
        }))
    }

    /// Goes on where the other process stopped.
    fn take_up(&mut self, placed: Placed, at: AtServer) {
        let idx = at.idx();
        self.inspection.stage = Stage::Over;
        self.conn = Conn::resumed(self.settings(), self.conn.began(), idx, placed.relayed);
        self.to_server = Direction::resumed(parked(placed.upwards));
        self.to_client = Direction::resumed(parked(placed.downwards));
        self.carried = Carried {
            from_client: placed.from_client,
            to_client: placed.to_client,
        };
        self.waited_at = Position {
            server: placed.queued_at_server,
            backend: placed.queued_at_backend,
        };
        self.tried = Some(at.server().clone());
        self.at_server = Some(at);
        self.entry.at_server(Some(idx));
        let seen = placed.relayed.client_seen.max(placed.relayed.server_seen);
        self.entry.moved(seen);
    }
}

fn flow(parked: Parked) -> Flow {
    let (stage, held) = match parked {
        Parked::Reading(held) => (handover::Stage::Reading, held),
        Parked::Last(held) => (handover::Stage::Last, held),
        Parked::Ended => (handover::Stage::Ended, Vec::new()),
    };
    Flow { stage, held }
}

fn parked(flow: Flow) -> Parked {
    match flow.stage {
        handover::Stage::Reading => Parked::Reading(flow.held),
        handover::Stage::Last => Parked::Last(flow.held),
        handover::Stage::Ended => Parked::Ended,
    }
}
