//! One client's connection: feeds its [`Conn`] and carries out what that asks for. It decides nothing.
//!
//! ```text
//!            Pick                Connect              Established
//!   client ───────▶ backend ──────────────▶ server ───────────────▶ relay both ways ──▶ Close, log line
//!            ◀─ Picked ─┘   ◀─ Connected / ConnectFailed ─┘            Finished / Failed ─┘
//! ```
//!
//! It is one future that is polled when a socket, its timer or an order wakes it, and it owns no buffer. The timer is
//! lazy: traffic moves a deadline back without touching the timer, which looks again when it fires.

mod counted;
mod departure;
mod greeting;
mod header;
mod inspect;
mod moving;
mod pacing;
mod peer;
mod response;
mod sticking;
mod upstream;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tandem_lb_core::conn::{Conn, Ending, Input, IoFailure, Output, Side, Summary, Who};
use tandem_lb_core::log::format::Field;
use tandem_lb_core::log::tcplog::TowardsServer;
use tandem_lb_core::{ServerIdx, expr};
use tandem_sys::relay::{Direction, End, Endpoint, Pass, Scratch, Stream};
use tandem_time::Mono;
use tokio::time::Sleep;

use crate::admission::Permit;
use crate::frontend::Frontend;
use crate::live::Entry;
use crate::logs;
use crate::publish::{Backend, Pick};
use crate::queue::Position;
use crate::registry::Registered;
use crate::rules::{Scene, Subject};
use crate::servers::Server;
use crate::upgrade::Verdict;
use crate::wire::Wire;
use crate::worker::{Accepted, Begins, Seat, Worker};

pub(crate) use counted::AtServer;
use counted::{AtBackend, AtFrontend};
use greeting::Comer;
use inspect::{Inspection, Stage};
pub(crate) use moving::resume;
pub(crate) use peer::Peer;
use response::Answer;
use sticking::Stuck;
use upstream::Upstream;

/// Leads a connection from accept to its log line.
pub(crate) fn run(worker: Rc<Worker>, accepted: Accepted) -> impl Future<Output = ()> {
    Stages::Beginning(Box::pin(begin(worker, accepted)))
}

/// A connection's task. What only its beginning needs is gone once it has begun, and the task itself is no larger than
/// the runtime's own part of it: thousands may be idle. An `async` block would keep room for both.
enum Stages<Beginning> {
    Beginning(Pin<Box<Beginning>>),
    Led(Pin<Box<dyn Future<Output = ()>>>),
    Over,
}

impl<Beginning: Future<Output = Option<Led>>> Future for Stages<Beginning> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Stages::Beginning(beginning) = &mut *self {
            *self = match ready!(beginning.as_mut().poll(cx)) {
                Some(led) => Stages::Led(Box::pin(led.lead())),
                None => Stages::Over,
            };
        }
        match &mut *self {
            Stages::Led(leading) => leading.as_mut().poll(cx),
            Stages::Beginning(_) | Stages::Over => Poll::Ready(()),
        }
    }
}

/// A session, and what it holds a place in.
struct Led {
    session: Session,
    counted: AtFrontend,
    permit: Permit,
    seat: Seat,
}

impl Led {
    /// To the connection's end, or to the end of our part in it.
    #[expect(
        clippy::manual_async_fn,
        reason = "an `async fn` keeps room for what it is given and for where it puts that"
    )]
    fn lead(mut self) -> impl Future<Output = ()> {
        async move {
            match self.session.lead().await {
                Some(ending) => self.session.leave(ending),
                None => self.session.leave_to_others(),
            }
            // Its sockets are closed before its places are free. All is named, so that the block takes all of it.
            drop((self.session, self.counted, self.permit, self.seat));
        }
    }
}

