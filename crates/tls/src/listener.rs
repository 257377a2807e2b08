//! What a place to listen at needs to speak TLS: certificates, and for each client the one that fits.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    ClientHello, ProducesTickets, ResolvesServerCert, ServerSessionMemoryCache, StoresServerSessions,
    WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::{Error, ServerConfig, SignatureAlgorithm};

use crate::Certificate;
use crate::lifetime::Lasting;
use crate::protocol::Protocol;
use crate::signing::Signatures;
use crate::sni::Index;
use crate::tickets::{Rules, TicketKeys, Ticketer};
use crate::trust::{self, Clients};

/// With `strict-sni`, a client that asks for a name that no certificate has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no certificate fits the name that the client asks for")]
pub struct NoCertificate;

/// The rules for one connection.
#[derive(Debug)]
pub struct Chosen {
    pub config: Arc<ServerConfig>,
    /// The name that the client asked for.
    pub name: Option<Box<str>>,
    /// What the client is shown.
    pub certificate: Arc<Certificate>,
    /// Where that is among the entries.
    pub place: usize,
}

/// How connections are made, whatever the certificate.
#[derive(Clone, Debug)]
pub struct Terms {
    pub protocol: Protocol,
    /// What to talk, the best first.
    pub alpn: Vec<Vec<u8>>,
    pub clients: Clients,
    /// Whether clients may come back without a full handshake by a ticket that they keep.
    pub tickets: bool,
    /// What these are made with, and by which rules clients were let in; keys of our own if there are none.
    pub ticket_keys: Option<(TicketKeys, Rules)>,
    /// Sessions kept for those who come back without one.
    pub sessions: usize,
    /// How long after a full handshake they may, by a ticket or without one.
    pub lifetime: Duration,
    /// How is signed, here and by clients.
    pub signatures: Signatures,
    /// Whether the client's order of ciphers counts, and not ours.
    pub client_order: bool,
}

/// No client is asked for a certificate.
pub fn anyone() -> Clients {
    Clients {
        judge: WebPkiClientVerifier::no_client_auth(),
        strict: None,
    }
}

/// A certificate, the terms of those who get it, and the names that lead to it.
#[derive(Debug)]
pub struct Entry {
    pub certificate: Arc<Certificate>,
    pub terms: Terms,
    /// Host names with wildcards and exceptions; those in the certificate if there are none.
    pub filters: Vec<String>,
    /// The terms are its own: who came by others does not come back by these.
    pub is_apart: bool,
}

/// All that is shown at one place.
#[derive(Debug)]
pub struct Listener {
    entries: Vec<Made>,
    index: Index,
    is_strict: bool,
    /// The places of those for whom no name fits.
    usual: Vec<usize>,
    /// Those whose keys stand in a file.
    ticketers: Vec<Arc<Ticketer>>,
}

#[derive(Debug)]
struct Made {
    certificate: Arc<Certificate>,
    config: Arc<ServerConfig>,
    /// The same for those who offer protocols of which none is spoken here.
    without_alpn: Option<Arc<ServerConfig>>,
    /// Who judges clients without forgiving anything, where something is forgiven.
    strict: Option<Arc<dyn ClientCertVerifier>>,
    signatures: Signatures,
}

impl Listener {
    /// The first `usual` entries are for those whom no other fits, unless `is_strict`.
    pub fn new(entries: Vec<Entry>, usual: usize, is_strict: bool) -> Result<Listener, Error> {
        let mut index = Index::default();
        for (place, entry) in entries.iter().enumerate() {
            let own = &entry.certificate.facts.hosts;
            let names = if entry.filters.is_empty() { own } else { &entry.filters };
            names.iter().for_each(|name| index.put(name, place));
        }
        let memory = Memory::for_all(entries.iter().filter(|entry| !entry.is_apart))?;
        let mut ticketers = Vec::from_iter(memory.given.clone());
        let entries = entries.into_iter().map(|entry| match entry.is_apart {
            true => {
                let own = Memory::for_all([&entry])?;
                ticketers.extend(own.given.clone());
                Made::of(entry, &own)
            }
            false => Made::of(entry, &memory),
        });
        let entries = entries.collect::<Result<Vec<_>, Error>>()?;
        Ok(Listener {
            entries,
            index,
            is_strict,
            usual: (0..usual).collect(),
            ticketers,
        })
    }

    /// Makes tickets with these from now on, where their keys stand in a file.
    pub fn take_keys(&self, keys: &TicketKeys) {
        self.ticketers.iter().for_each(|ticketer| ticketer.take_keys(keys));
    }

    /// The certificate and terms for a client.
    pub(crate) fn choose(&self, hello: &ClientHello<'_>) -> Result<Chosen, NoCertificate> {
        let name = hello.server_name();
        let found = name.map(|name| self.index.find(name)).unwrap_or_default();
        let place = match self.best(&found, hello) {
            Some(place) => place,
            None if self.is_strict => return Err(NoCertificate),
            None => self.best(&self.usual, hello).unwrap_or(0),
        };
        let made = self.entries.get(place).ok_or(NoCertificate)?;
        let is_spoken = |config: &ServerConfig| {
            let mut offered = hello.alpn().into_iter().flatten();
            hello.alpn().is_none() || offered.any(|one| config.alpn_protocols.iter().any(|own| own == one))
        };
        let config = match &made.without_alpn {
            Some(without) if !is_spoken(&made.config) => without,
            _ => &made.config,
        };
        Ok(Chosen {
            config: config.clone(),
            name: name.map(Into::into),
            certificate: made.certificate.clone(),
            place,
        })
    }

