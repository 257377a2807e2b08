//! The first messages of MQTT 3.1, 3.1.1 and 5.0: a client's CONNECT and a server's CONNACK (section 3.1 and 3.2 of both
//! standards), read as HAProxy's converters read them.

use std::borrow::Cow;

use crate::expr::Sample;

/// The packets that can be looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketType {
    Connect = 1,
    Connack = 2,
}

/// A field of one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MqttField {
    Flags,
    ProtocolName,
    ProtocolVersion,
    Keepalive,
    ClientIdentifier,
    WillTopic,
    WillPayload,
    Username,
    Password,
    ReasonCode,
    /// A property of MQTT 5.0 by its identifier.
    Property(u8),
}

/// One of them, whole.
#[derive(Clone, Copy, Debug)]
pub enum MqttMessage<'a> {
    Connect(Connect<'a>),
    Connack(Connack<'a>),
}

#[derive(Clone, Copy, Debug)]
pub struct Connect<'a> {
    protocol: &'a [u8],
    version: u8,
    flags: u8,
    keepalive: u16,
    properties: &'a [u8],
    client: &'a [u8],
    will: Option<(&'a [u8], &'a [u8])>,
    username: Option<&'a [u8]>,
    password: Option<&'a [u8]>,
}

#[derive(Clone, Copy, Debug)]
pub struct Connack<'a> {
    /// What its form says: 5 with properties, otherwise 4.
    version: u8,
    flags: u8,
    reason: u8,
    properties: &'a [u8],
}

/// Whether the bytes begin with a whole and valid message of this kind.
pub fn is_valid(bytes: &[u8]) -> bool {
    MqttMessage::parse(bytes).is_some()
}

/// A field of the message that the bytes begin with.
pub fn field<'a>(bytes: &'a [u8], packet: PacketType, field: MqttField) -> Option<Sample<'a>> {
    let borrowed = |bytes: &'a [u8]| Sample::Text(Cow::Borrowed(bytes));
    let number = |n: u64| Sample::Text(Cow::Owned(n.to_string().into_bytes()));
    match (MqttMessage::parse(bytes)?, packet) {
        (MqttMessage::Connect(c), PacketType::Connect) => match field {
            MqttField::Flags => Some(number(c.flags.into())),
            MqttField::ProtocolName => Some(borrowed(c.protocol)),
            MqttField::ProtocolVersion => Some(number(c.version.into())),
            MqttField::Keepalive => Some(number(c.keepalive.into())),
            MqttField::ClientIdentifier => Some(borrowed(c.client)),
            MqttField::WillTopic => c.will.map(|(topic, _)| borrowed(topic)),
            MqttField::WillPayload => c.will.map(|(_, payload)| borrowed(payload)),
            MqttField::Username => c.username.map(borrowed),
            MqttField::Password => c.password.map(borrowed),
            MqttField::Property(id) => property(c.properties, id),
            MqttField::ReasonCode => None,
        },
        (MqttMessage::Connack(c), PacketType::Connack) => match field {
            MqttField::Flags => Some(number(c.flags.into())),
            MqttField::ProtocolVersion => Some(number(c.version.into())),
            MqttField::ReasonCode => Some(number(c.reason.into())),
            MqttField::Property(id) => property(c.properties, id),
            _ => None,
        },
        _ => None,
    }
}

impl<'a> MqttMessage<'a> {
    fn parse(bytes: &'a [u8]) -> Option<MqttMessage<'a>> {
        let mut input = Input(bytes);
        let head = input.byte()?;
        let length = input.varint()?;
        let body = Input(input.take(length)?);
        match head {
            0x10 => Connect::parse(body).map(MqttMessage::Connect),
            0x20 => Connack::parse(body).map(MqttMessage::Connack),
            _ => None,
        }
    }
}

impl<'a> Connect<'a> {
    const RESERVED: u8 = 0x01;
    const WILL: u8 = 0x04;
    const WILL_QOS: u8 = 0x18;
    const WILL_RETAIN: u8 = 0x20;
    const PASSWORD: u8 = 0x40;
    const USERNAME: u8 = 0x80;

