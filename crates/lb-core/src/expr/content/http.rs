//! Whether bytes are a request of HTTP/1 (RFC 9112): its line and all of its headers.

use super::Read;

/// The head of a request, to the empty line behind it. Empty lines before it are passed over (RFC 9112 section 2.2).
pub(super) fn request(bytes: &[u8]) -> Read<()> {
    let mut bytes = bytes;
    while let Some(rest) = bytes.strip_prefix(b"\n").or_else(|| bytes.strip_prefix(b"\r\n")) {
        bytes = rest;
    }
    if bytes == b"\r" {
        return Read::Short;
    }
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').map(whole);
    match lines.next() {
        Some(Some(first)) if is_request_line(first) => {}
        Some(Some(_)) => return Read::Other,
        Some(None) if may_be_request_line(bytes) => return Read::Short,
        Some(None) => return Read::Other,
        None => return Read::Short,
    }
    for line in lines {
        match line {
            Some(b"") => return Read::Done(()),
            Some(header) if is_header(header) => {}
            Some(_) => return Read::Other,
            None => return Read::Short,
        }
    }
    Read::Short
}

/// A line without its end; `None` when that has not come.
fn whole(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_suffix(b"\n")?;
    Some(line.strip_suffix(b"\r").unwrap_or(line))
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_request_line(line: &[u8]) -> bool {
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let [method, target, version] = words[..] else {
        return false;
    };
    let is_version = |version: &[u8]| match version.strip_prefix(b"HTTP/") {
        Some([major, b'.', minor]) => major.is_ascii_digit() && minor.is_ascii_digit(),
        _ => false,
    };
    !method.is_empty()
        && method.iter().all(|byte| is_token(*byte))
        && !target.is_empty()
        && target.iter().all(|byte| byte.is_ascii_graphic())
        && is_version(version)
}

/// A method, and behind it nothing that could not be sent.
fn may_be_request_line(bytes: &[u8]) -> bool {
    let method = bytes.split(|byte| *byte == b' ').next().unwrap_or_default();
    let is_method = !method.is_empty() && method.iter().all(|byte| is_token(*byte));
    is_method
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_graphic() || b" \r".contains(byte))
}

fn is_header(line: &[u8]) -> bool {
    // A line that begins with a blank goes on with the one before.
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
    let is_folded = line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
    let is_named = name.len() < line.len() && !name.is_empty() && name.iter().all(|byte| is_token(*byte));
    (is_folded || is_named) && !line.contains(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> &'static str {
        match request(bytes) {
            Read::Done(()) => "is",
            Read::Other => "is not",
            Read::Short => "may be",
        }
    }

    #[test]
    fn requests_and_what_is_none() {
        let whole = b"GET /a?b HTTP/1.1\r\nHost: x\r\nA:\r\n b\r\n\r\nbody";
        assert_eq!(shown(whole), "is");
        for length in 1..whole.len() - b"body".len() {
            assert_eq!(shown(&whole[..length]), "may be", "{length}");
        }
        assert_eq!(shown(b"GET / HTTP/1.0\n\n"), "is");
        assert_eq!(shown(b"\r\n\nGET / HTTP/1.0\n\n"), "is");
        assert_eq!(shown(b"\r\n\r"), "may be");
        assert_eq!(shown(b"\rGET / HTTP/1.0\n\n"), "is not");
        for other in [
            &b"\x16\x03\x01\x02"[..],
            b"GET / HTTP/x.1\r\n\r\n",
            b"GET /\r\n\r\n",
            b"GET  / HTTP/1.1\r\n\r\n",
            b"AMQP\0\0\x09\x01",
            b"GET / HTTP/1.1\r\nno colon\r\n",
            b"GET / HTTP/1.1\r\n: x\r\n",
        ] {
            assert_eq!(shown(other), "is not", "{other:?}");
        }
    }
}
