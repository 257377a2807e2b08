//! Whom to believe: authorities, what they have revoked, and how those who come and those who are gone to prove who they are.

use std::iter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError as Invalid, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
};
use thiserror::Error as ThisError;

use crate::certificate::{CertificateError, Fault};
use crate::provider;
use crate::sni;
use crate::x509::Facts;

/// Authorities, and the certificates that they believe no more.
#[derive(Clone, Debug)]
pub struct Trust {
    roots: Arc<RootCertStore>,
    revoked: Vec<CertificateRevocationListDer<'static>>,
    /// Whom others are told to have vouch for them; `None` is everybody here.
    told: Option<Vec<DistinguishedName>>,
}

#[derive(Debug, ThisError)]
pub enum TrustError {
    #[error(transparent)]
    File(#[from] CertificateError),
    #[error("{}: there is no list of revoked certificates in it", .0.display())]
    NoList(PathBuf),
    #[error("this system has no authorities: install its ca-certificates")]
    NoSystem,
    #[error("these authorities cannot be used: {0}")]
    Unusable(String),
}

impl Trust {
    /// Authorities in PEM, a file's or several files'.
    pub fn new(files: &[(PathBuf, Vec<u8>)]) -> Result<Trust, TrustError> {
        let mut roots = RootCertStore::empty();
        for (file, pem) in files {
            let fault = |why| CertificateError::new(file, why);
            let before = roots.len();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|why| fault(Fault::NotPem(why)))?;
                roots
                    .add(certificate)
                    .map_err(|why| fault(Fault::BadCertificate(why.to_string())))?;
            }
            if roots.len() == before {
                return Err(fault(Fault::NoCertificate).into());
            }
        }
        Ok(Trust::of(roots))
    }

    /// Those that the distribution believes.
    pub fn system() -> Result<Trust, TrustError> {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            return Err(TrustError::NoSystem);
        }
        Ok(Trust::of(roots))
    }

    fn of(roots: RootCertStore) -> Trust {
        Trust {
            roots: Arc::new(roots),
            revoked: Vec::new(),
            told: None,
        }
    }

    /// Who is believed: names and keys.
    pub fn anchors(&self) -> Vec<Vec<u8>> {
        let roots = self.roots.roots.iter();
        roots
            .flat_map(|root| [root.subject.to_vec(), root.subject_public_key_info.to_vec()])
            .collect()
    }

    /// Believes those of another, too, and tells clients nothing of them.
    pub fn with_hidden(mut self, other: &Trust) -> Trust {
        self.told.get_or_insert_with(|| self.roots.subjects());
        let roots = Arc::make_mut(&mut self.roots);
        roots.extend(other.roots.roots.iter().cloned());
        self
    }

    /// Tells clients nothing of whom it believes.
    pub fn told_nothing(mut self) -> Trust {
        self.told = Some(Vec::new());
        self
    }

    /// Takes back what these lists, in PEM, say is revoked.
    pub fn without(mut self, file: &Path, pem: &[u8]) -> Result<Trust, TrustError> {
        self.revoked = Trust::lists(file, pem)?;
        Ok(self)
    }

    /// Lists of revoked certificates in PEM; there must be one.
    pub fn lists(file: &Path, pem: &[u8]) -> Result<Vec<CertificateRevocationListDer<'static>>, TrustError> {
        let lists = CertificateRevocationListDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        let lists = lists.map_err(|why| CertificateError::new(file, Fault::NotPem(why)))?;
        if lists.is_empty() {
            return Err(TrustError::NoList(file.to_owned()));
        }
        Ok(lists)
    }

    /// Judges clients by this. Those without a certificate come in too, unless they `must` have one.
    pub fn clients(self, must: bool, forgiven: Forgiven) -> Result<Clients, TrustError> {
        let builder = WebPkiClientVerifier::builder_with_provider(self.roots, provider());
        let builder = match self.revoked.is_empty() {
            true => builder,
            false => builder.with_crls(self.revoked).enforce_revocation_expiration(),
        };
        let builder = if must { builder } else { builder.allow_unauthenticated() };
        let builder = match self.told {
            None => builder,
            Some(told) => builder.clear_root_hint_subjects().add_root_hint_subjects(told),
        };
        let inner = builder.build().map_err(|why| TrustError::Unusable(why.to_string()))?;
        if forgiven.is_nothing() {
            return Ok(Clients {
                judge: inner,
                strict: None,
            });
        }
        Ok(Clients {
            strict: Some(inner.clone()),
            judge: Arc::new(Lenient { inner, forgiven }),
        })
    }

    /// Judges servers by this.
    pub(crate) fn servers(self, host: Option<String>) -> Result<Arc<dyn ServerCertVerifier>, TrustError> {
        let builder = WebPkiServerVerifier::builder_with_provider(self.roots, provider());
        let builder = match self.revoked.is_empty() {
            true => builder,
            false => builder.with_crls(self.revoked).enforce_revocation_expiration(),
        };
        let inner = builder.build().map_err(|why| TrustError::Unusable(why.to_string()))?;
        Ok(Arc::new(Known { inner, host }))
    }
}

/// Who judges clients.
#[derive(Clone, Debug)]
pub struct Clients {
    pub(crate) judge: Arc<dyn ClientCertVerifier>,
    /// The same without forgiving anything, where the judge does.
    pub(crate) strict: Option<Arc<dyn ClientCertVerifier>>,
}

/// Faults of client certificates that keep nobody out. By OpenSSL's numbers.
#[derive(Clone, Debug, Default)]
pub struct Forgiven {
    pub of_authorities: Errors,
    pub of_certificates: Errors,
}

