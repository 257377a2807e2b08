//! What rules see of a connection, and what they do to it. What they decide is `tandem_lb_core::rules`' business.

mod facts;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use socket2::Socket;
use tandem_lb_core::expr::content::Content;
use tandem_lb_core::expr::{Context, Fact, Sample, Scope, Variable};
use tandem_lb_core::rules::{Actor, Effect, VariableChange, Verdict};
use tandem_ops::clock::Wall;
use tandem_sys::sockopt;

use crate::frontend::Frontend;
use crate::publish::Backend;
use crate::servers::Server;
use crate::session::Peer;
use crate::worker::Worker;

/// One connection as its rules know it; rules may change all of this.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) peer: Peer,
    /// The address that the client connected to.
    pub(crate) local: Option<SocketAddr>,
    /// Which of its frontend's listeners it came by, counted from 1.
    listener: u32,
    variables: Vec<(Variable, Sample<'static>)>,
}

/// A connection in its surroundings, at one moment.
pub(crate) struct Scene<'a> {
    pub(crate) subject: &'a mut Subject,
    pub(crate) worker: &'a Worker,
    pub(crate) frontend: &'a Arc<Frontend>,
    pub(crate) backend: Option<&'a Arc<Backend>>,
    pub(crate) server: Option<&'a Server>,
    pub(crate) socket: &'a Socket,
    /// The client's first bytes; `None` before anybody looked.
    pub(crate) content: Option<Content<'a>>,
}

/// A rule has refused the connection; it has been counted, and its socket made ready to be dropped.
#[derive(Debug)]
pub(crate) struct Refused;

/// Asks the rules for connections that were only just accepted, and then those for sessions: nothing stands between the
/// two yet that could change what they see.
pub(crate) fn admit(
    worker: &Worker,
    frontend: &Arc<Frontend>,
    socket: &Socket,
    peer: Peer,
    listener: u32,
) -> Result<Option<Box<Subject>>, Refused> {
    let requests = &frontend.plan.requests;
    if requests.connection.is_empty() && requests.session.is_empty() {
        return Ok(None);
    }
    let mut subject = Box::new(Subject::new(peer, socket, listener));
    let mut scene = Scene {
        subject: &mut subject,
        worker,
        frontend,
        backend: None,
        server: None,
        socket,
        content: None,
    };
    let done = match requests.connection.run(&requests.acls, &mut scene) {
        Verdict::Pass | Verdict::Wait => Ok(()),
        verdict => {
            frontend.denials.connections.one();
            // HAProxy spares itself the waiting state of a connection that was never one.
            Err((verdict, sockopt::reset_on_close as fn(&Socket) -> io::Result<()>))
        }
    };
    let done = done.and_then(|()| match requests.session.run(&requests.acls, &mut scene) {
        Verdict::Pass | Verdict::Wait => Ok(()),
        verdict => {
            frontend.denials.sessions.one();
            Err((verdict, |_: &Socket| Ok(())))
        }
    });
    let Err((verdict, close)) = done else {
        return Ok(Some(subject));
    };
    let prepared = match verdict {
        Verdict::Drop => sockopt::vanish_on_close(socket),
        _ => close(socket),
    };
    if let Err(error) = prepared {
        tracing::debug!(frontend = %frontend.plan.name, %error, "a refused connection is closed in the usual way");
    }
    Err(Refused)
}

impl Subject {
    pub(crate) fn new(peer: Peer, socket: &Socket, listener: u32) -> Subject {
        Subject {
            peer,
            local: socket.local_addr().ok().and_then(|address| address.as_socket()),
            listener,
            variables: Vec::new(),
        }
    }

    fn change(&mut self, variable: &Variable, change: VariableChange) {
        let place = self.variables.iter().position(|(known, _)| known == variable);
        match (change, place) {
            (VariableChange::Set(value), Some(place)) => self.variables[place].1 = value,
            (VariableChange::Set(value), None) => self.variables.push((variable.clone(), value)),
            (VariableChange::Unset, Some(place)) => drop(self.variables.swap_remove(place)),
            (VariableChange::Unset, None) => {}
        }
    }
}

impl Context for Scene<'_> {
    fn content(&self) -> Option<Content<'_>> {
        self.content
    }

    fn fact(&self, fact: &Fact) -> Option<Sample<'_>> {
        facts::find(self, fact)
    }

    fn variable(&self, variable: &Variable) -> Option<Sample<'_>> {
        if variable.scope == Scope::Process {
            return self.frontend.directory.variable(variable);
        }
        let mut known = self.subject.variables.iter();
        known
            .find(|(known, _)| known == variable)
            .map(|(_, value)| value.borrow())
    }

    fn wall_micros(&self) -> i64 {
        Wall::now().as_micros()
    }
}

impl Actor for Scene<'_> {
    fn perform(&mut self, effect: Effect<'_>) {
        let done = match effect {
            Effect::Variable(variable, change) if variable.scope == Scope::Process => {
                let value = match change {
                    VariableChange::Set(value) => Some(value),
                    VariableChange::Unset => None,
                };
                self.frontend.directory.set_variable(variable, value);
                Ok(())
            }
            // What lives as long as a transaction dies with the stage before it, as in HAProxy.
            Effect::Variable(variable, _) if self.content.is_none() && variable.scope != Scope::Session => Ok(()),
            Effect::Variable(variable, change) => {
                self.subject.change(variable, change);
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
                let port = self.subject.local.map_or(0, |address| address.port());
                self.subject.local = Some(SocketAddr::new(ip, port));
                Ok(())
            }
            Effect::DstPort(port) => {
                if let Some(address) = &mut self.subject.local {
                    address.set_port(port);
                }
                Ok(())
            }
            Effect::Mark(mark) => self.socket.set_mark(mark),
            Effect::Tos(tos) => sockopt::type_of_service(self.socket, tos),
        };
        if let Err(error) = done {
            tracing::debug!(frontend = %self.frontend.plan.name, %error, "a rule's action cannot be carried out");
        }
    }

    fn context(&self) -> &dyn Context {
        self
    }
}
