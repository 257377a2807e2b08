//! SASL's PLAIN, which both AMQPs have.

/// Who a client says it is: authorization id, NUL, name, NUL, password (RFC 4616). The first of these is not looked at.
pub(crate) fn plain(response: &[u8]) -> Option<(Box<str>, Box<str>)> {
    let parts: Vec<&[u8]> = response.split(|byte| *byte == 0).collect();
    let [_, user, password] = parts[..] else { return None };
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).map(Box::from).ok();
    text(user).zip(text(password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_texts_and_two_zeros_between_them() {
        let both = |user: &str, password: &str| Some((user.into(), password.into()));
        for (response, who) in [
            (&b"\0user\0secret"[..], both("user", "secret")),
            (b"other\0user\0", both("user", "")),
            (b"user\0secret", None),
            (b"\0user\0sec\0ret", None),
            (b"\0user\0\xff", None),
            (b"", None),
        ] {
            assert_eq!(plain(response), who, "{response:?}");
        }
    }
}
