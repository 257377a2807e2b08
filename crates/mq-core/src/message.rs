//! A message as all protocols see it: a body that is never looked into, and what travels with it.

use std::sync::Arc;

use crate::Schedule;
use bytes::Bytes;
use tandem_mq_wire::amqp10::Value as Typed;
use tandem_mq_wire::amqp091::Field;
pub use tandem_mq_wire::mqtt::Qos;

/// Milliseconds since 1970, as clients count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallMillis(pub u64);

/// 0 to 9; 4 is ordinary (JMS, AMQP 1.0 section 3.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority(u8);

impl Priority {
    pub const HIGHEST: u8 = 9;

    /// What is above the highest is the highest.
    pub const fn of(number: u8) -> Priority {
        Priority(if number > Self::HIGHEST { Self::HIGHEST } else { number })
    }

    pub const fn number(self) -> u8 {
        self.0
    }
}

impl Default for Priority {
    fn default() -> Self {
        Priority(4)
    }
}

/// The value of a property. STOMP knows text only; the others keep their types.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Text(Box<str>),
    Int(i64),
    Float(f64),
    Bool(bool),
    Bytes(Bytes),
    /// What only AMQP 0-9-1 has a type for, as it spells it: tables, lists, points in time.
    Other(Bytes),
    /// What only AMQP 1.0 has a type for, as it spells it: symbols, maps, numbers of other sizes.
    Typed(Bytes),
}

impl Value {
    /// How much lies outside of it.
    pub(crate) fn len(&self) -> usize {
        match self {
            Value::Text(text) => text.len(),
            Value::Bytes(bytes) | Value::Other(bytes) | Value::Typed(bytes) => bytes.len(),
            Value::Int(_) | Value::Float(_) | Value::Bool(_) => 0,
        }
    }

    /// As AMQP 1.0 sees it.
    pub(crate) fn to_typed(&self) -> Typed {
        match self {
            Value::Text(text) => Typed::Text(text.clone()),
            Value::Int(number) => Typed::Long(*number),
            Value::Float(number) => Typed::Double(*number),
            Value::Bool(flag) => Typed::Bool(*flag),
            Value::Bytes(bytes) => Typed::Binary(bytes.clone()),
            Value::Other(_) => Typed::from(Field::from(self)),
            Value::Typed(spelled) => Typed::read(spelled.clone()).unwrap_or_default(),
        }
    }

    /// As protocols see it that know texts only.
    pub fn to_text(&self) -> Box<str> {
        match self {
            Value::Text(text) => text.clone(),
            Value::Int(number) => number.to_string().into(),
            Value::Float(number) => number.to_string().into(),
            Value::Bool(flag) => flag.to_string().into(),
            Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into(),
            Value::Other(_) => Field::from(self).to_string().into(),
            Value::Typed(_) => self.to_typed().to_string().into(),
        }
    }
}

/// Whether an address keeps its last message for those who come later (MQTT 5, section 3.3.1.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retain {
    #[default]
    No,
    /// The sender wants it kept.
    Asked,
    /// This is what was kept.
    Kept,
}

/// The exchange that a message came by, and the key it was sent with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routed {
    pub exchange: Arc<str>,
    pub key: Arc<str>,
}

/// One message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// Where it was sent; the broker writes it.
    pub address: Arc<str>,
    /// `None` when it was sent to its address.
    pub routed: Option<Box<Routed>>,
    pub body: Bytes,
    /// Whether it must survive a restart.
    pub durable: bool,
    /// How often its sender lets it arrive; `None` when the sender's protocol has no word for that.
    pub qos: Option<Qos>,
    pub retain: Retain,
    /// `None` when the sender did not say; then it is the ordinary one.
    pub priority: Option<Priority>,
    pub expires: Option<WallMillis>,
    pub sent: WallMillis,
    /// When it is handed on, where its sender wants it held until then.
    pub schedule: Option<Box<Schedule>>,
    pub content_type: Option<Box<str>>,
    pub correlation_id: Option<Box<str>>,
    pub reply_to: Option<Box<str>>,
    /// Everything else, in the order of the sender.
    pub properties: Vec<(Box<str>, Value)>,
}

impl Message {
    pub(crate) fn property(&self, name: &str) -> Option<&Value> {
        let known = self.properties.iter().find(|(known, _)| &**known == name);
        known.map(|(_, value)| value)
    }

    /// How long it may still wait, in milliseconds: never longer than its sender said, whatever became of the clock since.
    pub(crate) fn left(&self, now: WallMillis) -> Option<u64> {
        self.expires.map(|at| at.0.saturating_sub(now.max(self.sent).0))
    }

    /// It has no end any more, and says nowhere that it had one: whoever takes it for over throws it away.
    pub(crate) fn end_not(&mut self) {
        self.expires = None;
        self.properties.retain(|(name, _)| &**name != property::EXPIRY);
    }

    /// About what it costs to keep, for the memory budget.
    pub fn weight(&self) -> usize {
        let text = |value: &Option<Box<str>>| value.as_ref().map_or(0, |text| text.len());
        let properties = self
            .properties
            .iter()
            .map(|(name, value)| name.len() + value.len() + size_of::<(Box<str>, Value)>());
        let routed = self.routed.as_ref().map_or(0, |r| r.exchange.len() + r.key.len());
        let schedule = self.schedule.as_ref().map_or(0, |schedule| schedule.weight());
        let fields = schedule + routed + text(&self.content_type) + text(&self.correlation_id) + text(&self.reply_to);
        size_of::<Message>() + self.address.len() + self.body.len() + fields + properties.sum::<usize>()
    }
}

/// Names of properties that only the two protocols called AMQP have a field for.
pub(crate) mod property {
    pub(crate) const ENCODING: &str = "amqp-content-encoding";
    pub(crate) const MESSAGE_ID: &str = "amqp-message-id";
    /// In seconds.
    pub(crate) const TIMESTAMP: &str = "amqp-timestamp";
    pub(crate) const USER: &str = "amqp-user-id";
    /// A point in time that only AMQP 1.0 has a field for.
    pub(crate) const EXPIRY: &str = "amqp-absolute-expiry-time";
    pub(crate) const GROUP: &str = "amqp-group-id";
    pub(crate) const GROUP_SEQUENCE: &str = "amqp-group-sequence";
    /// The same as JMS calls them.
    pub(crate) const JMS_GROUP: &str = "JMSXGroupID";
    pub(crate) const JMS_GROUP_SEQUENCE: &str = "JMSXGroupSeq";
    /// A priority above the highest that we have.
    pub(crate) const PRIORITY: &str = "amqp-priority";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_not_prolonged_by_a_clock_that_was_set_back() {
        let message = Message {
            sent: WallMillis(10_000),
            expires: Some(WallMillis(60_000)),
            ..Message::default()
        };
        for (now, left) in [(9_999, 50_000), (10_000, 50_000), (30_000, 30_000), (60_001, 0)] {
            assert_eq!(message.left(WallMillis(now)), Some(left), "at {now}");
        }
        assert_eq!(Message::default().left(WallMillis(5)), None);
    }

    #[test]
    fn a_priority_stays_in_its_range() {
        assert_eq!(Priority::of(200).number(), 9);
        assert_eq!(Priority::of(0).number(), 0);
        assert_eq!(Priority::default().number(), 4);
    }
}
