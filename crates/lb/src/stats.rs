//! The statistics of this process: everything that is counted, read off for one moment.
//!
//! The workers only count. What needs time (rates, maxima of rates) is found by looking at the counters a few times a
//! second, here on the control runtime, so it costs the connections nothing.

mod history;
mod meters;
mod process;
mod series;
mod timeline;
mod times;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tandem_lb_core::peers::PeerView;
use tandem_lb_core::snapshot::{self, ProcessCounts};
use tandem_lb_core::stats::hour::Hour;
use tandem_lb_core::stats::prometheus::{
    CertificateSeen, Descriptions, NameServerSeen, PeerSeen, Reloads, RingSeen, ServerSpread, TableFill,
};
use tandem_lb_core::stats::{Info, InfoField, Meter, Row, lend_analyses};
use tandem_ops::clock::{Clock, Wall};
use tandem_time::Mono;
use tokio::sync::watch;

use crate::directory::Directory;
use crate::frontend::Frontend;
use crate::frontends::Frontends;
use crate::keeper::Keeper;
use crate::live::Live;
use crate::orders::Orders;
use crate::page::Site;
use crate::peers::{Peers, SectionView};
use crate::publish::Backend;
use crate::resolving::{Asked, Resolving};
use crate::rings::Known;
use crate::servers::Server;
use crate::state::Past;
use crate::tables::Table;
use crate::worker::{Crew, Phase};

pub(crate) use history::History;
use meters::Meters;
pub(crate) use process::{Process, RELEASED, VERSION};
use series::Series;
pub(crate) use timeline::{Happening, Timeline};
pub(crate) use times::Times;

/// How often the counters are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Everything that there is to tell. One for the process, on the control runtime.
pub(crate) struct Stats {
    clock: Clock,
    began: Mono,
    process: RefCell<Rc<Process>>,
    phase: watch::Receiver<Phase>,
    crew: Arc<Crew>,
    /// The microseconds that the workers worked.
    busy: RefCell<Meter>,
    /// In the order of the configuration.
    series: RefCell<Vec<Series>>,
    meters: RefCell<Meters>,
    timeline: Rc<Timeline>,
    directory: Arc<Directory>,
    peers: Rc<Peers>,
    resolving: Rc<Resolving>,
    reloads: Cell<snapshot::Reloads>,
}

/// What [`Stats`] reads.
pub(crate) struct Sources {
    pub(crate) clock: Clock,
    pub(crate) process: Process,
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) crew: Arc<Crew>,
    pub(crate) frontends: Frontends,
    pub(crate) sites: Vec<Rc<Site>>,
    pub(crate) orders: Orders,
    pub(crate) timeline: Rc<Timeline>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) peers: Rc<Peers>,
    pub(crate) resolving: Rc<Resolving>,
}

impl Stats {
    pub(crate) fn new(sources: Sources) -> Rc<Stats> {
        let Sources {
            clock,
            process,
            phase,
            crew,
            frontends,
            sites,
            orders,
            timeline,
            directory,
            peers,
            resolving,
        } = sources;
        let stats = Stats {
            clock,
            began: clock.now(),
            process: RefCell::new(Rc::new(process)),
            phase,
            crew,
            busy: RefCell::default(),
            series: RefCell::default(),
            meters: RefCell::default(),
            timeline,
            directory,
            peers,
            resolving,
            reloads: Cell::default(),
        };
        stats.follow(&frontends, &sites, &orders);
        Rc::new(stats)
    }

    /// From now on these are told of. What was told of before goes on as it was.
    pub(crate) fn follow(&self, frontends: &Frontends, sites: &[Rc<Site>], orders: &Orders) {
        let roads = Roads {
            usual: self.process().frontend_maxconn,
            frontends: frontends.all(),
            sites,
        };
        // As in HAProxy, nobody hears of a section that is `disabled`.
        let seats = frontends.seats().into_iter().filter(|seat| !seat.load().plan.disabled);
        let fronts = seats.map(Series::frontend);
        let pages = sites.iter().map(|site| Series::site(site.clone()));
        let keepers = orders.backends();
        let backs = keepers
            .iter()
            .filter(|keeper| !keeper.backend().now().plan.disabled)
            .map(|keeper| Series::backend(keeper.clone(), roads.clients(keeper), roads.is_page(keeper)));
        let mut series: Vec<Series> = fronts.chain(pages).chain(backs).collect();
        // A `listen` is both, at one place; its frontend comes first. Those that operators have made are the last.
        series.sort_by_key(|s| (s.place(), s.is_backend(), s.id()));
        let before = self.series.take();
        for series in &mut series {
            before.iter().for_each(|known| series.go_on_from(known));
        }
        self.series.replace(series);
    }

