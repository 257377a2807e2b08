//! A client's socket, whatever is spoken on it: bytes in, bytes out, from one task that does both.

use std::future::poll_fn;
use std::io;
use std::net::Shutdown;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use socket2::SockRef;
use tandem_tls::{Carried, Socket};
use tokio::net::TcpStream;

use crate::tls::Wired;

/// So much at a time comes through TLS, whatever room there is.
const AT_ONCE: usize = 64 << 10;

pub(crate) enum Wire {
    Plain(Wired),
    Tls(Box<Carried<Wired>>),
}

impl Wire {
    pub(crate) fn plain(stream: TcpStream) -> Wire {
        Wire::Plain(Wired(stream))
    }

    /// Puts what there is behind what is in `into`, as far as its room goes; 0 is the end.
    pub(crate) async fn read(&self, into: &mut BytesMut) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read(cx, into)).await
    }

    fn poll_read(&self, cx: &mut Context<'_>, into: &mut BytesMut) -> Poll<io::Result<usize>> {
        match self {
            Wire::Plain(Wired(stream)) => loop {
                ready!(stream.poll_read_ready(cx))?;
                match stream.try_read_buf(into) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    done => return Poll::Ready(done),
                }
            },
            Wire::Tls(tls) => {
                let before = into.len();
                // Room is made for a whole large message at once, and would be wiped for each piece of it.
                into.resize(into.capacity().min(before + AT_ONCE), 0);
                let done = tls.poll_read(cx, &mut into[before..]);
                let count = match &done {
                    Poll::Ready(Ok(count)) => *count,
                    _ => 0,
                };
                into.truncate(before + count);
                done
            }
        }
    }

    /// Whether the kernel has not yet got all that was taken.
    pub(crate) fn is_behind(&self) -> bool {
        match self {
            Wire::Plain(_) => false,
            Wire::Tls(tls) => tls.is_behind(),
        }
    }

    /// Takes what can be taken at once, after what was taken before; with nothing to take, that is all.
    pub(crate) async fn write(&self, from: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_write(cx, from)).await
    }

    fn poll_write(&self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Wire::Plain(socket) => socket.poll_write(cx, from),
            Wire::Tls(tls) if from.is_empty() => tls.poll_flush(cx).map_ok(|()| 0),
            Wire::Tls(tls) => tls.poll_write(cx, from),
        }
    }

    pub(crate) async fn write_all(&self, mut from: &[u8]) -> io::Result<()> {
        while !from.is_empty() || self.is_behind() {
            from = &from[self.write(from).await?..];
        }
        Ok(())
    }

    /// Says that nothing more will come.
    pub(crate) async fn shutdown(&self) -> io::Result<()> {
        let stream = match self {
            Wire::Plain(Wired(stream)) => stream,
            Wire::Tls(tls) => {
                tls.connection_mut().close();
                self.write_all(&[]).await?;
                &tls.socket().0
            }
        };
        SockRef::from(stream).shutdown(Shutdown::Write)
    }
}
