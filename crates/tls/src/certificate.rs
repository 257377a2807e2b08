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

use crate::provider;
use crate::x509::{About, Facts, Status, StatusError};

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
    /// Since 1970.
    until: Duration,
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
    #[error("this is not PEM: {0}")]
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
}

impl CertificateError {
    pub(crate) fn new(file: &Path, why: Fault) -> CertificateError {
        CertificateError {
            file: file.to_owned(),
            why,
        }
    }
}

/// What a file and those beside it hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pieces {
    pub pem: Vec<u8>,
    /// The file of the same name with `.key` behind it.
    pub key: Option<Vec<u8>>,
    /// The same with `.ocsp`: what the authority says of the certificate at present, in DER.
    pub ocsp: Option<Vec<u8>>,
    /// The same with `.issuer`: who signed the certificate, where that is not in its own file.
    pub issuer: Option<Vec<u8>>,
}

impl Pieces {
    /// `content` reads a file.
    pub fn read(file: &Path, content: impl Fn(&Path) -> io::Result<Vec<u8>>) -> Result<Pieces, CertificateError> {
        let unreadable = |file: &Path, why| CertificateError::new(file, Fault::Unreadable(why));
        let beside = |ending: &str| {
            let path = beside(file, ending);
            match content(&path) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(why) => Err(unreadable(&path, why)),
            }
        };
        Ok(Pieces {
            pem: content(file).map_err(|why| unreadable(file, why))?,
            key: beside(".key")?,
            ocsp: beside(".ocsp")?,
            issuer: beside(".issuer")?,
        })
    }
}

impl Pieces {
    /// The certificate, and those that may have signed it.
    fn signed(&self) -> Option<(CertificateDer<'static>, Vec<CertificateDer<'static>>)> {
        let mut chain = chain(&self.pem).into_iter();
        let first = chain.next()?;
        let beside = self.issuer.as_deref().map(self::chain).unwrap_or_default();
        Some((first, chain.chain(beside).collect()))
    }

    /// What an authority is asked about, where it is known who that is.
    pub fn about(&self) -> Option<About> {
        let (first, signers) = self.signed()?;
        signers.iter().find_map(|signer| About::of(&first, signer))
    }

    /// Whether a response is about this certificate.
    pub fn is_what(&self, about: &About) -> bool {
        let is_of = |(first, signers): (CertificateDer<'_>, Vec<CertificateDer<'_>>)| {
            signers.iter().any(|signer| about.is_of(&first, signer))
        };
        self.signed().is_some_and(is_of)
    }

    /// What the authority says, if anything, whenever that was. Without knowing who signed the certificate nobody can tell
    /// whether it is about another.
    pub fn status(&self) -> Option<Result<Status, StatusError>> {
        let response = self.ocsp.as_deref().filter(|response| !response.is_empty())?;
        Some(Status::of(response).and_then(|status| match self.about() {
            Some(_) if !self.is_what(&status.about) => Err(StatusError::Other),
            _ => Ok(status),
        }))
    }

    /// The certificates with their key, as in one file.
    pub fn whole(mut self) -> Vec<u8> {
        self.pem.extend(self.key.unwrap_or_default());
        self.pem
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
            Some(Ok(status)) => (Some(Stapled::new(&certified, pieces, status.until())), None),
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

    pub(crate) fn algorithm(&self) -> SignatureAlgorithm {
        self.key.key.algorithm()
    }
}

impl Stapled {
    fn new(certified: &CertifiedKey, pieces: &Pieces, until: Duration) -> Stapled {
        let mut key = certified.clone();
        key.ocsp.clone_from(&pieces.ocsp);
        Stapled {
            key: Arc::new(key),
            until,
        }
    }

    /// What clients are shown at this moment, since 1970, if it still holds.
    pub(crate) fn at(&self, now: Duration) -> Option<&Arc<CertifiedKey>> {
        (now <= self.until).then_some(&self.key)
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
