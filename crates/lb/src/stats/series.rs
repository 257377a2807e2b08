//! One frontend or backend with its servers: where its counters are, and the rows that they become.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tandem_lb_config::{self as plan, Bind, Host};
use tandem_lb_core::backend::{Input, ServerReport};
use tandem_lb_core::stats::prometheus::ServerSpread;
use tandem_lb_core::stats::{Field, Row, backend_row, figures, frontend_row, listener_row, server_row};
use tandem_time::Mono;

use super::Meters;
use crate::counters::{Attempts, Denials, Traffic};
use crate::frontend::{AtListener, Gate, Seat};
use crate::keeper::Keeper;
use crate::listeners::shown;
use crate::live::Ages;
use crate::page::Site;
use crate::publish::Backend;
use crate::servers::Server;
use crate::state::Past;
use crate::worker::Phase;

type Shared = Rc<RefCell<Meters>>;

pub(super) struct OfServer {
    server: Arc<Server>,
    meters: Meters,
}

pub(super) enum Series {
    Frontend {
        seat: Seat,
        meters: Shared,
    },
    Site {
        site: Rc<Site>,
        meters: Shared,
    },
    Backend {
        keeper: Rc<Keeper>,
        fullconn: u32,
        meters: Shared,
        servers: Rc<RefCell<Vec<OfServer>>>,
        /// The other half of a `listen` with a page.
        is_page: bool,
    },
}

impl Series {
    pub(super) fn frontend(seat: Seat) -> Series {
        Series::Frontend {
            seat,
            meters: Rc::default(),
        }
    }

    pub(super) fn site(site: Rc<Site>) -> Series {
        Series::Site {
            site,
            meters: Rc::default(),
        }
    }

    /// `clients` is how many the frontends may send here; a tenth of them is what HAProxy calls full.
    pub(super) fn backend(keeper: Rc<Keeper>, clients: u64, is_page: bool) -> Series {
        let usual = || u32::try_from(clients.div_ceil(10).max(1)).unwrap_or(u32::MAX);
        let fullconn = keeper.backend().now().plan.fullconn.unwrap_or_else(usual);
        keeper.backend().set_fullconn(fullconn);
        Series::Backend {
            keeper,
            fullconn,
            meters: Rc::default(),
            servers: Rc::default(),
            is_page,
        }
    }

    /// The number of the proxy, and what it is for.
    pub(super) fn description(&self) -> Option<(u32, Arc<str>)> {
        let (id, description) = match self {
            Series::Frontend { seat, .. } => {
                let frontend = seat.load();
                (frontend.plan.id, frontend.plan.description.clone())
            }
            Series::Site { site, .. } => {
                let frontend = site.frontend();
                (frontend.plan.id, frontend.plan.description.clone())
            }
            Series::Backend { keeper, .. } => {
                let backend = keeper.backend().now();
                (backend.plan.id, backend.plan.description.clone())
            }
        };
        Some((id, description?))
    }

    /// When that is a series of the same, this one goes on where it is.
    pub(super) fn go_on_from(&mut self, known: &Series) {
        match (self, known) {
            (
                Series::Frontend { seat, meters },
                Series::Frontend {
                    seat: same,
                    meters: before,
                },
            ) if Arc::ptr_eq(seat, same) => {
                *meters = before.clone();
            }
            (
                Series::Site { site, meters },
                Series::Site {
                    site: same,
                    meters: before,
                },
            ) if Rc::ptr_eq(site, same) => {
                *meters = before.clone();
            }
            (
                Series::Backend {
                    keeper,
                    meters,
                    servers,
                    ..
                },
                Series::Backend {
                    keeper: same,
                    meters: before,
                    servers: of_servers,
                    ..
                },
            ) if Rc::ptr_eq(keeper, same) => {
                *meters = before.clone();
                *servers = of_servers.clone();
            }
            _ => {}
        }
    }

