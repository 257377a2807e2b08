//! Whether a change comes from our own page, or another site's page lets a browser send it with the operator's password.
//!
//! Browsers say where a form comes from, scripts do not. So a change that a browser sends needs our token, and a script that
//! says nothing of an origin is heard without. That the origin is the host that was asked proves nothing: a name that was
//! led to this address (DNS rebinding) is the same in both.

use std::hash::{BuildHasher, RandomState};

use hyper::HeaderMap;
use hyper::header::{HOST, HeaderName, HeaderValue, ORIGIN, REFERER};
use tandem_lb_core::secret;

/// A word that only our own pages know, new with each start.
pub(super) struct Token(String);

impl Token {
    pub(super) fn new() -> Token {
        Token(drawn())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn is(&self, word: &str) -> bool {
        secret::same(self.0.as_bytes(), word.as_bytes())
    }
}

/// A word for one answer, by which the browser knows the page's own script and style.
pub(super) fn nonce() -> String {
    drawn()
}

/// 128 bits from what the standard library draws from the system for its hash maps.
fn drawn() -> String {
    let draw = |salt: u8| RandomState::new().hash_one(salt);
    format!("{:016x}{:016x}", draw(0), draw(1))
}

/// Whether a browser has sent it, or somebody followed another site.
pub(super) fn needs_token(headers: &HeaderMap) -> bool {
    let by_browser = |name: &HeaderName| *name == ORIGIN || name.as_str().starts_with("sec-fetch-");
    headers.keys().any(by_browser) || headers.get_all(REFERER).iter().any(|from| !is_ours(from, headers))
}

/// Whether an address is of the host that was asked.
fn is_ours(address: &HeaderValue, headers: &HeaderMap) -> bool {
    let text = |value: &HeaderValue| value.to_str().map(str::to_owned).ok();
    let host = text(address).and_then(|address| {
        let (_, rest) = address.split_once("://")?;
        rest.split(['/', '?', '#']).next().map(str::to_owned)
    });
    host.is_some() && host == headers.get(HOST).and_then(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_needs_the_token() {
        let rows: [(&[(&str, &str)], bool); 12] = [
            (&[], false),
            (&[("host", "lb:8404")], false),
            (&[("host", "lb:8404"), ("origin", "http://lb:8404")], true),
            (&[("host", "lb:8404"), ("origin", "http://evil.example")], true),
            // As after DNS rebinding.
            (&[("host", "evil.example"), ("origin", "http://evil.example")], true),
            (&[("host", "lb:8404"), ("origin", "null")], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-mode", "navigate")], true),
            (&[("host", "lb:8404"), ("referer", "http://lb:8404/stats;up")], false),
            (
                &[("host", "lb:8404"), ("referer", "http://lb:8404.evil.example/")],
                true,
            ),
            (&[("host", "lb:8404"), ("referer", "about:blank")], true),
            (&[("referer", "http://lb:8404/")], true),
        ];
        for (given, expect) in rows {
            let mut headers = HeaderMap::new();
            for (name, value) in given {
                let name: HeaderName = name.parse().expect("a name");
                headers.insert(name, value.parse().expect("a value"));
            }
            assert_eq!(needs_token(&headers), expect, "{given:?}");
        }
    }

    #[test]
    fn tokens_differ() {
        let (one, two) = (Token::new(), Token::new());
        assert!(one.is(one.as_str()) && !one.is(two.as_str()) && !one.is(""));
        assert_eq!(one.as_str().len(), 32);
    }
}
