//! Frontends whose packets the kernel carries: keeps its table as the servers are, and counts what went through it.
//!
//! ```text
//!   view of a backend ─┐
//!   reload, orders ────┼─▶ wanted Ruleset ─▶ difference to what is loaded ─▶ nft, one transaction each
//!   the clock ─────────┴─▶ counters of the table ─▶ the counters of servers, backends, frontends
//! ```
//!
//! The table outlives the process: after a crash the kernel goes on, and the next process takes over what stands, with the
//! pins in it. Only a stop takes it out, once this host does not hold the addresses any more: their clients go on through
//! the other host, and a table that is gone too early would have this one refuse them.

mod carried;
mod listing;
mod owner;
mod wanted;

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tandem_lb_config::Plan;
use tandem_lb_core::forward::{Lane, Objects, Owner, Ruleset};
use tandem_ops::clock::Clock;
use tandem_ops::nft::{self, NftError};
use tandem_sys::netlink::Netlink;
use tandem_time::Seed;
use thiserror::Error;
use tokio::sync::{Mutex, Notify};
use tokio::time::{MissedTickBehavior, timeout};

use crate::frontends::Frontends;
use crate::orders::{Orders, Recess};
use crate::publish::Backend;
use carried::Carried;
use owner::{Badge, lives};

/// How often counters are read, and a change that failed is tried again.
const LOOK: Duration = Duration::from_secs(2);

/// How long a stop waits for the other host to take the addresses.
const FAREWELL: Duration = Duration::from_secs(3);

/// How long a predecessor may wait for its word because of the table.
const SOON: Duration = Duration::from_secs(2);

pub(crate) struct Forwarder {
    frontends: Frontends,
    orders: Orders,
    clock: Clock,
    badge: Badge,
    /// Whose table becomes ours while they live; once, for numbers of processes come again.
    before: RefCell<Vec<u32>>,
    /// What the kernel has, as far as we know.
    loaded: RefCell<Loaded>,
    carried: RefCell<Carried>,
    /// One transaction after the other.
    turn: Mutex<()>,
    /// Something may have changed.
    changed: Notify,
}

/// What a process brings along that begins to forward.
pub(crate) struct Origin {
    /// It has connections of its predecessor already.
    pub(crate) is_successor: bool,
    /// The processes that it tells to end, or takes over from.
    pub(crate) before: Vec<u32>,
    pub(crate) lots: Seed,
}

/// Why the kernel does not do what is wanted.
#[derive(Debug, Error)]
pub(crate) enum ForwardError {
    #[error(transparent)]
    Nft(#[from] NftError),
    #[error(
        "it belongs to process {0}, which lives, and one process forwards for all of a host: put both configurations \
         into one, or take over from that process (-sf {0})"
    )]
    Theirs(u32),
    #[error("no socket says that this process lives: {0}")]
    Unseen(#[from] io::Error),
}

#[derive(Default)]
enum Loaded {
    /// Nobody has looked yet.
    #[default]
    Unknown,
    /// None of ours.
    Nothing,
    All(Ruleset),
}

impl Forwarder {
    /// The table is there when this returns, or the reason why it cannot be. Who forwards nothing touches none, for it may
    /// be another process's; but what a predecessor left is its successor's.
    pub(crate) async fn begin(
        frontends: Frontends,
        orders: Orders,
        clock: Clock,
        origin: Origin,
    ) -> Result<Rc<Forwarder>, String> {
        let forwards = frontends.all().iter().any(|f| f.plan.forward.is_some());
        let first = match origin.is_successor || forwards {
            true => Loaded::Unknown,
            false => Loaded::Nothing,
        };
        let forwarder = Rc::new(Forwarder {
            frontends,
            orders,
            clock,
            badge: Badge::new(origin.lots),
            before: RefCell::new(origin.before),
            loaded: RefCell::new(first),
            carried: RefCell::default(),
            turn: Mutex::default(),
            changed: Notify::new(),
        });
        if !origin.is_successor {
            forwarder.adjust().await.map_err(explained)?;
        } else if !forwards || !matches!(timeout(SOON, forwarder.adjust()).await, Ok(Ok(()))) {
            // It leads connections already: what is wrong with the table, `run` says, and tries again. Nor does anybody
            // wait for one that is only to be taken out.
            forwarder.changed.notify_one();
        }
        tokio::task::spawn_local(forwarder.clone().run());
        Ok(forwarder)
    }

