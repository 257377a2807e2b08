//! Interfaces: bridges, veth pairs, macvlans, and what can be set on any of them.

use std::os::fd::RawFd;

use rtnetlink::packet_route::link::{
    BridgePortState, InfoBridge, InfoBridgePort, InfoData, InfoKind, InfoPortData, InfoVeth, InfoVrf, LinkAttribute,
    LinkFlags, LinkInfo, LinkMessage, MacVlanMode,
};
use rtnetlink::{LinkBridge, LinkMacVlan, LinkMessageBuilder, LinkUnspec, LinkVeth};

use super::{Asked, Index, Mac, Netlink, NetlinkError, collect};

/// An interface as the kernel describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub index: Index,
    pub name: String,
    pub mac: Option<Mac>,
    pub mtu: u32,
    /// Set up by the operator.
    pub up: bool,
    /// The cable is in: the other end answers.
    pub carrier: bool,
    /// Nobody resolves addresses on it (`ip link set dev … arp off`).
    pub no_arp: bool,
    /// The bridge this interface is a port of.
    pub bridge: Option<Index>,
    /// What a macvlan stands on; of a cable, its other end.
    pub parent: Option<Index>,
    /// Of a VRF, its routing table.
    pub vrf: Option<u32>,
}

/// How macvlans on one parent see each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MacvlanMode {
    Bridge,
    Private,
}

impl Link {
    pub(super) fn read(message: &LinkMessage) -> Option<Self> {
        let mut link = Self {
            index: Index(message.header.index),
            name: String::new(),
            mac: None,
            mtu: 0,
            up: message.header.flags.contains(LinkFlags::Up),
            carrier: message.header.flags.contains(LinkFlags::LowerUp),
            no_arp: message.header.flags.contains(LinkFlags::Noarp),
            bridge: None,
            parent: None,
            vrf: None,
        };
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name.clone_from(name),
                LinkAttribute::Address(bytes) => link.mac = Mac::from_slice(bytes),
                LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
                LinkAttribute::Controller(index) => link.bridge = Some(Index(*index)),
                LinkAttribute::Link(index) => link.parent = Some(Index(*index)),
                LinkAttribute::LinkInfo(infos) => link.vrf = infos.iter().find_map(vrf),
                _ => {}
            }
        }
        (!link.name.is_empty()).then_some(link)
    }
}

fn vrf(info: &LinkInfo) -> Option<u32> {
    let LinkInfo::Data(InfoData::Vrf(list)) = info else {
        return None;
    };
    list.iter().find_map(|item| match item {
        InfoVrf::TableId(table) => Some(*table),
        _ => None,
    })
}

/// Of a port of a bridge.
fn forwards(message: &LinkMessage) -> bool {
    let infos = message.attributes.iter().filter_map(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => Some(infos),
        _ => None,
    });
    infos.flatten().any(|info| match info {
        LinkInfo::PortData(InfoPortData::BridgePort(port)) => {
            port.contains(&InfoBridgePort::State(BridgePortState::Forwarding))
        }
        _ => false,
    })
}

/// A macvlan to be made.
pub(super) fn macvlan(name: &str, parent: Index, mode: MacvlanMode, mac: Option<Mac>) -> LinkMessage {
    let mode = match mode {
        MacvlanMode::Bridge => MacVlanMode::Bridge,
        MacvlanMode::Private => MacVlanMode::Private,
    };
    let mut macvlan = LinkMacVlan::new(name, parent.0, mode);
    if let Some(mac) = mac {
        macvlan = macvlan.address(mac.0.to_vec());
    }
    macvlan.build()
}

/// An interface to be set up or down.
pub(super) fn switched(index: Index, up: bool) -> LinkMessage {
    let link = LinkUnspec::new_with_index(index.0);
    if up { link.up() } else { link.down() }.build()
}

/// An interface that is there.
pub(super) fn numbered(index: Index) -> LinkMessage {
    LinkUnspec::new_with_index(index.0).build()
}

impl Netlink {
    pub async fn links(&self) -> Result<Vec<Link>, NetlinkError> {
        collect("list interfaces", self.handle.link().get().execute(), Link::read).await
    }

    pub async fn link(&self, name: &str) -> Result<Link, NetlinkError> {
        let asked = format!("find interface {name}");
        let found = self.handle.link().get().match_name(name).execute();
        let missing = NetlinkError::Refused {
            asked: asked.clone(),
            errno: nix::errno::Errno::ENODEV,
        };
        collect(&asked, found, Link::read).await?.pop().ok_or(missing)
    }