    pub(super) fn id(&self) -> u32 {
        match self {
            Series::Frontend { seat, .. } => seat.load().plan.id,
            Series::Site { site, .. } => site.frontend().plan.id,
            Series::Backend { keeper, .. } => keeper.backend().now().plan.id,
        }
    }

    /// Among the sections of the configuration.
    pub(super) fn place(&self) -> u32 {
        match self {
            Series::Frontend { seat, .. } => seat.load().plan.place,
            Series::Site { site, .. } => site.frontend().plan.place,
            Series::Backend { keeper, .. } => keeper.backend().now().plan.place,
        }
    }

    pub(super) fn is_backend(&self) -> bool {
        matches!(self, Series::Backend { .. })
    }

    /// What clients of the process do; behind a backend it would be counted twice.
    pub(super) fn of_clients(&self) -> Option<Arc<Traffic>> {
        match self {
            Series::Frontend { seat, .. } => Some(seat.load().traffic.clone()),
            Series::Site { site, .. } => Some(site.frontend().traffic.clone()),
            Series::Backend { .. } => None,
        }
    }

    pub(super) fn spreads(&self, ages: &Ages) -> Vec<ServerSpread> {
        let Series::Backend { keeper, .. } = self else {
            return Vec::new();
        };
        let backend = keeper.backend().now();
        let open = |idx| ages.get(&(backend.plan.name.clone(), idx)).copied();
        let servers = backend.servers.all();
        servers
            .map(|server| ServerSpread {
                proxy: backend.plan.name.to_string(),
                server: server.name().to_string(),
                of: server.history.distributions(),
                open: open(server.place).unwrap_or_default(),
            })
            .collect()
    }

    /// Goes on from what earlier processes counted.
    pub(super) fn resume(&self, past: &Past, now: Mono) {
        self.add(past, now);
        match self {
            Series::Frontend { seat, meters } => {
                let frontend = seat.load();
                let before = past.of_frontend(&frontend.plan);
                meters.borrow_mut().resume(&frontend.traffic, &before);
            }
            Series::Site { site, meters } => {
                let frontend = site.frontend();
                let before = past.of_frontend(&frontend.plan);
                meters.borrow_mut().resume(&frontend.traffic, &before);
            }
            Series::Backend {
                keeper,
                meters,
                servers,
                ..
            } => {
                let backend = keeper.backend();
                let plan = backend.now().plan.clone();
                meters.borrow_mut().resume(&backend.traffic, &past.of_backend(&plan));
                for OfServer { server, meters } in servers.borrow_mut().iter_mut() {
                    meters.resume(&server.traffic, &past.of_server(&plan, &server.plan()));
                }
            }
        }
    }

    /// Adds what another process has counted.
    pub(super) fn add(&self, past: &Past, now: Mono) {
        match self {
            Series::Frontend { seat, .. } => {
                let frontend = seat.load();
                for (bind, at) in frontend.plan.binds.iter().zip(frontend.listeners.iter()) {
                    at.resume(&past.of_listener(&frontend.plan, bind));
                }
                let before = past.of_frontend(&frontend.plan);
                frontend.traffic.resume(&before);
                frontend.denials.resume(&before);
            }
            Series::Site { site, .. } => {
                let frontend = site.frontend();
                let before = past.of_frontend(&frontend.plan);
                frontend.traffic.resume(&before);
                frontend.denials.resume(&before);
                site.resume(&before);
                for (bind, at) in frontend.plan.binds.iter().zip(frontend.listeners.iter()) {
                    at.resume(&past.of_listener(&frontend.plan, bind));
                }
            }
            Series::Backend { keeper, servers, .. } => {
                let backend = keeper.backend();
                let plan = backend.now().plan.clone();
                let before = past.of_backend(&plan);
                backend.traffic.resume(&before);
                backend.attempts.resume(&before);
                backend.traffic.resume_last(past.last_session_of_backend(&plan), now);
                backend.queue.resume(None, before.count(Field::Qmax));
                let down = Duration::from_secs(before.count(Field::Downtime));
                keeper.resume(before.count(Field::Chkdown), down);
                let mut servers = servers.borrow_mut();
                follow(&mut servers, backend);
                for OfServer { server, .. } in servers.iter() {
                    let before = past.of_server(&plan, &server.plan());
                    server.traffic.resume(&before);
                    server.attempts.resume(&before);
                    backend.queue.resume(Some(server.place), before.count(Field::Qmax));
                    if let Some(state) = past.server(&plan, &server.plan()) {
                        server.traffic.resume_last(state.last_session, now);
                        server.history.hour().resume(&state.hour, now);
                    }
                    if let Some(spread) = past.spread_of(&plan, &server.plan()) {
                        server.history.resume(spread);
                    }
                }
            }
        }
    }

