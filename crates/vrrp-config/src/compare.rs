//! Two Plans that are to work as a pair: what makes their routers disagree, or never change places.

mod weights;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use tandem_text::Severity;
use tandem_vrrp_core::settings::{
    AuthV2, Family, HmacSettings, Initial, InstanceSettings, Peer, Preempt, Protocol, Transport, VirtualAddress,
};

use crate::plan::Plan;

/// One thing about a pair. Errors break it, warnings weaken it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    /// A stable word for the kind, such as `equal-priority`.
    pub kind: &'static str,
    /// The instances or groups it is about, as each side calls them.
    pub about: Arc<str>,
    pub message: String,
    pub help: &'static str,
}

/// Everything that is wrong about two routers as a pair, in the order of the first one's instances.
pub fn compare(a: &Plan, b: &Plan) -> Vec<Finding> {
    let mut findings = Findings::default();
    let mut others: BTreeMap<(u8, Family), Vec<&InstanceSettings>> = BTreeMap::new();
    for instance in &b.router.instances {
        others
            .entry((instance.vrid.value(), instance.family))
            .or_default()
            .push(instance);
    }
    for instance in &a.router.instances {
        let key = (instance.vrid.value(), instance.family);
        let candidates = others.get_mut(&key).filter(|candidates| !candidates.is_empty());
        let Some(candidates) = candidates else {
            findings.alone(instance, &b.router.instances);
            continue;
        };
        // With several of one number, the one that holds the same addresses is meant.
        let same = candidates
            .iter()
            .position(|other| addresses(other) == addresses(instance));
        let other = candidates.remove(same.unwrap_or(0));
        Pair {
            a: (a, instance),
            b: (b, other),
            findings: &mut findings,
        }
        .check();
    }
    for instance in others.into_values().flatten() {
        findings.alone(instance, &a.router.instances);
    }
    findings.pair_link(a, b);
    findings.groups(a);
    findings.groups(b);
    findings.list
}

fn addresses(instance: &InstanceSettings) -> Vec<IpAddr> {
    instance.vips.iter().map(ip).collect()
}

fn ip(address: &VirtualAddress) -> IpAddr {
    address.address
}

#[derive(Default)]
struct Findings {
    list: Vec<Finding>,
}

impl Findings {
    fn add(&mut self, severity: Severity, kind: &'static str, about: &str, message: String, help: &'static str) {
        let finding = Finding {
            severity,
            kind,
            about: about.into(),
            message,
            help,
        };
        if !self.list.contains(&finding) {
            self.list.push(finding);
        }
    }

    fn alone(&mut self, instance: &InstanceSettings, others: &[InstanceSettings]) {
        let namesake = others
            .iter()
            .find(|other| other.name == instance.name || addresses(other) == addresses(instance));
        let (name, vrid) = (&instance.name, instance.vrid);
        let message = match namesake {
            Some(other) if other.family == instance.family => {
                format!(
                    "`{name}` has router id {vrid} here and {} there: both will be master",
                    other.vrid
                )
            }
            _ => format!("router id {vrid} (`{name}`) is on one side only"),
        };
        let help = "write the same `virtual_router_id` on both";
        self.add(Severity::Error, "vrid", name, message, help);
    }

    fn pair_link(&mut self, a: &Plan, b: &Plan) {
        let (kind, about) = ("pair-link", "pair_link");
        match (&a.global.pair, &b.global.pair) {
            (None, None) => {}
            (Some(one), Some(other)) if one.secret != other.secret => {
                let message = "the secrets differ, so neither believes the other".to_owned();
                self.add(
                    Severity::Error,
                    kind,
                    about,
                    message,
                    "write the same secret on both hosts",
                );
            }
            (Some(one), Some(other)) if one.peer.ip() == other.peer.ip() => {
                let message = format!("both name {} as the other host", one.peer.ip());
                self.add(
                    Severity::Error,
                    kind,
                    about,
                    message,
                    "each names the address of the other",
                );
            }
            (Some(_), Some(_)) => {}
            _ => {
                let message = "only one side has it, so nobody answers".to_owned();
                self.add(
                    Severity::Warning,
                    kind,
                    about,
                    message,
                    "write it on both hosts, or on neither",
                );
            }
        }
    }

