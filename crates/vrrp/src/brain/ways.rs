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
        let without = |one: &Policy, other: &Policy| Policy {
            routes: one
                .routes
                .iter()
                .filter(|r| !other.routes.contains(r))
                .cloned()
                .collect(),
            rules: one.rules.iter().filter(|r| !other.rules.contains(r)).cloned().collect(),
        };
        self.remove_ways(&without(old, new));
        self.add_ways(&without(new, old));
    }

    fn add_ways(&mut self, policy: &Policy) {
        for route in self.routes(policy) {
            let netlink = self.netlink.clone();
            self.ask(async move { netlink.add_route(&route).await }, Errno::EEXIST);
        }
        for rule in policy.rules.clone() {
            let netlink = self.netlink.clone();
            self.ask(async move { netlink.add_rule(&rule).await }, Errno::EEXIST);
        }
    }

    fn remove_ways(&mut self, policy: &Policy) {
        for rule in policy.rules.clone() {
            let netlink = self.netlink.clone();
            self.ask(async move { netlink.delete_rule(&rule).await }, Errno::ENOENT);
        }
        for route in self.routes(policy) {
            let netlink = self.netlink.clone();
            self.ask(async move { netlink.delete_route(&route).await }, Errno::ESRCH);
        }
    }

    /// Those whose interface is there.
    fn routes(&mut self, policy: &Policy) -> Vec<netlink::Route> {
        let index = |name: &str| self.network.link(name).map(|link| link.index);
        policy.routes.iter().filter_map(|route| route.at(index)).collect()
    }

    /// Without waiting. That it is so already is no trouble.
    fn ask(&mut self, asked: impl Future<Output = Result<(), NetlinkError>> + 'static, already: Errno) {
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
