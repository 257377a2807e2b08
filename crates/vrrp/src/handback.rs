//! Handing back what belongs to the other host: packets of connections that it had before its addresses came here.
//!
//! ```text
//!   packet for a virtual address ── a first SYN ───────────▶ noted as ours ──▶ this host
//!                                ├─ noted as ours, or from the other host ──▶ this host
//!                                └─ anything else ──▶ copied to the other host, as it is; ours is dropped
//! ```
//!
//! A copy (`dup`) needs no forwarding to be allowed, tells nobody of a shorter way, and loses one of its hops, so that
//! nothing goes round for ever. What is ours is what began here since the rules stand, which is before the addresses come,
//! and what was here then. A socket that listens on the address itself is told from a connection in no other way.
//!
//! What is noted is forgotten when the rules go, and a while after this host has closed it.
//!
//! One table for each virtual router. It goes when the other host says that it serves none of them any more, or when the
//! time is over that it asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::IpAddr;
use std::time::Duration;

use tandem_ops::nft;
use tandem_ops::pair::{Key, Lodging};
use tandem_sys::netlink::Mac;
use tandem_vrrp_config::PairLink;
use tandem_vrrp_core::settings::{Family, InstanceSettings};
use tokio::time::{Instant, sleep_until};

use crate::flows::{self, Flow};

/// Before destinations are rewritten (-100), after fragments are put together (-400).
const PRIORITY: i32 = -150;

/// So many connections of ours at a time. What is more goes to the other host, as if it had begun there.
const MOST: usize = 1 << 18;

/// Once this host has said its last word on a connection, the client may take so long over its own.
const CLOSING: Duration = Duration::from_secs(300);

/// The other host's word that it is over may be on its way.
const GRACE: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(crate) struct Handback {
    standing: BTreeMap<Key, Standing>,
}

/// Rules that stand.
#[derive(Debug)]
struct Standing {
    table: Table,
    /// What it was asked by. Asked twice, the rules would forget what began since.
    ticket: u64,
    ends: Instant,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Table {
    family: Family,
    name: String,
}

impl Handback {
    /// Has the rules stand. Those addresses that are not of the family of `lodging` are not handed back.
    pub(crate) async fn begin(
        &mut self,
        key: Key,
        ticket: u64,
        settings: &InstanceSettings,
        lodging: Lodging,
    ) -> Result<(), String> {
        if self
            .standing
            .get(&key)
            .is_some_and(|standing| standing.ticket == ticket)
        {
            return Ok(());
        }
        let family = Family::of(&lodging.via);
        let table = Table::of(&key, family);
        // The other host may allow itself more than we would.
        let most = u32::try_from(PairLink::LONGEST_KEEP.as_secs()).unwrap_or(u32::MAX);
        let lodging = Lodging {
            seconds: lodging.seconds.min(most),
            ..lodging
        };
        let addresses = settings.addresses().map(|a| a.address);
        let kept: BTreeSet<IpAddr> = addresses.filter(|a| Family::of(a) == family && can_stay(a)).collect();
        let own = flows::to(kept.clone()).await.map_err(|error| error.to_string())?;
        let interface = settings.interface.as_deref();
        load(&table.script(&kept, &own, lodging, interface)).await?;
        let ends = Instant::now() + Duration::from_secs(lodging.seconds.into()) + GRACE;
        self.standing.insert(key, Standing { table, ticket, ends });
        Ok(())
    }

    /// Whether there were any.
    pub(crate) async fn end(&mut self, key: &Key) -> Result<bool, String> {
        let Some(standing) = self.standing.remove(key) else {
            return Ok(false);
        };
        load(&standing.table.removal()).await?;
        Ok(true)
    }

    pub(crate) async fn end_all(&mut self) -> Result<(), String> {
        let standing = std::mem::take(&mut self.standing);
        if standing.is_empty() {
            return Ok(());
        }
        load(
            &standing
                .values()
                .map(|standing| standing.table.removal())
                .collect::<String>(),
        )
        .await
    }