    /// Goes on from what earlier processes counted. To be called before the first look.
    pub(crate) fn resume(&self, past: &Past) {
        let now = self.clock.now();
        self.series.borrow().iter().for_each(|series| series.resume(past, now));
        self.timeline.resume(&past.own.events);
        self.directory.tls.tally.resume(past.own.counts);
        let (total, bytes) = self.totals();
        let mut meters = self.meters.borrow_mut();
        meters.sessions.resume(total, past.own.counts.rate_max);
        meters.bytes_out.resume(bytes, 0);
    }

    /// Adds what a process before this one has counted for those who stayed there.
    pub(crate) fn add(&self, past: &Past) {
        let now = self.clock.now();
        self.series.borrow().iter().for_each(|series| series.add(past, now));
        self.directory.tls.tally.resume(past.own.counts);
    }

    /// What the process counted that no frontend or backend did.
    pub(crate) fn counts(&self) -> ProcessCounts {
        let (now, (total, _)) = (self.clock.now(), self.totals());
        let tls = self.directory.tls.tally.told(now);
        ProcessCounts {
            rate_max: self.meters.borrow().sessions.max(total, now),
            tls: tls.total,
            tls_rate_max: tls.rate_max,
            client_keys_max: tls.client_keys_max,
            server_keys_max: tls.server_keys_max,
        }
    }

