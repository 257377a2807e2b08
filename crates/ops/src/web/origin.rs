//! Whether a change comes from our own page, or another site's page lets a browser send it with the operator's password.
//!
//! Browsers say where a form comes from, scripts do not. So a change that a browser sends needs our token, and a script that
//! says nothing of an origin is heard without. That the origin is the host that was asked proves nothing: a name that was
//! led to this address (DNS rebinding) is the same in both.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;

use hyper::HeaderMap;
use hyper::header::{HOST, HeaderName, ORIGIN, REFERER};
use tandem_text::secret;

/// So many characters has a word that was drawn.
const LENGTH: usize = 32;

/// A word that only our own pages know, new with each start. A successor goes on with it: pages that are open stay ours.
#[derive(Clone)]
pub struct Token(Arc<str>);

impl Token {
    /// That of the process before, where it has said one.
    pub fn after(before: Option<&str>) -> Token {
        let whole = before.filter(|word| word.len() == LENGTH);
        Token(whole.map_or_else(|| drawn().into(), Arc::from))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is(&self, word: &str) -> bool {
        secret::same(self.0.as_bytes(), word.as_bytes())
    }
}

/// A word for one answer, by which the browser knows the page's own script and style.
pub fn nonce() -> String {
    drawn()
}

/// 128 bits from what the standard library draws from the system for its hash maps.
fn drawn() -> String {
    let draw = |salt: u8| RandomState::new().hash_one(salt);
    format!("{:016x}{:016x}", draw(0), draw(1))
}

/// Whether a browser has sent it. Old ones say no more than which page they come from.
pub fn needs_token(headers: &HeaderMap) -> bool {
    let by_browser = |name: &HeaderName| [ORIGIN, REFERER].contains(name) || name.as_str().starts_with("sec-fetch-");
    headers.keys().any(by_browser)
}

/// Whether it was asked for by a name that nobody else can have led here: an address, or a name without a dot, as hosts have
/// it among themselves. Where no password keeps strangers out, a page that comes by any other name could read the token
/// itself.
pub fn is_asked_by_address(headers: &HeaderMap) -> bool {
    let is_address = |host: &str| {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        !name.contains('.') && bare.is_none() || bare.unwrap_or(name).parse::<IpAddr>().is_ok()
    };
    let mut hosts = headers.get_all(HOST).iter();
    hosts.all(|host| host.to_str().is_ok_and(is_address))
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
            (&[("host", "lb:8404"), ("referer", "http://lb:8404/stats;up")], true),
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
    fn which_names_nobody_else_can_lead_here() {
        for (host, expect) in [
            ("127.0.0.1:8161", true),
            ("127.0.0.1", true),
            ("[::1]:8161", true),
            ("[::1]", true),
            ("localhost:8161", true),
            ("broker1", true),
            ("evil.example", false),
            ("evil.example:8161", false),
            ("127.0.0.1.evil.example:8161", false),
            ("localhost.evil.example", false),
            ("[evil.example]:1", false),
            ("evil.example:x", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().expect("a value"));
            assert_eq!(is_asked_by_address(&headers), expect, "{host}");
            headers.append(HOST, "evil.example".parse().expect("a value"));
            assert!(!is_asked_by_address(&headers), "each of them counts");
        }
        assert!(is_asked_by_address(&HeaderMap::new()), "no browser leaves it out");
    }

    #[test]
    fn tokens_differ() {
        let (one, two) = (Token::after(None), Token::after(Some("")));
        assert!(one.is(one.as_str()) && !one.is(two.as_str()) && !one.is("") && !two.is(""));
        assert_eq!([&one, &two].map(|token| token.as_str().len()), [LENGTH; 2]);
        assert!(Token::after(Some(one.as_str())).is(one.as_str()));
    }
}
