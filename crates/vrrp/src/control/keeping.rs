//! Connections that go on when their address has been handed over: both hosts' part in it.
//!
//! ```text
//!   old host                                  new host
//!     Keep: hand me what is not yours ──────▶ rules, before a packet comes
//!       ◀────────────────────────────────── willing
//!     goodbye, TakeOver ────────────────────▶ the addresses come here
//!     they go to the loopback, unheard
//!     looks until no connection is left, or the time is over
//!     Over ─────────────────────────────────▶ the rules leave
//! ```
//!
//! A process that is stopped leaves the addresses there: the kernel removes them in time, or the next process takes them on.
//!
//! Where the other host cannot (it has no `nft`, or is not ours), the address moves all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tandem_ops::pair::{Entry, Key, Lodging, News, Outcome, Position, Wish};
use tandem_sys::netlink::Netlink;
use tandem_vrrp_core::settings::{InstanceId, Preempt, Tracker, TrackerKind};
use tandem_vrrp_core::{Release, State, Who};
use tokio::time::{Instant, timeout_at};

use super::Desk;
use super::reload::tracked;
use crate::brain::Order;
use crate::flows;
use crate::handback::{Handback, can_stay};
use crate::pair;
use crate::snapshot::Instance;

/// How often it is looked whether connections are left.
pub(super) const LOOK: Duration = Duration::from_millis(250);

/// The other host runs `nft` before it answers. A handover that waits is still no gap.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the kernel waits longer than we do.
const SPARE: u32 = 5;

/// What a handover by request takes; then the priorities decide.
const RETURNING: Duration = Duration::from_secs(2);

/// Longer than a handover takes, beside what trackers take.
const BRIEF: Duration = Duration::from_secs(2);

/// Connections of one virtual router that go on here.
#[derive(Debug)]
pub(super) struct Stay {
    key: Key,
    addresses: BTreeSet<IpAddr>,
    ends: Instant,
}

/// Connections that are to go on, once the other host agrees.
struct Hope {
    instance: InstanceId,
    name: String,
    addresses: BTreeSet<IpAddr>,
    connections: usize,
}

impl Desk {
    /// Before the addresses leave. How many connections go on here, by the name of their instance.
    pub(super) async fn keep_connections(
        &mut self,
        who: Who,
        successor: Option<IpAddr>,
        seconds: Option<u32>,
    ) -> Value {
        let told = seconds.map(|seconds| Duration::from_secs(seconds.into()));
        let limit = told.filter(|_| self.pair.is_configured()).or(self.pair.keeps_for());
        let Some(limit) = limit.filter(|limit| !limit.is_zero()) else {
            return json!({});
        };
        let mut hopes = self.wish_to_keep(who, successor, limit).await;
        let mut kept = json!({});
        let deadline = Instant::now() + PATIENCE;
        while !hopes.is_empty() {
            let Ok(news) = timeout_at(deadline, self.pair.news()).await else {
                self.log
                    .warning("The other host of the pair does not say that it hands packets back");
                break;
            };
            let News::Became {
                key,
                wish: Wish::Keep(_),
                outcome,
            } = news
            else {
                self.told_by_pair(news).await;
                continue;
            };
            let Some(hope) = hopes.remove(&key) else { continue };
            if outcome != Outcome::Willing {
                let (name, count) = (&hope.name, hope.connections);
                self.log.warning(&format!(
                    "({name}) {count} connections end with the handover: {}",
                    refused(outcome)
                ));
                continue;
            }
            kept[hope.name.as_str()] = hope.connections.into();
            self.keep(key, hope, limit).await;
        }
        kept
    }

    /// Asks for every instance that has connections.
    async fn wish_to_keep(&self, who: Who, successor: Option<IpAddr>, limit: Duration) -> BTreeMap<Key, Hope> {
        let mut hopes = BTreeMap::new();
        let Some(snapshot) = self.show().await else {
            return hopes;
        };
        let is_held = |i: &&Instance| i.state == State::Master && !i.leaving;
        for instance in snapshot.instances.iter().filter(is_held) {
            let Some(key) = pair::key(&instance.settings).filter(|_| self.is_meant(who, instance.settings.id)) else {
                continue;
            };
            let addresses = instance.settings.addresses().map(|a| a.address);
            let addresses: BTreeSet<IpAddr> = addresses.filter(can_stay).collect();
            let connections = flows::to(addresses.clone()).await.map_or(0, |flows| flows.len());
            if connections == 0 {
                continue;
            }
            let Some(lodging) = self.lodging(instance, limit).await else {
                let name = &instance.settings.name;
                self.log.warning(&format!(
                    "({name}) {connections} connections end with the handover: they can only go on from an interface with a \
                     MAC address of its own, which one of `use_vmac` has not"
                ));
                continue;
            };
            self.pair.wish(key, Wish::Keep(lodging), successor);
            let hope = Hope {
                instance: instance.settings.id,
                name: instance.settings.name.to_string(),
                addresses,
                connections,
            };
            hopes.insert(key, hope);
        }
        hopes
    }

