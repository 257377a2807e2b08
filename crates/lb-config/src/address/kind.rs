//! What stands before `@`: the kind of an address, and what is exchanged there.

use super::AddressError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Any,
    V4,
    V6,
    Unix,
    Abstract,
    Fd,
}

/// What is exchanged there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Of listeners and servers.
    Stream,
    /// Of logs.
    Datagram,
}

/// What stands before `@`: the kind of address, and what alone is exchanged there.
struct Prefix {
    word: &'static str,
    family: Family,
    alone: Option<Transport>,
    summary: &'static str,
}

const fn prefix(word: &'static str, family: Family, alone: Option<Transport>, summary: &'static str) -> Prefix {
    Prefix {
        word,
        family,
        alone,
        summary,
    }
}

const STREAM: Option<Transport> = Some(Transport::Stream);
const DATAGRAM: Option<Transport> = Some(Transport::Datagram);

const PREFIXES: &[Prefix] = &[
    prefix("ip", Family::Any, None, "IPv4 or IPv6, the same as none"),
    prefix("ipv4", Family::V4, None, "IPv4 only"),
    prefix("ipv6", Family::V6, None, "IPv6 only"),
    prefix("tcp", Family::Any, STREAM, "the same as `ip@`"),
    prefix("tcp4", Family::V4, STREAM, "the same as `ipv4@`"),
    prefix("tcp6", Family::V6, STREAM, "the same as `ipv6@`"),
    prefix("udp", Family::Any, DATAGRAM, "the same as `ip@`"),
    prefix("udp4", Family::V4, DATAGRAM, "the same as `ipv4@`"),
    prefix("udp6", Family::V6, DATAGRAM, "the same as `ipv6@`"),
    prefix("unix", Family::Unix, None, "a path, the same as one that begins with /"),
    prefix("uxst", Family::Unix, STREAM, "the same as `unix@`"),
    prefix("uxdg", Family::Unix, DATAGRAM, "the same as `unix@`"),
    prefix(
        "abns",
        Family::Abstract,
        None,
        "the name of an abstract socket of Linux; not for logs",
    ),
    prefix(
        "fd",
        Family::Fd,
        None,
        "an inherited descriptor of this number; not for servers",
    ),
];

/// Kinds of addresses, as the documentation lists them: what stands before `@`, where, and what it is.
pub fn address_docs() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let places = |alone| match alone {
        STREAM => "bind server",
        DATAGRAM => "log",
        _ => "bind server log",
    };
    PREFIXES
        .iter()
        .map(move |prefix| (prefix.word, places(prefix.alone), prefix.summary))
}

/// The kind, and what stands behind it. `stream+` and `dgram+` may stand before all.
pub(super) fn family(text: &str, wanted: Transport) -> Result<(Family, &str), AddressError> {
    let (said, rest) = match text.split_once('+') {
        Some(("stream", rest)) => (STREAM, rest),
        Some(("dgram", rest)) => (DATAGRAM, rest),
        _ => (None, text),
    };
    let (family, alone, rest) = match rest.split_once('@') {
        _ if rest.starts_with('/') => (Family::Unix, None, rest),
        None => (Family::Any, None, rest),
        Some((word, rest)) => {
            let known = PREFIXES.iter().find(|prefix| prefix.word == word);
            let known = known.ok_or_else(|| AddressError::Family(word.to_owned()))?;
            (known.family, known.alone, rest)
        }
    };
    match said.or(alone) {
        Some(other) if other != wanted => Err(AddressError::Transport {
            written: text.to_owned(),
            wanted,
        }),
        _ => Ok((family, rest)),
    }
}
