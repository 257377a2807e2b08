//! What somebody takes away that is no address of an instance, and how often it is put back.
//!
//! As with virtual addresses: at once, until it becomes a fight with another program; then after a second's pause, and so
//! on.

use std::net::IpAddr;

use tandem_sys::netlink::{Index, Request, Route, Rule};

use super::Brain;
use super::holding::request;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Taken {
    Route(Route),
    Rule(Rule),
    Static(Index, IpAddr),
}

impl Brain {
    pub(super) fn was_taken(&mut self, what: Taken) {
        let now = self.now();
        if let Some(what) = self.taken.take(what, now) {
            self.put_back(what);
        }
    }

    /// What has waited because it was taken too often.
    pub(super) fn put_back_later(&mut self) {
        let now = self.now();
        self.taken.due(now).into_iter().for_each(|what| self.put_back(what));
    }

    /// If it ought to be there still.
    fn put_back(&mut self, what: Taken) {
        let wanted = match what {
            Taken::Route(route) => {
                let wanted = self.tracked_routes().contains(&route);
                wanted.then_some(Request::AddRoute(route))
            }
            Taken::Rule(rule) => {
                let policies = self.tracked_policies();
                let wanted = policies.iter().flat_map(|p| &p.rules).any(|wanted| wanted.rule == rule);
                wanted.then_some(Request::AddRule(rule))
            }
            Taken::Static(index, ip) => {
                let wanted = self.statics.has(self.network.name(index), ip);
                wanted.and_then(|a| request(a, index)).map(Request::AddAddress)
            }
        };
        if let Some(wanted) = wanted {
            self.ask(wanted);
        }
    }
}