    /// Looks at the counters until the process ends.
    pub(crate) async fn watch(self: Rc<Stats>) {
        loop {
            self.look();
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// All rows, in HAProxy's order: proxies as they were configured; of each the frontend, the servers, the backend.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let now = self.clock.now();
        let phase = *self.phase.borrow();
        let mut rows = Vec::new();
        for series in self.series.borrow().iter() {
            series.rows(now, phase, &mut rows);
        }
        lend_analyses(&mut rows);
        rows
    }

    /// Takes no more connections and waits for the last.
    pub(crate) fn is_stopping(&self) -> bool {
        self.phase.borrow().is_last()
    }

    pub(crate) fn info(&self) -> Info {
        let now = self.clock.now();
        let (mut sessions, mut total, mut bytes) = (0, 0, 0);
        for traffic in self.series.borrow().iter().filter_map(Series::of_clients) {
            sessions += traffic.sessions.now();
            total += traffic.sessions.total();
            bytes += traffic.bytes_in.now() + traffic.bytes_out.now();
        }
        let meters = self.meters.borrow();
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let mut info = self.process().info(&process::Now {
            node: &self.directory.node(),
            uptime: now.since(self.began),
            sessions,
            total,
            rate: meters.sessions.rate(total, now),
            rate_max: meters.sessions.max(total, now),
            bytes,
            byte_rate: meters.bytes_out.rate(bytes, now),
            tasks,
            idle_percent: self.idle_percent(now),
            is_stopping: self.is_stopping(),
            peers: self.peers.counts(),
            tls: self.directory.tls.tally.told(now),
            pipes: &self.crew.pipes,
        });
        let failed = self.resolving.asked().into_iter().flat_map(|asked| asked.nameservers);
        let failed = failed.map(|(_, seen)| seen.failed()).sum::<u64>();
        info.set(InfoField::FailedResolutions, u32::try_from(failed).unwrap_or(u32::MAX));
        info
    }

    /// As exactly as it is known.
    pub(crate) fn say_fractions(&self, info: &mut Info) {
        let uptime = self.clock.now().since(self.began).as_micros();
        let uptime = i64::try_from(uptime).unwrap_or(i64::MAX);
        let micros = |time: i64| u64::try_from(time).unwrap_or(0);
        info.say_fractions(micros(uptime), micros(Wall::now().as_micros() - uptime));
    }

    /// From now on the maxima are those since now.
    pub(crate) fn forget_maxima(&self) {
        self.meters.borrow_mut().sessions.forget_max();
        self.series.borrow().iter().for_each(Series::forget_maxima);
    }

    /// Counts from 0 again. The times spent down stay, as with HAProxy: they belong to the states.
    pub(crate) fn clear(&self) {
        self.forget_maxima();
        self.series.borrow().iter().for_each(Series::clear);
    }

    /// Counts from 0 again for one server, and for nobody else.
    pub(crate) fn clear_server(&self, server: &Arc<Server>) {
        self.series
            .borrow()
            .iter()
            .for_each(|series| series.clear_server(server));
    }

    /// What the configuration says of the proxy with this number, for people.
    pub(crate) fn description(&self, proxy: u32) -> Option<Arc<str>> {
        let series = self.series.borrow();
        let mut described = series.iter().filter_map(Series::description);
        described.find_map(|(id, text)| (id == proxy).then_some(text))
    }

    /// All of it that the configuration says, and what it says of this process.
    pub(crate) fn descriptions(&self) -> Descriptions {
        Descriptions {
            process: self.process().description.as_deref().map(Into::into),
            proxies: self.series.borrow().iter().filter_map(Series::description).collect(),
        }
    }

    pub(crate) fn count_reload(&self, is_followed: bool) {
        let mut reloads = self.reloads.get();
        if is_followed {
            reloads.followed += 1;
        } else {
            reloads.refused += 1;
        }
        self.reloads.set(reloads);
    }

    pub(crate) fn reloads(&self) -> Reloads {
        let snapshot::Reloads { followed, refused, .. } = self.reloads.get();
        Reloads { followed, refused }
    }

    /// With those of the processes before this one, and how often one took over from another.
    pub(crate) fn all_reloads(&self) -> snapshot::Reloads {
        self.reloads.get()
    }

    /// This process has taken over from one that counted so many.
    pub(crate) fn take_over(&self, before: snapshot::Reloads) {
        self.reloads.set(snapshot::Reloads {
            replacements: before.replacements + 1,
            ..before
        });
    }

    /// The fill of every ring.
    pub(crate) fn rings(&self) -> Vec<RingSeen> {
        let seen = |Known { plan, ring }: &Known| {
            let fill = ring.fill();
            RingSeen {
                name: plan.name.clone(),
                lines: fill.lines as u64,
                bytes: fill.bytes as u64,
                size: fill.size as u64,
                dropped: fill.dropped,
            }
        };
        self.directory.rings.now().all().map(seen).collect()
    }

    /// The fill of every stick table.
    pub(crate) fn tables(&self) -> Vec<TableFill> {
        let fill = |table: &Arc<Table>| {
            let inside = table.lock();
            TableFill {
                name: table.name().to_string(),
                key: inside.settings().key.word(),
                size: inside.settings().size,
                used: inside.len(),
            }
        };
        self.directory.tables.all().iter().map(fill).collect()
    }

    /// What was seen of every name server.
    pub(crate) fn name_servers(&self) -> Vec<NameServerSeen> {
        let of = |asked: Asked| {
            let Asked { section, nameservers } = asked;
            let seen = move |(name, seen)| NameServerSeen {
                section: section.clone(),
                name,
                seen,
            };
            nameservers.into_iter().map(seen)
        };
        self.resolving.asked().into_iter().flat_map(of).collect()
    }

    /// Those who share stick tables.
    pub(crate) fn peers(&self) -> Vec<PeerSeen> {
        let of = |section: SectionView| {
            let SectionView {
                name, peers, tables, ..
            } = section;
            let seen = move |view: PeerView| {
                let unconfirmed = tables.iter().zip(&view.tables);
                let unconfirmed = unconfirmed.map(|((_, (own, _)), table)| own.saturating_sub(table.acked));
                PeerSeen {
                    section: name.clone(),
                    unconfirmed: unconfirmed.sum(),
                    view,
                }
            };
            peers.into_iter().map(seen)
        };
        self.peers.view().into_iter().flat_map(of).collect()
    }

    /// Those that are shown to clients and to servers.
    pub(crate) fn certificates(&self) -> Arc<[CertificateSeen]> {
        self.directory.tls.now().expiries().clone()
    }

    /// The distributions of every server.
    pub(crate) fn spreads(&self, live: &Live) -> Vec<ServerSpread> {
        let ages = live.ages(self.clock.now());
        let series = self.series.borrow();
        series.iter().flat_map(|series| series.spreads(&ages)).collect()
    }

    /// The last hour of a server, read where it is.
    pub(crate) fn hour<T>(&self, proxy: u32, server: u32, read: impl FnOnce(&Hour, Mono) -> T) -> Option<T> {
        let series = self.series.borrow();
        let backend = series.iter().find(|s| s.is_backend() && s.id() == proxy)?;
        let server = backend.server(server)?;
        Some(read(&server.history.hour(), self.clock.now()))
    }

    pub(crate) fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    pub(crate) fn process(&self) -> Rc<Process> {
        self.process.borrow().clone()
    }

    /// What the process is called.
    pub(crate) fn node(&self) -> Arc<String> {
        self.directory.node()
    }

    /// What the process says of itself from now on.
    pub(crate) fn rename(&self, process: Process) {
        self.process.replace(Rc::new(process));
    }

    fn look(&self) {
        let now = self.clock.now();
        self.series.borrow().iter().for_each(|series| series.look(now));
        let (total, bytes) = self.totals();
        let mut meters = self.meters.borrow_mut();
        meters.sessions.look(total, now);
        meters.bytes_out.look(bytes, now);
        self.busy.borrow_mut().look(self.busy_micros(), now);
    }

    fn busy_micros(&self) -> u64 {
        u64::try_from(self.crew.busy().as_micros()).unwrap_or(u64::MAX)
    }

    /// Of the last second of all workers together.
    fn idle_percent(&self, now: Mono) -> u32 {
        const SECOND: u64 = 1_000_000;
        let busy = self.busy.borrow().rate(self.busy_micros(), now);
        let all = SECOND * self.crew.len() as u64;
        u32::try_from(100 - (busy * 100 / all).min(100)).unwrap_or(0)
    }

    /// Sessions and bytes of all clients.
    fn totals(&self) -> (u64, u64) {
        let series = self.series.borrow();
        let of_clients = series.iter().filter_map(Series::of_clients);
        of_clients.fold((0, 0), |(sessions, bytes), traffic| {
            let both_ways = traffic.bytes_in.now() + traffic.bytes_out.now();
            (sessions + traffic.sessions.total(), bytes + both_ways)
        })
    }
}

/// By which ways clients come to the backends.
struct Roads<'a> {
    /// The most connections of a frontend that does not say.
    usual: u32,
    frontends: Vec<Arc<Frontend>>,
    sites: &'a [Rc<Site>],
}

impl Roads<'_> {
    /// How many clients may come to a backend at a time.
    fn clients(&self, keeper: &Keeper) -> u64 {
        let own = self.frontends.iter();
        let leads_here = |backend: &Arc<Backend>| Arc::ptr_eq(backend, keeper.backend());
        let own = own.filter(|f| f.backend.iter().chain(f.destinations.values()).any(leads_here));
        let pages = self.pages(keeper).map(|s| u64::from(s.maxconn())).sum::<u64>();
        pages
            + own
                .map(|f| u64::from(f.plan.maxconn.unwrap_or(self.usual)))
                .sum::<u64>()
    }

    /// Whether it is the other half of a `listen` with a page.
    fn is_page(&self, keeper: &Keeper) -> bool {
        self.pages(keeper).next().is_some()
    }

    fn pages(&self, keeper: &Keeper) -> impl Iterator<Item = &Rc<Site>> {
        let id = keeper.backend().now().plan.id;
        self.sites.iter().filter(move |site| site.frontend().plan.id == id)
    }
}
