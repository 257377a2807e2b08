//! What becomes of the brokers behind the pair: both balancers ask them, so their failures move nothing but clients, unless
//! one host alone does not reach them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tandem_lb_config::{Plan, Server};

use super::failure::Pair;
use super::side::{Looks, Tracked};
use crate::rhythm::{self, Failure};

pub struct Backend {
    name: Arc<str>,
    servers: usize,
    is_checked: bool,
    /// Until no new client goes to a broker that refuses everybody; `None` where no check sees it.
    dies: Option<Duration>,
    /// The same of one whose host is gone.
    lost: Option<Duration>,
    /// The same of one that takes connections and says nothing.
    hangs: Option<Duration>,
    back: Option<Duration>,
    alone: Alone,
    /// Where neither host reaches a broker both are in fault.
    is_given_up: bool,
}

/// What the pair does when one host reaches none of the brokers and the other does.
enum Alone {
    Unseen,
    Stays,
    Moves(Duration),
}

pub fn of(plan: &Plan, pair: &Pair) -> Vec<Backend> {
    let with_servers = plan.backends.iter().filter(|backend| !backend.servers.is_empty());
    with_servers
        .map(|backend| Backend::new(&backend.name, &backend.servers, pair))
        .collect()
}

impl Backend {
    fn new(name: &Arc<str>, servers: &[Server], pair: &Pair) -> Backend {
        let longest = |time: &dyn Fn(&Server) -> Option<Duration>| {
            let all: Option<Vec<Duration>> = servers.iter().map(time).collect();
            all?.into_iter().max()
        };
        let down = |failure: Failure| longest(&|server| rhythm::until_down(server, failure));
        let lost = down(Failure::IsGone);
        let asks = |side: usize| -> Vec<Tracked> {
            let tracked = pair.hosts[side].tracked.iter();
            tracked
                .filter(|it| it.backend.as_ref() == Some(name))
                .cloned()
                .collect()
        };
        let [ours, others] = [asks(0), asks(1)];
        Backend {
            name: Arc::clone(name),
            servers: servers.len(),
            is_checked: servers.iter().all(|server| server.check.is_some()),
            dies: down(Failure::Refuses),
            lost,
            hangs: down(Failure::Hangs),
            back: longest(&|server| rhythm::until_up(server, Failure::Refuses)),
            alone: match lost {
                Some(down) => alone(pair, &ours, down),
                None => Alone::Unseen,
            },
            is_given_up: pair.hosts[0].explain(&ours).has_fault() && pair.hosts[1].explain(&others).has_fault(),
        }
    }

    pub fn value(&self) -> Value {
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
        json!({
            "name": &*self.name,
            "servers": self.servers,
            "dies": seconds(self.dies),
            "lost": seconds(self.lost),
            "hangs": seconds(self.hangs),
            "back": seconds(self.back),
            "out_of_reach_of_one_host": match self.alone {
                Alone::Moves(time) => Some(time.as_secs_f64()),
                Alone::Unseen | Alone::Stays => None,
            },
            "all_die": if self.is_given_up { "both hosts give the address up" } else { "the address stays" },
        })
    }
}

fn alone(pair: &Pair, asks: &[Tracked], down: Duration) -> Alone {
    let noticed = |tracked: &Tracked| match tracked.looks {
        Looks::IfItAnswers(soon) => soon,
        Looks::IfItIsThere(_) | Looks::Elsewhere => tracked.noticed,
    };
    let Some(noticed) = asks.iter().map(noticed).max() else {
        return Alone::Unseen;
    };
    pair.without(asks)
        .map_or(Alone::Stays, |wait| Alone::Moves(down + noticed + wait))
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unseen = match self.is_checked {
            true => "for ever: its checks only connect",
            false => "for ever: nothing checks it",
        };
        let seconds = |time: Option<Duration>| time.map(|time| format!("{:.3}", time.as_secs_f64()));
        writeln!(f, "backend {}, {} servers: seconds at most", self.name, self.servers)?;
        for (what, time, then) in [
            ("a broker dies", self.dies, "until no new client goes to it"),
            ("a broker's host is lost", self.lost, "until no new client goes to it"),
            ("a broker hangs", self.hangs, "until no new client goes to it"),
            ("it comes back", self.back, "until it has clients again"),
        ] {
            match seconds(time) {
                Some(time) => writeln!(f, "{what:32}{time:>10}  {then}")?,
                None => writeln!(f, "{what:32}{unseen}")?,
            }
        }
        let what = "one host reaches none of them";
        match self.alone {
            Alone::Moves(time) => {
                let time = time.as_secs_f64();
                writeln!(f, "{what:32}{time:>10.3}  until the other has the address")?;
            }
            Alone::Stays => writeln!(f, "{what:32}the address stays: its weights are too small")?,
            Alone::Unseen => writeln!(f, "{what:32}the address stays: nothing that is tracked asks")?,
        }
        let all = match self.is_given_up {
            true => "nobody serves until one is back, and both hosts give the address up",
            false => "nobody serves until one is back; the address stays",
        };
        writeln!(f, "{:32}{all}", "all of them die")
    }
}