    /// What is configured has changed.
    pub(crate) fn follow(&self) {
        self.changed.notify_one();
    }

    /// Makes sure that the kernel will do what a configuration wants that is about to be followed, where it has done
    /// nothing so far. Whoever does not follow it then says so by [`Forwarder::follow`].
    pub(crate) async fn reserve(&self, plan: &Plan) -> Result<(), String> {
        let empty = wanted::empty_lanes(plan);
        let forwards = || !wanted::lanes(&self.frontends.all()).is_empty();
        if empty.is_empty() || self.orders.recess().is_some() || forwards() {
            return Ok(());
        }
        self.adjust().await.map_err(explained)?;
        let _turn = self.turn.lock().await;
        if !matches!(&*self.loaded.borrow(), Loaded::Nothing) {
            return Ok(());
        }
        let stands = listing::objects().await.map_err(|error| explained(error.into()))?;
        // The connections of one that stands already are not to miss their servers.
        if stands.is_table {
            return self.may_take(&stands).map_err(explained);
        }
        self.load(empty).await.map_err(explained)
    }

    /// Takes the table out when the addresses have left this host.
    pub(crate) async fn end(&self) {
        let _turn = self.turn.lock().await;
        // Who has a successor leaves the table to it.
        if self.orders.recess() == Some(Recess::Given) {
            return;
        }
        let lanes = match &*self.loaded.borrow() {
            Loaded::All(ruleset) => ruleset.lanes.clone(),
            Loaded::Nothing => return,
            Loaded::Unknown => wanted::lanes(&self.frontends.all()),
        };
        // Without that one it is another process's, or nobody's.
        if !self.is_ours().await {
            return;
        }
        let addresses: Vec<IpAddr> = lanes.iter().map(|lane| lane.at.ip()).collect();
        let deadline = Instant::now() + FAREWELL;
        while holds(&addresses).await && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if let Err(error) = nft::load(&self.badge.owner().removal()).await
            && self.is_ours().await
        {
            tracing::error!(%error, "the kernel goes on forwarding: `nft delete table inet tandem_forward` ends it");
        }
        self.loaded.replace(Loaded::Nothing);
    }

