//! A backend that is configured anew: what stays the same goes on as if nothing had been.

use std::rc::Rc;
use std::sync::Arc;

use arc_swap::Guard;
use socket2::SockAddr;
use tandem_lb_config as plan;
use tandem_lb_core::ServerId;
use tandem_lb_core::backend::{BackendSettings, Input, Output};
use tandem_lb_core::snapshot::Roster;
use tandem_ops::syslog::Targets;

use super::Keeper;
use crate::address::{Found, ServerAddress, fixed_check};
use crate::newcomer;
use crate::publish::Snapshot;
use crate::servers::Servers;

/// What the configuration says of a backend now.
pub(crate) struct Renewal<'a> {
    pub(crate) plan: &'a plan::Backend,
    /// Of each server where it and its checks are, when that was looked up because it has changed.
    pub(crate) found: Vec<Option<Found>>,
    pub(crate) logs: Targets,
}

impl Keeper {
    /// Nothing is done here any more.
    pub(crate) fn retire(&self) {
        self.is_retired.set(true);
        self.told.notify_one();
    }

    /// `settings` is asked for when the servers have their places.
    pub(crate) fn renew(self: &Rc<Keeper>, renewal: Renewal<'_>, settings: impl FnOnce(&Servers) -> BackendSettings) {
        let Renewal { plan, found, logs } = renewal;
        let before = Guard::into_inner(self.backend.now());
        // Before the servers take on what they are now.
        let numbers: Vec<(Arc<str>, ServerId)> = before.servers.all().map(|s| (s.name(), s.plan().id)).collect();
        let wanted = plan.servers.iter().zip(&found).map(|(server, found)| {
            let known = || before.servers.named(&server.name).map(|s| s.address.load_full());
            let at = found
                .as_ref()
                .map(|f| f.server.clone())
                .or_else(|| known().map(|at| ServerAddress::clone(&at)));
            (server.clone(), at)
        });
        // Whoever is new has been looked up.
        let wanted = wanted.filter_map(|(server, at)| Some((server, at?)));
        let servers = before.servers.renewed(wanted);
        self.renew_checks(&servers, &found);
        self.logs.replace(logs);
        self.roster.replace(Roster::new(newcomer::origin(plan)));
        if self.made.take().is_some() {
            // It is the configuration's now, which leads clients there.
            self.backend.set_published(true);
        }
        let now = self.clock.now();
        self.machine
            .borrow_mut()
            .handle(Input::Settings(Box::new(settings(&servers))), now);
        let first = self.machine.borrow_mut().poll_output();
        let (view, other) = match first {
            Some(Output::Publish(view)) => {
                self.note(&view);
                (Some(view), None)
            }
            other => (before.view.clone(), other),
        };
        self.backend.replace(Snapshot {
            plan: Arc::new(plan.clone()),
            servers: servers.clone(),
            view,
        });
        other.iter().for_each(|output| self.say(output));
        for (server, found) in servers.all().zip(&found) {
            if found.is_some() && numbers.iter().any(|(name, _)| *name == server.name()) {
                self.machine
                    .borrow_mut()
                    .handle(Input::Moved { server: server.place }, now);
            }
        }
        self.carry_out();
        self.told.notify_one();
    }

