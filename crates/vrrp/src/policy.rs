//! Routes and rules that come and go with an instance, or are always there, as the kernel is asked for them.

use std::sync::Arc;

use tandem_sys::netlink::{self, Cidr, Index};
use tandem_vrrp_config::{self as config, IpNet, RouteKind, RouteMode, RuleAction, TableId};
use tandem_vrrp_core::settings::Family;

/// Just before the rule that leads to the main table, where the kernel itself would put it.
const USUAL_PRIORITY: u32 = 32_765;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) routes: Vec<Route>,
    pub(crate) rules: Vec<Rule>,
}

/// The interface is looked up when the route is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    route: netlink::Route,
    device: Option<Arc<str>>,
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
        let route = |r: &Route, o: &Route| (&r.route, &r.device) == (&o.route, &o.device);
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
    /// `None` when its interface is not there.
    pub(crate) fn at(&self, index: impl Fn(&str) -> Option<Index>) -> Option<netlink::Route> {
        let out = match &self.device {
            Some(name) => Some(index(name)?),
            None => None,
        };
        Some(netlink::Route {
            out,
            ..self.route.clone()
        })
    }
}

fn read_route(route: &config::Route) -> Result<Route, String> {
    let name = format!("route to {}/{}", route.destination.address, route.destination.prefix);
    let beyond = |what: &str| Err(format!("{name}: {what} is not part of this version"));
    if route.kind != RouteKind::Unicast {
        return beyond("another type than unicast");
    }
    if !route.next_hops.is_empty() {
        return beyond("more than one next hop");
    }
    if !route.metrics.is_empty() || route.tos.is_some() || route.protocol.is_some() || route.on_link {
        return beyond("any option but src, via, dev, table and metric");
    }
    if route.mode == RouteMode::Append {
        return beyond("append");
    }
    Ok(Route {
        route: netlink::Route {
            to: cidr(route.destination)?,
            via: route.via,
            out: None,
            source: route.source,
            metric: route.metric,
            table: table(&route.table)?,
        },
        device: route.device.clone(),
        tracked: route.tracked,
    })
}

fn read_rule(rule: &config::Rule) -> Result<Rule, String> {
    let beyond = |what: &str| Err(format!("rule: {what} is not part of this version"));
    let RuleAction::Table(to) = &rule.action else {
        return beyond("another action than a table");
    };
    let selects_more = rule.not
        || rule.output.is_some()
        || rule.tos.is_some()
        || rule.users.is_some()
        || rule.protocol.is_some()
        || rule.ip_protocol.is_some()
        || rule.source_ports.is_some()
        || rule.destination_ports.is_some()
        || rule.suppress_prefix.is_some();
    if selects_more || rule.mark.is_some_and(|mark| mark.mask != u32::MAX) {
        return beyond("any selector but from, to, iif and a whole fwmark");
    }
    let family = match rule.family {
        Family::V4 => netlink::Family::V4,
        Family::V6 => netlink::Family::V6,
    };
    Ok(Rule {
        rule: netlink::Rule {
            mark: rule.mark.map(|mark| mark.mark),
            from: rule.from.map(cidr).transpose()?,
            to: rule.to.map(cidr).transpose()?,
            incoming: rule.input.as_deref().map(str::to_owned),
            ..netlink::Rule::new(family, rule.priority.unwrap_or(USUAL_PRIORITY), table(to)?)
        },
        tracked: rule.tracked,
    })
}

fn cidr(net: IpNet) -> Result<Cidr, String> {
    Cidr::new(net.address, net.prefix).map_err(|error| error.to_string())
}

fn table(table: &TableId) -> Result<u32, String> {
    match table {
        TableId::Main => Ok(netlink::Route::MAIN),
        TableId::Number(number) => Ok(*number),
        // The three that every system has; /etc/iproute2/rt_tables may name more.
        TableId::Name(name) => match &**name {
            "main" => Ok(netlink::Route::MAIN),
            "default" => Ok(253),
            "local" => Ok(255),
            other => Err(format!("table {other}: write its number")),
        },
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
        let route = policy.routes[0].at(|name| (name == "eth0").then_some(Index(7)));
        let route = route.expect("the interface is there");
        assert_eq!(route.to_string(), "route to 0.0.0.0/0 via 10.9.0.254 by interface 7");
        assert_eq!(route.table, 100);
        assert_eq!(policy.routes[0].at(|_| None), None);
        let rule = &policy.rules[0].rule;
        assert_eq!((rule.priority, rule.table), (50, 100));
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
    fn what_is_beyond_is_said_and_all_of_it() {
        let beyond = read(
            "blackhole 10.0.0.0/8\n 10.1.0.0/16 via 10.9.0.1 tos 4",
            "from all prohibit",
        );
        assert_eq!(beyond.expect_err("none of it is known").len(), 3);
    }
}
