//! One frontend or backend with its servers: where its counters are, and the rows that they become.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use tandem_lb_core::ServerIdx;
use tandem_lb_core::backend::ServerReport;
use tandem_lb_core::stats::prometheus::{ServerSpread, TableFill};
use tandem_lb_core::stats::{Row, backend_row, figures, frontend_row, server_row};
use tandem_time::Mono;

use super::{History, Meters};
use crate::counters::{Attempts, Traffic};
use crate::frontend::{Frontend, Gate};
use crate::keeper::Keeper;
use crate::page::Site;
use crate::publish::Server;

pub(super) enum Series {
    Frontend {
        frontend: Arc<Frontend>,
        meters: RefCell<Meters>,
    },
    Site {
        site: Rc<Site>,
        meters: RefCell<Meters>,
    },
    Backend {
        keeper: Rc<Keeper>,
        fullconn: u32,
        meters: RefCell<Meters>,
        servers: Vec<RefCell<Meters>>,
        /// The other half of a `listen` with a page.
        is_page: bool,
    },
}

impl Series {
    pub(super) fn frontend(frontend: Arc<Frontend>) -> Series {
        Series::Frontend {
            frontend,
            meters: RefCell::default(),
        }
    }

    pub(super) fn site(site: Rc<Site>) -> Series {
        Series::Site {
            site,
            meters: RefCell::default(),
        }
    }

    /// `clients` is how many the frontends may send here; a tenth of them is what HAProxy calls full.
    pub(super) fn backend(keeper: Rc<Keeper>, clients: u64, is_page: bool) -> Series {
        let servers = keeper.backend().servers.iter().map(|_| RefCell::default()).collect();
        Series::Backend {
            keeper,
            fullconn: u32::try_from(clients.div_ceil(10).max(1)).unwrap_or(u32::MAX),
            meters: RefCell::default(),
            servers,
            is_page,
        }
    }

    pub(super) fn id(&self) -> u32 {
        match self {
            Series::Frontend { frontend, .. } => frontend.plan.id,
            Series::Site { site, .. } => site.plan().id,
            Series::Backend { keeper, .. } => keeper.backend().plan.id,
        }
    }

    pub(super) fn is_backend(&self) -> bool {
        matches!(self, Series::Backend { .. })
    }

    /// What clients of the process do; behind a backend it would be counted twice.
    pub(super) fn of_clients(&self) -> Option<&Traffic> {
        match self {
            Series::Frontend { frontend, .. } => Some(&frontend.traffic),
            Series::Site { site, .. } => Some(site.traffic()),
            Series::Backend { .. } => None,
        }
    }

    pub(super) fn table(&self) -> Option<TableFill> {
        let Series::Backend { keeper, .. } = self else {
            return None;
        };
        let affinity = keeper.backend().affinity.as_ref()?;
        let fill = affinity.fill();
        Some(TableFill {
            name: keeper.backend().plan.name.to_string(),
            key: fill.key,
            size: fill.size,
            used: fill.used,
        })
    }

    pub(super) fn spreads(&self) -> Vec<ServerSpread> {
        let Series::Backend { keeper, .. } = self else {
            return Vec::new();
        };
        let backend = keeper.backend();
        let servers = backend.plan.servers.iter().zip(&backend.servers);
        servers
            .map(|(plan, server)| ServerSpread {
                proxy: backend.plan.name.to_string(),
                server: plan.name.to_string(),
                of: server.history.distributions(),
            })
            .collect()
    }

    /// Of the server with this number.
    pub(super) fn history(&self, server: u32) -> Option<&History> {
        let Series::Backend { keeper, .. } = self else {
            return None;
        };
        let backend = keeper.backend();
        let place = backend.plan.servers.iter().position(|s| s.id.0 == server)?;
        Some(&backend.servers.get(place)?.history)
    }

    pub(super) fn look(&self, now: Mono) {
        match self {
            Series::Frontend { frontend, meters, .. } => meters.borrow_mut().look(&frontend.traffic, now),
            Series::Site { site, meters } => meters.borrow_mut().look(site.traffic(), now),
            Series::Backend {
                keeper,
                meters,
                servers,
                ..
            } => {
                meters.borrow_mut().look(&keeper.backend().traffic, now);
                for (server, meters) in keeper.backend().servers.iter().zip(servers) {
                    meters.borrow_mut().look(&server.traffic, now);
                    server.history.look(&server.traffic, now);
                }
            }
        }
    }

