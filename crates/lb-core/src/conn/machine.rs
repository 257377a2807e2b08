//! The machine of one connection.

use std::sync::Arc;
use std::time::Duration;

use tandem_time::Mono;

use super::{ConnSettings, ConnectFailure, Ending, Input, KillReason, Output, Phase, Side, Summary, Who};
use crate::ServerIdx;

/// One proxied connection.
#[derive(Clone, Debug)]
pub struct Conn {
    settings: Arc<ConnSettings>,
    state: State,
    pending: Pending,
    began: Mono,
    /// Since accept, when a server was last chosen, when it accepted, when all ended.
    chosen: Option<Mono>,
    connected: Option<Mono>,
    seen: Seen,
    server: Option<ServerIdx>,
    retries: u32,
    redispatched: bool,
    may_leave: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    /// A server is being chosen; after a failure, one that may differ from `avoid`.
    Picking {
        avoid: Option<ServerIdx>,
        hurried: bool,
    },
    Connecting {
        server: ServerIdx,
        until: Mono,
    },
    /// The turn-around before the same server is tried again.
    Pausing {
        server: ServerIdx,
        until: Mono,
    },
    Relaying {
        finished: Option<Side>,
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

/// What was decided and not yet asked for. A place for each kind, so nothing can pile up.
#[derive(Clone, Copy, Debug, Default)]
struct Pending {
    abort: bool,
    step: Option<Step>,
    shutdown: Option<Side>,
    close: Option<Ending>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Pick { avoid: Option<ServerIdx> },
    Connect(ServerIdx),
    Established(ServerIdx),
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
        }
    }

    pub fn handle(&mut self, input: Input, now: Mono) {
        match (input, self.state) {
            (_, State::Closed { .. }) => {}
            (Input::Kill(reason), _) => self.kill(reason, now),
            (Input::Begin, State::New) => self.pick(None, false),
            (Input::Picked(picked), State::Picking { avoid, hurried }) => self.picked(picked, avoid, hurried, now),
            (Input::MayLeave, _) => self.may_leave = true,
            (Input::Connected, State::Connecting { server, .. }) => self.established(server, now),
            (Input::ConnectFailed(failure), State::Connecting { server, .. }) => self.refused(server, failure, now),
            (Input::Finished(side), State::Relaying { finished }) => self.finished(side, finished, now),
            // Before there is a server, a client that will say no more has nothing to wait for.
            (Input::Finished(Side::Client), _) | (Input::Failed(Side::Client, _), _) => {
                self.end(Who::Client, now);
            }
            (Input::Failed(Side::Server, _), State::Relaying { .. }) => self.end(Who::Server, now),
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
            return self.end(Who::timed_out(side), now);
        }
        match self.state {
            State::Connecting { server, until } if until <= now => self.connect_timed_out(server, now),
            State::Pausing { server, until } if until <= now => self.connect(server, now),
            _ => {}
        }
    }

