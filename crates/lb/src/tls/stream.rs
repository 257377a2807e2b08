//! A socket that TLS is spoken on.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::task::{Context, Poll, ready};

use super::tally::Spoken;
use tandem_lb_core::log::tcplog;
use tandem_lb_core::proxy_header::{Secured, Shown};
use tandem_sys::relay::{Endpoint, Peeked, Scratch, Stream};
use tandem_tls::x509::{self, Facts};
use tandem_tls::{BUFFER, Connection, Failure, HandshakeKind, MOST_PLAIN, protocol};

/// So much is read from the socket at once.
const AT_ONCE: usize = Scratch::SIZE;

thread_local! {
    /// What all connections of a thread turn bytes in: in use only while one call runs, and not there without TLS.
    static BUFFERS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// One end of a connection that is encrypted.
pub(crate) struct Tls {
    socket: Endpoint,
    connection: RefCell<Connection>,
    /// The other end has said, or shown, that it will send nothing more.
    is_over: Cell<bool>,
    /// What is still outgoing is the last.
    is_finishing: Cell<bool>,
    _spoken: Spoken,
}

impl Tls {
    pub(crate) fn new(socket: Endpoint, connection: Connection, spoken: Spoken) -> Tls {
        Tls {
            socket,
            connection: RefCell::new(connection),
            is_over: Cell::new(false),
            is_finishing: Cell::new(false),
            _spoken: spoken,
        }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.socket
    }

    /// Whether it goes on with an earlier session.
    pub(crate) fn is_resumed(&self) -> bool {
        let connection = self.connection.borrow();
        let kind = connection.state().and_then(|state| state.handshake_kind());
        kind == Some(HandshakeKind::Resumed)
    }

    /// What a log line shows of it.
    pub(crate) fn agreed(&self) -> Option<tcplog::Tls<'static>> {
        let connection = self.connection.borrow();
        let state = connection.state()?;
        Some(tcplog::Tls {
            cipher: protocol::suite_name(state.negotiated_cipher_suite()?)?,
            version: protocol::version_name(state.protocol_version()?),
        })
    }

    /// What a server is told of the client.
    pub(crate) fn secured(&self) -> Option<Secured> {
        let connection = self.connection.borrow();
        let state = connection.state()?;
        let certificate = state.peer_certificates().and_then(<[_]>::first).map(|first| Shown {
            common_name: Facts::of(first)
                .ok()
                .and_then(|facts| x509::part(&facts.subject, "CN", 1).map(str::to_owned)),
            verdict: connection.fault_of_client().unwrap_or(0),
            earlier: self.is_resumed(),
        });
        let ours = connection.shown().map(|shown| &shown.facts);
        Some(Secured {
            version: protocol::version_name(state.protocol_version()?),
            cipher: protocol::suite_name(state.negotiated_cipher_suite()?),
            certificate,
            key: ours.map(|facts| facts.key.algorithm.clone()),
            signature: ours.map(|facts| facts.signature.clone()),
        })
    }

    /// Shows the connection to someone.
    pub(crate) fn connection(&self) -> std::cell::Ref<'_, Connection> {
        self.connection.borrow()
    }

    /// Goes on with the handshake until both ends know each other.
    pub(crate) fn poll_established(&self, cx: &mut Context<'_>) -> Poll<Result<(), HandshakeError>> {
        loop {
            ready!(self.poll_flush(cx))?;
            if self.connection.borrow().is_established() {
                return Poll::Ready(Ok(()));
            }
            if ready!(self.poll_more(cx, &mut []))? == More::End {
                return Poll::Ready(Err(HandshakeError::Closed));
            }
        }
    }

    /// As [`Endpoint::poll_hung_up`]: what was said meanwhile is kept.
    pub(crate) fn poll_hung_up(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if !self.connection.borrow().ready().is_empty() {
                return Poll::Pending;
            }
            if ready!(self.poll_more(cx, &mut [])).map_err(HandshakeError::into_io)? == More::End {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// As [`Endpoint::peek`], of what is inside.
    pub(crate) fn peek<'s>(
        &self,
        cx: &mut Context<'_>,
        scratch: &'s mut Scratch,
        most: usize,
    ) -> io::Result<Peeked<'s>> {
        let mut is_end = self.is_over.get();
        while !is_end && self.connection.borrow().ready().len() < most {
            match self.poll_more(cx, &mut []).map_err(HandshakeError::into_io)? {
                Poll::Pending => break,
                Poll::Ready(More::End) => is_end = true,
                Poll::Ready(More::Bytes(_)) => {}
            }
        }
        let connection = self.connection.borrow();
        let ready = connection.ready();
        let bytes = scratch.show(&ready[..ready.len().min(most)]);
        Ok(Peeked { bytes, is_end })
    }

    /// Says goodbye if that can be said at once, to an end that is not spoken to any more.
    pub(crate) fn leave(&self) {
        self.connection.borrow_mut().close();
        self.write_now();
    }

    /// Writes what is outgoing as far as the socket takes it, without waiting for more.
    fn write_now(&self) {
        let mut connection = self.connection.borrow_mut();
        while !connection.outgoing().is_empty() {
            match self.socket.write_now(connection.outgoing()) {
                Ok(count) => connection.sent(count),
                Err(_) => return,
            }
        }
    }

    /// Reads once from the socket. What does not fit into `into` is kept.
    fn poll_more(&self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<Result<More, HandshakeError>> {
        if self.is_over.get() {
            return Poll::Ready(Ok(More::End));
        }
        let done = BUFFERS.with_borrow_mut(|buffer| {
            buffer.resize(BUFFER, 0);
            let mut connection = self.connection.borrow_mut();
            let kept = connection.begin(buffer);
            let end = (kept + AT_ONCE).min(BUFFER);
            let got = match ready!(self.socket.poll_read(cx, &mut buffer[kept..end]))? {
                0 => return Poll::Ready(Ok(More::End)),
                got => got,
            };
            let wire = &mut buffer[..kept + got];
            match connection.receive(wire, kept, into) {
                Ok(count) => Poll::Ready(Ok(More::Bytes(count))),
                Err(why) => Poll::Ready(Err(HandshakeError::Failed(why))),
            }
        });
        if !self.connection.borrow().outgoing().is_empty() {
            // An answer, or why this was the last. What cannot go now goes before what is written next.
            let _later = self.poll_flush(cx);
        }
        if matches!(done, Poll::Ready(Ok(More::End))) || self.connection.borrow().has_ended() {
            self.is_over.set(true);
        }
        done
    }
}

