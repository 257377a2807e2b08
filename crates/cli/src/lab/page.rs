//! The lab's page: what runs, who has the address, and a field for the words of the prompt. On loopback, for one person.
//!
//! A page of somewhere else must not reach it through the person's browser: the request has to name this address, and an
//! order has to come from this page.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::obey;
use super::shared::Shared;
use super::stage::{Next, Stage};

const PAGE: &str = include_str!("page.html");
const LONGEST_HEAD: usize = 16 << 10;
const LONGEST_BODY: usize = 1 << 10;
const PATIENCE: Duration = Duration::from_secs(5);

struct Request {
    method: String,
    path: String,
    host: String,
    origin: Option<String>,
    body: String,
}

/// Visitors at a time.
const MOST: usize = 32;

/// As long as the process lives.
pub fn serve(listener: TcpListener, at: SocketAddr, stage: &Shared<Stage>) {
    let stage = stage.clone();
    // Who goes away before the answer needs none.
    welcome(listener, move |stream| drop(answer(stream, at, &stage)));
}

/// A thread each: browsers open connections ahead and say nothing on them, and an order may wait.
fn welcome(listener: TcpListener, visit: impl Fn(TcpStream) + Clone + Send + 'static) {
    let visitors = Arc::new(());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Itself is one of them.
            if Arc::strong_count(&visitors) > MOST {
                continue;
            }
            let (visit, visitor) = (visit.clone(), Arc::clone(&visitors));
            let begun = std::thread::Builder::new().spawn(move || {
                visit(stream);
                drop(visitor);
            });
            // Who finds no thread finds the page closed for the moment.
            begun.ok();
        }
    });
}

fn answer(mut stream: TcpStream, at: SocketAddr, stage: &Shared<Stage>) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = read(&mut stream)?;
    let (status, kind, body) = respond(&request, at, stage);
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         Content-Security-Policy: default-src 'self' 'unsafe-inline'; frame-ancestors 'none'\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

fn respond(request: &Request, at: SocketAddr, stage: &Shared<Stage>) -> (&'static str, &'static str, String) {
    const TEXT: &str = "text/plain; charset=utf-8";
    const JSON: &str = "application/json";
    if !request.is_for(at) {
        return ("403 Forbidden", TEXT, "this page is for this machine only\n".into());
    }
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/") => ("200 OK", "text/html; charset=utf-8", PAGE.into()),
        ("GET", "/state") => match stage.with(Stage::state) {
            Some(state) => ("200 OK", JSON, state.to_string()),
            None => ("503 Service Unavailable", TEXT, "the lab has ended\n".into()),
        },
        ("POST", "/do") => {
            let said = match obey(stage, &request.body) {
                Ok(Next::Say(words)) => json!({ "ok": true, "said": words }),
                Ok(Next::End) => json!({ "ok": false, "said": "the lab ends at its prompt" }),
                Err(error) => json!({ "ok": false, "said": format!("{error:#}") }),
            };
            ("200 OK", JSON, said.to_string())
        }
        _ => ("404 Not Found", TEXT, "there is / and /state, and POST /do\n".into()),
    }
}

impl Request {
    fn is_for(&self, at: SocketAddr) -> bool {
        let names = [at.to_string(), format!("localhost:{}", at.port())];
        let own = |origin: &String| names.iter().any(|name| *origin == format!("http://{name}"));
        names.contains(&self.host) && (self.method == "GET" || self.origin.as_ref().is_none_or(own))
    }
}

fn read(stream: &mut impl Read) -> io::Result<Request> {
    let bad = || io::Error::from(ErrorKind::InvalidData);
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if bytes.len() > LONGEST_HEAD {
            return Err(bad());
        }
        more(stream, &mut bytes)?;
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let field = |name: &str| {
        let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines
            .into_iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
    };
    let mut words = head.split_whitespace();
    let (method, path) = (
        words.next().ok_or_else(bad)?.to_owned(),
        words.next().ok_or_else(bad)?.to_owned(),
    );
    let length = field("content-length").map_or(Ok(0), |n| n.parse::<usize>().map_err(|_| bad()))?;
    if length > LONGEST_BODY {
        return Err(bad());
    }
    while bytes.len() < end + length {
        more(stream, &mut bytes)?;
    }
    Ok(Request {
        method,
        path,
        host: field("host").unwrap_or_default(),
        origin: field("origin"),
        body: String::from_utf8_lossy(&bytes[end..end + length]).into_owned(),
    })
}

fn more(stream: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer)? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        count => {
            bytes.extend_from_slice(&buffer[..count]);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Request {
        read(&mut text.as_bytes()).unwrap()
    }

    #[test]
    fn only_this_page_gives_orders() {
        let at: SocketAddr = "127.0.0.1:8400".parse().unwrap();
        let post =
            |more: &str| request(&format!("POST /do HTTP/1.1\r\n{more}Content-Length: 4\r\n\r\nmend")).is_for(at);
        assert!(post("Host: 127.0.0.1:8400\r\n"));
        assert!(post("host: localhost:8400\r\nOrigin: http://localhost:8400\r\n"));
        assert!(!post("Host: 127.0.0.1:8400\r\nOrigin: http://elsewhere.example\r\n"));
        assert!(
            !post("Host: elsewhere.example\r\n"),
            "a name that was pointed at loopback"
        );
        assert!(!post(""));
    }

    #[test]
    fn nobody_waits_for_another_visitor() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        welcome(listener, |mut stream| {
            let mut byte = [0];
            if stream.read_exact(&mut byte).is_ok() {
                let _ = stream.write_all(&byte);
            }
        });
        let _silent = TcpStream::connect(at).unwrap();
        let mut second = TcpStream::connect(at).unwrap();
        second.set_read_timeout(Some(PATIENCE)).unwrap();
        second.write_all(b"x").unwrap();
        second.read_exact(&mut [0]).unwrap();
    }

    #[test]
    fn a_request_is_read_whole_and_within_bounds() {
        let read_one = request("POST /do HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nmend and more");
        assert_eq!((read_one.path.as_str(), read_one.body.as_str()), ("/do", "mend"));
        for text in [
            "GET",
            "GET / HTTP/1.1\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n",
        ] {
            assert!(read(&mut text.as_bytes()).is_err(), "{text}");
        }
        assert!(read(&mut io::repeat(b'x')).is_err());
    }
}