    fn parse(mut input: Input<'a>) -> Option<Connect<'a>> {
        let protocol = input.string()?;
        let version = input.byte()?;
        let known = matches!((protocol, version), (b"MQIsdp", 3) | (b"MQTT", 4 | 5));
        let flags = input.byte()?;
        if !known || !Connect::flags_fit(flags, version) {
            return None;
        }
        let keepalive = input.short()?;
        let properties = if version == 5 { input.properties()? } else { &[] };
        let client = input.string()?;
        let will = if flags & Connect::WILL != 0 {
            if version == 5 {
                input.properties()?;
            }
            Some((input.string()?, input.string()?))
        } else {
            None
        };
        let username = (flags & Connect::USERNAME != 0).then(|| input.string());
        let username = username.map_or(Some(None), |found| found.map(Some))?;
        let password = (flags & Connect::PASSWORD != 0).then(|| input.string());
        let password = password.map_or(Some(None), |found| found.map(Some))?;
        input.is_empty().then_some(Connect {
            protocol,
            version,
            flags,
            keepalive,
            properties,
            client,
            will,
            username,
            password,
        })
    }

    fn flags_fit(flags: u8, version: u8) -> bool {
        let will_alone = flags & Connect::WILL != 0 || flags & (Connect::WILL_QOS | Connect::WILL_RETAIN) == 0;
        let qos = flags & Connect::WILL_QOS != Connect::WILL_QOS;
        // MQTT 5.0 lifted the rule that a password needs a user (section 3.1.2.9).
        let user = version == 5 || flags & Connect::USERNAME != 0 || flags & Connect::PASSWORD == 0;
        flags & Connect::RESERVED == 0 && will_alone && qos && user
    }
}

impl<'a> Connack<'a> {
    fn parse(mut input: Input<'a>) -> Option<Connack<'a>> {
        let flags = input.byte()?;
        let reason = input.byte()?;
        let version = if input.is_empty() { 4 } else { 5 };
        let properties = if version == 5 { input.properties()? } else { &[] };
        let fits = flags & 0xfe == 0 && input.is_empty();
        fits.then_some(Connack {
            version,
            flags,
            reason,
            properties,
        })
    }
}

/// The value of the first property with this identifier.
fn property(properties: &[u8], wanted: u8) -> Option<Sample<'_>> {
    let mut input = Input(properties);
    while !input.is_empty() {
        let id = input.byte()?;
        let value = input.property(id)?;
        if id == wanted {
            return Some(match value {
                Property::Number(n) => Sample::Text(Cow::Owned(n.to_string().into_bytes())),
                Property::Bytes(bytes) => Sample::Text(Cow::Borrowed(bytes)),
            });
        }
    }
    None
}

enum Property<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Takes pieces from the front; `None` when there are fewer bytes than that.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self, size: usize) -> Option<u64> {
        Some(self.take(size)?.iter().fold(0, |n, b| n << 8 | u64::from(*b)))
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn short(&mut self) -> Option<u16> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// Text or binary data: two bytes of length, then the bytes.
    fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.short()?;
        self.take(length.into())
    }

    /// Seven bits a byte, at most four of them (section 1.5.5).
    fn varint(&mut self) -> Option<usize> {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            value |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// All properties, each of a known kind.
    fn properties(&mut self) -> Option<&'a [u8]> {
        let length = self.varint()?;
        let all = self.take(length)?;
        let mut each = Input(all);
        while !each.is_empty() {
            let id = each.byte()?;
            each.property(id)?;
        }
        Some(all)
    }

    /// The forms of section 2.2.2.2. Of a pair the name is the value: nobody can ask for more.
    fn property(&mut self, id: u8) -> Option<Property<'a>> {
        Some(match id {
            0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28..=0x2a => Property::Number(self.number(1)?),
            0x13 | 0x21..=0x23 => Property::Number(self.number(2)?),
            0x02 | 0x11 | 0x18 | 0x27 => Property::Number(self.number(4)?),
            0x0b => Property::Number(self.varint()? as u64),
            0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1a | 0x1c | 0x1f => Property::Bytes(self.string()?),
            0x26 => {
                let name = self.string()?;
                self.string()?;
                Property::Bytes(name)
            }
            _ => return None,
        })
    }
}
