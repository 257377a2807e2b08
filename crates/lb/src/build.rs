//! From a Plan to what runs: frontends, backends, their machines and listeners, tied together.

use std::rc::Rc;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tandem_lb_config::{self as plan, Plan};
use tandem_lb_core::ServerIdx;
use tandem_lb_core::backend::{self as core, BackendSettings, Output, ProxyKind, ServerSettings, Spread};
use tandem_lb_core::conn::ConnSettings;
use tandem_lb_core::snapshot::Roster;
use tandem_ops::clock::Clock;
use tandem_ops::syslog::Targets;
use tandem_time::{Mono, Seed};

use crate::address::{AddressError, Found, ServerAddress};
use crate::admission::{Limit, MOST};
use crate::directory::Directory;
use crate::frontend::{Frontend, Seat, conn_settings, destinations, of_listeners};
use crate::frontends::{Front, Service};
use crate::keeper::Watched;
use crate::listeners::Opened;
use crate::logs::Logs;
use crate::newcomer;
use crate::outside::Outside;
use crate::page::Site;
use crate::publish::Backend;
use crate::servers::Servers;
use crate::worker::Crew;

/// Where the servers of all backends are, in the order of the Plan, or every reason why not.
pub(crate) fn addresses(backends: &[plan::Backend]) -> Result<Vec<Vec<Found>>, Vec<AddressError>> {
    let mut errors = Vec::new();
    let mut of = |server| {
        Found::of(server, &Outside::Here)
            .map_err(|error| errors.push(error))
            .ok()
    };
    let found = backends.iter().map(|b| b.servers.iter().filter_map(&mut of).collect());
    let found = found.collect();
    if errors.is_empty() { Ok(found) } else { Err(errors) }
}

