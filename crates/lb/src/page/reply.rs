//! Answers, with the headers that HAProxy gives them.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Bytes, Frame, SizeHint};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use hyper::header::{REFRESH, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use tandem_lb_core::stats::prometheus::Format;
use tandem_ops::web;

use super::site::Ledger;
use crate::http::{Kept, Outgoing, Reader};

/// What the page's realm is called when the configuration does not say.
const REALM: &str = "HAProxy Statistics";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Json,
    Metrics(Format),
}

impl Kind {
    fn media_type(self) -> &'static str {
        match self {
            Kind::Text => "text/plain",
            Kind::Json => "application/json",
            Kind::Metrics(Format::Text) => "text/plain; version=0.0.4",
            Kind::Metrics(Format::OpenMetrics) => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

pub(super) fn reply(kind: Kind, text: String, refresh: Option<Duration>) -> Response<Body> {
    let mut response = plain(StatusCode::OK, kind.media_type(), text);
    refreshed(&mut response, refresh);
    response
}

fn refreshed(response: &mut Response<Body>, refresh: Option<Duration>) {
    if let Some(every) = refresh {
        set(response, REFRESH, &every.as_secs().max(1).to_string());
    }
}

/// The page. Nothing but its own script and style runs in it, and no other page may show it in a frame.
pub(super) fn html(text: String, nonce: &str, refresh: Option<Duration>) -> Response<Body> {
    let mut response = plain(StatusCode::OK, "text/html; charset=utf-8", text);
    response.body_mut().is_page = true;
    refreshed(&mut response, refresh);
    web::guard(response.headers_mut(), nonce);
    response
}

pub(super) fn unauthorized(realm: Option<&str>) -> Response<Body> {
    let text = "<html><body><h1>401 Unauthorized</h1>\nYou need a user and a password to see this.\n</body></html>\n";
    let mut response = plain(StatusCode::UNAUTHORIZED, "text/html", text.to_owned());
    let realm = realm.unwrap_or(REALM).replace(['"', '\\'], "");
    set(&mut response, WWW_AUTHENTICATE, &format!("Basic realm=\"{realm}\""));
    response
}

/// Whoever asks is not to see it.
pub(super) fn forbidden() -> Response<Body> {
    let text = "<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>\n";
    plain(StatusCode::FORBIDDEN, "text/html", text.to_owned())
}

/// What was asked for does not exist.
pub(super) fn bad_request() -> Response<Body> {
    let text = "<html><body><h1>400 Bad request</h1>\nYour browser sent an invalid request.\n</body></html>\n";
    plain(StatusCode::BAD_REQUEST, "text/html", text.to_owned())
}

/// Nothing is here: to a client it looks as if no server were there, as with HAProxy.
pub(super) fn unavailable() -> Response<Body> {
    let text = "<html><body><h1>503 Service Unavailable</h1>\nNothing is served here.\n</body></html>\n";
    plain(StatusCode::SERVICE_UNAVAILABLE, "text/html", text.to_owned())
}

/// What was asked for is there, and could not be said.
pub(super) fn broken() -> Response<Body> {
    let text = "<html><body><h1>500 Internal Server Error</h1>\nThe figures cannot be written.\n</body></html>\n";
    plain(StatusCode::INTERNAL_SERVER_ERROR, "text/html", text.to_owned())
}

/// Others read so much that there is no room for another answer.
fn crowded() -> Response<Body> {
    let text = "<html><body><h1>503 Service Unavailable</h1>\nOthers are reading; ask again later.\n</body></html>\n";
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, "text/html", text.to_owned());
    set(&mut response, RETRY_AFTER, "5");
    response
}

/// The answer, when there is room for it. A small one always has it.
pub(super) async fn held(mut response: Response<Body>, by: &Outgoing, reader: Reader) -> Response<Body> {
    let bytes = response.body().len();
    if bytes <= Body::PIECE {
        return response;
    }
    let room = match response.body().is_page {
        true => &by.pages,
        false => &by.figures,
    };
    match room.keep(bytes, reader).await {
        Some(kept) => response.body_mut()._kept = Some(kept),
        None => response = crowded(),
    }
    response
}

pub(super) fn see_other(to: &str) -> Response<Body> {
    let mut response = plain(StatusCode::SEE_OTHER, "text/plain", String::new());
    set(&mut response, LOCATION, to);
    response
}

fn plain(status: StatusCode, media_type: &str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    set(&mut response, CACHE_CONTROL, "no-cache");
    set(&mut response, CONTENT_TYPE, media_type);
    response
}

/// A value that may not stand in a header is left out; the configuration's text may be anything.
fn set(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// A body that is there at once, and goes out in pieces as its client reads.
pub(crate) struct Body {
    rest: Bytes,
    /// People read it.
    is_page: bool,
    /// Where what goes out is counted.
    ledger: Option<Ledger>,
    _kept: Option<Kept>,
}

impl Body {
    /// Goes out at a time.
    pub(super) const PIECE: usize = 64 * 1024;

    pub(super) fn is_counted_in(&mut self, ledger: Ledger) {
        self.ledger = Some(ledger);
    }

    pub(crate) fn len(&self) -> usize {
        self.rest.len()
    }
}

impl From<String> for Body {
    fn from(mut text: String) -> Body {
        // What a string keeps in reserve would stay for as long as its client reads.
        text.shrink_to_fit();
        Body {
            rest: text.into(),
            is_page: false,
            ledger: None,
            _kept: None,
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let most = self.rest.len().min(Body::PIECE);
        let piece = self.rest.split_to(most);
        if let Some(ledger) = &self.ledger {
            ledger.sent(most);
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len() as u64)
    }
}
