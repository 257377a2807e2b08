//! Addresses on interfaces.

use std::net::{IpAddr, Ipv4Addr};

use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage, AddressScope, CacheInfo,
};

use super::{Asked, Cidr, Index, Netlink, NetlinkError, Request, collect};

/// How far an address is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    #[default]
    Global,
    Site,
    Link,
    Host,
    Other(u8),
}

/// An address as the kernel describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub index: Index,
    pub cidr: Cidr,
    pub scope: Scope,
    pub label: Option<String>,
    /// IPv6 has not yet made sure that nobody else has it; it cannot be used as a source.
    pub tentative: bool,
    /// IPv6 found that somebody else has it.
    pub duplicate: bool,
    /// The kernel does not remove it by itself some day.
    pub permanent: bool,
}

/// An address to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressRequest {
    pub index: Index,
    pub cidr: Cidr,
    pub scope: Scope,
    pub label: Option<String>,
    pub broadcast: Broadcast,
    /// The other end of a point-to-point link.
    pub peer: Option<IpAddr>,
    /// Seconds in which it may be chosen as a source; 0 is never. `None` is for ever.
    pub preferred_lifetime: Option<u32>,
    /// Seconds after which the kernel removes it. `None` is for ever.
    pub valid_lifetime: Option<u32>,
    pub flags: Flags,
}

/// IPv4 only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broadcast {
    None,
    /// All ones behind the prefix.
    Derived,
    Is(Ipv4Addr),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags {
    /// IPv6: usable at once, without the second that duplicate detection takes.
    pub skip_duplicate_detection: bool,
    pub no_prefix_route: bool,
    pub home: bool,
    pub manage_temporary: bool,
    pub autojoin: bool,
}

impl AddressRequest {
    /// What `ip address add` does, usable at once.
    pub fn new(index: Index, cidr: Cidr) -> Self {
        Self {
            index,
            cidr,
            scope: Scope::Global,
            label: None,
            broadcast: Broadcast::Derived,
            peer: None,
            preferred_lifetime: None,
            valid_lifetime: None,
            flags: Flags::default(),
        }
    }

    pub(super) fn message(&self) -> AddressMessage {
        let mut message = self.deletion();
        message.header.scope = self.scope.write();
        let attributes = &mut message.attributes;
        attributes.extend(self.broadcast_address().map(AddressAttribute::Broadcast));
        attributes.extend(self.label.clone().map(AddressAttribute::Label));
        if self.preferred_lifetime.is_some() || self.valid_lifetime.is_some() {
            let mut lifetimes = CacheInfo::default();
            lifetimes.ifa_valid = self.valid_lifetime.unwrap_or(FOR_EVER);
            lifetimes.ifa_preferred = self.preferred_lifetime.unwrap_or(FOR_EVER).min(lifetimes.ifa_valid);
            attributes.push(AddressAttribute::CacheInfo(lifetimes));
        }
        let flags = self.flags.write(self.cidr.ip().is_ipv6());
        if !flags.is_empty() {
            attributes.push(AddressAttribute::Flags(flags));
        }
        message
    }

    /// What names an address among others. The kernel compares the peer too, so one with a peer is not found without it.
    pub(super) fn deletion(&self) -> AddressMessage {
        let mut message = AddressMessage::default();
        message.header.family = match self.cidr.ip() {
            IpAddr::V4(_) => AddressFamily::Inet,
            IpAddr::V6(_) => AddressFamily::Inet6,
        };
        message.header.index = self.index.0;
        message.header.prefix_len = self.cidr.length();
        let ip = self.cidr.ip();
        message.attributes = vec![
            AddressAttribute::Address(self.peer.unwrap_or(ip)),
            AddressAttribute::Local(ip),
        ];
        message
    }

    fn broadcast_address(&self) -> Option<Ipv4Addr> {
        match (self.broadcast, self.cidr.ip()) {
            (Broadcast::Is(broadcast), _) => Some(broadcast),
            // Point to point, and alone, nobody else is there to hear it.
            (Broadcast::Derived, IpAddr::V4(ip)) if self.cidr.length() < 31 => {
                Some(Ipv4Addr::from_bits(ip.to_bits() | u32::MAX >> self.cidr.length()))
            }
            _ => None,
        }
    }
}

