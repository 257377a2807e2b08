//! How values are compared with patterns, and what the text of a pattern means then.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

use super::{BadRegex, Network, Regex};
use crate::expr::{Kind, Sample};
use crate::hex;

/// `-m` and `-i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct How {
    pub method: Method,
    pub any_case: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Any value at all.
    Found,
    /// True, or a number that is not 0.
    True,
    Int,
    /// The same, written as versions: `3.1`.
    Version,
    Ip,
    /// The same bytes.
    Binary,
    Length,
    Text(TextMatch),
    Regex,
}

/// `-m str beg end sub dir dom`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextMatch {
    Equal,
    Begins,
    Ends,
    Contains,
    /// Between slashes.
    Directory,
    /// Between dots, too.
    Domain,
}

/// One pattern, ready to be compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Where nothing is compared.
    Unused,
    Range(i64, i64),
    Network(Network),
    Bytes(Box<[u8]>),
    Regex(Regex),
}

/// Why a text is no pattern of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadPattern {
    #[error("`{0}` is neither a number nor a range of numbers")]
    Number(String),
    #[error("`{0}` is neither a version nor a range of versions")]
    Version(String),
    #[error("`{0}` is no range: it ends before it begins")]
    Backwards(String),
    #[error("`{0}` has no good mask")]
    Mask(String),
    #[error("`{0}` is not an address; names are not looked up here, write the address")]
    Address(String),
    #[error("`{0}` is not an even number of hexadecimal digits")]
    Hex(String),
    #[error("{1}")]
    Regex(String, BadRegex),
}

impl Method {
    /// As `-m` names them.
    pub const NAMED: [(&str, Method); 13] = [
        ("found", Method::Found),
        ("bool", Method::True),
        ("int", Method::Int),
        ("ip", Method::Ip),
        ("bin", Method::Binary),
        ("len", Method::Length),
        ("str", Method::Text(TextMatch::Equal)),
        ("beg", Method::Text(TextMatch::Begins)),
        ("end", Method::Text(TextMatch::Ends)),
        ("sub", Method::Text(TextMatch::Contains)),
        ("dir", Method::Text(TextMatch::Directory)),
        ("dom", Method::Text(TextMatch::Domain)),
        ("reg", Method::Regex),
    ];

    pub fn name(self) -> &'static str {
        let known = Method::NAMED.iter().find(|(_, method)| *method == self);
        known.map_or("int", |(name, _)| name)
    }

    /// What it can be given.
    pub fn wants(self) -> Kind {
        match self {
            Method::Found => Kind::Any,
            Method::True => Kind::Bool,
            Method::Int | Method::Version => Kind::Int,
            Method::Ip => Kind::Ip,
            Method::Length | Method::Text(_) | Method::Regex => Kind::Text,
            Method::Binary => Kind::Binary,
        }
    }
}

impl How {
    pub fn parse(self, text: &str) -> Result<Pattern, BadPattern> {
        let range = |(low, high)| Pattern::Range(low, high);
        Ok(match self.method {
            Method::Found | Method::True => Pattern::Unused,
            Method::Int | Method::Length => range(number_range(text)?),
            Method::Version => range(version_range(text)?),
            Method::Ip => Pattern::Network(text.parse()?),
            Method::Binary => {
                let bytes = hex::read(text).ok_or_else(|| BadPattern::Hex(text.to_owned()))?;
                Pattern::Bytes(bytes.into())
            }
            Method::Text(_) if self.any_case => Pattern::Bytes(text.to_ascii_lowercase().as_bytes().into()),
            Method::Text(_) => Pattern::Bytes(text.as_bytes().into()),
            Method::Regex => {
                Pattern::Regex(Regex::new(text, self.any_case).map_err(|why| BadPattern::Regex(text.to_owned(), why))?)
            }
        })
    }

    /// Whether the longest of those that fit counts.
    pub(super) fn is_prefix(self) -> bool {
        self.method == Method::Text(TextMatch::Begins) && !self.any_case
    }

    /// Whether the value fits this one pattern.
    pub(super) fn fits(self, pattern: &Pattern, sample: &Sample<'_>) -> bool {
        match (self.method, pattern) {
            (Method::Found, _) => true,
            (Method::True, _) => sample.as_bool() == Some(true),
            (Method::Length, Pattern::Range(low, high)) => {
                (*low..=*high).contains(&(sample.borrow().into_text().len() as i64))
            }
            (_, Pattern::Range(low, high)) => sample.as_int().is_some_and(|n| (*low..=*high).contains(&n)),
            (_, Pattern::Network(network)) => sample.as_ip().is_some_and(|ip| network.contains(ip)),
            (Method::Text(how), Pattern::Bytes(bytes)) => {
                let text = sample.borrow().into_text();
                if self.any_case {
                    how.fits(bytes, &text.to_ascii_lowercase())
                } else {
                    how.fits(bytes, &text)
                }
            }
            (_, Pattern::Bytes(bytes)) => sample.borrow().into_binary().is_some_and(|b| *b == **bytes),
            (_, Pattern::Regex(regex)) => regex.matches(&sample.borrow().into_text()),
            (_, Pattern::Unused) => false,
        }
    }
}

