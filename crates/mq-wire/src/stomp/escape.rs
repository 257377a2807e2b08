//! Header escapes: `\n \c \\` from 1.1, `\r` too from 1.2, none in 1.0 (STOMP 1.2, "Value Encoding").

use super::Version;

/// What a backslash and a letter stand for.
pub(super) fn unescape(text: &str, version: Version) -> Option<Box<str>> {
    if version == Version::V1_0 || !text.contains('\\') {
        return Some(text.into());
    }
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            plain.push(letter);
            continue;
        }
        // Anything else after a backslash is a fatal error, the specification says.
        plain.push(match letters.next()? {
            'n' => '\n',
            'c' => ':',
            '\\' => '\\',
            'r' if version == Version::V1_2 => '\r',
            _ => return None,
        });
    }
    Some(plain.into())
}

/// Appends `text` as it travels. What a version cannot say (a line end in 1.0, a carriage return in 1.1) becomes a space,
/// because a frame that ends early would be worse.
pub(super) fn escape(text: &str, version: Version, escapes: bool, out: &mut impl Extend<u8>) {
    for byte in text.bytes() {
        let special: &[u8] = match byte {
            b'\0' => b" ",
            b'\n' if !escapes || version == Version::V1_0 => b" ",
            b'\r' if !escapes || version != Version::V1_2 => b" ",
            _ if !escapes || version == Version::V1_0 => &[byte],
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b':' => b"\\c",
            b'\\' => b"\\\\",
            _ => &[byte],
        };
        out.extend(special.iter().copied());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_has_its_escapes() {
        for (text, version, plain) in [
            (r"a\nb\cc\\d", Version::V1_2, Some("a\nb:c\\d")),
            (r"a\nb\cc\\d", Version::V1_1, Some("a\nb:c\\d")),
            (r"a\nb\cc\\d", Version::V1_0, Some(r"a\nb\cc\\d")),
            (r"a\rb", Version::V1_2, Some("a\rb")),
            (r"a\rb", Version::V1_1, None),
            (r"a\tb", Version::V1_2, None),
            ("a\\", Version::V1_2, None),
            ("plain", Version::V1_1, Some("plain")),
        ] {
            assert_eq!(unescape(text, version).as_deref(), plain, "{text} {version:?}");
        }
    }

    #[test]
    fn what_cannot_be_said_never_ends_a_line() {
        for version in Version::ALL {
            for escapes in [true, false] {
                let mut out = Vec::new();
                escape("a\nb\rc:d\\e\0f", version, escapes, &mut out);
                assert!(!out.contains(&b'\n') && !out.contains(&b'\0'), "{version:?} {escapes}");
            }
        }
    }
}
