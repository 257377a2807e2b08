//! Routing rules: which table a packet is looked up in, or what else becomes of it.

use rtnetlink::packet_route::route::{RouteProtocol, RouteRealm};
use rtnetlink::packet_route::rule::{
    RuleAction as Act, RuleAttribute, RuleFlags, RuleMessage, RulePortRange, RuleUidRange,
};
use rtnetlink::packet_route::{AddressFamily, IpProtocol};

use super::{Asked, Cidr, Netlink, NetlinkError, Realm, collect};

/// What becomes of packets that match all that is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub family: Family,
    pub priority: u32,
    pub action: RuleAction,
    /// For those that do not match.
    pub not: bool,
    pub mark: Option<u32>,
    /// The bits of the mark that count; `None` is all of them.
    pub mask: Option<u32>,
    pub from: Option<Cidr>,
    pub to: Option<Cidr>,
    pub incoming: Option<String>,
    pub outgoing: Option<String>,
    pub tos: u8,
    pub users: Option<(u32, u32)>,
    /// Who made it.
    pub protocol: Option<u8>,
    pub ip_protocol: Option<u8>,
    pub source_ports: Option<(u16, u16)>,
    pub destination_ports: Option<(u16, u16)>,
    /// Routes of a prefix of at most this length do not count.
    pub suppress_prefix: Option<u32>,
    /// Routes by interfaces of this group do not count.
    pub suppress_group: Option<u32>,
    pub tunnel: Option<u64>,
    pub realm: Option<Realm>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleAction {
    Table(u32),
    /// The table of the interface's own VRF.
    Vrf,
    /// Goes on at the rule of this priority.
    Goto(u32),
    Nop,
    Blackhole,
    Unreachable,
    Prohibit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

impl Rule {
    pub fn new(family: Family, priority: u32, table: u32) -> Self {
        Self {
            family,
            priority,
            action: RuleAction::Table(table),
            not: false,
            mark: None,
            mask: None,
            from: None,
            to: None,
            incoming: None,
            outgoing: None,
            tos: 0,
            users: None,
            protocol: None,
            ip_protocol: None,
            source_ports: None,
            destination_ports: None,
            suppress_prefix: None,
            suppress_group: None,
            tunnel: None,
            realm: None,
        }
    }

    /// Where packets are looked up, if that is what becomes of them.
    pub const fn table(&self) -> Option<u32> {
        match self.action {
            RuleAction::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(super) fn read(message: &RuleMessage) -> Option<Self> {
        let family = match message.header.family {
            AddressFamily::Inet => Family::V4,
            AddressFamily::Inet6 => Family::V6,
            _ => return None,
        };
        let mut rule = Self::new(family, 0, message.header.table.into());
        rule.tos = message.header.tos;
        rule.not = message.header.flags.contains(RuleFlags::Invert);
        rule.action = match message.header.action {
            Act::Goto => RuleAction::Goto(0),
            Act::Nop => RuleAction::Nop,
            Act::Blackhole => RuleAction::Blackhole,
            Act::Unreachable => RuleAction::Unreachable,
            Act::Prohibit => RuleAction::Prohibit,
            _ => rule.action,
        };
        for attribute in &message.attributes {
            rule.take(attribute, message.header.src_len, message.header.dst_len);
        }
        Some(rule)
    }

    fn take(&mut self, attribute: &RuleAttribute, from: u8, to: u8) {
        /// How the kernel says that it was not asked for.
        const NONE: u32 = u32::MAX;
        match attribute {
            RuleAttribute::Priority(priority) => self.priority = *priority,
            RuleAttribute::Table(table) => {
                if let RuleAction::Table(own) = &mut self.action {
                    *own = *table;
                }
            }
            RuleAttribute::Goto(priority) => self.action = RuleAction::Goto(*priority),
            RuleAttribute::L3MDev(true) => self.action = RuleAction::Vrf,
            RuleAttribute::FwMark(mark) => self.mark = Some(*mark),
            RuleAttribute::FwMask(mask) => self.mask = Some(*mask).filter(|mask| *mask != u32::MAX),
            RuleAttribute::Source(ip) => self.from = Cidr::new(*ip, from).ok(),
            RuleAttribute::Destination(ip) => self.to = Cidr::new(*ip, to).ok(),
            RuleAttribute::Iifname(name) => self.incoming = Some(name.clone()),
            RuleAttribute::Oifname(name) => self.outgoing = Some(name.clone()),
            RuleAttribute::UidRange(users) => self.users = Some((users.start, users.end)),
            RuleAttribute::Protocol(who) => self.protocol = Some(u8::from(*who)).filter(|who| *who != 0),
            RuleAttribute::IpProtocol(number) => self.ip_protocol = u8::try_from(i32::from(*number)).ok(),
            RuleAttribute::SourcePortRange(ports) => self.source_ports = Some((ports.start, ports.end)),
            RuleAttribute::DestinationPortRange(ports) => self.destination_ports = Some((ports.start, ports.end)),
            RuleAttribute::SuppressPrefixLen(length) => {
                self.suppress_prefix = Some(*length).filter(|length| *length != NONE);
            }
            RuleAttribute::SuppressIfGroup(group) => self.suppress_group = Some(*group).filter(|group| *group != NONE),
            RuleAttribute::TunId(id) => self.tunnel = Some(*id),
            RuleAttribute::Realm(realm) => {
                self.realm = Some(Realm {
                    source: realm.source,
                    destination: realm.destination,
                });
            }
            _ => {}
        }
    }

    pub(super) fn message(&self) -> RuleMessage {
        let mut message = RuleMessage::default();
        message.header.family = match self.family {
            Family::V4 => AddressFamily::Inet,
            Family::V6 => AddressFamily::Inet6,
        };
        message.header.tos = self.tos;
        if self.not {
            message.header.flags = RuleFlags::Invert;
        }
        let list = &mut message.attributes;
        list.push(RuleAttribute::Priority(self.priority));
        message.header.action = self.act(list);
        if let RuleAction::Table(table) = self.action {
            // A table that does not fit the header's byte is named by the attribute alone.
            message.header.table = u8::try_from(table).unwrap_or(0);
        }
        if let Some(from) = self.from {
            message.header.src_len = from.length();
            list.push(RuleAttribute::Source(from.ip()));
        }
        if let Some(to) = self.to {
            message.header.dst_len = to.length();
            list.push(RuleAttribute::Destination(to.ip()));
        }
        self.select(list);
        message
    }

    fn act(&self, list: &mut Vec<RuleAttribute>) -> Act {
        match self.action {
            RuleAction::Table(table) => {
                list.push(RuleAttribute::Table(table));
                Act::ToTable
            }
            RuleAction::Vrf => {
                list.push(RuleAttribute::L3MDev(true));
                Act::ToTable
            }
            RuleAction::Goto(priority) => {
                list.push(RuleAttribute::Goto(priority));
                Act::Goto
            }
            RuleAction::Nop => Act::Nop,
            RuleAction::Blackhole => Act::Blackhole,
            RuleAction::Unreachable => Act::Unreachable,
            RuleAction::Prohibit => Act::Prohibit,
        }
    }

    fn select(&self, list: &mut Vec<RuleAttribute>) {
        let ports = |(start, end)| RulePortRange { start, end };
        list.extend(self.mark.map(RuleAttribute::FwMark));
        list.extend(self.mask.map(RuleAttribute::FwMask));
        list.extend(self.incoming.clone().map(RuleAttribute::Iifname));
        list.extend(self.outgoing.clone().map(RuleAttribute::Oifname));
        let users = self.users.map(|(start, end)| RuleUidRange { start, end });
        list.extend(users.map(RuleAttribute::UidRange));
        list.extend(
            self.protocol
                .map(|who| RuleAttribute::Protocol(RouteProtocol::from(who))),
        );
        let ip_protocol = self.ip_protocol.map(|number| IpProtocol::from(i32::from(number)));
        list.extend(ip_protocol.map(RuleAttribute::IpProtocol));
        list.extend(self.source_ports.map(ports).map(RuleAttribute::SourcePortRange));
        list.extend(
            self.destination_ports
                .map(ports)
                .map(RuleAttribute::DestinationPortRange),
        );
        list.extend(self.suppress_prefix.map(RuleAttribute::SuppressPrefixLen));
        list.extend(self.suppress_group.map(RuleAttribute::SuppressIfGroup));
        list.extend(self.tunnel.map(RuleAttribute::TunId));
        let realm = self.realm.map(|realm| RouteRealm {
            source: realm.source,
            destination: realm.destination,
        });
        list.extend(realm.map(RuleAttribute::Realm));
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rule {}", self.priority)?;
        match self.action {
            RuleAction::Table(table) => write!(f, " to table {table}"),
            RuleAction::Vrf => write!(f, " to the table of a VRF"),
            RuleAction::Goto(priority) => write!(f, " to rule {priority}"),
            RuleAction::Nop => write!(f, " to nothing"),
            RuleAction::Blackhole => write!(f, " to a black hole"),
            RuleAction::Unreachable => write!(f, " to nowhere"),
            RuleAction::Prohibit => write!(f, " to a refusal"),
        }
    }
}

impl Netlink {
    pub async fn rules(&self) -> Result<Vec<Rule>, NetlinkError> {
        let mut list = Vec::new();
        for version in [rtnetlink::IpVersion::V4, rtnetlink::IpVersion::V6] {
            list.extend(collect("list rules", self.handle.rule().get(version).execute(), Rule::read).await?);
        }
        Ok(list)
    }

    pub async fn add_rule(&self, rule: &Rule) -> Result<(), NetlinkError> {
        let mut request = self.handle.rule().add();
        *request.message_mut() = rule.message();
        request.execute().await.asked(|| format!("add {rule}"))
    }

    pub async fn delete_rule(&self, rule: &Rule) -> Result<(), NetlinkError> {
        self.handle
            .rule()
            .del(rule.message())
            .execute()
            .await
            .asked(|| format!("delete {rule}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_what_is_read() {
        let rule = Rule {
            not: true,
            mark: Some(0x10),
            mask: Some(0xff),
            from: Some("10.9.0.0/24".parse().expect("well written")),
            outgoing: Some("eth1".into()),
            tos: 0x10,
            users: Some((1000, 1001)),
            protocol: Some(18),
            ip_protocol: Some(6),
            source_ports: Some((1000, 2000)),
            destination_ports: Some((80, 80)),
            suppress_prefix: Some(0),
            suppress_group: Some(3),
            tunnel: Some(7),
            realm: Some(Realm {
                source: 1,
                destination: 2,
            }),
            ..Rule::new(Family::V4, 50, 1000)
        };
        assert_eq!(Rule::read(&rule.message()).as_ref(), Some(&rule));
        for action in [
            RuleAction::Goto(100),
            RuleAction::Vrf,
            RuleAction::Prohibit,
            RuleAction::Nop,
        ] {
            let rule = Rule { action, ..rule.clone() };
            assert_eq!(Rule::read(&rule.message()), Some(rule));
        }
    }
}
