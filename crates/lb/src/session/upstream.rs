//! The way to the server: choosing one, connecting, trying again.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockAddr;
use tandem_lb_config::Origination;
use tandem_lb_core::ServerIdx;
use tandem_lb_core::conn::{ConnectFailure, Input};
use tandem_lb_core::expr::{Context as _, Fact};
use tandem_lb_core::log::format::Field;
use tandem_lb_core::log::tcplog::TowardsServer;
use tandem_lb_core::proxy_header::{self, Ends};
use tandem_sys::relay::{Direction, Endpoint, Parked, is_shortage};
use tandem_sys::sockopt;
use tandem_time::Mono;

use super::Session;
use super::counted::AtServer;
use crate::departure;
use crate::publish::{Backend, Client, Pick};
use crate::queue::Place;
use crate::servers::Server;
use crate::tls::{Spoken, Tls, ip_of};
use crate::wire::Wire;

/// How far the way to the server is.
pub(super) enum Upstream {
    None,
    /// Every server that would do is full.
    Queued(Box<Place>),
    /// With what TLS is to be spoken by, and the room for it.
    Connecting(Endpoint, Option<(Arc<Origination>, Spoken)>),
    /// The server answered, and TLS begins.
    Greeting(Box<Tls>),
    Up(Wire),
}

impl Upstream {
    pub(super) fn waits_since(&self) -> Option<Mono> {
        match self {
            Upstream::Queued(place) => Some(place.came()),
            _ => None,
        }
    }
}

impl Session {
    /// Asks the backend for a server and tells the machine, unless the connection has to wait for one.
    pub(super) fn choose(&mut self, cx: &mut Context<'_>, avoid: Option<ServerIdx>) {
        let now = self.worker.clock.now();
        let Some(backend) = self.backend.clone() else {
            return self.conn.handle(Input::Picked(None), now);
        };
        let ordered = match avoid {
            None => self.ordered(cx, &backend),
            Some(_) => None,
        };
        let mut is_told = ordered.is_some();
        self.pick = match ordered {
            Some(idx) => backend.pick_this(idx),
            None => {
                let client = Client {
                    source: self.peer().ip(),
                    key: self.hash_key(cx, &backend),
                    known: match avoid {
                        None => self.known(cx, &backend),
                        Some(_) => None,
                    },
                    is_behind_others: match &self.upstream {
                        Upstream::Queued(place) => place.has_others_before(),
                        _ => backend.queue.is_waited_in(),
                    },
                };
                is_told |= client.known.is_some();
                backend.pick(client, avoid)
            }
        };
        match self.pick {
            Pick::Known(idx) | Pick::Balanced(idx) => {
                let server = backend.server(idx);
                if let Some(server) = &server {
                    self.move_to(&backend, server.clone(), now);
                }
                self.leave_queue(Some(idx));
                self.conn.handle(Input::Picked(server.map(|s| s.place)), now);
            }
            Pick::NoServer => {
                self.leave_queue(None);
                self.conn.handle(Input::Picked(None), now);
            }
            Pick::Crowded(idx) if !matches!(self.upstream, Upstream::Queued(_)) => {
                self.conn.handle(Input::MayNotWait(idx), now);
            }
            Pick::Full(_) | Pick::Crowded(_) => {
                let server = match self.pick {
                    Pick::Crowded(idx) => Some(idx),
                    Pick::Full(server) => server,
                    _ => None,
                };
                self.at_server = None;
                self.entry.at_server(None);
                if !matches!(self.upstream, Upstream::Queued(_)) {
                    let awaited = server.and_then(|idx| backend.server(idx));
                    // It was balanced to this one, and only has to wait.
                    if let Some(server) = awaited.as_ref().filter(|_| !is_told) {
                        server.attempts.balanced.one();
                        backend.attempts.balanced.one();
                    }
                    self.awaited = awaited;
                }
                match &mut self.upstream {
                    Upstream::Queued(place) => place.wait_for(server),
                    _ => {
                        let priority = self
                            .subject
                            .as_ref()
                            .map(|subject| subject.priority)
                            .unwrap_or_default();
                        let came = self.waits_since.take().unwrap_or(now);
                        let place = Place::of(&backend.queue, server, priority, came);
                        self.upstream = Upstream::Queued(Box::new(place));
                    }
                }
                self.conn.handle(Input::MustWait(server), now);
            }
        }
    }