    pub(super) fn forget_maxima(&self) {
        match self {
            Series::Frontend { frontend, meters, .. } => meters.borrow_mut().forget_maxima(&frontend.traffic),
            Series::Site { site, meters } => meters.borrow_mut().forget_maxima(site.traffic()),
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
                for (server, meters) in backend.servers.iter().zip(servers) {
                    meters.borrow_mut().forget_maxima(&server.traffic);
                    server.attempts.times.forget_maxima();
                }
            }
        }
    }

    pub(super) fn clear(&self) {
        match self {
            Series::Frontend { frontend, .. } => frontend.traffic.clear(),
            Series::Site { site, .. } => site.traffic().clear(),
            Series::Backend { keeper, .. } => {
                let backend = keeper.backend();
                backend.traffic.clear();
                backend.attempts.clear();
                for server in &backend.servers {
                    server.traffic.clear();
                    server.attempts.clear();
                    server.history.clear();
                }
            }
        }
    }

    pub(super) fn rows(&self, now: Mono, is_open: bool, rows: &mut Vec<Row>) {
        match self {
            Series::Frontend { frontend, meters } => rows.push(frontend_row(&figures::Frontend {
                name: &frontend.plan.name,
                iid: frontend.plan.id,
                maxconn: frontend.limit.most(),
                is_open: is_open && *frontend.gate.borrow() == Gate::Open,
                traffic: meters.borrow().figures(&frontend.traffic, now),
                http: None,
            })),
            Series::Site { site, meters } => {
                let traffic = meters.borrow().figures(site.traffic(), now);
                rows.push(frontend_row(&figures::Frontend {
                    name: &site.plan().name,
                    iid: site.plan().id,
                    maxconn: site.maxconn(),
                    is_open,
                    http: Some(figures::Http {
                        answers: site.answers(),
                        requests: traffic.sessions_total,
                        rate: traffic.rate,
                        rate_max: traffic.rate_max,
                    }),
                    traffic,
                }));
            }
            Series::Backend {
                keeper,
                fullconn,
                meters,
                servers,
                is_page,
            } => {
                for ((place, server), meters) in (0..).zip(&keeper.backend().servers).zip(servers) {
                    rows.extend(keeper.report(ServerIdx(place), |report| {
                        server_of(keeper, server, &meters.borrow(), &report, now)
                    }));
                }
                let traffic = meters.borrow().figures(&keeper.backend().traffic, now);
                rows.extend(backend_of(keeper, *fullconn, *is_page, traffic, now));
            }
        }
    }
}

fn server_of(keeper: &Keeper, server: &Server, meters: &Meters, report: &ServerReport<'_>, now: Mono) -> Row {
    let plan = &keeper.backend().plan;
    let place = plan.servers.iter().position(|s| s.id == report.view.id);
    let line = place.and_then(|p| u32::try_from(p).ok()).map(ServerIdx);
    let waiting = line.map_or((0, 0), |idx| keeper.backend().queue.waiting(Some(idx)));
    server_row(&figures::Server {
        proxy: &plan.name,
        iid: plan.id,
        report,
        address: &server.address.to_string(),
        traffic: meters.figures(&server.traffic, now),
        effort: effort(&server.attempts, &server.traffic, waiting, now),
        change_seconds: now.since(report.view.last_change).as_secs(),
    })
}

/// `None` only before the machine's first word.
fn backend_of(keeper: &Keeper, fullconn: u32, is_page: bool, traffic: figures::Traffic, now: Mono) -> Option<Row> {
    let backend = keeper.backend();
    let view = backend.view()?;
    let outage = keeper.outage();
    Some(backend_row(&figures::Backend {
        name: &backend.plan.name,
        iid: backend.plan.id,
        is_http: is_page,
        fullconn,
        policy: &backend.plan.policy,
        view: &view,
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
        last_session: traffic.last_seconds(now),
        queue_time: attempts.times.queue(),
        connect_time: attempts.times.connect(),
        total_time: attempts.times.total(),
    }
}
