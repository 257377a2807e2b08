//! TLS towards clients and towards servers, as the Plan says it. What the files hold is the runtime's business.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tandem_lb_core::expr::Expr;
use tandem_text::Span;

use crate::tls::{Defaults, Words};

/// `bind … ssl`: what clients are shown and asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Termination {
    /// Those of `default-crt`, and the others in the order of the line.
    pub certificates: Vec<Shown>,
    /// How many of them are for those whom no other fits; 0 is the first certificate alone.
    pub usual: usize,
    /// `strict-sni`: those get none.
    pub strict_sni: bool,
    pub terms: Terms,
    /// How clients prove who they are.
    pub clients: Clients,
    pub tickets: bool,
    /// `tls-ticket-keys`: a file with the keys for these; keys of our own where there is none.
    pub ticket_keys: Option<PathBuf>,
    /// `prefer-client-ciphers`: which cipher it is, the client's order says.
    pub client_order: bool,
    /// `tune.ssl.cachesize`: sessions that are kept for those who come back without a ticket.
    pub sessions: u32,
    /// `tune.ssl.lifetime`: how long they may come back, by a ticket or without one.
    pub lifetime: Duration,
    /// What lines of lists are laid over.
    pub(crate) said: Arc<Said>,
}

/// Where certificates are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A file, or a folder of files.
    Path(PathBuf),
    /// `crt-list`: a file that lists them.
    List(PathBuf),
}

impl Shown {
    pub fn path(&self) -> &Path {
        match self {
            Shown::Path(path) | Shown::List(path) => path,
        }
    }
}

/// A line of `bind` and the defaults for it, as they were said.
#[derive(Debug)]
pub struct Said {
    pub(crate) words: Words,
    pub(crate) defaults: Defaults,
    pub(crate) at: Span,
}

/// Where it stands makes no difference.
impl PartialEq for Said {
    fn eq(&self, other: &Said) -> bool {
        (&self.words, &self.defaults) == (&other.words, &other.defaults)
    }
}

impl Eq for Said {}

/// `server … ssl`: how a server is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origination {
    pub terms: Terms,
    /// What the server must prove; `None` is nothing at all (`verify none`).
    pub trust: Option<Trust>,
    /// `verifyhost`: the name that its certificate must have.
    pub host: Option<String>,
    /// `crt`: the certificate that it is shown.
    pub certificate: Option<PathBuf>,
    /// `sni`: the name that it is asked for.
    pub sni: Option<Expr>,
    /// Without `no-ssl-reuse`: sessions are gone on with.
    pub reuses: bool,
}

/// `check-ssl`: the server's rules, with names and protocols of the checks' own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckTls {
    pub origination: Origination,
    /// Connections speak it that do not say whether; otherwise only those that say so.
    pub is_usual: bool,
    pub sni: Option<String>,
}

/// What two ends may agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The best last; never empty.
    pub versions: Vec<TlsVersion>,
    /// OpenSSL's names; empty for the usual ones.
    pub suites: Vec<&'static str>,
    pub groups: Vec<&'static str>,
    /// How is signed here, and by the other end: names of TLS 1.3; empty for the usual ways.
    pub own_signatures: Vec<&'static str>,
    pub their_signatures: Vec<&'static str>,
    pub alpn: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    V12,
    V13,
}

impl TlsVersion {
    /// As OpenSSL names them.
    pub(crate) fn read(text: &str) -> Result<TlsVersion, BadVersion> {
        match text {
            "TLSv1.2" => Ok(TlsVersion::V12),
            "TLSv1.3" => Ok(TlsVersion::V13),
            "SSLv3" | "TLSv1.0" | "TLSv1.1" => Err(BadVersion::Broken(text.to_owned())),
            _ => Err(BadVersion::Unknown(text.to_owned())),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum BadVersion {
    #[error("`{0}` is not spoken: it is broken (RFC 8996)")]
    Broken(String),
    #[error("`{0}` is not a version")]
    Unknown(String),
}

/// Whether clients must show a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Clients {
    /// They are not asked.
    #[default]
    Anyone,
    /// They may.
    Asked(ClientTrust),
    /// They must.
    Known(ClientTrust),
}

/// Whose certificates are believed, and which faults are forgiven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientTrust {
    pub trust: Trust,
    /// `ca-verify-file`: more authorities, of which clients are not told.
    pub hidden: Option<PathBuf>,
    /// `no-ca-names`: they are told of none.
    pub hides_all: bool,
    /// `ca-ignore-err`, `crt-ignore-err`: a certificate with one of these faults is let in, and rules may ask for it.
    pub forgiven: Forgiven,
}

/// Numbers of OpenSSL's verification errors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgiven {
    pub of_authorities: Errors,
    pub of_certificates: Errors,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Errors {
    #[default]
    None,
    These(Vec<u8>),
    All,
}

impl Errors {
    /// `9` and `10` with a comma between, or `all`. What else is wrong is found before it is known who signed it: to
    /// forgive one of those alone would let in whoever shows it first.
    pub(crate) fn read(text: &str) -> Result<Errors, &'static str> {
        if text == "all" {
            return Ok(Errors::All);
        }
        let numbers: Result<Vec<u8>, _> = text.split(',').map(str::parse).collect();
        match numbers {
            Err(_) => Err("is not a list of error numbers"),
            Ok(numbers) if numbers.iter().all(|number| matches!(number, 9 | 10)) => Ok(Errors::These(numbers)),
            Ok(_) => Err("forgives more than dates, and that is done for all faults or for none"),
        }
    }
}

/// Whom to believe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    pub authorities: Authorities,
    /// `crl-file`
    pub revoked: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorities {
    /// A file, or a folder of files.
    Path(PathBuf),
    /// `@system-ca`: what the distribution believes.
    System,
}

impl Authorities {
    /// As HAProxy writes them.
    pub(crate) fn read(text: &str) -> Authorities {
        match text {
            "@system-ca" => Authorities::System,
            path => Authorities::Path(path.into()),
        }
    }
}
