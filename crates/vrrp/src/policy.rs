//! Routes and rules that come and go with an instance, or are always there, as the kernel is asked for them.

use std::sync::Arc;

use tandem_sys::netlink::{self, Cidr, Encap, Index, Place, Preference, Realm, Tuned, Tuning, Tunnel};
use tandem_vrrp_config::{self as config, IpNet, RouteKind, RouteMode, RuleAction, TableId};
use tandem_vrrp_core::settings::{Family, Scope};

use crate::names;

/// Just before the rule that leads to the main table, where the kernel itself would put it.
const USUAL_PRIORITY: u32 = 32_765;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) routes: Vec<Route>,
    pub(crate) rules: Vec<Rule>,
}

/// The interfaces are looked up when the route is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    route: netlink::Route,
    device: Option<Arc<str>>,
    /// Of each of its ways.
    devices: Vec<Option<Arc<str>>>,
    /// Whose table it goes to.
    vrf: Option<Arc<str>>,
    tracked: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) rule: netlink::Rule,
    tracked: bool,
}

impl Policy {
    /// All that cannot be done, or the policy.
    pub(crate) fn of<'a>(
        routes: impl Iterator<Item = &'a config::Route>,
        rules: impl Iterator<Item = &'a config::Rule>,
    ) -> Result<Policy, Vec<String>> {
        let mut policy = Policy::default();
        let mut beyond = Vec::new();
        for route in routes {
            match read_route(route) {
                Ok(route) => policy.routes.push(route),
                Err(why) => beyond.push(why),
            }
        }
        for rule in rules {
            match read_rule(rule) {
                Ok(rule) => policy.rules.push(rule),
                Err(why) => beyond.push(why),
            }
        }
        if beyond.is_empty() { Ok(policy) } else { Err(beyond) }
    }

    /// What is put back when somebody else removes it: all but what says `no_track`.
    pub(crate) fn tracked(&self) -> Policy {
        Policy {
            routes: self.routes.iter().filter(|r| r.tracked).cloned().collect(),
            rules: self.rules.iter().filter(|r| r.tracked).cloned().collect(),
        }
    }

    /// What this has and the other has not.
    pub(crate) fn without(&self, other: &Policy) -> Policy {
        let route = |r: &Route, o: &Route| {
            (&r.route, &r.device, &r.devices, &r.vrf) == (&o.route, &o.device, &o.devices, &o.vrf)
        };
        let routes = self.routes.iter().filter(|r| !other.routes.iter().any(|o| route(r, o)));
        let rules = self
            .rules
            .iter()
            .filter(|r| !other.rules.iter().any(|o| r.rule == o.rule));
        Policy {
            routes: routes.cloned().collect(),
            rules: rules.cloned().collect(),
        }
    }
}

impl Route {
    /// `None` when one of its interfaces is not there.
    pub(crate) fn at(
        &self,
        index: impl Fn(&str) -> Option<Index>,
        vrf: impl Fn(&str) -> Option<u32>,
    ) -> Option<netlink::Route> {
        let find = |device: &Option<Arc<str>>| match device {
            Some(name) => index(name).map(Some),
            None => Some(None),
        };
        let mut route = netlink::Route {
            out: find(&self.device)?,
            table: match &self.vrf {
                Some(name) => vrf(name)?,
                None => self.route.table,
            },
            ..self.route.clone()
        };
        for (hop, device) in route.hops.iter_mut().zip(&self.devices) {
            hop.out = find(device)?;
        }
        Some(route)
    }
}

fn read_route(route: &config::Route) -> Result<Route, String> {
    let name = format!("route to {}/{}", route.destination.address, route.destination.prefix);
    let named = |why: String| format!("{name}: {why}");
    let hop = |hop: &config::NextHop| netlink::Hop {
        via: hop.via,
        out: None,
        weight: hop.weight,
        on_link: hop.on_link,
        encap: hop.encap.as_ref().map(encap).map(Box::new),
    };
    let protocol = route.protocol.as_deref().map(protocol).transpose();
    Ok(Route {
        route: netlink::Route {
            kind: kind(route.kind),
            via: route.via,
            on_link: route.on_link && route.next_hops.is_empty(),
            hops: route.next_hops.iter().map(hop).collect(),
            source: route.source,
            metric: route.metric,
            table: table(&route.table).map_err(named)?,
            scope: route.scope.map(scope),
            tos: route.tos.unwrap_or(0),
            protocol: protocol.map_err(named)?,
            tuning: tuning(route).map_err(named)?,
            realm: realm(route.realms.as_deref()).map_err(named)?,
            preference: route.preference.as_deref().and_then(preference),
            encap: route.encap.as_ref().map(encap).map(Box::new),
            expires: route.expires,
            place: match route.mode {
                RouteMode::Prepend => Place::First,
                RouteMode::Add => Place::Alone,
                RouteMode::Append => Place::Last,
            },
            ..netlink::Route::new(cidr(route.destination)?)
        },
        device: route.device.clone(),
        devices: route.next_hops.iter().map(|hop| hop.device.clone()).collect(),
        vrf: route.vrf.clone(),
        tracked: route.tracked,
    })
}

