//! A connection's task: what begins it, and what leads it to its end.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tandem_sys::relay::Endpoint;

use super::Session;
use super::counted::AtFrontend;
use super::greeting::Comer;
use crate::admission::Permit;
use crate::wire::Wire;
use crate::worker::{Accepted, Begins, Seat, Worker};

/// Leads a connection from accept to its log line.
pub(crate) fn run(worker: Rc<Worker>, accepted: Accepted) -> impl Future<Output = ()> {
    Stages::Beginning(Box::pin(begin(worker, accepted)))
}

/// A connection's task. What only its beginning needs is gone once it has begun, and the task itself is no larger than
/// the runtime's own part of it: thousands may be idle. An `async` block would keep room for both.
pub(super) enum Stages<Beginning> {
    Beginning(Pin<Box<Beginning>>),
    Led(Pin<Box<dyn Future<Output = ()>>>),
    Over,
}

impl<Beginning: Future<Output = Option<Led>>> Future for Stages<Beginning> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Stages::Beginning(beginning) = &mut *self {
            *self = match ready!(beginning.as_mut().poll(cx)) {
                Some(led) => Stages::Led(Box::pin(led.lead())),
                None => Stages::Over,
            };
        }
        match &mut *self {
            Stages::Led(leading) => leading.as_mut().poll(cx),
            Stages::Beginning(_) | Stages::Over => Poll::Ready(()),
        }
    }
}

/// A session, and what it holds a place in.
pub(super) struct Led {
    pub(super) session: Session,
    pub(super) counted: AtFrontend,
    pub(super) permit: Permit,
    pub(super) seat: Seat,
}

impl Led {
    /// To the connection's end, or to the end of our part in it.
    #[expect(
        clippy::manual_async_fn,
        reason = "an `async fn` keeps room for what it is given and for where it puts that"
    )]
    fn lead(mut self) -> impl Future<Output = ()> {
        async move {
            match self.session.lead().await {
                Some(ending) => self.session.leave(ending),
                None => self.session.leave_to_others(),
            }
            // Its sockets are closed before its places are free. All is named, so that the block takes all of it.
            drop((self.session, self.counted, self.permit, self.seat));
        }
    }
}

async fn begin(worker: Rc<Worker>, accepted: Accepted) -> Option<Led> {
    let Accepted {
        socket,
        mut peer,
        frontend,
        listener,
        mut subject,
        begins,
        permit,
        seat,
        at,
    } = accepted;
    let client = Endpoint::of(socket, peer.domain())
        .inspect_err(|error| tracing::warn!(%error, "a client's connection cannot be watched"))
        .ok()?;
    let (client, handshake) = match begins {
        Begins::Now => (Wire::Plain(client), Duration::ZERO),
        Begins::After(greeting) => {
            let comer = Comer {
                worker: &worker,
                frontend: &frontend,
                client: Some(client),
                peer,
                listener,
                subject,
                at,
            };
            // Few have one, and all would have room for it.
            let guest = Box::pin(comer.greet(greeting)).await?;
            (peer, subject) = (guest.peer, guest.subject);
            (guest.client, worker.clock.now() - at)
        }
    };
    let counted = AtFrontend::enter(&frontend, listener, &worker.crew, at);
    let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
    let entry = worker.live.enter(&frontend, peer, at, waker.clone());
    let mut session = Session {
        subject,
        handshake,
        ..Session::new(worker, frontend, (client, listener), entry, waker, at)
    };
    session.begin(at);
    Some(Led {
        session,
        counted,
        permit,
        seat,
    })
}
