//! From what the Plan says and the files hold to what connections go by.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tandem_lb_config::{self as plan, Authorities, Clients, Errors, ListLine, Shown, TlsVersion};
use tandem_text::base64;
use tandem_tls::{
    Certificate, CertificateError, Entry, Forgiven, Listener, Origin, OriginError, OriginTerms, Protocol, Rules,
    Signatures, Terms, TicketKeys, TicketKeysError, Trust, TrustError, Version,
};
use thiserror::Error;

use super::now;
use super::shelf::Shelf;

#[derive(Debug, Error)]
pub(crate) enum MakeError {
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error(transparent)]
    Origin(#[from] OriginError),
    #[error("{}: {why}", .file.display())]
    TicketKeys { file: PathBuf, why: TicketKeysError },
    #[error("{}:{line}: a key is written in base 64", .file.display())]
    TicketKey { file: PathBuf, line: usize },
    #[error("{}:{line}: {why}", .list.display())]
    Line { list: PathBuf, line: u32, why: String },
    #[error("these rules of TLS do not go together: {0}")]
    Rules(#[from] tandem_tls::Error),
}

/// What all is made of at one time.
pub(super) struct Source<'a> {
    shelf: &'a Shelf,
    /// Whom the distribution believes, once somebody wants to know.
    system: OnceCell<Trust>,
}

impl<'a> Source<'a> {
    pub(super) fn new(shelf: &'a Shelf) -> Source<'a> {
        let system = OnceCell::new();
        Source { shelf, system }
    }

    fn system(&self) -> Result<&Trust, TrustError> {
        if let Some(known) = self.system.get() {
            return Ok(known);
        }
        let read = Trust::system()?;
        Ok(self.system.get_or_init(|| read))
    }
}

pub(super) fn listener(tls: &plan::Termination, from: &Source<'_>) -> Result<Listener, MakeError> {
    let terms = terms(tls, &tls.terms, &tls.clients, from)?;
    let all = &tls.certificates;
    let (usual, others) = all.split_at(tls.usual.min(all.len()));
    let mut entries = entries(usual, tls, &terms, from)?;
    let usual = entries.len().max(1);
    entries.extend(self::entries(others, tls, &terms, from)?);
    Ok(Listener::new(entries, usual, tls.strict_sni)?)
}

fn entries(all: &[Shown], tls: &plan::Termination, usual: &Terms, from: &Source<'_>) -> Result<Vec<Entry>, MakeError> {
    let mut entries = Vec::new();
    for shown in all {
        let path = shown.path();
        match from.shelf.lists.get(path) {
            None => entries.push(entry(&ListLine::plain(path.to_owned(), 0), usual.clone(), from)?),
            Some(list) => {
                for line in &list.lines {
                    let own = line
                        .options
                        .is_some()
                        .then(|| of_line(tls, line, path, from))
                        .transpose()?;
                    entries.push(entry(line, own.unwrap_or_else(|| usual.clone()), from)?);
                }
            }
        }
    }
    Ok(entries)
}

fn terms(tls: &plan::Termination, own: &plan::Terms, whom: &Clients, from: &Source<'_>) -> Result<Terms, MakeError> {
    let keys = tls
        .ticket_keys
        .as_ref()
        .map(|file| ticket_keys(file, from.shelf))
        .transpose()?;
    Ok(Terms {
        protocol: protocol(own),
        alpn: alpn(&own.alpn),
        clients: clients(whom, from)?,
        tickets: tls.tickets,
        ticket_keys: keys.map(|keys| (keys, rules(whom, from))),
        sessions: tls.sessions as usize,
        lifetime: tls.lifetime,
        signatures: signatures(own),
        client_order: tls.client_order,
    })
}

/// One key on each line.
pub(super) fn ticket_keys(file: &Path, shelf: &Shelf) -> Result<TicketKeys, MakeError> {
    let text = shelf.keys.get(file).map_or(&[][..], Vec::as_slice);
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).zip(1..);
    let keys = lines.filter(|(line, _)| !line.is_empty()).map(|(line, number)| {
        base64::decode(line, false).ok_or_else(|| MakeError::TicketKey {
            file: file.to_owned(),
            line: number,
        })
    });
    TicketKeys::new(keys.collect::<Result<_, _>>()?).map_err(|why| MakeError::TicketKeys {
        file: file.to_owned(),
        why,
    })
}