    /// The virtual router whose time is over; never without rules.
    pub(crate) async fn over(&self) -> Key {
        match self.standing.iter().min_by_key(|(_, standing)| standing.ends) {
            Some((key, standing)) => {
                sleep_until(standing.ends).await;
                *key
            }
            None => std::future::pending().await,
        }
    }

    /// What a process before us left behind when it was killed.
    pub(crate) async fn sweep(keys: impl Iterator<Item = Key>) -> Result<(), String> {
        let both = |key| [Family::V4, Family::V6].map(|family| Table::of(&key, family).removal());
        load(&keys.flat_map(both).collect::<String>()).await
    }
}

async fn load(script: &str) -> Result<(), String> {
    nft::load(script).await.map_err(|error| error.to_string())
}

/// A link-local address means something on its own network only, so it cannot stay behind on another interface.
pub(crate) fn can_stay(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => true,
        IpAddr::V6(v6) => !v6.is_unicast_link_local(),
    }
}

impl Table {
    /// The same in every process, whatever its configuration calls the virtual router.
    fn of(key: &Key, family: Family) -> Table {
        let address = key.address.to_string().replace(['.', ':'], "_");
        Table {
            family,
            name: format!("tandem_handback_{}_{address}", key.vrid),
        }
    }

    fn ip(&self) -> &'static str {
        match self.family {
            Family::V4 => "ip",
            Family::V6 => "ip6",
        }
    }

    /// To declare a table that is there does nothing, so what is deleted is always there.
    fn removal(&self) -> String {
        let (ip, name) = (self.ip(), &self.name);
        format!("table {ip} {name}\ndelete table {ip} {name}\n")
    }

    fn script(&self, kept: &BTreeSet<IpAddr>, own: &[Flow], lodging: Lodging, interface: Option<&str>) -> String {
        let (ip, name, mut text) = (self.ip(), &self.name, self.removal());
        let kept: Vec<String> = kept.iter().map(IpAddr::to_string).collect();
        let of = |flow: &Flow| {
            let Flow { remote, local } = flow;
            format!(
                "{} . {} . {} . {}",
                remote.ip(),
                remote.port(),
                local.ip(),
                local.port()
            )
        };
        let own: Vec<String> = own.iter().map(of).collect();
        let own = if own.is_empty() {
            String::new()
        } else {
            format!(" elements = {{ {} }}", own.join(", "))
        };
        let kind = match self.family {
            Family::V4 => "ipv4_addr",
            Family::V6 => "ipv6_addr",
        };
        // Longer than the rules stand.
        let life = (Duration::from_secs(lodging.seconds.into()) + GRACE * 2).as_secs();
        let closing = CLOSING.as_secs().min(life);
        let (kept, via, mac) = (kept.join(", "), lodging.via, Mac(lodging.mac));
        // A link-local address alone does not say where it is.
        let device = interface.map(|name| format!(" device \"{name}\"")).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "table {ip} {name} {{\n\
             set kept {{ type {kind}; elements = {{ {kept} }} }}\n\
             set own {{ type {kind} . inet_service . {kind} . inet_service; flags dynamic, timeout; timeout {life}s; \
             size {MOST};{own} }}\n\
             chain out {{\n\
             type filter hook output priority {PRIORITY}; policy accept;\n\
             {ip} saddr @kept tcp flags & (syn | ack | rst) == syn \
             add @own {{ {ip} daddr . tcp dport . {ip} saddr . tcp sport }}\n\
             {ip} saddr @kept tcp flags & fin == fin {ip} daddr . tcp dport . {ip} saddr . tcp sport @own \
             update @own {{ {ip} daddr . tcp dport . {ip} saddr . tcp sport timeout {closing}s }}\n\
             }}\n\
             chain in {{\n\
             type filter hook prerouting priority {PRIORITY}; policy accept;\n\
             {ip} daddr != @kept accept\n\
             meta l4proto != tcp accept\n\
             ether saddr {mac} accept\n\
             tcp flags & (syn | ack | rst) == syn \
             add @own {{ {ip} saddr . tcp sport . {ip} daddr . tcp dport }} accept\n\
             {ip} saddr . tcp sport . {ip} daddr . tcp dport @own accept\n\
             counter dup to {via}{device} drop\n\
             }}\n\
             }}\n"
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lodging(via: &str) -> Lodging {
        Lodging {
            via: via.parse().expect("well written"),
            mac: [2, 0, 0, 0, 0, 1],
            seconds: 30,
        }
    }

    fn place(script: &str, what: &str) -> usize {
        script.find(what).unwrap_or_else(|| panic!("no `{what}` in:\n{script}"))
    }

    #[test]
    fn what_is_ours_is_asked_before_anything_is_handed_back() {
        let table = Table {
            family: Family::V4,
            name: "t".into(),
        };
        let flow = Flow {
            remote: "10.9.0.3:40000".parse().expect("well written"),
            local: "10.9.0.100:5672".parse().expect("well written"),
        };
        let kept = BTreeSet::from(["10.9.0.100", "10.9.0.101"].map(|ip| ip.parse().expect("well written")));
        let script = table.script(&kept, &[flow], lodging("10.9.0.1"), Some("eth0"));
        let at = |what| place(&script, what);
        assert!(at("table ip t\ndelete table ip t\n") < at("table ip t {"));
        at("elements = { 10.9.0.100, 10.9.0.101 }");
        at("elements = { 10.9.0.3 . 40000 . 10.9.0.100 . 5672 }");
        at("@own update @own { ip daddr . tcp dport . ip saddr . tcp sport timeout 34s }");
        let order = [
            "ip daddr != @kept accept",
            "ether saddr 02:00:00:00:00:01 accept",
            "== syn add @own { ip saddr . tcp sport",
            "@own accept",
            "dup to 10.9.0.1 device \"eth0\" drop",
        ];
        assert!(order.map(at).is_sorted(), "{script}");
    }

    /// What is left of a process that was killed is found by the next one, which may count its virtual routers otherwise.
    #[test]
    fn a_table_is_called_by_what_both_hosts_know() {
        let key = |address: &str| Key {
            vrid: 51,
            address: address.parse().expect("well written"),
        };
        let name = |address, family| Table::of(&key(address), family).name;
        assert_eq!(name("10.9.0.100", Family::V4), "tandem_handback_51_10_9_0_100");
        assert_eq!(name("fd00:9::100", Family::V6), "tandem_handback_51_fd00_9__100");
    }

    #[test]
    fn what_is_closed_is_forgotten_long_before_the_rules_go() {
        let table = Table {
            family: Family::V4,
            name: "t".into(),
        };
        let day = Lodging {
            seconds: 86_400,
            ..lodging("10.9.0.1")
        };
        let script = table.script(&BTreeSet::new(), &[], day, None);
        place(&script, "timeout 86404s; size 262144;");
        place(&script, "tcp sport timeout 300s }");
    }

    #[test]
    fn the_other_family_has_a_table_of_its_own() {
        let table = Table {
            family: Family::V6,
            name: "t".into(),
        };
        let kept = BTreeSet::from(["fd00:9::100".parse().expect("well written")]);
        let script = table.script(&kept, &[], lodging("fd00:9::1"), None);
        place(&script, "table ip6 t {");
        place(
            &script,
            "type ipv6_addr . inet_service . ipv6_addr . inet_service; flags dynamic, timeout; timeout 34s; size 262144; }",
        );
        place(&script, "dup to fd00:9::1 drop");
        assert!(!script.contains("ip saddr") && !script.contains("ipv4"), "{script}");
    }
}
