//! Being counted while one is there: what enters leaves when it is dropped, however the connection ends.

use std::sync::Arc;

use tandem_lb_core::ServerIdx;
use tandem_lb_core::conn::{Ending, Phase, Summary, Who};
use tandem_time::Mono;

use super::Carried;
use crate::counters::{Gauge, Traffic};
use crate::frontend::Frontend;
use crate::publish::Backend;
use crate::servers::Server;
use crate::worker::Crew;

/// Counted for the process, a frontend and its listener.
pub(super) struct AtFrontend {
    frontend: Arc<Frontend>,
    listener: u32,
    crew: Arc<Crew>,
}

impl AtFrontend {
    /// One that was counted elsewhere when it began.
    pub(super) fn arrive(frontend: &Arc<Frontend>, listener: u32, crew: &Arc<Crew>) -> AtFrontend {
        let at = AtFrontend::of(frontend, listener, crew);
        at.everywhere().for_each(Gauge::arrive);
        at
    }

    pub(super) fn enter(frontend: &Arc<Frontend>, listener: u32, crew: &Arc<Crew>, now: Mono) -> AtFrontend {
        frontend.traffic.began(now);
        crew.sessions.enter();
        let at = AtFrontend::of(frontend, listener, crew);
        if let Some(traffic) = at.at_listener() {
            traffic.began(now);
        }
        at
    }

    /// Of the listener that it came by, if listeners count for themselves.
    fn at_listener(&self) -> Option<&Traffic> {
        self.frontend.listener(self.listener).map(|at| &at.traffic)
    }

    fn of(frontend: &Arc<Frontend>, listener: u32, crew: &Arc<Crew>) -> AtFrontend {
        AtFrontend {
            frontend: frontend.clone(),
            listener,
            crew: crew.clone(),
        }
    }

    fn everywhere(&self) -> impl Iterator<Item = &Gauge> {
        let of_listener = self.at_listener().map(|traffic| &traffic.sessions);
        [&self.frontend.traffic.sessions, &self.crew.sessions]
            .into_iter()
            .chain(of_listener)
    }
}

impl Drop for AtFrontend {
    fn drop(&mut self) {
        self.everywhere().for_each(Gauge::leave);
    }
}

/// Counted for a backend.
pub(super) struct AtBackend(Arc<Backend>);

impl AtBackend {
    pub(super) fn arrive(backend: &Arc<Backend>) -> AtBackend {
        backend.traffic.sessions.arrive();
        AtBackend(backend.clone())
    }

    pub(super) fn enter(backend: &Arc<Backend>, now: Mono) -> AtBackend {
        backend.traffic.began(now);
        AtBackend(backend.clone())
    }
}

impl Drop for AtBackend {
    fn drop(&mut self) {
        self.0.traffic.sessions.leave();
    }
}

/// Counted for a server, from when it was chosen.
pub(crate) struct AtServer {
    backend: Arc<Backend>,
    server: Arc<Server>,
    /// Its place is taken still, in another process.
    goes_on: bool,
}

impl AtServer {
    pub(crate) fn arrive(backend: &Arc<Backend>, server: Arc<Server>) -> AtServer {
        server.traffic.sessions.arrive();
        AtServer {
            backend: backend.clone(),
            server,
            goes_on: false,
        }
    }

    pub(super) fn enter(backend: &Arc<Backend>, server: Arc<Server>, now: Mono) -> AtServer {
        server.traffic.began(now);
        AtServer {
            backend: backend.clone(),
            server,
            goes_on: false,
        }
    }

    /// Another process leads it: nobody who waits here is to take its place.
    pub(super) fn goes_on_elsewhere(&mut self) {
        self.goes_on = true;
    }

    pub(super) fn idx(&self) -> ServerIdx {
        self.server.place
    }

    pub(super) fn server(&self) -> &Arc<Server> {
        &self.server
    }
}

impl Drop for AtServer {
    fn drop(&mut self) {
        self.server.traffic.sessions.leave();
        if !self.goes_on && self.backend.now().is_limited(self.server.place) {
            self.backend.queue.freed(self.server.place);
        }
    }
}

pub(super) fn bytes(of: &Traffic, from_client: u64, to_client: u64) {
    if from_client > 0 {
        of.bytes_in.add(from_client);
    }
    if to_client > 0 {
        of.bytes_out.add(to_client);
    }
}

/// Counts how long a connection waited, connected and lasted, for its backend and the server it was at.
pub(super) fn times(backend: &Backend, server: Option<ServerIdx>, summary: &Summary) {
    backend.attempts.times.ended(summary);
    if let Some(server) = server.and_then(|idx| backend.server(idx)) {
        server.attempts.times.ended(summary);
    }
}

/// Counts where a connection lies among those of its server.
pub(super) fn history(
    backend: &Backend,
    server: Option<ServerIdx>,
    worker: usize,
    summary: &Summary,
    Carried { from_client, to_client }: Carried,
) {
    if let Some(server) = server.and_then(|idx| backend.server(idx)) {
        server.history.ended(worker, summary, from_client, to_client);
    }
}

/// Counts how a connection ended, for its backend and the server it was at.
pub(super) fn ending(backend: &Backend, server: Option<ServerIdx>, ending: Ending) {
    let of_server = server.and_then(|idx| backend.server(idx));
    let of_server = of_server.as_ref().map(|s| &s.attempts);
    for attempts in [Some(&backend.attempts), of_server].into_iter().flatten() {
        if ending.is_connect_error() {
            attempts.connect_errors.one();
        }
        if (ending.who, ending.phase) == (Who::Server, Phase::Data) {
            attempts.response_errors.one();
        }
        match (ending.who, ending.phase) {
            (Who::Client | Who::ClientTimeout, Phase::Data) => attempts.client_aborts.one(),
            (Who::Server | Who::ServerTimeout, Phase::Data) => attempts.server_aborts.one(),
            _ => {}
        }
    }
}
