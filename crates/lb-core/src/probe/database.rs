//! The greetings of servers that HAProxy knows: Redis, SMTP, MySQL, PostgreSQL, LDAP, TLS.

use super::answer::Verdict;
use crate::health::CheckStatus;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Greeting {
    Redis,
    Smtp,
    Mysql,
    Postgres,
    Ldap,
    Tls,
}

/// HAProxy has no words for these.
const WELL: Verdict = Verdict::Pass {
    code: Some(0),
    info: None,
};

impl Greeting {
    pub(super) fn look(self, bytes: &[u8]) -> Verdict {
        match self {
            Greeting::Redis => redis(bytes),
            Greeting::Smtp => smtp(bytes),
            Greeting::Mysql => mysql(bytes),
            Greeting::Postgres => postgres(bytes),
            Greeting::Ldap => ldap(bytes),
            Greeting::Tls => tls(bytes),
        }
    }

    /// What HAProxy makes of an answer that ended too early.
    pub(super) fn cut_short(self, bytes: &[u8]) -> Verdict {
        let text = String::from_utf8_lossy(bytes);
        let line = text.lines().next().unwrap_or_default();
        match self {
            Greeting::Redis => Verdict::fail_with(CheckStatus::L7Status, 0, line),
            Greeting::Smtp => Verdict::fail(CheckStatus::L7Response, line),
            Greeting::Mysql => Verdict::Fail {
                status: CheckStatus::L7Response,
                code: None,
                info: None,
            },
            Greeting::Postgres | Greeting::Ldap | Greeting::Tls => {
                Verdict::fail(CheckStatus::L7Response, "the answer is too short")
            }
        }
    }
}

/// A status reply; anything in front of it is a module's chatter, as HAProxy takes it.
fn redis(bytes: &[u8]) -> Verdict {
    if bytes.windows(7).any(|window| window == b"+PONG\r\n") {
        return Verdict::pass("Redis server is ok");
    }
    match bytes.first() {
        Some(b'-') if bytes.ends_with(b"\r\n") => {
            let line = String::from_utf8_lossy(&bytes[1..bytes.len() - 2]).into_owned();
            Verdict::fail(CheckStatus::L7Status, line)
        }
        _ => Verdict::More,
    }
}

/// The last line of a reply: three digits and a space (RFC 5321, 4.2).
fn smtp(bytes: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(bytes);
    let is_last = |line: &&str| {
        let digits = line
            .as_bytes()
            .get(..3)
            .is_some_and(|d| d.iter().all(u8::is_ascii_digit));
        line.ends_with("\r\n") && digits && line.as_bytes()[3] != b'-'
    };
    let last = text.split_inclusive("\r\n").filter(is_last).last();
    let Some(line) = last.map(str::trim_end) else {
        return Verdict::More;
    };
    let code = line[..3].parse().unwrap_or(0);
    match code {
        200..300 => Verdict::Pass {
            code: Some(code),
            info: Some(line[3..].trim().into()),
        },
        _ => Verdict::fail_with(CheckStatus::L7Status, code, line[3..].trim()),
    }
}

/// A packet: its length in three bytes, a number, and what it is (0xff: an error with its code and text).
fn mysql(bytes: &[u8]) -> Verdict {
    let [a, b, c, _, rest @ ..] = bytes else {
        return Verdict::More;
    };
    let length = usize::from(*a) | usize::from(*b) << 8 | usize::from(*c) << 16;
    let Some(packet) = rest.get(..length) else {
        return Verdict::More;
    };
    match packet {
        [] => Verdict::fail(CheckStatus::L7Response, "MySQL sent an empty packet"),
        [0xff, low, high, text @ ..] => {
            let code = u16::from_le_bytes([*low, *high]);
            Verdict::fail_with(CheckStatus::L7Status, code, String::from_utf8_lossy(text).into_owned())
        }
        _ => WELL,
    }
}

/// What logs in without a password, old style: capabilities, the longest packet, the character set, the name.
pub(super) fn mysql_login(user: &str) -> Vec<u8> {
    // PROTOCOL_41 and SECURE_CONNECTION, so that today's servers understand it.
    let mut body = vec![0x00, 0x82, 0x00, 0x00, 0x01, 0x80, 0x00, 0x00, 0x21];
    body.extend([0; 23]);
    body.extend(user.bytes().filter(|byte| *byte != 0));
    body.extend([0, 0]);
    let length = u32::try_from(body.len()).unwrap_or(0).to_le_bytes();
    [&length[..3], &[1], &body].concat()
}

/// The answer to a startup message: R is a question for the password, E an error; both say that it serves.
fn postgres(bytes: &[u8]) -> Verdict {
    match bytes {
        [] => Verdict::More,
        [b'R', ..] if bytes.len() >= 9 => Verdict::pass("PostgreSQL server is ok"),
        [b'R', ..] => Verdict::More,
        _ => Verdict::fail_with(CheckStatus::L7Status, 0, "PostgreSQL unknown error"),
    }
}

pub(super) fn postgres_startup(user: &str) -> Vec<u8> {
    // Version 3.0, then pairs of names and values, each ending in zero.
    let mut body = vec![0, 3, 0, 0];
    body.extend(b"user\0");
    body.extend(user.bytes().filter(|byte| *byte != 0));
    body.extend([0, 0]);
    let length = u32::try_from(body.len() + 4).unwrap_or(0).to_be_bytes();
    [&length[..], &body].concat()
}