    /// For a server, which counts the connection by now: those who are called next are not to see its place free.
    pub(super) fn leave_queue(&mut self, server: Option<ServerIdx>) {
        // Whoever is with a server stays there.
        if matches!(self.upstream, Upstream::Queued(_))
            && let Upstream::Queued(place) = std::mem::replace(&mut self.upstream, Upstream::None)
        {
            self.waited_at = place.end(server);
        }
    }

    /// Counts the connection for the chosen server, and no more for the one that it leaves.
    fn move_to(&mut self, backend: &Arc<Backend>, server: Arc<Server>, now: Mono) {
        if self.at_server.as_ref().is_some_and(|at| at.idx() == server.place) {
            return;
        }
        let awaited = self.awaited.take();
        let is_called = awaited.as_ref().is_none_or(|awaited| awaited.place == server.place);
        let left = awaited.filter(|_| !is_called);
        if let Some(left) = self.tried.take().or(left) {
            left.attempts.redispatches.one();
            backend.attempts.redispatches.one();
        }
        // Whose turn it is in a queue was not balanced again.
        let has_waited = matches!(self.upstream, Upstream::Queued(_)) && is_called;
        if let Pick::Balanced(_) = self.pick
            && !has_waited
        {
            server.attempts.balanced.one();
            backend.attempts.balanced.one();
        }
        self.entry.at_server(Some(server.place));
        self.at_server = Some(AtServer::enter(backend, server, now));
    }

    pub(super) fn connect(&mut self, idx: ServerIdx) {
        let Some(backend) = self.backend.clone() else {
            return;
        };
        let Some(server) = backend.server(idx) else { return };
        for attempts in [&server.attempts, &backend.attempts] {
            attempts.connects.one();
            if self.is_tried(idx) {
                attempts.retries.one();
            }
        }
        if self.is_tried(idx) {
            server.traffic.sessions.again();
        }
        self.tried = Some(server.clone());
        let tls = match server
            .tls()
            .map(|plan| (plan, self.frontend.directory.tls.tally.enter()))
        {
            None => None,
            Some((plan, Some(spoken))) => Some((plan, spoken)),
            Some((_, None)) => {
                tracing::debug!(frontend = %self.frontend.plan.name, "too many connections speak TLS");
                return self.fail(ConnectFailure::Resource);
            }
        };
        let to = self.place_of(&server);
        let packets = self.subject.as_ref().map(|subject| subject.packets);
        let begun = departure::connect(&server, &to, self.peer().socket(), packets.unwrap_or_default());
        let user_timeout = server.plan().user_timeout;
        match begun.and_then(|endpoint| prepare(&backend, user_timeout, endpoint)) {
            Ok(endpoint) => {
                self.upstream = Upstream::Connecting(endpoint, tls);
                self.note_ends();
            }
            Err(error) => self.connect_failed(&error),
        }
    }

    fn is_tried(&self, idx: ServerIdx) -> bool {
        self.tried.as_ref().is_some_and(|tried| tried.place == idx)
    }

    pub(super) fn connected(&mut self, cx: &mut Context<'_>, result: io::Result<()>) {
        if let Err(error) = result {
            return self.connect_failed(&error);
        }
        let Upstream::Connecting(server, tls) = std::mem::replace(&mut self.upstream, Upstream::None) else {
            return;
        };
        let Some((plan, spoken)) = tls else {
            if let Some(header) = self.introduction(cx) {
                self.to_server = Direction::resumed(Parked::Reading(header));
            }
            return self.reached(Wire::Plain(server));
        };
        match self.begin_tls(cx, server, &plan, spoken) {
            Ok(tls) => self.upstream = Upstream::Greeting(Box::new(tls)),
            Err(error) => self.connect_failed(&error),
        }
    }

