//! Before a connection has a backend: its rules look at it, perhaps more than once while bytes come.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use tandem_lb_config::Told;
use tandem_lb_core::ServerIdx;
use tandem_lb_core::conn::{ConnSettings, Input, Side};
use tandem_lb_core::expr::Expr;
use tandem_lb_core::expr::content::Content;
use tandem_lb_core::rules::{Piece, Requests, Verdict};
use tandem_sys::relay::Scratch;
use tandem_sys::sockopt;

use super::counted::AtBackend;
use super::upstream::Upstream;
use super::{Session, io_failure};
use crate::frontend::{Frontend, conn_settings};
use crate::publish::Backend;
use crate::rules::{Asking, Scene, Story, Subject};
use crate::session::Peer;

/// Whose rules have the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Frontend,
    Backend,
    /// They have been heard.
    Over,
}

/// How far the rules are.
#[derive(Debug)]
pub(super) struct Inspection {
    pub(super) stage: Stage,
    /// What those of this stage wait for.
    asking: Asking,
    /// Those that were asked, for as long as they wait: a reload may bring others meanwhile.
    rules: Option<Rules>,
    /// How much there was the last time.
    seen: usize,
    /// The client is to hear nothing any more, not even that this is the end.
    pub(super) vanishes: bool,
}

/// The rules of a stage, held while they are asked.
#[derive(Debug)]
enum Rules {
    Frontend(Arc<Frontend>),
    Backend(Arc<tandem_lb_config::Backend>),
}

impl Rules {
    fn requests(&self) -> &Requests {
        match self {
            Rules::Frontend(frontend) => &frontend.plan.requests,
            Rules::Backend(plan) => &plan.requests,
        }
    }
}

impl Inspection {
    pub(super) fn at(stage: Stage) -> Inspection {
        Inspection {
            stage,
            asking: Asking::First,
            rules: None,
            seen: 0,
            vanishes: false,
        }
    }
}

impl Session {
    /// Asks the rules with the bytes that are there, for the last time when their time is up; whether the machine was told
    /// something.
    pub(super) fn inspect(&mut self, cx: &mut Context<'_>, mut is_late: bool) -> bool {
        let worker = self.worker.clone();
        let mut scratch = worker.scratch.borrow_mut();
        let now = worker.clock.now();
        let most = self.looks_at();
        let peeked = match self.client.peek(cx, &mut scratch, most) {
            Ok(peeked) => peeked,
            Err(error) => {
                self.conn.handle(Input::Failed(Side::Client, io_failure(&error)), now);
                return true;
            }
        };
        if peeked.bytes.len() > self.inspection.seen {
            self.inspection.seen = peeked.bytes.len();
            self.conn.touched(Side::Client, now);
        }
        let is_all = peeked.is_end || peeked.bytes.len() >= most;
        loop {
            let rules = self.inspection.rules.take().or_else(|| self.rules());
            let mut asking = self.inspection.asking;
            let is_first = asking == Asking::First;
            let mut delay = Duration::ZERO;
            let verdict = match rules.as_ref().map(Rules::requests) {
                Some(requests) => {
                    delay = requests.inspect_delay;
                    let is_late = is_late || delay.is_zero();
                    let content = Content {
                        bytes: peeked.bytes,
                        is_final: is_all || is_late,
                    };
                    asking.ask(cx, requests, (content, is_late), &mut self.scene(None))
                }
                None => Verdict::Pass,
            };
            self.inspection.asking = asking;
            match verdict {
                Verdict::Wait | Verdict::LookUp { .. } => {
                    self.inspection.rules = rules;
                    if is_first {
                        self.conn.handle(Input::MustInspect(delay), now);
                    }
                    return is_first;
                }
                Verdict::Pass => {}
                Verdict::Reject | Verdict::Close | Verdict::Drop { .. } => {
                    self.refuse(verdict);
                    self.conn.handle(Input::Rejected, now);
                    return true;
                }
            }
            self.inspection.stage = match self.inspection.stage {
                Stage::Frontend => {
                    self.route(Content {
                        bytes: peeked.bytes,
                        is_final: true,
                    });
                    Stage::Backend
                }
                Stage::Backend | Stage::Over => Stage::Over,
            };
            // The backend has a time of its own.
            is_late = false;
            if self.inspection.stage == Stage::Over {
                self.conn.handle(Input::Passed, now);
                return true;
            }
        }
    }

