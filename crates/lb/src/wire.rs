//! A socket as those who talk over it see it: plain, or with TLS between.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use socket2::Socket;
use tandem_sys::relay::{Endpoint, Peeked, Scratch, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::tls::Tls;

/// One end of a connection.
pub(crate) enum Wire {
    Plain(Endpoint),
    Tls(Box<Tls>),
}

impl Wire {
    pub(crate) fn socket(&self) -> &Socket {
        self.endpoint().socket()
    }

    fn endpoint(&self) -> &Endpoint {
        match self {
            Wire::Plain(endpoint) => endpoint,
            Wire::Tls(tls) => tls.endpoint(),
        }
    }

    pub(crate) fn tls(&self) -> Option<&Tls> {
        match self {
            Wire::Plain(_) => None,
            Wire::Tls(tls) => Some(tls),
        }
    }

    /// As [`Endpoint::leave_to_others`].
    pub(crate) fn leave_to_others(&self) {
        if let Wire::Plain(endpoint) = self {
            endpoint.leave_to_others();
        }
    }

    /// As [`Endpoint::poll_hung_up`].
    pub(crate) fn poll_hung_up(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Wire::Plain(endpoint) => endpoint.poll_hung_up(cx),
            Wire::Tls(tls) => tls.poll_hung_up(cx),
        }
    }

    /// As [`Endpoint::poll_finished`].
    pub(crate) fn poll_finished(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Wire::Plain(endpoint) => endpoint.poll_finished(cx),
            Wire::Tls(tls) => tls.poll_finished(cx),
        }
    }

    /// As [`Endpoint::peek`].
    pub(crate) fn peek<'s>(
        &self,
        cx: &mut Context<'_>,
        scratch: &'s mut Scratch,
        most: usize,
    ) -> io::Result<Peeked<'s>> {
        match self {
            Wire::Plain(endpoint) => endpoint.peek(cx, scratch, most),
            Wire::Tls(tls) => tls.peek(cx, scratch, most),
        }
    }

    /// As [`Endpoint::dismiss`]; what is encrypted counts for nothing.
    pub(crate) fn dismiss(&self, scratch: &mut Scratch) -> u64 {
        self.leave();
        let read = self.endpoint().dismiss(scratch);
        match self {
            Wire::Plain(_) => read,
            Wire::Tls(_) => 0,
        }
    }

    /// Before it is dropped: the other end is told that this was all.
    pub(crate) fn leave(&self) {
        if let Wire::Tls(tls) = self {
            tls.leave();
        }
    }
}

impl Stream for Wire {
    fn poll_read(&self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Wire::Plain(endpoint) => endpoint.poll_read(cx, into),
            Wire::Tls(tls) => tls.poll_read(cx, into),
        }
    }

    fn poll_write(&self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Wire::Plain(endpoint) => endpoint.poll_write(cx, from),
            Wire::Tls(tls) => tls.poll_write(cx, from),
        }
    }

    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Wire::Plain(endpoint) => endpoint.poll_flush(cx),
            Wire::Tls(tls) => tls.poll_flush(cx),
        }
    }

    fn finish(&self) {
        match self {
            Wire::Plain(endpoint) => endpoint.finish(),
            Wire::Tls(tls) => tls.finish(),
        }
    }

    fn plain(&self) -> Option<&Endpoint> {
        match self {
            Wire::Plain(endpoint) => Some(endpoint),
            Wire::Tls(_) => None,
        }
    }
}

/// For those who talk over it themselves, and do not relay.
impl AsyncRead for &Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let count = ready!(Stream::poll_read(*self, cx, into.initialize_unfilled()))?;
        into.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for &Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Stream::poll_write(*self, cx, from)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Stream::poll_flush(*self, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Stream::poll_flush(*self, cx))?;
        self.finish();
        Stream::poll_flush(*self, cx)
    }
}
