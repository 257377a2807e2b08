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
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tandem_ops::pair::{Key, Lodging, News, Outcome, Wish};
use tandem_sys::netlink::Netlink;
use tandem_vrrp_core::Who;
use tandem_vrrp_core::settings::{InstanceId, InstanceSettings};
use tokio::time::{Instant, timeout_at};

use super::Desk;
use super::returning::{is_held, is_meant};
use crate::brain::Order;
use crate::flows::{self, Counts};
use crate::handback::{Handback, can_stay};
use crate::pair;
use crate::snapshot::Instance;

/// How often it is looked whether connections are left.
pub(super) const LOOK: Duration = Duration::from_millis(250);

/// The other host runs `nft` before it answers. A handover that waits is still no gap.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the kernel waits longer than we do.
const SPARE: u32 = 5;

/// Connections of one virtual router that go on here.
#[derive(Debug)]
pub(super) struct Stay {
    key: Key,
    addresses: BTreeSet<IpAddr>,
    ends: Instant,
}

impl Stay {
    /// Why it ends, if it does. What the kernel does not say may well be there.
    fn end(&self, is_back: bool, left: Option<usize>, now: Instant) -> Option<String> {
        match left {
            _ if is_back => Some("the addresses are here again".to_owned()),
            Some(0) => Some("the connections that stayed here have ended".to_owned()),
            left if now >= self.ends => Some(format!("the time of {} that stayed here is over", connections(left))),
            _ => None,
        }
    }
}

/// What is about to leave, and may have connections.
struct Leaving<'a> {
    instance: &'a Instance,
    addresses: BTreeSet<IpAddr>,
    connections: Option<usize>,
}

