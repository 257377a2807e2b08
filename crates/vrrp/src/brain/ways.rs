//! Routes and rules of an instance, asked of the kernel like its addresses.

use tandem_sys::netlink::{self, Request};
use tandem_vrrp_core::settings::InstanceId;

use super::Brain;
use super::taken::Taken;
use crate::policy::Policy;

impl Brain {
    /// After the addresses: a route may have one as its source.
    pub(super) fn add_policy(&mut self, instance: InstanceId) {
        if let Some(policy) = self.policies.get(&instance).cloned() {
            self.add_ways(&policy);
        }
    }

    /// Before the addresses go.
    pub(super) fn remove_policy(&mut self, instance: InstanceId) {
        if let Some(policy) = self.policies.get(&instance).cloned() {
            self.remove_ways(&policy);
        }
    }

    /// Of an instance that a reload changed while it holds its addresses.
    pub(super) fn exchange_policy(&mut self, old: &Policy, new: &Policy) {
        self.remove_ways(&old.without(new));
        self.add_ways(&new.without(old));
    }

    /// Somebody removed a route: it is put back if it ought to be there. What we removed ourselves nobody claims.
    pub(super) fn route_gone(&mut self, gone: &netlink::Route) {
        let mut lost = self.tracked_routes();
        lost.retain(|wanted| gone.answers(wanted));
        lost.into_iter().for_each(|route| self.was_taken(Taken::Route(route)));
    }

    /// The same for a rule.
    pub(super) fn rule_gone(&mut self, gone: &netlink::Rule) {
        let policies = self.tracked_policies();
        let mut rules = policies.iter().flat_map(|policy| &policy.rules);
        if rules.any(|wanted| wanted.rule == *gone) {
            self.was_taken(Taken::Rule(gone.clone()));
        }
    }

    pub(super) fn tracked_routes(&self) -> Vec<netlink::Route> {
        let policies = self.tracked_policies();
        policies.iter().flat_map(|policy| self.routes(policy)).collect()
    }

    pub(super) fn tracked_policies(&self) -> Vec<Policy> {
        let holding = self.router.instances().filter(|i| i.holds);
        let policies = holding.filter_map(|i| self.policies.get(&i.settings.id));
        policies.chain([&self.statics.policy]).map(Policy::tracked).collect()
    }

    /// What went with an interface, unsaid, is there again when it is.
    pub(super) fn add_held_ways(&mut self) {
        let holding = self.router.instances().filter(|i| i.holds);
        let holding: Vec<InstanceId> = holding.map(|i| i.settings.id).collect();
        holding.into_iter().for_each(|instance| self.add_policy(instance));
    }

    fn add_route(&mut self, route: netlink::Route) {
        self.ask(Request::AddRoute(route));
    }

    pub(super) fn add_ways(&mut self, policy: &Policy) {
        self.routes(policy).into_iter().for_each(|route| self.add_route(route));
        for rule in policy.rules.clone() {
            self.ask(Request::AddRule(rule.rule));
        }
    }

    pub(super) fn remove_ways(&mut self, policy: &Policy) {
        for rule in policy.rules.clone() {
            self.ask(Request::DeleteRule(rule.rule));
        }
        for route in self.routes(policy) {
            self.ask(Request::DeleteRoute(route));
        }
    }

    /// Those whose interface is up: the kernel keeps no route to any other.
    fn routes(&self, policy: &Policy) -> Vec<netlink::Route> {
        let index = |name: &str| self.network.link(name).filter(|link| link.up).map(|link| link.index);
        let vrf = |name: &str| self.network.link(name).and_then(|link| link.vrf);
        policy.routes.iter().filter_map(|route| route.at(index, vrf)).collect()
    }
}
