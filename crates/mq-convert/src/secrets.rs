//! What nobody else is to read: receipts, complaints and the lines that they show do not repeat it.

/// What such a thing is called, at the end of its name.
const MARKS: [&str; 3] = ["password", "passphrase", "securitytoken"];

/// No password is longer, and no file takes long.
const LONGEST: usize = 4096;

/// Whether a setting of this name holds it.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    MARKS.iter().any(|mark| name.ends_with(mark))
}

/// A text of as many bytes, with stars where a password, a token or the like stands: `password="…"`, `…Password=…` in an
/// address, `<property name="password" value="…"/>`, `<cluster-password>…</cluster-password>`.
pub(crate) fn without_secrets(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut bytes = text.as_bytes().to_vec();
    for mark in MARKS {
        for (at, _) in lower.match_indices(mark) {
            let (from, to) = value_behind(&lower, at + mark.len());
            // Lines stay lines.
            let value = bytes[from..to].iter_mut().filter(|byte| **byte != b'\n');
            value.for_each(|byte| *byte = b'*');
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// From where to where the value is that belongs to a name that ends here; nowhere if none does.
fn value_behind(text: &str, end: usize) -> (usize, usize) {
    let rest = &text[end..];
    let up_to = |from: usize, ends: &[char]| {
        let value = &text[from..text.floor_char_boundary(from + LONGEST)];
        (from, from + value.find(ends).unwrap_or(value.len()))
    };
    if rest.starts_with('>') {
        return up_to(end + 1, &['<']);
    }
    // The name itself may be the value of `name`.
    let inner = rest.trim_start_matches(['"', '\'']).trim_start();
    let inner = inner.strip_prefix("value").unwrap_or(inner).trim_start();
    let Some(value) = inner.strip_prefix('=') else {
        return (end, end);
    };
    let value = value.trim_start();
    let from = text.len() - value.len();
    match value.chars().next() {
        Some(quote @ ('"' | '\'')) => up_to(from + 1, &[quote]),
        _ => up_to(from, &['&', ';', ',', ')', '"', '\'', '<', ' ', '\n']),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_repeated() {
        for (text, shown) in [
            (
                "tcp://a:1?keyStorePassword=abc;x=1&password=d",
                "tcp://a:1?keyStorePassword=***;x=1&password=*",
            ),
            ("<a zkPassword = \"a b\" b='c'/>", "<a zkPassword = \"***\" b='c'/>"),
            (
                "<property name='password' value='xy'/>",
                "<property name='password' value='**'/>",
            ),
            (
                "<cluster-password>xyz</cluster-password>",
                "<cluster-password>***</cluster-password>",
            ),
            (
                "<password-codec>x</password-codec> password",
                "<password-codec>x</password-codec> password",
            ),
            ("password=\u{e9}", "password=**"),
            ("a password=", "a password="),
        ] {
            assert_eq!(without_secrets(text), shown);
        }
        assert!(is_secret("zkPassword") && !is_secret("passwordCodec"));
    }
}
