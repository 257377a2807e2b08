//! `application/x-www-form-urlencoded`: names and values in order; a name may come several times.

use std::fmt::Write;

pub fn parse(body: &[u8]) -> Vec<(String, String)> {
    let pairs = body.split(|b| *b == b'&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let at = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
            let value = pair.get(at + 1..).unwrap_or_default();
            (decode(&pair[..at]), decode(value))
        })
        .collect()
}

/// A percent sign that no two digits follow stays as it is.
pub fn decode(text: &[u8]) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(digit(*high) << 4 | digit(*low));
                rest = after;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(*byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// RFC 3986: what is not unreserved goes in percent. It ends up in headers and links, so nothing else may pass.
pub fn encode(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing into a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

fn digit(hex: u8) -> u8 {
    match hex {
        b'0'..=b'9' => hex - b'0',
        b'a'..=b'f' => hex - b'a' + 10,
        _ => hex.wrapping_sub(b'A') + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_as_browsers_and_curl_send_them() {
        let pair = |n: &str, v: &str| (n.to_owned(), v.to_owned());
        assert_eq!(
            parse(b"s=a&s=b+c&b=%234&action=drain"),
            [
                pair("s", "a"),
                pair("s", "b c"),
                pair("b", "#4"),
                pair("action", "drain")
            ]
        );
        assert_eq!(parse(b"x&=y&&z="), [pair("x", ""), pair("", "y"), pair("z", "")]);
        assert_eq!(parse(b"a=%zz%4"), [pair("a", "%zz%4")]);
        assert_eq!(parse(b"a=%ff"), [pair("a", "\u{fffd}")]);
        assert!(parse(b"").is_empty());
    }
}
