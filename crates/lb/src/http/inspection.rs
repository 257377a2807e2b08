//! What rules for contents say of a request to a page.
//!
//! They are asked once its head is there, as in HAProxy, and again as more comes or time passes. Where there is no more to come
//! they wait for nothing. The bytes stay in the socket.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tandem_lb_core::expr::content::Content;
use tandem_lb_core::rules::Verdict;
use tandem_sys::sockopt;
use tokio::time::{Sleep, sleep, timeout};

use super::guest::{Guest, HEADER_TIME};
use crate::page::Counted;
use crate::rules::Asking;
use crate::wire::Wire;

/// How far the rules are.
#[derive(Default)]
struct Inspection {
    /// How long they may wait, from the first time that they are asked.
    patience: Option<Pin<Box<Sleep>>>,
    asking: Asking,
}

/// How much of a request is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    Begun,
    Head,
    Whole,
}

/// Whether they let him pass. Whom they do not has been counted, and told that this is the end or made to vanish.
pub(super) async fn passes(guest: &mut Guest, wire: &Wire, counted: &Counted<'_>) -> io::Result<bool> {
    if guest.frontend.plan.requests.content.is_empty() {
        return Ok(true);
    }
    let most = HEADER_TIME + guest.frontend.plan.requests.inspect_delay;
    let mut inspection = Inspection::default();
    let verdict = timeout(most, poll_fn(|cx| inspection.poll(cx, guest, wire))).await??;
    match verdict {
        Verdict::Pass | Verdict::Wait | Verdict::LookUp { .. } => return Ok(true),
        // He hears an end, and no reset because of what he has asked.
        Verdict::Reject | Verdict::Close => {
            let read = wire.dismiss(&mut guest.worker.scratch.borrow_mut());
            counted.heard(read);
            if let Some(subject) = &guest.subject {
                subject.trackers.carried(read, 0, guest.worker.clock.now());
            }
        }
        Verdict::Drop { ttl } => sockopt::vanish_on_close(wire.socket(), ttl)?,
    }
    guest.frontend.denied(guest.listener, |denials| &denials.requests);
    Ok(false)
}

impl Inspection {
    fn poll(&mut self, cx: &mut Context<'_>, guest: &mut Guest, wire: &Wire) -> Poll<io::Result<Verdict>> {
        let (worker, frontend) = (guest.worker.clone(), guest.frontend.clone());
        let requests = &frontend.plan.requests;
        let mut scratch = worker.scratch.borrow_mut();
        let most = frontend.plan.inspected as usize;
        let peeked = wire.peek(cx, &mut scratch, most)?;
        let extent = Extent::of(peeked.bytes);
        let is_all = extent == Extent::Whole || peeked.is_end || peeked.bytes.len() >= most;
        if !is_all && extent == Extent::Begun {
            return Poll::Pending;
        }
        let delay = requests.inspect_delay;
        let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(delay)));
        let is_late = delay.is_zero() || patience.as_mut().poll(cx).is_ready();
        let content = Content {
            bytes: peeked.bytes,
            is_final: is_all || is_late,
        };
        let mut subject = guest.subject.take().unwrap_or_else(|| guest.fresh());
        subject.settle();
        let arrival = guest.arrival(wire);
        let mut scene = arrival.scene(&mut subject);
        let verdict = self.asking.ask(cx, requests, (content, is_late), &mut scene);
        guest.subject = Some(subject);
        match verdict {
            Verdict::Wait | Verdict::LookUp { .. } => Poll::Pending,
            decided => Poll::Ready(Ok(decided)),
        }
    }
}

impl Extent {
    fn of(bytes: &[u8]) -> Extent {
        let Some(end) = end_of_head(bytes) else {
            return Extent::Begun;
        };
        let (head, body) = bytes.split_at(end);
        match length_of_body(head) {
            Some(length) if body.len() >= length => Extent::Whole,
            _ => Extent::Head,
        }
    }
}

/// Where the head of a request ends. Empty lines before it are passed over.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let (mut end, mut has_begun) = (0, false);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        end += line.len();
        if !matches!(line, b"\n" | b"\r\n") {
            has_begun = true;
        } else if has_begun {
            return Some(end);
        }
    }
    None
}

/// What follows a head; `None` where that is said in pieces, or cannot be read.
fn length_of_body(head: &[u8]) -> Option<usize> {
    let mut length = Some(0);
    for line in head.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            return None;
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            let value = std::str::from_utf8(value).ok();
            length = value.and_then(|value| value.trim().parse().ok());
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_much_is_there() {
        for (bytes, extent) in [
            ("", Extent::Begun),
            ("GET / HTTP/1.0", Extent::Begun),
            ("GET / HTTP/1.0\r\n", Extent::Begun),
            ("GET / HTTP/1.0\r\n\r", Extent::Begun),
            ("GET / HTTP/1.0\r\n\r\n", Extent::Whole),
            ("GET / HTTP/1.0\n\n", Extent::Whole),
            ("GET / HTTP/1.1\r\nHost: a\r\n", Extent::Begun),
            // Empty lines before a request are passed over.
            ("\r\nGET / HTTP/1.0\r\n", Extent::Begun),
            ("\r\n\r\nGET / HTTP/1.0\r\n", Extent::Begun),
            ("\r\n\r\nGET / HTTP/1.0\r\n\r\n", Extent::Whole),
            ("POST / HTTP/1.1\r\ncontent-LENGTH: 3 \r\n\r\nx=", Extent::Head),
            ("POST / HTTP/1.1\r\ncontent-LENGTH: 3 \r\n\r\nx=1", Extent::Whole),
            ("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\nx=1", Extent::Head),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", Extent::Head),
            ("GET http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n", Extent::Whole),
        ] {
            assert_eq!(Extent::of(bytes.as_bytes()), extent, "{bytes:?}");
        }
    }
}
