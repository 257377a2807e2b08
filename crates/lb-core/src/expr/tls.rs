//! What an expression may ask about TLS.

use super::Kind;

/// A question about TLS with the client or with the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFact {
    pub with: Party,
    pub what: TlsPart,
}

/// Whom TLS is spoken with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    Client,
    Server,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsPart {
    /// Whether it is spoken at all.
    Spoken,
    Resumed,
    /// Whether the client sent something before the handshake was over.
    Early,
    HasSni,
    /// The name that was asked for.
    Sni,
    Alpn,
    Protocol,
    Cipher,
    /// Bits of the cipher's key.
    KeySize,
    /// Whether the client has shown a certificate.
    HasCertificate,
    /// OpenSSL's number for what is wrong with it; 0 is nothing.
    Verified,
    /// What the other end sent behind its certificate; of a server also that.
    Chain,
    /// Something in the certificate of the other end, or in the one that it was shown.
    Certificate {
        ours: bool,
        part: CertificatePart,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificatePart {
    Subject(NamePart),
    Issuer(NamePart),
    NotBefore,
    NotAfter,
    Serial,
    Sha1,
    Der,
    Version,
    KeyAlgorithm,
    Signature,
}

/// The whole of a name in one line, or as RFC 2253 writes it, or the `nth` part of a kind: from 1, or from the end when it is negative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamePart {
    All,
    Formatted,
    One { kind: Box<str>, nth: i32 },
}

impl TlsFact {
    pub(super) fn kind(&self) -> Kind {
        match &self.what {
            TlsPart::Spoken | TlsPart::Resumed | TlsPart::Early | TlsPart::HasSni | TlsPart::HasCertificate => {
                Kind::Bool
            }
            TlsPart::KeySize | TlsPart::Verified => Kind::Int,
            TlsPart::Sni | TlsPart::Alpn | TlsPart::Protocol | TlsPart::Cipher => Kind::Text,
            TlsPart::Chain => Kind::Binary,
            TlsPart::Certificate { part, .. } => match part {
                CertificatePart::Serial | CertificatePart::Sha1 | CertificatePart::Der => Kind::Binary,
                CertificatePart::Version => Kind::Int,
                _ => Kind::Text,
            },
        }
    }
}
