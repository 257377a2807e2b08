//! `option httpchk`: one request, and what its answer must be.

use regex::bytes::Regex;

use super::Text;
use super::answer::Verdict;
use super::matcher::Content;
use crate::expr::Context;
use crate::health::CheckStatus;

/// The request of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    pub method: Box<str>,
    pub uri: Text,
    pub version: Box<str>,
    pub headers: Vec<(Box<str>, Text)>,
    pub body: Text,
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
    pub fn bytes(&self, context: &dyn Context) -> Vec<u8> {
        let (uri, body) = (self.uri.bytes(context), self.body.bytes(context));
        let mut request = Vec::new();
        let mut line = |parts: &[&[u8]]| {
            parts.iter().for_each(|part| request.extend_from_slice(part));
            request.extend_from_slice(b"\r\n");
        };
        line(&[self.method.as_bytes(), b" ", &uri, b" ", self.version.as_bytes()]);
        for (name, value) in &self.headers {
            line(&[name.as_bytes(), b": ", &value.bytes(context)]);
        }
        // One check, one connection.
        line(&[b"Connection: close"]);
        if !body.is_empty() {
            line(&[b"Content-Length: ", body.len().to_string().as_bytes()]);
        }
        line(&[]);
        request.extend_from_slice(&body);
        request
    }
}

/// What `http-check expect` demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpExpect {
    /// 200 to 399: what is expected when nothing is said.
    Usual,
    /// The same, and a server that answers 404 takes nobody new (`disable-on-404`).
    UsualOrGone,
    /// Any of these, both ends included.
    Status(Vec<(u16, u16)>),
    StatusText(Content),
    Body(Content),
    /// A header of such a name, and its value, if that matters: one of those that commas part, or the whole.
    Header {
        name: Match,
        value: Option<Match>,
        is_whole: bool,
    },
}

/// How a name or a value of a header is compared.
#[derive(Clone, Debug)]
pub enum Match {
    Is(Text),
    Begins(Text),
    Ends(Text),
    Has(Text),
    Regex(Regex),
}

impl Match {
    fn fits(&self, text: &[u8], folds: bool, context: &dyn Context) -> bool {
        let folded = |bytes: &[u8]| {
            if folds {
                bytes.to_ascii_lowercase()
            } else {
                bytes.to_vec()
            }
        };
        let (wanted, text) = match self {
            Match::Regex(regex) => return regex.is_match(text),
            Match::Is(wanted) | Match::Begins(wanted) | Match::Ends(wanted) | Match::Has(wanted) => {
                (folded(&wanted.bytes(context)), folded(text))
            }
        };
        match self {
            Match::Is(_) | Match::Regex(_) => text == wanted,
            Match::Begins(_) => text.starts_with(&wanted),
            Match::Ends(_) => text.ends_with(&wanted),
            Match::Has(_) => wanted.is_empty() || text.windows(wanted.len()).any(|window| window == wanted),
        }
    }
}

impl PartialEq for Match {
    fn eq(&self, other: &Match) -> bool {
        match (self, other) {
            (Match::Is(a), Match::Is(b))
            | (Match::Begins(a), Match::Begins(b))
            | (Match::Ends(a), Match::Ends(b))
            | (Match::Has(a), Match::Has(b)) => a == b,
            (Match::Regex(a), Match::Regex(b)) => a.as_str() == b.as_str(),
            _ => false,
        }
    }
}

impl Eq for Match {}

/// The first line and the rest of an answer.
struct Reply<'a> {
    code: u16,
    reason: &'a str,
    /// Lines of names and values.
    head: &'a [u8],
    body: &'a [u8],
}

impl HttpExpect {
    pub(super) fn look(&self, bytes: &[u8], closed: bool, negated: bool, context: &dyn Context) -> Verdict {
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
            HttpExpect::UsualOrGone if reply.code == 404 => {
                return Verdict::Fail {
                    status: CheckStatus::L7OkConditionally,
                    code: Some(reply.code),
                    // HAProxy names the code alone here, and no reason.
                    info: None,
                };
            }
            HttpExpect::Usual | HttpExpect::UsualOrGone => (200..400).contains(&reply.code),
            HttpExpect::Status(ranges) => ranges.iter().any(|(from, to)| (*from..=*to).contains(&reply.code)),
            HttpExpect::StatusText(content) => content.is_in(format!("{:03}", reply.code).as_bytes(), context),
            HttpExpect::Body(content) => return body(content, &reply, closed, negated, context),
            HttpExpect::Header { name, value, is_whole } => {
                let is_there = has(reply.head, name, value.as_ref(), *is_whole, context);
                if is_there == negated {
                    return Verdict::fail_with(CheckStatus::L7Status, reply.code, reply.reason);
                }
                is_there
            }
        };
        if is_met != negated { pass() } else { wrong_status() }
    }
}

