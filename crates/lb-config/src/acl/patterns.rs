//! Patterns: numbers and ranges of them, addresses and networks, bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tandem_lb_core::acl::{Addresses, Comparison, Network, TextMatch, Texts};
use tandem_text::Diagnostic;

use super::test::Pattern;
use crate::code;

/// `5`, `1:9`, `:9`, `1:`, and `gt 5`, where the word holds for what follows it too.
pub(super) fn numbers(patterns: &[Pattern], dotted: bool) -> Result<Vec<(i64, i64)>, Diagnostic> {
    let mut ranges = Vec::new();
    let mut comparison = Comparison::default();
    let mut waits = None;
    for pattern in patterns {
        if let Some(named) = Comparison::named(&pattern.text) {
            comparison = named;
            waits = Some(pattern.at);
            continue;
        }
        waits = None;
        let bad = |why: String| Diagnostic::error(code::BAD_VALUE, pattern.at, why);
        let (low, high) = if dotted {
            version_range(&pattern.text)
        } else {
            number_range(&pattern.text)
        }
        .map_err(bad)?;
        ranges.push(match comparison {
            Comparison::Equal => (low, high),
            _ if low == high => comparison.range(low),
            _ => {
                return Err(bad(format!(
                    "`{}` is a range, and cannot be compared with",
                    pattern.text
                )));
            }
        });
    }
    match waits {
        Some(at) => Err(Diagnostic::error(code::MISSING, at, "a number is missing behind this")),
        None => Ok(ranges),
    }
}

/// A number, or two with a colon, of which one may be missing.
pub(crate) fn number_range(text: &str) -> Result<(i64, i64), String> {
    range(text, |text| text.parse().ok())
}

/// The same of versions: `3.1` is HAProxy's number for it.
fn version_range(text: &str) -> Result<(i64, i64), String> {
    range(text, |text| {
        let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
        let (major, minor): (u16, u16) = (major.parse().ok()?, minor.parse().ok()?);
        Some(i64::from(major) << 16 | i64::from(minor))
    })
}

fn range(text: &str, number: impl Fn(&str) -> Option<i64>) -> Result<(i64, i64), String> {
    let bad = || format!("`{text}` is neither a number nor a range of numbers");
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
        return Err(format!("`{text}` is no range: it ends before it begins"));
    }
    Ok((low, high))
}

pub(super) fn addresses(patterns: &[Pattern]) -> Result<Addresses, Diagnostic> {
    let one =
        |pattern: &Pattern| network(&pattern.text).map_err(|why| Diagnostic::error(code::BAD_ADDRESS, pattern.at, why));
    let networks: Vec<Network> = patterns.iter().map(one).collect::<Result<_, _>>()?;
    Ok(Addresses::of(networks))
}

/// `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `2001:db8::/32`, or a single address.
pub(crate) fn network(text: &str) -> Result<Network, String> {
    let (address, mask) = match text.split_once('/') {
        Some((address, mask)) => (address, Some(mask)),
        None => (text, None),
    };
    let bad_mask = || format!("`{text}` has no good mask");
    match short_v4(address).map_or_else(|| address.parse(), |v4| Ok(IpAddr::V4(v4))) {
        Ok(IpAddr::V4(v4)) => Ok(Network::v4(
            v4,
            mask.map_or(Ok(u32::MAX), |m| v4_mask(m).ok_or_else(bad_mask))?,
        )),
        Ok(IpAddr::V6(v6)) => Ok(Network::v6(
            v6,
            mask.map_or(Ok(u128::MAX), |m| v6_mask(m).ok_or_else(bad_mask))?,
        )),
        Err(_) => Err(format!(
            "`{address}` is not an address; names are not looked up here, write the address"
        )),
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

pub(super) fn binary(patterns: &[Pattern]) -> Result<Texts, Diagnostic> {
    let one = |pattern: &Pattern| {
        crate::expr::bytes_of_hex(&pattern.text)
            .map(Vec::into_boxed_slice)
            .ok_or_else(|| {
                let message = format!("`{}` is not an even number of hexadecimal digits", pattern.text);
                Diagnostic::error(code::BAD_VALUE, pattern.at, message)
            })
    };
    let all: Vec<Box<[u8]>> = patterns.iter().map(one).collect::<Result<_, _>>()?;
    Ok(Texts::of(TextMatch::Equal, false, all))
}
