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
mod relaying;
mod response;
mod sticking;
mod task;
mod telling;
mod upstream;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tandem_lb_core::conn::{Conn, Ending, Input, IoFailure, Output, Side, Who};
use tandem_lb_core::log::tcplog::TowardsServer;
use tandem_sys::relay::{Direction, Pass};
use tandem_time::Mono;
use tokio::time::Sleep;

use crate::frontend::Frontend;
use crate::live::Entry;
use crate::logs;
use crate::publish::{Backend, Pick};
use crate::queue::Position;
use crate::registry::Registered;
use crate::rules::Subject;
use crate::servers::Server;
use crate::upgrade::Verdict;
use crate::wire::Wire;
use crate::worker::Worker;

use counted::AtBackend;
pub(crate) use counted::AtServer;
use inspect::{Inspection, Stage};
pub(crate) use moving::resume;
pub(crate) use peer::Peer;
pub(crate) use relaying::Carried;
use response::Answer;
use sticking::Stuck;
pub(crate) use task::run;
use upstream::Upstream;

/// Why a connection is not polled any more.
enum Rest {
    Ended(Ending),
    /// Another process wants it, and nothing is under way.
    Called,
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
                    // Who was never sent anywhere has not been read.
                    if !matches!(self.upstream, Upstream::Up(_)) && !self.inspection.vanishes {
                        self.dismiss_client();
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
        if matches!(self.upstream, Upstream::Connecting(..) | Upstream::Greeting(_)) && due <= now {
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
            Upstream::Connecting(server, _) => match server.poll_connected(cx) {
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

    /// It hears an end, and no reset because of what it has said.
    fn dismiss_client(&mut self) {
        let read = self.client.dismiss(&mut self.worker.scratch.borrow_mut());
        let read = Pass {
            read,
            ..Pass::default()
        };
        self.account(&Pass::default(), &read);
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
        let is_told = self.frontend.plan.log_rule.is_told_early() && summary.connect.is_some();
        if !is_told {
            self.tell_log(summary, server, false);
        }
    }
}

fn io_failure(error: &std::io::Error) -> IoFailure {
    match error.kind() {
        std::io::ErrorKind::ConnectionReset => IoFailure::Reset,
        _ => IoFailure::Other,
    }
}
