//! The machine of one connection.

use std::sync::Arc;
use std::time::Duration;

use tandem_time::Mono;

use super::pending::{Pending, Step};
use super::{ConnSettings, ConnectFailure, Ending, Input, KillReason, Output, Phase, Relayed, Side, Summary, Who};
use crate::ServerIdx;

/// One proxied connection.
#[derive(Clone, Debug)]
pub struct Conn {
    settings: Arc<ConnSettings>,
    state: State,
    pending: Pending,
    began: Mono,
    /// When waiting for a server last ended, normally because one was chosen, and when it accepted.
    chosen: Option<Mono>,
    connected: Option<Mono>,
    seen: Seen,
    server: Option<ServerIdx>,
    retries: u32,
    redispatched: bool,
    may_leave: bool,
    /// When the wait ends that began in another process.
    patience: Option<Mono>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    /// Rules have the word; `until` they are asked for the last time.
    Inspecting {
        until: Mono,
    },
    /// A server is being chosen; after a failure, one that may differ from `avoid`.
    Picking {
        avoid: Option<ServerIdx>,
        hurried: bool,
    },
    /// As picking, but all servers that may be used are full.
    Queued {
        avoid: Option<ServerIdx>,
        hurried: bool,
        until: Mono,
    },
    Connecting {
        server: ServerIdx,
        until: Mono,
    },
    /// The turn-around before the same server is tried again; `chosen_anew` if the balancing had been asked and gave it
    /// again, which counts as waiting for a server.
    Pausing {
        server: ServerIdx,
        until: Mono,
        chosen_anew: bool,
    },
    /// `finished`: the side that sends no more. `ending`: what made it so, should it come to an end now.
    Relaying {
        finished: Option<Side>,
        ending: Ending,
    },
    Closed {
        ending: Ending,
        at: Mono,
    },
}

/// When each side last moved.
#[derive(Clone, Copy, Debug)]
struct Seen {
    client: Mono,
    server: Mono,
}

impl Conn {
    pub fn new(settings: Arc<ConnSettings>, now: Mono) -> Conn {
        Conn {
            settings,
            state: State::New,
            pending: Pending::default(),
            began: now,
            chosen: None,
            connected: None,
            seen: Seen {
                client: now,
                server: now,
            },
            server: None,
            retries: 0,
            redispatched: false,
            may_leave: false,
            patience: None,
        }
    }

    /// A connection that another process has led so far, at the server of this number here.
    pub fn resumed(settings: Arc<ConnSettings>, began: Mono, server: ServerIdx, relayed: Relayed) -> Conn {
        Conn {
            state: State::Relaying {
                finished: relayed.finished,
                ending: relayed.ending,
            },
            chosen: relayed.chosen,
            connected: relayed.connected,
            seen: Seen {
                client: relayed.client_seen,
                server: relayed.server_seen,
            },
            server: Some(server),
            retries: relayed.retries,
            redispatched: relayed.redispatched,
            ..Conn::new(settings, began)
        }
    }

    /// What another process needs to go on; `None` unless it relays and all its outputs were taken.
    pub fn relayed(&self) -> Option<Relayed> {
        let State::Relaying { finished, ending } = self.state else {
            return None;
        };
        self.pending.is_empty().then_some(Relayed {
            chosen: self.chosen,
            connected: self.connected,
            client_seen: self.seen.client,
            server_seen: self.seen.server,
            retries: self.retries,
            redispatched: self.redispatched,
            finished,
            ending,
        })
    }

    /// When it has waited for too long: for a place, or for what its rules want to see.
    pub fn waits_until(&self) -> Option<Mono> {
        match self.state {
            State::Inspecting { until } | State::Queued { until, .. } => {
                Some(until).filter(|&until| until != Mono::FAR)
            }
            _ => None,
        }
    }

    /// Its first wait ends then: it began in another process.
    pub fn wait_only_until(&mut self, until: Option<Mono>) {
        self.patience = until;
    }

    pub fn began(&self) -> Mono {
        self.began
    }

