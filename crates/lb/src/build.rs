//! From a Plan to what runs: frontends, backends, their machines and listeners, tied together.

use std::sync::Arc;

use socket2::{SockAddr, Socket};
use tandem_lb_config::{self as plan, Plan, Service};
use tandem_lb_core::backend::{self as core, BackendSettings, Output, ProxyKind, ServerSettings, Spread};
use tandem_ops::clock::Clock;
use tandem_time::Seed;
use tokio::sync::watch;

use crate::accept::Listener;
use crate::address::{AddressError, ServerAddress};
use crate::admission::{Admission, Limit};
use crate::counters::Traffic;
use crate::frontend::{Frontend, conn_settings};
use crate::keeper::Watched;
use crate::listeners::Opened;
use crate::logs::Logs;
use crate::page::Site;
use crate::publish::Backend;

/// Where the servers of one backend are, and where they are checked.
pub(crate) struct Addresses {
    servers: Vec<ServerAddress>,
    checks: Vec<Option<SockAddr>>,
}

impl Addresses {
    /// Of all backends, or every reason why not.
    pub(crate) fn of(backends: &[plan::Backend]) -> Result<Vec<Addresses>, Vec<AddressError>> {
        let mut errors = Vec::new();
        let mut all = Vec::new();
        for backend in backends {
            let mut found = Addresses {
                servers: Vec::new(),
                checks: Vec::new(),
            };
            for server in &backend.servers {
                ServerAddress::of(server)
                    .map(|at| found.servers.push(at))
                    .unwrap_or_else(|e| errors.push(e));
                ServerAddress::of_check(server)
                    .map(|at| found.checks.push(at))
                    .unwrap_or_else(|e| errors.push(e));
            }
            all.push(found);
        }
        if errors.is_empty() { Ok(all) } else { Err(errors) }
    }
}

/// What a Plan becomes.
pub(crate) struct Built {
    pub(crate) watched: Vec<Watched>,
    pub(crate) frontends: Vec<Arc<Frontend>>,
    /// The listeners of each worker.
    pub(crate) listeners: Vec<Vec<Listener>>,
    /// The frontends that answer HTTP, with their sockets.
    pub(crate) http: Vec<(Site, Vec<Arc<Socket>>)>,
}

/// Ties together what was opened. `opened` are the sockets of each frontend, in the order of the Plan.
pub(crate) struct Builder<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) logs: &'a Logs,
    pub(crate) clock: Clock,
    pub(crate) workers: usize,
    pub(crate) process: Limit,
    /// The most connections of a frontend that does not say.
    pub(crate) frontend_maxconn: u32,
}

impl Builder<'_> {
    pub(crate) fn build(&self, addresses: Vec<Addresses>, opened: Vec<Vec<Opened>>, seed: &mut Seed) -> Built {
        let mut built = Built {
            watched: self.backends(addresses, seed),
            frontends: Vec::new(),
            listeners: vec![Vec::new(); self.workers],
            http: Vec::new(),
        };
        let frontends = self.plan.frontends.iter().zip(opened).zip(&self.logs.frontends);
        for ((frontend, sockets), logs) in frontends {
            match &frontend.service {
                Service::Stats(settings) => {
                    let sockets = sockets.into_iter().flat_map(|opened| opened.for_workers(1));
                    let most = frontend.maxconn.unwrap_or(self.frontend_maxconn);
                    let site = Site::new(frontend.clone(), settings.clone(), most);
                    built.http.push((site, sockets.collect()));
                }
                Service::Tcp { backend } => {
                    let backend = backend
                        .and_then(|place| built.watched.get(place))
                        .map(|w| w.backend.clone());
                    let live = Arc::new(Frontend {
                        settings: Arc::new(conn_settings(frontend, backend.as_ref().map(|b| &b.plan))),
                        backend,
                        logs: logs.clone(),
                        traffic: Traffic::default(),
                        gate: watch::Sender::default(),
                        limit: Limit::new(frontend.maxconn.unwrap_or(self.frontend_maxconn)),
                        plan: frontend.clone(),
                    });
                    self.listen(&live, sockets, &mut built.listeners);
                    built.frontends.push(live);
                }
            }
        }
        built
    }

    fn backends(&self, addresses: Vec<Addresses>, seed: &mut Seed) -> Vec<Watched> {
        let servers: Vec<Vec<ServerSettings>> = self.plan.backends.iter().map(server_settings).collect();
        let percent = u32::from(self.plan.global.spread_checks);
        let spreads = Spread::over(percent, servers.iter().map(Vec::as_slice));
        let parts = self
            .plan
            .backends
            .iter()
            .zip(addresses)
            .zip(servers.into_iter().zip(spreads));
        let with_logs = parts.zip(&self.logs.backends);
        with_logs
            .map(|(((plan, at), (servers, spread)), logs)| {
                let is_listen = self.plan.frontends.iter().any(|f| f.name == plan.name);
                let settings = BackendSettings {
                    name: plan.name.clone(),
                    kind: if is_listen {
                        ProxyKind::Listen
                    } else {
                        ProxyKind::Backend
                    },
                    policy: plan.policy,
                    log_checks: plan.log_health_checks,
                    spread,
                    servers,
                };
                let mut machine = core::Backend::new(settings, seed.fork(u64::from(plan.id)), self.clock.now());
                let backend = Arc::new(Backend::new(plan.clone(), at.servers, seed));
                // Its first word is a view, so that the workers can pick before the control runtime runs.
                if let Some(Output::Publish(view)) = machine.poll_output() {
                    backend.publish(view);
                }
                Watched {
                    backend,
                    machine,
                    checks: at.checks,
                    logs: logs.clone(),
                }
            })
            .collect()
    }

    fn listen(&self, frontend: &Arc<Frontend>, sockets: Vec<Opened>, of_workers: &mut [Vec<Listener>]) {
        for ((opened, bind), number) in sockets.into_iter().zip(&frontend.plan.binds).zip(1..) {
            let own = bind.maxconn.map(Limit::new);
            let admission = Admission::new(own.into_iter().chain([frontend.limit.clone(), self.process.clone()]));
            let spread = opened.spread();
            for (listeners, socket) in of_workers.iter_mut().zip(opened.for_workers(self.workers)) {
                listeners.push(Listener {
                    number,
                    socket,
                    frontend: frontend.clone(),
                    admission: admission.clone(),
                    spread,
                });
            }
        }
    }
}

fn server_settings(backend: &plan::Backend) -> Vec<ServerSettings> {
    let one = |server: &plan::Server| ServerSettings {
        name: server.name.clone(),
        id: server.id,
        weight: server.weight,
        backup: server.backup,
        disabled: server.disabled,
        maxconn: server.maxconn,
        check: server.check.as_ref().filter(|_| !backend.disabled).map(|c| c.settings),
    };
    backend.servers.iter().map(one).collect()
}
