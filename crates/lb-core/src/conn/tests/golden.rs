//! The endings that the installed HAProxy logged (`golden/capture.py`), played again on the machine in virtual time.

use super::*;
use Act::*;
use Side::{Client, Server};

const ENDINGS: &str = include_str!("../golden/endings.tsv");

/// What happens from outside, at its time.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// A byte from one side to the other: both sides move.
    Byte,
    Fin(Side),
    Reset(Side),
    Killed(KillReason),
}

/// What a server does with a connect.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Target {
    Accepts,
    Refuses,
    Silent,
    /// Refuses until then (milliseconds).
    AcceptsFrom(u64),
}

/// One of the scenarios of the capture.
struct Play {
    settings: ConnSettings,
    targets: &'static [Target],
    acts: Vec<(u64, Act)>,
    /// The server answers a FIN with its own after that long.
    server_closes: Option<u64>,
    client_closes: Option<u64>,
    may_leave: bool,
}

const ECHO: &[Target] = &[Target::Accepts];
const CLOSED: &[Target] = &[Target::Refuses];
const FULL: &[Target] = &[Target::Silent];
const SECOND: &[Target] = &[Target::Refuses, Target::Accepts];

fn base() -> ConnSettings {
    ConnSettings {
        client: ms(20_000),
        server: ms(20_000),
        connect: ms(5_000),
        retries: 3,
        ..ConnSettings::default()
    }
}

fn play(change: impl FnOnce(&mut ConnSettings), targets: &'static [Target], acts: &[(u64, Act)]) -> Play {
    let mut settings = base();
    change(&mut settings);
    Play {
        settings,
        targets,
        acts: acts.to_vec(),
        server_closes: Some(0),
        client_closes: Some(0),
        may_leave: false,
    }
}

impl Play {
    fn server_closes(self, after: Option<u64>) -> Play {
        Play {
            server_closes: after,
            ..self
        }
    }

    fn client_closes(self, after: Option<u64>) -> Play {
        Play {
            client_closes: after,
            ..self
        }
    }

    fn may_leave(self) -> Play {
        Play {
            may_leave: true,
            ..self
        }
    }

    fn run(mut self) -> Conn {
        let mut c = Conn::new(Arc::new(self.settings), at(0));
        c.handle(Input::Begin, at(0));
        let mut now = at(0);
        for _ in 0..1000 {
            while let Some(output) = c.poll_output() {
                if let Output::Close(_) = output {
                    return c;
                }
                self.carry_out(&mut c, output, now);
            }
            let act = self.acts.iter().map(|&(ms, _)| ms).min();
            let due = c.poll_deadline();
            match act {
                Some(ms) if due.is_none_or(|due| at(ms) <= due) => {
                    now = now.max(at(ms));
                    self.next_act(&mut c, now);
                }
                _ => {
                    now = now.max(due.expect("something is to happen yet"));
                    c.on_deadline(now);
                }
            }
        }
        panic!("it does not end: {c:?}");
    }

    fn carry_out(&mut self, c: &mut Conn, output: Output, now: Mono) {
        match output {
            Output::Pick { avoid } => {
                let mut places = (0..self.targets.len() as u32).map(ServerIdx);
                let first = self.targets.first().map(|_| A);
                // A hash that avoids the failed one: the capture's three servers have only one that accepts.
                let other = places.find(|&s| Some(s) != avoid && (avoid.is_none() || self.accepts(s)));
                c.handle(Input::Picked(other.or(first)), now);
                if self.may_leave {
                    c.handle(Input::MayLeave, now);
                }
            }
            Output::Connect(server) => match self.targets[server.place()] {
                Target::Accepts => c.handle(Input::Connected, now),
                Target::Refuses => c.handle(Input::ConnectFailed(ConnectFailure::Refused), now),
                Target::AcceptsFrom(ms) if now >= at(ms) => c.handle(Input::Connected, now),
                Target::AcceptsFrom(_) => c.handle(Input::ConnectFailed(ConnectFailure::Refused), now),
                Target::Silent => {}
            },
            Output::ShutdownWrite(side) => {
                let closes = if side == Server {
                    self.server_closes
                } else {
                    self.client_closes
                };
                self.acts
                    .extend(closes.map(|after| (now.as_millis() + after, Fin(side))));
            }
            Output::Inspect { .. } | Output::AbortConnect | Output::Established(_) | Output::Close(_) => {}
        }
    }

