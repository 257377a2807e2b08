//! Checks that speak a broker's protocol, as far as the broker says that it serves.
//!
//! A broker that answers but does not let us in serves others, so a refused login is no failure: it passes, and says so.

use super::answer::Verdict;
use super::script::Login;
use crate::health::CheckStatus;

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Amqp091,
    Amqp10,
    Mqtt,
    Stomp,
    OpenWire,
}

impl Protocol {
    /// What the client says first; an OpenWire broker speaks by itself.
    pub(super) fn hello(self, login: &Login) -> Option<Vec<u8>> {
        match self {
            Protocol::Amqp091 => Some(b"AMQP\0\0\x09\x01".to_vec()),
            Protocol::Amqp10 => Some(b"AMQP\0\x01\0\0".to_vec()),
            Protocol::Mqtt => Some(mqtt_connect(login)),
            Protocol::Stomp => Some(stomp_connect(login)),
            Protocol::OpenWire => None,
        }
    }

    /// So that the broker does not log a client that was lost.
    pub(super) fn goodbye(self) -> Option<Vec<u8>> {
        match self {
            Protocol::Mqtt => Some(vec![0xe0, 0]),
            Protocol::Stomp => Some(b"DISCONNECT\n\n\0".to_vec()),
            Protocol::Amqp091 | Protocol::Amqp10 | Protocol::OpenWire => None,
        }
    }

    pub(super) fn look(self, bytes: &[u8]) -> Verdict {
        match self {
            Protocol::Amqp091 => amqp091(bytes),
            Protocol::Amqp10 => amqp10(bytes),
            Protocol::Mqtt => mqtt(bytes),
            Protocol::Stomp => stomp(bytes),
            Protocol::OpenWire => openwire(bytes),
        }
    }
}

fn wrong(what: &str) -> Verdict {
    Verdict::fail(CheckStatus::L7Response, what)
}

/// A method frame on channel 0: class 10 (connection), method 10 (start).
fn amqp091(bytes: &[u8]) -> Verdict {
    match bytes {
        [1, 0, 0, _, _, _, _, 0, 10, 0, 10, ..] => Verdict::pass("AMQP 0-9-1 broker is ok"),
        [b'A', b'M', b'Q', b'P', _, _, _, _, ..] => wrong("the broker speaks another version of AMQP"),
        _ if could_become(bytes, &[1, 0, 0], 11) || could_become(bytes, b"AMQP", 8) => Verdict::More,
        _ => wrong("not AMQP"),
    }
}

/// The header comes back; one that wants SASL first says so with its own, and serves too (AMQP 1.0, 2.2 and 5.3.2).
fn amqp10(bytes: &[u8]) -> Verdict {
    match bytes {
        [b'A', b'M', b'Q', b'P', 0, 1, 0, 0, ..] => Verdict::pass("AMQP 1.0 broker is ok"),
        [b'A', b'M', b'Q', b'P', 2 | 3, 1, 0, 0, ..] => Verdict::pass("AMQP 1.0 broker is ok (wants SASL)"),
        [b'A', b'M', b'Q', b'P', _, _, _, _, ..] => wrong("the broker speaks another version of AMQP"),
        _ if could_become(bytes, b"AMQP", 8) => Verdict::More,
        _ => wrong("not AMQP"),
    }
}

/// CONNECT of MQTT 3.1.1 with a clean session and no name (3.1).
fn mqtt_connect(login: &Login) -> Vec<u8> {
    let mut flags = 0x02;
    let mut payload = vec![0, 0];
    let mut field = |text: &str| {
        let bytes = &text.as_bytes()[..text.len().min(usize::from(u16::MAX))];
        payload.extend(u16::try_from(bytes.len()).unwrap_or(0).to_be_bytes());
        payload.extend(bytes);
    };
    if let Some(user) = &login.user {
        flags |= 0x80;
        field(user);
        // A password without a name is not allowed (3.1.2.9).
        if let Some(password) = &login.password {
            flags |= 0x40;
            field(password);
        }
    }
    let mut body = b"\0\x04MQTT\x04".to_vec();
    body.extend([flags, 0, 30]);
    body.extend(payload);
    let mut packet = vec![0x10];
    let mut length = body.len();
    loop {
        let low = u8::try_from(length % 128).unwrap_or(0);
        length /= 128;
        packet.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            break;
        }
    }
    [packet, body].concat()
}

