//! Addresses on interfaces.

use std::net::IpAddr;

use rtnetlink::packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage, AddressScope,
};

use super::{Asked, Cidr, Index, Netlink, NetlinkError, collect};

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
}

/// An address to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressRequest {
    pub index: Index,
    pub cidr: Cidr,
    pub scope: Scope,
    pub label: Option<String>,
    /// IPv4: derived from the prefix if true, none if false.
    pub broadcast: bool,
    /// IPv6: usable at once, without the second that duplicate detection takes.
    pub skip_duplicate_detection: bool,
}

impl AddressRequest {
    /// What `ip address add` does, usable at once.
    pub fn new(index: Index, cidr: Cidr) -> Self {
        Self {
            index,
            cidr,
            scope: Scope::Global,
            label: None,
            broadcast: true,
            skip_duplicate_detection: true,
        }
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
        for attribute in &message.attributes {
            match attribute {
                AddressAttribute::Local(ip) => local = Some(*ip),
                AddressAttribute::Address(ip) => address = Some(*ip),
                AddressAttribute::Label(text) => label = Some(text.clone()),
                AddressAttribute::Flags(flags) => {
                    tentative = flags.contains(AddressFlags::Tentative);
                    duplicate = flags.contains(AddressFlags::Dadfailed);
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
        let mut request = self
            .handle
            .address()
            .add(wanted.index.0, wanted.cidr.ip(), wanted.cidr.length());
        let message = request.message_mut();
        message.header.scope = wanted.scope.write();
        if !wanted.broadcast {
            message
                .attributes
                .retain(|attribute| !matches!(attribute, AddressAttribute::Broadcast(_)));
        }
        if let Some(label) = &wanted.label {
            message.attributes.push(AddressAttribute::Label(label.clone()));
        }
        if wanted.skip_duplicate_detection && wanted.cidr.ip().is_ipv6() {
            message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
        }
        request
            .execute()
            .await
            .asked(|| format!("add address {} to interface {}", wanted.cidr, wanted.index.0))
    }

    pub async fn delete_address(&self, index: Index, cidr: Cidr) -> Result<(), NetlinkError> {
        // The request for adding has the same form; only the kind of message differs.
        let mut like = self.handle.address().add(index.0, cidr.ip(), cidr.length());
        let message = std::mem::take(like.message_mut());
        let asked = || format!("delete address {cidr} from interface {}", index.0);
        self.handle.address().del(message).execute().await.asked(asked)
    }
}
