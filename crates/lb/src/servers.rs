//! The servers of one backend: in the order of the configuration, and each at a place that never moves.
//!
//! A connection names its server by its place, so a place is given away again only when nobody holds the server that had
//! it. A server that is configured no more stays at its place until then, and gets nobody new.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use tandem_lb_config as plan;
use tandem_lb_core::ServerIdx;

use crate::address::{Recheck, ServerAddress};
use crate::counters::{Attempts, Traffic};
use crate::stats::History;

/// One server: what is configured, where it is, and what it carries now.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) place: ServerIdx,
    plan: ArcSwap<plan::Server>,
    /// Where it is; an operator may move it.
    pub(crate) address: ArcSwap<ServerAddress>,
    is_moved: AtomicBool,
    /// The host's name that an operator has given it, instead of the configured one.
    fqdn: ArcSwapOption<String>,
    /// An operator has it spoken to without the TLS that is configured.
    is_plain: AtomicBool,
    pub(crate) traffic: Traffic,
    pub(crate) attempts: Attempts,
    pub(crate) history: History,
    /// Where an operator has it checked.
    rechecked: ArcSwapOption<Recheck>,
    /// Where its agent is; an operator may say otherwise.
    pub(crate) agent: ArcSwapOption<AgentPlace>,
    /// Connections in a row that could not be made.
    errors: AtomicU32,
    /// How often they were too many, until somebody asks.
    alarms: AtomicU32,
    /// Of the range of its `source`, the next that is tried.
    port: AtomicU32,
    /// That values are left out of its PROXY header was said.
    is_cut_short: AtomicBool,
}

/// Where an agent is, and what is said to it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AgentPlace {
    /// The server's when there is none.
    pub(crate) ip: Option<IpAddr>,
    pub(crate) port: u16,
    pub(crate) send: Option<Box<str>>,
}

impl AgentPlace {
    /// As configured.
    pub(crate) fn of(plan: &plan::Server) -> Option<Arc<AgentPlace>> {
        let plan::Agent { ip, port, send, .. } = plan.agent.clone()?;
        Some(Arc::new(AgentPlace { ip, port, send }))
    }
}

impl Server {
    /// Counts from 0 again (`clear counters`).
    pub(crate) fn clear_counters(&self) {
        self.traffic.clear();
        self.attempts.clear();
        self.history.clear();
    }

    fn new(place: ServerIdx, plan: plan::Server, address: ServerAddress) -> Server {
        Server {
            place,
            agent: ArcSwapOption::new(AgentPlace::of(&plan)),
            plan: ArcSwap::from_pointee(plan),
            address: ArcSwap::from_pointee(address),
            is_moved: AtomicBool::new(false),
            fqdn: ArcSwapOption::empty(),
            rechecked: ArcSwapOption::empty(),
            is_plain: AtomicBool::new(false),
            traffic: Traffic::default(),
            attempts: Attempts::default(),
            history: History::default(),
            errors: AtomicU32::default(),
            alarms: AtomicU32::default(),
            port: AtomicU32::default(),
            is_cut_short: AtomicBool::new(false),
        }
    }

    pub(crate) fn plan(&self) -> Guard<Arc<plan::Server>> {
        self.plan.load()
    }

    /// Values were left out of its PROXY header; whether it is the first time.
    pub(crate) fn is_first_cut(&self) -> bool {
        !self.is_cut_short.load(Relaxed) && !self.is_cut_short.swap(true, Relaxed)
    }

    pub(crate) fn name(&self) -> Arc<str> {
        self.plan().name.clone()
    }

    /// It has this name from now on.
    pub(crate) fn call(&self, name: &Arc<str>) {
        let plan = plan::Server {
            name: name.clone(),
            ..plan::Server::clone(&self.plan())
        };
        self.plan.store(Arc::new(plan));
    }

    /// From now on it is there, whatever the configuration says.
    pub(crate) fn relocate(&self, to: ServerAddress) {
        self.is_moved.store(true, Relaxed);
        self.address.store(Arc::new(to));
    }

    /// An operator has put it elsewhere.
    pub(crate) fn is_moved(&self) -> bool {
        self.is_moved.load(Relaxed)
    }

    /// Where an operator has it checked.
    pub(crate) fn rechecked(&self) -> Option<Recheck> {
        self.rechecked.load().as_deref().copied()
    }

    /// From now on it is checked there, whatever the configuration says.
    pub(crate) fn check_at(&self, said: Recheck) {
        self.rechecked.store(Some(Arc::new(said)));
    }

