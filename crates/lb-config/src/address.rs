//! HAProxy's ways to write an address: listeners with ranges, servers with port maps, log targets.

mod kind;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use thiserror::Error;

use crate::plan::{BindAddress, Host, HostName, LogAddress, RingName, ServerPort};

pub(crate) use kind::Transport;
pub use kind::address_docs;
use kind::{Family, family};

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AddressError {
    #[error("`{0}` names no port")]
    NoPort(String),
    #[error("`{0}` is not a port")]
    Port(String),
    #[error("`{0}` is not a range of ports")]
    Range(String),
    #[error("`{0}` is more than one place")]
    Several(String),
    #[error("`{0}` is not an address")]
    Malformed(String),
    #[error("`{0}` is a name, and a listener needs an address")]
    NameForListener(String),
    #[error("`{0}` stands for any address, and a server needs one")]
    Wildcard(String),
    #[error("`abns@{0}` is no name of an abstract socket")]
    AbstractName(String),
    #[error("addresses of the kind `{0}@` are not supported")]
    Family(String),
    #[error("`{written}` is not for {}", match wanted { Transport::Stream => "connections", Transport::Datagram => "log lines" })]
    Transport { written: String, wanted: Transport },
    #[error("`{address}` is not of the kind `{family}@`")]
    OtherFamily { address: String, family: &'static str },
}

impl AddressError {
    pub fn help(&self) -> &'static str {
        match self {
            Self::NoPort(_) => "write ADDRESS:PORT, for all addresses *:PORT",
            Self::Port(_) => "a port is a number from 1 to 65535",
            Self::Range(_) => "write FIRST-LAST",
            Self::Several(_) => "write one address and one port",
            Self::Malformed(_) => "write ADDRESS:PORT, [IPV6]:PORT or /PATH",
            Self::NameForListener(_) => "write the address itself, or *:PORT for all",
            Self::Wildcard(_) => "write the address or the name of the server",
            Self::AbstractName(_) => "it has 1 to 107 letters",
            Self::Family(kind) if kind.starts_with("quic") => "QUIC is out of scope: listen with TLS over TCP",
            Self::Family(_) => "write ipv4@ ipv6@ unix@ abns@ or fd@, or no prefix",
            Self::Transport {
                wanted: Transport::Stream,
                ..
            } => "write tcp@, tcp4@, tcp6@ or uxst@, or no prefix",
            Self::Transport {
                wanted: Transport::Datagram,
                ..
            } => {
                "write udp@ or uxdg@, or `ring@NAME` and a section `ring NAME` with this `server`, which is connected to"
            }
            Self::OtherFamily { .. } => "change the address or leave the prefix out",
        }
    }
}

/// `bind`: a list with commas; every port of a range is a listener of its own.
pub(crate) fn listeners(text: &str) -> Result<Vec<BindAddress>, AddressError> {
    let mut listeners = Vec::new();
    for item in text.split(',') {
        let (family, rest) = family(item, Transport::Stream)?;
        match family {
            Family::Fd => listeners.push(BindAddress::Fd(descriptor(rest)?)),
            Family::Unix => listeners.push(BindAddress::Unix(path(rest)?)),
            Family::Abstract => listeners.push(BindAddress::Abstract(abstract_name(rest)?)),
            Family::Any | Family::V4 | Family::V6 => {
                let (host, port) = split_port(rest)?;
                let port = port
                    .filter(|port| !port.is_empty())
                    .ok_or_else(|| AddressError::NoPort(item.to_owned()))?;
                let ip = listener_ip(host, family)?;
                listeners.extend(ports(port)?.map(|port| BindAddress::Ip { ip, port }));
            }
        }
    }
    Ok(listeners)
}

/// A listener that is one place.
pub fn listener(text: &str) -> Result<BindAddress, AddressError> {
    match listeners(text)?.as_slice() {
        [BindAddress::Ip { port: 0, .. }] => Err(AddressError::Port("0".to_owned())),
        [one] => Ok(one.clone()),
        _ => Err(AddressError::Several(text.to_owned())),
    }
}

