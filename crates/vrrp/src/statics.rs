//! Addresses, routes and rules that are there while the daemon runs, whoever is master.

use std::net::IpAddr;

use tandem_vrrp_config as config;
use tandem_vrrp_core::settings::VirtualAddress;

use crate::policy::Policy;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Statics {
    pub(crate) addresses: Vec<VirtualAddress>,
    pub(crate) policy: Policy,
}

impl Statics {
    /// All that cannot be done, or the statics.
    pub(crate) fn of(statics: &config::Statics) -> Result<Statics, Vec<String>> {
        let addresses: Vec<_> = statics.addresses.iter().map(|a| a.value.clone()).collect();
        let routes = statics.routes.iter().map(|route| &route.value);
        let policy = Policy::of(routes, statics.rules.iter().map(|rule| &rule.value))?;
        Ok(Statics { addresses, policy })
    }

    /// What this has and the other has not.
    pub(crate) fn without(&self, other: &Statics) -> Statics {
        let missing = |address: &&VirtualAddress| !other.addresses.contains(address);
        Statics {
            addresses: self.addresses.iter().filter(missing).cloned().collect(),
            policy: self.policy.without(&other.policy),
        }
    }

    pub(crate) fn has(&self, device: &str, ip: IpAddr) -> Option<&VirtualAddress> {
        let mut here = self.addresses.iter().filter(|a| a.device.as_deref() == Some(device));
        here.find(|a| a.address == ip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Statics, Vec<String>> {
        let context = tandem_text::keepalived::Context {
            files: &tandem_text::keepalived::NoFiles,
            env: &|_| None,
            config_id: "x",
            seed: 0,
        };
        let loaded = config::load("k.conf", text.to_owned(), &config::Machine::new(context), None);
        let plan = loaded.plan.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
        Statics::of(&plan.statics)
    }

    #[test]
    fn a_reload_takes_only_what_differs() {
        let old = read("static_ipaddress {\n 10.8.0.5/24 dev eth0\n 10.8.0.6/24 dev eth0\n}\n");
        let new = read(
            "static_ipaddress {\n 10.8.0.6/24 dev eth0\n}\nstatic_rules {\n from 10.8.0.6 table 100 priority 77\n}\n",
        );
        let (old, new) = (old.expect("all of it is known"), new.expect("all of it is known"));
        let gone = old.without(&new);
        assert_eq!(gone.addresses.len(), 1);
        assert!(gone.has("eth0", "10.8.0.5".parse().expect("well written")).is_some());
        assert!(gone.has("eth1", "10.8.0.5".parse().expect("well written")).is_none());
        let come = new.without(&old);
        assert_eq!((come.addresses.len(), come.policy.rules.len()), (0, 1));
    }

    #[test]
    fn what_is_beyond_is_said() {
        let beyond = read("static_routes {\n 10.7.0.0/16 via 10.9.0.1 dev eth0 table nowhere\n}\n");
        assert_eq!(beyond.expect_err("there is no such table").len(), 1);
    }
}
