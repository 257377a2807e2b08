//! Putting the new Plan in force. Nothing here can fail.
//!
//! Whoever is needed comes before who needs him: backends before the frontends that send clients there, listeners last;
//! and who is not needed any more goes after that.

use std::rc::Rc;
use std::sync::Arc;

use arc_swap::ArcSwap;
use socket2::Socket;
use tandem_lb_config::{self as plan, Plan, Service};

use super::Reloader;
use super::prepare::{Line, Prepared};
use crate::address::Found;
use crate::admission::{Limit, connections_within};
use crate::bound::Bound;
use crate::build;
use crate::frontend::{Destinations, Frontend, Gate, Seat, destinations, of_listeners};
use crate::frontends::{self, Front, Stand};
use crate::keeper::{Keeper, Renewal, Watched};
use crate::listeners::Opened;
use crate::page::Site;
use crate::publish::Backend;
use crate::rings::Outward;
use crate::start;
use crate::stats::Process;
use tandem_ops::syslog::Targets;
use tandem_sys::listen::let_in;

/// The most connections of a frontend that does not say: what was, and what is.
struct Usual {
    before: u32,
    now: u32,
}

impl Reloader {
    pub(super) fn apply(&self, running: &Plan, prepared: Prepared) {
        let Prepared {
            plan,
            found,
            tls,
            lines,
            giving_way,
            doors,
            frontend_logs,
            backend_logs,
            grounds,
            rings,
        } = prepared;
        self.estate.directory.rings.follow(rings);
        let vault = &self.estate.directory.tls;
        for file in tls.changed(&vault.now()) {
            tracing::info!("reload: {} holds something else now", file.display());
        }
        vault.replace(tls);
        self.estate.directory.rings.convey(&Outward {
            vault: vault.clone(),
            clock: self.estate.clock,
        });
        let usual = self.renew_process(running, &plan);
        let retired = self.renew_backends(&plan, found, backend_logs);
        self.renew_tables(running, &plan);
        for bound in giving_way {
            bound.give_way();
        }
        for socket in new_sockets(&lines) {
            // Somebody may have been about to close it, and have it answer nobody.
            let_in(socket);
        }
        self.renew_frontends(&plan, lines, &frontend_logs, &usual);
        if let Some(open) = self.estate.hall.borrow_mut().as_mut() {
            open.renew(&plan.global, doors);
        }
        retired.iter().for_each(|keeper| keeper.retire());
        let estate = &self.estate;
        estate
            .stats
            .follow(&estate.frontends, &estate.sites.all(), &estate.orders);
        estate.resolving.follow(&plan);
        estate.peers.follow(grounds);
        self.configured.replace(Arc::new(plan));
    }

    /// What an operator has set stays, unless the configuration has come to say something else.
    fn renew_process(&self, running: &Plan, plan: &Plan) -> Usual {
        let estate = &self.estate;
        let before = estate.stats.process();
        let maxconn = start::maxconn(plan, &estate.args, before.files);
        if running.global.maxconn != plan.global.maxconn {
            estate.process.configure(maxconn);
        }
        let paces = estate.process.paces();
        if running.global.connection_rate != plan.global.connection_rate {
            paces
                .connections
                .most
                .configure(plan.global.connection_rate.unwrap_or(0));
        }
        if running.global.session_rate != plan.global.session_rate {
            paces.sessions.most.configure(plan.global.session_rate.unwrap_or(0));
        }
        if running.global.tls_rate != plan.global.tls_rate {
            paces.tls.most.configure(plan.global.tls_rate.unwrap_or(0));
        }
        estate.directory.tls.tally.allow(plan.global.tls_connections);
        // What has been set since stays, unless the configuration has come to say something else.
        let is_new = |first: &&plan::FirstValue| !running.global.variables.contains(first);
        estate.directory.begin_with(plan.global.variables.iter().filter(is_new));
        estate.directory.call(plan.global.node.as_deref());
        estate.drain.configure(&plan.global);
        let frontend_maxconn = estate.args.frontend_maxconn.unwrap_or(maxconn);
        estate.stats.rename(Process {
            description: plan.global.description.clone(),
            frontend_maxconn,
            hard_maxconn: connections_within(before.files, start::own_files(plan, before.files)),
            listeners: plan.frontends.iter().map(|f| f.binds.len()).sum(),
            ..Process::clone(&before)
        });
        Usual {
            before: before.frontend_maxconn,
            now: frontend_maxconn,
        }
    }

