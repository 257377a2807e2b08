//! How is signed, and what is believed of others' signatures (`sigalgs`, `client-sigalgs`).

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, SignatureAlgorithm, SignatureScheme};

/// Ways to sign, the best first. Without any, all that exist here are good.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signatures {
    ours: Vec<SignatureScheme>,
    theirs: Vec<SignatureScheme>,
}

impl Signatures {
    /// How is signed here, and how by others; by the names of TLS 1.3. What is not known is passed over.
    pub fn new(ours: &[&str], theirs: &[&str]) -> Signatures {
        let schemes = |names: &[&str]| names.iter().filter_map(|name| scheme(name)).collect();
        Signatures {
            ours: schemes(ours),
            theirs: schemes(theirs),
        }
    }

    /// Of what others offer, what is good here.
    pub(crate) fn among(&self, offered: &[SignatureScheme]) -> Vec<SignatureScheme> {
        if self.ours.is_empty() {
            return offered.to_vec();
        }
        let both = self.ours.iter().filter(|own| offered.contains(own));
        both.copied().collect()
    }

    /// A key that signs as it should.
    pub(crate) fn limit(&self, key: &Arc<CertifiedKey>) -> Arc<CertifiedKey> {
        if self.ours.is_empty() {
            return key.clone();
        }
        let mut limited = CertifiedKey::clone(key);
        limited.key = Arc::new(Choosy {
            inner: key.key.clone(),
            signatures: self.clone(),
        });
        Arc::new(limited)
    }

    pub(crate) fn of_clients(&self, judge: Arc<dyn ClientCertVerifier>) -> Arc<dyn ClientCertVerifier> {
        match self.theirs.is_empty() {
            true => judge,
            false => Arc::new(Limited::new(judge, &self.theirs)),
        }
    }

    pub(crate) fn of_servers(&self, judge: Arc<dyn ServerCertVerifier>) -> Arc<dyn ServerCertVerifier> {
        match self.theirs.is_empty() {
            true => judge,
            false => Arc::new(Limited::new(judge, &self.theirs)),
        }
    }
}

fn scheme(name: &str) -> Option<SignatureScheme> {
    Some(match name {
        "ecdsa_secp256r1_sha256" => SignatureScheme::ECDSA_NISTP256_SHA256,
        "ecdsa_secp384r1_sha384" => SignatureScheme::ECDSA_NISTP384_SHA384,
        "ed25519" => SignatureScheme::ED25519,
        "rsa_pss_rsae_sha256" => SignatureScheme::RSA_PSS_SHA256,
        "rsa_pss_rsae_sha384" => SignatureScheme::RSA_PSS_SHA384,
        "rsa_pss_rsae_sha512" => SignatureScheme::RSA_PSS_SHA512,
        "rsa_pkcs1_sha256" => SignatureScheme::RSA_PKCS1_SHA256,
        "rsa_pkcs1_sha384" => SignatureScheme::RSA_PKCS1_SHA384,
        "rsa_pkcs1_sha512" => SignatureScheme::RSA_PKCS1_SHA512,
        _ => return None,
    })
}

/// A key that signs in no other way than these, the first of them that the other end knows.
#[derive(Debug)]
struct Choosy {
    inner: Arc<dyn SigningKey>,
    signatures: Signatures,
}

impl SigningKey for Choosy {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let both = self.signatures.among(offered).into_iter();
        both.filter_map(|scheme| self.inner.choose_scheme(&[scheme])).next()
    }

    fn public_key(&self) -> Option<rustls::pki_types::SubjectPublicKeyInfoDer<'_>> {
        self.inner.public_key()
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.inner.algorithm()
    }
}

/// Believes no other signatures than these.
#[derive(Debug)]
struct Limited<T: ?Sized> {
    inner: Arc<T>,
    schemes: Vec<SignatureScheme>,
}

impl<T: ?Sized> Limited<T> {
    fn new(inner: Arc<T>, schemes: &[SignatureScheme]) -> Limited<T> {
        Limited {
            inner,
            schemes: schemes.to_vec(),
        }
    }

    fn judge(&self, signed: &DigitallySignedStruct) -> Result<(), Error> {
        match self.schemes.contains(&signed.scheme) {
            true => Ok(()),
            false => Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into()),
        }
    }
}

/// What the verifier within says of a signature of a kind that is believed.
macro_rules! signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.judge(signed)?;
            self.inner.verify_tls12_signature(message, certificate, signed)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.judge(signed)?;
            self.inner.verify_tls13_signature(message, certificate, signed)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            let known = self.inner.supported_verify_schemes();
            let both = self.schemes.iter().filter(|scheme| known.contains(scheme));
            both.copied().collect()
        }
    };
}

impl ClientCertVerifier for Limited<dyn ClientCertVerifier> {
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
        self.inner.verify_client_cert(certificate, between, now)
    }

    signatures!();
}

impl ServerCertVerifier for Limited<dyn ServerCertVerifier> {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.inner.verify_server_cert(certificate, between, name, ocsp, now)
    }

    signatures!();
}
