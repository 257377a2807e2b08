//! How Keepalived writes an address, as the exporters take it apart: at least three words, the last says if it is set.

use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;

use tandem_vrrp_config::{IpNet, Route, RouteKind, RouteMode, Rule, RuleAction, TableId};
use tandem_vrrp_core::settings::{Family, Scope, VirtualAddress};

use crate::names;
use crate::snapshot::Instance;
use crate::vmac::Vmacs;

pub(super) fn address(instance: &Instance, vmacs: &Vmacs, address: &VirtualAddress) -> String {
    let mut text = address.address.to_string();
    let whole = match address.family() {
        Family::V4 => 32,
        Family::V6 => 128,
    };
    // Writing to a String cannot fail.
    if address.prefix != whole {
        let _ = write!(text, "/{}", address.prefix);
    }
    if let Some(IpAddr::V4(broadcast)) = address.broadcast {
        let _ = write!(text, " brd {broadcast}");
    }
    let below = address.device.as_deref().or(instance.settings.interface.as_deref());
    let below = below.unwrap_or("-");
    let _ = match vmacs.for_address(&instance.settings, address) {
        Some(vmac) => write!(text, " dev {}@{below}", vmac.name),
        None => write!(text, " dev {below}"),
    };
    let _ = write!(text, " scope {}", scope(address.scope));
    if let Some(label) = &address.label {
        let _ = write!(text, " label {label}");
    }
    if let Some(peer) = address.peer {
        let _ = write!(text, " peer {peer}/{whole}");
    }
    text.push_str(&options(address, whole));
    if instance.set.contains(&address.address) {
        text.push_str(" set");
    }
    text
}

fn options(address: &VirtualAddress, whole: u8) -> String {
    let options = &address.options;
    let flags = [
        (options.home, " home"),
        (options.detect_duplicates, " -nodad"),
        (options.manage_temporary, " mngtmpaddr"),
        (options.no_prefix_route, " noprefixroute"),
        (options.autojoin, " autojoin"),
        (!address.tracked, " no_track"),
    ];
    let mut text: String = flags.into_iter().filter(|(on, _)| *on).map(|(_, word)| word).collect();
    if address.family() == Family::V6 {
        let lifetime = options.preferred_lifetime.or((address.prefix == whole).then_some(0));
        match lifetime {
            Some(0) => text.push_str(" deprecated"),
            None | Some(u32::MAX) => text.push_str(" preferred_lft forever"),
            Some(seconds) => text.push_str(&format!(" preferred_lft {seconds}")),
        }
    }
    text
}