/// By what clients are let in: the same wherever the same is believed, whatever the files are called.
fn rules(whom: &Clients, from: &Source<'_>) -> Rules {
    let (trust, kind) = match whom {
        Clients::Anyone => return Rules::of(b'*', [[]]),
        Clients::Asked(trust) => (trust, b'?'),
        Clients::Known(trust) => (trust, b'!'),
    };
    let shelf = from.shelf;
    let authorities = |path: &Path| -> Vec<&[u8]> {
        let files = shelf.meant(path).into_iter();
        let contents = files.filter_map(|file| shelf.authorities.get(&file));
        contents.map(Vec::as_slice).collect()
    };
    let anchors;
    let believed = match &trust.trust.authorities {
        Authorities::Path(path) => authorities(path),
        Authorities::System => {
            anchors = from.system().map_or_else(|_| Vec::new(), Trust::anchors);
            anchors.iter().map(Vec::as_slice).collect()
        }
    };
    let hidden = trust.hidden.as_deref().map(authorities).unwrap_or_default();
    let revoked = trust.trust.revoked.iter();
    let revoked = revoked.filter_map(|file| shelf.revoked.get(file).map(Vec::as_slice));
    let forgiven = [&trust.forgiven.of_authorities, &trust.forgiven.of_certificates].map(|errors| match errors {
        Errors::None => &[][..],
        Errors::These(numbers) => numbers.as_slice(),
        Errors::All => &[u8::MAX][..],
    });
    Rules::of(kind, [believed, hidden, revoked.collect(), forgiven.to_vec()])
}

fn of_line(tls: &plan::Termination, line: &ListLine, list: &Path, from: &Source<'_>) -> Result<Terms, MakeError> {
    let settled = tls.of_line(line).map_err(|why| MakeError::Line {
        list: list.to_owned(),
        line: line.number,
        why,
    });
    let (own, whom) = settled?;
    terms(tls, &own, &whom, from)
}

fn entry(line: &ListLine, terms: Terms, from: &Source<'_>) -> Result<Entry, MakeError> {
    Ok(Entry {
        certificate: certificate(&line.certificate, from)?,
        terms,
        filters: line.filters.clone(),
        is_apart: line.options.is_some(),
    })
}

pub(super) fn origin(tls: &plan::Origination, from: &Source<'_>) -> Result<Origin, MakeError> {
    Ok(Origin::new(OriginTerms {
        protocol: protocol(&tls.terms),
        signatures: signatures(&tls.terms),
        alpn: alpn(&tls.terms.alpn),
        trust: tls.trust.as_ref().map(|whom| trust(whom, from)).transpose()?,
        host: tls.host.clone(),
        certificate: tls
            .certificate
            .as_ref()
            .map(|file| certificate(file, from))
            .transpose()?,
        reuses: tls.reuses,
    })?)
}

fn certificate(file: &Path, from: &Source<'_>) -> Result<Arc<Certificate>, MakeError> {
    let pieces = from.shelf.certificates.get(file).cloned().unwrap_or_default();
    let certificate = Certificate::of(file, &pieces)?.judged(now());
    if let Some(why) = certificate.unstapled.map(|why| why.to_string()) {
        let why = why.trim_end_matches('.');
        tracing::warn!("{}.ocsp: {why}: it is not shown to anybody", file.display());
    }
    Ok(Arc::new(certificate))
}

