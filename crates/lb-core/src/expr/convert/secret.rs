//! What is computed with a key: HMAC (RFC 2104), AES-GCM, and comparing without telling by the time it takes.

use hmac::{Hmac, KeyInit, Mac};
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512, Sha512_256};

use super::Digest;
use crate::expr::{Context, Variable};
use tandem_text::base64;

/// Bytes that are written in the configuration, or come from a variable that has them in base 64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    Given(Box<[u8]>),
    Kept(Variable),
}

/// AES with keys of so many bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyBits {
    B128,
    B256,
}

/// One `aes_gcm_dec` or `aes_gcm_enc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealing {
    pub bits: KeyBits,
    /// Of 12 bytes; there is no result with another.
    pub nonce: Secret,
    pub key: Secret,
}

impl Secret {
    /// What its text says, if it is base 64.
    pub fn given(text: &str) -> Option<Secret> {
        base64::decode(text.as_bytes(), false).map(|bytes| Secret::Given(bytes.into()))
    }

    pub(super) fn bytes(&self, context: &dyn Context) -> Option<Vec<u8>> {
        match self {
            Secret::Given(bytes) => Some(bytes.to_vec()),
            Secret::Kept(variable) => base64::decode(&context.variable(variable)?.into_text(), false),
        }
    }
}

impl Sealing {
    pub(super) fn open(&self, mut bytes: Vec<u8>, tag: &Secret, context: &dyn Context) -> Option<Vec<u8>> {
        let (key, nonce) = self.ready(context)?;
        bytes.extend(tag.bytes(context)?);
        let length = key.open_in_place(nonce, Aad::empty(), &mut bytes).ok()?.len();
        bytes.truncate(length);
        Some(bytes)
    }

    /// What is sealed, and its tag.
    pub(super) fn seal(&self, mut bytes: Vec<u8>, context: &dyn Context) -> Option<(Vec<u8>, Vec<u8>)> {
        let (key, nonce) = self.ready(context)?;
        let tag = key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut bytes).ok()?;
        Some((bytes, tag.as_ref().to_vec()))
    }

    fn ready(&self, context: &dyn Context) -> Option<(LessSafeKey, Nonce)> {
        let algorithm = match self.bits {
            KeyBits::B128 => &AES_128_GCM,
            KeyBits::B256 => &AES_256_GCM,
        };
        let key = UnboundKey::new(algorithm, &self.key.bytes(context)?).ok()?;
        let nonce: [u8; NONCE_LEN] = self.nonce.bytes(context)?.try_into().ok()?;
        Some((LessSafeKey::new(key), Nonce::assume_unique_for_key(nonce)))
    }
}

pub(super) fn authenticate(digest: Digest, key: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    match digest {
        Digest::Sha1 => of::<Hmac<Sha1>>(key, bytes),
        Digest::Sha224 => of::<Hmac<Sha224>>(key, bytes),
        Digest::Sha256 => of::<Hmac<Sha256>>(key, bytes),
        Digest::Sha384 => of::<Hmac<Sha384>>(key, bytes),
        Digest::Sha512 => of::<Hmac<Sha512>>(key, bytes),
        Digest::Sha512Half => of::<Hmac<Sha512_256>>(key, bytes),
    }
}

fn of<M: Mac + KeyInit>(key: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    let mut mac = <M as KeyInit>::new_from_slice(key).ok()?;
    mac.update(bytes);
    Some(mac.finalize().into_bytes().to_vec())
}
