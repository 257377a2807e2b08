//! One connection with a peer: what comes is told to the machine, what it says is written.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use socket2::Socket;
use tandem_lb_config::{Host, ServerPort};
use tandem_lb_core::peers::{ConnId, Input};
use tandem_ops::clock::Clock;
use tandem_sys::relay::Endpoint;
use tandem_tls::Listener;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use super::heart::Heart;
use crate::reach::{self, Secure};
use crate::tls::{self, HandshakeError, Vault};
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
        let socket = reach::prepared(Endpoint::new(socket)?)?;
        let Some(rules) = rules else {
            return Ok(Wire::Plain(socket));
        };
        let met = tls::meet(self.vault, socket, rules, || self.clock.now());
        let met = tokio::time::timeout(PATIENCE, met).await?;
        Ok(Wire::Tls(Box::new(met.map_err(HandshakeError::into_io)?)))
    }

    pub(super) async fn connect(&self, place: &(Host, ServerPort), secure: Option<Secure>) -> io::Result<Wire> {
        let reached = reach::reach(self.vault, self.clock, place, secure.as_ref());
        tokio::time::timeout(PATIENCE, reached).await?
    }
}

/// Until one of the two sides ends it: the machine does so by letting go of the other end of `words`.
pub(super) async fn converse(heart: Rc<Heart>, conn: ConnId, wire: Wire, words: Words) {
    talk(&heart, conn, &wire, &wire, words).await;
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
