//! Hashes of bytes, with the results that HAProxy gives for them.

use crate::balance::{HashFunction, avalanche};
use crate::crc32c::crc32c;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashWith {
    /// One of the functions of `hash-type`, and perhaps the avalanche behind it.
    Plain {
        function: HashFunction,
        avalanche: bool,
    },
    Crc32c,
    Xxh32 {
        seed: u32,
    },
    Xxh64 {
        seed: u64,
    },
}

impl HashWith {
    pub(super) fn apply(self, bytes: &[u8]) -> i64 {
        match self {
            HashWith::Plain {
                function,
                avalanche: false,
            } => function.apply(bytes).into(),
            HashWith::Plain {
                function,
                avalanche: true,
            } => avalanche(function.apply(bytes)).into(),
            HashWith::Crc32c => crc32c(bytes.iter().copied()).into(),
            HashWith::Xxh32 { seed } => xxh32(bytes, seed).into(),
            HashWith::Xxh64 { seed } => xxh64(bytes, seed) as i64,
        }
    }
}

/// xxHash of 32 bits (its published specification).
fn xxh32(bytes: &[u8], seed: u32) -> u32 {
    const P: [u32; 5] = [0x9e37_79b1, 0x85eb_ca77, 0xc2b2_ae3d, 0x27d4_eb2f, 0x1656_67b1];
    let round = |acc: u32, lane: u32| {
        acc.wrapping_add(lane.wrapping_mul(P[1]))
            .rotate_left(13)
            .wrapping_mul(P[0])
    };
    let (stripes, rest) = bytes.as_chunks::<16>();
    let mut hash = if stripes.is_empty() {
        seed.wrapping_add(P[4])
    } else {
        let mut acc = [
            seed.wrapping_add(P[0]).wrapping_add(P[1]),
            seed.wrapping_add(P[1]),
            seed,
            seed.wrapping_sub(P[0]),
        ];
        for stripe in stripes {
            for (acc, lane) in acc.iter_mut().zip(stripe.as_chunks().0) {
                *acc = round(*acc, u32::from_le_bytes(*lane));
            }
        }
        let turned = acc.iter().zip([1, 7, 12, 18]).map(|(acc, by)| acc.rotate_left(by));
        turned.fold(0, u32::wrapping_add)
    };
    hash = hash.wrapping_add(bytes.len() as u32);
    let (words, tail) = rest.as_chunks::<4>();
    for word in words {
        hash = hash.wrapping_add(u32::from_le_bytes(*word).wrapping_mul(P[2]));
        hash = hash.rotate_left(17).wrapping_mul(P[3]);
    }
    for byte in tail {
        hash = hash.wrapping_add(u32::from(*byte).wrapping_mul(P[4]));
        hash = hash.rotate_left(11).wrapping_mul(P[0]);
    }
    hash = (hash ^ hash >> 15).wrapping_mul(P[1]);
    hash = (hash ^ hash >> 13).wrapping_mul(P[2]);
    hash ^ hash >> 16
}

/// xxHash of 64 bits (its published specification).
fn xxh64(bytes: &[u8], seed: u64) -> u64 {
    const P: [u64; 5] = [
        0x9e37_79b1_85eb_ca87,
        0xc2b2_ae3d_27d4_eb4f,
        0x1656_67b1_9e37_79f9,
        0x85eb_ca77_c2b2_ae63,
        0x27d4_eb2f_1656_67c5,
    ];
    let round = |acc: u64, lane: u64| {
        acc.wrapping_add(lane.wrapping_mul(P[1]))
            .rotate_left(31)
            .wrapping_mul(P[0])
    };
    let (stripes, rest) = bytes.as_chunks::<32>();
    let mut hash = if stripes.is_empty() {
        seed.wrapping_add(P[4])
    } else {
        let mut acc = [
            seed.wrapping_add(P[0]).wrapping_add(P[1]),
            seed.wrapping_add(P[1]),
            seed,
            seed.wrapping_sub(P[0]),
        ];
        for stripe in stripes {
            for (acc, lane) in acc.iter_mut().zip(stripe.as_chunks().0) {
                *acc = round(*acc, u64::from_le_bytes(*lane));
            }
        }
        let turned = acc.iter().zip([1, 7, 12, 18]).map(|(acc, by)| acc.rotate_left(by));
        let sum = turned.fold(0, u64::wrapping_add);
        acc.iter().fold(sum, |hash, acc| {
            (hash ^ round(0, *acc)).wrapping_mul(P[0]).wrapping_add(P[3])
        })
    };
    hash = hash.wrapping_add(bytes.len() as u64);
    let (words, rest) = rest.as_chunks::<8>();
    for word in words {
        hash ^= round(0, u64::from_le_bytes(*word));
        hash = hash.rotate_left(27).wrapping_mul(P[0]).wrapping_add(P[3]);
    }
    let (halves, tail) = rest.as_chunks::<4>();
    for half in halves {
        hash ^= u64::from(u32::from_le_bytes(*half)).wrapping_mul(P[0]);
        hash = hash.rotate_left(23).wrapping_mul(P[1]).wrapping_add(P[2]);
    }
    for byte in tail {
        hash ^= u64::from(*byte).wrapping_mul(P[4]);
        hash = hash.rotate_left(11).wrapping_mul(P[0]);
    }
    hash = (hash ^ hash >> 33).wrapping_mul(P[1]);
    hash = (hash ^ hash >> 29).wrapping_mul(P[2]);
    hash ^ hash >> 32
}
