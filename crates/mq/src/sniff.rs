//! Which protocol a client speaks, by its first bytes (brokers.md 1b).

/// What the first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    Stomp,
    Mqtt,
    Amqp091,
    Amqp10,
    OpenWire,
    /// The word `stat` and a line end: a person with netcat, or a balancer.
    Stat,
    Unknown,
}

impl Spoken {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Spoken::Stomp => "STOMP",
            Spoken::Mqtt => "MQTT",
            Spoken::Amqp091 => "AMQP 0-9-1",
            Spoken::Amqp10 => "AMQP 1.0",
            Spoken::OpenWire => "OpenWire",
            Spoken::Stat => "stat",
            Spoken::Unknown => "nothing that is known here",
        }
    }
}

/// `None` while there are too few bytes to tell.
pub(crate) fn recognise(bytes: &[u8]) -> Option<Spoken> {
    let bytes = &bytes[bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()..];
    let begins = |with: &[u8]| {
        let common = bytes.len().min(with.len());
        bytes[..common] == with[..common]
    };
    let whole = |with: &[u8]| bytes.starts_with(with);
    if bytes.is_empty() {
        return None;
    }
    if whole(b"CONNECT") || whole(b"STOMP") {
        return Some(Spoken::Stomp);
    }
    if whole(b"stat\n") || whole(b"stat\r\n") {
        return Some(Spoken::Stat);
    }
    if whole(b"AMQP") {
        return match bytes.get(4..8) {
            None => None,
            Some([0, 0, 9, 1]) => Some(Spoken::Amqp091),
            Some([0 | 2 | 3, 1, 0, 0]) => Some(Spoken::Amqp10),
            Some(_) => Some(Spoken::Unknown),
        };
    }
    if [&b"CONNECT"[..], b"STOMP", b"stat\r\n", b"stat\n", b"AMQP"]
        .iter()
        .any(|with| begins(with))
    {
        return None;
    }
    // A CONNECT packet: type 1, no flags; then its length, and the protocol's name with its own length.
    if bytes[0] == 0x10 {
        return Some(Spoken::Mqtt);
    }
    // A length, then WIREFORMAT_INFO (1) and its magic.
    if bytes[0] == 0 {
        return match bytes.get(4..12) {
            None => None,
            Some(b"\x01ActiveM") => Some(Spoken::OpenWire),
            Some(_) => Some(Spoken::Unknown),
        };
    }
    Some(Spoken::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_protocol_is_known_by_its_first_bytes() {
        for (bytes, spoken) in [
            (&b""[..], None),
            (b"\n\n", None),
            (b"CONN", None),
            (b"CONNECT\n", Some(Spoken::Stomp)),
            (b"\r\nSTOMP\n", Some(Spoken::Stomp)),
            (b"st", None),
            (b"stat\n", Some(Spoken::Stat)),
            (b"stat\r\n", Some(Spoken::Stat)),
            (b"AMQP", None),
            (b"AMQP\0\0\x09\x01", Some(Spoken::Amqp091)),
            (b"AMQP\0\x01\0\0", Some(Spoken::Amqp10)),
            (b"AMQP\x03\x01\0\0", Some(Spoken::Amqp10)),
            (b"AMQP\x09\x09\x09\x09", Some(Spoken::Unknown)),
            (b"\x10\x0c\0\x04MQTT", Some(Spoken::Mqtt)),
            (b"\0\0\0\xf0\x01ActiveMQ", Some(Spoken::OpenWire)),
            (b"\0\0\0\xf0\x02ActiveMQ", Some(Spoken::Unknown)),
            (b"GET / HTTP/1.1\r\n", Some(Spoken::Unknown)),
            (b"\x16\x03\x01", Some(Spoken::Unknown)),
        ] {
            assert_eq!(recognise(bytes), spoken, "{bytes:?}");
        }
    }
}
