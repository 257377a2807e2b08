//! What an operator changes while the balancer runs, and the words in which it is refused (reference 4.2).
//!
//! The socket's commands and the page's form both come here. An order has been carried out when its method returns.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::str::FromStr;
use std::sync::Arc;

use tandem_lb_config as plan;
use tandem_lb_core::ServerIdx;
use tandem_lb_core::backend::{Input, Operation, ServerReport};
use tandem_lb_core::health::AdminChange;
use thiserror::Error;

use crate::address::{Recheck, ServerAddress};
use crate::keeper::Keeper;
use crate::servers::{AgentPlace, Server};
use crate::tracking;

/// Why an order was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Refusal {
    #[error("No such backend.")]
    NoBackend,
    #[error("No such server.")]
    NoServer,
    #[error("Health check was not configured on this server, cannot enable.")]
    NoCheck,
    #[error("Agent was not configured on this server, cannot enable.")]
    NoAgent,
    #[error("Require <weight> or <weight%>.")]
    WeightMissing,
    #[error("Empty weight string empty or preceded by garbage")]
    WeightNoNumber,
    #[error("Trailing garbage in weight string")]
    WeightTrailing,
    #[error("Relative weight must be positive.")]
    WeightNegative,
    #[error("Absolute weight can only be between 0 and 256 inclusive.")]
    WeightRange,
    #[error("Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.")]
    WeightFixed,
}

/// Why no order is taken at all: what it would change here, another process has taken over by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Recess {
    #[error("Nothing was changed: a successor takes over at this moment. Say it again in a few seconds.")]
    Giving,
    #[error("Nothing was changed: another process has taken over. Connect again, and say it to that one.")]
    Given,
}

/// A weight as an operator writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    Absolute(u16),
    /// Of the weight in the configuration.
    Percent(u32),
}

/// Every backend, to be given orders. Copies are the same.
#[derive(Clone)]
pub(crate) struct Orders {
    keepers: Rc<RefCell<Rc<[Rc<Keeper>]>>>,
    recess: Rc<Cell<Option<Recess>>>,
}

/// One server, to be given orders.
#[derive(Clone)]
pub(crate) struct ServerOrders {
    keeper: Rc<Keeper>,
    idx: ServerIdx,
}

impl Orders {
    pub(crate) fn new(keepers: impl Into<Rc<[Rc<Keeper>]>>) -> Orders {
        let keepers = keepers.into();
        tracking::gather(&keepers);
        Orders {
            keepers: Rc::new(RefCell::new(keepers)),
            recess: Rc::default(),
        }
    }

    /// Why nothing is to be changed now, if so. Whoever is about to give an order looks first.
    pub(crate) fn recess(&self) -> Option<Recess> {
        self.recess.get()
    }

    /// While a successor is being told how the servers are, nothing becomes of checks either: it would hear of them as
    /// little as of orders.
    pub(crate) fn set_recess(&self, recess: Option<Recess>) {
        self.recess.set(recess);
        for keeper in self.backends().iter() {
            match recess {
                Some(Recess::Giving) => keeper.hold_checks(),
                None | Some(Recess::Given) => keeper.release_checks(),
            }
        }
    }

    /// All backends, in the order of the configuration.
    pub(crate) fn backends(&self) -> Rc<[Rc<Keeper>]> {
        self.keepers.borrow().clone()
    }

    /// From now on there are these.
    pub(crate) fn replace(&self, keepers: impl Into<Rc<[Rc<Keeper>]>>) {
        self.keepers.replace(keepers.into());
        tracking::gather(&self.backends());
    }

    /// The backend of that name, or of that number when it is written `#number`.
    pub(crate) fn backend(&self, name: &str) -> Result<Rc<Keeper>, Refusal> {
        let is_it = |keeper: &&Rc<Keeper>| {
            let plan = &keeper.backend().now().plan;
            numbered(name).map_or_else(|| *plan.name == *name, |id| plan.id == id)
        };
        self.backends().iter().find(is_it).cloned().ok_or(Refusal::NoBackend)
    }

