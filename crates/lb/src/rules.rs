//! What rules see of a connection, and what they do to it. What they decide is `tandem_lb_core::rules`' business.

mod asking;
mod facts;
mod secure;
mod tracking;
mod variables;

use std::cell::{Cell, OnceCell};
use std::fmt::Display;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use socket2::Socket;
use tandem_lb_core::bandwidth::{Among, Limiter};
use tandem_lb_core::conn::{Conn, Side};
use tandem_lb_core::expr::content::Content;
use tandem_lb_core::expr::{Ask, Context, Fact, Sample, Scope, Subject as Asked, Variable};
use tandem_lb_core::handover::Known;
use tandem_lb_core::log::tcplog::TowardsServer;
use tandem_lb_core::proxy_header::Header;
use tandem_lb_core::rules::{Actor, Effect, Loudness, Priority, Question, Spot, VariableChange, Verdict};
use tandem_ops::clock::Wall;
use tandem_sys::relay::Packets;
use tandem_sys::sockopt;

use crate::bandwidth::Throttles;
use crate::frontend::Frontend;
use crate::lookups::Awaited;
use crate::publish::Backend;
use crate::queue::Position;
use crate::servers::Server;
use crate::session::{Carried, Peer};
use crate::wire::Wire;
use crate::worker::Worker;
pub(crate) use asking::Asking;
pub(crate) use tracking::Trackers;
use variables::Variables;

/// One connection as its rules know it; rules may change all of this.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) peer: Peer,
    /// The address that the client connected to, where a header or a rule says another than the socket does.
    local: Option<SocketAddr>,
    /// Which of its frontend's listeners it came by, counted from 1.
    listener: u32,
    variables: Variables,
    /// A rule wants a PROXY header to come first.
    pub(crate) expects_header: bool,
    /// How soon it is its turn when it waits for a server.
    pub(crate) priority: Priority,
    /// The header that came.
    pub(crate) header: Option<Header>,
    /// How its line is to be written, when a rule has said so.
    pub(crate) loudness: Option<Loudness>,
    identity: Identity,
    /// Where the content rule is written that decided last.
    pub(crate) last_rule: Option<Arc<str>>,
    /// The entries of stick tables in which it is counted.
    pub(crate) trackers: Trackers,
    /// What slows it down.
    pub(crate) throttles: Throttles,
    /// What packets to its server carry.
    pub(crate) packets: Packets,
    /// The name that a rule asked for last.
    awaited: Option<Box<Awaited>>,
}

/// What a connection is called, once somebody has asked.
#[derive(Debug, Default)]
struct Identity {
    known: OnceCell<Box<[u8]>>,
    /// A format may ask for what it makes.
    is_being_made: Cell<bool>,
}

/// What has become of a connection so far, for whoever tells of it.
#[derive(Clone, Copy)]
pub(crate) struct Story<'a> {
    pub(crate) conn: &'a Conn,
    /// Of the process's connections.
    pub(crate) number: u64,
    pub(crate) carried: Carried,
    pub(crate) waited_at: Position,
    pub(crate) towards_server: Option<&'a TowardsServer>,
    pub(crate) handshake: Duration,
}

/// A connection in its surroundings, at one moment.
pub(crate) struct Scene<'a> {
    pub(crate) subject: &'a mut Subject,
    pub(crate) worker: &'a Worker,
    pub(crate) frontend: &'a Arc<Frontend>,
    pub(crate) backend: Option<&'a Arc<Backend>>,
    pub(crate) server: Option<&'a Server>,
    /// What is known of TLS with the client and with the server.
    pub(crate) client: Option<&'a Wire>,
    pub(crate) upstream: Option<&'a Wire>,
    pub(crate) socket: &'a Socket,
    /// The client's first bytes; `None` before anybody looked.
    pub(crate) content: Option<Content<'a>>,
    /// The server's first bytes, when rules are about those.
    pub(crate) response: Option<Content<'a>>,
    /// Those that the rules may name that are asked now.
    pub(crate) limiters: &'a [Arc<Limiter>],
    /// Why it comes to be no session.
    pub(crate) trouble: Option<Trouble<'a>>,
    /// Once it is one.
    pub(crate) story: Option<Story<'a>>,
}