    /// Whether its rules wait for bytes.
    pub(super) fn is_inspected(&self) -> bool {
        self.frontend.settings.inspects && self.inspection.stage != Stage::Over
    }

    /// Who the client is, as far as rules have not said otherwise.
    pub(super) fn peer(&self) -> Peer {
        self.subject.as_ref().map_or(self.entry.peer(), |subject| subject.peer)
    }

    /// What the client connected to, in the same way.
    pub(super) fn local(&self) -> Option<SocketAddr> {
        let socket = self.client.socket();
        match &self.subject {
            Some(subject) => subject.local(socket),
            None => socket.local_addr().ok()?.as_socket(),
        }
    }

    /// The rules of this stage. A `listen` is not asked twice.
    fn rules(&self) -> Option<Rules> {
        match self.inspection.stage {
            Stage::Frontend => Some(Rules::Frontend(self.frontend.clone())),
            Stage::Backend => {
                let plan = self.backend.as_ref()?.now().plan.clone();
                (plan.id != self.frontend.plan.id).then_some(Rules::Backend(plan))
            }
            Stage::Over => None,
        }
    }

    /// Finds the backend.
    fn route(&mut self, content: Content<'_>) {
        let frontend = self.frontend.clone();
        let routes = &frontend.plan.routes;
        // Of one that is not there the rules do not know, and it is not passed over.
        let is_open = |name: &str| frontend.destination(name).is_none_or(|backend| backend.is_published());
        let chosen = routes.choose(&frontend.plan.requests.acls, &self.scene(Some(content)), is_open);
        let named = chosen.and_then(|name| frontend.destination(&name));
        if let Some(backend) = named.or_else(|| frontend.usual_backend().cloned()) {
            self.enter(backend);
        }
    }

    /// A client that was silent too long is still counted and logged where it would have gone, as in HAProxy.
    pub(super) fn send_on(&mut self) {
        if self.inspection.stage == Stage::Frontend {
            self.route(Content {
                bytes: &[],
                is_final: true,
            });
        }
    }

    /// It belongs to this backend from now on, and is counted there.
    pub(super) fn enter(&mut self, backend: Arc<Backend>) {
        self.at_backend = Some(AtBackend::enter(&backend, self.worker.clock.now()));
        self.settle(backend);
        self.conn.govern(self.settings());
    }

    pub(super) fn settle(&mut self, backend: Arc<Backend>) {
        self.entry.at_backend(&backend);
        self.backend = Some(backend);
    }

    /// What governs it: the frontend's and its own backend's part.
    pub(super) fn settings(&self) -> Arc<ConnSettings> {
        let (frontend, backend) = (&self.frontend, self.backend.as_ref());
        let is_usual = |b: &&Arc<Backend>| frontend.backend.as_ref().is_some_and(|usual| Arc::ptr_eq(usual, b));
        match backend.filter(|backend| !is_usual(backend)) {
            Some(other) => Arc::new(conn_settings(&frontend.plan, Some(&other.now().plan))),
            None => frontend.settings.clone(),
        }
    }

    fn refuse(&mut self, verdict: Verdict) {
        self.frontend.denied(self.listener, |denials| &denials.requests);
        let Verdict::Drop { ttl } = verdict else { return };
        self.inspection.vanishes = true;
        if let Err(error) = sockopt::vanish_on_close(self.client.socket(), ttl) {
            tracing::debug!(%error, "a connection cannot be dropped silently");
        }
    }

