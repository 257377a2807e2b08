//! Whether a change comes from our own page, or another site's page lets a browser send it with the operator's password.
//!
//! Browsers say where a form comes from, scripts do not. So what has our token, or says nothing of an origin, is heard;
//! what says another origin is not.

use std::hash::{BuildHasher, RandomState};

use hyper::HeaderMap;
use hyper::header::{HOST, ORIGIN};
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

/// Whether a browser says that another site's page has sent it.
pub(super) fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|v| v.to_str().unwrap_or("?"));
    if let Some(site) = text("sec-fetch-site") {
        return !matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(ORIGIN.as_str()) else {
        return false;
    };
    let host = origin.split_once("://").map(|(_, host)| host);
    host.is_none() || host != text(HOST.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_foreign() {
        let rows: [(&[(&str, &str)], bool); 9] = [
            (&[], false),
            (&[("host", "lb:8404")], false),
            (&[("host", "lb:8404"), ("origin", "http://lb:8404")], false),
            (&[("host", "lb:8404"), ("origin", "https://lb:8404")], false),
            (&[("host", "lb:8404"), ("origin", "http://evil.example")], true),
            (&[("host", "lb:8404"), ("origin", "null")], true),
            (
                &[("sec-fetch-site", "same-origin"), ("origin", "http://behind.a.proxy")],
                false,
            ),
            (&[("sec-fetch-site", "same-site")], true),
            (&[("sec-fetch-site", "cross-site")], true),
        ];
        for (given, expect) in rows {
            let mut headers = HeaderMap::new();
            for (name, value) in given {
                let name: hyper::header::HeaderName = name.parse().expect("a name");
                headers.insert(name, value.parse().expect("a value"));
            }
            assert_eq!(is_foreign(&headers), expect, "{given:?}");
        }
    }

    #[test]
    fn tokens_differ() {
        let (one, two) = (Token::new(), Token::new());
        assert!(one.is(one.as_str()) && !one.is(two.as_str()) && !one.is(""));
        assert_eq!(one.as_str().len(), 32);
    }
}
