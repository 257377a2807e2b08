//! What expressions hear about TLS.

use std::borrow::Cow;

use tandem_lb_core::expr::{CertificatePart, NamePart, Party, Sample, TlsFact, TlsPart};
use tandem_tls::x509::{self, Facts};
use tandem_tls::{CertificateDer, protocol};

use super::Scene;
use crate::tls::Tls;

pub(super) fn find<'a>(scene: &'a Scene<'_>, fact: &TlsFact) -> Option<Sample<'a>> {
    let wire = match fact.with {
        Party::Client => scene.client,
        Party::Server => scene.upstream,
    };
    let tls = wire.and_then(|wire| wire.tls());
    match &fact.what {
        TlsPart::Spoken => Some(Sample::Bool(tls.is_some())),
        what => answer(tls?, fact.with, what),
    }
}

fn answer(tls: &Tls, with: Party, what: &TlsPart) -> Option<Sample<'static>> {
    let connection = tls.connection();
    let state = connection.state()?;
    Some(match what {
        TlsPart::Spoken => Sample::Bool(true),
        TlsPart::Resumed => Sample::Bool(tls.is_resumed()),
        // It is not offered to anybody.
        TlsPart::Early => Sample::Bool(false),
        TlsPart::HasSni => Sample::Bool(connection.server_name().is_some()),
        TlsPart::Sni => text(connection.server_name()?),
        TlsPart::Alpn => Sample::Text(Cow::Owned(state.alpn_protocol()?.to_vec())),
        TlsPart::Protocol => text(protocol::version_name(state.protocol_version()?)),
        TlsPart::Cipher => text(protocol::suite_name(state.negotiated_cipher_suite()?)?),
        TlsPart::KeySize => Sample::Int(protocol::key_bits(protocol::suite_name(
            state.negotiated_cipher_suite()?,
        )?)),
        TlsPart::HasCertificate => Sample::Bool(state.peer_certificates().is_some_and(|chain| !chain.is_empty())),
        TlsPart::Verified => Sample::Int(connection.fault_of_client()?.into()),
        TlsPart::Chain => {
            let all = state.peer_certificates()?;
            // OpenSSL keeps the client's own apart.
            let sent = match with {
                Party::Client => all.get(1..).filter(|rest| !rest.is_empty())?,
                Party::Server => all,
            };
            let chain = sent.iter().flat_map(|certificate| certificate.iter().copied());
            Sample::Binary(Cow::Owned(chain.collect()))
        }
        TlsPart::Certificate { ours: true, part } => of(connection.shown()?.key.end_entity_cert().ok()?, part)?,
        TlsPart::Certificate { ours: false, part } => of(state.peer_certificates()?.first()?, part)?,
    })
}

fn of(certificate: &CertificateDer<'_>, part: &CertificatePart) -> Option<Sample<'static>> {
    match part {
        CertificatePart::Sha1 => return Some(Sample::Binary(Cow::Owned(x509::sha1(certificate)))),
        CertificatePart::Der => return Some(Sample::Binary(Cow::Owned(certificate.to_vec()))),
        _ => {}
    }
    let facts = Facts::of(certificate).ok()?;
    Some(match part {
        CertificatePart::Subject(name) => self::name(&facts.subject, name)?,
        CertificatePart::Issuer(name) => self::name(&facts.issuer, name)?,
        CertificatePart::NotBefore => text(&facts.not_before.asn1()),
        CertificatePart::NotAfter => text(&facts.not_after.asn1()),
        CertificatePart::Serial => Sample::Binary(Cow::Owned(facts.serial)),
        CertificatePart::Version => Sample::Int(facts.version.into()),
        CertificatePart::KeyAlgorithm => text(&facts.key.kind),
        CertificatePart::Signature => text(&facts.signature),
        CertificatePart::Sha1 | CertificatePart::Der => return None,
    })
}

fn name(parts: &[x509::Part], wanted: &NamePart) -> Option<Sample<'static>> {
    match wanted {
        NamePart::All => Some(text(&x509::one_line(parts))),
        NamePart::Formatted => Some(text(&x509::rfc2253(parts))),
        NamePart::One { kind, nth } => x509::part(parts, kind, *nth).map(text),
    }
}

fn text(text: &str) -> Sample<'static> {
    Sample::Text(Cow::Owned(text.as_bytes().to_vec()))
}
