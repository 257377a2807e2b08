//! Before a session begins: the PROXY header of whoever stands before us, where one is expected.
//!
//! The bytes are looked at in the socket until the header is complete, and only the header is taken: what follows it is
//! the client's. HAProxy wants all of it in one segment; a network may cut where it likes, so the rest is waited for.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};

use tandem_lb_core::proxy_header::{self, Fault, Header, LONGEST, Progress};
use tandem_sys::relay::Endpoint;
use tandem_time::Mono;

use crate::registry::Registered;
use crate::worker::Worker;

/// Why there is none.
pub(super) enum Missing {
    /// `begun` if there were bytes.
    Fault { fault: Fault, begun: bool },
    /// The process ends.
    Stopped,
}

/// Waits for the header, and takes it from the stream.
pub(super) async fn receive(worker: &Worker, client: &Endpoint, until: Option<Mono>) -> Result<Header, Missing> {
    let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
    let mut wait = Wait {
        worker,
        client,
        place: worker.registry.register(waker),
        begun: false,
    };
    let due = until.unwrap_or(Mono::FAR);
    let mut timer = pin!(tokio::time::sleep_until(worker.clock.instant(due).into()));
    poll_fn(|cx| match wait.poll(cx) {
        Poll::Ready(done) => Poll::Ready(done),
        Poll::Pending if timer.as_mut().poll(cx).is_ready() => Poll::Ready(Err(wait.fault(Fault::Late))),
        Poll::Pending => Poll::Pending,
    })
    .await
}

struct Wait<'a> {
    worker: &'a Worker,
    client: &'a Endpoint,
    place: Registered,
    begun: bool,
}

impl Wait<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Header, Missing>> {
        if self.place.sentence().is_some() {
            return Poll::Ready(Err(Missing::Stopped));
        }
        let mut scratch = self.worker.scratch.borrow_mut();
        let Ok(peeked) = self.client.peek(cx, &mut scratch, LONGEST) else {
            return Poll::Ready(Err(self.fault(Fault::Closed)));
        };
        self.begun = !peeked.bytes.is_empty();
        let is_over = peeked.is_end || peeked.bytes.len() == LONGEST;
        let (header, length) = match proxy_header::read(peeked.bytes) {
            Ok(Progress::Complete(header, length)) => (header, length),
            Ok(Progress::Begun) if !is_over => return Poll::Pending,
            Ok(Progress::Begun) if self.begun => return Poll::Ready(Err(self.fault(Fault::Truncated))),
            Ok(Progress::Begun) => return Poll::Ready(Err(self.fault(Fault::Closed))),
            Err(fault) => return Poll::Ready(Err(self.fault(fault))),
        };
        Poll::Ready(match self.client.skip(&mut scratch, length) {
            Ok(()) => Ok(header),
            Err(_) => Err(self.fault(Fault::Closed)),
        })
    }

    fn fault(&self, fault: Fault) -> Missing {
        Missing::Fault {
            fault,
            begun: self.begun,
        }
    }
}