/// A lifetime as the kernel writes it.
const FOR_EVER: u32 = u32::MAX;

impl Default for Flags {
    fn default() -> Self {
        Self {
            skip_duplicate_detection: true,
            no_prefix_route: false,
            home: false,
            manage_temporary: false,
            autojoin: false,
        }
    }
}

impl Flags {
    fn write(self, ipv6: bool) -> AddressFlags {
        let all = [
            (self.skip_duplicate_detection && ipv6, AddressFlags::Nodad),
            (self.no_prefix_route, AddressFlags::Noprefixroute),
            (self.home && ipv6, AddressFlags::Homeaddress),
            (self.manage_temporary && ipv6, AddressFlags::Managetempaddr),
            (self.autojoin, AddressFlags::Mcautojoin),
        ];
        all.into_iter()
            .filter_map(|(wanted, flag)| wanted.then_some(flag))
            .collect()
    }
}

impl Address {
    pub(super) fn read(message: &AddressMessage) -> Option<Self> {
        let mut local = None;
        let mut address = None;
        let mut label = None;
        let header = message.header.flags;
        let mut tentative = header.contains(AddressHeaderFlags::Tentative);
        let mut duplicate = header.contains(AddressHeaderFlags::Dadfailed);
        let mut permanent = header.contains(AddressHeaderFlags::Permanent);
        for attribute in &message.attributes {
            match attribute {
                AddressAttribute::Local(ip) => local = Some(*ip),
                AddressAttribute::Address(ip) => address = Some(*ip),
                AddressAttribute::Label(text) => label = Some(text.clone()),
                AddressAttribute::Flags(flags) => {
                    tentative = flags.contains(AddressFlags::Tentative);
                    duplicate = flags.contains(AddressFlags::Dadfailed);
                    permanent = flags.contains(AddressFlags::Permanent);
                }
                _ => {}
            }
        }
        // On a point-to-point interface `address` is the peer's and `local` ours; IPv6 sends no `local` elsewhere.
        let ip: IpAddr = local.or(address)?;
        Some(Self {
            index: Index(message.header.index),
            cidr: Cidr::new(ip, message.header.prefix_len).ok()?,
            scope: Scope::read(message.header.scope),
            label,
            tentative,
            duplicate,
            permanent,
        })
    }
}

impl Scope {
    fn read(scope: AddressScope) -> Self {
        match scope {
            AddressScope::Universe => Self::Global,
            AddressScope::Site => Self::Site,
            AddressScope::Link => Self::Link,
            AddressScope::Host => Self::Host,
            AddressScope::Nowhere => Self::Other(255),
            AddressScope::Other(number) => Self::Other(number),
            _ => Self::Global,
        }
    }

    fn write(self) -> AddressScope {
        match self {
            Self::Global => AddressScope::Universe,
            Self::Site => AddressScope::Site,
            Self::Link => AddressScope::Link,
            Self::Host => AddressScope::Host,
            Self::Other(number) => AddressScope::Other(number),
        }
    }
}

impl Netlink {
    pub async fn addresses(&self) -> Result<Vec<Address>, NetlinkError> {
        collect("list addresses", self.handle.address().get().execute(), Address::read).await
    }

    pub async fn add_address(&self, wanted: &AddressRequest) -> Result<(), NetlinkError> {
        let like = self.handle.address();
        let mut request = like.add(wanted.index.0, wanted.cidr.ip(), wanted.cidr.length());
        *request.message_mut() = wanted.message();
        let asked = || Request::AddAddress(wanted.clone()).to_string();
        request.execute().await.asked(asked)
    }

    pub async fn delete_address(&self, index: Index, cidr: Cidr) -> Result<(), NetlinkError> {
        let unwanted = AddressRequest::new(index, cidr);
        let request = self.handle.address().del(unwanted.deletion());
        let asked = || Request::DeleteAddress(unwanted).to_string();
        request.execute().await.asked(asked)
    }
}