/// CONNACK and its return code (3.2.2.3).
fn mqtt(bytes: &[u8]) -> Verdict {
    match bytes {
        [0x20, 2, _, 0, ..] => Verdict::pass("MQTT broker is ok"),
        [0x20, 2, _, code @ (4 | 5), ..] => Verdict::Pass {
            code: Some(u16::from(*code)),
            info: Some("MQTT broker is ok (it did not let us in)".into()),
        },
        [0x20, 2, _, 3, ..] => Verdict::fail_with(CheckStatus::L7Status, 3, "MQTT broker is not available"),
        [0x20, 2, _, code, ..] => Verdict::fail_with(
            CheckStatus::L7Status,
            u16::from(*code),
            "MQTT broker refused the connection",
        ),
        _ if could_become(bytes, &[0x20, 2], 4) => Verdict::More,
        _ => wrong("not MQTT"),
    }
}

fn stomp_connect(login: &Login) -> Vec<u8> {
    let mut frame = "CONNECT\naccept-version:1.0,1.1,1.2\nhost:/\nheart-beat:0,0\n".to_owned();
    // CONNECT does not escape, so what would end a line is left out.
    let mut header = |name: &str, value: &Option<Box<str>>| {
        if let Some(value) = value {
            let value: String = value.chars().filter(|c| !c.is_control()).collect();
            frame.push_str(&format!("{name}:{value}\n"));
        }
    };
    header("login", &login.user);
    header("passcode", &login.password);
    frame.push_str("\n\0");
    frame.into_bytes()
}

/// What brokers say when they do not let somebody in: RabbitMQ, ActiveMQ, Artemis, ours.
const NOT_LET_IN: [&str; 5] = [
    "access refused",
    "bad connect",
    "password",
    "security error",
    "not authorized",
];

fn stomp(bytes: &[u8]) -> Verdict {
    let Some(end) = bytes.iter().position(|byte| *byte == 0) else {
        let begins = |word: &[u8]| could_become(bytes, word, usize::MAX);
        return if begins(b"CONNECTED\n") || begins(b"CONNECTED\r\n") || begins(b"ERROR\n") || begins(b"ERROR\r\n") {
            Verdict::More
        } else {
            wrong("not STOMP")
        };
    };
    let frame = String::from_utf8_lossy(&bytes[..end]);
    if frame.starts_with("CONNECTED") {
        return Verdict::pass("STOMP broker is ok");
    }
    if !frame.starts_with("ERROR") {
        return wrong("not STOMP");
    }
    let lower = frame.to_lowercase();
    if NOT_LET_IN.iter().any(|words| lower.contains(words)) {
        return Verdict::pass("STOMP broker is ok (it did not let us in)");
    }
    let message = frame
        .lines()
        .find_map(|line| line.strip_prefix("message:"))
        .unwrap_or("no message");
    Verdict::fail(CheckStatus::L7Status, message.trim())
}

/// A length, command 1 (WIREFORMAT_INFO), its magic.
fn openwire(bytes: &[u8]) -> Verdict {
    const MAGIC: &[u8] = b"\x01ActiveMQ";
    match bytes.get(4..4 + MAGIC.len()) {
        Some(MAGIC) => Verdict::pass("OpenWire broker is ok"),
        Some(_) => wrong("not OpenWire"),
        None if bytes.get(4..).is_none_or(|rest| could_become(rest, MAGIC, MAGIC.len())) => Verdict::More,
        None => wrong("not OpenWire"),
    }
}