    /// Whether the bridge that this is a port of lets packets through: it does a moment after the cable is in.
    pub async fn forwards(&self, port: &str) -> Result<bool, NetlinkError> {
        let found = self.handle.link().get().match_name(port).execute();
        let told = collect(&format!("find interface {port}"), found, |message| {
            Some(forwards(message))
        })
        .await?;
        Ok(told == [true])
    }

    /// A bridge that forwards at once and floods multicast like a plain switch.
    pub async fn add_bridge(&self, name: &str) -> Result<Index, NetlinkError> {
        let bridge = LinkBridge::new(name)
            .append_info_data(InfoBridge::MulticastSnooping(false))
            .build();
        self.add_link(name, bridge).await
    }

    /// A cable: one end here, the other with its own name in the network behind the descriptor.
    pub async fn add_veth(&self, here: &str, there: &str, network: RawFd) -> Result<Index, NetlinkError> {
        let peer = LinkMessageBuilder::<LinkUnspec>::new()
            .name(there)
            .setns_by_fd(network)
            .build();
        let pair = LinkMessageBuilder::<LinkVeth>::new_with_info_kind(InfoKind::Veth)
            .name(here)
            .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
            .build();
        self.add_link(here, pair).await
    }

    pub async fn add_macvlan(
        &self,
        name: &str,
        parent: Index,
        mode: MacvlanMode,
        mac: Option<Mac>,
    ) -> Result<Index, NetlinkError> {
        self.add_link(name, macvlan(name, parent, mode, mac)).await
    }

    async fn add_link(&self, name: &str, message: LinkMessage) -> Result<Index, NetlinkError> {
        self.handle
            .link()
            .add(message)
            .execute()
            .await
            .asked(|| format!("add interface {name}"))?;
        Ok(self.link(name).await?.index)
    }

    pub async fn set_up(&self, index: Index) -> Result<(), NetlinkError> {
        self.change(index, "set up", LinkMessageBuilder::up).await
    }

    pub async fn set_down(&self, index: Index) -> Result<(), NetlinkError> {
        self.change(index, "set down", LinkMessageBuilder::down).await
    }

    pub async fn set_mac(&self, index: Index, mac: Mac) -> Result<(), NetlinkError> {
        self.change(index, "set the hardware address of", |link| {
            link.address(mac.0.to_vec())
        })
        .await
    }

    pub async fn set_mtu(&self, index: Index, mtu: u32) -> Result<(), NetlinkError> {
        self.change(index, "set the MTU of", |link| link.mtu(mtu)).await
    }

    pub async fn set_name(&self, index: Index, name: &str) -> Result<(), NetlinkError> {
        self.change(index, "rename", |link| link.name(name)).await
    }

    /// Makes the interface a port of the bridge.
    pub async fn plug_into(&self, index: Index, bridge: Index) -> Result<(), NetlinkError> {
        self.change(index, "plug in", |link| link.controller(bridge.0)).await
    }

    pub async fn move_to(&self, index: Index, network: RawFd) -> Result<(), NetlinkError> {
        self.change(index, "move", |link| link.setns_by_fd(network)).await
    }

    pub async fn delete_link(&self, index: Index) -> Result<(), NetlinkError> {
        self.handle
            .link()
            .del(index.0)
            .execute()
            .await
            .asked(|| format!("delete interface {}", index.0))
    }

    async fn change(
        &self,
        index: Index,
        what: &str,
        change: impl FnOnce(LinkMessageBuilder<LinkUnspec>) -> LinkMessageBuilder<LinkUnspec>,
    ) -> Result<(), NetlinkError> {
        let message = change(LinkUnspec::new_with_index(index.0)).build();
        self.handle
            .link()
            .set(message)
            .execute()
            .await
            .asked(|| format!("{what} interface {}", index.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vrf_says_its_table() {
        let mut message = LinkMessage::default();
        message.attributes = vec![
            LinkAttribute::IfName("blue".into()),
            LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::Vrf),
                LinkInfo::Data(InfoData::Vrf(vec![InfoVrf::TableId(10)])),
            ]),
        ];
        assert_eq!(Link::read(&message).and_then(|link| link.vrf), Some(10));
    }
}
