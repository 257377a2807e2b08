//! Switches, and the cables between them and hosts.

use tandem_sys::netlink::{Cidr, Index};

use crate::host::Host;

/// A plain switch: it learns, and floods what it does not know and all multicast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    pub(crate) name: String,
    pub(crate) bridge: Index,
}

/// A cable from a host to a switch.
#[derive(Debug, Clone)]
pub struct Link {
    pub(crate) host: Host,
    pub(crate) switch: Switch,
    pub(crate) address: Cidr,
    /// In the host.
    pub(crate) interface: String,
    /// At the switch.
    pub(crate) port: String,
    pub(crate) port_index: Index,
}

impl Switch {
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Link {
    pub fn host(&self) -> &Host {
        &self.host
    }

    pub fn switch(&self) -> &Switch {
        &self.switch
    }

    /// The interface's name in the host, such as `eth0`.
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// The address that the host got with this link.
    pub fn address(&self) -> Cidr {
        self.address
    }
}
