//! MQTT 3.1.1 and 5: packets of a client, and what a server answers.
//!
//! Both versions become the same [`Packet`]s, so nothing above knows two of each; what the version changes on the wire is
//! here and nowhere else. By hand, because a server must refuse what a client must not send, and the library that we
//! compare with in the tests takes much of it (docs/adr/0013).

mod decode;
mod encode;
mod error;
mod packet;
mod properties;
mod read;
mod reason;
mod subscribe;

pub use decode::{Decoder, publishes};
pub use encode::{Answer, encode, publish_size};
pub use error::DecodeError;
pub use packet::{Ack, Connect, Disconnect, Packet, Publish, Will};
pub use properties::Properties;
pub use reason::Reason;
pub use subscribe::{Filter, RetainHandling, Subscribe, Unsubscribe};

/// The names and numbers of packets on the wire (MQTT 5, table 2-1).
mod kind {
    pub(super) const CONNECT: u8 = 1;
    pub(super) const CONNACK: u8 = 2;
    pub(super) const PUBLISH: u8 = 3;
    pub(super) const PUBACK: u8 = 4;
    pub(super) const PUBREC: u8 = 5;
    pub(super) const PUBREL: u8 = 6;
    pub(super) const PUBCOMP: u8 = 7;
    pub(super) const SUBSCRIBE: u8 = 8;
    pub(super) const SUBACK: u8 = 9;
    pub(super) const UNSUBSCRIBE: u8 = 10;
    pub(super) const UNSUBACK: u8 = 11;
    pub(super) const PINGREQ: u8 = 12;
    pub(super) const PINGRESP: u8 = 13;
    pub(super) const DISCONNECT: u8 = 14;
    pub(super) const AUTH: u8 = 15;
}

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    V3_1_1,
    V5,
}

/// How hard both sides try (section 4.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Qos {
    #[default]
    AtMostOnce,
    AtLeastOnce,
    ExactlyOnce,
}

impl Qos {
    pub const ALL: [Qos; 3] = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce];

    /// `None` for 3, which is none.
    pub fn of(bits: u8) -> Option<Qos> {
        Qos::ALL.get(usize::from(bits)).copied()
    }

    pub const fn number(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests;
