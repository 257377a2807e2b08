//! Basic authentication (RFC 7617).

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use tandem_text::base64;

/// `user:password`, as a browser sends it.
pub fn given(headers: &HeaderMap) -> Option<Vec<u8>> {
    let value = headers.get(AUTHORIZATION)?;
    credentials(value.as_bytes())
}

/// `user:password` out of `Basic dXNlcjpwYXNzd29yZA==`.
fn credentials(value: &[u8]) -> Option<Vec<u8>> {
    let (scheme, rest) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    base64::decode(rest.trim_ascii(), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_sends() {
        for (value, expect) in [
            ("Basic YTpi", Some("a:b")),
            ("basic  YTpi ", Some("a:b")),
            ("Basic YTo=", Some("a:")),
            ("Bearer YTpi", None),
            ("Basic", None),
            ("Basic !", None),
        ] {
            assert_eq!(
                credentials(value.as_bytes()).as_deref(),
                expect.map(str::as_bytes),
                "{value}"
            );
        }
    }
}
