//! What both hosts know and nobody else.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub(super) const DIGEST: usize = 32;

/// 32 to 64 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<[u8]>);

impl Secret {
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (32..=64).contains(&bytes.len()).then(|| Self(bytes.into()))
    }

    pub(super) fn sign(&self, bytes: &[u8]) -> [u8; DIGEST] {
        self.mac(bytes).finalize().into_bytes().into()
    }

    /// Compares in constant time.
    pub(super) fn signed(&self, bytes: &[u8], digest: &[u8]) -> bool {
        self.mac(bytes).verify_slice(digest).is_ok()
    }

    fn mac(&self, bytes: &[u8]) -> Hmac<Sha256> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(bytes);
        mac
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(********)")
    }
}
