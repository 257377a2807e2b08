//! What became of a request (MQTT 5, section 2.4), and the few numbers that 3.1.1 has for it.

/// A reason code. Those that a server never says and never has to tell apart are not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Reason {
    /// Also: normal disconnection, granted QoS 0.
    Success = 0x00,
    GrantedQos1 = 0x01,
    GrantedQos2 = 0x02,
    NoMatchingSubscribers = 0x10,
    NoSubscriptionExisted = 0x11,
    Unspecified = 0x80,
    Malformed = 0x81,
    ProtocolError = 0x82,
    NotSupported = 0x83,
    UnsupportedVersion = 0x84,
    ClientIdentifier = 0x85,
    BadUserNameOrPassword = 0x86,
    NotAuthorized = 0x87,
    ServerShuttingDown = 0x8B,
    BadAuthenticationMethod = 0x8C,
    KeepAliveTimeout = 0x8D,
    SessionTakenOver = 0x8E,
    TopicFilterInvalid = 0x8F,
    TopicNameInvalid = 0x90,
    PacketIdentifierInUse = 0x91,
    PacketIdentifierNotFound = 0x92,
    ReceiveMaximumExceeded = 0x93,
    TopicAliasInvalid = 0x94,
    PacketTooLarge = 0x95,
    QuotaExceeded = 0x97,
    SharedNotSupported = 0x9E,
}

impl Reason {
    pub const fn number(self) -> u8 {
        self as u8
    }

    pub const fn is_error(self) -> bool {
        self.number() >= 0x80
    }

    /// As CONNACK says it in 3.1.1 (table 3.1); `None` where that has no word for it and just closes.
    pub(super) const fn as_return_code(self) -> Option<u8> {
        match self {
            Reason::Success => Some(0),
            Reason::UnsupportedVersion => Some(1),
            Reason::ClientIdentifier => Some(2),
            Reason::ServerShuttingDown | Reason::QuotaExceeded => Some(3),
            Reason::BadUserNameOrPassword => Some(4),
            Reason::NotAuthorized => Some(5),
            _ => None,
        }
    }
}
