//! Bytes as two hexadecimal digits each.

const LOWER: &[u8; 16] = b"0123456789abcdef";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";

pub fn lower(bytes: &[u8]) -> String {
    written(bytes, LOWER)
}

pub fn upper(bytes: &[u8]) -> String {
    written(bytes, UPPER)
}

/// In either case; `None` when there is anything but digits, or half a byte.
pub fn read(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |&[high, low]: &[u8; 2]| u8::try_from(digit(high)? * 16 + digit(low)?).ok();
    rest.is_empty().then(|| pairs.iter().map(byte).collect()).flatten()
}

fn written(bytes: &[u8], digits: &[u8; 16]) -> String {
    let both = |byte: &u8| [byte >> 4, byte & 15].map(|half| char::from(digits[usize::from(half)]));
    bytes.iter().flat_map(both).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(read(&lower(&all)).as_ref(), Some(&all));
        assert_eq!(read(&upper(&all)), Some(all));
        assert_eq!((lower(&[10, 255]), upper(&[10, 255])), ("0aff".into(), "0AFF".into()));
        assert_eq!(read(""), Some(Vec::new()));
    }

    #[test]
    fn nothing_else_can_be_read() {
        for text in ["0", "000", "0g", "+1", " 1", "\u{e9}", "0x00"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