    /// The server with this number.
    pub(super) fn server(&self, number: u32) -> Option<Arc<Server>> {
        let Series::Backend { keeper, .. } = self else {
            return None;
        };
        let backend = keeper.backend().now();
        let found = backend.servers.all().find(|s| s.plan().id.0 == number);
        found.cloned()
    }

    pub(super) fn look(&self, now: Mono) {
        match self {
            Series::Frontend { seat, meters } => meters.borrow_mut().look(&seat.load().traffic, now),
            Series::Site { site, meters } => meters.borrow_mut().look(&site.frontend().traffic, now),
            Series::Backend {
                keeper,
                meters,
                servers,
                ..
            } => {
                meters.borrow_mut().look(&keeper.backend().traffic, now);
                let mut servers = servers.borrow_mut();
                follow(&mut servers, keeper.backend());
                for OfServer { server, meters } in servers.iter_mut() {
                    meters.look(&server.traffic, now);
                    server.history.look(&server.traffic, now);
                }
            }
        }
    }

    pub(super) fn forget_maxima(&self) {
        match self {
            Series::Frontend { seat, meters } => meters.borrow_mut().forget_maxima(&seat.load().traffic),
            Series::Site { site, meters } => meters.borrow_mut().forget_maxima(&site.frontend().traffic),
            Series::Backend {
                keeper,
                meters,
                servers,
                ..
            } => {
                let backend = keeper.backend();
                meters.borrow_mut().forget_maxima(&backend.traffic);
                backend.attempts.times.forget_maxima();
                backend.queue.forget_maxima();
                let mut servers = servers.borrow_mut();
                follow(&mut servers, backend);
                for OfServer { server, meters } in servers.iter_mut() {
                    meters.forget_maxima(&server.traffic);
                    server.attempts.times.forget_maxima();
                }
            }
        }
    }

    /// Everything that is counted of this server begins anew, when it is one of this backend.
    pub(super) fn clear_server(&self, of: &Arc<Server>) {
        let Series::Backend { keeper, servers, .. } = self else {
            return;
        };
        let backend = keeper.backend();
        let mut servers = servers.borrow_mut();
        follow(&mut servers, backend);
        let Some(OfServer { server, meters }) = servers.iter_mut().find(|known| Arc::ptr_eq(&known.server, of)) else {
            return;
        };
        meters.forget_maxima(&server.traffic);
        server.attempts.times.forget_maxima();
        backend.queue.forget_maximum(server.place);
        server.clear_counters();
        keeper.tell(Input::ClearCounters {
            server: Some(server.place),
        });
    }

    pub(super) fn clear(&self) {
        match self {
            Series::Frontend { seat, .. } => {
                let frontend = seat.load();
                frontend.traffic.clear();
                frontend.listeners.iter().for_each(|at| at.clear());
                frontend.denials.clear();
            }
            Series::Site { site, .. } => {
                let frontend = site.frontend();
                frontend.traffic.clear();
                frontend.denials.clear();
                frontend.listeners.iter().for_each(|at| at.clear());
            }
            Series::Backend { keeper, .. } => {
                let backend = keeper.backend();
                backend.traffic.clear();
                backend.attempts.clear();
                keeper.tell(Input::ClearCounters { server: None });
                for server in backend.now().servers.all() {
                    server.clear_counters();
                }
            }
        }
    }