    /// For those who have not made themselves understood.
    pub(crate) fn usual(&self) -> Result<Chosen, NoCertificate> {
        let first = self.entries.first().ok_or(NoCertificate)?;
        Ok(Chosen {
            config: first.config.clone(),
            name: None,
            certificate: first.certificate.clone(),
            place: 0,
        })
    }

    /// OpenSSL's number for what is wrong with a client's certificate that was let in all the same by the terms of this
    /// entry; 0 for nothing.
    pub(crate) fn fault_of(&self, chain: &[CertificateDer<'_>], place: usize) -> u8 {
        let Some((first, between)) = chain.split_first() else {
            return 0;
        };
        let strict = self.entries.get(place).and_then(|made| made.strict.as_ref());
        let verdict = strict.map(|strict| strict.verify_client_cert(first, between, UnixTime::now()));
        match verdict.and_then(Result::err).map(|why| trust::number(&why)) {
            None => 0,
            // Where nobody vouches for a certificate, OpenSSL's last word is that it could not be verified.
            Some(20) => 21,
            Some(number) => number,
        }
    }

    /// Elliptic curves are preferred where the client knows them, as HAProxy does.
    fn best(&self, places: &[usize], hello: &ClientHello<'_>) -> Option<usize> {
        let made = || {
            places
                .iter()
                .filter_map(|place| Some((*place, self.entries.get(*place)?)))
        };
        let fits = |(_, made): &(usize, &Made)| {
            let schemes = made.signatures.among(hello.signature_schemes());
            made.certificate.key.key.choose_scheme(&schemes).is_some()
        };
        let is_curve = |(_, made): &(usize, &Made)| made.certificate.algorithm() != SignatureAlgorithm::RSA;
        let curved = made().filter(fits).find(is_curve);
        let found = curved.or_else(|| made().find(fits)).or_else(|| made().next());
        found.map(|(place, _)| place)
    }
}

/// What clients come back to, whatever certificate they were shown of those with the same terms.
struct Memory {
    sessions: Arc<dyn StoresServerSessions>,
    tickets: Option<Arc<dyn ProducesTickets>>,
    /// The same, where it goes by keys from a file.
    given: Option<Arc<Ticketer>>,
}

impl Memory {
    /// All of them let in the same clients.
    fn for_all<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Result<Memory, Error> {
        let terms: Vec<&Terms> = entries.into_iter().map(|entry| &entry.terms).collect();
        let most = terms.iter().map(|terms| terms.sessions).max();
        let wanted = terms.iter().any(|terms| terms.tickets);
        let given = terms.iter().find_map(|terms| terms.ticket_keys.as_ref());
        let given = given.map(|(keys, rules)| keys.for_those(*rules)).filter(|_| wanted);
        let lifetime = terms.first().map(|terms| terms.lifetime).unwrap_or_default();
        let made = || {
            let tickets = match &given {
                Some(given) => given.clone() as Arc<dyn ProducesTickets>,
                None => rustls::crypto::ring::Ticketer::new()?,
            };
            Ok::<_, Error>(Arc::new(Lasting::new(tickets, lifetime)) as Arc<dyn ProducesTickets>)
        };
        let sessions: Arc<dyn StoresServerSessions> = ServerSessionMemoryCache::new(most.unwrap_or(0));
        Ok(Memory {
            sessions: Arc::new(Lasting::new(sessions, lifetime)),
            tickets: wanted.then(made).transpose()?,
            given,
        })
    }
}

impl Made {
    fn of(entry: Entry, memory: &Memory) -> Result<Made, Error> {
        let Entry { certificate, terms, .. } = entry;
        let only = Arc::new(Only {
            certificate: certificate.clone(),
            signatures: terms.signatures.clone(),
        });
        let builder = ServerConfig::builder_with_provider(terms.protocol.provider())
            .with_protocol_versions(terms.protocol.versions())?
            .with_client_cert_verifier(terms.signatures.of_clients(terms.clients.judge));
        let mut config = builder.with_cert_resolver(only);
        config.ignore_client_order = !terms.client_order;
        config.session_storage = memory.sessions.clone();
        match &memory.tickets {
            Some(tickets) if terms.tickets => config.ticketer = tickets.clone(),
            _ => config.send_tls13_tickets = 0,
        }
        let without_alpn = (!terms.alpn.is_empty()).then(|| Arc::new(config.clone()));
        config.alpn_protocols = terms.alpn;
        Ok(Made {
            certificate,
            config: Arc::new(config),
            without_alpn,
            strict: terms.clients.strict,
            signatures: terms.signatures,
        })
    }
}

/// One certificate for everybody.
#[derive(Debug)]
struct Only {
    certificate: Arc<Certificate>,
    signatures: Signatures,
}

impl ResolvesServerCert for Only {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let now = Duration::from_secs(UnixTime::now().as_secs());
        let Certificate { stapled, key, .. } = &*self.certificate;
        let stapled = stapled.as_ref().and_then(|stapled| stapled.at(now));
        Some(self.signatures.limit(stapled.unwrap_or(key)))
    }
}
