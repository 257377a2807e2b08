//! A virtual address with everything the kernel is told about it.

use std::net::IpAddr;
use std::sync::Arc;

use super::Family;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualAddress {
    pub address: IpAddr,
    pub prefix: u8,
    /// `dev`; `None` is the instance's interface.
    pub device: Option<Arc<str>>,
    pub scope: Scope,
    pub label: Option<Arc<str>>,
    pub broadcast: Option<IpAddr>,
    pub peer: Option<IpAddr>,
    /// Put back when somebody else removes it; `no_track` turns that off.
    pub tracked: bool,
    pub options: AddressOptions,
}

impl VirtualAddress {
    /// As written without a mask: /32 or /128.
    pub fn host(address: IpAddr) -> VirtualAddress {
        let prefix = match Family::of(&address) {
            Family::V4 => 32,
            Family::V6 => 128,
        };
        VirtualAddress {
            address,
            prefix,
            device: None,
            scope: Scope::Global,
            label: None,
            broadcast: None,
            peer: None,
            tracked: true,
            options: AddressOptions::default(),
        }
    }

    pub const fn family(&self) -> Family {
        Family::of(&self.address)
    }
}

/// The kernel's address scopes, by its numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    #[default]
    Global,
    Site,
    Link,
    Host,
    Nowhere,
    Number(u8),
}

impl Scope {
    pub const fn number(self) -> u8 {
        match self {
            Scope::Global => 0,
            Scope::Site => 200,
            Scope::Link => 253,
            Scope::Host => 254,
            Scope::Nowhere => 255,
            Scope::Number(n) => n,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddressOptions {
    pub home: bool,
    /// `-nodad`: run duplicate detection after all. Without it a VIP is usable at once.
    pub detect_duplicates: bool,
    pub manage_temporary: bool,
    pub no_prefix_route: bool,
    pub autojoin: bool,
    /// Seconds; `None` is the default of the kind (for ever; 0 for /128, so it is never chosen as a source).
    pub preferred_lifetime: Option<u32>,
    /// Put this address on the VMAC interface even when the instance does not use it for all.
    pub on_vmac: bool,
}