    fn groups(&mut self, plan: &Plan) {
        for group in plan.router.groups.iter().filter(|group| group.members.len() == 1) {
            let message = format!(
                "the group `{}` has one member, which it synchronises with nothing",
                group.name
            );
            self.add(
                Severity::Warning,
                "one-member-group",
                &group.name,
                message,
                "leave the group out",
            );
        }
    }
}

struct Pair<'a> {
    a: (&'a Plan, &'a InstanceSettings),
    b: (&'a Plan, &'a InstanceSettings),
    findings: &'a mut Findings,
}

impl Pair<'_> {
    fn check(&mut self) {
        self.protocol();
        self.transport();
        self.addresses();
        self.priorities();
        for (own, other) in [(self.a, self.b), (self.b, self.a)] {
            self.weights(own, other);
            self.alone(own.0, own.1);
        }
    }

    fn error(&mut self, kind: &'static str, message: String, help: &'static str) {
        self.findings.add(Severity::Error, kind, &self.a.1.name, message, help);
    }

    fn warning(&mut self, kind: &'static str, message: String, help: &'static str) {
        self.findings
            .add(Severity::Warning, kind, &self.a.1.name, message, help);
    }

    fn protocol(&mut self) {
        let (a, b) = (&self.a.1.protocol, &self.b.1.protocol);
        let name = self.a.1.name.clone();
        if a.version() != b.version() {
            let (one, two) = (a.version().number(), b.version().number());
            let message = format!("`{name}` speaks version {one} here and {two} there: both will be master");
            self.error("version", message, "write the same `version` on both");
            return;
        }
        if a.interval() != b.interval() {
            let (one, two) = (a.interval().as_secs_f64(), b.interval().as_secs_f64());
            let message = format!("`{name}` adverts every {one} s here and every {two} s there");
            if matches!(a, Protocol::V2 { .. }) {
                self.error(
                    "interval",
                    message,
                    "version 2 drops adverts with another interval; write the same on both",
                );
            } else {
                self.warning("interval", message, "write the same `advert_int` on both");
            }
        }
        if let (Protocol::V2 { auth: one, .. }, Protocol::V2 { auth: two, .. }) = (a, b)
            && one != two
        {
            let what = if matches!((one, two), (AuthV2::Simple(_), AuthV2::Simple(_))) {
                "another password"
            } else {
                "a password on one side only"
            };
            self.error(
                "auth",
                format!("`{name}` has {what}: both will be master"),
                "write the same on both",
            );
        }
        self.signatures(&name);
    }

    fn signatures(&mut self, name: &str) {
        let (a, b) = match (&self.a.1.hmac, &self.b.1.hmac) {
            (None, None) => return,
            (Some(a), Some(b)) => (a, b),
            _ => {
                let message = format!("`{name}` signs its adverts on one side only");
                return self.error("auth", message, "write the same `auth_hmac` on both");
            }
        };
        let knows = |one: &HmacSettings, other: &HmacSettings| {
            let active = one.keys.iter().find(|(id, _)| *id == one.active);
            active.is_some_and(|key| other.keys.contains(key))
        };
        if !knows(a, b) || !knows(b, a) {
            let message = format!("`{name}` signs with a key that the other side does not have: both will be master");
            self.error(
                "auth",
                message,
                "add the key to `auth_hmac` on both before it is made active",
            );
        }
    }

    /// Each names the other, as far as it is known where adverts come from.
    fn peers(&mut self, name: &str, peers: [&[Peer]; 2]) {
        for (source, peers) in [(self.a.1.source, peers[1]), (self.b.1.source, peers[0])] {
            if let Some(source) = source
                && !peers.iter().any(|peer| peer.address == source)
            {
                let message = format!("`{name}` speaks from {source}, which the other side does not name as a peer");
                self.error("transport", message, "write it into the other side's `unicast_peer`");
            }
        }
    }

    fn transport(&mut self) {
        let name = self.a.1.name.clone();
        match (&self.a.1.transport, &self.b.1.transport) {
            (Transport::Multicast { group: one }, Transport::Multicast { group: two }) if one != two => {
                let message = format!("`{name}` adverts to {one} here and to {two} there: both will be master");
                self.error("transport", message, "write the same group on both");
            }
            (Transport::Multicast { .. }, Transport::Multicast { .. }) => {}
            (Transport::Unicast { peers: a, .. }, Transport::Unicast { peers: b, .. }) => {
                let (a, b) = (a.clone(), b.clone());
                self.peers(&name, [&a, &b]);
            }
            _ => {
                let message =
                    format!("`{name}` is unicast on one side and multicast on the other: both will be master");
                self.error("transport", message, "write `unicast_peer` on both, or on none");
            }
        }
    }

    fn addresses(&mut self) {
        let excluded = |instance: &InstanceSettings| -> Vec<IpAddr> { instance.excluded.iter().map(ip).collect() };
        let (one, two) = (excluded(self.a.1), excluded(self.b.1));
        self.odd_addresses("excluded addresses", &one, &two);
        let (one, two) = (addresses(self.a.1), addresses(self.b.1));
        if !self.odd_addresses("addresses", &one, &two) && one != two {
            let message = format!(
                "`{}` has the same addresses in another order on both sides",
                self.a.1.name
            );
            self.warning("addresses", message, "some routers compare the order; write the same");
        }
    }

    /// Whether there are any on one side only.
    fn odd_addresses(&mut self, what: &str, one: &[IpAddr], two: &[IpAddr]) -> bool {
        let mut odd: Vec<IpAddr> = one.iter().filter(|ip| !two.contains(ip)).copied().collect();
        odd.extend(two.iter().filter(|ip| !one.contains(ip)));
        if odd.is_empty() {
            return false;
        }
        odd.sort_unstable();
        let odd: Vec<String> = odd.iter().map(ToString::to_string).collect();
        let message = format!("`{}` has {what} on one side only: {}", self.a.1.name, odd.join(", "));
        self.error("addresses", message, "write the same on both");
        true
    }

    fn priorities(&mut self) {
        let (a, b) = (self.a.1, self.b.1);
        if a.priority == b.priority {
            let message = format!(
                "`{}` has priority {} on both sides: the higher address decides",
                a.name, a.priority
            );
            self.warning("equal-priority", message, "give one of them a higher one");
        }
        if a.initial == Initial::Master && b.initial == Initial::Master {
            let message = format!("`{}` begins as MASTER on both sides", a.name);
            self.warning(
                "two-masters",
                message,
                "write `state BACKUP` on the one with the lower priority",
            );
        }
        if a.preempt == Preempt::Never && b.preempt != Preempt::Never && a.priority < b.priority
            || b.preempt == Preempt::Never && a.preempt != Preempt::Never && b.priority < a.priority
        {
            let message = format!(
                "`{}` has `nopreempt` only where the priority is lower, where it does nothing",
                a.name
            );
            self.warning("nopreempt", message, "write `nopreempt` and `state BACKUP` on both");
        }
    }

    fn alone(&mut self, plan: &Plan, own: &InstanceSettings) {
        let runtime = plan.instance(own.id);
        let adjusted = runtime.map(|runtime| runtime.adjusted).unwrap_or_default();
        if let Some(wanted) = adjusted.interval {
            let (wanted, got) = (wanted.as_secs_f64(), own.protocol.interval().as_secs_f64());
            let message = format!(
                "`{}` wants an advert every {wanted} s and gets one every {got} s",
                own.name
            );
            self.warning(
                "interval-rounded",
                message,
                "version 2 counts whole seconds; use `version 3` on both",
            );
        }
        if adjusted.nopreempt {
            let message = format!(
                "`{}` has `nopreempt` beside `state MASTER`, where it does nothing",
                own.name
            );
            self.warning("nopreempt-master", message, "write `state BACKUP` on both");
        }
        if adjusted.auth {
            let message = format!(
                "`{}` has a password that strict mode or version 3 does not use",
                own.name
            );
            self.warning("auth-unused", message, "leave it out on both");
        }
        if own.strict && !own.accepts() {
            let message = format!(
                "`{}` is strict, so its addresses answer nobody unless its priority is 255",
                own.name
            );
            self.warning("strict", message, "leave out strict mode, or add `accept` in version 3");
        }
    }
}
