//! A connection that remembers when its other end last took something.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

pub(super) struct Noted<T> {
    wire: T,
    taken: Rc<Cell<Instant>>,
}

impl<T> Noted<T> {
    pub(super) fn new(wire: T, taken: Rc<Cell<Instant>>) -> Noted<T> {
        Noted { wire, taken }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Noted<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_read(cx, into)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Noted<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.wire).poll_write(cx, from);
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.taken.set(Instant::now());
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

    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn what_is_taken_is_noted_and_nothing_else() {
        let (near, mut far) = tokio::io::duplex(8);
        let long_ago = Instant::now().checked_sub(Duration::from_secs(1));
        let long_ago = long_ago.expect("the clock has run for longer");
        let taken = Rc::new(Cell::new(long_ago));
        let mut noted = Noted::new(near, taken.clone());
        let cx = &mut Context::from_waker(Waker::noop());
        let mut write = |cx: &mut Context<'_>| Pin::new(&mut noted).poll_write(cx, &[7; 20]);
        assert!(matches!(write(cx), Poll::Ready(Ok(8))));
        assert!(taken.replace(long_ago) > long_ago);
        assert!(write(cx).is_pending());
        assert_eq!(taken.get(), long_ago, "there was no room");
        far.read_exact(&mut [0; 3]).await.expect("it is there");
        assert!(matches!(write(cx), Poll::Ready(Ok(3))));
        assert!(taken.get() > long_ago);
    }
}
