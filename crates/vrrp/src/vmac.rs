//! Interfaces with the MAC address of a virtual router (RFC 9568 section 7.3): which there are to be, and whose addresses are
//! on them.

use std::sync::Arc;

use tandem_sys::netlink::Mac;
use tandem_vrrp_config::{Instance, Plan};
use tandem_vrrp_core::settings::{Family, InstanceId, InstanceSettings, VirtualAddress};

/// A macvlan on an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Vmac {
    pub(crate) instance: InstanceId,
    pub(crate) name: Arc<str>,
    pub(crate) base: Arc<str>,
    pub(crate) mac: Mac,
    /// Adverts of the instance have its MAC address.
    pub(crate) speaks: bool,
    /// All addresses of the instance on this interface are on it, not only those that say so.
    whole: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Vmacs(Vec<Vmac>);

impl Vmac {
    /// Nothing needs to be made anew.
    pub(crate) fn is_same_interface(&self, other: &Vmac) -> bool {
        (&self.name, &self.base, self.mac) == (&other.name, &other.base, other.mac)
    }
}

impl Vmacs {
    pub(crate) fn of(plan: &Plan) -> Vmacs {
        let mut vmacs = Vmacs::default();
        for (instance, settings) in plan.instances.iter().zip(&plan.router.instances) {
            vmacs.own(plan, instance, settings);
        }
        for (instance, settings) in plan.instances.iter().zip(&plan.router.instances) {
            for address in settings.addresses() {
                vmacs.elsewhere(plan, instance, settings, address);
            }
        }
        vmacs
    }

    fn own(&mut self, plan: &Plan, instance: &Instance, settings: &InstanceSettings) {
        let (Some(vmac), Some(base)) = (&instance.vmac, &settings.interface) else {
            return;
        };
        let prefix = plan.global.vmac_prefix.as_deref().unwrap_or(PREFIX);
        let name = vmac.name.clone().unwrap_or_else(|| self.free(prefix, settings));
        self.0.push(Vmac {
            instance: settings.id,
            name,
            base: base.clone(),
            mac: vmac.address.map_or_else(|| standard(settings), Mac),
            speaks: !vmac.transmit_on_base,
            whole: true,
        });
    }

    /// `use_vmac_addr`, or an address that says `use_vmac`.
    fn elsewhere(&mut self, plan: &Plan, instance: &Instance, settings: &InstanceSettings, address: &VirtualAddress) {
        let wanted = address.options.on_vmac || instance.vmac_for_addresses;
        let Some(base) = address.device.as_ref().or(settings.interface.as_ref()) else {
            return;
        };
        if !wanted || self.at(settings.id, base).is_some() {
            return;
        }
        let global = &plan.global;
        let prefix = global.vmac_addr_prefix.as_deref().or(global.vmac_prefix.as_deref());
        let name = self.free(prefix.unwrap_or(PREFIX), settings);
        let own = instance.vmac.as_ref().and_then(|vmac| vmac.address);
        self.0.push(Vmac {
            instance: settings.id,
            name,
            base: base.clone(),
            mac: own.map_or_else(|| standard(settings), Mac),
            speaks: false,
            whole: instance.vmac_for_addresses,
        });
    }