/// What came of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum More {
    /// So many were decrypted into the place for them; there may be others.
    Bytes(usize),
    End,
}

/// Where the other end is; who comes through a path in the file system is here.
pub(crate) fn ip_of(socket: &Endpoint) -> IpAddr {
    let address = socket.socket().peer_addr().ok().and_then(|address| address.as_socket());
    address.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip())
}

/// Why two ends did not come to know each other.
#[derive(Debug)]
pub(crate) enum HandshakeError {
    /// The other end left.
    Closed,
    Io(io::Error),
    Failed(Failure),
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeError::Closed => f.write_str("the other end left"),
            HandshakeError::Io(error) => error.fmt(f),
            HandshakeError::Failed(why) => why.fmt(f),
        }
    }
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> HandshakeError {
        HandshakeError::Io(error)
    }
}

impl HandshakeError {
    pub(crate) fn into_io(self) -> io::Error {
        match self {
            HandshakeError::Closed => io::ErrorKind::UnexpectedEof.into(),
            HandshakeError::Io(error) => error,
            HandshakeError::Failed(why) => io::Error::new(io::ErrorKind::InvalidData, why),
        }
    }
}

impl Stream for Tls {
    fn poll_read(&self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            let kept = self.connection.borrow_mut().take(into);
            if kept > 0 {
                return Poll::Ready(Ok(kept));
            }
            match ready!(self.poll_more(cx, into)).map_err(HandshakeError::into_io)? {
                More::End => return Poll::Ready(Ok(0)),
                More::Bytes(0) => {}
                More::Bytes(count) => return Poll::Ready(Ok(count)),
            }
        }
    }

    /// What is taken is encrypted at once; what of that the socket does not take waits, and nothing more is taken.
    fn poll_write(&self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush(cx))?;
        let from = &from[..from.len().min(MOST_PLAIN)];
        BUFFERS.with_borrow_mut(|buffer| {
            buffer.resize(BUFFER, 0);
            let mut connection = self.connection.borrow_mut();
            let count = connection.send(from, buffer).map_err(io::Error::other)?;
            let mut wire = &buffer[..count];
            while !wire.is_empty() && connection.outgoing().is_empty() {
                match self.socket.poll_write(cx, wire) {
                    Poll::Ready(Ok(count)) => wire = &wire[count..],
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => break,
                }
            }
            if !wire.is_empty() {
                connection.send_later(wire);
            }
            Poll::Ready(Ok(from.len()))
        })
    }

    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut connection = self.connection.borrow_mut();
        while !connection.outgoing().is_empty() {
            let count = ready!(self.socket.poll_write(cx, connection.outgoing()))?;
            connection.sent(count);
        }
        if self.is_finishing.replace(false) {
            self.socket.finish();
        }
        Poll::Ready(Ok(()))
    }

    fn finish(&self) {
        self.leave();
        match self.connection.borrow().outgoing() {
            [] => self.socket.finish(),
            _ => self.is_finishing.set(true),
        }
    }

    /// What is on the socket is not what is carried.
    fn plain(&self) -> Option<&Endpoint> {
        None
    }
}
