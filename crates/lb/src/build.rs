//! From a Plan to what runs: frontends, backends, their machines and listeners, tied together.

use std::rc::Rc;
use std::sync::Arc;

use arc_swap::ArcSwap;
use socket2::{SockAddr, Socket};
use tandem_lb_config::{self as plan, Plan};
use tandem_lb_core::ServerIdx;
use tandem_lb_core::backend::{self as core, BackendSettings, Output, ProxyKind, ServerSettings, Spread};
use tandem_ops::clock::Clock;
use tandem_time::Seed;

use crate::address::{AddressError, ServerAddress};
use crate::admission::Limit;
use crate::directory::Directory;
use crate::frontend::{Frontend, Seat, conn_settings, of_listeners};
use crate::frontends::{Front, Service};
use crate::keeper::Watched;
use crate::listeners::Opened;
use crate::logs::Logs;
use crate::page::Site;
use crate::publish::Backend;
use crate::servers::Servers;
use crate::worker::Crew;

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
    pub(crate) frontends: Vec<Front>,
    /// The frontends that answer HTTP, with their sockets.
    pub(crate) http: Vec<(Site, Vec<Arc<Socket>>)>,
}

/// Ties together what was opened. `opened` are the sockets of each frontend, in the order of the Plan.
pub(crate) struct Builder<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) logs: &'a Logs,
    pub(crate) clock: Clock,
    pub(crate) process: &'a Limit,
    pub(crate) crew: &'a Crew,
    pub(crate) directory: &'a Arc<Directory>,
    /// The most connections of a frontend that does not say.
    pub(crate) frontend_maxconn: u32,
}

impl Builder<'_> {
    pub(crate) fn build(&self, addresses: Vec<Addresses>, opened: Vec<Vec<Opened>>, seed: &mut Seed) -> Built {
        let mut built = Built {
            watched: self.backends(addresses, seed),
            frontends: Vec::new(),
            http: Vec::new(),
        };
        let frontends = self.plan.frontends.iter().zip(opened).zip(&self.logs.frontends);
        for ((frontend, sockets), logs) in frontends {
            match &frontend.service {
                plan::Service::Stats(settings) => {
                    let sockets = sockets.iter().flat_map(|opened| opened.sockets().to_vec());
                    let most = frontend.maxconn.unwrap_or(self.frontend_maxconn);
                    let site = Site::new(frontend.clone(), settings.clone(), most);
                    built.http.push((site, sockets.collect()));
                }
                plan::Service::Tcp { backend } => {
                    let backend = backend
                        .and_then(|place| built.watched.get(place))
                        .map(|w| w.backend.clone());
                    let settings = conn_settings(frontend, backend.as_ref().map(|b| b.now().plan.clone()).as_deref());
                    let seat = Seat::new(ArcSwap::from_pointee(Frontend {
                        settings: Arc::new(settings),
                        backend,
                        logs: logs.clone(),
                        traffic: Arc::default(),
                        listeners: of_listeners(frontend),
                        gate: Arc::default(),
                        limit: Limit::new(frontend.maxconn.unwrap_or(self.frontend_maxconn)),
                        denials: Arc::default(),
                        directory: self.directory.clone(),
                        plan: frontend.clone(),
                    }));
                    let service = Service {
                        seat: &seat,
                        process: self.process,
                        crew: self.crew,
                    };
                    let lines = sockets.iter().zip(&frontend.binds).zip(1..);
                    let bound = lines.map(|((opened, bind), number)| service.begin(bind.clone(), opened, number));
                    let bound = bound.map(Rc::new).collect();
                    built.frontends.push(Front { seat, bound });
                }
            }
        }
        let seats = built.frontends.iter().map(|front| &front.seat);
        let backends = built.watched.iter().map(|watched| &watched.backend);
        self.directory.follow(seats, backends);
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
                // Its first word is a view, so that the workers can pick before the control runtime runs.
                let view = match machine.poll_output() {
                    Some(Output::Publish(view)) => Some(view),
                    _ => None,
                };
                let servers = Servers::default().renewed(plan.servers.iter().cloned().zip(at.servers));
                Watched {
                    backend: Arc::new(Backend::new(plan.clone(), servers, view, seed)),
                    machine,
                    checks: at.checks,
                    logs: logs.clone(),
                }
            })
            .collect()
    }
}

fn server_settings(backend: &plan::Backend) -> Vec<ServerSettings> {
    let one = |(server, place): (&plan::Server, u32)| ServerSettings {
        place: ServerIdx(place),
        name: server.name.clone(),
        id: server.id,
        weight: server.weight,
        backup: server.backup,
        disabled: server.disabled,
        maxconn: server.maxconn,
        check: server.check.as_ref().filter(|_| !backend.disabled).map(|c| c.settings),
    };
    backend.servers.iter().zip(0..).map(one).collect()
}