/// Whether a header is there.
fn has(head: &[u8], name: &Match, value: Option<&Match>, is_whole: bool, context: &dyn Context) -> bool {
    head.split(|byte| *byte == b'\n').any(|line| {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return false;
        };
        let (known, said) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        let Some(value) = value else {
            return name.fits(known, true, context);
        };
        name.fits(known, true, context)
            && match is_whole {
                true => value.fits(said, false, context),
                false => said
                    .split(|byte| *byte == b',')
                    .any(|part| value.fits(part.trim_ascii(), false, context)),
            }
    })
}

fn body(content: &Content, reply: &Reply<'_>, closed: bool, negated: bool, context: &dyn Context) -> Verdict {
    let found = content.is_in(reply.body, context);
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
        head: bytes[..end].splitn(2, |byte| *byte == b'\n').nth(1).unwrap_or_default(),
        body: &bytes[end + 4..],
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::run::tests::Nobody;

    const OK: &[u8] = b"HTTP/1.0 200 Fine\r\nX: y\r\n\r\nall is well";
    const BAD: &[u8] = b"HTTP/1.1 503 Some Reason\r\n\r\nsorry";

    /// The status word and the code, as recorded from HAProxy 2.6.12.
    fn seen(expect: &HttpExpect, bytes: &[u8], closed: bool, negated: bool) -> String {
        match expect.look(bytes, closed, negated, &Nobody) {
            Verdict::More => "more".to_owned(),
            Verdict::Pass { code, .. } => format!("pass {}", code.unwrap()),
            Verdict::Fail { status, info, .. } => format!("{status} {}", info.unwrap_or_default()),
        }
    }

    #[test]
    fn answers_mean_what_haproxy_says() {
        let text = |text: &str| HttpExpect::Body(Content::Text(text.into()));
        let is_503 = HttpExpect::Status(vec![(503, 503)]);
        let of_5 = HttpExpect::StatusText(Content::Regex(Regex::new("^5").unwrap()));
        for (expect, bytes, closed, negated, expected) in [
            (&HttpExpect::Usual, OK, false, false, "pass 200"),
            (&HttpExpect::Usual, BAD, false, false, "L7STS Some Reason"),
            (&HttpExpect::Usual, &b"HTTP/1.0 200"[..], false, false, "more"),
            (&HttpExpect::Usual, b"HTTP/1.0 200", true, false, "L7RSP "),
            (&HttpExpect::Usual, b"this is", false, false, "L7RSP "),
            (&HttpExpect::Usual, b"", true, false, "L7RSP "),
            (
                &HttpExpect::UsualOrGone,
                b"HTTP/1.0 404 Gone\r\n\r\n",
                false,
                false,
                "L7OKC ",
            ),
            (&HttpExpect::UsualOrGone, BAD, false, false, "L7STS Some Reason"),
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
    fn headers_are_there_or_not() {
        let reply = b"HTTP/1.0 200 Fine\r\nX-Role: Primary, writable\r\nServer: y\r\n\r\n";
        let header = |name: Match, value: Option<Match>, is_whole: bool| HttpExpect::Header { name, value, is_whole };
        let is = |text: &str| Match::Is(text.into());
        for (expect, found) in [
            (header(is("x-role"), None, false), true),
            (header(is("x-rol"), None, false), false),
            (header(Match::Begins("X-".into()), Some(is("writable")), false), true),
            (header(is("X-Role"), Some(is("writable")), true), false),
            (header(is("X-Role"), Some(Match::Has("ary, w".into())), true), true),
            (header(is("X-Role"), Some(is("primary")), false), false),
            (
                header(
                    Match::Ends("ver".into()),
                    Some(Match::Regex(Regex::new("^y$").unwrap())),
                    true,
                ),
                true,
            ),
        ] {
            let said = seen(&expect, reply, true, false);
            assert_eq!(said.starts_with("pass"), found, "{expect:?}: {said}");
            assert_ne!(
                seen(&expect, reply, true, true).starts_with("pass"),
                found,
                "{expect:?}"
            );
        }
    }

    #[test]
    fn the_request_is_as_it_was_asked_for() {
        let usual = HttpRequest::default();
        assert_eq!(usual.bytes(&Nobody), b"OPTIONS / HTTP/1.0\r\nConnection: close\r\n\r\n");
        let own = HttpRequest {
            method: "POST".into(),
            version: "HTTP/1.1".into(),
            headers: vec![("Host".into(), "h".into())],
            body: "hi".into(),
            ..usual
        };
        let text = String::from_utf8(own.bytes(&Nobody)).unwrap();
        assert_eq!(
            text,
            "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"
        );
    }
}