    /// The server; either name may be a `#number`.
    pub(crate) fn server(&self, backend: &str, server: &str) -> Result<ServerOrders, Refusal> {
        let keeper = self.backend(backend)?;
        let number = numbered(server);
        let is_it = |plan: &plan::Server| number.map_or_else(|| *plan.name == *server, |id| plan.id.0 == id);
        let found = keeper.backend().now();
        let found = found.servers.all().find(|s| is_it(&s.plan())).map(|s| s.place);
        let idx = found.ok_or(Refusal::NoServer)?;
        Ok(ServerOrders { keeper, idx })
    }
}

impl ServerOrders {
    pub(crate) fn keeper(&self) -> &Rc<Keeper> {
        &self.keeper
    }

    pub(crate) fn idx(&self) -> ServerIdx {
        self.idx
    }

    pub(crate) fn server(&self) -> Option<Arc<Server>> {
        self.keeper.backend().server(self.idx)
    }

    /// Where it is now.
    pub(crate) fn address(&self) -> Option<Arc<ServerAddress>> {
        self.server().map(|server| server.address.load_full())
    }

    /// Where it is checked; `None` when it is not, or not over TCP.
    pub(crate) fn check_place(&self) -> Option<SocketAddr> {
        let is_enabled = |r: ServerReport<'_>| r.check.is_some_and(|check| check.is_enabled);
        self.report(is_enabled).filter(|enabled| *enabled)?;
        self.keeper.check_place(self.idx)?.as_socket()
    }

    /// It is checked there from now on.
    pub(crate) fn check_at(&self, wanted: Recheck) {
        self.keeper.check_at(self.idx, wanted);
    }

    pub(crate) fn relocate(&self, to: ServerAddress) {
        self.keeper.relocate(self.idx, to);
    }

    pub(crate) fn admin(&self, change: AdminChange) {
        self.tell(Input::Admin {
            server: self.idx,
            change,
        });
    }

    /// What its checks are said to have found; the next one may say otherwise.
    pub(crate) fn health(&self, to: Operation) {
        self.tell(Input::Health { server: self.idx, to });
    }

    pub(crate) fn enable_checks(&self) -> Result<(), Refusal> {
        if !self.is_checked() {
            return Err(Refusal::NoCheck);
        }
        self.checks(true);
        Ok(())
    }

    /// Asks its agent from now on, or does not.
    pub(crate) fn agent(&self, enabled: bool) -> Result<(), Refusal> {
        let has_agent = self.report(|r| r.agent.is_some()) == Some(true);
        if !has_agent {
            return Err(Refusal::NoAgent);
        }
        self.tell(Input::Agent {
            server: self.idx,
            enabled,
        });
        Ok(())
    }

    /// What its agent is said to have said.
    pub(crate) fn agent_says(&self, up: bool) -> Result<(), Refusal> {
        self.agent_place().ok_or(Refusal::NoAgent)?;
        self.tell(Input::AgentHealth { server: self.idx, up });
        Ok(())
    }

    /// Where its agent is; `None` when there is none, or it is not asked.
    pub(crate) fn agent_place(&self) -> Option<AgentPlace> {
        let is_enabled = |r: ServerReport<'_>| r.agent.is_some_and(|agent| agent.is_enabled);
        self.report(is_enabled).filter(|enabled| *enabled)?;
        let server = self.keeper.backend().server(self.idx)?;
        let place = server.agent.load_full()?;
        Some(AgentPlace::clone(&place))
    }

    /// Whether there is one at its place that has not left.
    pub(crate) fn is_configured(&self) -> bool {
        let now = self.keeper.backend().now();
        now.servers.all().any(|server| server.place == self.idx)
    }

    pub(crate) fn put_agent(&self, place: AgentPlace) {
        if let Some(server) = self.keeper.backend().server(self.idx) {
            server.agent.store(Some(Arc::new(place)));
        }
    }

    /// Of no effect on a server that is not checked, and not refused either.
    pub(crate) fn disable_checks(&self) {
        self.checks(false);
    }

    pub(crate) fn weight(&self, weight: Weight) -> Result<(), Refusal> {
        let backend = self.keeper.backend();
        let initial = self.initial_weight();
        let weight = weight.of(initial);
        if weight != 0 && weight != initial && !backend.now().plan.policy.is_dynamic() {
            return Err(Refusal::WeightFixed);
        }
        self.tell(Input::Weight {
            server: self.idx,
            weight,
        });
        Ok(())
    }