#[derive(Clone, Debug, Default)]
pub enum Errors {
    #[default]
    None,
    These(Vec<u8>),
    All,
}

impl Errors {
    fn has(&self, number: u8) -> bool {
        match self {
            Errors::None => false,
            Errors::These(numbers) => numbers.contains(&number),
            Errors::All => true,
        }
    }
}

impl Forgiven {
    fn is_nothing(&self) -> bool {
        matches!(
            (&self.of_authorities, &self.of_certificates),
            (Errors::None, Errors::None)
        )
    }
}

/// OpenSSL's number for what is wrong with a certificate (`X509_V_ERR_…`).
pub fn number(error: &Error) -> u8 {
    match error {
        Error::InvalidCertificate(why) => match why {
            Invalid::NotValidYet | Invalid::NotValidYetContext { .. } => 9,
            Invalid::Expired | Invalid::ExpiredContext { .. } => 10,
            Invalid::UnknownIssuer => 20,
            Invalid::BadSignature => 7,
            Invalid::Revoked => 23,
            Invalid::UnknownRevocationStatus => 3,
            Invalid::ExpiredRevocationList | Invalid::ExpiredRevocationListContext { .. } => 12,
            Invalid::InvalidPurpose | Invalid::InvalidPurposeContext { .. } => 26,
            _ => 1,
        },
        _ => 1,
    }
}

/// Whether it has the key of its certificate is for the verifier within to say.
macro_rules! signatures_of_inner {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.inner.verify_tls12_signature(message, certificate, signed)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.inner.verify_tls13_signature(message, certificate, signed)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.inner.supported_verify_schemes()
        }
    };
}

/// Lets in whose certificate has only forgiven faults.
#[derive(Debug)]
struct Lenient {
    inner: Arc<dyn ClientCertVerifier>,
    forgiven: Forgiven,
}

impl ClientCertVerifier for Lenient {
    fn offer_client_auth(&self) -> bool {
        self.inner.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.inner.verify_client_cert(certificate, between, now) {
            Err(why) if !self.forgives(&why, certificate, between, now) => Err(why),
            _ => Ok(ClientCertVerified::assertion()),
        }
    }

    signatures_of_inner!();
}

impl Lenient {
    /// What is out of date is found before it is known who signed it: so all the rest is verified at a time when nothing
    /// was out of date. With other faults nothing is known of those that come after them, and only `all` forgives those.
    fn forgives(
        &self,
        why: &Error,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> bool {
        if matches!(self.forgiven.of_certificates, Errors::All) && !is_of_authority(why, certificate, now) {
            return true;
        }
        if !matches!(number(why), 9 | 10) {
            return false;
        }
        let then = self.forgiven.moment(certificate, between, now);
        then.is_some_and(|then| self.inner.verify_client_cert(certificate, between, then).is_ok())
    }
}

impl Forgiven {
    /// The moment next to `now` when all of these were in force; `None` when there is none, or when one is out of date
    /// that must not be.
    fn moment(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Option<UnixTime> {
        let now = Duration::from_secs(now.as_secs());
        let (mut first, mut last) = (Duration::ZERO, Duration::MAX);
        let authorities = between.iter().map(|one| (one, &self.of_authorities));
        for (one, forgiven) in iter::once((certificate, &self.of_certificates)).chain(authorities) {
            let facts = Facts::of(one).ok()?;
            let (begin, end) = (facts.not_before.since, facts.not_after.since);
            if (now < begin && !forgiven.has(9)) || (end < now && !forgiven.has(10)) {
                return None;
            }
            (first, last) = (first.max(begin), last.min(end));
        }
        (first <= last).then(|| UnixTime::since_unix_epoch(now.clamp(first, last)))
    }
}

/// Whether what is out of date is not the certificate itself but one above it.
fn is_of_authority(why: &Error, certificate: &CertificateDer<'_>, now: UnixTime) -> bool {
    if !matches!(number(why), 9 | 10) {
        return false;
    }
    Facts::of(certificate).is_ok_and(|facts| {
        let now = Duration::from_secs(now.as_secs());
        facts.not_before.since <= now && now <= facts.not_after.since
    })
}

/// Believes whoever an authority vouches for. As in HAProxy, the name counts if one was asked for, or else the one that
/// is configured, and there need be none.
#[derive(Debug)]
struct Known {
    inner: Arc<WebPkiServerVerifier>,
    host: Option<String>,
}

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.inner.verify_server_cert(certificate, between, name, ocsp, now) {
            // The name is looked at last, and by other rules below.
            Ok(_)
            | Err(Error::InvalidCertificate(Invalid::NotValidForName | Invalid::NotValidForNameContext { .. })) => {}
            Err(why) => return Err(why),
        }
        let wanted = match name {
            ServerName::DnsName(name) => Some(name.as_ref()),
            _ => self.host.as_deref(),
        };
        let Some(wanted) = wanted else {
            return Ok(ServerCertVerified::assertion());
        };
        let hosts = Facts::of(certificate)
            .map_err(|_| Error::InvalidCertificate(Invalid::BadEncoding))?
            .hosts;
        if hosts.iter().any(|host| sni::is_for(host, wanted)) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(Invalid::NotValidForName))
        }
    }

    signatures_of_inner!();
}

/// `verify none`: whoever answers is believed. That whoever it is has the key of the certificate is still seen to.
#[derive(Debug)]
pub(crate) struct Anyone(pub(crate) Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
