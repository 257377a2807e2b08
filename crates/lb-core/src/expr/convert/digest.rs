//! Cryptographic digests of bytes.

use sha1::Sha1;
use sha2::{Digest as _, Sha224, Sha256, Sha384, Sha512, Sha512_256};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    /// SHA-512/256: its own beginning, and half of the result.
    Sha512Half,
}

impl Digest {
    pub(super) fn apply(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Digest::Sha1 => Sha1::digest(bytes).to_vec(),
            Digest::Sha224 => Sha224::digest(bytes).to_vec(),
            Digest::Sha256 => Sha256::digest(bytes).to_vec(),
            Digest::Sha384 => Sha384::digest(bytes).to_vec(),
            Digest::Sha512 => Sha512::digest(bytes).to_vec(),
            Digest::Sha512Half => Sha512_256::digest(bytes).to_vec(),
        }
    }
}