    /// A member of a sync group does not go alone.
    fn is_meant(&self, who: Who, instance: InstanceId) -> bool {
        let together = |one| {
            self.plan
                .router
                .groups
                .iter()
                .any(|g| g.members.contains(&one) && g.members.contains(&instance))
        };
        match who {
            Who::All => true,
            Who::One(one) => one == instance || together(one),
        }
    }

    /// Where packets are to be handed back to. Not to an interface whose MAC address moves with the virtual router.
    async fn lodging(&self, instance: &Instance, limit: Duration) -> Option<Lodging> {
        let mut own = self.plan.instances.iter();
        let has_vmac = own.any(|i| i.id == instance.settings.id && i.vmac.is_some());
        let interface = instance.settings.interface.as_deref().filter(|_| !has_vmac)?;
        let netlink = Netlink::open().ok()?;
        let link = netlink.link(interface).await.ok()?;
        Some(Lodging {
            via: instance.source?,
            mac: link.mac?.0,
            seconds: u32::try_from(limit.as_secs()).unwrap_or(u32::MAX).max(1),
        })
    }

    async fn keep(&mut self, key: Key, hope: Hope, limit: Duration) {
        let Hope {
            instance,
            name,
            addresses,
            connections,
        } = hope;
        self.log.info(&format!(
            "({name}) {connections} connections go on here for {limit:?} at most: the other host of the pair hands their packets back"
        ));
        let seconds = u32::try_from(limit.as_secs()).unwrap_or(u32::MAX).saturating_add(SPARE);
        self.order(Order::Keep { instance, seconds }).await;
        let ends = Instant::now() + limit;
        let stay = Stay { key, addresses, ends };
        self.stays.insert(instance, stay);
    }

    /// An order to leave is the last word.
    pub(super) fn goes_for_good(&mut self) {
        self.lets_return.clear();
        self.resuming.clear();
    }

    /// What the process before us has promised to serve, for as long as we would.
    pub(super) fn take_on(&mut self, instance: InstanceId) {
        let Some(settings) = self.plan.router.instance(instance) else {
            return;
        };
        if let Some(key) = pair::key(settings) {
            let addresses = settings.addresses().map(|a| a.address).collect();
            let ends = Instant::now() + self.pair.keeps_for().unwrap_or_default();
            self.log.info(&format!(
                "({}) connections of the process before go on here",
                settings.name
            ));
            let stay = Stay { key, addresses, ends };
            self.stays.insert(instance, stay);
        }
    }

    /// Ends what has no connection left, has had its time, or is back where it was.
    pub(super) async fn look_after_stays(&mut self) {
        let Some(snapshot) = self.show().await else { return };
        for instance in &snapshot.instances {
            let id = instance.settings.id;
            let Some(stay) = self.stays.get(&id).filter(|_| !instance.leaving) else {
                continue;
            };
            let left = flows::to(stay.addresses.clone()).await.map_or(0, |flows| flows.len());
            let how = if instance.holds {
                "the addresses are here again".to_owned()
            } else if left == 0 {
                "the connections that stayed here have ended".to_owned()
            } else if Instant::now() >= stay.ends {
                format!("the time of the {left} connections that stayed here is over")
            } else {
                continue;
            };
            self.log.info(&format!("({}) {how}", instance.settings.name));
            self.end_stay(id).await;
        }
        let gone: Vec<InstanceId> = self
            .stays
            .keys()
            .copied()
            .filter(|id| self.plan.router.instance(*id).is_none())
            .collect();
        for instance in gone {
            self.end_stay(instance).await;
        }
    }

    async fn end_stay(&mut self, instance: InstanceId) {
        if let Some(stay) = self.stays.remove(&instance) {
            self.order(Order::KeepNoMore { instance }).await;
            self.pair.wish(stay.key, Wish::Over, None);
        }
    }

    /// The other host is about to leave, and keeps its connections.
    pub(super) async fn hand_back(&mut self, key: Key, ticket: u64, lodging: Lodging) -> bool {
        let Some(settings) = self.known(&key).cloned() else {
            return false;
        };
        let (name, begun) = (
            settings.name.clone(),
            self.handback.begin(key, ticket, &settings, lodging).await,
        );
        match begun {
            Ok(()) => self.log.info(&format!(
                "({name}) packets of connections that did not begin here go back to {} for {} s at most",
                lodging.via, lodging.seconds
            )),
            Err(why) => {
                self.log.error(&format!(
                    "({name}) no packets can be handed back to {}: {why}",
                    lodging.via
                ));
                return false;
            }
        }
        true
    }

    /// At its word, or when its time is over.
    pub(super) async fn hand_back_no_more(&mut self, key: Key) -> bool {
        let ended = self.handback.end(&key).await;
        if ended == Ok(true) {
            let name = self.known(&key).map_or("?", |settings| &settings.name);
            self.log.info(&format!("({name}) no packets are handed back any more"));
        }
        self.complain(ended.map(drop));
        true
    }

    /// Rules of a process before us, which nobody would remove.
    pub(super) async fn sweep(&mut self) {
        if self.pair.keeps_for().is_some()
            && let Err(why) = Handback::sweep(self.plan.router.instances.iter()).await
        {
            self.log.warning(&format!(
                "connections of the other host will end with its handovers: no packets can be handed back: {why}"
            ));
        }
    }

