//! Version 1: one line of text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::{self, FromStr};

use super::{Ends, Fault, Header, Progress};

pub(super) const WORD: &[u8] = b"PROXY ";

/// The longest line there can be, its end included (section 2.1 of the specification).
const LONGEST: usize = 107;

pub(super) fn read(bytes: &[u8]) -> Result<Progress, Fault> {
    let within = &bytes[..bytes.len().min(LONGEST)];
    let Some(end) = within.iter().position(|byte| *byte == b'\n') else {
        return if within.len() < LONGEST {
            Ok(Progress::Begun)
        } else {
            Err(Fault::Invalid)
        };
    };
    let line = within[..end].strip_suffix(b"\r").ok_or(Fault::Invalid)?;
    // The end of a line is behind the word, which holds none itself.
    let text = str::from_utf8(&line[WORD.len()..]).map_err(|_| Fault::Invalid)?;
    let header = Header {
        ends: ends(text)?,
        ..Header::default()
    };
    Ok(Progress::Complete(header, end + 1))
}

/// What follows `UNKNOWN` is for nobody.
fn ends(text: &str) -> Result<Option<Ends>, Fault> {
    let mut words = text.split(' ');
    match words.next() {
        Some("UNKNOWN") => return Ok(None),
        Some("TCP4") => pair::<Ipv4Addr>(words),
        Some("TCP6") => pair::<Ipv6Addr>(words),
        _ => return Err(Fault::Protocol),
    }
    .map(Some)
    .ok_or(Fault::Invalid)
}

fn pair<Ip: FromStr + Into<IpAddr>>(mut words: str::Split<'_, char>) -> Option<Ends> {
    let source: Ip = words.next()?.parse().ok()?;
    let destination: Ip = words.next()?.parse().ok()?;
    let (source_port, destination_port) = (port(words.next()?)?, port(words.next()?)?);
    words.next().is_none().then(|| Ends {
        source: SocketAddr::new(source.into(), source_port),
        destination: SocketAddr::new(destination.into(), destination_port),
    })
}

/// Digits alone: Rust's own parser would also take a sign.
fn port(word: &str) -> Option<u16> {
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
    word.parse().ok().filter(|_| is_number)
}