    async fn run(self: Rc<Forwarder>) {
        let mut failed = None;
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let backends = self.backends();
            tokio::select! {
                () = self.changed.notified() => {}
                () = any_changed(&backends) => {}
                _ = look.tick() => self.count().await,
            }
            let outcome = self.adjust().await.map_err(explained).err();
            if outcome != failed {
                match &outcome {
                    Some(error) => tracing::error!(%error, "the kernel forwards as before"),
                    None => tracing::info!("the kernel forwards as it should again"),
                }
                failed = outcome;
            }
        }
    }

    /// Has the kernel do what is wanted now.
    async fn adjust(&self) -> Result<(), ForwardError> {
        let _turn = self.turn.lock().await;
        // Who has a successor leaves the table to it.
        if self.orders.recess().is_some() {
            return Ok(());
        }
        match wanted::lanes(&self.frontends.all()) {
            none if none.is_empty() => self.unload().await,
            lanes => self.load(lanes).await,
        }
    }

    async fn load(&self, lanes: Vec<Lane>) -> Result<(), ForwardError> {
        let (before, stands) = match self.loaded.take() {
            Loaded::All(before) => {
                let stands = before.objects();
                (Some(before), stands)
            }
            Loaded::Unknown | Loaded::Nothing => (None, listing::objects().await?),
        };
        self.may_take(&stands)?;
        self.badge.wear()?;
        let owner = self.badge.owner();
        let wanted = Ruleset { owner, lanes };
        for script in wanted.scripts(before.as_ref(), &stands) {
            // What is there then is asked again.
            nft::load(&script).await?;
        }
        if before.is_none() {
            warn_of_settings(&wanted);
        }
        self.before.take();
        self.loaded.replace(Loaded::All(wanted));
        Ok(())
    }

    /// Takes out what is ours, or a predecessor's.
    async fn unload(&self) -> Result<(), ForwardError> {
        let stands = match self.loaded.take() {
            Loaded::All(before) => before.objects(),
            Loaded::Nothing => Objects::default(),
            // Who forwards nothing needs no nft.
            Loaded::Unknown => listing::objects().await.unwrap_or_default(),
        };
        if let Some(owner) = stands.owners().find(|owner| self.is_free(owner)) {
            nft::load(&owner.removal()).await?;
        }
        // Their numbers are anybody's from now on.
        self.before.take();
        self.loaded.replace(Loaded::Nothing);
        Ok(())
    }

    /// What a process left that has ended is anybody's.
    fn may_take(&self, stands: &Objects) -> Result<(), ForwardError> {
        let is_foreign = |owner: &Owner| !self.is_free(owner) && lives(*owner);
        match stands.owners().find(is_foreign) {
            Some(other) => Err(ForwardError::Theirs(other.pid)),
            None => Ok(()),
        }
    }

    /// Whether that is this process, or one that it follows.
    fn is_free(&self, owner: &Owner) -> bool {
        *owner == self.badge.owner() || self.before.borrow().contains(&owner.pid)
    }

    /// Whether the kernel has the table and has it of us.
    async fn is_ours(&self) -> bool {
        let counters = listing::counters().await;
        counters.is_ok_and(|counters| counters.contains_key(&self.badge.owner().counter()))
    }

    async fn count(&self) {
        let _turn = self.turn.lock().await;
        if !matches!(&*self.loaded.borrow(), Loaded::All(_)) {
            return;
        }
        match listing::counters().await {
            Ok(counters) if !counters.contains_key(&self.badge.owner().counter()) => {
                tracing::warn!("another process has taken the kernel's table over");
                self.loaded.replace(Loaded::Unknown);
            }
            Ok(counters) => {
                if let Loaded::All(ruleset) = &*self.loaded.borrow() {
                    let mut carried = self.carried.borrow_mut();
                    carried.note(&counters, ruleset, &self.frontends.all(), self.clock.now());
                }
            }
            Err(NftError::Refused(why)) => {
                tracing::warn!(%why, "somebody has taken the kernel's table out; it is built again");
                self.loaded.replace(Loaded::Unknown);
            }
            Err(error) => tracing::warn!(%error, "the kernel's counters cannot be read"),
        }
    }

    fn backends(&self) -> Vec<Arc<Backend>> {
        let all = self.frontends.all();
        let forwarded = all.iter().filter(|frontend| frontend.plan.forward.is_some());
        forwarded.filter_map(|frontend| frontend.backend.clone()).collect()
    }
}

/// What only shows as packets that go nowhere.
fn warn_of_settings(ruleset: &Ruleset) {
    let has = |is_v4| ruleset.lanes.iter().any(|lane| lane.at.is_ipv4() == is_v4);
    for (key, wanted) in [
        ("net/ipv4/ip_forward", has(true)),
        ("net/ipv6/conf/all/forwarding", has(false)),
    ] {
        let value = std::fs::read_to_string(format!("/proc/sys/{key}")).unwrap_or_default();
        if wanted && value.trim() == "0" {
            let key = key.replace('/', ".");
            tracing::warn!("{key} is 0, so this host forwards nothing: set it to 1 (sysctl)");
        }
    }
}

fn explained(error: ForwardError) -> String {
    let table = "the kernel's table `inet tandem_forward` cannot be loaded";
    match error {
        ForwardError::Nft(error) => format!(
            "{table}: {error}; forwarding needs CAP_NET_ADMIN, no `user` without it, and no `chroot` that has no nft"
        ),
        error => format!("{table}: {error}"),
    }
}

/// Whether this host has one of these addresses.
async fn holds(addresses: &[IpAddr]) -> bool {
    let Ok(netlink) = Netlink::open() else { return false };
    let present = netlink.addresses().await.unwrap_or_default();
    present.iter().any(|address| addresses.contains(&address.cidr.ip()))
}

/// Waits for the first of them that has another view, or other servers.
async fn any_changed(backends: &[Arc<Backend>]) {
    let mut all: Vec<Pin<Box<_>>> = backends
        .iter()
        .map(|backend| Box::pin(backend.changed.notified()))
        .collect();
    poll_fn(
        |context| match all.iter_mut().any(|one| one.as_mut().poll(context).is_ready()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        },
    )
    .await;
}
