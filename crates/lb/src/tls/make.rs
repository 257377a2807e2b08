//! From what the Plan says and the files hold to what connections go by.

use std::path::Path;
use std::sync::Arc;

use tandem_lb_config::{self as plan, Authorities, Clients, Errors, TlsVersion};
use tandem_tls::{
    Certificate, CertificateError, Entry, Forgiven, Listener, Origin, OriginError, OriginTerms, Protocol, Terms, Trust,
    TrustError, Version,
};
use thiserror::Error;

use super::shelf::Shelf;

#[derive(Debug, Error)]
pub(crate) enum MakeError {
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error(transparent)]
    Origin(#[from] OriginError),
    #[error("these rules of TLS do not go together: {0}")]
    Rules(#[from] tandem_tls::Error),
}

pub(super) fn listener(tls: &plan::Termination, shelf: &Shelf) -> Result<Listener, MakeError> {
    let terms = Terms {
        protocol: protocol(&tls.terms),
        alpn: alpn(&tls.terms.alpn),
        clients: clients(&tls.clients, shelf)?,
        tickets: tls.tickets,
        sessions: tls.sessions as usize,
        client_order: tls.client_order,
    };
    let mut entries = Vec::new();
    for path in &tls.certificates {
        for file in shelf.meant(path) {
            entries.push(Entry {
                certificate: certificate(&file, shelf)?,
                terms: terms.clone(),
                filters: Vec::new(),
            });
        }
    }
    Ok(Listener::new(entries, tls.strict_sni)?)
}

pub(super) fn origin(tls: &plan::Origination, shelf: &Shelf) -> Result<Origin, MakeError> {
    Ok(Origin::new(OriginTerms {
        protocol: protocol(&tls.terms),
        alpn: alpn(&tls.terms.alpn),
        trust: tls.trust.as_ref().map(|whom| trust(whom, shelf)).transpose()?,
        host: tls.host.clone(),
        certificate: tls
            .certificate
            .as_ref()
            .map(|file| certificate(file, shelf))
            .transpose()?,
        reuses: tls.reuses,
    })?)
}

fn certificate(file: &Path, shelf: &Shelf) -> Result<Arc<Certificate>, MakeError> {
    let pieces = shelf.certificates.get(file).cloned().unwrap_or_default();
    Ok(Arc::new(Certificate::of(file, &pieces)?))
}

fn clients(clients: &Clients, shelf: &Shelf) -> Result<tandem_tls::Clients, MakeError> {
    let (whom, must) = match clients {
        Clients::Anyone => return Ok(tandem_tls::anyone()),
        Clients::Asked(trust) => (trust, false),
        Clients::Known(trust) => (trust, true),
    };
    let forgiven = Forgiven {
        of_authorities: errors(&whom.forgiven.of_authorities),
        of_certificates: errors(&whom.forgiven.of_certificates),
    };
    Ok(trust(&whom.trust, shelf)?.clients(must, forgiven)?)
}

fn trust(whom: &plan::Trust, shelf: &Shelf) -> Result<Trust, MakeError> {
    let trust = match &whom.authorities {
        Authorities::System => Trust::system()?,
        Authorities::Path(path) => {
            let files = shelf.meant(path).into_iter().map(|file| {
                let pem = shelf.authorities.get(&file).cloned().unwrap_or_default();
                (file, pem)
            });
            Trust::new(&files.collect::<Vec<_>>())?
        }
    };
    match &whom.revoked {
        None => Ok(trust),
        Some(file) => Ok(trust.without(file, shelf.revoked.get(file).map_or(&[], Vec::as_slice))?),
    }
}

fn errors(errors: &Errors) -> tandem_tls::Errors {
    match errors {
        Errors::None => tandem_tls::Errors::None,
        Errors::These(numbers) => tandem_tls::Errors::These(numbers.clone()),
        Errors::All => tandem_tls::Errors::All,
    }
}

fn protocol(terms: &plan::Terms) -> Protocol {
    let version = |version: &TlsVersion| match version {
        TlsVersion::V12 => Version::Tls12,
        TlsVersion::V13 => Version::Tls13,
    };
    let versions: Vec<Version> = terms.versions.iter().map(version).collect();
    Protocol::new(&versions, &terms.suites, &terms.groups)
}

fn alpn(names: &[String]) -> Vec<Vec<u8>> {
    names.iter().map(|name| name.as_bytes().to_vec()).collect()
}
