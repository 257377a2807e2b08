//! A typed value, and what it becomes where another type is wanted. The casts are HAProxy's (reference 1.9).

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Kind;

/// A value. Texts are bytes: what clients send need not be UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sample<'a> {
    Bool(bool),
    Int(i64),
    Ip(IpAddr),
    Text(Cow<'a, [u8]>),
    Binary(Cow<'a, [u8]>),
}

impl<'a> Sample<'a> {
    pub fn text(text: &'a str) -> Sample<'a> {
        Sample::Text(Cow::Borrowed(text.as_bytes()))
    }

    pub fn kind(&self) -> Kind {
        match self {
            Sample::Bool(_) => Kind::Bool,
            Sample::Int(_) => Kind::Int,
            Sample::Ip(IpAddr::V4(_)) => Kind::V4,
            Sample::Ip(IpAddr::V6(_)) => Kind::V6,
            Sample::Text(_) => Kind::Text,
            Sample::Binary(_) => Kind::Binary,
        }
    }

    pub fn into_owned(self) -> Sample<'static> {
        match self {
            Sample::Bool(b) => Sample::Bool(b),
            Sample::Int(n) => Sample::Int(n),
            Sample::Ip(ip) => Sample::Ip(ip),
            Sample::Text(bytes) => Sample::Text(Cow::Owned(bytes.into_owned())),
            Sample::Binary(bytes) => Sample::Binary(Cow::Owned(bytes.into_owned())),
        }
    }

    pub fn borrow(&self) -> Sample<'_> {
        match self {
            Sample::Bool(b) => Sample::Bool(*b),
            Sample::Int(n) => Sample::Int(*n),
            Sample::Ip(ip) => Sample::Ip(*ip),
            Sample::Text(bytes) => Sample::Text(Cow::Borrowed(bytes)),
            Sample::Binary(bytes) => Sample::Binary(Cow::Borrowed(bytes)),
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Sample::Bool(b) => Some(*b),
            other => other.as_int().map(|n| n != 0),
        }
    }

    pub fn as_int(&self) -> Option<i64> {
        match self {
            Sample::Bool(b) => Some(i64::from(*b)),
            Sample::Int(n) => Some(*n),
            Sample::Ip(IpAddr::V4(v4)) => Some(i64::from(u32::from(*v4))),
            Sample::Text(text) => leading_int(text),
            Sample::Ip(IpAddr::V6(_)) | Sample::Binary(_) => None,
        }
    }

    pub fn as_ip(&self) -> Option<IpAddr> {
        match self {
            Sample::Ip(ip) => Some(*ip),
            // The number of an IPv4 address, as the cast the other way gives it.
            Sample::Int(n) => Some(Ipv4Addr::from(*n as u32).into()),
            Sample::Text(text) => std::str::from_utf8(text).ok()?.parse().ok(),
            Sample::Bool(_) | Sample::Binary(_) => None,
        }
    }

    pub fn as_v4(&self) -> Option<Ipv4Addr> {
        match self.as_ip()? {
            IpAddr::V4(v4) => Some(v4),
            IpAddr::V6(v6) => v6.to_ipv4_mapped(),
        }
    }

    pub fn as_v6(&self) -> Option<Ipv6Addr> {
        self.as_ip().map(|ip| match ip {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        })
    }

    /// As text; a binary value is taken as it is.
    pub fn into_text(self) -> Cow<'a, [u8]> {
        match self {
            Sample::Bool(b) => Cow::Borrowed(if b { b"1" } else { b"0" }),
            Sample::Int(n) => Cow::Owned(n.to_string().into_bytes()),
            Sample::Ip(ip) => Cow::Owned(ip.to_string().into_bytes()),
            Sample::Text(bytes) | Sample::Binary(bytes) => bytes,
        }
    }

    /// As bytes: a number is its eight bytes, an address its four or sixteen.
    pub fn into_binary(self) -> Option<Cow<'a, [u8]>> {
        match self {
            Sample::Bool(_) => None,
            Sample::Int(n) => Some(Cow::Owned(n.to_be_bytes().to_vec())),
            Sample::Ip(IpAddr::V4(v4)) => Some(Cow::Owned(v4.octets().to_vec())),
            Sample::Ip(IpAddr::V6(v6)) => Some(Cow::Owned(v6.octets().to_vec())),
            Sample::Text(bytes) | Sample::Binary(bytes) => Some(bytes),
        }
    }
}

/// The number that a text begins with; 0 when it begins with none, nothing when it is empty.
fn leading_int(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [] => return None,
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let digits = digits.iter().take_while(|b| b.is_ascii_digit());
    Some(digits.fold(0i64, |n, b| {
        let digit = i64::from(b - b'0');
        n.saturating_mul(10)
            .saturating_add(if negative { -digit } else { digit })
    }))
}
