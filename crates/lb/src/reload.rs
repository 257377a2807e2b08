//! Reading the configuration again while connections go on.
//!
//! ```text
//!   files ─▶ Plan ─▶ Difference to what runs ─▶ prepare: open and look up all that is new ─▶ apply
//!            └─ errors: nothing is changed        └─ anything fails: nothing is changed       └─ cannot fail
//! ```
//!
//! What does not differ is not touched: its sockets, connections, counters, stick entries and health stay what they are.

mod apply;
mod fresh;
mod made;
mod prepare;

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::rc::Rc;
use std::sync::Arc;

use tandem_lb_config::diff::Difference;
use tandem_lb_config::{self as plan, Plan};
use tandem_lb_core::acl::Library;
use tandem_ops::clock::Clock;
use tandem_ops::notify::{Notifier, State};
use tandem_time::Seed;
use thiserror::Error;
use tokio::sync::{Mutex, watch};

use crate::admission::Limit;
use crate::args::Args;
use crate::bound::Bound;
use crate::directory::Directory;
use crate::drain::Drain;
use crate::forward::Forwarder;
use crate::frontend::Gate;
use crate::frontends::{Frontends, Sites};
use crate::http::Host;
use crate::keeper::Lines;
use crate::live::Live;
use crate::orders::Orders;
use crate::peers::Peers;
use crate::reader::Reader;
use crate::resolving::Resolving;
use crate::socket::Hall;
use crate::stats::{Stats, Timeline};
use crate::upgrade::Store;
use crate::worker::{Crew, Phase};
use fresh::Fresh;
pub(crate) use made::{Kept, Wanted, resume};

/// Why nothing was changed: every reason, each with a line of its own.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", .0.join("\n"))]
pub(crate) struct Refused(Vec<String>);

/// Everything that a new configuration may change.
pub(crate) struct Estate {
    pub(crate) args: Arc<Args>,
    /// Who reads the configuration, where this process may not.
    pub(crate) reader: Option<Arc<Reader>>,
    pub(crate) program: String,
    pub(crate) directory: Arc<Directory>,
    pub(crate) clock: Clock,
    pub(crate) frontends: Frontends,
    pub(crate) sites: Sites,
    pub(crate) orders: Orders,
    pub(crate) stats: Rc<Stats>,
    pub(crate) process: Limit,
    pub(crate) crew: Arc<Crew>,
    pub(crate) live: Arc<Live>,
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) lines: Lines,
    pub(crate) timeline: Rc<Timeline>,
    pub(crate) host: Host,
    pub(crate) hall: Hall,
    pub(crate) store: Rc<Store>,
    pub(crate) drain: Rc<Drain>,
    pub(crate) resolving: Rc<Resolving>,
    pub(crate) peers: Rc<Peers>,
    pub(crate) forwarder: Rc<Forwarder>,
    pub(crate) notifier: Rc<Notifier>,
}

pub(crate) struct Reloader {
    estate: Estate,
    /// What was configured last; [`Reloader::running`] knows what was added and removed since.
    configured: RefCell<Arc<Plan>>,
    /// Listeners that take their last clients; where they listen somebody may want to listen again.
    leaving: RefCell<Vec<Rc<Bound>>>,
    seed: RefCell<Seed>,
    /// How many were refused since the last that was not.
    refused: Cell<u32>,
    /// One after the other.
    turn: Mutex<()>,
}

impl Refused {
    fn because(why: impl Display) -> Refused {
        Refused(vec![why.to_string()])
    }

    fn all<T: Display>(reasons: &[T]) -> Refused {
        Refused(reasons.iter().map(ToString::to_string).collect())
    }
}

impl Reloader {
    pub(crate) fn new(estate: Estate, configured: Arc<Plan>, seed: Seed) -> Rc<Reloader> {
        Rc::new(Reloader {
            estate,
            configured: RefCell::new(configured),
            leaving: RefCell::default(),
            seed: RefCell::new(seed),
            refused: Cell::default(),
            turn: Mutex::default(),
        })
    }

    /// Says what a reload would do, and does nothing.
    pub(crate) async fn rehearse(&self) -> Result<Difference, Refused> {
        let (running, fresh) = self.compared().await?;
        Ok(Difference::between(&running, &fresh.plan))
    }