    /// Bytes were read from or written to that side. Cheap: called on every step of the relay.
    pub fn touched(&mut self, side: Side, now: Mono) {
        *self.seen.of(side) = now;
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

    fn pick(&mut self, avoid: Option<ServerIdx>, hurried: bool) {
        self.state = State::Picking { avoid, hurried };
        self.pending.step = Some(Step::Pick { avoid });
        self.may_leave = false;
    }

    fn picked(&mut self, picked: Option<ServerIdx>, avoid: Option<ServerIdx>, hurried: bool, now: Mono) {
        self.server = picked;
        let Some(server) = picked else {
            self.chosen = None;
            return self.end(Who::Server, now);
        };
        self.chosen = Some(now);
        let same = avoid == picked;
        self.redispatched |= avoid.is_some() && !same;
        if same && !hurried {
            self.pause(server, now)
        } else {
            self.connect(server, now)
        }
    }

    fn connect(&mut self, server: ServerIdx, now: Mono) {
        let until = self.settings.connect.map_or(Mono::FAR, |limit| now + limit);
        self.state = State::Connecting { server, until };
        self.pending.step = Some(Step::Connect(server));
    }

    fn pause(&mut self, server: ServerIdx, now: Mono) {
        self.state = State::Pausing {
            server,
            until: now + self.settings.turn_around(),
        };
        self.pending.step = None;
    }

    fn established(&mut self, server: ServerIdx, now: Mono) {
        self.state = State::Relaying { finished: None };
        self.connected = Some(now);
        self.seen.server = now;
        self.pending.step = Some(Step::Established(server));
    }

    fn refused(&mut self, server: ServerIdx, failure: ConnectFailure, now: Mono) {
        match failure {
            ConnectFailure::Refused => self.retry(server, Who::Server, false, now),
            ConnectFailure::Resource => self.retry(server, Who::Resource, true, now),
            ConnectFailure::Internal => self.end_without_connect(Who::Internal, now),
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
            return self.end_without_connect(who, now);
        }
        self.retries += 1;
        let redispatch = self.settings.redispatch;
        if redispatch.due(self.retries, self.settings.retries) || self.may_leave && redispatch.allowed() {
            self.pick(Some(server), hurried);
        } else if hurried {
            self.connect(server, now);
        } else {
            self.pause(server, now);
        }
    }

    fn finished(&mut self, side: Side, finished: Option<Side>, now: Mono) {
        match finished {
            Some(before) if before == side => {}
            Some(_) => {
                self.pending.shutdown = Some(side.other());
                self.close(Ending::NORMAL, now);
            }
            None => {
                self.state = State::Relaying { finished: Some(side) };
                self.pending.shutdown = Some(side.other());
                // The half-close timeout begins when the FIN is passed on.
                *self.seen.of(side.other()) = now;
            }
        }
    }

    fn kill(&mut self, reason: KillReason, now: Mono) {
        let who = match reason {
            KillReason::ServerDown => Who::Down,
            KillReason::ActiveUp => Who::Up,
            KillReason::Admin | KillReason::Shutdown => Who::Killed,
        };
        self.close(Ending::new(who, Phase::Done), now);
    }

    /// Ends it in the phase it is in.
    fn end(&mut self, who: Who, now: Mono) {
        let phase = match self.state {
            State::New | State::Picking { .. } | State::Connecting { .. } | State::Pausing { .. } => Phase::Connect,
            State::Relaying { .. } | State::Closed { .. } => Phase::Data,
        };
        self.close(Ending::new(who, phase), now);
    }

    fn end_without_connect(&mut self, who: Who, now: Mono) {
        self.pending.step = None;
        self.state = State::Closed {
            ending: Ending::new(who, Phase::Connect),
            at: now,
        };
        self.pending.close = Some(Ending::new(who, Phase::Connect));
    }

    fn close(&mut self, ending: Ending, now: Mono) {
        if matches!(self.state, State::Connecting { .. }) {
            self.abort_connect();
        }
        if !matches!(self.pending.step, Some(Step::Established(_))) {
            self.pending.step = None;
        }
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
            State::Connecting { until, .. } | State::Pausing { until, .. } => Some(until).filter(|&at| at != Mono::FAR),
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
        let (plain, fin) = match side {
            Side::Client => (s.client, s.client_fin),
            Side::Server => (s.server, s.server_fin),
        };
        match self.state {
            State::Closed { .. } | State::New => None,
            State::Relaying { finished: None } => s.tunnel.or(plain),
            // The side that finished owes nothing any more.
            State::Relaying { finished: Some(done) } if done == side => None,
            State::Relaying { finished: Some(_) } => fin.or(s.tunnel).or(plain),
            _ if side == Side::Client => plain,
            _ => None,
        }
    }

    /// The side whose patience has ended; the client when it is both, as in HAProxy.
    fn idle_side(&self, now: Mono) -> Option<Side> {
        [Side::Client, Side::Server]
            .into_iter()
            .find(|&side| self.idle_until(side).is_some_and(|at| at <= now))
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

impl Pending {
    fn take(&mut self) -> Option<Output> {
        if std::mem::take(&mut self.abort) {
            return Some(Output::AbortConnect);
        }
        if let Some(step) = self.step.take() {
            return Some(step.output());
        }
        if let Some(side) = self.shutdown.take() {
            return Some(Output::ShutdownWrite(side));
        }
        self.close.take().map(Output::Close)
    }
}

impl Step {
    fn output(self) -> Output {
        match self {
            Step::Pick { avoid } => Output::Pick { avoid },
            Step::Connect(server) => Output::Connect(server),
            Step::Established(server) => Output::Established(server),
        }
    }
}