    fn renew_checks(&self, servers: &Servers, found: &[Option<Found>]) {
        let mut checks = self.checks.borrow_mut();
        for (server, found) in servers.all().zip(found) {
            let place = server.place.place();
            if checks.len() <= place {
                checks.resize(place + 1, None);
            }
            if let Some(found) = found {
                // Where an operator has put it and it stays, it is checked, too.
                let moved = server
                    .is_moved()
                    .then(|| fixed_check(&server.plan(), &server.address.load()));
                checks[place] = moved.flatten().or_else(|| found.check.clone());
                // So it is where an operator has it checked and the configuration does not say otherwise by now.
                if let (Some(said), Some(before)) =
                    (server.rechecked(), checks[place].as_ref().and_then(SockAddr::as_socket))
                {
                    let at = said.place(&server.plan(), &server.address.load(), before);
                    checks[place] = Some(at.into());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tandem_lb_config::ServerPort;

    use super::*;
    use crate::address::Recheck;
    use crate::build;
    use crate::keeper::tests::{keeper, plan};
    use crate::servers::{AgentPlace, Server};

    #[tokio::test(flavor = "local")]
    async fn a_server_that_was_moved_is_checked_where_it_is() {
        let server = |words: &str| plan(&format!(" server a 127.0.0.1:1 check {words}"));
        let before = server("inter 10s");
        let (keeper, spread) = (keeper(&before), build::spreads(&before).remove(0));
        let place = keeper.backend().now().servers.named("a").map(|s| s.place);
        let place = place.expect("known");
        let moved: SocketAddr = ([127, 0, 0, 1], 2).into();
        keeper.relocate(
            place,
            ServerAddress::Ip {
                ip: moved.ip(),
                port: ServerPort::Fixed(moved.port()),
            },
        );
        let renew = |words: &str| {
            let after = server(words);
            let found = build::addresses(&after.backends).expect("no names").remove(0);
            let renewal = Renewal {
                plan: &after.backends[0],
                found: found.into_iter().map(Some).collect(),
                logs: Targets::default(),
            };
            keeper.renew(renewal, |servers| {
                build::backend_settings(&after, &after.backends[0], spread, servers)
            });
            keeper.check_place(place).and_then(|at| at.as_socket())
        };
        assert_eq!(renew("inter 5s"), Some(moved));
        // A place of their own that checks have been given counts.
        assert_eq!(renew("addr 127.0.0.2 port 3"), Some(([127, 0, 0, 2], 3).into()));
    }

    /// A backend of these servers, configured anew.
    fn renew(keeper: &Rc<Keeper>, lines: &str) {
        let after = plan(lines);
        let spread = build::spreads(&after).remove(0);
        let found = build::addresses(&after.backends).expect("no names").remove(0);
        let known: Vec<_> = keeper
            .backend()
            .now()
            .servers
            .all()
            .map(|server| server.name())
            .collect();
        let found = after.backends[0].servers.iter().zip(found);
        let renewal = Renewal {
            plan: &after.backends[0],
            found: found
                .map(|(server, found)| (!known.contains(&server.name)).then_some(found))
                .collect(),
            logs: Targets::default(),
        };
        keeper.renew(renewal, |servers| {
            build::backend_settings(&after, &after.backends[0], spread, servers)
        });
    }

    fn server(keeper: &Keeper, name: &str) -> Arc<Server> {
        let now = keeper.backend().now();
        now.servers.named(name).expect("it is configured").clone()
    }

    #[tokio::test(flavor = "local")]
    async fn an_order_about_checks_dies_with_its_server() {
        let keeper = keeper(&plan(" server a 127.0.0.1:1\n server c 127.0.0.1:2 check\n"));
        let place = server(&keeper, "c").place;
        keeper.check_at(
            place,
            Recheck {
                ip: None,
                port: Some(9001),
            },
        );
        renew(&keeper, " server a 127.0.0.1:1\n");
        renew(&keeper, " server a 127.0.0.1:1\n server n 127.0.0.1:9 check\n");
        let newcomer = server(&keeper, "n");
        assert_eq!((newcomer.place, newcomer.rechecked()), (place, None));
        keeper.relocate(
            place,
            ServerAddress::Ip {
                ip: [127, 0, 0, 1].into(),
                port: ServerPort::Fixed(10),
            },
        );
        let at = keeper.check_place(place).and_then(|at| at.as_socket());
        assert_eq!(at, Some(([127, 0, 0, 1], 10).into()));
    }

    #[tokio::test(flavor = "local")]
    async fn an_order_about_an_agent_stays_until_the_files_say_where_it_is() {
        let lines = |words: &str| format!(" server a 127.0.0.1:1 agent-check {words}\n");
        let keeper = keeper(&plan(&lines("agent-port 5 agent-inter 1h")));
        let ordered = AgentPlace {
            ip: None,
            port: 6000,
            send: None,
        };
        server(&keeper, "a").agent.store(Some(Arc::new(ordered)));
        let port = || server(&keeper, "a").agent.load().as_ref().map(|agent| agent.port);
        renew(&keeper, &lines("agent-port 5 agent-inter 2h"));
        assert_eq!(port(), Some(6000));
        renew(&keeper, &lines("agent-port 7 agent-inter 2h"));
        assert_eq!(port(), Some(7));
    }
}
