//! The HMAC trailer of Keepalived 2.4: 28 bytes behind the message, inside the IP length, outside the VRRP checksum.
//!
//! `ext_type(1)=1 | key_id(1) | 0(2) | sec(4) | subsec(2) | ctr(2) | hmac(16)`. The digest is HMAC-SHA-256 cut to 128
//! bits over a pseudo-header, the message with its checksum read as zero, and the trailer with its digest read as zero.
//!
//! Over IPv6 the kernel writes the checksum, and it covers the trailer too.

use std::net::IpAddr;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{Endpoints, checksum::checksum};
use crate::settings::{HmacKey, KeyId};

pub const TRAILER_LEN: usize = 28;
const BEFORE_DIGEST: usize = 12;

/// When a sender signed: seconds, fraction and counter as one rising number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub u64);

impl Stamp {
    pub fn at(unix: Duration) -> Stamp {
        let fraction = (u64::from(unix.subsec_nanos()) << 16) / 1_000_000_000;
        Stamp(unix.as_secs() << 32 | fraction << 16)
    }

    /// The sender's clock in whole seconds, as far as 32 bits carry it.
    pub const fn seconds(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Serial number arithmetic, RFC 1982: right across the wrap of the seconds.
    pub const fn is_after(self, other: Stamp) -> bool {
        (self.0.wrapping_sub(other.0) as i64) > 0
    }

    /// The stamp after this one, by the clock where that is ahead. Where the clock was set back by more than receivers
    /// forgive, it is believed at once.
    #[must_use]
    pub fn advance(self, clock: Stamp, window: Option<Duration>) -> Stamp {
        let ahead = self.seconds().wrapping_sub(clock.seconds()) as i32;
        let stranded = window.is_some_and(|w| u64::try_from(ahead).is_ok_and(|a| a > w.as_secs()));
        if clock.is_after(self) || stranded {
            clock
        } else {
            Stamp(self.0.wrapping_add(1))
        }
    }

    /// How far apart two clocks are, in whole seconds.
    pub const fn distance(self, other: Stamp) -> Duration {
        let off = self.seconds().wrapping_sub(other.seconds()) as i32;
        Duration::from_secs(off.unsigned_abs() as u64)
    }
}

/// What is signed besides the trailer: it binds a packet to its sender and its virtual router.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    pub source: IpAddr,
    pub message: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer {
    pub key: u8,
    pub stamp: Stamp,
    digest: [u8; 16],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrailerFault {
    #[error("not a trailer that we know")]
    Malformed,
    #[error("the digest is wrong")]
    Digest,
}

impl Trailer {
    pub fn read(bytes: &[u8; TRAILER_LEN]) -> Result<Trailer, TrailerFault> {
        let [1, key, 0, 0, a, b, c, d, e, f, g, h, digest @ ..] = *bytes else {
            return Err(TrailerFault::Malformed);
        };
        Ok(Trailer {
            key,
            stamp: Stamp(u64::from_be_bytes([a, b, c, d, e, f, g, h])),
            digest,
        })
    }

    pub fn sign(signed: Signed<'_>, id: KeyId, key: &HmacKey, stamp: Stamp) -> [u8; TRAILER_LEN] {
        let mut bytes = [0; TRAILER_LEN];
        let (head, tail) = bytes.split_at_mut(BEFORE_DIGEST);
        head.copy_from_slice(&head_bytes(id.value(), stamp));
        tail.copy_from_slice(&mac(signed, head, key).finalize().into_bytes()[..16]);
        bytes
    }

    /// Signs a whole message and puts the trailer behind it.
    pub fn append(message: &mut Vec<u8>, ends: Endpoints, id: KeyId, key: &HmacKey, stamp: Stamp) {
        let trailer = Trailer::sign(
            Signed {
                source: ends.source,
                message,
            },
            id,
            key,
            stamp,
        );
        message.extend(trailer);
        if let (IpAddr::V6(_), Some(place)) = (ends.source, message.get_mut(6..8)) {
            place.fill(0);
            let sum = checksum(message, Some(ends));
            message[6..8].copy_from_slice(&sum.to_be_bytes());
        }
    }

    /// Compares in constant time.
    pub fn verify(&self, signed: Signed<'_>, key: &HmacKey) -> Result<(), TrailerFault> {
        mac(signed, &head_bytes(self.key, self.stamp), key)
            .verify_truncated_left(&self.digest)
            .map_err(|_| TrailerFault::Digest)
    }
}

fn head_bytes(key: u8, stamp: Stamp) -> [u8; BEFORE_DIGEST] {
    let mut head = [1, key, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    head[4..].copy_from_slice(&stamp.0.to_be_bytes());
    head
}

fn mac(signed: Signed<'_>, head: &[u8], key: &HmacKey) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.bytes()).expect("HMAC takes a key of any length");
    let message = signed.message;
    mac.update(&pseudo_header(signed));
    mac.update(message.get(..6).unwrap_or_default());
    mac.update(&[0, 0]);
    mac.update(message.get(8..).unwrap_or_default());
    mac.update(head);
    mac.update(&[0; TRAILER_LEN - BEFORE_DIGEST]);
    mac
}

fn pseudo_header(signed: Signed<'_>) -> [u8; 20] {
    let mut header = [0; 20];
    header[1] = signed.message.first().map_or(0, |b| b >> 4);
    header[2] = signed.message.get(1).copied().unwrap_or(0);
    match signed.source {
        IpAddr::V4(a) => {
            header[0] = 4;
            header[4..8].copy_from_slice(&a.octets());
        }
        IpAddr::V6(a) => {
            header[0] = 6;
            header[4..].copy_from_slice(&a.octets());
        }
    }
    header
}