const fn kind(kind: RouteKind) -> netlink::RouteKind {
    match kind {
        RouteKind::Unicast => netlink::RouteKind::Unicast,
        RouteKind::Local => netlink::RouteKind::Local,
        RouteKind::Blackhole => netlink::RouteKind::Blackhole,
        RouteKind::Unreachable => netlink::RouteKind::Unreachable,
        RouteKind::Prohibit => netlink::RouteKind::Prohibit,
        RouteKind::Throw => netlink::RouteKind::Throw,
    }
}

pub(crate) const fn scope(scope: Scope) -> netlink::Scope {
    match scope {
        Scope::Global => netlink::Scope::Global,
        Scope::Site => netlink::Scope::Site,
        Scope::Link => netlink::Scope::Link,
        Scope::Host => netlink::Scope::Host,
        other => netlink::Scope::Other(other.number()),
    }
}

fn tuning(route: &config::Route) -> Result<Tuning, String> {
    let mut tuning = Tuning {
        congestion: route.congestion.as_deref().map(str::to_owned),
        ..Tuning::default()
    };
    for metric in &route.metrics {
        let tuned = Tuned::named(metric.name).ok_or_else(|| format!("`{}` is not known here", metric.name))?;
        tuning.numbers.push((tuned, metric.value));
        tuning.locked.extend(metric.locked.then_some(tuned));
    }
    Ok(tuning)
}

fn encap(encap: &config::Encap) -> Encap {
    match encap {
        config::Encap::Ip(tunnel) => Encap::V4(through(tunnel)),
        config::Encap::Ip6(tunnel) => Encap::V6(through(tunnel)),
        config::Encap::Mpls(labels) => Encap::Mpls(labels.clone()),
    }
}

const fn through<A: Copy>(tunnel: &config::Tunnel<A>) -> Tunnel<A> {
    Tunnel {
        id: tunnel.id,
        destination: tunnel.destination,
        source: tunnel.source,
        hops: tunnel.hops,
        class: tunnel.class,
    }
}

fn preference(word: &str) -> Option<Preference> {
    match word {
        "low" => Some(Preference::Low),
        "medium" => Some(Preference::Medium),
        "high" => Some(Preference::High),
        _ => None,
    }
}

/// `[SOURCE/]DESTINATION`
fn realm(words: Option<&str>) -> Result<Option<Realm>, String> {
    let Some(words) = words else { return Ok(None) };
    let number = |name: &str| names::realm(name).ok_or_else(|| format!("realm {name}: write its number"));
    let (source, destination) = words.split_once('/').unwrap_or(("0", words));
    Ok(Some(Realm {
        source: number(source)?,
        destination: number(destination)?,
    }))
}

fn protocol(name: &str) -> Result<u8, String> {
    names::protocol(name).ok_or_else(|| format!("protocol {name}: write its number"))
}

fn read_rule(rule: &config::Rule) -> Result<Rule, String> {
    let named = |why: String| format!("rule: {why}");
    let family = match rule.family {
        Family::V4 => netlink::Family::V4,
        Family::V6 => netlink::Family::V6,
    };
    let ip_protocol =
        |name: &Arc<str>| names::ip_protocol(name).ok_or_else(|| format!("rule: IP protocol {name}: write its number"));
    let ports = |ports: config::PortRange| (ports.first, ports.last);
    let own = |name: &Option<Arc<str>>| name.as_deref().map(str::to_owned);
    let protocol = rule.protocol.as_deref().map(protocol).transpose();
    Ok(Rule {
        rule: netlink::Rule {
            action: action(&rule.action).map_err(named)?,
            not: rule.not,
            mark: rule.mark.map(|mark| mark.mark),
            mask: rule.mark.map(|mark| mark.mask).filter(|mask| *mask != u32::MAX),
            from: rule.from.map(cidr).transpose()?,
            to: rule.to.map(cidr).transpose()?,
            incoming: own(&rule.input),
            outgoing: own(&rule.output),
            tos: rule.tos.unwrap_or(0),
            users: rule.users,
            protocol: protocol.map_err(named)?,
            ip_protocol: rule.ip_protocol.as_ref().map(ip_protocol).transpose()?,
            source_ports: rule.source_ports.map(ports),
            destination_ports: rule.destination_ports.map(ports),
            suppress_prefix: rule.suppress_prefix.map(u32::from),
            suppress_group: rule.suppress_group,
            tunnel: rule.tunnel,
            realm: realm(rule.realms.as_deref()).map_err(named)?,
            ..netlink::Rule::new(family, rule.priority.unwrap_or(USUAL_PRIORITY), 0)
        },
        tracked: rule.tracked,
    })
}

