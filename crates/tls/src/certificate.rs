//! A certificate with its chain and key, as they are in a PEM file.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, SignatureAlgorithm};
use thiserror::Error;

use crate::pieces::Pieces;
use crate::provider;
use crate::x509::{Facts, Status, StatusError};

/// A certificate that clients or servers may be shown.
#[derive(Debug)]
pub struct Certificate {
    /// What it is called: the file it was read from.
    pub name: PathBuf,
    pub key: Arc<CertifiedKey>,
    pub facts: Facts,
    /// The same with what its authority says of it at present, and until when that holds.
    pub stapled: Option<Stapled>,
    /// Why what is said of it is kept back.
    pub unstapled: Option<StatusError>,
}

/// A certificate with a response to those who ask whether it still holds.
#[derive(Clone, Debug)]
pub struct Stapled {
    key: Arc<CertifiedKey>,
    status: Status,
}

#[derive(Debug, Error)]
#[error("{}: {why}", .file.display())]
pub struct CertificateError {
    pub file: PathBuf,
    pub why: Fault,
}

/// What is wrong with a file.
#[derive(Debug, Error)]
pub enum Fault {
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    #[error("this is not PEM: {}", said(.0))]
    NotPem(pem::Error),
    #[error("there is no certificate in it")]
    NoCertificate,
    #[error("there is no private key in it, nor in {}", .0.display())]
    NoKey(PathBuf),
    #[error("its private key cannot be used: {0}")]
    BadKey(rustls::Error),
    #[error("the private key belongs to another certificate")]
    OtherKey,
    #[error("the certificate makes no sense: {0}")]
    BadCertificate(String),
    #[error("it is of X.509 version {0}, which says nothing of what a certificate is for: have it issued as version 3")]
    OldVersion(u8),
}

/// What its library shows byte by byte is text.
fn said(why: &pem::Error) -> String {
    match why {
        pem::Error::MissingSectionEnd { end_marker } => {
            let what = String::from_utf8_lossy(end_marker);
            format!("it is cut off, since there is no `-----END {what}-----`")
        }
        pem::Error::IllegalSectionStart { line } => {
            format!("`{}` begins nothing", String::from_utf8_lossy(line).trim_end())
        }
        other => other.to_string(),
    }
}

impl CertificateError {
    pub(crate) fn new(file: &Path, why: Fault) -> CertificateError {
        CertificateError {
            file: file.to_owned(),
            why,
        }
    }
}

/// A name with something behind it.
pub fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

impl Certificate {
    pub fn read(file: &Path) -> Result<Certificate, CertificateError> {
        Certificate::of(file, &Pieces::read(file, |path| std::fs::read(path))?)
    }

    /// The first certificate is shown, the others lead from it to an authority.
    pub fn of(name: &Path, pieces: &Pieces) -> Result<Certificate, CertificateError> {
        let fault = |why| CertificateError::new(name, why);
        let chain = CertificateDer::pem_slice_iter(&pieces.pem).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|why| fault(Fault::NotPem(why)))?;
        let first = chain.first().ok_or_else(|| fault(Fault::NoCertificate))?;
        let facts = Facts::of(first).map_err(|why| fault(Fault::BadCertificate(why)))?;
        if facts.version < 3 {
            return Err(fault(Fault::OldVersion(facts.version)));
        }
        let provider = provider();
        let key = key(name, pieces)?;
        let certified = CertifiedKey::new(chain, loaded(&provider, key).map_err(|why| fault(Fault::BadKey(why)))?);
        match certified.keys_match() {
            // Whether they match cannot be told for every kind of key.
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InvalidCertificate(why)) => {
                return Err(fault(Fault::BadCertificate(format!("{why:?}"))));
            }
            Err(_) => return Err(fault(Fault::OtherKey)),
        }
        let (stapled, unstapled) = match pieces.status() {
            None => (None, None),
            Some(Ok(status)) => (Some(Stapled::new(&certified, pieces, status)), None),
            Some(Err(why)) => (None, Some(why)),
        };
        Ok(Certificate {
            name: name.to_owned(),
            key: Arc::new(certified),
            facts,
            stapled,
            unstapled,
        })
    }

    /// Keeps back what is said of it where that says nothing about `now`, since 1970.
    pub fn judged(mut self, now: Duration) -> Certificate {
        let judged = self.stapled.as_ref().map(|stapled| stapled.status.judge(now));
        if let Some(Err(why)) = judged {
            (self.stapled, self.unstapled) = (None, Some(why));
        }
        self
    }

    pub(crate) fn algorithm(&self) -> SignatureAlgorithm {
        self.key.key.algorithm()
    }
}

impl Stapled {
    fn new(certified: &CertifiedKey, pieces: &Pieces, status: Status) -> Stapled {
        let mut key = certified.clone();
        key.ocsp.clone_from(&pieces.ocsp);
        Stapled {
            key: Arc::new(key),
            status,
        }
    }

    /// What clients are shown at this moment, since 1970, if it still holds.
    pub(crate) fn at(&self, now: Duration) -> Option<&Arc<CertifiedKey>> {
        (now <= self.status.until()).then_some(&self.key)
    }
}

fn loaded(
    provider: &CryptoProvider,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<dyn rustls::sign::SigningKey>, rustls::Error> {
    provider.key_provider.load_private_key(key)
}

/// The key in the file itself comes first.
fn key(name: &Path, pieces: &Pieces) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let beside_it = beside(name, ".key");
    let places = [(name, Some(&pieces.pem)), (&beside_it, pieces.key.as_ref())];
    for (file, bytes) in places {
        let Some(bytes) = bytes else { continue };
        match PrivateKeyDer::from_pem_slice(bytes) {
            Ok(key) => return Ok(key),
            Err(pem::Error::NoItemsFound) => {}
            Err(why) => return Err(CertificateError::new(file, Fault::NotPem(why))),
        }
    }
    Err(CertificateError::new(name, Fault::NoKey(beside_it)))
}

/// The certificates of a file, for those who show what is in it.
pub fn chain(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect()
}