/// A bind response (RFC 4511, 4.2.2): a sequence, a number, application tag 1, and its result code.
fn ldap(bytes: &[u8]) -> Verdict {
    if bytes.len() < 14 && bytes.first().is_none_or(|byte| *byte == 0x30) {
        return Verdict::More;
    }
    match bytes.iter().position(|byte| *byte == 0x61) {
        Some(at) if bytes[0] == 0x30 && bytes.get(at + 4) == Some(&0) => WELL,
        Some(at) if bytes[0] == 0x30 => {
            let code = u16::from(bytes.get(at + 4).copied().unwrap_or(0));
            Verdict::fail_with(
                CheckStatus::L7Status,
                code,
                "See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9",
            )
        }
        _ => Verdict::fail(CheckStatus::L7Response, "Not LDAPv3 protocol"),
    }
}

/// A record of type handshake or alert: it speaks TLS.
fn tls(bytes: &[u8]) -> Verdict {
    match bytes {
        [0x15 | 0x16, 3, _, _, _, ..] => Verdict::Pass { code: None, info: None },
        [] | [0x15 | 0x16] | [0x15 | 0x16, 3, ..] => Verdict::More,
        _ => Verdict::Fail {
            status: CheckStatus::L6Response,
            code: None,
            info: None,
        },
    }
}

/// A hello of TLS 1.2 that today's servers answer (RFC 5246, 7.4.1.2).
pub(super) fn client_hello() -> Vec<u8> {
    let suites: [u8; 12] = [0xc0, 0x2f, 0xc0, 0x30, 0xc0, 0x2b, 0xc0, 0x2c, 0x00, 0x9c, 0x00, 0x2f];
    // Groups x25519, P-256, P-384; uncompressed points; the usual signatures.
    let groups = [0, 10, 0, 8, 0, 6, 0, 29, 0, 23, 0, 24];
    let points = [0, 11, 0, 2, 1, 0];
    let signatures = [0, 13, 0, 14, 0, 12, 4, 1, 5, 1, 6, 1, 4, 3, 5, 3, 8, 4];
    let extensions = [&groups[..], &points, &signatures].concat();
    let mut body = vec![3, 3];
    // Nobody goes on from this hello, so its random need not be one.
    body.extend([0x54; 32]);
    body.push(0);
    body.extend([0, 12]);
    body.extend(suites);
    body.extend([1, 0]);
    body.extend(u16::try_from(extensions.len()).unwrap_or(0).to_be_bytes());
    body.extend(extensions);
    let length = u32::try_from(body.len()).unwrap_or(0).to_be_bytes();
    let message = [&[1, length[1], length[2], length[3]][..], &body].concat();
    let record = u16::try_from(message.len()).unwrap_or(0).to_be_bytes();
    [&[0x16, 3, 1, record[0], record[1]][..], &message].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_greeting_is_known() {
        let pass = |verdict: &Verdict| matches!(verdict, Verdict::Pass { .. });
        let fail = |verdict: &Verdict| matches!(verdict, Verdict::Fail { .. });
        let more = |verdict: &Verdict| *verdict == Verdict::More;
        type Judge = fn(&Verdict) -> bool;
        let (pass, fail, more): (Judge, Judge, Judge) = (pass, fail, more);
        for (greeting, bytes, judge) in [
            (Greeting::Redis, &b"+PONG\r\n"[..], pass),
            (Greeting::Redis, b"+PO", more),
            (Greeting::Redis, b"-NOAUTH Authentication required.\r\n", fail),
            (Greeting::Smtp, b"220 hello\r\n", pass),
            (Greeting::Smtp, b"220-hello\r\n", more),
            (Greeting::Smtp, b"220-a\r\n220 b\r\n", pass),
            (Greeting::Smtp, b"554 no\r\n", fail),
            (Greeting::Mysql, b"\x05\0\0\0\x0a5.7\0", pass),
            (Greeting::Mysql, b"\x05\0\0\0\x0a", more),
            (Greeting::Mysql, b"\x05\0\0\x01\xff\x15\x04no", fail),
            (Greeting::Mysql, b"\0\0\0\0", fail),
            (Greeting::Postgres, b"R\0\0\0\x08\0\0\0\x05", pass),
            (Greeting::Postgres, b"R\0", more),
            (Greeting::Postgres, b"E\0", fail),
            (Greeting::Postgres, b"220 hello", fail),
            (
                Greeting::Ldap,
                b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00",
                pass,
            ),
            (
                Greeting::Ldap,
                b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x31\x04\x00\x04\x00",
                fail,
            ),
            (Greeting::Ldap, b"\x30\x0c", more),
            (Greeting::Ldap, b"this is not", fail),
            (Greeting::Tls, b"\x16\x03\x03\x00\x50", pass),
            (Greeting::Tls, b"\x15\x03\x03\x00\x02", pass),
            (Greeting::Tls, b"\x16", more),
            (Greeting::Tls, b"220", fail),
        ] {
            let verdict = greeting.look(bytes);
            assert!(judge(&verdict), "{greeting:?} {bytes:?}: {verdict:?}");
        }
    }

    #[test]
    fn lengths_of_what_is_sent_are_right() {
        let hello = client_hello();
        assert_eq!(usize::from(u16::from_be_bytes([hello[3], hello[4]])), hello.len() - 5);
        let login = mysql_login("haproxy");
        assert_eq!(usize::from(login[0]), login.len() - 4);
        let startup = postgres_startup("u");
        assert_eq!(usize::from(startup[3]), startup.len());
    }
}