    /// How many connections it gets at a time; 0 is no limit. Those it has stay.
    pub(crate) fn maxconn(&self, maxconn: u32) {
        self.tell(Input::Maxconn {
            server: self.idx,
            maxconn,
        });
    }

    /// The weight in the configuration.
    pub(crate) fn initial_weight(&self) -> u16 {
        let server = self.keeper.backend().server(self.idx);
        server.map_or(0, |s| s.plan().weight)
    }

    /// What the backend's machine says of it now.
    pub(crate) fn report<T>(&self, read: impl FnOnce(ServerReport<'_>) -> T) -> Option<T> {
        self.keeper.report(self.idx, read)
    }

    /// Whether its state is that of another server.
    pub(crate) fn follows(&self) -> bool {
        self.report(|r| r.tracks.is_some()) == Some(true)
    }

    pub(crate) fn is_checked(&self) -> bool {
        self.report(|r| r.check.is_some()) == Some(true)
    }

    fn checks(&self, enabled: bool) {
        self.tell(Input::Checks {
            server: self.idx,
            enabled,
        });
    }

    fn tell(&self, input: Input) {
        self.keeper.tell(input);
    }
}

impl Weight {
    const MOST: u16 = 256;

    fn of(self, initial: u16) -> u16 {
        match self {
            Weight::Absolute(weight) => weight,
            Weight::Percent(percent) => {
                let share = u64::from(initial) * u64::from(percent) / 100;
                u16::try_from(share).unwrap_or(Weight::MOST).min(Weight::MOST)
            }
        }
    }
}

impl FromStr for Weight {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Weight, Refusal> {
        if text.is_empty() {
            return Err(Refusal::WeightMissing);
        }
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let (digits, rest) = digits.split_at(end);
        if digits.is_empty() {
            return Err(Refusal::WeightNoNumber);
        }
        let number = sign * digits.parse::<i64>().unwrap_or(i64::MAX);
        match rest {
            "%" => u32::try_from(number.min(25_600))
                .map(Weight::Percent)
                .map_err(|_| Refusal::WeightNegative),
            _ => match u16::try_from(number) {
                Ok(n) if n <= Weight::MOST && rest.is_empty() => Ok(Weight::Absolute(n)),
                Ok(n) if n <= Weight::MOST => Err(Refusal::WeightTrailing),
                _ => Err(Refusal::WeightRange),
            },
        }
    }
}

/// The number in `#number`.
pub(crate) fn numbered(name: &str) -> Option<u32> {
    name.strip_prefix('#')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_as_operators_write_them() {
        let read = |text: &str| text.parse::<Weight>();
        assert_eq!(read("5"), Ok(Weight::Absolute(5)));
        assert_eq!(read("256"), Ok(Weight::Absolute(256)));
        assert_eq!(read("50%"), Ok(Weight::Percent(50)));
        assert_eq!(read("99999999999999999999%"), Ok(Weight::Percent(25_600)));
        assert_eq!(read(""), Err(Refusal::WeightMissing));
        assert_eq!(read("x"), Err(Refusal::WeightNoNumber));
        assert_eq!(read("5x"), Err(Refusal::WeightTrailing));
        assert_eq!(read("-1"), Err(Refusal::WeightRange));
        assert_eq!(read("257"), Err(Refusal::WeightRange));
        assert_eq!(read("99999999999999999999"), Err(Refusal::WeightRange));
        assert_eq!(read("-5%"), Err(Refusal::WeightNegative));
    }

    #[test]
    fn a_share_of_the_configured_weight() {
        assert_eq!(Weight::Percent(50).of(100), 50);
        assert_eq!(Weight::Percent(50).of(1), 0);
        assert_eq!(Weight::Percent(25_600).of(100), 256);
        assert_eq!(Weight::Absolute(7).of(100), 7);
    }

    #[test]
    fn numbers_instead_of_names() {
        assert_eq!(numbered("#3"), Some(3));
        assert_eq!(numbered("3"), None);
        assert_eq!(numbered("#x"), None);
    }
}