    /// What the client has said so far, for a question on the way to a server. That it broke off is not the business of
    /// who asks: who leads the connection hears it again.
    pub(super) fn said<'s>(&self, cx: &mut Context<'_>, scratch: &'s mut Scratch) -> Option<&'s [u8]> {
        let peeked = self.client.peek(cx, scratch, self.looks_at()).ok()?;
        Some(peeked.bytes)
    }

    /// How much rules look at, of what a side says first.
    pub(super) fn looks_at(&self) -> usize {
        self.frontend.plan.inspected as usize
    }

    /// The hash of what `balance hash` asks for. What is not there when a server is wanted has no hash.
    pub(super) fn hash_key(&mut self, cx: &mut Context<'_>, backend: &Backend) -> Option<u32> {
        let snapshot = backend.now();
        let key = snapshot.plan.hash_key.as_ref()?;
        let worker = self.worker.clone();
        let mut scratch = worker.scratch.borrow_mut();
        let bytes = self.said(cx, &mut scratch)?;
        let scene = self.scene(Some(Content { bytes, is_final: true }));
        let bytes = key.value(&scene)?.into_binary()?;
        Some(snapshot.plan.policy.hash.function.hash(&bytes))
    }

    /// The name that a server is asked for.
    pub(super) fn asked_for(&mut self, cx: &mut Context<'_>, sni: &Expr) -> Option<String> {
        let worker = self.worker.clone();
        let mut scratch = worker.scratch.borrow_mut();
        let bytes = self.said(cx, &mut scratch)?;
        let scene = self.scene(Some(Content { bytes, is_final: true }));
        let name = sni.value(&scene)?.into_text();
        String::from_utf8(name.into_owned()).ok()
    }

    /// What a server is told of its client beside, in its PROXY header.
    pub(super) fn say(&mut self, cx: &mut Context<'_>, told: &[Told]) -> Vec<(u8, Vec<u8>)> {
        let worker = self.worker.clone();
        let mut scratch = worker.scratch.borrow_mut();
        let bytes = self.said(cx, &mut scratch).unwrap_or_default();
        let scene = self.scene(Some(Content { bytes, is_final: true }));
        told.iter()
            .map(|told| (told.number, Piece::join(&told.value, &scene)))
            .collect()
    }

    /// The server that a `use-server` rule names, while it may be used.
    pub(super) fn ordered(&mut self, cx: &mut Context<'_>, backend: &Backend) -> Option<ServerIdx> {
        let snapshot = backend.now();
        if snapshot.plan.use_server.is_empty() {
            return None;
        }
        let view = snapshot.view.clone()?;
        let worker = self.worker.clone();
        let mut scratch = worker.scratch.borrow_mut();
        let bytes = self.said(cx, &mut scratch)?;
        let content = Content { bytes, is_final: true };
        let acls = &snapshot.plan.requests.acls;
        let scene = self.scene(Some(content));
        snapshot.plan.use_server.iter().find_map(|rule| {
            let is_it = rule.fits(acls, &scene);
            let name = is_it.then(|| rule.server.name(&scene))?;
            let server = view.servers.iter().find(|server| server.name == name);
            server.filter(|server| server.takes_known()).map(|server| server.place)
        })
    }

    /// What rules see now.
    pub(super) fn scene<'a>(&'a mut self, content: Option<Content<'a>>) -> Scene<'a> {
        let subject = self
            .subject
            .get_or_insert_with(|| Box::new(Subject::new(self.entry.peer(), self.listener)));
        subject.settle();
        Scene {
            subject,
            worker: &self.worker,
            frontend: &self.frontend,
            backend: self.backend.as_ref(),
            server: self.at_server.as_ref().map(|at| &**at.server()),
            client: Some(&self.client),
            upstream: match &self.upstream {
                Upstream::Up(server) => Some(server),
                _ => None,
            },
            socket: self.client.socket(),
            content,
            response: None,
            limiters: &[],
            trouble: None,
            story: Some(Story {
                conn: &self.conn,
                number: self.entry.id() - 1,
                carried: self.carried,
                waited_at: self.waited_at,
                towards_server: self.towards_server.as_deref(),
                handshake: self.handshake,
            }),
        }
    }
}
