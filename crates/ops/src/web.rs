//! What pages have in common that a daemon shows to its operator: who sends a form, who asks, who has to leave.
//!
//! Which pages there are and what they say is each daemon's own.

pub mod basic;
pub mod body;
pub mod form;
pub mod guests;
pub mod origin;
pub mod words;

use hyper::HeaderMap;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};

/// How all pages look, in light and in dark.
pub const STYLE: &str = include_str!("web/style.css");

/// Nothing but the page's own script and style runs in it, by this word, and no other page may show it in a frame.
pub fn guard(headers: &mut HeaderMap, nonce: &str) {
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    // What was drawn for it may stand in a header.
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
}
