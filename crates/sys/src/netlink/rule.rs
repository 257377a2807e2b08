//! Routing rules: which table a packet is looked up in.

use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};

use super::{Asked, Cidr, Netlink, NetlinkError, collect};

/// Packets that match all that is given are looked up in `table`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub family: Family,
    pub priority: u32,
    pub table: u32,
    pub mark: Option<u32>,
    pub from: Option<Cidr>,
    pub to: Option<Cidr>,
    pub incoming: Option<String>,
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
            table,
            mark: None,
            from: None,
            to: None,
            incoming: None,
        }
    }

    pub(super) fn read(message: &RuleMessage) -> Option<Self> {
        let family = match message.header.family {
            AddressFamily::Inet => Family::V4,
            AddressFamily::Inet6 => Family::V6,
            _ => return None,
        };
        let mut rule = Self::new(family, 0, message.header.table.into());
        for attribute in &message.attributes {
            match attribute {
                RuleAttribute::Priority(priority) => rule.priority = *priority,
                RuleAttribute::Table(table) => rule.table = *table,
                RuleAttribute::FwMark(mark) => rule.mark = Some(*mark),
                RuleAttribute::Source(ip) => rule.from = Cidr::new(*ip, message.header.src_len).ok(),
                RuleAttribute::Destination(ip) => rule.to = Cidr::new(*ip, message.header.dst_len).ok(),
                RuleAttribute::Iifname(name) => rule.incoming = Some(name.clone()),
                _ => {}
            }
        }
        Some(rule)
    }

    pub(super) fn message(&self) -> RuleMessage {
        let mut message = RuleMessage::default();
        message.header.family = match self.family {
            Family::V4 => AddressFamily::Inet,
            Family::V6 => AddressFamily::Inet6,
        };
        message.header.action = RuleAction::ToTable;
        // A table that does not fit the header's byte is named by the attribute alone.
        message.header.table = u8::try_from(self.table).unwrap_or(0);
        message.attributes.push(RuleAttribute::Priority(self.priority));
        message.attributes.push(RuleAttribute::Table(self.table));
        if let Some(mark) = self.mark {
            message.attributes.push(RuleAttribute::FwMark(mark));
        }
        if let Some(from) = self.from {
            message.header.src_len = from.length();
            message.attributes.push(RuleAttribute::Source(from.ip()));
        }
        if let Some(to) = self.to {
            message.header.dst_len = to.length();
            message.attributes.push(RuleAttribute::Destination(to.ip()));
        }
        if let Some(name) = &self.incoming {
            message.attributes.push(RuleAttribute::Iifname(name.clone()));
        }
        message
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rule {} to table {}", self.priority, self.table)
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