    /// Goes on with the handshake; whether it is over.
    pub(super) fn poll_greeted(&mut self, cx: &mut Context<'_>) -> bool {
        let Upstream::Greeting(tls) = &self.upstream else {
            return false;
        };
        let Poll::Ready(done) = tls.poll_established(cx) else {
            return false;
        };
        match (done, std::mem::replace(&mut self.upstream, Upstream::None)) {
            (Ok(()), Upstream::Greeting(tls)) => {
                let tally = &self.frontend.directory.tls.tally;
                tally.server(tls.is_resumed(), self.worker.clock.now());
                self.reached(Wire::Tls(tls));
            }
            (Ok(()), _) => {}
            (Err(why), _) => self.connect_failed(&why.into_io()),
        }
        true
    }

    fn reached(&mut self, server: Wire) {
        if let Some(tried) = &self.tried {
            tried.did_well();
        }
        self.upstream = Upstream::Up(server);
        self.conn.handle(Input::Connected, self.worker.clock.now());
    }

    fn begin_tls(
        &mut self,
        cx: &mut Context<'_>,
        server: Endpoint,
        plan: &Origination,
        spoken: Spoken,
    ) -> io::Result<Tls> {
        let name = plan.sni.as_ref().and_then(|sni| self.asked_for(cx, sni));
        let directory = self.frontend.directory.clone();
        let vault = &directory.tls;
        let names = self.backend.as_ref().zip(self.tried.as_ref());
        let origin = names.and_then(|(backend, tried)| vault.origin(&backend.name(), &tried.name(), plan));
        let Some(origin) = origin else {
            return Err(io::Error::other("there is no TLS for this server"));
        };
        let mut connection = origin
            .connect(name.as_deref(), ip_of(&server))
            .map_err(io::Error::other)?;
        if let Some(header) = self.introduction(cx) {
            connection.send_first(&header);
        }
        Ok(Tls::new(server, connection, spoken))
    }

    /// A server that wants to know who the client is hears that before anything else.
    fn introduction(&mut self, cx: &mut Context<'_>) -> Option<Vec<u8>> {
        let plan = self.tried.as_ref()?.plan();
        let header = plan.send_proxy?;
        let unique_id = match header.details.unique_id {
            true => self
                .scene(None)
                .fact(&Fact::Identity)
                .map(|id| id.into_text().into_owned()),
            false => None,
        };
        let more: Vec<(u8, Vec<u8>)> = match &*plan.told {
            [] => Vec::new(),
            told => self.say(cx, told),
        };
        let ends = self.peer().socket().zip(self.local());
        let ends = ends.map(|(source, destination)| Ends { source, destination });
        let heard = self.subject.as_ref().and_then(|subject| subject.header.as_ref());
        let authority = heard.and_then(|header| header.authority.as_deref());
        let tls = self.client.tls();
        let asked = tls.and_then(|tls| tls.connection().server_name().map(str::to_owned));
        let authority = authority.or(asked.as_ref().map(String::as_bytes));
        let secured = tls.filter(|_| header.details.ssl).and_then(Tls::secured);
        let client = proxy_header::Client {
            ends,
            authority,
            tls: secured.as_ref(),
            unique_id: unique_id.as_deref(),
            more: &more,
        };
        let (said, left_out) = header.as_far_as_it_goes(&client);
        if left_out > 0 && self.tried.as_ref().is_some_and(|server| server.is_first_cut()) {
            let (backend, server) = (self.backend.as_ref().map(|b| b.name()), plan.name.clone());
            tracing::warn!(?backend, %server, left_out, "values are left out of a PROXY header that has no room for them");
        }
        Some(said)
    }

    pub(super) fn established(&mut self, idx: ServerIdx) {
        let now = self.worker.clock.now();
        self.await_answer(now);
        if let Some(server) = &self.at_server {
            let summary = self.conn.summary(now);
            server.server().history.reached(self.worker.number, &summary);
        }
        if self.frontend.plan.log_rule.is_told_early() {
            self.tell_log(self.conn.summary(now), Some(idx), true);
        }
    }

    /// Says that the server need not be insisted on, when that is so; the machine asks for it with the next failure.
    pub(super) fn hint_that_it_may_leave(&mut self, now: Mono) {
        let Some(backend) = &self.backend else { return };
        if !matches!(self.upstream, Upstream::Up(_)) && backend.now().may_leave(self.pick) {
            self.conn.handle(Input::MayLeave, now);
        }
    }

