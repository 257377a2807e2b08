//! Asking a page, one request for each connection.

use std::io::{Read, Write};
use std::net::SocketAddr;

use crate::connect;

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    /// Empty when there is no such header.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value)
    }

    #[track_caller]
    fn parse(text: &str) -> Answer {
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no answer: {text:?}"));
        let mut lines = head.lines();
        let status = lines
            .next()
            .and_then(|l| l.split(' ').nth(1))
            .and_then(|s| s.parse().ok());
        let header = |line: &str| {
            line.split_once(':')
                .map(|(n, v)| (n.to_ascii_lowercase(), v.trim().to_owned()))
        };
        let headers: Vec<(String, String)> = lines.filter_map(header).collect();
        let is_chunked = headers.iter().any(|(n, v)| n == "transfer-encoding" && v == "chunked");
        Answer {
            status: status.unwrap_or_else(|| panic!("no status: {head}")),
            headers,
            body: if is_chunked { joined(body) } else { body.to_owned() },
        }
    }
}

/// The chunks of a body without their sizes.
fn joined(mut body: &str) -> String {
    let mut out = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap_or(0);
        out.push_str(rest.get(..size).unwrap_or(rest));
        body = rest.get(size + 2..).unwrap_or_default();
    }
    out
}

/// Sends a request with these further header lines, and reads until the end.
#[track_caller]
pub fn request(at: SocketAddr, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
    let mut lines = vec![
        format!("{method} {path} HTTP/1.1"),
        format!("Host: {at}"),
        "Connection: close".to_owned(),
    ];
    lines.extend(headers.iter().map(ToString::to_string));
    if !body.is_empty() {
        lines.push("Content-Type: application/x-www-form-urlencoded".to_owned());
        lines.push(format!("Content-Length: {}", body.len()));
    }
    let mut stream = connect(at);
    let text = format!("{}\r\n\r\n{body}", lines.join("\r\n"));
    stream.write_all(text.as_bytes()).expect("the request goes out");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer and its end");
    Answer::parse(&answer)
}

#[track_caller]
pub fn fetch(at: SocketAddr, path: &str) -> Answer {
    request(at, "GET", path, &[], "")
}