    /// The other host would be master again. It is left as in any handover, so connections go on.
    pub(super) fn is_wanted_back(&mut self, key: &Key) -> bool {
        let Some(instance) = self.known(key).map(|settings| settings.id) else {
            return false;
        };
        self.wanted_back.insert(instance);
        true
    }

    pub(super) async fn leave_as_wanted(&mut self) {
        while let Some(instance) = self.wanted_back.pop_first() {
            let who = Who::One(instance);
            self.keep_connections(who, None, None).await;
            let why = Release::Handover { successor: None };
            self.order(Order::Release { who, why }).await;
            self.lets_return.insert(instance);
        }
    }

    /// The addresses have left. Who only let a better one return is no worse a backup than before.
    pub(super) fn released(&mut self, instance: InstanceId) {
        self.unreleased.remove(&instance);
        if self.lets_return.remove(&instance) {
            self.resume_after(Who::One(instance), Duration::ZERO);
        }
    }

    /// Once what is tracked has been looked at often enough to be known as gone.
    pub(super) fn resume_soon(&self, who: Who) {
        let looks = |tracker: Tracker| match tracker.kind {
            TrackerKind::Lb(lb) => lb.interval * lb.fall,
            TrackerKind::Script(script) => script.interval * script.fall,
            _ => Duration::ZERO,
        };
        let longest = tracked(&self.plan).into_iter().map(looks).max().unwrap_or_default();
        self.resume_after(who, longest + BRIEF);
    }

    fn resume_after(&self, who: Who, pause: Duration) {
        let orders = self.orders.clone();
        tokio::task::spawn_local(async move {
            tokio::time::sleep(pause).await;
            orders.send(Order::Resume { who }).await.ok();
        });
    }

    /// Takes part again. A master that would have to yield is asked to hand over, so that its connections go on.
    pub(super) async fn resume(&mut self, who: Who) {
        let asked = self.ask_back(who).await;
        let until = Instant::now() + RETURNING;
        self.resuming.extend(asked.iter().map(|id| (*id, until)));
        let instances = self.plan.router.instances.iter().map(|i| i.id);
        let others: Vec<InstanceId> = instances
            .filter(|id| self.is_meant(who, *id) && !asked.contains(id))
            .collect();
        for instance in others {
            self.order(Order::Resume {
                who: Who::One(instance),
            })
            .await;
        }
    }

    /// Who would take over from the other host in a moment, because it is back and better, asks for a handover instead.
    pub(super) async fn return_to(&mut self, id: InstanceId, other: &Entry) {
        let known = self.plan.router.instance(id);
        let may = other.position == Position::Master && known.is_some_and(|own| own.priority.value() > other.priority);
        if !may || self.asked_back.get(&id).is_some_and(|at| at.elapsed() < RETURNING) {
            return;
        }
        let Some(snapshot) = self.show().await else { return };
        let own = snapshot.instances.iter().find(|i| i.settings.id == id);
        if own.is_some_and(|own| own.ready && own.preempts && other.priority < own.effective.value()) {
            self.asked_back.insert(id, Instant::now());
            self.pair.wish(other.key, Wish::Return, None);
        }
    }

    async fn ask_back(&self, who: Who) -> BTreeSet<InstanceId> {
        let (Some(shown), Some(snapshot)) = (self.pair.show().await, self.show().await) else {
            return BTreeSet::new();
        };
        let mut asked = BTreeSet::new();
        for instance in &snapshot.instances {
            let settings = &instance.settings;
            let Some(key) = pair::key(settings).filter(|_| self.is_meant(who, settings.id)) else {
                continue;
            };
            let yields = |other: &Entry| {
                other.key == key && other.position == Position::Master && other.priority < instance.effective.value()
            };
            let would_take = instance.ready && settings.preempt != Preempt::Never && shown.view.iter().any(yields);
            if would_take {
                self.pair.wish(key, Wish::Return, None);
                asked.insert(settings.id);
            }
        }
        asked
    }

    /// The other host leaves, or does not.
    pub(super) fn returns(&mut self, instance: InstanceId, outcome: Outcome) {
        if let Some(until) = self.resuming.get_mut(&instance)
            && outcome != Outcome::Willing
        {
            *until = Instant::now();
        }
    }

    /// The other host was to leave first and has not.
    pub(super) async fn resume_alone(&mut self) {
        let now = Instant::now();
        let due: Vec<InstanceId> = self
            .resuming
            .extract_if(.., |_, until| *until <= now)
            .map(|(id, _)| id)
            .collect();
        for instance in due {
            let who = Who::One(instance);
            self.order(Order::Resume { who }).await;
        }
    }
}

const fn refused(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Willing => "the other host of the pair hands their packets back",
        Outcome::Unwilling => "the other host of the pair cannot hand their packets back; its log says why",
        Outcome::Silent => "the other host of the pair does not answer",
        Outcome::Away => "there is no pair link at present",
        Outcome::NotReady => "the other host of the pair is not ready to take over",
    }
}