    /// Follows the configuration, and tells everyone about it.
    pub(crate) async fn reload(&self) -> Result<Difference, Refused> {
        let _turn = self.turn.lock().await;
        self.tell(&[State::Reloading]);
        let done = self.follow().await;
        // Of a configuration that is not followed after all, the kernel is to know nothing either.
        self.estate.forwarder.follow();
        self.refused.set(if done.is_ok() { 0 } else { self.refused.get() + 1 });
        self.estate.stats.count_reload(done.is_ok());
        match &done {
            Ok(difference) if difference.is_empty() => tracing::info!("reload: nothing has changed"),
            Ok(difference) => difference
                .changes
                .iter()
                .for_each(|change| tracing::info!("reload: {change}")),
            Err(refused) => {
                tracing::error!("reload: nothing was changed, because:");
                // A line of the journal has one severity.
                refused.to_string().lines().for_each(|line| tracing::error!("{line}"));
            }
        }
        let status = match &done {
            Ok(difference) => format!("Ready. {} at the last reload.", changes(difference)),
            Err(_) => "Ready. The last reload was refused and nothing was changed.".to_owned(),
        };
        self.tell(&[State::Ready, State::Status(&status)]);
        done
    }

    /// How many reloads there were, and how many were refused since the last that was not: as HAProxy's master counts, to
    /// whom a new process is one, too.
    pub(crate) fn counts(&self) -> (u64, u32) {
        let all = self.estate.stats.all_reloads();
        (all.followed + all.refused + all.replacements, self.refused.get())
    }

    /// The lists of patterns that decide about connections now.
    pub(crate) fn patterns(&self) -> Library {
        self.configured.borrow().patterns.clone()
    }

    /// What the process does now: servers that an operator added are among the others and frontends that he shut down are
    /// disabled, until the files are read again.
    fn running(&self) -> Arc<Plan> {
        let keepers = self.estate.orders.backends();
        let plans = keepers
            .iter()
            .map(|keeper| plan::Backend::clone(&keeper.backend().now().plan));
        let plans: Vec<plan::Backend> = plans.collect();
        let configured = Plan::clone(&self.configured.borrow());
        let mut frontends = configured.frontends;
        made::renumber(&mut frontends, &configured.backends, &plans);
        for frontend in &mut frontends {
            frontend.disabled |= self.is_closed(&frontend.name);
        }
        Arc::new(Plan {
            backends: plans,
            frontends,
            ..configured
        })
    }

    /// Whether an operator has shut that frontend down. The next reload opens it again, as with HAProxy.
    fn is_closed(&self, frontend: &str) -> bool {
        let all = self.estate.frontends.all();
        let found = all.iter().find(|f| *f.plan.name == *frontend);
        found.is_some_and(|found| *found.gate.borrow() == Gate::Closed)
    }

    /// What the process does, and what the files say. Reading takes a while, and an operator may add and remove servers
    /// meanwhile: who was known when names were looked up, and was not looked up therefore, must be known still.
    async fn compared(&self) -> Result<(Arc<Plan>, Fresh), Refused> {
        loop {
            let (running, files) = (self.running(), self.estate.directory.tls.now());
            let (args, reader) = (self.estate.args.clone(), self.estate.reader.clone());
            let fresh = Fresh::read(args, reader, running.clone(), files).await?;
            if self.running() == running {
                return Ok((running, fresh));
            }
        }
    }

    /// What is configured now, and the kernel is ready for it.
    async fn agreed(&self) -> Result<(Arc<Plan>, Fresh), Refused> {
        loop {
            let (running, fresh) = self.compared().await?;
            let reserved = self.estate.forwarder.reserve(&fresh.in_force(&running)).await;
            reserved.map_err(Refused::because)?;
            if self.running() == running {
                return Ok((running, fresh));
            }
        }
    }

    async fn follow(&self) -> Result<Difference, Refused> {
        let (running, fresh) = self.agreed().await?;
        if self.estate.phase.borrow().is_last() {
            return Err(Refused::because("the process is about to end"));
        }
        // Its listeners are the successor's, too: one that is closed here would let nobody in there.
        if self.estate.orders.recess().is_some() {
            return Err(Refused::because("a successor takes over; it has read the files itself"));
        }
        let difference = Difference::between(&running, &fresh.plan);
        fresh
            .warnings
            .iter()
            .for_each(|warning| tracing::warn!("reload: {warning}"));
        let plan = fresh.in_force(&running);
        let tls = fresh.tls(&self.estate.directory.tls.now())?;
        let prepared = self.prepare(&running, plan, fresh.found, tls)?;
        self.apply(&running, prepared);
        Ok(difference)
    }

    fn tell(&self, states: &[State<'_>]) {
        if let Err(error) = self.estate.notifier.send(states) {
            tracing::debug!(%error, "the service manager does not hear");
        }
    }
}

fn changes(difference: &Difference) -> String {
    match difference.changes.len() {
        0 => "No change".to_owned(),
        1 => "One change".to_owned(),
        n => format!("{n} changes"),
    }
}
