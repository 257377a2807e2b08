//! Routes and rules of an instance, asked of the kernel like its addresses.

use nix::errno::Errno;
use tandem_sys::netlink::{self, NetlinkError};
use tandem_vrrp_core::settings::InstanceId;

use super::{Brain, Done};
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
        let holding = self.router.instances().filter(|i| i.holds);
        let policies = holding.filter_map(|i| self.policies.get(&i.settings.id));
        let lost: Vec<netlink::Route> = policies
            .chain([&self.statics.policy])
            .flat_map(|policy| self.routes(policy))
            .filter(|wanted| gone.answers(wanted))
            .collect();
        lost.into_iter().for_each(|route| self.add_route(route));
    }

    fn add_route(&mut self, route: netlink::Route) {
        let netlink = self.netlink.clone();
        self.ask(async move { netlink.add_route(&route).await }, Errno::EEXIST);
    }

    pub(super) fn add_ways(&mut self, policy: &Policy) {
        self.routes(policy).into_iter().for_each(|route| self.add_route(route));
        for rule in policy.rules.clone() {
            let netlink = self.netlink.clone();
            self.ask(async move { netlink.add_rule(&rule).await }, Errno::EEXIST);
        }
    }

    pub(super) fn remove_ways(&mut self, policy: &Policy) {
        for rule in policy.rules.clone() {
            let netlink = self.netlink.clone();
            self.ask(async move { netlink.delete_rule(&rule).await }, Errno::ENOENT);
        }
        for route in self.routes(policy) {
            let netlink = self.netlink.clone();
            self.ask(async move { netlink.delete_route(&route).await }, Errno::ESRCH);
        }
    }

    /// Those whose interface is up: the kernel keeps no route to any other.
    fn routes(&self, policy: &Policy) -> Vec<netlink::Route> {
        let index = |name: &str| self.network.link(name).filter(|link| link.up).map(|link| link.index);
        policy.routes.iter().filter_map(|route| route.at(index)).collect()
    }

    /// Without waiting. That it is so already is no trouble.
    pub(super) fn ask(&mut self, asked: impl Future<Output = Result<(), NetlinkError>> + 'static, already: Errno) {
        self.holding.asked();
        let answering = self.answering.clone();
        tokio::task::spawn_local(async move {
            let result = asked.await.or_else(|error| match error.errno() {
                Some(errno) if errno == already => Ok(()),
                _ => Err(error),
            });
            // Nobody to answer means that the brain has ended.
            answering.send(Done::Way(result)).ok();
        });
    }
}