fn clients(clients: &Clients, from: &Source<'_>) -> Result<tandem_tls::Clients, MakeError> {
    let (whom, must) = match clients {
        Clients::Anyone => return Ok(tandem_tls::anyone()),
        Clients::Asked(trust) => (trust, false),
        Clients::Known(trust) => (trust, true),
    };
    let forgiven = Forgiven {
        of_authorities: errors(&whom.forgiven.of_authorities),
        of_certificates: errors(&whom.forgiven.of_certificates),
    };
    let mut trusted = trust(&whom.trust, from)?;
    if let Some(hidden) = &whom.hidden {
        trusted = trusted.with_hidden(&of_authorities(hidden, from)?);
    }
    if whom.hides_all {
        trusted = trusted.told_nothing();
    }
    Ok(trusted.clients(must, forgiven)?)
}

fn trust(whom: &plan::Trust, from: &Source<'_>) -> Result<Trust, MakeError> {
    let trust = match &whom.authorities {
        Authorities::System => from.system()?.clone(),
        Authorities::Path(path) => of_authorities(path, from)?,
    };
    match &whom.revoked {
        None => Ok(trust),
        Some(file) => Ok(trust.without(file, from.shelf.revoked.get(file).map_or(&[], Vec::as_slice))?),
    }
}

fn of_authorities(path: &Path, from: &Source<'_>) -> Result<Trust, MakeError> {
    let files = from.shelf.meant(path).into_iter().map(|file| {
        let pem = from.shelf.authorities.get(&file).cloned().unwrap_or_default();
        (file, pem)
    });
    Ok(Trust::new(&files.collect::<Vec<_>>())?)
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

fn signatures(terms: &plan::Terms) -> Signatures {
    Signatures::new(&terms.own_signatures, &terms.their_signatures)
}

fn alpn(names: &[String]) -> Vec<Vec<u8>> {
    names.iter().map(|name| name.as_bytes().to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use tandem_lb_config::NamedText;

    use super::*;

    /// The rules of a listener with these words, where `a` and `b` hold authorities and `r` what is revoked.
    fn ruled(words: &str, files: [(&str, &[u8]); 3]) -> Rules {
        let text = format!("frontend f\n bind 127.0.0.1:1 ssl crt x {words}\n");
        let loaded = tandem_lb_config::load(&[NamedText::new("t", text)], &|_| None, None);
        let plan = loaded.plan.expect("it is whole");
        let tls = plan.frontends[0].binds[0].tls.clone().expect("it has TLS");
        let mut shelf = Shelf::default();
        for (file, content) in files {
            shelf.authorities.insert(file.into(), content.to_vec());
            shelf.revoked.insert(file.into(), content.to_vec());
        }
        rules(&tls.clients, &Source::new(&shelf))
    }

    #[test]
    fn rules_are_what_files_hold_and_not_their_names() {
        let files: [(&str, &[u8]); 3] = [("a", b"one"), ("b", b"two"), ("r", b"gone")];
        let of = |words: &str| ruled(words, files);
        let known = of("verify required ca-file a");
        assert_eq!(of(""), of("verify none ca-file a"));
        let renamed: [(&str, &[u8]); 3] = [("a", b"two"), ("b", b"one"), ("r", b"gone")];
        assert_eq!(ruled("verify required ca-file b", renamed), known);
        assert_eq!(of("verify required ca-file a no-ca-names alpn h2"), known);
        let others = [
            ruled("verify required ca-file a", renamed),
            of("verify optional ca-file a"),
            of("verify required ca-file a ca-verify-file b"),
            of("verify required ca-file b ca-verify-file a"),
            of("verify required ca-file a crl-file r"),
            of("verify required ca-file a crl-file b"),
            of("verify required ca-file a ca-ignore-err 10"),
            of("verify required ca-file a crt-ignore-err 10"),
            of("verify required ca-file a crt-ignore-err 9,10"),
            of("verify required ca-file a crt-ignore-err all"),
            of(""),
            known,
        ];
        let distinct: std::collections::BTreeSet<_> = others.iter().collect();
        assert_eq!(distinct.len(), others.len());
    }
}