    /// Whoever counts in a table goes on to; servers that have other numbers now are found by them.
    fn renew_tables(&self, running: &Plan, plan: &Plan) {
        let (tables, now) = (&self.estate.directory.tables, self.estate.clock.now());
        for after in &plan.backends {
            let before = running.backends.iter().find(|before| before.name == after.name);
            if let (Some(before), Some(table)) = (before, tables.named(&after.name)) {
                table.renumber(before, after);
            }
        }
        tables.follow(&plan.tables, &mut self.seed.borrow_mut(), now);
    }

    /// Answers those that are not configured any more.
    fn renew_backends(&self, plan: &Plan, found: Vec<Vec<Option<Found>>>, logs: Vec<Targets>) -> Vec<Rc<Keeper>> {
        let before = self.estate.orders.backends();
        let parts = plan.backends.iter().zip(found).zip(logs).zip(build::spreads(plan));
        let keepers: Vec<Rc<Keeper>> = parts
            .map(|(((backend, found), logs), spread)| {
                let seed = &mut self.seed.borrow_mut();
                let known = before.iter().find(|keeper| keeper.backend().name() == backend.name);
                let Some(keeper) = known else {
                    let (found, now) = (found.into_iter().flatten().collect(), self.estate.clock.now());
                    return self.keep(build::watched(plan, backend, found, spread, &logs, seed, now));
                };
                let renewal = Renewal {
                    plan: backend,
                    found,
                    logs,
                };
                keeper.renew(renewal, |servers| {
                    build::backend_settings(plan, backend, spread, servers)
                });
                keeper.clone()
            })
            .collect();
        let is_gone = |keeper: &&Rc<Keeper>| !keepers.iter().any(|k| Rc::ptr_eq(k, keeper));
        let retired = before.iter().filter(is_gone).cloned().collect();
        self.estate.orders.replace(keepers);
        retired
    }

    /// It lives from now on.
    pub(super) fn keep(&self, watched: Watched) -> Rc<Keeper> {
        let estate = &self.estate;
        let keeper = Keeper::new(
            watched,
            estate.clock,
            estate.lines.clone(),
            estate.live.clone(),
            estate.timeline.clone(),
            estate.directory.clone(),
        );
        tokio::task::spawn_local(keeper.clone().run());
        keeper
    }

    fn renew_frontends(&self, plan: &Plan, lines: Vec<Vec<Line>>, logs: &[Targets], usual: &Usual) {
        let keepers = self.estate.orders.backends();
        let (fronts, stands) = (self.estate.frontends.fronts(), self.estate.sites.stands());
        let (mut new_fronts, mut new_stands) = (Vec::new(), Vec::new());
        for ((frontend, lines), logs) in plan.frontends.iter().zip(lines).zip(logs) {
            match &frontend.service {
                Service::Tcp { backend } => {
                    let known = fronts.iter().find(|front| front.seat.load().plan.name == frontend.name);
                    let backend = backend
                        .and_then(|place| keepers.get(place))
                        .map(|k| k.backend().clone());
                    new_fronts.push(self.front(frontend, backend, logs, known, lines, usual));
                }
                Service::Stats(settings) => {
                    let known = stands
                        .iter()
                        .find(|stand| stand.site.frontend().plan.name == frontend.name);
                    new_stands.push(self.stand(frontend, settings, known, lines, usual));
                }
            }
        }
        let seats = new_fronts.iter().map(|front| &front.seat);
        let backends = keepers.iter().map(|keeper| keeper.backend());
        self.estate.directory.follow(seats, backends);
        let former: Vec<Rc<Bound>> = self.bound();
        self.estate.frontends.replace(new_fronts);
        self.estate.sites.replace(new_stands);
        // Whoever keeps a socket for us keeps it open.
        let listeners = [self.estate.frontends.sockets(), self.estate.sites.sockets()].concat();
        self.estate.store.keep(&listeners);
        let present = self.bound();
        let is_open = |bound: &Rc<Bound>| bound.sockets().next().is_some();
        let mut leaving = self.leaving.borrow_mut();
        leaving.retain(is_open);
        for bound in former {
            if !present.iter().any(|b| Rc::ptr_eq(b, &bound)) {
                bound.finish();
                leaving.push(bound);
            }
        }
    }