/// Connections that are to go on, once the other host agrees.
struct Hope {
    instance: InstanceId,
    name: String,
    addresses: BTreeSet<IpAddr>,
    /// Nothing when the kernel does not say how many.
    connections: Option<usize>,
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
            if outcome == Outcome::Willing {
                kept[hope.name.as_str()] = hope.connections.into();
                self.keep(key, hope, limit).await;
                continue;
            }
            let (name, them) = (&hope.name, connections(hope.connections));
            self.log
                .warning(&format!("({name}) {them} end with the handover: {}", refused(outcome)));
            if outcome == Outcome::Silent {
                self.pair.wish(key, Wish::Over, None);
            }
        }
        // Whoever is slow may do it yet, and nobody would send it what it hands back for.
        for key in hopes.into_keys() {
            self.pair.wish(key, Wish::Over, None);
        }
        kept
    }

    /// Asks for every instance that has connections.
    async fn wish_to_keep(&self, who: Who, successor: Option<IpAddr>, limit: Duration) -> BTreeMap<Key, Hope> {
        let Some(snapshot) = self.show().await else {
            return BTreeMap::new();
        };
        let groups = &self.plan.router.groups;
        let leaves = |i: &&Instance| is_held(i) && is_meant(groups, who, i.settings.id);
        let leaving: Vec<&Instance> = snapshot.instances.iter().filter(leaves).collect();
        let all = leaving
            .iter()
            .flat_map(|instance| staying(&instance.settings))
            .collect();
        let counts = flows::count(all).await.unwrap_or_else(|error| {
            self.log.warning(&unknown(&error.to_string()));
            Counts::default()
        });
        let mut hopes = BTreeMap::new();
        for instance in leaving {
            let addresses = staying(&instance.settings);
            let connections = counts.of(&addresses);
            if connections != Some(0) {
                let leaving = Leaving {
                    instance,
                    addresses,
                    connections,
                };
                hopes.extend(self.hope(leaving, limit, successor).await);
            }
        }
        hopes
    }

    /// Asks for one, if its connections can stay.
    async fn hope(&self, leaving: Leaving<'_>, limit: Duration, successor: Option<IpAddr>) -> Option<(Key, Hope)> {
        let Leaving {
            instance,
            addresses,
            connections,
        } = leaving;
        let key = pair::key(&instance.settings)?;
        let name = instance.settings.name.to_string();
        let Some(lodging) = self.lodging(instance, limit).await else {
            let them = self::connections(connections);
            self.log.warning(&format!(
                "({name}) {them} end with the handover: they can only go on from an interface with a MAC address of its own, \
                 which one of `use_vmac` has not"
            ));
            return None;
        };
        self.pair.wish(key, Wish::Keep(lodging), successor);
        let hope = Hope {
            instance: instance.settings.id,
            name,
            addresses,
            connections,
        };
        Some((key, hope))
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
            "({name}) {} go on here for {limit:?} at most: the other host of the pair hands their packets back",
            self::connections(connections)
        ));
        let seconds = u32::try_from(limit.as_secs()).unwrap_or(u32::MAX).saturating_add(SPARE);
        self.order(Order::Keep { instance, seconds }).await;
        let ends = Instant::now() + limit;
        let stay = Stay { key, addresses, ends };
        self.stays.insert(instance, stay);
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

    /// At all of them at once, beside the loop.
    pub(super) fn look_at_stays(&mut self) {
        let addresses = self.stays.values().flat_map(|stay| &stay.addresses);
        self.glance.begin(addresses.copied().collect());
    }

    /// At the end: what stays longer is the kernel's, and the next process's.
    pub(super) async fn look_once_more(&mut self) {
        if !self.stays.is_empty() {
            let addresses = self.stays.values().flat_map(|stay| &stay.addresses);
            let counted = flows::count(addresses.copied().collect()).await;
            self.look_after_stays(&counted).await;
        }
    }

    /// Ends what has no connection left, has had its time, or is back where it was.
    pub(super) async fn look_after_stays(&mut self, seen: &io::Result<Counts>) {
        if let Some(why) = self.glance.trouble(seen).filter(|_| !self.stays.is_empty()) {
            self.log.warning(&unknown(&why));
        }
        let Some(snapshot) = self.show().await else { return };
        for instance in &snapshot.instances {
            let id = instance.settings.id;
            let Some(stay) = self.stays.get(&id).filter(|_| !instance.leaving) else {
                continue;
            };
            let left = seen.as_ref().ok().and_then(|counts| counts.of(&stay.addresses));
            if let Some(how) = stay.end(instance.holds, left, Instant::now()) {
                self.log.info(&format!("({}) {how}", instance.settings.name));
                self.end_stay(id).await;
            }
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
        let name = settings.name.clone();
        let begins = self.handback.begin(key, ticket, &settings, lodging);
        let begun = self.life.while_waiting(begins).await;
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
        let ended = self.life.while_waiting(self.handback.end(&key)).await;
        if ended == Ok(true) {
            let name = self.known(&key).map_or("?", |settings| &settings.name);
            self.log.info(&format!("({name}) no packets are handed back any more"));
        }
        self.complain(ended.map(drop));
        true
    }

    /// Rules of a process before us, which nobody would remove.
    pub(super) async fn sweep(&mut self) {
        let keys: Vec<Key> = self.plan.router.instances.iter().filter_map(pair::key).collect();
        if self.pair.is_configured()
            && let Err(why) = self.life.while_waiting(Handback::sweep(keys.into_iter())).await
        {
            self.log.warning(&format!(
                "connections of the other host will end with its handovers: no packets can be handed back: {why}"
            ));
        }
    }
}

/// Those addresses of it that can be somewhere else.
fn staying(settings: &InstanceSettings) -> BTreeSet<IpAddr> {
    settings.addresses().map(|a| a.address).filter(can_stay).collect()
}

fn connections(count: Option<usize>) -> String {
    match count {
        Some(1) => "1 connection".to_owned(),
        Some(count) => format!("{count} connections"),
        None => "connections".to_owned(),
    }
}

fn unknown(why: &str) -> String {
    format!("it is not known how many connections there are, so they are taken to be there: {why}")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stay_lasts_while_it_may_be_needed() {
        let now = Instant::now();
        let stay = |seconds| Stay {
            key: Key {
                vrid: 51,
                address: IpAddr::from([10, 9, 0, 100]),
            },
            addresses: BTreeSet::new(),
            ends: now + Duration::from_secs(seconds),
        };
        let end = |seconds, is_back, left| stay(seconds).end(is_back, left, now);
        assert_eq!(end(5, false, Some(2)), None);
        assert_eq!(end(5, false, None), None, "nobody knows");
        for (seconds, is_back, left, word) in [
            (5, false, Some(0), "have ended"),
            (0, false, Some(1), "the time of 1 connection that"),
            (0, false, None, "the time of connections that"),
            (5, true, Some(2), "here again"),
            (5, true, None, "here again"),
        ] {
            let said = end(seconds, is_back, left).unwrap_or_default();
            assert!(said.contains(word), "{said}");
        }
    }
}
