//! The page over HTTP: its CSV, and its form. One request for each connection, and no more of HTTP than that needs.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);
/// Of one answer; a page of ten thousand servers is about 5 MB.
const LONGEST: u64 = 64 << 20;

/// `http://[USER:PASSWORD@]HOST[:PORT]/PATH`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// With the port.
    host: String,
    path: String,
    /// `USER:PASSWORD`
    credentials: Option<String>,
}

impl Page {
    /// `None` when it is no such address.
    pub(super) fn parse(text: &str) -> Option<Page> {
        let rest = text.strip_prefix("http://")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (credentials, host) = match authority.rsplit_once('@') {
            Some((credentials, host)) => (Some(credentials.to_owned()), host),
            None => (None, authority),
        };
        let has_port = host
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let path = path.split([';', '#']).next().unwrap_or_default();
        (!host.is_empty()).then(|| Page {
            host: if has_port {
                host.to_owned()
            } else {
                format!("{host}:80")
            },
            path: if path.is_empty() {
                "/".to_owned()
            } else {
                path.to_owned()
            },
            credentials,
        })
    }

    pub(super) fn csv(&self) -> io::Result<String> {
        let answer = self.request("GET", &format!("{};csv;norefresh", self.path), "")?;
        match answer.status {
            200 => Ok(answer.body),
            401 => Err(io::Error::other(
                "a user and a password are needed: http://USER:PASSWORD@HOST/PATH",
            )),
            other => Err(io::Error::other(format!("the page answered {other}"))),
        }
    }

    /// Sends the form. What came of it is in the address that the answer leads to.
    pub(super) fn act(&self, backend: &str, server: &str, action: &str) -> io::Result<String> {
        let form = format!("s={}&action={action}&b={}", encoded(server), encoded(backend));
        let answer = self.request("POST", &self.path, &form)?;
        let code = answer.location.split(";st=").nth(1).unwrap_or_default();
        Ok(match code.get(..4).unwrap_or_default() {
            "DONE" => String::new(),
            "NONE" => "nothing has changed".to_owned(),
            "DENY" => "the page may not change anything (stats admin)".to_owned(),
            other => format!("the page answered {} {other}", answer.status),
        })
    }

    fn request(&self, method: &str, path: &str, form: &str) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(&self.host)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
            self.host
        );
        if let Some(credentials) = &self.credentials {
            head += &format!("Authorization: Basic {}\r\n", base64(credentials.as_bytes()));
        }
        if !form.is_empty() {
            head += "Content-Type: application/x-www-form-urlencoded\r\n";
            head += &format!("Content-Length: {}\r\n", form.len());
        }
        stream.write_all(format!("{head}\r\n{form}").as_bytes())?;
        let mut bytes = Vec::new();
        stream.take(LONGEST).read_to_end(&mut bytes)?;
        Answer::parse(&String::from_utf8_lossy(&bytes)).ok_or_else(|| io::Error::other("this is no HTTP"))
    }
}

impl fmt::Display for Page {
    /// Without the password: it is shown on screens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.host, self.path)
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    location: String,
    body: String,
}

impl Answer {
    fn parse(text: &str) -> Option<Answer> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
        let header = |name: &str| {
            let mut pairs = head.lines().filter_map(|line| line.split_once(':'));
            pairs.find_map(|(n, value)| n.eq_ignore_ascii_case(name).then(|| value.trim().to_owned()))
        };
        let is_chunked = header("transfer-encoding").is_some_and(|how| how.eq_ignore_ascii_case("chunked"));
        Some(Answer {
            status,
            location: header("location").unwrap_or_default(),
            body: if is_chunked { joined(body) } else { body.to_owned() },
        })
    }
}

/// The chunks without their sizes (RFC 9112, 7.1).
fn joined(mut body: &str) -> String {
    let mut out = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16).unwrap_or(0);
        let Some(chunk) = rest.get(..size).filter(|chunk| !chunk.is_empty()) else {
            break;
        };
        out.push_str(chunk);
        body = rest.get(size + 2..).unwrap_or_default();
    }
    out
}

/// For a form: names of servers may hold anything but spaces.
fn encoded(text: &str) -> String {
    let each = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    each.collect()
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            out.push(if place > three.len() { '=' } else { char::from(digit) });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_pages() {
        let page = |host: &str, path: &str, credentials: Option<&str>| {
            Some(Page {
                host: host.to_owned(),
                path: path.to_owned(),
                credentials: credentials.map(ToOwned::to_owned),
            })
        };
        for (text, expect) in [
            ("http://lb1:8404/stats", page("lb1:8404", "/stats", None)),
            ("http://lb1", page("lb1:80", "/", None)),
            ("http://[::1]:8404/stats;up", page("[::1]:8404", "/stats", None)),
            (
                "http://a:b@c@lb1/haproxy?stats",
                page("lb1:80", "/haproxy?stats", Some("a:b@c")),
            ),
            ("http:///x", None),
            ("/run/lb.sock", None),
        ] {
            assert_eq!(Page::parse(text), expect, "{text}");
        }
        assert_eq!(
            Page::parse("http://a:secret@lb1/x").map(|p| p.to_string()).as_deref(),
            Some("http://lb1:80/x")
        );
    }

    #[test]
    fn answers_with_and_without_chunks() {
        for (text, expect) in [
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc",
                Some((200, "", "abc")),
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
                Some((200, "", "abc")),
            ),
            (
                "HTTP/1.1 303 See Other\r\nlocation: /;st=DONE\r\n\r\n",
                Some((303, "/;st=DONE", "")),
            ),
            ("nonsense", None),
            ("SSH-2.0\r\n\r\n", None),
        ] {
            let answer = Answer::parse(text);
            let seen = answer
                .as_ref()
                .map(|a| (a.status, a.location.as_str(), a.body.as_str()));
            assert_eq!(seen, expect, "{text}");
        }
    }

    #[test]
    fn texts_for_headers_and_forms() {
        for (text, expect) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("a:b", "YTpi"),
        ] {
            assert_eq!(base64(text.as_bytes()), expect);
        }
        assert_eq!(encoded("a-1/b&c"), "a-1%2Fb%26c");
    }
}
