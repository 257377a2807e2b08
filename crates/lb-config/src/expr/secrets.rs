//! The converters that compute digests, and those that do it with a key.

use tandem_lb_core::expr::{Converter, Digest, KeyBits, Sealing, Secret};

use super::args::Args;
use super::converters::Build;
use super::{ExprError, variable};

pub(super) const TABLE: &[(&str, Build)] = &[
    ("aes_gcm_dec", |args| {
        let sealing = sealing(args)?;
        Ok(Converter::Open(sealing, secret(args, "the tag")?))
    }),
    ("aes_gcm_enc", |args| {
        let sealing = sealing(args)?;
        Ok(Converter::Seal(sealing, args.variable()?))
    }),
    ("hmac", |args| {
        let digest = digest(args)?;
        Ok(Converter::Authenticate(digest, secret(args, "a key")?))
    }),
    ("secure_memcmp", |args| args.variable().map(Converter::IsSecret)),
    ("sha1", |_| Ok(Converter::Digest(Digest::Sha1))),
    ("sha2", |args| {
        let bits = args.maybe_number(0..=512)?.unwrap_or(256);
        let digest = match bits {
            224 => Digest::Sha224,
            256 => Digest::Sha256,
            384 => Digest::Sha384,
            512 => Digest::Sha512,
            _ => {
                return Err(args
                    .bad(format!("there is no SHA-2 of {bits} bits"))
                    .help("224, 256, 384 or 512"));
            }
        };
        Ok(Converter::Digest(digest))
    }),
];

const DIGESTS: &[(&str, Digest)] = &[
    ("sha1", Digest::Sha1),
    ("sha224", Digest::Sha224),
    ("sha256", Digest::Sha256),
    ("sha384", Digest::Sha384),
    ("sha512", Digest::Sha512),
    ("sha512-256", Digest::Sha512Half),
];

/// In any case of letters.
pub(super) fn digest(args: &mut Args<'_>) -> Result<Digest, ExprError> {
    let name = args.text("a digest")?;
    let known = DIGESTS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    known.map(|(_, digest)| *digest).ok_or_else(|| {
        let names: Vec<&str> = DIGESTS.iter().map(|(name, _)| *name).collect();
        let error = args.bad(format!("`{name}` is not a digest that is computed here"));
        error.help(format!("write one of: {}", names.join(", ")))
    })
}

fn sealing(args: &mut Args<'_>) -> Result<Sealing, ExprError> {
    let bits = match args.number("the bits of the key", 128..=256)? {
        128 => KeyBits::B128,
        256 => KeyBits::B256,
        other => {
            let error = args.bad(format!("AES with {other} bits is not computed here"));
            return Err(error.help("write 128 or 256"));
        }
    };
    Ok(Sealing {
        bits,
        nonce: secret(args, "a nonce")?,
        key: secret(args, "a key")?,
    })
}

/// In base 64, or a variable that has it so.
fn secret(args: &mut Args<'_>, what: &str) -> Result<Secret, ExprError> {
    let text = args.text(what)?;
    if let Ok(variable) = variable(text, args.at()) {
        return Ok(Secret::Kept(variable));
    }
    Secret::given(text).ok_or_else(|| {
        let error = args.bad(format!("`{text}` is neither base 64 nor a variable"));
        error.help("write it in base 64, or the name of a variable that has it in base 64")
    })
}
