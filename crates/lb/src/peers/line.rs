//! One connection with a peer: what comes is told to the machine, what it says is written.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockAddr, Socket};
use tandem_lb_config::{Host, ServerPort};
use tandem_lb_core::peers::{ConnId, Input};
use tandem_ops::clock::Clock;
use tandem_sys::listen::abstract_address;
use tandem_sys::relay::Endpoint;
use tandem_tls::{Listener, Origin};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use super::heart::Heart;
use crate::tls::{self, HandshakeError, Tls, Vault, ip_of};
use crate::wire::Wire;

/// How long a connection may take to be there, and a peer to take what is said to it.
const PATIENCE: Duration = Duration::from_secs(5);
const PIECE: usize = 16 << 10;

pub(super) type Words = mpsc::UnboundedReceiver<Vec<u8>>;

/// Who has come to listeners of a section, or to where one of its peers is.
pub(super) struct Caller<'a> {
    pub(super) vault: &'a Vault,
    pub(super) clock: Clock,
}

impl Caller<'_> {
    pub(super) async fn accepted(&self, socket: Socket, rules: Option<Arc<Listener>>) -> io::Result<Wire> {
        let socket = prepared(Endpoint::new(socket)?)?;
        let Some(rules) = rules else {
            return Ok(Wire::Plain(socket));
        };
        let met = tls::meet(self.vault, socket, rules, || self.clock.now());
        let met = tokio::time::timeout(PATIENCE, met).await?;
        Ok(Wire::Tls(Box::new(met.map_err(HandshakeError::into_io)?)))
    }

    /// `secure` is how TLS is spoken there, and the name that is asked for.
    pub(super) async fn connect(
        &self,
        place: &(Host, ServerPort),
        secure: Option<(Arc<Origin>, Option<String>)>,
    ) -> io::Result<Wire> {
        tokio::time::timeout(PATIENCE, self.reach(place, secure)).await?
    }

    async fn reach(
        &self,
        (host, port): &(Host, ServerPort),
        secure: Option<(Arc<Origin>, Option<String>)>,
    ) -> io::Result<Wire> {
        let port = match port {
            ServerPort::Fixed(port) => *port,
            ServerPort::Offset(_) => 0,
        };
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for at in found(host, port).await? {
            match self.greet(&at, secure.as_ref()).await {
                Ok(wire) => return Ok(wire),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn greet(&self, at: &SockAddr, secure: Option<&(Arc<Origin>, Option<String>)>) -> io::Result<Wire> {
        let socket = Endpoint::connect(at)?;
        poll_fn(|cx| socket.poll_connected(cx)).await?;
        let socket = prepared(socket)?;
        let Some((origin, name)) = secure else {
            return Ok(Wire::Plain(socket));
        };
        let connection = origin.connect(name.as_deref(), ip_of(&socket));
        let connection = connection.map_err(|why| HandshakeError::Failed(why).into_io())?;
        let tls = Tls::new(socket, connection, self.vault.tally.spoken());
        let done = poll_fn(|cx| tls.poll_established(cx)).await;
        done.map_err(HandshakeError::into_io)?;
        self.vault.tally.server(tls.is_resumed(), self.clock.now());
        Ok(Wire::Tls(Box::new(tls)))
    }
}

/// Each word goes out at once.
fn prepared(socket: Endpoint) -> io::Result<Endpoint> {
    if socket.socket().domain()? != socket2::Domain::UNIX {
        socket.socket().set_tcp_nodelay(true)?;
    }
    Ok(socket)
}

async fn found(host: &Host, port: u16) -> io::Result<Vec<SockAddr>> {
    Ok(match host {
        Host::Ip(ip) => vec![SocketAddr::new(*ip, port).into()],
        Host::Name(name) => {
            let all = tokio::net::lookup_host((name.as_str(), port)).await?;
            all.map(SockAddr::from).collect()
        }
        Host::Unix(path) => vec![SockAddr::unix(path)?],
        Host::Abstract(name) => vec![abstract_address(name)?],
    })
}

/// Until one of the two sides ends it: the machine does so by letting go of the other end of `words`.
pub(super) async fn converse(heart: Rc<Heart>, conn: ConnId, wire: Wire, words: Words) {
    let (read, write) = tokio::io::split(wire);
    talk(&heart, conn, read, write, words).await;
    heart.tell(Input::Closed(conn));
}

async fn talk(
    heart: &Rc<Heart>,
    conn: ConnId,
    read: impl AsyncRead + Unpin,
    write: impl AsyncWrite + Unpin,
    words: Words,
) {
    let done = tokio::select! {
        done = listen(heart, conn, read) => done,
        done = speak(heart, conn, write, words) => done,
    };
    if let Err(error) = done {
        tracing::debug!(%error, "a connection with a peer has ended");
    }
}

async fn listen(heart: &Rc<Heart>, conn: ConnId, mut read: impl AsyncRead + Unpin) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        let count = read.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        heart.tell(Input::Bytes {
            conn,
            bytes: &buffer[..count],
        });
        // A peer that tells much must not starve the health checks beside it.
        tokio::task::yield_now().await;
    }
}

async fn speak(
    heart: &Rc<Heart>,
    conn: ConnId,
    mut write: impl AsyncWrite + Unpin,
    mut words: Words,
) -> io::Result<()> {
    while let Some(bytes) = words.recv().await {
        tokio::time::timeout(PATIENCE, write.write_all(&bytes)).await??;
        heart.tell(Input::Written {
            conn,
            count: bytes.len(),
        });
    }
    write.shutdown().await
}