/// What is wrong with a connection that can be none: HAProxy's number and words for it.
#[derive(Clone, Copy)]
pub(crate) struct Trouble<'a> {
    pub(crate) number: u8,
    pub(crate) words: &'a dyn Display,
}

/// A rule has refused the connection; it has been counted, and its socket made ready to be dropped.
#[derive(Debug)]
pub(crate) struct Refused;

/// A connection that is no session yet.
#[derive(Clone, Copy)]
pub(crate) struct Arrival<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) frontend: &'a Arc<Frontend>,
    /// What is known of TLS, once it is spoken.
    pub(crate) wire: Option<&'a Wire>,
    pub(crate) socket: &'a Socket,
    pub(crate) peer: Peer,
    /// Which of its frontend's listeners it came by, counted from 1.
    pub(crate) listener: u32,
}

impl Arrival<'_> {
    /// Asks the rules for connections that were only just accepted.
    pub(crate) fn connection(&self) -> Result<Option<Box<Subject>>, Refused> {
        let requests = &self.frontend.plan.requests;
        if requests.connection.is_empty() {
            return Ok(None);
        }
        let mut subject = self.subject();
        match requests.connection.run(&requests.acls, &mut self.scene(&mut subject)) {
            Verdict::Pass | Verdict::Wait | Verdict::LookUp { .. } => Ok(Some(subject)),
            verdict => {
                self.frontend.turned_away(self.listener, |denials| &denials.connections);
                // HAProxy spares itself the waiting state of a connection that was never one.
                Err(self.refuse(verdict, sockopt::reset_on_close))
            }
        }
    }

    /// Asks the rules for sessions, once it is known who the client is.
    pub(crate) fn session(&self, subject: &mut Option<Box<Subject>>) -> Result<(), Refused> {
        let requests = &self.frontend.plan.requests;
        if requests.session.is_empty() {
            return Ok(());
        }
        let subject = subject.get_or_insert_with(|| self.subject());
        match requests.session.run(&requests.acls, &mut self.scene(subject)) {
            Verdict::Pass | Verdict::Wait | Verdict::LookUp { .. } => Ok(()),
            verdict => {
                self.frontend.turned_away(self.listener, |denials| &denials.sessions);
                Err(self.refuse(verdict, |_| Ok(())))
            }
        }
    }

    pub(crate) fn subject(&self) -> Box<Subject> {
        Box::new(Subject::new(self.peer, self.listener))
    }

    pub(crate) fn scene<'s>(&'s self, subject: &'s mut Subject) -> Scene<'s> {
        Scene {
            subject,
            worker: self.worker,
            frontend: self.frontend,
            backend: None,
            server: None,
            client: self.wire,
            upstream: None,
            socket: self.socket,
            content: None,
            response: None,
            limiters: &[],
            trouble: None,
            story: None,
        }
    }

    fn refuse(&self, verdict: Verdict, close: fn(&Socket) -> io::Result<()>) -> Refused {
        let prepared = match verdict {
            Verdict::Drop { ttl } => sockopt::vanish_on_close(self.socket, ttl),
            _ => close(self.socket),
        };
        if let Err(error) = prepared {
            let frontend = &self.frontend.plan.name;
            tracing::debug!(%frontend, %error, "a refused connection is closed in the usual way");
        }
        Refused
    }
}

impl Subject {
    pub(crate) fn new(peer: Peer, listener: u32) -> Subject {
        Subject {
            peer,
            local: None,
            listener,
            variables: Variables::default(),
            expects_header: false,
            priority: Priority::default(),
            header: None,
            loudness: None,
            identity: Identity::default(),
            last_rule: None,
            trackers: Trackers::default(),
            throttles: Throttles::default(),
            packets: Packets::default(),
            awaited: None,
        }
    }

