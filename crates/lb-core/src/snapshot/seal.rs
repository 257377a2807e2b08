//! The first line of a sealed text: what it is, how long the rest is, and a checksum of it.
//!
//! FNV-1a in 64 bits: every step is reversible, so no change of a single byte goes unseen, and of any other change one in
//! 2^64. It guards against crashes and disks, not against people.

use std::fmt::Write;

const MAGIC: &str = "tandem-state";
const VERSION: u32 = 1;

/// Why a text is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    Foreign,
    /// The version it says it has.
    Version(u32),
    Torn,
}

pub(super) fn seal(body: &str) -> Vec<u8> {
    let mut sealed = title(body);
    sealed.push_str(body);
    sealed.into_bytes()
}

/// The text behind the seal.
pub(super) fn open(bytes: &[u8]) -> Result<&str, Broken> {
    let text = std::str::from_utf8(bytes);
    let Ok(text) = text else {
        return Err(if bytes.starts_with(MAGIC.as_bytes()) {
            Broken::Torn
        } else {
            Broken::Foreign
        });
    };
    let Some((first, body)) = text.split_once('\n') else {
        // A file that was cut within its first line, or is empty, may well have been ours.
        let ours = text.starts_with(MAGIC) || MAGIC.starts_with(text);
        return Err(if ours { Broken::Torn } else { Broken::Foreign });
    };
    let mut words = first.split(' ');
    if words.next() != Some(MAGIC) {
        return Err(Broken::Foreign);
    }
    match words.next().and_then(|version| version.parse().ok()) {
        Some(VERSION) => {}
        Some(version) => return Err(Broken::Version(version)),
        None => return Err(Broken::Torn),
    }
    // Compared as text: there is only one way to write it.
    let is_whole = text.len() - body.len() == title(body).len() && text.starts_with(&title(body));
    if is_whole { Ok(body) } else { Err(Broken::Torn) }
}

fn title(body: &str) -> String {
    let mut title = format!("{MAGIC} {VERSION} ");
    // Writing into a string cannot fail.
    let _ = writeln!(title, "{} {:016x}", body.len(), checksum(body.as_bytes()));
    title
}

fn checksum(bytes: &[u8]) -> u64 {
    const START: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    bytes
        .iter()
        .fold(START, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(PRIME))
}