/// Each word in quotes, as Keepalived shows commands.
pub(super) fn quoted(words: &[Arc<str>]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    words.join(" ")
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

/// Whom a route or rule is from; what is tracked is from Keepalived unless it says otherwise.
fn protocol(named: &Option<Arc<str>>, tracked: bool) -> Option<String> {
    let ours = tracked.then_some("keepalived");
    named.as_deref().or(ours).map(|name| number(name, names::protocol))
}

/// As the kernel knows it, where this system does.
fn number<N: ToString>(name: &str, find: impl Fn(&str) -> Option<N>) -> String {
    find(name).map_or_else(|| name.to_owned(), |number| number.to_string())
}

pub(super) fn route(route: &Route) -> String {
    let mode = match (route.mode, route.kind) {
        (RouteMode::Append, _) => "append",
        (RouteMode::Prepend, RouteKind::Unicast | RouteKind::Local) => "prepend",
        (RouteMode::Add, _) | (RouteMode::Prepend, _) => "add",
    };
    let kind = match route.kind {
        RouteKind::Unicast => "",
        RouteKind::Local => " local",
        RouteKind::Blackhole => " blackhole",
        RouteKind::Unreachable => " unreachable",
        RouteKind::Prohibit => " prohibit",
        RouteKind::Throw => " throw",
    };
    let destination = &route.destination;
    let mut text = format!("{mode}{kind} {}/{}", destination.address, destination.prefix);
    // Writing to a String cannot fail.
    if let Some(source) = route.source {
        let _ = write!(text, " src {source}");
    }
    text.push_str(&hop(route.via, route.device.as_deref()));
    if route.table != TableId::Main {
        let _ = write!(text, " table {}", table(&route.table));
    }
    if let Some(scope) = route.scope {
        let _ = write!(text, " scope {}", scope.number());
    }
    if let Some(protocol) = protocol(&route.protocol, route.tracked) {
        let _ = write!(text, " proto {protocol}");
    }
    if let Some(metric) = route.metric {
        let _ = write!(text, " metric {metric}");
    }
    for metric in &route.metrics {
        let lock = if metric.locked { "lock " } else { "" };
        let _ = write!(text, " {} {lock}{}", metric.name, metric.value);
    }
    if let Some(preference) = &route.preference {
        let _ = write!(text, " pref {preference}");
    }
    if route.on_link {
        text.push_str(" onlink");
    }
    for next in &route.next_hops {
        let _ = write!(text, " nexthop{}", hop(next.via, next.device.as_deref()));
        if next.weight != 1 {
            let _ = write!(text, " weight {}", next.weight);
        }
        if next.on_link {
            text.push_str(" onlink");
        }
    }
    if !route.tracked {
        text.push_str(" no_track");
    }
    text
}

fn hop(via: Option<IpAddr>, device: Option<&str>) -> String {
    let via = via.map(|via| format!(" via {} {via}", if via.is_ipv4() { "inet" } else { "inet6" }));
    let device = device.map(|device| format!(" dev {device}"));
    via.into_iter().chain(device).collect()
}

pub(super) fn rule(rule: &Rule) -> String {
    let net = |net: &Option<IpNet>| net.as_ref().map_or_else(|| "all".to_owned(), net_or_host);
    let mut text = format!("{}from {}", if rule.not { "not " } else { "" }, net(&rule.from));
    // Writing to a String cannot fail.
    if rule.to.is_some() {
        let _ = write!(text, " to {}", net(&rule.to));
    }
    if let Some(priority) = rule.priority {
        let _ = write!(text, " priority {priority}");
    }
    let _ = write!(text, " tos {:#x}", rule.tos.unwrap_or(0));
    if let Some(mark) = rule.mark {
        let _ = write!(text, " fwmark {:#x}", mark.mark);
        if mark.mask != u32::MAX {
            let _ = write!(text, "/{:#x}", mark.mask);
        }
    }
    for (word, name) in [("iif", &rule.input), ("oif", &rule.output)] {
        if let Some(name) = name {
            let _ = write!(text, " {word} {name}");
        }
    }
    if let Some(prefix) = rule.suppress_prefix {
        let _ = write!(text, " suppress_prefixlen {prefix}");
    }
    if let Some((first, last)) = rule.users {
        let _ = write!(text, " uidrange {first}-{last}");
    }
    if let Some(protocol) = protocol(&rule.protocol, rule.tracked) {
        let _ = write!(text, " protocol {protocol}");
    }
    if let Some(name) = &rule.ip_protocol {
        let _ = write!(text, " ipproto {}", number(name, names::ip_protocol));
    }
    for (word, ports) in [("sport", rule.source_ports), ("dport", rule.destination_ports)] {
        if let Some(ports) = ports {
            let _ = write!(text, " {word} {}-{}", ports.first, ports.last);
        }
    }
    let _ = match &rule.action {
        RuleAction::Table(to) => write!(text, " lookup {}", table(to)),
        RuleAction::Goto(priority) => write!(text, " goto {priority}"),
        RuleAction::L3mdev => write!(text, " l3mdev"),
        RuleAction::Blackhole => write!(text, " type blackhole"),
        RuleAction::Unreachable => write!(text, " type unreachable"),
        RuleAction::Prohibit => write!(text, " type prohibit"),
        RuleAction::Nop => write!(text, " type nop"),
    };
    if !rule.tracked {
        text.push_str(" no_track");
    }
    text
}

fn net_or_host(net: &IpNet) -> String {
    let whole = if net.address.is_ipv4() { 32 } else { 128 };
    if net.prefix == whole {
        net.address.to_string()
    } else {
        format!("{}/{}", net.address, net.prefix)
    }
}

fn table(table: &TableId) -> String {
    match table {
        TableId::Main => "254".into(),
        TableId::Number(number) => number.to_string(),
        TableId::Name(name) => number(name, names::table),
    }
}