    pub(super) fn prepare_client(&self) {
        let socket = self.client.socket();
        let plan = &self.frontend.plan;
        let done = sockopt::no_delay(socket)
            .and_then(|()| keep_alive(socket, plan.keepalive))
            .and_then(|()| linger(socket, plan.nolinger))
            .and_then(|()| departure::kept(plan.buffers).apply(socket));
        if let Err(error) = done {
            tracing::debug!(%error, "a client's socket does not take its options");
        }
    }

    fn connect_failed(&mut self, error: &io::Error) {
        tracing::debug!(frontend = %self.frontend.plan.name, %error, "cannot connect to the server");
        let failure = if is_shortage(error) {
            // That we have no port or descriptor left says nothing about the server.
            ConnectFailure::Resource
        } else {
            self.note_failure();
            ConnectFailure::Refused
        };
        self.fail(failure);
    }

    fn fail(&mut self, failure: ConnectFailure) {
        let now = self.worker.clock.now();
        self.hint_that_it_may_leave(now);
        self.upstream = Upstream::None;
        self.entry.goes_by(None);
        self.conn.handle(Input::ConnectFailed(failure), now);
    }

    /// The server could not be reached; whoever watches for that learns of it.
    pub(super) fn note_failure(&self) {
        if let Some((backend, server)) = self.backend.as_ref().zip(self.tried.as_ref())
            && server.did_fail()
        {
            backend.alarm.notify_one();
        }
    }

    /// Where the server is for this client: one without an address is where the client wanted to go.
    fn place_of(&self, server: &Server) -> SockAddr {
        let to = server.address.load().for_client_of(|| self.client_port());
        let nowhere = to.as_socket().filter(|at| at.ip().is_unspecified());
        // The client's own socket is asked only then.
        let wanted = nowhere.and_then(|at| Some(SocketAddr::new(self.local()?.ip(), at.port())));
        wanted.map_or(to, SockAddr::from)
    }

    /// The port that the client connected to.
    fn client_port(&self) -> u16 {
        self.local().map_or(0, |address| address.port())
    }

    /// Keeps the ends of this attempt for the line: when it is written, they may be gone.
    pub(super) fn note_ends(&mut self) {
        const SHOWN: &[Field] = &[Field::BackendIp, Field::BackendPort, Field::ServerIp, Field::ServerPort];
        let socket = match &self.upstream {
            Upstream::Connecting(server, _) => server.socket(),
            Upstream::Greeting(tls) => tls.endpoint().socket(),
            Upstream::Up(server) => server.socket(),
            Upstream::None | Upstream::Queued(_) => return,
        };
        self.entry.goes_by(Some(socket));
        if !self.frontend.plan.log_rule.shows(SHOWN) {
            return;
        }
        let from = socket.local_addr().ok().and_then(|from| from.as_socket());
        let server = self.tried.as_ref().or(self.at_server.as_ref().map(AtServer::server));
        let to = server.and_then(|server| self.place_of(server).as_socket());
        self.towards_server = Some(Box::new(TowardsServer { from, to }));
    }
}

fn prepare(backend: &Backend, user_timeout: Option<Duration>, endpoint: Endpoint) -> io::Result<Endpoint> {
    sockopt::no_delay(endpoint.socket())?;
    let backend = backend.now();
    keep_alive(endpoint.socket(), backend.plan.keepalive)?;
    linger(endpoint.socket(), backend.plan.nolinger)?;
    // A path has no such thing, and needs none.
    if user_timeout.is_some() && endpoint.socket().local_addr().is_ok_and(|at| !at.is_unix()) {
        endpoint.socket().set_tcp_user_timeout(user_timeout)?;
    }
    Ok(endpoint)
}

/// Whoever is to keep nothing of a closed connection keeps no state of it either.
fn linger(socket: &socket2::Socket, is_off: bool) -> io::Result<()> {
    if is_off {
        sockopt::reset_on_close(socket)
    } else {
        Ok(())
    }
}

fn keep_alive(socket: &socket2::Socket, wanted: Option<tandem_lb_config::Keepalive>) -> io::Result<()> {
    let Some(tandem_lb_config::Keepalive { idle, interval, count }) = wanted else {
        return Ok(());
    };
    sockopt::keep_alive(socket, sockopt::Keepalive { idle, interval, count })
}
