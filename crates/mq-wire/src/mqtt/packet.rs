//! What a client sends, and how each packet is read.

use bytes::Bytes;

use super::properties::carrier;
use super::read::Reader;
use super::{DecodeError, Properties, Qos, Reason, Subscribe, Unsubscribe, Version};

/// A packet of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    Connect(Box<Connect>),
    Publish(Box<Publish>),
    Puback(Ack),
    Pubrec(Ack),
    Pubrel(Ack),
    Pubcomp(Ack),
    Subscribe(Subscribe),
    Unsubscribe(Unsubscribe),
    Pingreq,
    Disconnect(Disconnect),
    Auth,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    pub version: Version,
    /// Clean Session, which MQTT 5 calls Clean Start.
    pub clean: bool,
    /// In seconds; zero is never.
    pub keep_alive: u16,
    pub client: Box<str>,
    pub will: Option<Will>,
    pub user: Option<Box<str>>,
    pub password: Option<Bytes>,
    pub properties: Properties,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    pub topic: Box<str>,
    pub payload: Bytes,
    pub qos: Qos,
    pub retain: bool,
    pub properties: Properties,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publish {
    pub dup: bool,
    pub qos: Qos,
    pub retain: bool,
    pub topic: Box<str>,
    /// Zero with QoS 0, which has none.
    pub packet: u16,
    pub properties: Properties,
    pub payload: Bytes,
}

/// PUBACK, PUBREC, PUBREL and PUBCOMP have one shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    pub packet: u16,
    /// 0x80 and above is an error.
    pub reason: u8,
}

impl Ack {
    pub fn is_error(&self) -> bool {
        self.reason >= 0x80
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disconnect {
    pub reason: u8,
    pub session_expiry: Option<u32>,
}

/// A name that is published to: at least one character, and no hole in it (section 4.7).
pub(super) fn check_topic(topic: &str) -> Result<(), DecodeError> {
    let reason = Reason::TopicNameInvalid;
    match topic {
        "" => Err(DecodeError {
            reason,
            what: "the topic is empty",
        }),
        topic if topic.contains(['+', '#']) => {
            let what = "a topic that is published to holds a wildcard";
            Err(DecodeError { reason, what })
        }
        _ => Ok(()),
    }
}

/// A CONNECT says its version itself.
pub(super) fn connect(from: &mut Reader) -> Result<Connect, DecodeError> {
    let name = from.text()?;
    let level = from.byte()?;
    let version = match (&*name, level) {
        ("MQTT", 4) => Version::V3_1_1,
        ("MQTT", 5) => Version::V5,
        ("MQTT" | "MQIsdp", _) => {
            let reason = Reason::UnsupportedVersion;
            let what = "this broker speaks MQTT 3.1.1 and 5";
            return Err(DecodeError { reason, what });
        }
        _ => return Err(DecodeError::malformed("the protocol is not called MQTT")),
    };
    let flags = Flags::read(from.byte()?, version)?;
    let keep_alive = from.short()?;
    let properties = properties(from, version, carrier::CONNECT)?;
    let client = from.text()?;
    let will = flags.will.then(|| will(from, version, &flags)).transpose()?;
    let user = flags.user.then(|| from.text()).transpose()?;
    let password = flags.password.then(|| from.binary()).transpose()?;
    Ok(Connect {
        version,
        clean: flags.clean,
        keep_alive,
        client,
        will,
        user,
        password,
        properties,
    })
}

/// The byte of a CONNECT that says what is in it (section 3.1.2.3).
struct Flags {
    clean: bool,
    will: bool,
    qos: Qos,
    retain: bool,
    user: bool,
    password: bool,
}

impl Flags {
    fn read(byte: u8, version: Version) -> Result<Flags, DecodeError> {
        let bit = |place: u8| byte & (1 << place) != 0;
        let qos = Qos::of(byte >> 3 & 3).ok_or(DecodeError::malformed("a will with QoS 3"))?;
        let flags = Flags {
            clean: bit(1),
            will: bit(2),
            qos,
            retain: bit(5),
            user: bit(7),
            password: bit(6),
        };
        if bit(0) {
            return Err(DecodeError::malformed("the reserved flag of CONNECT is set"));
        }
        if !flags.will && (flags.qos != Qos::AtMostOnce || flags.retain) {
            return Err(DecodeError::malformed("flags of a will without one"));
        }
        if version == Version::V3_1_1 && flags.password && !flags.user {
            return Err(DecodeError::malformed("a password without a user name"));
        }
        Ok(flags)
    }
}

fn will(from: &mut Reader, version: Version, flags: &Flags) -> Result<Will, DecodeError> {
    let properties = properties(from, version, carrier::WILL)?;
    let topic = from.text()?;
    check_topic(&topic)?;
    check_response(&properties)?;
    Ok(Will {
        topic,
        payload: from.binary()?,
        qos: flags.qos,
        retain: flags.retain,
        properties,
    })
}

pub(super) fn publish(from: &mut Reader, flags: u8, version: Version) -> Result<Publish, DecodeError> {
    let qos = Qos::of(flags >> 1 & 3).ok_or(DecodeError::malformed("a PUBLISH with QoS 3"))?;
    let dup = flags & 8 != 0;
    if dup && qos == Qos::AtMostOnce {
        return Err(DecodeError::malformed("a duplicate with QoS 0"));
    }
    let topic = from.text()?;
    let packet = match qos {
        Qos::AtMostOnce => 0,
        Qos::AtLeastOnce | Qos::ExactlyOnce => from.packet()?,
    };
    let properties = properties(from, version, carrier::PUBLISH)?;
    // An alias stands for a topic that was said before.
    if !(topic.is_empty() && properties.topic_alias.is_some()) {
        check_topic(&topic)?;
    }
    check_response(&properties)?;
    Ok(Publish {
        dup,
        qos,
        retain: flags & 1 != 0,
        topic,
        packet,
        properties,
        payload: from.rest(),
    })
}

fn check_response(properties: &Properties) -> Result<(), DecodeError> {
    match &properties.response_topic {
        Some(topic) => check_topic(topic),
        None => Ok(()),
    }
}

/// MQTT 5 leaves out what says nothing: a reason that is zero, and an empty list of properties.
pub(super) fn ack(from: &mut Reader, version: Version) -> Result<Ack, DecodeError> {
    let packet = from.packet()?;
    let reason = if from.is_empty() || version == Version::V3_1_1 {
        0
    } else {
        from.byte()?
    };
    if !from.is_empty() && version == Version::V5 {
        Properties::read(from, carrier::ACK)?;
    }
    Ok(Ack { packet, reason })
}

pub(super) fn disconnect(from: &mut Reader, version: Version) -> Result<Disconnect, DecodeError> {
    if from.is_empty() || version == Version::V3_1_1 {
        return Ok(Disconnect::default());
    }
    let reason = from.byte()?;
    let properties = match from.is_empty() {
        true => Properties::default(),
        false => Properties::read(from, carrier::DISCONNECT)?,
    };
    Ok(Disconnect {
        reason,
        session_expiry: properties.session_expiry,
    })
}

pub(super) fn auth(from: &mut Reader) -> Result<(), DecodeError> {
    if !from.is_empty() {
        from.byte()?;
        Properties::read(from, carrier::AUTH)?;
    }
    Ok(())
}

/// 3.1.1 has none.
pub(super) fn properties(from: &mut Reader, version: Version, carrier: u16) -> Result<Properties, DecodeError> {
    match version {
        Version::V3_1_1 => Ok(Properties::default()),
        Version::V5 => Properties::read(from, carrier),
    }
}