/// What [`listeners`] reads: ports of one address that follow each other are a range.
pub(crate) fn listed(addresses: &[BindAddress]) -> String {
    let mut items: Vec<(&BindAddress, u16)> = Vec::new();
    for address in addresses {
        match (items.last_mut(), address) {
            (Some((BindAddress::Ip { ip: first, .. }, last)), BindAddress::Ip { ip, port })
                if first == ip && last.checked_add(1) == Some(*port) =>
            {
                *last = *port;
            }
            (_, BindAddress::Ip { port, .. }) => items.push((address, *port)),
            _ => items.push((address, 0)),
        }
    }
    let texts = items.into_iter().map(|(address, last)| match address {
        BindAddress::Ip { ip, port } => {
            let host = match ip {
                IpAddr::V4(ip) if ip.is_unspecified() => "*".to_owned(),
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]"),
            };
            let range = if last == *port {
                String::new()
            } else {
                format!("-{last}")
            };
            format!("{host}:{port}{range}")
        }
        BindAddress::Unix(path) => path.display().to_string(),
        BindAddress::Abstract(name) => format!("abns@{name}"),
        BindAddress::Fd(fd) => format!("fd@{fd}"),
    });
    texts.collect::<Vec<_>>().join(",")
}

/// One that is connected to as it is written.
pub(crate) fn server(text: &str) -> Result<(Host, ServerPort), AddressError> {
    match server_or_any(text)? {
        (Host::Ip(ip), _) if ip.is_unspecified() => Err(AddressError::Wildcard(text.to_owned())),
        found => Ok(found),
    }
}

/// `server` of a proxy: what is left out, address or port, is that to which the client has connected. A peer that is this
/// process listens at any.
pub(crate) fn server_or_any(text: &str) -> Result<(Host, ServerPort), AddressError> {
    let (family, rest) = family(text, Transport::Stream)?;
    match family {
        Family::Unix => Ok((Host::Unix(path(rest)?), ServerPort::Fixed(0))),
        Family::Abstract => Ok((Host::Abstract(abstract_name(rest)?), ServerPort::Fixed(0))),
        Family::Fd => Err(AddressError::Family("fd".to_owned())),
        Family::Any | Family::V4 | Family::V6 => {
            let (host, port) = split_port(rest)?;
            Ok((server_host(host, family)?, server_port(port)?))
        }
    }
}

/// An address without a port, such as `addr` of a server.
pub(crate) fn host(text: &str) -> Result<Host, AddressError> {
    let (family, rest) = family(text, Transport::Stream)?;
    match family {
        Family::Unix => Ok(Host::Unix(path(rest)?)),
        Family::Abstract => Ok(Host::Abstract(abstract_name(rest)?)),
        Family::Fd => Err(AddressError::Family("fd".to_owned())),
        Family::Any | Family::V4 | Family::V6 => named_host(unbracketed(rest)?, family),
    }
}

const SYSLOG_PORT: u16 = 514;

/// `log`: a path, a host, or an open descriptor.
pub(crate) fn log(text: &str) -> Result<LogAddress, AddressError> {
    match text {
        "stdout" => return Ok(LogAddress::Stdout),
        "stderr" => return Ok(LogAddress::Stderr),
        _ => {}
    }
    if let Some(name) = text.strip_prefix("ring@").filter(|name| !name.is_empty()) {
        return Ok(LogAddress::Ring(RingName::new(name)));
    }
    let (family, rest) = family(text, Transport::Datagram)?;
    match family {
        Family::Fd => Ok(LogAddress::Fd(descriptor(rest)?)),
        Family::Unix => Ok(LogAddress::Unix(path(rest)?)),
        Family::Abstract => Err(AddressError::Family("abns".to_owned())),
        Family::Any | Family::V4 | Family::V6 => {
            let (host, port) = split_port(rest)?;
            let port = port
                .filter(|port| !port.is_empty())
                .map_or(Ok(SYSLOG_PORT), parse_port)?;
            match named_host(host, family)? {
                Host::Name(_) if family != Family::Any => Err(AddressError::OtherFamily {
                    address: host.to_owned(),
                    family: if family == Family::V4 { "ipv4" } else { "ipv6" },
                }),
                host => Ok(LogAddress::Udp { host, port }),
            }
        }
    }
}

/// The last colon separates the port, so that `:::80` is port 80 of `::`.
fn split_port(text: &str) -> Result<(&str, Option<&str>), AddressError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (inside, behind) = rest
            .split_once(']')
            .ok_or_else(|| AddressError::Malformed(text.to_owned()))?;
        return match behind.strip_prefix(':') {
            Some(port) => Ok((inside, Some(port))),
            None if behind.is_empty() => Ok((inside, None)),
            None => Err(AddressError::Malformed(text.to_owned())),
        };
    }
    Ok(text
        .rsplit_once(':')
        .map_or((text, None), |(host, port)| (host, Some(port))))
}

