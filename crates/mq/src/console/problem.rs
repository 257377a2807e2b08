//! Answers that are not what was asked for: why not, or where else.

use hyper::header::{ALLOW, HeaderValue, LOCATION, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use tandem_mq_core::broker::Refusal;

use super::{Format, view};

/// Why there is no such answer.
#[derive(Debug, PartialEq)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) text: String,
}

impl Problem {
    pub(super) fn bad(text: &str) -> Problem {
        Problem {
            status: StatusCode::BAD_REQUEST,
            text: text.to_owned(),
        }
    }

    pub(super) fn nowhere() -> Problem {
        Problem {
            status: StatusCode::NOT_FOUND,
            text: "there is nothing here".to_owned(),
        }
    }

    pub(super) fn ending() -> Problem {
        Problem {
            status: StatusCode::SERVICE_UNAVAILABLE,
            text: "the node is ending".to_owned(),
        }
    }

    pub(super) fn silent() -> Problem {
        Problem {
            status: StatusCode::SERVICE_UNAVAILABLE,
            text: "the broker has not answered in time: what was asked for may be done or not".to_owned(),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(why: Refusal) -> Problem {
        let status = match &why {
            Refusal::Denied { .. } => StatusCode::FORBIDDEN,
            Refusal::Missing(..) => StatusCode::NOT_FOUND,
            Refusal::Name(..) => StatusCode::BAD_REQUEST,
            _ => StatusCode::CONFLICT,
        };
        Problem {
            status,
            text: why.to_string(),
        }
    }
}

pub(super) fn see_other(to: &str) -> Response<String> {
    let mut response = view::plain(StatusCode::SEE_OTHER, String::new());
    // A link is made of what may stand in a header.
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}

pub(super) fn unauthorized(format: Format, why: &str) -> Response<String> {
    let mut response = refused(
        format,
        &Problem {
            status: StatusCode::UNAUTHORIZED,
            text: why.to_owned(),
        },
    );
    let asks = HeaderValue::from_static("Basic realm=\"Tandem MQ\", charset=\"UTF-8\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, asks);
    response
}

/// Whoever says no name must ask in a way that no other site's page can.
pub(super) fn misdirected(format: Format) -> Response<String> {
    let text = "without a password this is answered only where it is asked for by an address or a name without dots: a page of \
                another site could be behind any other name. Ask for its address, or give users names and passwords";
    let problem = Problem {
        status: StatusCode::MISDIRECTED_REQUEST,
        text: text.to_owned(),
    };
    refused(format, &problem)
}

pub(super) fn not_allowed(format: Format) -> Response<String> {
    let mut response = refused(
        format,
        &Problem {
            status: StatusCode::METHOD_NOT_ALLOWED,
            text: "GET shows, POST changes".to_owned(),
        },
    );
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
    response
}

/// Without a page around it.
pub(super) fn refused(format: Format, problem: &Problem) -> Response<String> {
    match format {
        Format::Json => view::json_of(problem),
        Format::Html => view::plain(problem.status, format!("{}\n", problem.text)),
    }
}