    /// The name that its address is looked up by, where it has one.
    pub(crate) fn fqdn(&self) -> Option<String> {
        let given = self.renamed().map(|name| String::clone(&name));
        given.or_else(|| match &self.plan().host {
            plan::Host::Name(name) => Some(name.bare().to_owned()),
            plan::Host::Ip(_) | plan::Host::Unix(_) | plan::Host::Abstract(_) => None,
        })
    }

    /// The name that an operator has given it.
    pub(crate) fn renamed(&self) -> Option<Arc<String>> {
        self.fqdn.load_full()
    }

    /// It has this name from now on, whatever the configuration says.
    pub(crate) fn rename(&self, fqdn: &str) {
        self.fqdn.store(Some(Arc::new(fqdn.to_owned())));
    }

    /// What TLS is spoken to it by, when it is.
    pub(crate) fn tls(&self) -> Option<Arc<plan::Origination>> {
        let configured = self.plan().tls.clone();
        configured.filter(|_| !self.is_plain.load(Relaxed))
    }

    /// Connections from now on are with TLS, or without.
    pub(crate) fn speak_tls(&self, wanted: bool) {
        self.is_plain.store(!wanted, Relaxed);
    }

    /// A connection was made, or a check has passed.
    pub(crate) fn did_well(&self) {
        if self.errors.load(Relaxed) > 0 {
            self.errors.store(0, Relaxed);
        }
    }

    /// A connection could not be made; whether that is one too many.
    pub(crate) fn did_fail(&self) -> bool {
        let Some(observe) = self.plan().conduct.observe else {
            return false;
        };
        if self.errors.fetch_add(1, Relaxed) + 1 < observe.limit {
            return false;
        }
        self.errors.store(0, Relaxed);
        self.alarms.fetch_add(1, Relaxed);
        true
    }

    /// Where to begin among the ports that connections may come from.
    pub(crate) fn next_port(&self) -> u32 {
        self.port.fetch_add(1, Relaxed)
    }

    /// So many more were tried and are taken.
    pub(crate) fn skip_ports(&self, tried: u32) {
        self.port.fetch_add(tried, Relaxed);
    }

    pub(crate) fn take_alarms(&self) -> u32 {
        self.alarms.swap(0, Relaxed)
    }

    /// Where an operator has put it, its checks and its agent stays, unless the configuration has come to say another place
    /// of these.
    fn take_on(&self, plan: plan::Server, address: ServerAddress) {
        let before = self.plan.swap(Arc::new(plan));
        let after = self.plan.load();
        let agent = AgentPlace::of(&after);
        if AgentPlace::of(&before) != agent {
            self.agent.store(agent);
        }
        let has_moved = (&before.host, before.port) != (&after.host, after.port);
        let of_checks = |plan: &plan::Server| plan.check.as_ref().map(|check| (check.host.clone(), check.port));
        if has_moved || of_checks(&before) != of_checks(&after) {
            self.rechecked.store(None);
        }
        if has_moved {
            self.address.store(Arc::new(address));
            self.is_moved.store(false, Relaxed);
            self.fqdn.store(None);
        }
        if before.tls != after.tls {
            self.is_plain.store(false, Relaxed);
        }
        if (&before.told, before.send_proxy) != (&after.told, after.send_proxy) {
            self.is_cut_short.store(false, Relaxed);
        }
    }
}

/// A snapshot; copies are cheap.
#[derive(Clone, Debug, Default)]
pub(crate) struct Servers {
    /// Those that have left among them.
    places: Arc<[Arc<Server>]>,
    /// Those that are configured, in their order.
    order: Arc<[ServerIdx]>,
}

impl Servers {
    /// The server at a place, also one that has left.
    pub(crate) fn at(&self, idx: ServerIdx) -> Option<&Arc<Server>> {
        self.places.get(idx.place())
    }

