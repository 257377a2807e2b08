//! The handshake with a client, before its connection is a session.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use tandem_sys::relay::Endpoint;
use tandem_time::Mono;
use tandem_tls::{Connection, Listener};

use super::tally::Spoken;
use super::{HandshakeError, Tls};
use crate::worker::Worker;

/// Why a client did not come in.
#[derive(Debug)]
pub(crate) enum Refusal {
    Handshake(HandshakeError),
    Late,
    /// The process ends.
    Stopped,
}

/// Makes the acquaintance of a client. One who is refused may be asked who it was.
pub(crate) async fn greet(
    worker: &Rc<Worker>,
    socket: Endpoint,
    listener: Arc<Listener>,
    spoken: Spoken,
    until: Option<Mono>,
) -> Result<Box<Tls>, (Refusal, Box<Tls>)> {
    let tls = Box::new(Tls::new(socket, Connection::accept(listener), spoken));
    let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
    let place = worker.registry.register(waker);
    let due = until.unwrap_or(Mono::FAR);
    let mut timer = pin!(tokio::time::sleep_until(worker.clock.instant(due).into()));
    let done = poll_fn(|cx: &mut Context<'_>| match tls.poll_established(cx) {
        _ if place.sentence().is_some() => Poll::Ready(Err(Refusal::Stopped)),
        Poll::Ready(done) => Poll::Ready(done.map_err(Refusal::Handshake)),
        Poll::Pending if timer.as_mut().poll(cx).is_ready() => Poll::Ready(Err(Refusal::Late)),
        Poll::Pending => Poll::Pending,
    });
    let done = done.await;
    if let Err(Refusal::Handshake(why)) = &done {
        tracing::debug!(%why, "a client does not get through the handshake");
        // What it sent and nobody read would turn the end, and the alert before it, into a reset.
        tls.endpoint().dismiss(&mut worker.scratch.borrow_mut());
    }
    match done {
        Ok(()) => Ok(tls),
        Err(why) => Err((why, tls)),
    }
}

impl Refusal {
    /// What the log says about it, if anything, and whether that is more than that the client went away.
    pub(crate) fn said(&self) -> Option<(Said, bool)> {
        Some(match self {
            Refusal::Handshake(HandshakeError::Closed) => (Said::Closed, false),
            Refusal::Handshake(HandshakeError::Io(_)) => (Said::Broken, false),
            Refusal::Handshake(HandshakeError::Failed(why)) if why.is_distrust() => (Said::Distrusted, true),
            Refusal::Handshake(HandshakeError::Failed(_)) => (Said::Failed, true),
            Refusal::Late => (Said::Late, true),
            Refusal::Stopped => return None,
        })
    }
}

/// In HAProxy's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Closed,
    Broken,
    Failed,
    Distrusted,
    Late,
}

impl Said {
    /// By which HAProxy knows it (`fc_err`).
    pub(crate) const fn number(self) -> u8 {
        match self {
            Said::Closed => 24,
            Said::Broken => 25,
            Said::Late => 26,
            Said::Distrusted => 31,
            Said::Failed => 34,
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Said::Closed => "Connection closed during SSL handshake",
            Said::Broken => "Connection error during SSL handshake",
            Said::Failed => "SSL handshake failure",
            Said::Distrusted => "SSL client certificate not trusted",
            Said::Late => "Timeout during SSL handshake",
        })
    }
}