    pub fn handle(&mut self, input: Input, now: Mono) {
        match (input, self.state) {
            (_, State::Closed { .. }) => {}
            (Input::Kill(reason), _) => self.kill(reason, now),
            (Input::Begin, State::New) if self.settings.inspects => self.inspect(Mono::FAR, false),
            (Input::Begin, State::New) | (Input::Passed, State::Inspecting { .. }) => self.pick(None, false),
            (Input::MustInspect(limit), State::Inspecting { .. }) => {
                let until = self.patience.take().unwrap_or(now + limit);
                self.state = State::Inspecting { until };
            }
            (Input::Rejected, State::Inspecting { .. }) => self.close(Ending::new(Who::Proxy, Phase::Request), now),
            (Input::Rejected, State::Relaying { .. }) => self.close(Ending::new(Who::Proxy, Phase::Data), now),
            // What it has sent may be enough for the rules, and the runtime asks them once more.
            (Input::Finished(Side::Client), State::Inspecting { .. }) => {}
            (Input::Picked(picked), State::Picking { avoid, hurried } | State::Queued { avoid, hurried, .. }) => {
                self.picked(picked, avoid, hurried, now)
            }
            (Input::MustWait(server), State::Picking { avoid, hurried }) => self.queue(server, avoid, hurried, now),
            (Input::MustWait(server), State::Queued { .. }) => self.server = server,
            (Input::MayNotWait(server), State::Picking { .. }) => {
                self.server = Some(server);
                self.close(Ending::new(Who::Server, Phase::Queue), now);
            }
            (Input::MayLeave, _) => self.may_leave = true,
            (Input::Connected, State::Connecting { server, .. }) => self.established(server, now),
            (Input::ConnectFailed(failure), State::Connecting { server, .. }) => self.refused(server, failure, now),
            (Input::Finished(side), State::Relaying { finished, ending }) => self.finished(side, finished, ending, now),
            // Before there is a server, a client that will say no more has nothing to wait for.
            (Input::Finished(Side::Client), _) => self.close(Ending::new(Who::Client, self.phase()), now),
            (Input::Failed(Side::Server, _), State::Connecting { server, .. }) => {
                self.refused(server, ConnectFailure::Refused, now);
            }
            (Input::Failed(Side::Client, _), _) => self.failed(Side::Client, now),
            (Input::Failed(Side::Server, _), State::Relaying { .. }) => self.failed(Side::Server, now),
            _ => {}
        }
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.pending.take()
    }

    /// The next time [`Conn::on_deadline`] has something to look at. It may turn out to be too early: traffic only
    /// moves the deadline back, it never reports that.
    pub fn poll_deadline(&self) -> Option<Mono> {
        [Side::Client, Side::Server]
            .map(|side| self.idle_until(side))
            .into_iter()
            .flatten()
            .chain(self.step_until())
            .min()
    }

    pub fn on_deadline(&mut self, now: Mono) {
        if let Some(side) = self.idle_side(now) {
            return self.timed_out(side, now);
        }
        match self.state {
            State::Connecting { server, until } if until <= now => self.connect_timed_out(server, now),
            State::Pausing {
                server,
                until,
                chosen_anew,
            } if until <= now => {
                if chosen_anew {
                    self.chosen = Some(now);
                }
                self.connect(server, now);
            }
            State::Inspecting { until } if until <= now => self.inspect(Mono::FAR, true),
            State::Queued { until, .. } if until <= now => {
                self.close(Ending::new(Who::ServerTimeout, Phase::Queue), now);
            }
            _ => {}
        }
    }

    /// Bytes were read from or written to that side. Cheap: called on every step of the relay.
    pub fn touched(&mut self, side: Side, now: Mono) {
        *self.seen.of(side) = now;
    }

    /// Whether bytes that are written to that side show that it is there, as those that are read do.
    pub fn counts_writing(&self, side: Side) -> bool {
        match side {
            Side::Client => !self.settings.client_independent,
            Side::Server => !self.settings.server_independent,
        }
    }

    pub fn summary(&self, now: Mono) -> Summary {
        let (ending, until) = match self.state {
            State::Closed { ending, at } => (ending, at),
            _ => (Ending::NORMAL, now),
        };
        Summary {
            wait: self.chosen.map(|at| at - self.began),
            connect: self.connected.zip(self.chosen).map(|(at, chosen)| at - chosen),
            total: until - self.began,
            retries: self.retries,
            redispatched: self.redispatched,
            server: self.server,
            ending,
        }
    }

    /// The rules have said where it goes: this governs it from now on.
    pub fn govern(&mut self, settings: Arc<ConnSettings>) {
        self.settings = settings;
    }

    fn inspect(&mut self, until: Mono, is_final: bool) {
        self.state = State::Inspecting { until };
        self.pending.step = Some(Step::Inspect { is_final });
    }

    fn pick(&mut self, avoid: Option<ServerIdx>, hurried: bool) {
        self.state = State::Picking { avoid, hurried };
        self.pending.step = Some(Step::Pick { avoid });
        self.may_leave = false;
    }