fn unbracketed(text: &str) -> Result<&str, AddressError> {
    match text.strip_prefix('[') {
        None => Ok(text),
        Some(rest) => rest
            .strip_suffix(']')
            .ok_or_else(|| AddressError::Malformed(text.to_owned())),
    }
}

fn listener_ip(host: &str, family: Family) -> Result<IpAddr, AddressError> {
    match host {
        "" | "*" if family == Family::V6 => Ok(Ipv6Addr::UNSPECIFIED.into()),
        "" | "*" => Ok(Ipv4Addr::UNSPECIFIED.into()),
        _ => match named_or_any_host(host, family)? {
            Host::Ip(ip) => Ok(ip),
            Host::Name(name) => Err(AddressError::NameForListener(name.bare().to_owned())),
            Host::Unix(_) | Host::Abstract(_) => Err(AddressError::Malformed(host.to_owned())),
        },
    }
}

/// No address at all is that to which the client has connected.
fn server_host(host: &str, family: Family) -> Result<Host, AddressError> {
    match host {
        "" | "*" => listener_ip(host, family).map(Host::Ip),
        _ => named_or_any_host(host, family),
    }
}

fn named_host(host: &str, family: Family) -> Result<Host, AddressError> {
    match named_or_any_host(host, family)? {
        Host::Ip(ip) if ip.is_unspecified() => Err(AddressError::Wildcard(host.to_owned())),
        host => Ok(host),
    }
}

fn named_or_any_host(host: &str, family: Family) -> Result<Host, AddressError> {
    if matches!(host, "" | "*") {
        return Err(AddressError::Wildcard(host.to_owned()));
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        let other = |family| {
            Err(AddressError::OtherFamily {
                address: host.to_owned(),
                family,
            })
        };
        return match family {
            Family::V4 if !ip.is_ipv4() => other("ipv4"),
            Family::V6 if !ip.is_ipv6() => other("ipv6"),
            _ => Ok(Host::Ip(ip)),
        };
    }
    let letters = host
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    // Only digits and dots is an address that was mistyped, not a name.
    let name = letters && host.len() <= 253 && host.bytes().any(|byte| byte.is_ascii_alphabetic());
    if !name || host.starts_with(['-', '.']) {
        return Err(AddressError::Malformed(host.to_owned()));
    }
    let is_v4 = (family != Family::Any).then_some(family == Family::V4);
    Ok(Host::Name(HostName::new(host, is_v4)))
}

fn parse_port(text: &str) -> Result<u16, AddressError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| AddressError::Port(text.to_owned()))
}

fn ports(text: &str) -> Result<std::ops::RangeInclusive<u16>, AddressError> {
    let Some((first, last)) = text.split_once('-') else {
        return parse_port(text).map(|port| port..=port);
    };
    let range = parse_port(first)?..=parse_port(last)?;
    if range.is_empty() {
        Err(AddressError::Range(text.to_owned()))
    } else {
        Ok(range)
    }
}

fn server_port(text: Option<&str>) -> Result<ServerPort, AddressError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(ServerPort::Offset(0));
    };
    if let Some(up) = text.strip_prefix('+') {
        return Ok(ServerPort::Offset(i32::from(parse_port(up)?)));
    }
    if let Some(down) = text.strip_prefix('-') {
        return Ok(ServerPort::Offset(-i32::from(parse_port(down)?)));
    }
    match parse_port(text)? {
        0 => Ok(ServerPort::Offset(0)),
        port => Ok(ServerPort::Fixed(port)),
    }
}

fn path(text: &str) -> Result<PathBuf, AddressError> {
    if text.is_empty() {
        Err(AddressError::Malformed(text.to_owned()))
    } else {
        Ok(PathBuf::from(text))
    }
}

/// The kernel's places for names are of one length, and one letter marks them as abstract.
const LONGEST_ABSTRACT: usize = 107;

fn abstract_name(text: &str) -> Result<String, AddressError> {
    if (1..=LONGEST_ABSTRACT).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        Err(AddressError::AbstractName(text.to_owned()))
    }
}

fn descriptor(text: &str) -> Result<i32, AddressError> {
    let descriptor: Option<i32> = text.parse().ok();
    descriptor
        .filter(|fd| *fd >= 0)
        .ok_or_else(|| AddressError::Malformed(format!("fd@{text}")))
}

#[cfg(test)]
mod tests;
