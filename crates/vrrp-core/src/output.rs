//! Every effect a router can have on the world.

use std::net::IpAddr;

use crate::settings::{GroupId, InstanceId, VirtualAddress};
use crate::{DropReason, Event, Notice};

/// Carry them out in order: the order is the protocol's (advert, then addresses, then announcements).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// One VRRP message, checksum and trailer included, to a group or a peer. `ttl` is 255 unless configured otherwise.
    SendAdvert {
        instance: InstanceId,
        from: IpAddr,
        to: IpAddr,
        ttl: u8,
        message: Vec<u8>,
        /// The first word of a master whose predecessor serves until it is heard. It may wait for the addresses; no other
        /// may, as silence makes others take over as well.
        may_wait: bool,
    },
    /// Put all addresses (routes, rules) of the instance on their interfaces; what is there already stays.
    AddAddresses {
        instance: InstanceId,
    },
    /// Take them away. No ARP is sent.
    RemoveAddresses {
        instance: InstanceId,
    },
    /// Put one back that somebody removed, or add one that a reload brought.
    AddAddress {
        instance: InstanceId,
        address: IpAddr,
    },
    /// A reload dropped this one. It is in no settings any more, so it comes along.
    RemoveAddress {
        instance: InstanceId,
        address: Box<VirtualAddress>,
    },
    /// One gratuitous ARP or unsolicited NA.
    Announce {
        instance: InstanceId,
        address: IpAddr,
    },
    /// One announcement of each address from every other interface that has it (`garp_extra_if`).
    AnnounceElsewhere {
        instance: InstanceId,
    },
    /// Ask the network who has this address, in a way that changes nobody's mind. An answer of another hardware address
    /// is [`crate::Input::HolderSeen`]. It must leave before the advert that follows.
    AskHolder {
        instance: InstanceId,
        address: IpAddr,
    },
    /// Ask where the unicast peers are, in the way that tells them where we are, too. After a long partition neither kernel
    /// knows, and both let adverts wait and ask once a second.
    SeekPeers {
        instance: InstanceId,
    },
    Notify {
        subject: Subject,
        notice: Notice,
        priority: u8,
    },
    /// A packet was not believed. Counted always; `log` is set once for each reason until state or master change.
    Drop {
        instance: Option<InstanceId>,
        source: IpAddr,
        /// Of a packet that has one.
        vrid: Option<u8>,
        reason: DropReason,
        log: bool,
    },
    Log {
        instance: Option<InstanceId>,
        event: Event,
    },
    /// Probe the witnesses of this instance and say how many answered.
    AskWitnesses {
        instance: InstanceId,
    },
    /// Tell this peer, or the only one, over the pair link to take over now. Without a link it does so by its timer.
    NameSuccessor {
        instance: InstanceId,
        successor: Option<IpAddr>,
    },
    /// A `Release` is complete: the addresses are gone from here.
    Released {
        instance: InstanceId,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Instance(InstanceId),
    Group(GroupId),
}
