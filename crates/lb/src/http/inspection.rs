//! What rules for contents say of a request to a page.
//!
//! They are asked once its head is there, as in HAProxy, and again as more comes or time passes. The bytes stay in the
//! socket.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tandem_lb_core::expr::content::Content;
use tandem_lb_core::rules::Verdict;
use tandem_sys::sockopt;
use tokio::time::{Sleep, sleep, timeout};

use super::guest::{Guest, HEADER_TIME};
use crate::rules::{Scene, Subject};
use crate::wire::Wire;

/// How far the rules are.
#[derive(Default)]
struct Inspection {
    /// What they wait for at most, once they wait.
    patience: Option<Pin<Box<Sleep>>>,
    /// The rule that waits for a look-up.
    waits_at: Option<usize>,
}

/// Whether they let him pass. Whom they do not has been counted, and his socket made ready to be closed.
pub(super) async fn passes(guest: &mut Guest, wire: &Wire) -> io::Result<bool> {
    if guest.frontend.plan.requests.content.is_empty() {
        return Ok(true);
    }
    let most = HEADER_TIME + guest.frontend.plan.requests.inspect_delay;
    let mut inspection = Inspection::default();
    let verdict = timeout(most, poll_fn(|cx| inspection.poll(cx, guest, wire))).await??;
    let ttl = match verdict {
        Verdict::Pass | Verdict::Wait | Verdict::LookUp { .. } => return Ok(true),
        Verdict::Reject | Verdict::Close => None,
        Verdict::Drop { ttl } => Some(ttl),
    };
    guest.frontend.denied(guest.listener, |denials| &denials.requests);
    if let Some(ttl) = ttl {
        sockopt::vanish_on_close(wire.socket(), ttl)?;
    }
    Ok(false)
}

impl Inspection {
    fn poll(&mut self, cx: &mut Context<'_>, guest: &mut Guest, wire: &Wire) -> Poll<io::Result<Verdict>> {
        let worker = guest.worker.clone();
        let frontend = guest.frontend.clone();
        let requests = &frontend.plan.requests;
        let mut scratch = worker.scratch.borrow_mut();
        let most = frontend.plan.inspected as usize;
        let peeked = wire.peek(cx, &mut scratch, most)?;
        let is_all = peeked.is_end || peeked.bytes.len() >= most;
        if !is_all && !is_head(peeked.bytes) {
            return Poll::Pending;
        }
        guest.known().settle();
        let mut subject = guest.subject.take();
        let verdict = loop {
            let Some(subject) = subject.as_deref_mut() else {
                break Verdict::Pass;
            };
            let is_late = match &mut self.patience {
                Some(patience) => patience.as_mut().poll(cx).is_ready(),
                None => requests.inspect_delay == Duration::ZERO,
            };
            let content = Content {
                bytes: peeked.bytes,
                is_final: is_all || is_late,
            };
            let arrival = guest.arrival(wire);
            let mut scene = Scene {
                content: Some(content),
                ..arrival.scene(subject)
            };
            let verdict = requests.content.go_on(self.waits_at.take(), &requests.acls, &mut scene);
            match verdict {
                Verdict::LookUp { rule } => {
                    self.waits_at = Some(rule);
                    if is_looked_up(cx, subject, content.is_final) {
                        continue;
                    }
                }
                Verdict::Wait => {}
                decided => break decided,
            }
            if self.patience.is_some() {
                break verdict;
            }
            // Asked again at once, so that the timer knows whom to wake.
            self.patience = Some(Box::pin(sleep(requests.inspect_delay)));
        };
        guest.subject = subject;
        match verdict {
            Verdict::Wait | Verdict::LookUp { .. } => Poll::Pending,
            decided => Poll::Ready(Ok(decided)),
        }
    }
}

/// Whether the look-up is over; for whoever may not wait any longer it is.
fn is_looked_up(cx: &mut Context<'_>, subject: &mut Subject, is_final: bool) -> bool {
    subject.awaited.as_mut().is_none_or(|awaited| {
        if is_final {
            awaited.give_up();
        }
        awaited.poll_over(cx).is_ready()
    })
}

/// Whether the whole head of a request is there.
fn is_head(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    // What stands behind the last end of a line is no line yet.
    lines.next_back();
    lines.skip(1).any(|line| matches!(line, b"" | b"\r"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_head_ends() {
        for (bytes, is_whole) in [
            ("", false),
            ("GET / HTTP/1.0", false),
            ("GET / HTTP/1.0\r\n", false),
            ("GET / HTTP/1.0\r\n\r", false),
            ("GET / HTTP/1.0\r\n\r\n", true),
            ("GET / HTTP/1.0\n\n", true),
            ("GET / HTTP/1.1\r\nHost: a\r\n", false),
            ("POST / HTTP/1.1\r\nHost: a\r\n\r\nx=1", true),
            // Empty lines before a request are passed over.
            ("\r\nGET / HTTP/1.0\r\n", false),
        ] {
            assert_eq!(is_head(bytes.as_bytes()), is_whole, "{bytes:?}");
        }
    }
}
