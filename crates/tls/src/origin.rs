//! What it takes to go to a server.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, Error, SignatureScheme};

use crate::connection::{Connection, Failure};
use crate::protocol::Protocol;
use crate::signing::Signatures;
use crate::trust::{Anyone, Trust, TrustError};
use crate::{Certificate, provider};

/// Sessions kept for one server.
const SESSIONS: usize = 64;

/// How a server is spoken to.
#[derive(Debug)]
pub struct Origin {
    config: Arc<ClientConfig>,
}

/// What an [`Origin`] is made of.
#[derive(Debug)]
pub struct OriginTerms {
    pub protocol: Protocol,
    /// How is signed, here and by the server.
    pub signatures: Signatures,
    pub alpn: Vec<Vec<u8>>,
    /// Who answers must prove who it is by this; `None` believes anybody.
    pub trust: Option<Trust>,
    /// The name that its certificate must have when none is asked for.
    pub host: Option<String>,
    /// What it is shown.
    pub certificate: Option<Arc<Certificate>>,
    /// Whether sessions are gone on with.
    pub reuses: bool,
}

impl Origin {
    pub fn new(terms: OriginTerms) -> Result<Origin, OriginError> {
        let verifier: Arc<dyn ServerCertVerifier> = match terms.trust {
            Some(trust) => trust.servers(terms.host)?,
            None => Arc::new(Anyone(provider())),
        };
        let builder = ClientConfig::builder_with_provider(terms.protocol.provider())
            .with_protocol_versions(terms.protocol.versions())?
            .dangerous()
            .with_custom_certificate_verifier(terms.signatures.of_servers(verifier));
        let mut config = match terms.certificate {
            Some(certificate) => {
                builder.with_client_cert_resolver(Arc::new(Only(terms.signatures.limit(&certificate.key))))
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = terms.alpn;
        config.resumption = match terms.reuses {
            true => Resumption::in_memory_sessions(SESSIONS),
            false => Resumption::disabled(),
        };
        Ok(Origin {
            config: Arc::new(config),
        })
    }

    /// Begins a connection. `name` is what the server is asked for; where it is stands for it when there is none.
    pub fn connect(&self, name: Option<&str>, at: IpAddr) -> Result<Connection, Failure> {
        self.connect_with(name, at, self.config.alpn_protocols.clone())
    }

    /// The same, to talk one of these.
    pub fn connect_for(&self, name: Option<&str>, at: IpAddr, alpn: &[String]) -> Result<Connection, Failure> {
        let alpn = alpn.iter().map(|name| name.as_bytes().to_vec());
        self.connect_with(name, at, alpn.collect())
    }

    fn connect_with(&self, name: Option<&str>, at: IpAddr, alpn: Vec<Vec<u8>>) -> Result<Connection, Failure> {
        let named = name.and_then(|name| ServerName::try_from(name.to_owned()).ok());
        let name = named.unwrap_or_else(|| ServerName::from(at));
        Connection::connect(self.config.clone(), name, alpn)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error("these rules of TLS do not go together: {0}")]
    Rules(#[from] Error),
}

/// One certificate for every server that asks, whomever it says it believes: it is for the server to refuse.
#[derive(Debug)]
struct Only(Arc<CertifiedKey>);

impl ResolvesClientCert for Only {
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.key.choose_scheme(schemes).map(|_| self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}
