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
mod wanted;

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tandem_lb_core::forward::{Objects, REMOVAL, Ruleset};
use tandem_ops::clock::Clock;
use tandem_ops::nft::{self, NftError};
use tandem_sys::netlink::Netlink;
use tokio::sync::{Mutex, Notify};
use tokio::time::MissedTickBehavior;

use crate::frontends::Frontends;
use crate::orders::Orders;
use crate::publish::Backend;
use carried::Carried;

/// How often counters are read, and a change that failed is tried again.
const LOOK: Duration = Duration::from_secs(2);

/// How long a stop waits for the other host to take the addresses.
const FAREWELL: Duration = Duration::from_secs(3);

pub(crate) struct Forwarder {
    frontends: Frontends,
    orders: Orders,
    clock: Clock,
    /// What the kernel has, as far as we know.
    loaded: RefCell<Loaded>,
    carried: RefCell<Carried>,
    /// One transaction after the other.
    turn: Mutex<()>,
    /// Something may have changed.
    changed: Notify,
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
    /// The table is there when this returns, or the reason why it cannot be; a successor's is its predecessor's until then. Who forwards nothing touches none, for it may
    /// be another process's; but what a predecessor left is its successor's.
    pub(crate) async fn begin(
        frontends: Frontends,
        orders: Orders,
        clock: Clock,
        is_successor: bool,
    ) -> Result<Rc<Forwarder>, String> {
        let first = match is_successor || frontends.all().iter().any(|f| f.plan.forward.is_some()) {
            true => Loaded::Unknown,
            false => Loaded::Nothing,
        };
        let forwarder = Rc::new(Forwarder {
            frontends,
            orders,
            clock,
            loaded: RefCell::new(first),
            carried: RefCell::default(),
            turn: Mutex::default(),
            changed: Notify::new(),
        });
        if is_successor {
            // It leads connections already: what nft says of the table, `run` says, and tries again.
            forwarder.changed.notify_one();
        } else {
            forwarder.adjust().await.map_err(|error| {
                format!(
                    "the kernel's table cannot be loaded: {error}; forwarding needs CAP_NET_ADMIN, no `user` without it, \
                     and no `chroot` that has no nft"
                )
            })?;
            forwarder.warn_of_settings();
        }
        tokio::task::spawn_local(forwarder.clone().run());
        Ok(forwarder)
    }

    /// What is configured has changed.
    pub(crate) fn follow(&self) {
        self.changed.notify_one();
    }

    /// Takes the table out when the addresses have left this host.
    pub(crate) async fn end(&self) {
        let _turn = self.turn.lock().await;
        let addresses = match &*self.loaded.borrow() {
            Loaded::All(ruleset) => ruleset.lanes.iter().map(|lane| lane.at.ip()).collect::<Vec<_>>(),
            _ => return,
        };
        let deadline = Instant::now() + FAREWELL;
        while holds(&addresses).await && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if let Err(error) = nft::load(REMOVAL).await {
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
            let outcome = self.adjust().await.map_err(|error| error.to_string()).err();
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
    async fn adjust(&self) -> Result<(), NftError> {
        let _turn = self.turn.lock().await;
        // Who has a successor leaves the table to it.
        if self.orders.recess().is_some() {
            return Ok(());
        }
        let wanted = wanted::ruleset(&self.frontends.all());
        let (before, stands) = match self.loaded.take() {
            Loaded::All(before) => {
                let stands = before.objects();
                (Some(before), stands)
            }
            Loaded::Nothing => (None, Objects::default()),
            Loaded::Unknown if wanted.lanes.is_empty() => (None, listing::objects().await.unwrap_or_default()),
            Loaded::Unknown => (None, listing::objects().await?),
        };
        if wanted.lanes.is_empty() {
            let is_there = before.is_some() || stands != Objects::default();
            let removed = if is_there { nft::load(REMOVAL).await } else { Ok(()) };
            self.loaded.replace(if removed.is_ok() {
                Loaded::Nothing
            } else {
                Loaded::Unknown
            });
            return removed;
        }
        for script in wanted.scripts(before.as_ref(), &stands) {
            // What is there then is asked again.
            nft::load(&script).await?;
        }
        self.loaded.replace(Loaded::All(wanted));
        Ok(())
    }

    async fn count(&self) {
        let _turn = self.turn.lock().await;
        if !matches!(&*self.loaded.borrow(), Loaded::All(_)) {
            return;
        }
        match listing::counters().await {
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

    /// What only shows as packets that go nowhere.
    fn warn_of_settings(&self) {
        let Loaded::All(ruleset) = &*self.loaded.borrow() else {
            return;
        };
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
