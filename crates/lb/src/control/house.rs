//! What the parts of the control runtime share, and how each of them is made from it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use tandem_lb_config::{Bind, Global};
use tandem_ops::clock::Clock;
use tandem_ops::notify::Notifier;
use tokio::sync::Notify;

use super::desk::Desk;
use crate::admission::Limit;
use crate::args::Args;
use crate::directory::Directory;
use crate::drain::Drain;
use crate::forward::Forwarder;
use crate::frontends::{Sites, Stand};
use crate::http;
use crate::keeper::Lines;
use crate::listeners::Opened;
use crate::live::Live;
use crate::logs::Pen;
use crate::page::{Page, Site};
use crate::peers::Peers;
use crate::reader::Reader;
use crate::reload::{Estate, Reloader};
use crate::resolving::Resolving;
use crate::router::{Router, Way};
use crate::socket::{self, Doors, Room};
use crate::state::Scene;
use crate::stats::{Stats, Timeline};
use crate::tls;
use crate::upgrade::{Exposure, Giver, Store};
use crate::worker::{Crew, Worker};
use tandem_ops::web::origin::Token;
use tandem_sys::relay::Scratch;
use tandem_time::Seed;

/// A page or metrics, and where it listens.
pub(super) type SiteAt = (Rc<Site>, Vec<(Bind, Opened)>);

pub(super) struct House {
    pub(super) clock: Clock,
    pub(super) desk: Desk,
    /// Where files of TLS are changed.
    pub(super) files: Rc<RefCell<tls::Desk>>,
    pub(super) lines: Lines,
    pub(super) timeline: Rc<Timeline>,
    pub(super) stats: Rc<Stats>,
    pub(super) process: Limit,
    pub(super) live: Arc<Live>,
    pub(super) crew: Arc<Crew>,
    pub(super) directory: Arc<Directory>,
    /// What is known of the one beside us.
    pub(super) router: Rc<Router>,
    pub(super) notifier: Rc<Notifier>,
    pub(super) token: Token,
}

/// What only a reload needs beside it.
pub(super) struct Renewed {
    pub(super) args: Arc<Args>,
    pub(super) reader: Option<Arc<Reader>>,
    pub(super) program: String,
    pub(super) host: http::Host,
    pub(super) sites: Sites,
    pub(super) hall: socket::Hall,
    pub(super) store: Rc<Store>,
    pub(super) drain: Rc<Drain>,
    pub(super) resolving: Rc<Resolving>,
    pub(super) peers: Rc<Peers>,
    pub(super) forwarder: Rc<Forwarder>,
}

impl House {
    pub(super) fn scene(&self) -> Scene {
        Scene {
            stats: self.stats.clone(),
            orders: self.desk.orders.clone(),
            clock: self.clock,
            frontends: self.desk.frontends.clone(),
            process: self.process.clone(),
            directory: self.directory.clone(),
            token: self.token.clone(),
        }
    }

    /// The pages and metrics, which answer from now on.
    pub(super) fn pages(&self, http: Vec<SiteAt>, way: Way, lots: Seed) -> (http::Host, Sites) {
        tokio::task::spawn_local(self.router.clone().watch(way));
        let (orders, live) = (self.desk.orders.clone(), self.live.clone());
        let host = http::Host {
            page: Page::new(
                (self.clock, self.token.clone()),
                self.stats.clone(),
                orders,
                live,
                self.router.clone(),
            ),
            directory: self.directory.clone(),
            outgoing: Rc::default(),
            worker: Rc::new(self.worker(lots)),
        };
        let stands = http.into_iter().map(|(site, lines)| Stand {
            bound: lines
                .into_iter()
                .zip(1..)
                .map(|((bind, opened), number)| Rc::new(host.begin(&site, bind, &opened, number)))
                .collect(),
            site,
        });
        let sites = Sites::default();
        sites.replace(stands.collect());
        (host, sites)
    }

    /// Who leads the connections of pages, as rules see it. It is none of the crew: nobody is given to it.
    fn worker(&self, lots: Seed) -> Worker {
        Worker {
            number: 0,
            crew: self.crew.clone(),
            live: self.live.clone(),
            clock: self.clock,
            scratch: RefCell::new(Scratch::new(self.crew.pipes.clone())),
            pen: Pen::default(),
            lots: RefCell::new(lots),
            registry: Rc::default(),
            phase: self.desk.phase.subscribe(),
        }
    }

    pub(super) fn giver(
        &self,
        sites: &Sites,
        hall: &socket::Hall,
        store: &Rc<Store>,
        master: Option<&Doors>,
        peers: &Rc<Peers>,
    ) -> Rc<Giver> {
        Rc::new(Giver {
            live: self.live.clone(),
            phase: self.desk.phase.clone(),
            process: self.process.clone(),
            clock: self.clock,
            scene: self.scene(),
            frontends: self.desk.frontends.clone(),
            sites: sites.clone(),
            hall: hall.clone(),
            master: master
                .iter()
                .flat_map(|doors| doors.sockets())
                .map(Arc::downgrade)
                .collect(),
            exposure: Exposure::default(),
            store: store.clone(),
            peers: peers.clone(),
            desk: self.files.clone(),
            afterwards: RefCell::default(),
            succeeded: Notify::new(),
        })
    }

    pub(super) fn drain(&self, global: &Global) -> Rc<Drain> {
        let drain = Drain::new(self.live.clone(), self.clock, self.notifier.clone());
        drain.configure(global);
        Rc::new(drain)
    }

    pub(super) fn estate(&self, renewed: Renewed) -> Estate {
        let Renewed {
            args,
            reader,
            program,
            host,
            sites,
            hall,
            store,
            drain,
            resolving,
            peers,
            forwarder,
        } = renewed;
        Estate {
            args,
            reader,
            program,
            directory: self.directory.clone(),
            clock: self.clock,
            frontends: self.desk.frontends.clone(),
            sites,
            orders: self.desk.orders.clone(),
            stats: self.stats.clone(),
            process: self.process.clone(),
            live: self.live.clone(),
            crew: self.crew.clone(),
            phase: self.desk.phase.subscribe(),
            lines: self.lines.clone(),
            timeline: self.timeline.clone(),
            host,
            hall,
            store,
            drain,
            resolving,
            peers,
            forwarder,
            notifier: self.notifier.clone(),
        }
    }

    pub(super) fn room(
        &self,
        giver: &Rc<Giver>,
        drain: &Rc<Drain>,
        reloader: &Rc<Reloader>,
        (resolving, peers): (&Rc<Resolving>, &Rc<Peers>),
    ) -> Room {
        Room {
            orders: self.desk.orders.clone(),
            frontends: self.desk.frontends.clone(),
            directory: self.directory.clone(),
            stats: self.stats.clone(),
            live: self.live.clone(),
            crew: self.crew.clone(),
            process: self.process.clone(),
            clock: self.clock,
            giver: giver.clone(),
            drain: drain.clone(),
            reloader: reloader.clone(),
            desk: self.files.clone(),
            resolving: resolving.clone(),
            peers: peers.clone(),
            router: self.router.clone(),
            lines: self.lines.clone(),
        }
    }
}
