//! The hash functions of `hash-type`, and the avalanche that may follow them.
//!
//! They are public algorithms; what counts is that every balancer computes the same number for the same bytes.

use super::HashFunction;

impl HashFunction {
    /// The hash of an expression's value, for [`Request::key`](super::Request::key).
    pub fn hash(self, bytes: &[u8]) -> u32 {
        self.apply(bytes)
    }

    pub(crate) fn apply(self, bytes: &[u8]) -> u32 {
        match self {
            HashFunction::Sdbm => sdbm(bytes),
            HashFunction::Djb2 => djb2(bytes),
            HashFunction::Wt6 => wt6(bytes),
            HashFunction::Crc32 => crc32(bytes),
            HashFunction::None => fold(bytes),
        }
    }
}

/// Bob Jenkins' six-step avalanche of 32 bits, then a prime near three quarters of the range: every bit of the input
/// moves about half the bits of the result. Each step can be undone, so different inputs stay different.
pub(crate) fn avalanche(n: u32) -> u32 {
    let n = n.wrapping_mul(0x1001).wrapping_add(0x7ed5_5d16);
    let n = n ^ (n >> 19) ^ 0xc761_c23c;
    let n = n.wrapping_mul(0x21).wrapping_add(0x1656_67b1);
    let n = n.wrapping_add(0xd3a2_646c) ^ (n << 9);
    let n = n.wrapping_mul(9).wrapping_add(0xfd70_46c5);
    let n = n ^ (n >> 16) ^ 0xb55a_4f09;
    n.wrapping_mul(0xc000_0001)
}

/// The bytes as big-endian words, folded with exclusive or; an IPv4 address stays what it is.
pub(super) fn fold(bytes: &[u8]) -> u32 {
    bytes
        .as_chunks()
        .0
        .iter()
        .fold(0, |h, word| h ^ u32::from_be_bytes(*word))
}

fn sdbm(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(0, |h: u32, &b| h.wrapping_mul(65_599).wrapping_add(u32::from(b)))
}

fn djb2(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(5381, |h: u32, &b| h.wrapping_mul(33).wrapping_add(u32::from(b)))
}

/// Two halves that swap and turn; how far they turn depends on what was seen so far.
fn wt6(bytes: &[u8]) -> u32 {
    let (mut left, mut right) = (0xa53c_965a_u32, 0x5ca6_953a_u32);
    let (mut left_turn, mut right_turn) = (18, 6);
    for &b in bytes {
        let b = u32::from(b);
        let (l, r) = (!(left ^ b), !right.wrapping_add(b));
        (left, right) = (r.rotate_left(right_turn), l.rotate_left(left_turn));
        let mixed = ((left >> 16) ^ right) & 0xffff;
        (left_turn, right_turn) = (mixed >> 11, mixed & 31);
    }
    left ^ right
}

/// CRC-32 of IEEE 802.3, reflected.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
    !bytes
        .iter()
        .fold(u32::MAX, |crc, &b| (0..8).fold(crc ^ u32::from(b), step))
}

#[cfg(test)]
mod tests;