    fn accepts(&self, server: ServerIdx) -> bool {
        self.targets[server.place()] == Target::Accepts
    }

    fn next_act(&mut self, c: &mut Conn, now: Mono) {
        let first = (0..self.acts.len())
            .min_by_key(|&i| self.acts[i].0)
            .expect("there is an act");
        match self.acts.remove(first).1 {
            Byte => [Server, Client].into_iter().for_each(|side| c.touched(side, now)),
            Fin(side) => c.handle(Input::Finished(side), now),
            Reset(side) => c.handle(Input::Failed(side, IoFailure::Reset), now),
            Killed(reason) => c.handle(Input::Kill(reason), now),
        }
    }
}

/// The same scenarios as in the capture, under the same names.
#[rustfmt::skip]
fn scenario(name: &str) -> Play {
    let same = |_: &mut ConnSettings| {};
    match name {
        "normal_client_first" | "normal_silent" | "talk_after_client_fin" | "separate_errors_normal"
            => play(same, ECHO, &[(0, Fin(Client))]),
        "normal_server_first" => play(same, ECHO, &[(0, Fin(Server))]),
        "client_reset" | "separate_errors_reset" => play(same, ECHO, &[(0, Reset(Client))]),
        "server_reset" => play(same, ECHO, &[(0, Reset(Server))]),
        "client_fin_then_server_reset" => play(same, ECHO, &[(0, Fin(Client)), (1, Reset(Server))]).server_closes(None),
        "server_fin_then_client_reset" => play(same, ECHO, &[(0, Fin(Server)), (1, Reset(Client))]).client_closes(None),
        "client_fin_then_client_gone" => play(same, ECHO, &[(0, Fin(Client)), (100, Reset(Client))]).server_closes(None),
        "client_timeout" | "separate_errors_timeout" => play(|s| s.client = ms(300), ECHO, &[]),
        "client_timeout_then_late_answer" => play(|s| s.client = ms(300), ECHO, &[]).server_closes(Some(300)),
        "client_timeout_then_server_silent"
            => play(|s| (s.client, s.server) = (ms(300), ms(900)), ECHO, &[]).server_closes(None),
        "server_timeout_then_client_silent"
            => play(|s| (s.client, s.server) = (ms(900), ms(300)), ECHO, &[]).client_closes(None),
        "client_timeout_then_server_reset"
            => play(|s| s.client = ms(300), ECHO, &[(600, Reset(Server))]).server_closes(None),
        "server_timeout" => play(|s| s.server = ms(300), ECHO, &[]),
        "both_timeouts_equal" => play(|s| (s.client, s.server) = (ms(300), ms(300)), ECHO, &[(5, Byte)]),
        "both_timeouts_equal_silent" => play(|s| (s.client, s.server) = (ms(300), ms(300)), ECHO, &[]),
        "tunnel_timeout" | "tunnel_timeout_silent"
            => play(|s| (s.client, s.server, s.tunnel) = (ms(300), ms(200), ms(600)), ECHO, &[]),
        "client_fin_then_server_silent" => play(|s| s.server = ms(300), ECHO, &[(0, Fin(Client))]).server_closes(None),
        "client_fin_outlives_client_timeout"
            => play(|s| s.client = ms(300), ECHO, &[(0, Fin(Client))]).server_closes(Some(600)),
        "server_fin_timeout" => play(|s| s.server_fin = ms(300), ECHO, &[(0, Fin(Client))]).server_closes(None),
        "server_fin_then_client_silent" => play(|s| s.client = ms(300), ECHO, &[(0, Fin(Server))]).client_closes(None),
        "client_fin_timeout" => play(|s| s.client_fin = ms(300), ECHO, &[(0, Fin(Server))]).client_closes(None),
        "client_fin_beats_tunnel"
            => play(|s| (s.client_fin, s.tunnel) = (ms(300), ms(600)), ECHO, &[(0, Fin(Server))]).client_closes(None),
        "server_fin_longer_than_tunnel"
            => play(|s| (s.server_fin, s.server, s.tunnel) = (ms(900), ms(200), ms(600)), ECHO, &[(0, Fin(Client))]).server_closes(None),
        "half_closed_tunnel" => play(|s| s.tunnel = ms(600), ECHO, &[(0, Fin(Client))]).server_closes(None),
        "busy_then_client_timeout"
            => play(|s| s.client = ms(300), ECHO, &[(150, Byte), (300, Byte), (450, Byte), (600, Byte)]),
        "refused_retries_2" | "no_redispatch_round_robin" => play(|s| s.retries = 2, CLOSED, &[]),
        "refused_retries_0" => play(|s| s.retries = 0, CLOSED, &[]),
        "refused_short_connect_timeout" => play(|s| (s.retries, s.connect) = (2, ms(300)), CLOSED, &[]),
        "connect_timeout" => play(|s| (s.retries, s.connect) = (1, ms(300)), FULL, &[]),
        "connect_timeout_retries_0" => play(|s| (s.retries, s.connect) = (0, ms(300)), FULL, &[]),
        "client_timeout_while_connecting"
            => play(|s| (s.retries, s.connect, s.client) = (1, ms(900), ms(300)), FULL, &[]),
        "client_fin_while_connecting" => play(same, FULL, &[(300, Fin(Client))]),
        "client_reset_while_connecting" => play(same, FULL, &[(300, Reset(Client))]),
        // Its bytes cannot be delivered, so to the machine it has not finished.
        "client_talks_and_fins_while_connecting" => play(|s| (s.retries, s.connect) = (0, ms(600)), FULL, &[]),
        "client_reset_while_pausing" => play(|s| s.retries = 1, CLOSED, &[(300, Reset(Client))]),
        "client_fin_while_pausing" => play(|s| s.retries = 1, CLOSED, &[(300, Fin(Client))]),
        "client_timeout_while_pausing" => play(|s| (s.retries, s.client) = (1, ms(300)), CLOSED, &[]),
        "dontlog_normal_retried" | "separate_errors_retried"
            => play(same, &[Target::AcceptsFrom(300)], &[(1001, Fin(Client))]),
        "no_server" => play(same, &[], &[]),
        "redispatch_round_robin" | "redispatch_leastconn" | "redispatch_first" | "dontlog_normal_redispatched"
        | "separate_errors_redispatched"
            => play(|s| (s.retries, s.redispatch) = (2, Redispatch::FromLast(1)), SECOND, &[(1, Fin(Client))]).may_leave(),
        "redispatch_source"
            => play(|s| (s.retries, s.redispatch) = (2, Redispatch::FromLast(1)), &[Target::Refuses, Target::Refuses, Target::Accepts], &[(1001, Fin(Client))]),
        "redispatch_to_the_same"
            => play(|s| (s.retries, s.redispatch) = (3, Redispatch::FromLast(1)), CLOSED, &[]),
        "redispatch_after_connect_timeout"
            => play(|s| (s.retries, s.connect, s.redispatch) = (1, ms(300), Redispatch::FromLast(1)), &[Target::Silent, Target::Accepts], &[(301, Fin(Client))]).may_leave(),
        "killed_by_admin" => play(same, ECHO, &[(5, Killed(KillReason::Admin))]),
        "killed_by_server_down" => play(same, ECHO, &[(5, Killed(KillReason::ServerDown))]),
        "killed_while_connecting" => play(same, FULL, &[(300, Killed(KillReason::Admin))]),
        "killed_half_closed"
            => play(same, ECHO, &[(0, Fin(Server)), (5, Killed(KillReason::Admin))]).client_closes(None),
        _ => panic!("a scenario that nobody plays here: {name}"),
    }
}

/// A time as the capture writes it.
fn step(time: Option<Duration>) -> String {
    time.map_or("-1".to_owned(), |t| ((t.as_millis() + 50) / 100 * 100).to_string())
}

#[test]
fn ends_as_haproxy_does() {
    for row in ENDINGS.lines().filter(|row| !row.starts_with('#')) {
        let name = row.split('\t').next().expect("a name");
        let s = scenario(name).run().summary(at(0));
        let server = s
            .server
            .map_or("<NOSRV>".to_owned(), |server| format!("s{}", server.0 + 1));
        let redispatched = if s.redispatched { "+" } else { "" };
        let (wait, connect, total) = (step(s.wait), step(s.connect), step(Some(s.total)));
        let ours = format!(
            "{name}\t{}\t{wait}\t{connect}\t{total}\t{redispatched}{}\t{server}",
            s.ending, s.retries
        );
        assert_eq!(ours, row);
    }
}