async fn begin(worker: Rc<Worker>, accepted: Accepted) -> Option<Led> {
    let Accepted {
        socket,
        mut peer,
        frontend,
        listener,
        mut subject,
        begins,
        permit,
        seat,
        at,
    } = accepted;
    let client = Endpoint::of(socket, peer.domain())
        .inspect_err(|error| tracing::warn!(%error, "a client's connection cannot be watched"))
        .ok()?;
    let (client, handshake) = match begins {
        Begins::Now => (Wire::Plain(client), Duration::ZERO),
        Begins::After(greeting) => {
            let comer = Comer {
                worker: &worker,
                frontend: &frontend,
                client: Some(client),
                peer,
                listener,
                subject,
                at,
            };
            // Few have one, and all would have room for it.
            let guest = Box::pin(comer.greet(greeting)).await?;
            (peer, subject) = (guest.peer, guest.subject);
            (guest.client, worker.clock.now() - at)
        }
    };
    let counted = AtFrontend::enter(&frontend, listener, &worker.crew, at);
    let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
    let entry = worker.live.enter(&frontend, peer, at, waker.clone());
    let mut session = Session {
        subject,
        handshake,
        ..Session::new(worker, frontend, (client, listener), entry, waker, at)
    };
    session.begin(at);
    Some(Led {
        session,
        counted,
        permit,
        seat,
    })
}

/// Why a connection is not polled any more.
enum Rest {
    Ended(Ending),
    /// Another process wants it, and nothing is under way.
    Called,
}

/// Bytes of this connection so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Carried {
    pub(crate) from_client: u64,
    pub(crate) to_client: u64,
}

struct Session {
    worker: Rc<Worker>,
    frontend: Arc<Frontend>,
    conn: Conn,
    place: Registered,
    entry: Entry,
    client: Wire,
    upstream: Upstream,
    to_server: Direction,
    to_client: Direction,
    at_backend: Option<AtBackend>,
    /// Where its rules sent it.
    backend: Option<Arc<Backend>>,
    inspection: Inspection,
    /// What its rules know of it; those that need it make it.
    subject: Option<Box<Subject>>,
    /// Once the `stick` rules were asked, and until they have nothing more to do.
    stuck: Option<Box<Stuck>>,
    /// Whether rules wait for what the server sends first.
    answer: Answer,
    listener: u32,
    at_server: Option<AtServer>,
    /// The latest answer to a pick.
    pick: Pick,
    /// The server whose queue it stands in.
    awaited: Option<Arc<Server>>,
    /// The server of the latest attempt.
    tried: Option<Arc<Server>>,
    /// The two ends of the latest attempt, where a line shows them.
    towards_server: Option<Box<TowardsServer>>,
    carried: Carried,
    /// Where in the queue it was, when it is there no more.
    waited_at: Position,
    /// Since when it waits for a server, where it did so in another process.
    waits_since: Option<Mono>,
    /// How long what came before the session took.
    handshake: Duration,
    /// When the one who is slowed down may go on.
    paced: Option<Mono>,
    /// When the timer fires.
    armed: Option<Mono>,
}

impl Session {
    /// Of which nothing has happened yet, whoever led it so far.
    fn new(
        worker: Rc<Worker>,
        frontend: Arc<Frontend>,
        (client, listener): (Wire, u32),
        entry: Entry,
        waker: Waker,
        began: Mono,
    ) -> Session {
        entry.came_by(listener, client.socket());
        Session {
            conn: Conn::new(frontend.settings.clone(), began),
            place: worker.registry.register(waker),
            entry,
            upstream: Upstream::None,
            to_server: Direction::default(),
            to_client: Direction::default(),
            at_backend: None,
            backend: None,
            inspection: Inspection::at(Stage::Frontend),
            subject: None,
            stuck: None,
            answer: Answer::Over,
            listener,
            at_server: None,
            pick: Pick::NoServer,
            awaited: None,
            tried: None,
            towards_server: None,
            carried: Carried::default(),
            waited_at: Position::default(),
            waits_since: None,
            handshake: Duration::ZERO,
            paced: None,
            armed: None,
            worker,
            frontend,
            client,
        }
    }

    fn begin(&mut self, at: Mono) {
        if !self.frontend.settings.inspects
            && let Some(backend) = self.frontend.usual_backend().cloned()
        {
            self.enter(backend);
        }
        if let Some(subject) = &self.subject {
            subject.trackers.began(at);
        }
        self.prepare_client();
        logs::connected_from(&self.worker, &self.frontend, self.peer(), || self.local());
        self.conn.handle(Input::Begin, at);
    }

