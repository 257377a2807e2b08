//! A socket that TLS is spoken on.

use std::cell::Cell;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::task::{Context, Poll, ready};

use tandem_lb_core::log::tcplog;
use tandem_lb_core::proxy_header::{Secured, Shown};
use tandem_sys::relay::{Endpoint, Peeked, Scratch, Stream};
use tandem_tls::x509::{self, Facts};
use tandem_tls::{Carried, Connection, HandshakeError, HandshakeKind, More, Socket, protocol};

use super::tally::Spoken;

/// A socket as TLS sees it.
struct Wired(Endpoint);

impl Socket for Wired {
    fn poll_read(&self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, into)
    }

    fn poll_write(&self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, from)
    }
}

/// One end of a connection that is encrypted.
pub(crate) struct Tls {
    carried: Carried<Wired>,
    /// What is still outgoing is the last.
    is_finishing: Cell<bool>,
    _spoken: Spoken,
}

impl Tls {
    pub(crate) fn new(socket: Endpoint, connection: Connection, spoken: Spoken) -> Tls {
        Tls {
            carried: Carried::new(Wired(socket), connection),
            is_finishing: Cell::new(false),
            _spoken: spoken,
        }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.carried.socket().0
    }

    /// Whether it goes on with an earlier session.
    pub(crate) fn is_resumed(&self) -> bool {
        let connection = self.carried.connection();
        let kind = connection.state().and_then(|state| state.handshake_kind());
        kind == Some(HandshakeKind::Resumed)
    }

    /// What a log line shows of it.
    pub(crate) fn agreed(&self) -> Option<tcplog::Tls<'static>> {
        let connection = self.carried.connection();
        let state = connection.state()?;
        Some(tcplog::Tls {
            cipher: protocol::suite_name(state.negotiated_cipher_suite()?)?,
            version: protocol::version_name(state.protocol_version()?),
        })
    }

    /// What a server is told of the client.
    pub(crate) fn secured(&self) -> Option<Secured> {
        let connection = self.carried.connection();
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
        self.carried.connection()
    }

    /// Goes on with the handshake until both ends know each other.
    pub(crate) fn poll_established(&self, cx: &mut Context<'_>) -> Poll<Result<(), HandshakeError>> {
        self.carried.poll_established(cx)
    }

    /// As [`Endpoint::poll_hung_up`]: what was said meanwhile is kept.
    pub(crate) fn poll_hung_up(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if !self.carried.connection().ready().is_empty() {
                return self.endpoint().poll_failed(cx).map(Err);
            }
            if ready!(self.carried.poll_more(cx, &mut [])).map_err(HandshakeError::into_io)? == More::End {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// As [`Endpoint::poll_finished`]. What is encrypted still is not looked at ahead of its turn.
    pub(crate) fn poll_finished(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let known = |carried: &Carried<Wired>| match carried.trouble() {
            Some(why) => Some(Err(why.into_io())),
            None => carried.is_over().then_some(Ok(())),
        };
        let is_silent = self.carried.connection().ready().is_empty();
        if is_silent && let Poll::Ready(end) = self.poll_hung_up(cx) {
            return Poll::Ready(end);
        }
        match known(&self.carried) {
            Some(end) => Poll::Ready(end),
            // It has spoken: that it leaves the socket alone tells.
            None if !self.carried.connection().ready().is_empty() => self.endpoint().poll_finished(cx),
            None => Poll::Pending,
        }
    }

    /// As [`Endpoint::peek`], of what is inside.
    pub(crate) fn peek<'s>(
        &self,
        cx: &mut Context<'_>,
        scratch: &'s mut Scratch,
        most: usize,
    ) -> io::Result<Peeked<'s>> {
        let is_end = self.carried.fill(cx, most).map_err(HandshakeError::into_io)?;
        let connection = self.carried.connection();
        let ready = connection.ready();
        let bytes = scratch.show(&ready[..ready.len().min(most)]);
        Ok(Peeked { bytes, is_end })
    }

    /// Says goodbye if that can be said at once, to an end that is not spoken to any more.
    pub(crate) fn leave(&self) {
        self.carried.connection_mut().close();
        self.write_now();
    }

    fn end_if_done(&self) {
        if self.is_finishing.get() && self.carried.connection().outgoing().is_empty() {
            self.is_finishing.set(false);
            self.endpoint().finish();
        }
    }

    /// Writes what is outgoing as far as the socket takes it, without waiting for more.
    fn write_now(&self) {
        let mut connection = self.carried.connection_mut();
        while !connection.outgoing().is_empty() {
            match self.endpoint().write_now(connection.outgoing()) {
                Ok(count) => connection.sent(count),
                Err(_) => return,
            }
        }
    }
}

/// Where the other end is; who comes through a path in the file system is here.
pub(crate) fn ip_of(socket: &Endpoint) -> IpAddr {
    let address = socket.socket().peer_addr().ok().and_then(|address| address.as_socket());
    address.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip())
}

impl Stream for Tls {
    fn poll_read(&self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let read = self.carried.poll_read(cx, into);
        // Reading may have written the last of what was outgoing.
        self.end_if_done();
        read
    }

    fn poll_write(&self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.carried.poll_write(cx, from)
    }

    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.carried.poll_flush(cx))?;
        self.end_if_done();
        Poll::Ready(Ok(()))
    }

    fn finish(&self) {
        self.leave();
        match self.carried.connection().outgoing() {
            [] => self.endpoint().finish(),
            _ => self.is_finishing.set(true),
        }
    }

    /// What is on the socket is not what is carried.
    fn plain(&self) -> Option<&Endpoint> {
        None
    }
}
