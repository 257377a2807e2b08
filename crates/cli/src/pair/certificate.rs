//! The certificate of a balancer in the lab, and whether it is the one that new connections see.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tandem_lab::Host;

use super::PATIENCE;
use crate::load::stomp::Stomp;

const NAME: &str = "stomp.lab";
/// An answer is late after so long.
const WITHIN: Duration = Duration::from_secs(2);

/// More than a balancer of the lab has workers.
const CLIENTS: usize = 16;

/// Signed by itself, so whoever trusts it trusts no other.
pub struct Certificate {
    /// With its key, as balancers read it.
    pub pem: String,
    der: CertificateDer<'static>,
}

impl Certificate {
    pub fn new() -> anyhow::Result<Certificate> {
        let key = rcgen::KeyPair::generate().context("a key")?;
        let params = rcgen::CertificateParams::new(vec![NAME.to_owned()]).context("a certificate")?;
        let made = params.self_signed(&key).context("a certificate")?;
        Ok(Certificate {
            pem: format!("{}{}", made.pem(), key.serialize_pem()),
            der: made.der().clone(),
        })
    }

    /// A client of this balancer who trusts nobody else; tried again for a while.
    pub fn visit(&self, client: &Host, at: SocketAddr) -> anyhow::Result<Stomp> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match client.inside(|| self.connect(at))? {
                Ok(stomp) => return Ok(stomp),
                Err(why) if Instant::now() > deadline => bail!("{at} does not show the certificate: {why}"),
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    /// Several clients, whom any worker may take: each sees it at once, and so nobody another one.
    pub fn shown_to_all(&self, client: &Host, at: SocketAddr) -> anyhow::Result<()> {
        for number in 1..=CLIENTS {
            let visit = client.inside(|| self.connect(at))?;
            visit.with_context(|| format!("client {number} of {CLIENTS} does not see the new certificate at {at}"))?;
        }
        Ok(())
    }

    fn connect(&self, at: SocketAddr) -> io::Result<Stomp> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from(NAME).map_err(io::Error::other)?;
        let session = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        let stream = TcpStream::connect_timeout(&at, WITHIN)?;
        stream.set_read_timeout(Some(WITHIN))?;
        stream.set_write_timeout(Some(WITHIN))?;
        Stomp::over(Box::new(StreamOwned::new(session, stream)))
    }
}