/// What a Plan becomes.
pub(crate) struct Built {
    pub(crate) watched: Vec<Watched>,
    pub(crate) frontends: Vec<Front>,
    /// The frontends that answer HTTP, with what each listens on.
    pub(crate) http: Vec<(Site, Vec<(plan::Bind, Opened)>)>,
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
    pub(crate) fn build(&self, addresses: Vec<Vec<Found>>, opened: Vec<Vec<Opened>>, seed: &mut Seed) -> Built {
        self.directory.tables.follow(&self.plan.tables, seed, self.clock.now());
        let backends = self.plan.backends.iter().zip(addresses).zip(&self.logs.backends);
        let now = self.clock.now();
        let watched = backends
            .zip(spreads(self.plan))
            .map(|(((backend, found), logs), spread)| watched(self.plan, backend, found, spread, logs, seed, now));
        let mut built = Built {
            watched: watched.collect(),
            frontends: Vec::new(),
            http: Vec::new(),
        };
        let frontends = self.plan.frontends.iter().zip(opened).zip(&self.logs.frontends);
        for ((plan, sockets), logs) in frontends {
            let most = plan.maxconn.unwrap_or(self.frontend_maxconn);
            match &plan.service {
                plan::Service::Stats(settings) => {
                    let site = Site::new(site(plan, self.directory), settings.clone(), most);
                    built
                        .http
                        .push((site, plan.binds.iter().cloned().zip(sockets).collect()));
                }
                plan::Service::Tcp { backend } => {
                    let backend = backend.and_then(|place| built.watched.get(place));
                    let backend = backend.map(|w| w.backend.clone());
                    let limit = Limit::new(most).paced(plan.session_rate);
                    let all = built.watched.iter().map(|watched| &watched.backend);
                    let frontend = Frontend {
                        destinations: destinations(plan, all),
                        ..frontend(plan, backend, logs.clone(), limit, self.directory)
                    };
                    let seat = Seat::new(ArcSwap::from_pointee(frontend));
                    let service = Service {
                        seat: &seat,
                        process: self.process,
                        crew: self.crew,
                    };
                    let lines = sockets.iter().zip(&plan.binds).zip(1..);
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
}

/// A frontend that nobody knew before.
pub(crate) fn frontend(
    plan: &plan::Frontend,
    backend: Option<Arc<Backend>>,
    logs: Targets,
    limit: Limit,
    directory: &Arc<Directory>,
) -> Frontend {
    Frontend {
        settings: Arc::new(settings_of(plan, backend.as_deref())),
        backend,
        destinations: Arc::default(),
        logs,
        traffic: Arc::default(),
        listeners: of_listeners(plan, None),
        gate: Arc::default(),
        limit,
        denials: Arc::default(),
        lines: Arc::default(),
        directory: directory.clone(),
        plan: plan.clone(),
    }
}

/// One that answers itself: its places are its guests', and it writes no lines.
pub(crate) fn site(plan: &plan::Frontend, directory: &Arc<Directory>) -> Frontend {
    let limit = Limit::new(MOST).paced(plan.session_rate);
    frontend(plan, None, Targets::default(), limit, directory)
}

pub(crate) fn settings_of(plan: &plan::Frontend, backend: Option<&Backend>) -> ConnSettings {
    let backend = backend.map(|b| b.now().plan.clone());
    conn_settings(plan, backend.as_deref())
}

/// A backend that nobody knew before.
pub(crate) fn watched(
    all: &Plan,
    plan: &plan::Backend,
    found: Vec<Found>,
    spread: Spread,
    logs: &Targets,
    seed: &mut Seed,
    now: Mono,
) -> Watched {
    let (at, checks): (Vec<_>, Vec<_>) = found.into_iter().map(|f| (f.server, f.check)).unzip();
    let servers = Servers::default().renewed(plan.servers.iter().cloned().zip(at));
    let settings = backend_settings(all, plan, spread, &servers);
    let mut machine = core::Backend::new(settings, seed.fork(u64::from(plan.id)), now);
    // Its first word is a view, so that the workers can pick before the control runtime runs.
    let view = match machine.poll_output() {
        Some(Output::Publish(view)) => Some(view),
        _ => None,
    };
    Watched {
        backend: Arc::new(Backend::new(plan.clone(), servers, view, seed)),
        machine,
        checks,
        roster: Roster::new(newcomer::origin(plan)),
        made: None,
        logs: logs.clone(),
    }
}

/// How the first checks of the backends are spread, in the order of the Plan.
pub(crate) fn spreads(plan: &Plan) -> Vec<Spread> {
    spreads_of(&plan.global, &plan.backends)
}

pub(crate) fn spreads_of<'a>(
    global: &plan::Global,
    backends: impl IntoIterator<Item = &'a plan::Backend>,
) -> Vec<Spread> {
    let servers = |backend: &plan::Backend| {
        let places = backend.servers.iter().zip(0..);
        let settings = places.map(|(server, place)| server_settings(backend, server, None, ServerIdx(place)));
        settings.collect::<Vec<_>>()
    };
    let servers: Vec<Vec<ServerSettings>> = backends.into_iter().map(servers).collect();
    let spreads = Spread::over(u32::from(global.spread_checks), servers.iter().map(Vec::as_slice));
    let within = global.first_checks_within;
    spreads.into_iter().map(|spread| Spread { within, ..spread }).collect()
}

/// What the machine of a backend is told; `servers` says which place each has.
pub(crate) fn backend_settings(all: &Plan, plan: &plan::Backend, spread: Spread, servers: &Servers) -> BackendSettings {
    let is_listen = all.frontends.iter().any(|f| f.name == plan.name);
    BackendSettings {
        name: plan.name.clone(),
        kind: if is_listen {
            ProxyKind::Listen
        } else {
            ProxyKind::Backend
        },
        policy: plan.policy,
        log_checks: plan.log_health_checks,
        spread,
        servers: servers
            .all()
            .map(|server| server_settings(plan, &server.plan(), Some(&server.address.load()), server.place))
            .collect(),
    }
}

/// What the machine needs to know of a server.
pub(crate) fn server_settings(
    backend: &plan::Backend,
    server: &plan::Server,
    address: Option<&ServerAddress>,
    place: ServerIdx,
) -> ServerSettings {
    ServerSettings {
        place,
        name: server.name.clone(),
        id: server.id,
        weight: server.weight,
        backup: server.backup,
        disabled: server.disabled,
        is_nowhere: address.is_some_and(ServerAddress::is_nowhere) && matches!(server.host, plan::Host::Name(_)),
        hash_key: server.hash_key,
        at: address.and_then(ServerAddress::known),
        guid: server.guid.clone(),
        maxconn: server.maxconn,
        minconn: server.minconn,
        conduct: server.conduct,
        agent: server
            .agent
            .as_ref()
            .filter(|_| !backend.disabled)
            .map(|agent| agent.settings),
        tracks: server.tracks.clone(),
        check: server.check.as_ref().filter(|_| !backend.disabled).map(|c| c.settings),
    }
}