    /// As another process has known it.
    pub(crate) fn resumed(peer: Peer, listener: u32, known: Known) -> Subject {
        let Known {
            local,
            header,
            variables,
            loudness,
            unique_id,
            last_rule,
            priority,
            // Who knows what is configured now takes these up.
            limits: _,
        } = known;
        Subject {
            peer,
            local,
            listener,
            variables: Variables::of(variables),
            expects_header: false,
            priority,
            header,
            loudness,
            identity: Identity {
                known: unique_id.map(OnceCell::from).unwrap_or_default(),
                ..Identity::default()
            },
            last_rule,
            trackers: Trackers::default(),
            throttles: Throttles::default(),
            packets: Packets::default(),
            awaited: None,
        }
    }

    /// The address that the client connected to.
    pub(crate) fn local(&self, socket: &Socket) -> Option<SocketAddr> {
        self.local.or_else(|| socket.local_addr().ok()?.as_socket())
    }

    /// Whether it says no more of a client at this address than a new one would.
    pub(crate) fn is_new(&self, peer: Peer) -> bool {
        self.peer == peer
            && self.local.is_none()
            && self.variables.is_empty()
            && !self.expects_header
            && self.priority == Priority::default()
            && self.header.is_none()
            && self.loudness.is_none()
            && self.identity.known.get().is_none()
            && self.last_rule.is_none()
            && self.trackers.is_empty()
            && self.throttles.is_empty()
            && self.packets == Packets::default()
    }

    /// To be called before rules are asked: what was set the last time is put in its place.
    pub(crate) fn settle(&mut self) {
        self.variables.settle();
    }

    /// What the next process will not find out again.
    pub(crate) fn known(&self) -> Known {
        Known {
            local: self.local,
            header: self.header.clone(),
            variables: self.variables.all(),
            loudness: self.loudness,
            unique_id: self.identity.known.get().cloned(),
            last_rule: self.last_rule.clone(),
            priority: self.priority,
            limits: self.throttles.known(),
        }
    }

    /// From now on it is who its header says.
    pub(crate) fn introduce(&mut self, header: Header) {
        if let Some(ends) = header.ends {
            self.peer = Peer::Ip(ends.source);
            self.local = Some(ends.destination);
        }
        self.header = Some(header);
    }
}

impl Context for Scene<'_> {
    fn content(&self) -> Option<Content<'_>> {
        self.content
    }

    fn response(&self) -> Option<Content<'_>> {
        self.response
    }

    fn fact(&self, fact: &Fact) -> Option<Sample<'_>> {
        facts::find(self, fact)
    }

    fn variable(&self, variable: &Variable) -> Option<Sample<'_>> {
        if variable.scope == Scope::Process {
            return self.frontend.directory.variable(variable);
        }
        self.subject.variables.value(variable).map(Sample::borrow)
    }

    fn keep(&self, variable: &Variable, value: Option<Sample<'static>>) {
        if variable.scope == Scope::Process {
            return self.frontend.directory.set_variable(variable, value);
        }
        // What lives as long as a transaction dies with the stage before it, as in HAProxy.
        let is_early = self.content.is_none() && self.response.is_none();
        if !is_early || variable.scope == Scope::Session {
            self.subject.variables.change(variable, value);
        }
    }

    fn counter(&self, of: Asked<'_>, table: Option<&Arc<str>>, ask: Ask) -> Option<Sample<'static>> {
        let (directory, now) = (&self.frontend.directory, self.worker.clock.now());
        self.subject.trackers.answer(of, table, ask, directory, now)
    }

    fn wall_micros(&self) -> i64 {
        Wall::now().as_micros()
    }

    fn local_offset(&self, at: i64) -> i32 {
        local_offset(at)
    }
}

