//! `option httpchk`: one request, and what its answer must be.

use super::answer::Verdict;
use super::matcher::Content;
use crate::health::CheckStatus;

/// The request of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    pub method: Box<str>,
    pub uri: Box<str>,
    pub version: Box<str>,
    pub headers: Vec<(Box<str>, Box<str>)>,
    pub body: Box<str>,
}

impl Default for HttpRequest {
    /// What `option httpchk` sends without arguments.
    fn default() -> Self {
        HttpRequest {
            method: "OPTIONS".into(),
            uri: "/".into(),
            version: "HTTP/1.0".into(),
            headers: Vec::new(),
            body: "".into(),
        }
    }
}

impl HttpRequest {
    pub fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} {}\r\n", self.method, self.uri, self.version);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        // One check, one connection.
        text.push_str("Connection: close\r\n");
        if !self.body.is_empty() {
            text.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        text.push_str("\r\n");
        text.push_str(&self.body);
        text.into_bytes()
    }
}

/// What `http-check expect` demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpExpect {
    /// 200 to 399: what is expected when nothing is said.
    Usual,
    /// Any of these, both ends included.
    Status(Vec<(u16, u16)>),
    StatusText(Content),
    Body(Content),
}

/// The first line and the rest of an answer.
struct Reply<'a> {
    code: u16,
    reason: &'a str,
    body: &'a [u8],
}

impl HttpExpect {
    pub(super) fn look(&self, bytes: &[u8], closed: bool, negated: bool) -> Verdict {
        let reply = match read(bytes) {
            Ok(Some(reply)) => reply,
            Ok(None) if !closed => return Verdict::More,
            Ok(None) | Err(()) => {
                return Verdict::Fail {
                    status: CheckStatus::L7Response,
                    code: None,
                    info: None,
                };
            }
        };
        let wrong_status = || Verdict::fail_with(CheckStatus::L7Status, reply.code, reply.reason);
        let pass = || Verdict::Pass {
            code: Some(reply.code),
            info: None,
        };
        let is_met = match self {
            HttpExpect::Usual => (200..400).contains(&reply.code),
            HttpExpect::Status(ranges) => ranges.iter().any(|(from, to)| (*from..=*to).contains(&reply.code)),
            HttpExpect::StatusText(content) => content.is_in(format!("{:03}", reply.code).as_bytes()),
            HttpExpect::Body(content) => return body(content, &reply, closed, negated),
        };
        if is_met != negated { pass() } else { wrong_status() }
    }
}

fn body(content: &Content, reply: &Reply<'_>, closed: bool, negated: bool) -> Verdict {
    let found = content.is_in(reply.body);
    if found != negated && (found || closed) {
        return Verdict::Pass {
            code: Some(reply.code),
            info: None,
        };
    }
    match (found, closed) {
        (false, false) => Verdict::More,
        (false, true) => Verdict::fail(CheckStatus::L7Response, "HTTP content check did not match"),
        (true, _) => Verdict::fail(CheckStatus::L7Response, "HTTP check matched unwanted content"),
    }
}

/// `None` until the head is whole; an error when it is no HTTP.
fn read(bytes: &[u8]) -> Result<Option<Reply<'_>>, ()> {
    const BEGIN: &[u8] = b"HTTP/1.";
    let common = bytes.len().min(BEGIN.len());
    if bytes[..common] != BEGIN[..common] {
        return Err(());
    }
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = std::str::from_utf8(line).map_err(|_| ())?;
    let mut words = line.splitn(3, ' ');
    let code = words.nth(1).and_then(|code| code.parse().ok()).ok_or(())?;
    Ok(Some(Reply {
        code,
        reason: words.next().unwrap_or_default(),
        body: &bytes[end + 4..],
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &[u8] = b"HTTP/1.0 200 Fine\r\nX: y\r\n\r\nall is well";
    const BAD: &[u8] = b"HTTP/1.1 503 Some Reason\r\n\r\nsorry";

    /// The status word and the code, as recorded from HAProxy 2.6.12.
    fn seen(expect: &HttpExpect, bytes: &[u8], closed: bool, negated: bool) -> String {
        match expect.look(bytes, closed, negated) {
            Verdict::More => "more".to_owned(),
            Verdict::Pass { code, .. } => format!("pass {}", code.unwrap()),
            Verdict::Fail { status, info, .. } => format!("{status} {}", info.unwrap_or_default()),
        }
    }

    #[test]
    fn answers_mean_what_haproxy_says() {
        let text = |text: &str| HttpExpect::Body(Content::Text(text.into()));
        let is_503 = HttpExpect::Status(vec![(503, 503)]);
        let of_5 = HttpExpect::StatusText(Content::Regex(regex::bytes::Regex::new("^5").unwrap()));
        for (expect, bytes, closed, negated, expected) in [
            (&HttpExpect::Usual, OK, false, false, "pass 200"),
            (&HttpExpect::Usual, BAD, false, false, "L7STS Some Reason"),
            (&HttpExpect::Usual, &b"HTTP/1.0 200"[..], false, false, "more"),
            (&HttpExpect::Usual, b"HTTP/1.0 200", true, false, "L7RSP "),
            (&HttpExpect::Usual, b"this is", false, false, "L7RSP "),
            (&HttpExpect::Usual, b"", true, false, "L7RSP "),
            (&is_503, OK, false, false, "L7STS Fine"),
            (&is_503, BAD, false, false, "pass 503"),
            (&of_5, OK, false, true, "pass 200"),
            (&of_5, BAD, false, true, "L7STS Some Reason"),
            (&text("well"), OK, false, false, "pass 200"),
            (&text("well"), BAD, false, false, "more"),
            (
                &text("well"),
                BAD,
                true,
                false,
                "L7RSP HTTP content check did not match",
            ),
            (
                &text("sorry"),
                BAD,
                false,
                true,
                "L7RSP HTTP check matched unwanted content",
            ),
            (&text("sorry"), OK, true, true, "pass 200"),
            (&text("sorry"), OK, false, true, "more"),
        ] {
            assert_eq!(
                seen(expect, bytes, closed, negated),
                expected,
                "{expect:?} {closed} {negated}"
            );
        }
    }

    #[test]
    fn the_request_is_as_it_was_asked_for() {
        let usual = HttpRequest::default();
        assert_eq!(usual.bytes(), b"OPTIONS / HTTP/1.0\r\nConnection: close\r\n\r\n");
        let own = HttpRequest {
            method: "POST".into(),
            version: "HTTP/1.1".into(),
            headers: vec![("Host".into(), "h".into())],
            body: "hi".into(),
            ..usual
        };
        let text = String::from_utf8(own.bytes()).unwrap();
        assert_eq!(
            text,
            "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"
        );
    }
}
