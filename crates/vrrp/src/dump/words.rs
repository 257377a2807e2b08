//! How Keepalived writes an address, as the exporters take it apart: at least three words, the last says if it is set.

use std::fmt::Write;
use std::net::IpAddr;

use tandem_vrrp_config::{IpNet, Route, Rule, RuleAction, TableId};
use tandem_vrrp_core::settings::{Family, Scope, VirtualAddress};

use crate::snapshot::Instance;
use crate::vmac::Vmacs;

pub(super) fn address(instance: &Instance, vmacs: &Vmacs, address: &VirtualAddress) -> String {
    let mut text = address.address.to_string();
    let whole = match address.family() {
        Family::V4 => 32,
        Family::V6 => 128,
    };
    let vmac = vmacs.for_address(&instance.settings, address).map(|vmac| &*vmac.name);
    let device = vmac.or(address.device.as_deref());
    let device = device.or(instance.settings.interface.as_deref());
    // Writing to a String cannot fail.
    if address.prefix != whole {
        let _ = write!(text, "/{}", address.prefix);
    }
    if let Some(IpAddr::V4(broadcast)) = address.broadcast {
        let _ = write!(text, " brd {broadcast}");
    }
    let _ = write!(text, " dev {} scope {}", device.unwrap_or("-"), scope(address.scope));
    if let Some(label) = &address.label {
        let _ = write!(text, " label {label}");
    }
    if instance.holds {
        text.push_str(" set");
    }
    text
}

fn scope(scope: Scope) -> String {
    match scope {
        Scope::Global => "global".into(),
        Scope::Site => "site".into(),
        Scope::Link => "link".into(),
        Scope::Host => "host".into(),
        Scope::Nowhere => "nowhere".into(),
        Scope::Number(number) => number.to_string(),
    }
}

/// As iproute2 would write it, with what matters.
pub(super) fn route(route: &Route) -> String {
    let mut text = net(&route.destination);
    // Writing to a String cannot fail.
    if let Some(via) = route.via {
        let _ = write!(text, " via {via}");
    }
    if let Some(device) = &route.device {
        let _ = write!(text, " dev {device}");
    }
    for hop in &route.next_hops {
        text.push_str(" nexthop");
        if let Some(via) = hop.via {
            let _ = write!(text, " via {via}");
        }
        if let Some(device) = &hop.device {
            let _ = write!(text, " dev {device}");
        }
        let _ = write!(text, " weight {}", hop.weight);
    }
    if let Some(source) = route.source {
        let _ = write!(text, " src {source}");
    }
    let _ = write!(text, " table {}", table(&route.table));
    if let Some(metric) = route.metric {
        let _ = write!(text, " metric {metric}");
    }
    text
}

pub(super) fn rule(rule: &Rule) -> String {
    let mut text = rule
        .priority
        .map_or_else(String::new, |priority| format!("{priority}: "));
    text.push_str(if rule.not { "not from " } else { "from " });
    text.push_str(&rule.from.as_ref().map_or_else(|| "all".to_owned(), net));
    // Writing to a String cannot fail.
    if let Some(to) = &rule.to {
        let _ = write!(text, " to {}", net(to));
    }
    if let Some(mark) = rule.mark {
        let _ = write!(text, " fwmark {:#x}/{:#x}", mark.mark, mark.mask);
    }
    for (word, name) in [("iif", &rule.input), ("oif", &rule.output)] {
        if let Some(name) = name {
            let _ = write!(text, " {word} {name}");
        }
    }
    let _ = match &rule.action {
        RuleAction::Table(to) => write!(text, " lookup {}", table(to)),
        RuleAction::Goto(priority) => write!(text, " goto {priority}"),
        RuleAction::L3mdev => write!(text, " l3mdev"),
        RuleAction::Blackhole => write!(text, " blackhole"),
        RuleAction::Unreachable => write!(text, " unreachable"),
        RuleAction::Prohibit => write!(text, " prohibit"),
        RuleAction::Nop => write!(text, " nop"),
    };
    text
}

fn net(net: &IpNet) -> String {
    if net.prefix == 0 {
        "default".to_owned()
    } else {
        format!("{}/{}", net.address, net.prefix)
    }
}

fn table(table: &TableId) -> String {
    match table {
        TableId::Main => "main".into(),
        TableId::Number(number) => number.to_string(),
        TableId::Name(name) => name.to_string(),
    }
}