    fn picked(&mut self, picked: Option<ServerIdx>, avoid: Option<ServerIdx>, hurried: bool, now: Mono) {
        // Whoever waited for one server and goes to another was sent elsewhere.
        let waited_for = self.server.filter(|_| matches!(self.state, State::Queued { .. }));
        self.redispatched |= waited_for.is_some() && picked.is_some() && waited_for != picked;
        self.server = picked;
        let Some(server) = picked else {
            self.chosen = None;
            return self.close(Ending::new(Who::Server, Phase::Connect), now);
        };
        self.chosen = Some(now);
        let same = avoid == picked;
        self.redispatched |= avoid.is_some() && !same;
        if same && !hurried {
            self.pause(server, true, now)
        } else {
            self.connect(server, now)
        }
    }

    fn queue(&mut self, server: Option<ServerIdx>, avoid: Option<ServerIdx>, hurried: bool, now: Mono) {
        self.server = server;
        let usual = self.settings.queue.map_or(Mono::FAR, |limit| now + limit);
        let until = self.patience.take().unwrap_or(usual);
        self.state = State::Queued { avoid, hurried, until };
    }

    fn connect(&mut self, server: ServerIdx, now: Mono) {
        let until = self.settings.connect.map_or(Mono::FAR, |limit| now + limit);
        self.state = State::Connecting { server, until };
        self.pending.step = Some(Step::Connect(server));
    }

    fn pause(&mut self, server: ServerIdx, chosen_anew: bool, now: Mono) {
        self.state = State::Pausing {
            server,
            until: now + self.settings.turn_around(),
            chosen_anew,
        };
        self.pending.step = None;
    }

    fn established(&mut self, server: ServerIdx, now: Mono) {
        self.state = State::Relaying {
            finished: None,
            ending: Ending::NORMAL,
        };
        self.connected = Some(now);
        self.seen.server = now;
        if self.settings.tunnel.is_some() {
            self.seen.client = now;
        }
        self.pending.step = Some(Step::Established(server));
    }

    fn refused(&mut self, server: ServerIdx, failure: ConnectFailure, now: Mono) {
        match failure {
            ConnectFailure::Refused => self.retry(server, Who::Server, false, now),
            ConnectFailure::Resource => self.retry(server, Who::Resource, true, now),
            ConnectFailure::Internal => self.give_up(Who::Internal, now),
        }
    }

    fn connect_timed_out(&mut self, server: ServerIdx, now: Mono) {
        self.abort_connect();
        self.retry(server, Who::ServerTimeout, true, now);
    }

    /// Tries again, if retries are left. `hurried`: a retry of the same server need not be preceded by a pause, since
    /// the failed attempt took its time or did not reach the server.
    fn retry(&mut self, server: ServerIdx, who: Who, hurried: bool, now: Mono) {
        if self.retries >= self.settings.retries {
            return self.give_up(who, now);
        }
        self.retries += 1;
        let redispatch = self.settings.redispatch;
        if redispatch.due(self.retries, self.settings.retries) || self.may_leave && redispatch.allowed() {
            self.pick(Some(server), hurried);
        } else if hurried {
            self.connect(server, now);
        } else {
            self.pause(server, false, now);
        }
    }

    fn finished(&mut self, side: Side, finished: Option<Side>, ending: Ending, now: Mono) {
        match finished {
            Some(before) if before == side => {}
            Some(_) => {
                self.pending.shutdown = Some(side.other());
                self.close(ending, now);
            }
            None => self.half_close(side, ending, now),
        }
    }

    fn half_close(&mut self, side: Side, ending: Ending, now: Mono) {
        self.state = State::Relaying {
            finished: Some(side),
            ending,
        };
        self.pending.shutdown = Some(side.other());
        // The half-close timeout, where there is one, begins when the FIN is passed on; else the old one goes on.
        if self.fin_limit(side.other()).is_some() {
            *self.seen.of(side.other()) = now;
        }
    }

    /// An error of the client is always logged as of the data phase, as HAProxy does.
    fn failed(&mut self, side: Side, now: Mono) {
        let ending = self.ending_or(Ending::new(Who::aborted(side), Phase::Data));
        self.close(ending, now);
    }

    /// A side that is silent for too long is treated as one that finished: the other may still have an answer under
    /// way and gets its own time for it (seen on HAProxy). What ended the connection is what came first.
    fn timed_out(&mut self, side: Side, now: Mono) {
        let ending = self.ending_or(Ending::new(Who::timed_out(side), self.phase()));
        match self.state {
            State::Relaying { finished: None, .. } => {
                self.half_close(side, ending, now);
                if self.idle_side(now).is_some() {
                    self.close(ending, now);
                }
            }
            _ => self.close(ending, now),
        }
    }