    /// Those that are configured, in their order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Server>> {
        self.order.iter().filter_map(|idx| self.at(*idx))
    }

    pub(crate) fn named(&self, name: &str) -> Option<&Arc<Server>> {
        self.all().find(|server| *server.name() == *name)
    }

    /// The same servers by other plans: who has a name that is known stays, at its place and with all that it counted.
    pub(crate) fn renewed(&self, wanted: impl IntoIterator<Item = (plan::Server, ServerAddress)>) -> Servers {
        let mut free = self.free();
        let mut places = self.places.to_vec();
        let known: BTreeMap<Arc<str>, &Arc<Server>> = self.all().map(|server| (server.name(), server)).collect();
        let mut order = Vec::new();
        for (plan, address) in wanted {
            if let Some(server) = known.get(&plan.name) {
                server.take_on(plan, address);
                order.push(server.place);
                continue;
            }
            let idx = free.pop().unwrap_or_else(|| next(&places));
            let server = Arc::new(Server::new(idx, plan, address));
            match places.get_mut(idx.place()) {
                Some(place) => *place = server,
                None => places.push(server),
            }
            order.push(idx);
        }
        Servers {
            places: places.into(),
            order: order.into(),
        }
    }

    /// Places of those who have left and whom nobody holds any more, the last first.
    fn free(&self) -> Vec<ServerIdx> {
        let is_free = |server: &&Arc<Server>| Arc::strong_count(server) == 1 && !self.order.contains(&server.place);
        self.places.iter().rev().filter(is_free).map(|s| s.place).collect()
    }
}

fn next(places: &[Arc<Server>]) -> ServerIdx {
    ServerIdx(u32::try_from(places.len()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use tandem_lb_config::{Host, ServerPort};
    use tandem_lb_core::ServerId;
    use tandem_lb_core::backend::Conduct;
    use tandem_lb_core::balance::HashKey;

    use super::*;

    fn wanted(names: &[&str]) -> Vec<(plan::Server, ServerAddress)> {
        let ip = [127, 0, 0, 1].into();
        let one = |(name, id): (&&str, u32)| {
            let plan = plan::Server {
                buffers: plan::Buffers::default(),
                name: Arc::from(*name),
                id: ServerId(id),
                is_numbered: false,
                host: Host::Ip(ip),
                port: ServerPort::Fixed(80),
                origin: "here".into(),
                guid: None,
                weight: 1,
                backup: false,
                is_named: false,
                disabled: false,
                maxconn: 0,
                non_stick: false,
                send_proxy: None,
                told: Arc::default(),
                conduct: Conduct::default(),
                agent: None,
                tracks: None,
                source: None,
                user_timeout: None,
                minconn: 0,
                hash_key: HashKey::default(),
                maxqueue: 0,
                check: None,
                tls: None,
                resolve: None,
                init_addr: Arc::from([]),
            };
            let port = ServerPort::Fixed(80);
            (plan, ServerAddress::Ip { ip, port })
        };
        names.iter().zip(1..).map(one).collect()
    }

    impl Server {
        /// One that nothing is known of.
        pub(crate) fn sample() -> Server {
            let (plan, address) = wanted(&["s"]).remove(0);
            Server::new(ServerIdx(0), plan, address)
        }
    }

    fn shown(servers: &Servers) -> String {
        let all = servers.all().map(|s| format!("{}{}", s.name(), s.place.0));
        all.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn places_stay_and_are_given_again_when_nobody_holds_them() {
        let first = Servers::default().renewed(wanted(&["a", "b", "c"]));
        assert_eq!(shown(&first), "a0 b1 c2");
        let held = first.at(ServerIdx(1)).cloned();
        let second = first.renewed(wanted(&["d", "c", "a"]));
        assert_eq!(shown(&second), "d3 c2 a0");
        assert_eq!(second.at(ServerIdx(1)).map(|s| s.name()).as_deref(), Some("b"));
        drop(first);
        let third = second.renewed(wanted(&["a", "c", "d", "e"]));
        assert_eq!(shown(&third), "a0 c2 d3 e4", "b is still held");
        drop((second, held));
        let fourth = third.renewed(wanted(&["f", "a", "c", "d", "e"]));
        assert_eq!(shown(&fourth), "f1 a0 c2 d3 e4");
    }

    #[test]
    fn what_is_left_out_is_said_again_when_other_values_are_left_out() {
        let first = Servers::default().renewed(wanted(&["a"]));
        let server = first.all().next().expect("one is configured").clone();
        assert!(server.is_first_cut() && !server.is_first_cut());
        let again = first.renewed(wanted(&["a"]));
        assert!(!server.is_first_cut(), "nothing is new");
        let mut other = wanted(&["a"]);
        other[0].0.told = Arc::from([plan::Told {
            number: 224,
            value: Vec::new(),
            text: "".into(),
        }]);
        again.renewed(other);
        assert!(server.is_first_cut() && !server.is_first_cut());
    }

    #[test]
    fn counters_go_on() {
        let first = Servers::default().renewed(wanted(&["a"]));
        let one = first.all().next().cloned();
        let again = first.renewed(wanted(&["x", "a"]));
        let two = again.all().nth(1).cloned();
        assert!(one.zip(two).is_some_and(|(one, two)| Arc::ptr_eq(&one, &two)));
    }
}
