//! What is on its way to the client: numbers, room, and topics that got a number.

use std::collections::{BTreeMap, BTreeSet};

use tandem_mq_wire::mqtt::{Properties, Publish};

/// How far a number has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// QoS 1: waits for PUBACK.
    Once,
    /// QoS 2: waits for PUBREC.
    Sent,
    /// Waits for PUBCOMP.
    Released,
}

#[derive(Debug, Default)]
pub(super) struct Outbound {
    stages: BTreeMap<u16, Stage>,
    /// Numbers of messages that will come again.
    reserved: BTreeSet<u16>,
    last: u16,
    /// The most that may be under way at a time.
    window: usize,
    /// The largest packet that the client takes.
    largest: Option<u32>,
    aliases: BTreeMap<Box<str>, u16>,
    most_aliases: u16,
}

impl Outbound {
    /// What the CONNECT packet allows.
    pub(super) fn limit(&mut self, properties: &Properties, most_aliases: u16) {
        self.largest = properties.maximum_packet;
        self.most_aliases = properties.topic_alias_maximum.unwrap_or(0).min(most_aliases);
    }

    pub(super) fn begin(&mut self, window: u16, named: Vec<u16>) {
        self.window = usize::from(window);
        self.reserved.extend(named);
    }

    pub(super) fn has_room(&self) -> bool {
        self.stages.len() < self.window
    }

    pub(super) fn fits(&self, size: usize) -> bool {
        self.largest.is_none_or(|largest| size <= largest as usize)
    }

    /// A free number. There is one: far fewer than all are given away at a time.
    pub(super) fn number(&mut self) -> u16 {
        loop {
            self.last = self.last.checked_add(1).unwrap_or(1);
            if !self.stages.contains_key(&self.last) && !self.reserved.contains(&self.last) {
                return self.last;
            }
        }
    }

    pub(super) fn sent(&mut self, packet: u16, stage: Stage) {
        self.reserved.remove(&packet);
        self.stages.insert(packet, stage);
    }

    pub(super) fn released(&mut self, packet: u16) {
        self.sent(packet, Stage::Released);
    }

    pub(super) fn stage(&self, packet: u16) -> Option<Stage> {
        self.stages.get(&packet).copied()
    }

    pub(super) fn free(&mut self, packet: u16) {
        self.stages.remove(&packet);
        self.reserved.remove(&packet);
    }

    /// The first topics get a number, as many as the client allows; from then on the number is enough.
    pub(super) fn shorten(&mut self, publish: &mut Publish) {
        if let Some(alias) = self.aliases.get(&publish.topic) {
            publish.properties.topic_alias = Some(*alias);
            publish.topic = "".into();
            return;
        }
        let next = u16::try_from(self.aliases.len() + 1).unwrap_or(u16::MAX);
        if next <= self.most_aliases {
            self.aliases.insert(publish.topic.clone(), next);
            publish.properties.topic_alias = Some(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_not_zero_and_not_in_use() {
        let mut outbound = Outbound::default();
        outbound.begin(10, vec![2]);
        assert_eq!(outbound.number(), 1);
        outbound.sent(1, Stage::Once);
        assert_eq!(outbound.number(), 3);
        outbound.last = u16::MAX;
        assert_eq!(outbound.number(), 3, "1 is under way and 2 will come again");
    }

    #[test]
    fn a_topic_is_said_once_when_the_client_allows_it() {
        let properties = Properties {
            topic_alias_maximum: Some(1),
            ..Properties::default()
        };
        let mut outbound = Outbound::default();
        outbound.limit(&properties, 10);
        let mut say = |topic: &str| {
            let mut publish = Publish {
                topic: topic.into(),
                ..Publish::default()
            };
            outbound.shorten(&mut publish);
            (publish.topic.into_string(), publish.properties.topic_alias)
        };
        assert_eq!(say("a"), ("a".to_owned(), Some(1)));
        assert_eq!(say("b"), ("b".to_owned(), None));
        assert_eq!(say("a"), (String::new(), Some(1)));
    }
}