/// Of the clocks here.
pub(crate) fn local_offset(at: i64) -> i32 {
    Wall::from_micros(at.saturating_mul(1_000_000)).local_offset()
}

impl Actor for Scene<'_> {
    /// What is asked before there is anything to look at is not remembered.
    fn decided(&mut self, spot: &Spot) {
        let is_asked = self.frontend.plan.remembers_rules || self.frontend.directory.remembers_rules();
        if is_asked && (self.content.is_some() || self.response.is_some()) {
            self.subject.last_rule = Some(spot.0.clone());
        }
    }

    fn perform(&mut self, effect: Effect<'_>) {
        let done = match effect {
            Effect::Variable(variable, change) => {
                let value = match change {
                    VariableChange::Set(value) => Some(value),
                    VariableChange::Unset => None,
                };
                self.keep(variable, value);
                self.subject.settle();
                Ok(())
            }
            Effect::Src(ip) => {
                let port = self.subject.peer.socket().map_or(0, |address| address.port());
                self.subject.peer = Peer::Ip(SocketAddr::new(ip, port));
                Ok(())
            }
            Effect::SrcPort(port) => {
                if let Peer::Ip(address) = &mut self.subject.peer {
                    address.set_port(port);
                }
                Ok(())
            }
            Effect::Dst(ip) => {
                let port = self.subject.local(self.socket).map_or(0, |address| address.port());
                self.subject.local = Some(SocketAddr::new(ip, port));
                Ok(())
            }
            Effect::DstPort(port) => {
                if let Some(mut address) = self.subject.local(self.socket) {
                    address.set_port(port);
                    self.subject.local = Some(address);
                }
                Ok(())
            }
            Effect::Priority(what, to) => {
                self.subject.priority.set(what, to);
                Ok(())
            }
            Effect::ExpectProxy => {
                self.subject.expects_header = true;
                Ok(())
            }
            Effect::Track { slot, key, table } => {
                if let Some(table) = self.frontend.directory.tables.named(table) {
                    self.subject.trackers.track(slot, key, &table, self.worker.clock);
                }
                Ok(())
            }
            Effect::Slow { limiter, limit, period } => {
                if let Some(limiter) = self.limiters.iter().find(|known| known.name == *limiter) {
                    let key = match &limiter.among {
                        Among::Alone(_) => None,
                        Among::Key { key, .. } => key.value(self).map(Sample::into_owned),
                    };
                    let throttles = &mut self.subject.throttles;
                    throttles.add(limiter, (limit, period), key, &self.frontend.directory);
                }
                Ok(())
            }
            Effect::Change(change, by) => {
                self.subject.trackers.change(change, by, self.worker.clock.now());
                Ok(())
            }
            Effect::LogLevel(loudness) => {
                self.subject.loudness = Some(loudness);
                Ok(())
            }
            Effect::Mark(Side::Client, mark) => self.socket.set_mark(mark),
            Effect::Tos(Side::Client, tos) => sockopt::type_of_service(self.socket, tos),
            Effect::Mark(Side::Server, mark) => {
                self.subject.packets.mark = Some(mark);
                Ok(())
            }
            Effect::Tos(Side::Server, tos) => {
                self.subject.packets.service = Some(tos);
                Ok(())
            }
        };
        if let Err(error) = done {
            tracing::debug!(frontend = %self.frontend.plan.name, %error, "a rule's action cannot be carried out");
        }
    }

    fn look_up(&mut self, question: Question) {
        let lookups = &self.frontend.directory.lookups;
        self.subject.awaited = Some(Box::new(lookups.ask(question)));
    }

    fn looked_up(&mut self) -> Poll<Option<IpAddr>> {
        let awaited = self.subject.awaited.as_ref();
        let outcome = awaited.map_or(Poll::Ready(None), |awaited| awaited.outcome());
        if outcome.is_ready() {
            self.subject.awaited = None;
        }
        outcome
    }

    fn context(&self) -> &dyn Context {
        self
    }
}
