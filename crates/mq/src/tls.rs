//! TLS on a listener: its files, and how a client comes in.

use std::future::poll_fn;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use tandem_tls::{
    Carried, Certificate, Connection, Entry, Forgiven, Listener, Protocol, Signatures, Socket, Terms, Trust, Version,
};
use tokio::net::TcpStream;

/// So many sessions are kept for clients that come back without a ticket.
const SESSIONS: usize = 1000;

/// For so long they come back.
const LIFETIME: Duration = Duration::from_secs(12 * 3600);

/// So often is read what a client said beside its handshake.
const UNREAD: usize = 16;

/// What a listener shows and wants to be shown.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Tls {
    /// The certificate, what leads from it to an authority, and its key, in PEM; the key may be in a file of the same name
    /// with `.key` behind it.
    certificate: PathBuf,
    /// Only clients with a certificate of these authorities come in.
    client_ca: Option<PathBuf>,
}

impl Tls {
    pub(crate) fn listener(&self) -> anyhow::Result<Arc<Listener>> {
        let clients = match &self.client_ca {
            None => tandem_tls::anyone(),
            Some(file) => {
                let pem = std::fs::read(file).with_context(|| format!("client-ca {}", file.display()))?;
                Trust::new(&[(file.clone(), pem)])?.clients(true, Forgiven::default())?
            }
        };
        let entry = Entry {
            certificate: Arc::new(Certificate::read(&self.certificate)?),
            terms: Terms {
                protocol: Protocol::new(&[Version::Tls12, Version::Tls13], &[], &[]),
                alpn: Vec::new(),
                clients,
                tickets: true,
                ticket_keys: None,
                sessions: SESSIONS,
                lifetime: LIFETIME,
                signatures: Signatures::default(),
                client_order: false,
            },
            filters: Vec::new(),
            is_apart: false,
        };
        Ok(Arc::new(Listener::new(vec![entry], 1, false)?))
    }
}

/// A socket as TLS sees it.
#[derive(Debug)]
pub(crate) struct Wired(pub(crate) TcpStream);

impl Socket for Wired {
    fn poll_read(&self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            match self.0.try_read(into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    fn poll_write(&self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match self.0.try_write(from) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }
}

/// Makes the acquaintance of a client.
pub(crate) async fn accept(stream: TcpStream, listener: Arc<Listener>) -> io::Result<Carried<Wired>> {
    let tls = Carried::new(Wired(stream), Connection::accept(listener));
    match poll_fn(|cx| tls.poll_established(cx)).await {
        Ok(()) => Ok(tls),
        Err(why) => {
            // What it sent and nobody read would turn the end, and the alert before it, into a reset.
            let mut unread = [0; 4096];
            let mut more = (0..UNREAD).map(|_| tls.socket().0.try_read(&mut unread));
            while matches!(more.next(), Some(Ok(1..))) {}
            Err(why.into_io())
        }
    }
}
