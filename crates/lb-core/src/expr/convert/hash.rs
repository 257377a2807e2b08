//! Hashes of bytes, with the results that HAProxy gives for them.

use tandem_proxy_header::crc32c::crc32c;
use twox_hash::{XxHash3_64, XxHash32, XxHash64};

use crate::balance::{HashFunction, avalanche};

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
    /// Its 64 bits.
    Xxh3 {
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
            HashWith::Xxh32 { seed } => XxHash32::oneshot(seed, bytes).into(),
            HashWith::Xxh3 { seed } => XxHash3_64::oneshot_with_seed(seed, bytes) as i64,
            HashWith::Xxh64 { seed } => XxHash64::oneshot(seed, bytes) as i64,
        }
    }
}
