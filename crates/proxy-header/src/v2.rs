//! Version 2: binary, with room for more than addresses.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Ends, Fault, Header, LONGEST, Progress};
use crate::crc32c::crc32c;

pub(super) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// The signature, the command, the family and the length of what follows.
pub(super) const FIXED: usize = 16;
const VERSION: u8 = 0x20;
const LOCAL: u8 = 0;
const PROXY: u8 = 1;
const UNSPECIFIED: u8 = 0x00;
pub(super) const TCP4: u8 = 0x11;
pub(super) const TCP6: u8 = 0x21;

/// What may follow the addresses: a type, two bytes of length, a value.
pub(super) mod tlv {
    pub(in super::super) const AUTHORITY: u8 = 0x02;
    pub(in super::super) const CRC32C: u8 = 0x03;
    pub(in super::super) const UNIQUE_ID: u8 = 0x05;
    pub(in super::super) const SSL: u8 = 0x20;
}

const LONGEST_AUTHORITY: usize = 255;
/// Section 2.2.5 of the protocol.
pub(super) const LONGEST_UNIQUE_ID: usize = 128;

pub(super) fn read(bytes: &[u8]) -> Result<Progress, Fault> {
    let Some((&command, rest)) = bytes.get(SIGNATURE.len()..).and_then(<[u8]>::split_first) else {
        return Ok(Progress::Begun);
    };
    if command & 0xf0 != VERSION {
        return Err(Fault::NotPresent);
    }
    let (&[family, high, low], body) = match rest.split_first_chunk::<3>() {
        Some(split) => split,
        None => return Ok(Progress::Begun),
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if FIXED + length > LONGEST {
        return Err(Fault::Truncated);
    }
    let Some(body) = body.get(..length) else {
        return Ok(Progress::Begun);
    };
    let header = match command & 0x0f {
        // A proxy that speaks for itself, as for a check: whatever follows is not about a client.
        LOCAL => Header::default(),
        PROXY => proxied(family, body, &bytes[..FIXED + length])?,
        _ => return Err(Fault::Invalid),
    };
    Ok(Progress::Complete(header, FIXED + length))
}

fn proxied(family: u8, body: &[u8], whole: &[u8]) -> Result<Header, Fault> {
    let (ends, rest) = match family {
        // The proxy does not know whom it speaks for.
        UNSPECIFIED => return Ok(Header::default()),
        TCP4 => of_v4(body),
        TCP6 => of_v6(body),
        _ => None,
    }
    .ok_or(Fault::Invalid)?;
    let mut header = Header {
        ends: Some(ends),
        ..Header::default()
    };
    details(rest, whole, &mut header).ok_or(Fault::Invalid)?;
    header.details = rest.into();
    Ok(header)
}

fn of_v4(body: &[u8]) -> Option<(Ends, &[u8])> {
    let (source, rest) = body.split_first_chunk::<4>()?;
    let (destination, rest) = rest.split_first_chunk::<4>()?;
    let (&[a, b, c, d], rest) = rest.split_first_chunk::<4>()?;
    let ends = Ends {
        source: SocketAddr::new(Ipv4Addr::from(*source).into(), u16::from_be_bytes([a, b])),
        destination: SocketAddr::new(Ipv4Addr::from(*destination).into(), u16::from_be_bytes([c, d])),
    };
    Some((ends, rest))
}

fn of_v6(body: &[u8]) -> Option<(Ends, &[u8])> {
    let (source, rest) = body.split_first_chunk::<16>()?;
    let (destination, rest) = rest.split_first_chunk::<16>()?;
    let (&[a, b, c, d], rest) = rest.split_first_chunk::<4>()?;
    let ends = Ends {
        source: SocketAddr::new(Ipv6Addr::from(*source).into(), u16::from_be_bytes([a, b])),
        destination: SocketAddr::new(Ipv6Addr::from(*destination).into(), u16::from_be_bytes([c, d])),
    };
    Some((ends, rest))
}

/// All of them must fit; those that are not known here say nothing.
fn details(mut rest: &[u8], whole: &[u8], header: &mut Header) -> Option<()> {
    while !rest.is_empty() {
        let (&[kind, high, low], after) = rest.split_first_chunk::<3>()?;
        let (value, after) = after.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
        match kind {
            tlv::AUTHORITY => header.authority = Some(at_most(LONGEST_AUTHORITY, value)?),
            tlv::UNIQUE_ID => header.unique_id = Some(at_most(LONGEST_UNIQUE_ID, value)?),
            tlv::CRC32C => {
                let given = u32::from_be_bytes(value.try_into().ok()?);
                let at = whole.len() - after.len() - value.len();
                if checksum(whole, at) != given {
                    return None;
                }
            }
            _ => {}
        }
        rest = after;
    }
    Some(())
}

/// Of the whole header, as if the checksum's own four bytes were 0.
pub(super) fn checksum(header: &[u8], at: usize) -> u32 {
    let own = at..at + 4;
    crc32c(
        header
            .iter()
            .enumerate()
            .map(|(place, byte)| if own.contains(&place) { 0 } else { *byte }),
    )
}

fn at_most(longest: usize, value: &[u8]) -> Option<Box<[u8]>> {
    (value.len() <= longest).then(|| value.into())
}