    fn kill(&mut self, reason: KillReason, now: Mono) {
        let who = match reason {
            KillReason::ServerDown => Who::Down,
            KillReason::ActiveUp => Who::Up,
            KillReason::Admin | KillReason::Shutdown => Who::Killed,
        };
        let phase = match self.state {
            State::Relaying { .. } => Phase::Done,
            _ => self.phase(),
        };
        self.close(Ending::new(who, phase), now);
    }

    /// No attempt is left. A client that was silent too long meanwhile is named as the cause, as in HAProxy.
    fn give_up(&mut self, who: Who, now: Mono) {
        let client_was_idle = self
            .settings
            .client
            .is_some_and(|limit| self.seen.client + limit <= now);
        let who = if client_was_idle { Who::ClientTimeout } else { who };
        self.pending.step = None;
        self.finish(Ending::new(who, Phase::Connect), now);
    }

    fn phase(&self) -> Phase {
        match self.state {
            State::Inspecting { .. } => Phase::Request,
            State::New | State::Picking { .. } | State::Queued { .. } => Phase::Queue,
            State::Connecting { .. } | State::Pausing { .. } => Phase::Connect,
            State::Relaying { .. } | State::Closed { .. } => Phase::Data,
        }
    }

    /// The first cause stays the cause.
    fn ending_or(&self, new: Ending) -> Ending {
        match self.state {
            State::Relaying { ending, .. } if !ending.is_normal() => ending,
            _ => new,
        }
    }

    fn close(&mut self, ending: Ending, now: Mono) {
        // HAProxy counts the time in the queue unless it was the client's that ran out.
        if matches!(self.state, State::Queued { .. }) && ending.who != Who::ClientTimeout {
            self.chosen = Some(now);
        }
        if matches!(self.state, State::Connecting { .. }) {
            self.abort_connect();
        }
        if !matches!(self.pending.step, Some(Step::Established(_))) {
            self.pending.step = None;
        }
        self.finish(ending, now);
    }

    fn finish(&mut self, ending: Ending, now: Mono) {
        self.state = State::Closed { ending, at: now };
        self.pending.close = Some(ending);
    }

    /// A connect that nobody was asked for yet needs no abort.
    fn abort_connect(&mut self) {
        let asked = self.pending.step.is_none();
        self.pending.step = None;
        self.pending.abort |= asked;
    }

    fn step_until(&self) -> Option<Mono> {
        match self.state {
            State::Inspecting { until }
            | State::Queued { until, .. }
            | State::Connecting { until, .. }
            | State::Pausing { until, .. } => Some(until).filter(|&at| at != Mono::FAR),
            _ => None,
        }
    }

    /// When this side will have been silent for too long.
    fn idle_until(&self, side: Side) -> Option<Mono> {
        let limit = self.idle_limit(side)?;
        Some(self.seen.when(side) + limit)
    }

    fn idle_limit(&self, side: Side) -> Option<Duration> {
        let s = &*self.settings;
        let plain = match side {
            Side::Client => s.client,
            Side::Server => s.server,
        };
        match self.state {
            // While a connect is under way the client's silence waits for its outcome.
            State::New | State::Connecting { .. } | State::Closed { .. } => None,
            State::Inspecting { .. } | State::Picking { .. } | State::Queued { .. } | State::Pausing { .. } => {
                plain.filter(|_| side == Side::Client)
            }
            State::Relaying { finished: None, .. } => s.tunnel.or(plain),
            // The side that finished owes nothing any more.
            State::Relaying {
                finished: Some(done), ..
            } if done == side => None,
            State::Relaying { finished: Some(_), .. } => self.fin_limit(side).or(s.tunnel).or(plain),
        }
    }

    fn fin_limit(&self, side: Side) -> Option<Duration> {
        match side {
            Side::Client => self.settings.client_fin,
            Side::Server => self.settings.server_fin,
        }
    }

    /// The side whose patience has ended. Within the same millisecond it is the client's, as in HAProxy, whose clock
    /// has no finer step: two equal timeouts then end every connection in the same way.
    fn idle_side(&self, now: Mono) -> Option<Side> {
        let sides = [Side::Client, Side::Server].map(|side| (side, self.idle_until(side)));
        if !sides.iter().any(|(_, until)| until.is_some_and(|at| at <= now)) {
            return None;
        }
        let same_step = |at: Mono| at.as_millis() <= now.as_millis();
        sides
            .into_iter()
            .find(|(_, until)| until.is_some_and(same_step))
            .map(|(side, _)| side)
    }
}

impl Seen {
    fn of(&mut self, side: Side) -> &mut Mono {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    fn when(self, side: Side) -> Mono {
        match side {
            Side::Client => self.client,
            Side::Server => self.server,
        }
    }
}
