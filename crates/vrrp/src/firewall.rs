//! Keeping packets away from addresses that do not accept any (RFC 9568 section 6.4.3), by a table of nf_tables of our own.
//!
//! The rules stand whether this host is master or not: packets to an address it does not hold are not for it. Neighbour
//! discovery goes on, or nobody could use the address as a gateway; ARP is no IP packet, and adverts go elsewhere.

use std::fmt::Write;
use std::net::IpAddr;

use tandem_ops::nft;
use tandem_vrrp_config::{self as config, Plan};

const TABLE: &str = "tandem_vrrp";

#[derive(Debug, Default)]
pub(crate) struct Firewall {
    /// The table of ours that is there.
    stands: Option<String>,
}

impl Firewall {
    /// Exchanges the rules for those of this plan, in one transaction.
    pub(crate) async fn adjust(&mut self, plan: &Plan) -> Result<(), String> {
        let closed = closed(plan);
        let table = table(plan);
        // Under another name than before.
        if closed.is_empty() || self.stands.as_ref().is_some_and(|stands| *stands != table) {
            self.open().await?;
        }
        if closed.is_empty() {
            return Ok(());
        }
        let load = nft::load(&script(&closed, &plan.global.firewall)).await;
        if load.is_ok() {
            self.stands = Some(table);
        }
        load.map_err(|error| format!("packets to addresses that accept none are let in: {error}"))
    }

    pub(crate) async fn open(&mut self) -> Result<(), String> {
        let Some(table) = self.stands.take() else {
            return Ok(());
        };
        let gone = nft::load(&format!("delete table inet {table}\n")).await;
        gone.map_err(|error| format!("the rules of the addresses that accept no packets stay: {error}"))
    }
}

fn closed(plan: &Plan) -> Vec<IpAddr> {
    let instances = plan.router.instances.iter().filter(|i| !i.accepts());
    instances.flat_map(|i| i.addresses()).map(|a| a.address).collect()
}

fn table(plan: &Plan) -> String {
    plan.global.firewall.table.as_deref().unwrap_or(TABLE).to_owned()
}

fn script(closed: &[IpAddr], settings: &config::Firewall) -> String {
    let (table, priority) = (settings.table.as_deref().unwrap_or(TABLE), settings.priority);
    let count = if settings.counters { "counter " } else { "" };
    // To declare a table that is there does nothing, so what is deleted is always there.
    let mut text = format!(
        "table inet {table}\ndelete table inet {table}\ntable inet {table} {{\nchain input {{\n\
         type filter hook input priority {priority}; policy accept;\n\
         icmpv6 type {{ nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert }} accept\n"
    );
    let (v4, v6): (Vec<&IpAddr>, Vec<&IpAddr>) = closed.iter().partition(|ip| ip.is_ipv4());
    for (family, addresses) in [("ip", v4), ("ip6", v6)] {
        if !addresses.is_empty() {
            let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{family} daddr {{ {} }} {count}drop", list.join(", "));
        }
    }
    text.push_str("}\n}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_are_closed_and_discovery_goes_on() {
        let closed = ["10.9.0.100", "fd00:9::100", "10.9.0.101"].map(|ip| ip.parse().expect("well written"));
        let script = script(&closed, &config::Firewall::default());
        let at = |what: &str| script.find(what).unwrap_or_else(|| panic!("no `{what}` in:\n{script}"));
        assert!(at("nd-neighbor-solicit") < at("ip6 daddr { fd00:9::100 } drop"));
        at("ip daddr { 10.9.0.100, 10.9.0.101 } drop");
        at("hook input priority -1;");
    }

    #[test]
    fn one_family_makes_no_empty_set() {
        let settings = config::Firewall {
            table: Some("mine".into()),
            counters: true,
            ..config::Firewall::default()
        };
        let script = script(&["10.9.0.100".parse().expect("well written")], &settings);
        assert!(!script.contains("ip6 daddr"), "{script}");
        assert!(script.contains("daddr { 10.9.0.100 } counter drop"), "{script}");
        assert!(
            script.contains("table inet mine {") && !script.contains(TABLE),
            "{script}"
        );
    }
}
