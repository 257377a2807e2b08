//! What surrounds the router: the sockets that it has, and the interfaces of the host.

use std::net::IpAddr;
use std::os::fd::RawFd;

use tandem_sys::netlink::Link;
use tandem_vrrp_core::settings::{Family, InstanceId, InstanceSettings};

#[derive(Clone, Debug, Default)]
pub(crate) struct Around {
    pub(crate) sockets: Vec<Sockets>,
    pub(crate) interfaces: Vec<Interface>,
}

/// What adverts come in and go out by, on one interface.
#[derive(Clone, Debug)]
pub(crate) struct Sockets {
    pub(crate) interface: String,
    pub(crate) family: Family,
    pub(crate) multicast: bool,
    pub(crate) hears: RawFd,
    /// Opened with the first advert.
    pub(crate) speaks: Option<RawFd>,
    pub(crate) instances: Vec<InstanceId>,
}

#[derive(Clone, Debug)]
pub(crate) struct Interface {
    pub(crate) link: Link,
    /// The primary ones first.
    pub(crate) addresses: Vec<IpAddr>,
}

impl Around {
    pub(crate) fn of(&self, instance: InstanceId) -> Option<&Sockets> {
        self.sockets
            .iter()
            .find(|sockets| sockets.instances.contains(&instance))
    }

    /// The number of the interface that an instance is on.
    pub(crate) fn scope(&self, settings: &InstanceSettings) -> Option<u32> {
        let name = settings.interface.as_deref()?;
        let mut links = self.interfaces.iter().map(|interface| &interface.link);
        links.find(|link| link.name == name).map(|link| link.index.0)
    }
}

#[cfg(test)]
pub(crate) mod fixtures {
    use tandem_sys::netlink::{Index, Link};

    /// A network card that is up and without peculiarities.
    pub(crate) fn link(index: u32, name: &str) -> Link {
        Link {
            index: Index(index),
            name: name.into(),
            mac: None,
            mtu: 1500,
            up: true,
            carrier: true,
            no_arp: false,
            bridge: None,
            parent: None,
            vrf: None,
        }
    }
}