    /// Everything that is listened on, pages included.
    pub(super) fn bound(&self) -> Vec<Rc<Bound>> {
        let fronts = self.estate.frontends.fronts().into_iter().flat_map(|front| front.bound);
        let stands = self.estate.sites.stands().into_iter().flat_map(|stand| stand.bound);
        fronts.chain(stands).collect()
    }

    fn front(
        &self,
        plan: &plan::Frontend,
        backend: Option<Arc<Backend>>,
        logs: &Targets,
        known: Option<&Front>,
        lines: Vec<Line>,
        usual: &Usual,
    ) -> Front {
        let most = plan.maxconn.unwrap_or(usual.now);
        let keepers = self.estate.orders.backends();
        let destinations = destinations(plan, keepers.iter().map(|keeper| keeper.backend()));
        let seat = match known {
            Some(front) => {
                renew_seat(&front.seat, plan, (backend, destinations), logs, usual);
                front.seat.clone()
            }
            None => {
                let limit = Limit::new(most).paced(plan.session_rate);
                let frontend = build::frontend(plan, backend, logs.clone(), limit, &self.estate.directory);
                Seat::new(ArcSwap::from_pointee(Frontend {
                    destinations,
                    ..frontend
                }))
            }
        };
        let service = frontends::Service {
            seat: &seat,
            process: &self.estate.process,
            crew: &self.estate.crew,
        };
        let bound = bound(lines, |number, bind, opened| service.begin(bind, opened, number));
        Front { seat, bound }
    }

    fn stand(
        &self,
        plan: &plan::Frontend,
        settings: &plan::Stats,
        known: Option<&Stand>,
        lines: Vec<Line>,
        usual: &Usual,
    ) -> Stand {
        let most = plan.maxconn.unwrap_or(usual.now);
        let site = match known {
            Some(stand) => {
                stand.site.renew(plan.clone(), settings.clone(), most);
                stand.site.clone()
            }
            None => {
                let frontend = build::site(plan, &self.estate.directory);
                Rc::new(Site::new(frontend, settings.clone(), most))
            }
        };
        let bound = bound(lines, |number, bind, opened| {
            self.estate.host.begin(&site, bind, opened, number)
        });
        Stand { site, bound }
    }
}

/// Has the next connections served by the new plan; limits, gate and counters go on.
fn renew_seat(
    seat: &Seat,
    plan: &plan::Frontend,
    (backend, destinations): (Option<Arc<Backend>>, Arc<Destinations>),
    logs: &Targets,
    usual: &Usual,
) {
    let before = seat.load_full();
    // Who was shut down was so until now.
    before.gate.send_if_modified(|gate| {
        let is_closed = *gate == Gate::Closed;
        if is_closed {
            *gate = Gate::Open;
        }
        is_closed
    });
    let (was, is) = (
        before.plan.maxconn.unwrap_or(usual.before),
        plan.maxconn.unwrap_or(usual.now),
    );
    if was != is {
        before.limit.configure(is);
    }
    if before.plan.session_rate != plan.session_rate {
        before
            .limit
            .paces()
            .sessions
            .most
            .configure(plan.session_rate.unwrap_or(0));
    }
    seat.store(Arc::new(Frontend {
        settings: Arc::new(build::settings_of(plan, backend.as_deref())),
        backend,
        destinations,
        logs: logs.clone(),
        listeners: of_listeners(plan, Some(&before)),
        plan: plan.clone(),
        ..Frontend::clone(&before)
    }));
}

fn new_sockets(lines: &[Vec<Line>]) -> impl Iterator<Item = &Arc<Socket>> {
    let opened = lines.iter().flatten().filter_map(|line| match line {
        Line::New(_, opened) => Some(opened),
        Line::Kept(_) => None,
    });
    opened.flat_map(Opened::sockets)
}

fn bound(lines: Vec<Line>, begin: impl Fn(u32, plan::Bind, &Opened) -> Bound) -> Vec<Rc<Bound>> {
    let numbered = lines.into_iter().zip(1..);
    let one = |(line, number)| match line {
        Line::Kept(bound) => bound,
        Line::New(bind, opened) => Rc::new(begin(number, *bind, &opened)),
    };
    numbered.map(one).collect()
}
