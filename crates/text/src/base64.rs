//! Base 64 (RFC 4648 sections 4 and 5): the usual alphabet with padding, the one for URLs without.

const USUAL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const FOR_URLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn alphabet(url: bool) -> &'static [u8; 64] {
    if url { FOR_URLS } else { USUAL }
}

pub fn encode(bytes: &[u8], url: bool) -> Vec<u8> {
    let alphabet = alphabet(url);
    let mut out = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = (0..3).fold(0u32, |word, at| {
            word << 8 | u32::from(group.get(at).copied().unwrap_or(0))
        });
        for at in 0..4 {
            if at <= group.len() {
                out.push(alphabet[(word >> (18 - 6 * at) & 63) as usize]);
            } else if !url {
                out.push(b'=');
            }
        }
    }
    out
}

/// `None` for what is no such text.
pub fn decode(text: &[u8], url: bool) -> Option<Vec<u8>> {
    let padding = text.iter().rev().take_while(|b| **b == b'=').count();
    let digits = &text[..text.len() - padding];
    let padded = text.len().is_multiple_of(4) && padding <= 2;
    if digits.len() % 4 == 1 || !(url || padded) {
        return None;
    }
    let mut out = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.chunks(4) {
        let mut word = 0;
        for at in 0..4 {
            let value = match group.get(at) {
                Some(digit) => alphabet(url).iter().position(|known| known == digit)?,
                None => 0,
            };
            word = word << 6 | value as u32;
        }
        out.extend_from_slice(&word.to_be_bytes()[1..group.len()]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_texts() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9vYmFy", "foobar"),
            ("YTpi", "a:b"),
        ] {
            assert_eq!(decode(text.as_bytes(), false).as_deref(), Some(bytes.as_bytes()));
            assert_eq!(encode(bytes.as_bytes(), false), text.as_bytes());
        }
        for text in ["a b=", "Zg", "Zm8", "Z", "Zg=", "=", "===="] {
            assert_eq!(decode(text.as_bytes(), false), None, "{text}");
        }
    }
}
