//! Who may see the page by a name and a password of its own.

use hyper::HeaderMap;
use tandem_ops::web::basic;
use tandem_text::secret;

/// Whether these headers name one of the users. Without users everybody may see the page.
///
/// Every user is compared, and every byte of each, so that the time says nothing about which part was right.
pub(super) fn may_see(users: &[(String, String)], headers: &HeaderMap) -> bool {
    if users.is_empty() {
        return true;
    }
    let Some(given) = basic::given(headers) else {
        return false;
    };
    users.iter().fold(false, |found, (user, password)| {
        let known = [user.as_bytes(), b":", password.as_bytes()].concat();
        found | secret::same(&given, &known)
    })
}

#[cfg(test)]
mod tests {
    use hyper::header::AUTHORIZATION;

    use super::*;

    #[test]
    fn who_may() {
        let users = [("a", "b"), ("admin", "s3cret:x")].map(|(u, p)| (u.to_owned(), p.to_owned()));
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().expect("a header value"));
            headers
        };
        assert!(may_see(&[], &HeaderMap::new()));
        assert!(!may_see(&users, &HeaderMap::new()));
        assert!(may_see(&users, &with("Basic YTpi")));
        assert!(may_see(&users, &with("basic YWRtaW46czNjcmV0Ong=")));
        for wrong in [
            "Basic YTpj",
            "Basic YTo=",
            "Bearer YTpi",
            "Basic",
            "Basic !",
            "Basic YWI6",
        ] {
            assert!(!may_see(&users, &with(wrong)), "{wrong}");
        }
    }
}
