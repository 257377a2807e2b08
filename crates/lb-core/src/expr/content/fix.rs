//! Messages of FIX (Financial Information eXchange), as far as one is told from another: whether one is whole and well
//! formed, and the value under a tag.
//!
//! ```text
//!   8=FIX.4.4 | 9=LENGTH | 35=TYPE | … | 10=CHECKSUM |        each `|` is the byte 1
//! ```

use std::str::FromStr;

const END: u8 = 1;

const VERSIONS: [&[u8]; 6] = [b"FIX.4.0", b"FIX.4.1", b"FIX.4.2", b"FIX.4.3", b"FIX.4.4", b"FIXT.1.1"];

/// `10=123` and its end.
const TRAILER: usize = 7;

/// A field by its number.
pub type Tag = u32;

/// The names that tags go by.
pub const NAMED: [(&str, Tag); 6] = [
    ("BeginString", 8),
    ("BodyLength", 9),
    ("MsgType", 35),
    ("SenderCompID", 49),
    ("TargetCompID", 56),
    ("CheckSum", 10),
];

/// Whether this begins with a message; `None` when more would have to come to know.
pub fn is_valid(bytes: &[u8]) -> Option<bool> {
    let Some((begin, rest)) = next_field(bytes) else {
        return if may_begin(bytes) { None } else { Some(false) };
    };
    if begin
        .strip_prefix(b"8=")
        .is_none_or(|version| !VERSIONS.contains(&version))
    {
        return Some(false);
    }
    let (length, body) = next_field(rest)?;
    let Some(length) = length.strip_prefix(b"9=").and_then(number::<usize>) else {
        return Some(false);
    };
    let (kind, _) = next_field(body)?;
    if !kind.starts_with(b"35=") {
        return Some(false);
    }
    let before = bytes.len() - body.len();
    let end = before.checked_add(length)?;
    let trailer = bytes.get(end..end.checked_add(TRAILER)?)?;
    let sum = bytes[..end].iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    Some(trailer == format!("10={sum:03}\x01").as_bytes() && are_fields(&bytes[before..end]))
}

/// Numbers with values, to the last byte. HAProxy takes empty values, whatever its manual says.
fn are_fields(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some((field, behind)) = next_field(rest) {
        let equals = field.iter().position(|byte| *byte == b'=').unwrap_or_default();
        if equals == 0 || !field[..equals].iter().all(u8::is_ascii_digit) {
            return false;
        }
        rest = behind;
    }
    rest.is_empty()
}

/// The value under the first tag of this number.
pub fn value(bytes: &[u8], tag: Tag) -> Option<&[u8]> {
    let mut rest = bytes;
    while let Some((field, behind)) = next_field(rest) {
        let equals = field.iter().position(|byte| *byte == b'=')?;
        if number::<Tag>(&field[..equals])? == tag {
            return Some(&field[equals + 1..]);
        }
        rest = behind;
    }
    None
}

/// Digits only, without a sign.
fn number<N: FromStr>(digits: &[u8]) -> Option<N> {
    let is_number = digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()
}

fn next_field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == END)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// Whether what has come so far is how a message begins.
fn may_begin(bytes: &[u8]) -> bool {
    VERSIONS
        .iter()
        .any(|version| [b"8=", *version].concat().starts_with(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGON: &str = "8=FIX.4.4|9=65|35=A|49=CLIENT|56=SERVER|34=1|52=20260101-00:00:00|98=0|108=30|10=000|";

    /// With the right length and sum.
    fn message(text: &str) -> Vec<u8> {
        let bytes = text.replace('|', "\x01");
        let (begin, rest) = bytes.split_once("9=65\x01").expect("a length");
        let (body, _) = rest.split_once("10=000").expect("a trailer");
        let whole = format!("{begin}9={}\x01{body}", body.len());
        let sum = whole.bytes().fold(0u8, u8::wrapping_add);
        format!("{whole}10={sum:03}\x01").into_bytes()
    }

    #[test]
    fn a_message_and_each_beginning_of_it() {
        let logon = message(LOGON);
        assert_eq!(is_valid(&logon), Some(true));
        for length in 0..logon.len() {
            assert_eq!(is_valid(&logon[..length]), None, "{length}");
        }
        assert_eq!(
            is_valid(&[&logon[..], b"8=FIX"].concat()),
            Some(true),
            "the next one begins"
        );
    }

    #[test]
    fn what_is_none() {
        let changed = |from: &str, to: &str| {
            let text = String::from_utf8(message(LOGON)).expect("letters");
            is_valid(text.replace(from, to).as_bytes())
        };
        assert_eq!(
            is_valid(&message("8=FIX.4.4|9=65|35=A|49=|10=000|")),
            Some(true),
            "no value"
        );
        assert_eq!(
            is_valid(&message("8=FIX.4.4|9=65|35=A|x=1|10=000|")),
            Some(false),
            "no number"
        );
        for (from, to) in [
            ("FIX.4.4", "FIX.9.9"),
            ("8=", "7="),
            ("\x019=", "\x018="),
            ("35=A", "36=A"),
            // The sum is another one then.
            ("CLIENT", "CLIENS"),
            ("9=6", "9=x"),
            ("9=6", "9=+6"),
        ] {
            assert_eq!(changed(from, to), Some(false), "{from} {to}");
        }
        assert_eq!(is_valid(b"GET / HTTP/1.1\r\n"), Some(false));
        assert_eq!(
            is_valid(b"8=FIX.4.4\x019=99999999999999999999\x0135=A\x01"),
            Some(false)
        );
        assert_eq!(
            is_valid(format!("8=FIX.4.4\x019={}\x0135=A\x01", usize::MAX).as_bytes()),
            None
        );
    }

    #[test]
    fn values_by_tag() {
        let logon = message(LOGON);
        assert_eq!(value(&logon, 49), Some(&b"CLIENT"[..]));
        assert_eq!(value(&logon, 108), Some(&b"30"[..]));
        assert_eq!(value(&logon, 1), None);
        assert_eq!(value(b"x=1\x0149=a\x01", 49), None);
        assert_eq!(value(b"+49=a\x01", 49), None);
    }
}