impl TextMatch {
    /// A pattern of any case is in small letters, and so has the text to be.
    pub(super) fn fits(self, pattern: &[u8], text: &[u8]) -> bool {
        match self {
            TextMatch::Equal => text == pattern,
            TextMatch::Begins => text.starts_with(pattern),
            TextMatch::Ends => text.ends_with(pattern),
            TextMatch::Contains => contains(text, pattern),
            TextMatch::Directory => piece(text, pattern, b"/?"),
            TextMatch::Domain => piece(text, pattern, b"/?.:"),
        }
    }
}

/// `5`, `1:9`, `:9`, `1:`
fn number_range(text: &str) -> Result<(i64, i64), BadPattern> {
    range(text, |text| text.parse().ok(), BadPattern::Number)
}

/// The same of versions: `3.1` is HAProxy's number for it.
fn version_range(text: &str) -> Result<(i64, i64), BadPattern> {
    let number = |text: &str| {
        let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
        let (major, minor): (u16, u16) = (major.parse().ok()?, minor.parse().ok()?);
        Some(i64::from(major) << 16 | i64::from(minor))
    };
    range(text, number, BadPattern::Version)
}

fn range(
    text: &str,
    number: impl Fn(&str) -> Option<i64>,
    bad: fn(String) -> BadPattern,
) -> Result<(i64, i64), BadPattern> {
    let bad = || bad(text.to_owned());
    let Some((low, high)) = text.split_once(':') else {
        let n = number(text).ok_or_else(bad)?;
        return Ok((n, n));
    };
    if low.is_empty() && high.is_empty() {
        return Err(bad());
    }
    let bound = |text: &str, open| if text.is_empty() { Some(open) } else { number(text) };
    let low = bound(low, i64::MIN).ok_or_else(bad)?;
    let high = bound(high, i64::MAX).ok_or_else(bad)?;
    if low > high {
        return Err(BadPattern::Backwards(text.to_owned()));
    }
    Ok((low, high))
}

/// `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `2001:db8::/32`, or a single address.
impl std::str::FromStr for Network {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Network, BadPattern> {
        let (address, mask) = match text.split_once('/') {
            Some((address, mask)) => (address, Some(mask)),
            None => (text, None),
        };
        let bad_mask = || BadPattern::Mask(text.to_owned());
        match short_v4(address).map_or_else(|| address.parse(), |v4| Ok(IpAddr::V4(v4))) {
            Ok(IpAddr::V4(v4)) => Ok(Network::v4(
                v4,
                mask.map_or(Ok(u32::MAX), |m| v4_mask(m).ok_or_else(bad_mask))?,
            )),
            Ok(IpAddr::V6(v6)) => Ok(Network::v6(
                v6,
                mask.map_or(Ok(u128::MAX), |m| v6_mask(m).ok_or_else(bad_mask))?,
            )),
            Err(_) => Err(BadPattern::Address(text.to_owned())),
        }
    }
}

/// `10` and `192.168`: what is missing is 0.
fn short_v4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    let parts: Vec<&str> = text.split('.').collect();
    if parts.len() >= octets.len() {
        return None;
    }
    for (octet, part) in octets.iter_mut().zip(parts) {
        *octet = part.parse().ok()?;
    }
    Some(octets.into())
}

fn v4_mask(text: &str) -> Option<u32> {
    let width = text.parse().ok().filter(|width| *width <= 32);
    let mask = width.map(|width: u32| u32::MAX.checked_shl(32 - width).unwrap_or(0));
    mask.or_else(|| text.parse().ok().map(|mask: Ipv4Addr| mask.into()))
}

fn v6_mask(text: &str) -> Option<u128> {
    let width = text.parse().ok().filter(|width| *width <= 128);
    let mask = width.map(|width: u32| u128::MAX.checked_shl(128 - width).unwrap_or(0));
    mask.or_else(|| text.parse().ok().map(|mask: Ipv6Addr| mask.into()))
}

fn contains(text: &[u8], pattern: &[u8]) -> bool {
    pattern.is_empty() || text.windows(pattern.len()).any(|window| window == pattern)
}

/// Whether the pattern stands between two of these delimiters, or the ends of the text. Delimiters around the pattern
/// itself do not count.
fn piece(text: &[u8], pattern: &[u8], delimiters: &[u8]) -> bool {
    let is_delimiter = |b: Option<&u8>| b.is_none_or(|b| delimiters.contains(b));
    let start = pattern.iter().position(|b| !delimiters.contains(b));
    let end = pattern.iter().rposition(|b| !delimiters.contains(b));
    let Some((start, end)) = start.zip(end) else {
        return false;
    };
    let pattern = &pattern[start..=end];
    let before = |at: usize| at.checked_sub(1).and_then(|before| text.get(before));
    let mut windows = text.windows(pattern.len()).enumerate();
    windows
        .any(|(at, window)| window == pattern && is_delimiter(before(at)) && is_delimiter(text.get(at + pattern.len())))
}