    pub(super) fn rows(&self, now: Mono, phase: Phase, rows: &mut Vec<Row>) {
        let is_open = matches!(phase, Phase::Running | Phase::Between);
        match self {
            Series::Frontend { seat, meters } => {
                let frontend = seat.load();
                let gate = *frontend.gate.borrow();
                let row = frontend_row(&figures::Frontend {
                    name: &frontend.plan.name,
                    iid: frontend.plan.id,
                    maxconn: frontend.limit.most(),
                    session_rate: frontend.limit.paces().sessions.most.now(),
                    is_open: is_open && gate == Gate::Open,
                    traffic: meters.borrow().figures(&frontend.traffic, now),
                    denials: denials(&frontend.denials),
                    http: None,
                });
                rows.push(paused(row, phase, gate));
                let is_full = frontend.limit.used() >= frontend.limit.most() as usize;
                let is_waiting = is_full || frontend.limit.paces().wait(now, false).is_some();
                let binds = frontend.plan.binds.iter().zip(frontend.listeners.iter());
                rows.extend(binds.map(|(bind, at)| listener_of((&frontend.plan, false), bind, at, is_waiting)));
            }
            Series::Site { site, meters } => {
                let frontend = site.frontend();
                let traffic = meters.borrow().figures(&frontend.traffic, now);
                let row = frontend_row(&figures::Frontend {
                    name: &frontend.plan.name,
                    iid: frontend.plan.id,
                    maxconn: site.maxconn(),
                    session_rate: frontend.plan.session_rate.unwrap_or(0),
                    is_open,
                    denials: denials(&frontend.denials),
                    http: Some(figures::Http {
                        answers: site.answers(),
                        requests: traffic.sessions_total,
                        rate: traffic.rate,
                        rate_max: traffic.rate_max,
                    }),
                    traffic,
                });
                rows.push(paused(row, phase, Gate::Open));
                let binds = frontend.plan.binds.iter().zip(frontend.listeners.iter());
                rows.extend(binds.map(|(bind, at)| listener_of((&frontend.plan, true), bind, at, false)));
            }
            Series::Backend {
                keeper,
                fullconn,
                meters,
                servers,
                is_page,
            } => {
                let mut servers = servers.borrow_mut();
                follow(&mut servers, keeper.backend());
                for OfServer { server, meters } in servers.iter() {
                    let row = |report: ServerReport<'_>| server_of(keeper, server, meters, &report, now);
                    rows.extend(keeper.report(server.place, row));
                }
                let traffic = meters.borrow().figures(&keeper.backend().traffic, now);
                rows.extend(backend_of(keeper, *fullconn, *is_page, traffic, now));
            }
        }
    }
}

/// Servers may have come, gone or changed their order since; who is still there keeps the rates.
fn follow(known: &mut Vec<OfServer>, backend: &Backend) {
    let snapshot = backend.now();
    let mut present = snapshot.servers.all();
    let are_same = known
        .iter()
        .all(|k| present.next().is_some_and(|server| Arc::ptr_eq(&k.server, server)));
    if are_same && present.next().is_none() {
        return;
    }
    let mut before = std::mem::take(known);
    known.extend(snapshot.servers.all().map(|server| {
        let place = before.iter().position(|k| Arc::ptr_eq(&k.server, server));
        place
            .map(|place| before.swap_remove(place))
            .unwrap_or_else(|| OfServer {
                server: server.clone(),
                meters: Meters::default(),
            })
    }));
}

/// A frontend whose clients wait in the backlog says so: it may open again.
fn paused(mut row: Row, phase: Phase, gate: Gate) -> Row {
    let is_paused = match (phase, gate) {
        (_, Gate::Closed) | (Phase::Running | Phase::Between, Gate::Open) => false,
        (Phase::Running | Phase::Between, Gate::Paused) | (Phase::Paused, _) => true,
        (Phase::Draining | Phase::Left | Phase::Ending | Phase::Stopped, _) => false,
    };
    if is_paused {
        row.set(Field::Status, "PAUSED");
    }
    row
}