fn action(action: &RuleAction) -> Result<netlink::RuleAction, String> {
    Ok(match action {
        RuleAction::Table(to) => netlink::RuleAction::Table(table(to)?),
        RuleAction::Goto(priority) => netlink::RuleAction::Goto(*priority),
        RuleAction::L3mdev => netlink::RuleAction::Vrf,
        RuleAction::Blackhole => netlink::RuleAction::Blackhole,
        RuleAction::Unreachable => netlink::RuleAction::Unreachable,
        RuleAction::Prohibit => netlink::RuleAction::Prohibit,
        RuleAction::Nop => netlink::RuleAction::Nop,
    })
}

fn cidr(net: IpNet) -> Result<Cidr, String> {
    Cidr::new(net.address, net.prefix).map_err(|error| error.to_string())
}

fn table(table: &TableId) -> Result<u32, String> {
    match table {
        TableId::Main => Ok(netlink::Route::MAIN),
        TableId::Number(number) => Ok(*number),
        TableId::Name(name) => names::table(name).ok_or_else(|| format!("table {name}: write its number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(routes: &str, rules: &str) -> config::Plan {
        let text = format!(
            "vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {{\n 10.9.0.100\n }}\n \
             virtual_routes {{\n {routes}\n }}\n virtual_rules {{\n {rules}\n }}\n}}\n"
        );
        let context = tandem_text::keepalived::Context {
            files: &tandem_text::keepalived::NoFiles,
            env: &|_| None,
            config_id: "x",
            seed: 0,
        };
        let loaded = config::load("k.conf", text, &config::Machine::new(context), None);
        loaded.plan.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
    }

    fn read(routes: &str, rules: &str) -> Result<Policy, Vec<String>> {
        let plan = plan(routes, rules);
        let instance = &plan.instances[0];
        Policy::of(instance.routes.iter(), instance.rules.iter())
    }

    #[test]
    fn what_operators_write() {
        let policy = read(
            "default via 10.9.0.254 dev eth0 table 100",
            "from 10.9.0.100 table 100 priority 50",
        )
        .expect("all of it is known");
        let route = policy.routes[0].at(|name| (name == "eth0").then_some(Index(7)), |_| None);
        let route = route.expect("the interface is there");
        assert_eq!(route.to_string(), "route to 0.0.0.0/0 via 10.9.0.254 by interface 7");
        assert_eq!(route.table, 100);
        assert_eq!(policy.routes[0].at(|_| None, |_| None), None);
        let rule = &policy.rules[0].rule;
        assert_eq!((rule.priority, rule.table()), (50, Some(100)));
        assert_eq!(rule.from.map(|from| from.to_string()).as_deref(), Some("10.9.0.100/32"));
    }

    #[test]
    fn what_is_not_tracked_is_not_put_back_but_kept_by_a_reload() {
        let read = |option: &str| {
            let route = format!("10.1.0.0/16 via 10.9.0.1 dev eth0 {option}\n 10.2.0.0/16 via 10.9.0.1 dev eth0");
            let rule = format!("from 10.9.0.100 table 100 priority 50 {option}");
            read(&route, &rule).expect("all of it is known")
        };
        let (tracked, partly) = (read(""), read("no_track"));
        assert_eq!(tracked.tracked(), tracked);
        let left = partly.tracked();
        assert_eq!((left.routes.len(), left.rules.len()), (1, 0));
        assert_eq!(partly.without(&tracked), Policy::default());
    }

    #[test]
    fn everything_that_iproute2_writes() {
        let policy = read(
            "10.1.0.0/16 nexthop via 10.9.0.1 dev eth0 weight 2 nexthop via 10.9.0.2 dev eth1\n \
             10.2.0.0/16 via 10.9.0.1 or 10.9.0.2 dev eth0\n \
             blackhole 10.0.0.0/8 metric 5\n \
             10.3.0.0/16 via 10.9.0.1 dev eth0 tos 4 proto 18 onlink mtu lock 1400 scope site realms 1/2 append",
            "not from 10.9.0.100 fwmark 1/3 oif eth1 ipproto tcp dport 80-90 prohibit priority 7",
        )
        .expect("all of it is known");
        let index = |name: &str| name.strip_prefix("eth")?.parse().ok().map(Index);
        let routes: Vec<_> = policy
            .routes
            .iter()
            .map(|r| r.at(index, |_| None).expect("all are there"))
            .collect();
        let hops = |n: usize| routes[n].hops.iter().map(|h| (h.out, h.weight)).collect::<Vec<_>>();
        assert_eq!(hops(0), [(Some(Index(0)), 2), (Some(Index(1)), 1)]);
        assert_eq!(hops(1), [(Some(Index(0)), 1), (Some(Index(0)), 1)]);
        assert!(
            policy.routes[0]
                .at(|name| (name == "eth0").then_some(Index(0)), |_| None)
                .is_none()
        );
        assert_eq!(routes[2].kind, netlink::RouteKind::Blackhole);
        let last = &routes[3];
        assert_eq!((last.tos, last.protocol, last.on_link), (4, Some(18), true));
        assert_eq!((last.scope, last.place), (Some(netlink::Scope::Site), Place::Last));
        assert_eq!(last.tuning.numbers, [(Tuned::Mtu, 1400)]);
        assert_eq!(last.tuning.locked, [Tuned::Mtu]);
        let rule = &policy.rules[0].rule;
        assert!(rule.not && rule.action == netlink::RuleAction::Prohibit);
        assert_eq!((rule.mark, rule.mask), (Some(1), Some(3)));
        assert_eq!((rule.ip_protocol, rule.destination_ports), (Some(6), Some((80, 90))));
    }

    #[test]
    fn tunnels_lifetimes_and_vrfs() {
        let policy = read(
            "10.1.0.0/16 dev eth0 encap ip id 5 dst 10.9.0.2 ttl 64 tos 8 vrf blue\n \
             fd05::/64 dev eth0 encap ip6 dst fd00:9::2 hoplimit 9 expires 100\n \
             10.2.0.0/16 via 10.9.0.2 dev eth0 encap mpls 100/200\n \
             10.3.0.0/16 nexthop encap ip id 6 dst 10.9.0.3 dev eth0 weight 2 nexthop via 10.9.0.4 dev eth0",
            "",
        )
        .expect("all of it is known");
        let eth0 = |name: &str| (name == "eth0").then_some(Index(7));
        let at = |n: usize| policy.routes[n].at(eth0, |name| (name == "blue").then_some(10));
        let wrapped = at(0).expect("all is there");
        assert_eq!(wrapped.table, 10);
        let Some(Encap::V4(tunnel)) = wrapped.encap.as_deref() else {
            panic!("{:?}", wrapped.encap)
        };
        assert_eq!((tunnel.id, tunnel.hops, tunnel.class), (Some(5), Some(64), Some(8)));
        assert_eq!(tunnel.destination, Some([10, 9, 0, 2].into()));
        assert!(policy.routes[0].at(eth0, |_| None).is_none(), "until the VRF is there");
        let short = at(1).expect("all is there");
        assert!(matches!(short.encap.as_deref(), Some(Encap::V6(_))));
        assert_eq!(short.expires, Some(100));
        assert!(!policy.routes[1].tracked, "the kernel takes it away, as was asked for");
        assert_eq!(
            at(2).and_then(|route| route.encap).as_deref(),
            Some(&Encap::Mpls(vec![100, 200]))
        );
        let ways = at(3).expect("all is there").hops;
        let id = |n: usize| match ways[n].encap.as_deref() {
            Some(Encap::V4(tunnel)) => tunnel.id,
            _ => None,
        };
        assert_eq!((id(0), id(1), ways[0].weight), (Some(6), None, 2));
    }

    #[test]
    fn what_is_beyond_is_said_and_all_of_it() {
        let beyond = read(
            "10.0.0.0/8 via 10.9.0.1 dev eth0 table nowhere\n 10.1.0.0/16 via 10.9.0.1 dev eth0 proto nobody",
            "from all ipproto nothing table 7",
        );
        assert_eq!(beyond.expect_err("no such names").len(), 3);
    }
}