/// Whether bytes that are shorter than `needed` begin as `head` does, as far as they go.
fn could_become(bytes: &[u8], head: &[u8], needed: usize) -> bool {
    let common = bytes.len().min(head.len());
    bytes.len() < needed && bytes[..common] == head[..common]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_broker_is_known_by_its_answer() {
        let word = |verdict| match verdict {
            Verdict::More => "more".to_owned(),
            Verdict::Pass { info, .. } => info.unwrap_or_default().into_string(),
            Verdict::Fail { status, .. } => status.to_string(),
        };
        for (protocol, bytes, expected) in [
            (
                Protocol::Amqp091,
                &b"\x01\0\0\0\0\x01\xf4\0\x0a\0\x0a\0\x09"[..],
                "AMQP 0-9-1 broker is ok",
            ),
            (Protocol::Amqp091, b"\x01\0\0\0", "more"),
            (Protocol::Amqp091, b"AMQP\0\x01\0\0", "L7RSP"),
            (Protocol::Amqp091, b"220 hello", "L7RSP"),
            (Protocol::Amqp10, b"AMQP\0\x01\0\0", "AMQP 1.0 broker is ok"),
            (
                Protocol::Amqp10,
                b"AMQP\x03\x01\0\0",
                "AMQP 1.0 broker is ok (wants SASL)",
            ),
            (Protocol::Amqp10, b"AMQP\0\0\x09\x01", "L7RSP"),
            (Protocol::Amqp10, b"AM", "more"),
            (Protocol::Mqtt, b"\x20\x02\0\0", "MQTT broker is ok"),
            (
                Protocol::Mqtt,
                b"\x20\x02\0\x05",
                "MQTT broker is ok (it did not let us in)",
            ),
            (Protocol::Mqtt, b"\x20\x02\0\x03", "L7STS"),
            (Protocol::Mqtt, b"\x20", "more"),
            (Protocol::Mqtt, b"HTTP", "L7RSP"),
            (Protocol::Stomp, b"CONNECTED\nversion:1.2\n\n\0", "STOMP broker is ok"),
            (Protocol::Stomp, b"CONNECTED\nver", "more"),
            (
                Protocol::Stomp,
                b"ERROR\nmessage:Bad CONNECT\n\n\0",
                "STOMP broker is ok (it did not let us in)",
            ),
            (
                Protocol::Stomp,
                b"ERROR\nmessage:the broker is going down\n\n\0",
                "L7STS",
            ),
            (Protocol::Stomp, b"220 hello", "L7RSP"),
            (
                Protocol::OpenWire,
                b"\0\0\x01\x1f\x01ActiveMQ\0\0\0\x0c",
                "OpenWire broker is ok",
            ),
            (Protocol::OpenWire, b"\0\0\x01", "more"),
            (Protocol::OpenWire, b"220 hello there", "L7RSP"),
        ] {
            assert_eq!(word(protocol.look(bytes)), expected, "{protocol:?} {bytes:?}");
        }
    }

    #[test]
    fn logins_are_sent_as_each_wants_them() {
        let login = Login {
            user: Some("u".into()),
            password: Some("pw".into()),
        };
        let connect = mqtt_connect(&login);
        assert_eq!(connect, b"\x10\x13\0\x04MQTT\x04\xc2\0\x1e\0\0\0\x01u\0\x02pw");
        assert_eq!(mqtt_connect(&Login::default()), b"\x10\x0c\0\x04MQTT\x04\x02\0\x1e\0\0");
        let text = String::from_utf8(stomp_connect(&login)).unwrap();
        assert!(text.contains("login:u\npasscode:pw\n\n\0"), "{text}");
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            for protocol in [Protocol::Amqp091, Protocol::Amqp10, Protocol::Mqtt, Protocol::Stomp, Protocol::OpenWire] {
                protocol.look(&bytes);
            }
        }
    }
}