fn listener_of((frontend, is_http): (&plan::Frontend, bool), bind: &Bind, at: &AtListener, is_waiting: bool) -> Row {
    let traffic = &at.traffic;
    listener_row(&figures::Listener {
        proxy: &frontend.name,
        iid: frontend.id,
        number: bind.id,
        name: &bind.name.clone().unwrap_or_else(|| format!("sock-{}", bind.id)),
        address: &shown(&bind.address),
        maxconn: bind.maxconn.unwrap_or(0),
        is_waiting,
        is_http,
        denials: denials(&at.denials),
        traffic: figures::Traffic {
            sessions: traffic.sessions.now(),
            sessions_max: traffic.sessions.max(),
            sessions_total: traffic.sessions.total() + at.turned_away.now(),
            bytes_in: traffic.bytes_in.now(),
            bytes_out: traffic.bytes_out.now(),
            ..figures::Traffic::default()
        },
    })
}

fn denials(counted: &Denials) -> figures::Denials {
    figures::Denials {
        connections: counted.connections.now(),
        sessions: counted.sessions.now(),
        requests: counted.requests.now(),
        headers: counted.headers.now(),
        responses: counted.responses.now(),
        handshakes: counted.handshakes.now(),
    }
}

fn server_of(keeper: &Keeper, server: &Server, meters: &Meters, report: &ServerReport<'_>, now: Mono) -> Row {
    let plan = &keeper.backend().now().plan;
    let waiting = keeper.backend().queue.waiting(Some(server.place));
    server_row(&figures::Server {
        proxy: &plan.name,
        iid: plan.id,
        report,
        // Where nothing was found yet, nothing is shown; one without an address is wherever its clients want to go.
        address: &match server.address.load().for_client_of(|| 0).as_socket() {
            Some(at) if at.ip().is_unspecified() => match server.plan().host {
                Host::Name(_) => String::new(),
                _ => at.to_string(),
            },
            _ => server.address.to_string(),
        },
        maxqueue: server.plan().maxqueue,
        traffic: meters.figures(&server.traffic, now),
        effort: effort(&server.attempts, &server.traffic, waiting, now),
        change_seconds: now.since(report.view.last_change).as_secs(),
    })
}

/// `None` only before the machine's first word.
fn backend_of(keeper: &Keeper, fullconn: u32, is_page: bool, traffic: figures::Traffic, now: Mono) -> Option<Row> {
    let backend = keeper.backend();
    let snapshot = backend.now();
    let view = snapshot.view.as_ref()?;
    let outage = keeper.outage();
    Some(backend_row(&figures::Backend {
        name: &snapshot.plan.name,
        iid: snapshot.plan.id,
        is_http: is_page,
        is_published: backend.is_published(),
        fullconn,
        policy: &snapshot.plan.policy,
        view,
        traffic,
        effort: effort(&backend.attempts, &backend.traffic, backend.queue.waiting(None), now),
        downs: outage.count(),
        down_seconds: outage.total(now).as_secs(),
        change_seconds: now.since(view.last_change).as_secs(),
    }))
}

fn effort(attempts: &Attempts, traffic: &Traffic, (queued, most): (usize, usize), now: Mono) -> figures::Effort {
    let clipped = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    figures::Effort {
        queued: clipped(queued),
        queued_max: clipped(most),
        connects: attempts.connects.now(),
        connect_errors: attempts.connect_errors.now(),
        retries: attempts.retries.now(),
        redispatches: attempts.redispatches.now(),
        balanced: attempts.balanced.now(),
        client_aborts: attempts.client_aborts.now(),
        server_aborts: attempts.server_aborts.now(),
        response_errors: attempts.response_errors.now(),
        refused_answers: attempts.refused_answers.now(),
        last_session: traffic.last_seconds(now),
        queue_time: attempts.times.queue(),
        connect_time: attempts.times.connect(),
        total_time: attempts.times.total(),
    }
}