    /// To the end; `None` when another process goes on with it.
    async fn lead(&mut self) -> Option<Ending> {
        let mut timer = pin!(tokio::time::sleep(Duration::ZERO));
        loop {
            match poll_fn(|cx| self.poll(cx, timer.as_mut())).await {
                Rest::Ended(ending) => return Some(ending),
                Rest::Called => match Box::pin(self.depart()).await {
                    Some(Verdict::Taken) => return None,
                    Some(Verdict::Kept) => self.entry.stays(),
                    None => self.entry.is_not_wanted(),
                },
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>) -> Poll<Rest> {
        loop {
            if let Some(ending) = self.carry_out(cx) {
                return Poll::Ready(Rest::Ended(ending));
            }
            if let Some(reason) = self.place.sentence().or_else(|| self.entry.sentence()) {
                let now = self.worker.clock.now();
                self.conn.handle(Input::Kill(reason), now);
            } else if self.departs() {
                return Poll::Ready(Rest::Called);
            } else if !self.is_time(cx, timer.as_mut()) && !self.advance(cx) {
                return Poll::Pending;
            }
        }
    }

    /// Does all that the machine asks for; answers the ending when that is among it.
    fn carry_out(&mut self, cx: &mut Context<'_>) -> Option<Ending> {
        while let Some(output) = self.conn.poll_output() {
            match output {
                Output::Inspect { is_final } => {
                    self.inspect(cx, is_final);
                }
                Output::Pick { avoid } => self.choose(cx, avoid),
                Output::Connect(idx) => self.connect(idx),
                Output::AbortConnect => self.upstream = Upstream::None,
                Output::Established(idx) => self.established(idx),
                Output::ShutdownWrite(Side::Client) => self.to_client.shut(&self.client),
                Output::ShutdownWrite(Side::Server) => {
                    if let Upstream::Up(server) = &self.upstream {
                        self.to_server.shut(server);
                    }
                }
                Output::Close(ending) => {
                    // Who was never sent anywhere hears an end, and no reset because of what it had said.
                    if !matches!(self.upstream, Upstream::Up(_)) && !self.inspection.vanishes {
                        let read = self.client.dismiss(&mut self.worker.scratch.borrow_mut());
                        self.account(
                            &Pass::default(),
                            &Pass {
                                read,
                                ..Pass::default()
                            },
                        );
                    }
                    return Some(ending);
                }
            }
        }
        None
    }

    /// Whether a deadline has come and the machine was told.
    fn is_time(&mut self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>) -> bool {
        let deadlines = [self.conn.poll_deadline(), self.answer.until(), self.paced];
        let Some(due) = deadlines.into_iter().flatten().min() else {
            return false;
        };
        if self.armed.is_none_or(|at| due < at) {
            timer.as_mut().reset(self.worker.clock.instant(due).into());
            self.armed = Some(due);
        }
        if timer.poll(cx).is_pending() {
            return false;
        }
        self.armed = None;
        let now = self.worker.clock.now();
        if matches!(self.upstream, Upstream::Connecting(_) | Upstream::Greeting(_)) && due <= now {
            self.note_failure();
        }
        self.hint_that_it_may_leave(now);
        self.answer.on_deadline(now);
        self.paced = self.paced.filter(|until| *until > now);
        self.conn.on_deadline(now);
        true
    }

    /// Goes on with what is under way; whether the machine was told something.
    fn advance(&mut self, cx: &mut Context<'_>) -> bool {
        if self.is_inspected() {
            return self.inspect(cx, false);
        }
        match &mut self.upstream {
            Upstream::None => self.is_client_gone(cx),
            Upstream::Queued(place) => match place.poll_called(cx) {
                Poll::Ready(()) => {
                    self.choose(cx, None);
                    true
                }
                Poll::Pending => self.is_client_gone(cx),
            },
            Upstream::Connecting(server) => match server.poll_connected(cx) {
                Poll::Ready(result) => {
                    self.connected(cx, result);
                    true
                }
                Poll::Pending => self.is_client_gone(cx),
            },
            Upstream::Greeting(_) => self.poll_greeted(cx) || self.is_client_gone(cx),
            Upstream::Up(_) => self.relay(cx) || self.last_word_is_out(),
        }
    }

    /// While there is no server, nothing is read from the client; that it left without a word is noticed all the same.
    fn is_client_gone(&mut self, cx: &mut Context<'_>) -> bool {
        let now = self.worker.clock.now();
        let aborts = |backend: &Arc<Backend>| backend.now().plan.abort_on_close;
        let gone = if self.backend.as_ref().is_some_and(aborts) {
            self.client.poll_finished(cx)
        } else {
            self.client.poll_hung_up(cx)
        };
        match gone {
            Poll::Pending => return false,
            Poll::Ready(Ok(())) => self.conn.handle(Input::Finished(Side::Client), now),
            Poll::Ready(Err(error)) => self.conn.handle(Input::Failed(Side::Client, io_failure(&error)), now),
        }
        true
    }

    /// Moves what there is. The server's bytes go first: they may be its last words before it fails.
    fn relay(&mut self, cx: &mut Context<'_>) -> bool {
        let is_awaited = self.awaits_answer(cx);
        if self.is_throttled() {
            return self.relay_slowly(cx, is_awaited);
        }
        let Upstream::Up(server) = &self.upstream else {
            return false;
        };
        let mut scratch = self.worker.scratch.borrow_mut();
        let ways = (&mut self.to_client, &mut self.to_server);
        let (down, up) = match (&self.client, server) {
            (Wire::Plain(client), Wire::Plain(server)) => carry(cx, ways, is_awaited, client, server, &mut scratch),
            (Wire::Tls(client), Wire::Plain(server)) => carry(cx, ways, is_awaited, &**client, server, &mut scratch),
            (Wire::Plain(client), Wire::Tls(server)) => carry(cx, ways, is_awaited, client, &**server, &mut scratch),
            (Wire::Tls(client), Wire::Tls(server)) => carry(cx, ways, is_awaited, &**client, &**server, &mut scratch),
        };
        drop(scratch);
        self.account(&down, &up);
        let told = down.end.is_some() || up.end.is_some();
        self.tell(Side::Server, down.end);
        self.tell(Side::Client, up.end);
        told
    }

    fn account(&mut self, down: &Pass, up: &Pass) {
        if down.read + down.written + up.read + up.written == 0 {
            return;
        }
        let now = self.worker.clock.now();
        for side in [Side::Client, Side::Server] {
            let (read, written) = if side == Side::Client {
                (up.read, down.written)
            } else {
                (down.read, up.written)
            };
            let counted = if self.conn.counts_writing(side) { written } else { 0 };
            if read + counted > 0 {
                self.conn.touched(side, now);
            }
        }
        self.entry.moved(now);
        self.carried.from_client += up.read;
        self.carried.to_client += down.read;
        counted::bytes(&self.frontend.traffic, up.read, down.read);
        if let Some(listener) = self.frontend.listener(self.listener) {
            counted::bytes(listener, up.read, down.read);
        }
        if let Some(backend) = &self.backend {
            counted::bytes(&backend.traffic, up.read, down.read);
        }
        if let Some(server) = self.at_server.as_ref().map(AtServer::server) {
            counted::bytes(&server.traffic, up.read, down.read);
        }
        if let Some(subject) = self.subject.as_ref().filter(|subject| !subject.trackers.is_empty()) {
            subject.trackers.carried(up.read, down.read, now);
        }
    }

    /// `from` is the side whose bytes the ended direction carried.
    fn tell(&mut self, from: Side, end: Option<End>) {
        let input = match end {
            None => return,
            Some(End::Finished) => Input::Finished(from),
            Some(End::ReadFailed(error)) => Input::Failed(from, io_failure(&error)),
            Some(End::WriteFailed(error)) => Input::Failed(from.other(), io_failure(&error)),
        };
        self.conn.handle(input, self.worker.clock.now());
    }

    /// Counts the end and writes the log line.
    fn leave(&mut self, ending: Ending) {
        self.leave_queue(None);
        // Whom a rule refuses hears nothing.
        if ending.who != Who::Proxy {
            self.client.leave();
        }
        if let Upstream::Up(server) = &self.upstream {
            server.leave();
        }
        if ending.is_silent_request() {
            self.send_on();
        }
        let now = self.worker.clock.now();
        let summary = self.conn.summary(now);
        let server = self.at_server.as_ref().map(AtServer::idx).or(summary.server);
        if let Some(backend) = &self.backend {
            counted::ending(backend, server, ending);
            counted::times(backend, server, &summary);
            counted::history(backend, server, self.worker.number, &summary, self.carried);
        }
        // As in HAProxy, the line counts this connection for the process and the frontend, but no more for the others.
        self.at_server = None;
        self.at_backend = None;
        let is_told = self.frontend.plan.log_rule.logasap && summary.connect.is_some();
        if !is_told {
            self.tell_log(summary, server, false);
        }
    }

    fn tell_log(&mut self, summary: Summary, server: Option<ServerIdx>, early: bool) {
        self.as_told(summary, server, early, logs::told);
    }

    /// It is called something from now on, where the frontend says how.
    fn be_identified(&mut self) {
        let is_known = self.subject.as_ref().is_some_and(|subject| subject.unique_id.is_some());
        if !is_known && self.frontend.plan.log_rule.unique_id.is_some() {
            let summary = self.conn.summary(self.worker.clock.now());
            let server = self.tried.as_ref().map(|tried| tried.place);
            let id = self.as_told(summary, server, false, logs::identity);
            self.scene(None).subject.unique_id = id;
        }
    }

    fn as_told<R>(
        &mut self,
        summary: Summary,
        server: Option<ServerIdx>,
        early: bool,
        tell: impl FnOnce(&logs::Told<'_>) -> R,
    ) -> R {
        let unique_id = self.subject.as_mut().and_then(|subject| subject.unique_id.take());
        let (worker, frontend, backend) = (self.worker.clone(), self.frontend.clone(), self.backend.clone());
        let rule = &frontend.plan.log_rule;
        let server = server
            .zip(backend.as_ref())
            .and_then(|(idx, backend)| backend.server(idx));
        let peer = self.peer();
        let shows_local = rule.shows(&[Field::FrontendIp, Field::FrontendPort]);
        let local = if shows_local { self.local() } else { None };
        let (carried, waited_at) = (self.carried, self.waited_at);
        let towards_server = self.towards_server.as_deref().copied().unwrap_or_default();
        let number = self.entry.id() - 1;
        let tls = self.client.tls().and_then(|tls| tls.agreed());
        let handshake = self.handshake;
        let loudness = self.subject.as_deref().and_then(|subject| subject.loudness);
        let is_asked = rule.asks() || frontend.plan.requests.captures > 0;
        let scene = is_asked.then(|| Scene {
            server: server.as_deref(),
            ..self.scene(None)
        });
        let told = tell(&logs::Told {
            worker: &worker,
            frontend: &frontend,
            backend: backend.as_deref(),
            server: server.as_deref(),
            peer,
            local,
            context: scene.as_ref().map(|scene| scene as &dyn expr::Context),
            summary,
            carried,
            waited_at,
            towards_server,
            number,
            early,
            tls,
            handshake,
            loudness,
            unique_id: unique_id.as_deref(),
        });
        if let Some(subject) = &mut self.subject {
            subject.unique_id = unique_id;
        }
        told
    }
}

/// Both ways, for each kind of socket by itself: what is plain pays nothing for what is not.
fn carry(
    cx: &mut Context<'_>,
    (to_client, to_server): (&mut Direction, &mut Direction),
    is_awaited: bool,
    client: &impl Stream,
    server: &impl Stream,
    scratch: &mut Scratch,
) -> (Pass, Pass) {
    // Rules look at what the server sends before it goes on.
    let down = if is_awaited {
        Pass::default()
    } else {
        to_client.drive(cx, server, client, scratch)
    };
    let up = to_server.drive(cx, client, server, scratch);
    (down, up)
}

fn io_failure(error: &std::io::Error) -> IoFailure {
    match error.kind() {
        std::io::ErrorKind::ConnectionReset => IoFailure::Reset,
        _ => IoFailure::Other,
    }
}