    /// `vrrp.51`; where another has that, `vrrp4.51` or `vrrp6.51`, and then numbers.
    fn free(&self, prefix: &str, settings: &InstanceSettings) -> Arc<str> {
        let vrid = settings.vrid.value();
        let family = match settings.family {
            Family::V4 => 4,
            Family::V6 => 6,
        };
        let numbered = (10_u16..).map(|n| format!("{prefix}{n}.{vrid}"));
        let names = [format!("{prefix}.{vrid}"), format!("{prefix}{family}.{vrid}")];
        let mut names = names.into_iter().chain(numbered).map(Arc::from);
        let free = names.find(|name| self.0.iter().all(|vmac| vmac.name != *name));
        // There are fewer of them than numbers.
        free.unwrap_or_else(|| PREFIX.into())
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Vmac> {
        self.0.iter()
    }

    pub(crate) fn of_instance(&self, instance: InstanceId) -> impl Iterator<Item = &Vmac> {
        self.0.iter().filter(move |vmac| vmac.instance == instance)
    }

    /// Empty when it has none.
    pub(crate) fn name_of(&self, instance: InstanceId) -> &str {
        self.of_instance(instance).next().map_or("", |vmac| &vmac.name)
    }

    /// Whose MAC address the adverts have.
    pub(crate) fn speaker(&self, instance: InstanceId) -> Option<&Vmac> {
        self.of_instance(instance).find(|vmac| vmac.speaks)
    }

    pub(crate) fn named(&self, name: &str) -> Option<&Vmac> {
        self.0.iter().find(|vmac| *vmac.name == *name)
    }

    /// The one that an address belongs on.
    pub(crate) fn for_address(&self, settings: &InstanceSettings, address: &VirtualAddress) -> Option<&Vmac> {
        let base = address.device.as_ref().or(settings.interface.as_ref())?;
        let vmac = self.at(settings.id, base)?;
        (vmac.whole || address.options.on_vmac).then_some(vmac)
    }

    fn at(&self, instance: InstanceId, base: &str) -> Option<&Vmac> {
        self.of_instance(instance).find(|vmac| *vmac.base == *base)
    }
}

const PREFIX: &str = "vrrp";

fn standard(settings: &InstanceSettings) -> Mac {
    let family = match settings.family {
        Family::V4 => 1,
        Family::V6 => 2,
    };
    Mac([0x00, 0x00, 0x5e, 0x00, family, settings.vrid.value()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(instances: &str) -> (Plan, Vmacs) {
        let context = tandem_text::keepalived::Context {
            files: &tandem_text::keepalived::NoFiles,
            env: &|_| None,
            config_id: "x",
            seed: 0,
        };
        let machine = tandem_vrrp_config::Machine::new(context);
        let loaded = tandem_vrrp_config::load("k.conf", instances.to_owned(), &machine, None);
        let plan = loaded.plan.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
        let vmacs = Vmacs::of(&plan);
        (plan, vmacs)
    }

    fn instance(name: &str, vrid: u8, words: &str, addresses: &str) -> String {
        format!(
            "vrrp_instance {name} {{\n interface eth0\n virtual_router_id {vrid}\n {words}\n virtual_ipaddress {{\n \
             {addresses}\n }}\n}}\n"
        )
    }

    #[test]
    fn names_and_addresses_of_both_families() {
        let text = instance("V4", 51, "use_vmac", "10.9.0.100/24")
            + &instance("V6", 51, "use_vmac\n vmac_xmit_base", "fe80::51/64")
            + &instance("NAMED", 52, "use_vmac mine 02:00:00:00:00:07", "10.9.0.101/24")
            + &instance("NONE", 53, "", "10.9.0.102/24");
        let (plan, vmacs) = read(&text);
        let shown: Vec<String> = vmacs
            .all()
            .map(|v| format!("{} {} {} {}", v.name, v.base, v.mac, v.speaks))
            .collect();
        assert_eq!(
            shown,
            [
                "vrrp.51 eth0 00:00:5e:00:01:33 true",
                "vrrp6.51 eth0 00:00:5e:00:02:33 false",
                "mine eth0 02:00:00:00:00:07 true",
            ]
        );
        let last = &plan.router.instances[3];
        assert_eq!(vmacs.for_address(last, &last.vips[0]), None);
    }

    #[test]
    fn addresses_on_other_interfaces() {
        let addresses = "10.9.0.100/24\n 10.8.0.100/24 dev eth1\n";
        let (plan, vmacs) = read(&instance("A", 51, "use_vmac", addresses));
        let settings = &plan.router.instances[0];
        let on = |vmacs: &Vmacs, settings: &InstanceSettings, n: usize| {
            let vmac = vmacs.for_address(settings, &settings.vips[n]);
            vmac.map(|v| format!("{} {}", v.name, v.base))
        };
        assert_eq!(on(&vmacs, settings, 0).as_deref(), Some("vrrp.51 eth0"));
        assert_eq!(on(&vmacs, settings, 1), None);

        let (plan, vmacs) = read(&instance("A", 51, "use_vmac\n use_vmac_addr", addresses));
        let settings = &plan.router.instances[0];
        assert_eq!(on(&vmacs, settings, 1).as_deref(), Some("vrrp4.51 eth1"));

        let addresses = "10.9.0.100/24\n 10.9.0.101/24 use_vmac\n";
        let (plan, vmacs) = read(&instance("A", 51, "", addresses));
        let settings = &plan.router.instances[0];
        assert_eq!(on(&vmacs, settings, 0), None, "it did not ask for it");
        assert_eq!(on(&vmacs, settings, 1).as_deref(), Some("vrrp.51 eth0"));
        assert_eq!(vmacs.speaker(settings.id), None);
    }
}
