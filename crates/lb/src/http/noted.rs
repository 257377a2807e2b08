//! A connection that remembers how much went over it, and knows when its other end last took something.
//!
//! That there was room for more says so, but the kernel asks for more only when a good part of what it keeps is gone: whoever
//! reads slowly lets it ask once in many seconds. How much it still keeps tells the rest.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tandem_sys::sockopt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::wire::Wire;

pub(super) struct Noted<T> {
    wire: T,
    seen: Rc<Seen>,
}

/// What is known of it while others have the connection.
pub(super) struct Seen {
    pub(super) taken: Rc<Taken>,
    pub(super) from_client: Cell<u64>,
}

/// What the other end has taken.
pub(crate) struct Taken {
    at: Cell<Instant>,
    /// All that was written.
    written: Cell<u64>,
    /// How much of it was gone when that was last looked at.
    gone: Cell<u64>,
    /// How much of it the kernel still keeps.
    kept: Box<dyn Fn() -> u64>,
}

impl Seen {
    pub(super) fn of(wire: &Rc<Wire>) -> Rc<Seen> {
        let wire = Rc::downgrade(wire);
        let kept = move || match wire.upgrade() {
            // What cannot be known is nothing that was taken.
            Some(wire) => sockopt::unsent(wire.socket()).unwrap_or(u64::MAX),
            None => 0,
        };
        Rc::new(Seen {
            taken: Taken::new(kept),
            from_client: Cell::default(),
        })
    }
}

impl Taken {
    pub(super) fn new(kept: impl Fn() -> u64 + 'static) -> Rc<Taken> {
        Rc::new(Taken {
            at: Cell::new(Instant::now()),
            written: Cell::default(),
            gone: Cell::default(),
            kept: Box::new(kept),
        })
    }

    /// When that was last seen.
    pub(super) fn at(&self) -> Instant {
        self.at.get()
    }

    pub(super) fn begins(&self, at: Instant) {
        self.at.set(at);
    }

    pub(super) fn written(&self) -> u64 {
        self.written.get()
    }

    pub(super) fn wrote(&self, bytes: usize) {
        self.written.set(self.written.get() + bytes as u64);
        self.at.set(Instant::now());
        self.gone.set(self.written.get().saturating_sub((self.kept)()));
    }

    /// Whether more is gone than when it was last looked at.
    pub(super) fn goes_on(&self, now: Instant) -> bool {
        let gone = self.written.get().saturating_sub((self.kept)());
        let goes_on = gone > self.gone.replace(gone);
        if goes_on {
            self.at.set(now);
        }
        goes_on
    }
}

impl<T> Noted<T> {
    pub(super) fn new(wire: T, seen: Rc<Seen>) -> Noted<T> {
        Noted { wire, seen }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Noted<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.wire).poll_read(cx, into);
        let count = (into.filled().len() - before) as u64;
        self.seen.from_client.set(self.seen.from_client.get() + count);
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Noted<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.wire).poll_write(cx, from);
        if let Poll::Ready(Ok(count @ 1..)) = written {
            self.seen.taken.wrote(count);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn what_is_taken_is_noted_and_nothing_else() {
        let (near, mut far) = tokio::io::duplex(8);
        let long_ago = Instant::now().checked_sub(Duration::from_secs(1));
        let long_ago = long_ago.expect("the clock has run for longer");
        let kept = Rc::new(Cell::new(0));
        let taken = Taken::new({
            let kept = kept.clone();
            move || kept.get()
        });
        let seen = Rc::new(Seen {
            taken: taken.clone(),
            from_client: Cell::default(),
        });
        taken.begins(long_ago);
        let mut noted = Noted::new(near, seen.clone());
        let cx = &mut Context::from_waker(Waker::noop());
        let mut write = |cx: &mut Context<'_>| Pin::new(&mut noted).poll_write(cx, &[7; 20]);
        kept.set(8);
        assert!(matches!(write(cx), Poll::Ready(Ok(8))));
        assert!(taken.at() > long_ago);
        taken.begins(long_ago);
        assert!(write(cx).is_pending() && !taken.goes_on(Instant::now()));
        assert_eq!(taken.at(), long_ago, "there was no room");
        // The kernel lets go of some, and asks for no more yet.
        kept.set(7);
        assert!(taken.goes_on(Instant::now()) && taken.at() > long_ago);
        taken.begins(long_ago);
        assert!(!taken.goes_on(Instant::now()), "it has gone already");
        far.read_exact(&mut [0; 3]).await.expect("it is there");
        kept.set(10);
        assert!(matches!(write(cx), Poll::Ready(Ok(3))));
        assert!(taken.at() > long_ago);
        assert_eq!((seen.from_client.get(), taken.written()), (0, 11));
        far.write_all(b"word").await.expect("there is room");
        let mut back = [0; 4];
        noted.read_exact(&mut back).await.expect("it came");
        assert_eq!((seen.from_client.get(), taken.written()), (4, 11));
    }
}
