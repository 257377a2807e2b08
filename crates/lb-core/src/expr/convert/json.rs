//! Texts inside of the quotes of JSON (RFC 8259, section 7), in ASCII only.

use std::fmt::Write as _;

/// What the bytes are taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Each byte is a letter.
    Bytes,
    Utf8 {
        /// What is no letter is left out; otherwise nothing comes of a text that has it.
        skips: bool,
        /// Letters that are longer than they need to be are letters.
        permits_long: bool,
    },
}

pub(super) fn escape(bytes: &[u8], taken: Taken) -> Option<Vec<u8>> {
    let mut out = String::with_capacity(bytes.len());
    match taken {
        Taken::Bytes => bytes.iter().for_each(|byte| put((*byte).into(), &mut out)),
        Taken::Utf8 { skips, permits_long } => {
            let mut rest = bytes;
            while !rest.is_empty() {
                let (letter, behind) = next(rest, permits_long);
                match letter {
                    Some(letter) => put(letter, &mut out),
                    None if skips => {}
                    None => return None,
                }
                rest = behind;
            }
        }
    }
    Some(out.into_bytes())
}

fn put(letter: u16, out: &mut String) {
    let short = match letter {
        0x08 => 'b',
        0x09 => 't',
        0x0a => 'n',
        0x0c => 'f',
        0x0d => 'r',
        0x22 => '"',
        0x2f => '/',
        0x5c => '\\',
        0x20..0x7f => return out.extend(char::from_u32(letter.into())),
        _ => {
            // Writing to a string cannot fail.
            let _ = write!(out, "\\u{letter:04x}");
            return;
        }
    };
    out.push('\\');
    out.push(short);
}

/// The first letter, when there is one that four digits can say, and what is behind it.
fn next(bytes: &[u8], permits_long: bool) -> (Option<u16>, &[u8]) {
    let (first, rest) = match bytes {
        [first, rest @ ..] => (*first, rest),
        [] => return (None, bytes),
    };
    let (more, bits) = match first {
        ..0x80 => return (Some(first.into()), rest),
        0xc0..0xe0 => (1, first & 0x1f),
        0xe0..0xf0 => (2, first & 0x0f),
        0xf0..0xf8 => (3, first & 0x07),
        _ => return (None, rest),
    };
    let following = rest.iter().take(more).take_while(|byte| **byte & 0xc0 == 0x80).count();
    let behind = &rest[following..];
    if following < more {
        return (None, behind);
    }
    let value = rest[..more]
        .iter()
        .fold(u32::from(bits), |value, byte| value << 6 | u32::from(byte & 0x3f));
    let least = [0, 0x80, 0x800, 0x1_0000][more];
    let is_letter = char::from_u32(value).is_some() && (value >= least || permits_long);
    (u16::try_from(value).ok().filter(|_| is_letter), behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn utf8(skips: bool, permits_long: bool) -> Taken {
        Taken::Utf8 { skips, permits_long }
    }

    fn shown(bytes: &[u8], taken: Taken) -> Option<String> {
        escape(bytes, taken).map(|out| String::from_utf8(out).expect("ASCII"))
    }

    #[test]
    fn letters_that_need_it() {
        let odd = b"a\"b\\c/d\x08\x0c\n\r\t\x01\x7f~ ";
        let escaped = r#"a\"b\\c\/d\b\f\n\r\t\u0001\u007f~ "#;
        for taken in [Taken::Bytes, utf8(false, false), utf8(true, true)] {
            assert_eq!(shown(odd, taken).as_deref(), Some(escaped));
        }
    }

    #[test]
    fn what_is_no_letter() {
        let umlaut = "\u{e4}\u{20ac}".as_bytes();
        assert_eq!(
            shown(umlaut, Taken::Bytes).as_deref(),
            Some(r"\u00c3\u00a4\u00e2\u0082\u00ac")
        );
        assert_eq!(shown(umlaut, utf8(false, false)).as_deref(), Some(r"\u00e4\u20ac"));
        // A lone continuation, one that is missing, a surrogate, a letter for which four digits are too few.
        for odd in [
            &b"a\x80b"[..],
            b"a\xc3b",
            b"a\xed\xa0\x80b",
            "a\u{1f600}b".as_bytes(),
            b"a\xffb",
        ] {
            assert_eq!(shown(odd, utf8(false, true)), None, "{odd:?}");
            assert_eq!(shown(odd, utf8(true, false)).as_deref(), Some("ab"), "{odd:?}");
        }
        let long = b"a\xc0\xafb";
        assert_eq!(shown(long, utf8(false, false)), None);
        assert_eq!(shown(long, utf8(true, false)).as_deref(), Some("ab"));
        assert_eq!(shown(long, utf8(false, true)).as_deref(), Some(r"a\/b"));
    }
}
