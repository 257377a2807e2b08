//! What is neither a proxy's nor a server's: name servers, under HAProxy's names; peers, certificates and rings, which its
//! exporter does not have, under ours.

use std::sync::Arc;

use super::exposition::Exposition;
use super::names::Type;
use crate::dns::Counters;
use crate::peers::PeerView;

/// What was seen of one name server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameServerSeen {
    pub section: Arc<str>,
    pub name: Arc<str>,
    pub seen: Counters,
}

/// One of those who share stick tables.
#[derive(Clone, Debug)]
pub struct PeerSeen {
    pub section: Arc<str>,
    pub view: PeerView,
    /// How many changes that were made here it has not confirmed.
    pub unconfirmed: u64,
}

/// A certificate that is shown to somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateSeen {
    pub file: String,
    /// In seconds since 1970.
    pub expires: u64,
}

/// A buffer for log lines, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingSeen {
    pub name: Arc<str>,
    pub lines: u64,
    /// Of the lines, with what HAProxy would need beside them: they count against the size.
    pub bytes: u64,
    pub size: u64,
    /// Lines that found no place.
    pub dropped: u64,
}

/// How often the configuration was read again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reloads {
    pub followed: u64,
    /// It was none, or could not be followed: nothing was changed.
    pub refused: u64,
}

impl NameServerSeen {
    /// Each count with its name in the statistics, of which `show resolvers` spells one otherwise.
    pub(in crate::stats) fn words(&self) -> [(&'static str, u64); 15] {
        self.seen.words().map(|(word, count)| match word {
            "snd_error" => ("send_error", count),
            _ => (word, count),
        })
    }
}

pub(super) fn name_servers(out: &mut Exposition<'_>, seen: &[NameServerSeen]) {
    let words = seen.first().map(NameServerSeen::words).into_iter().flatten();
    for (place, (word, _)) in words.enumerate() {
        let name = format!("haproxy_resolver_{word}");
        let Some(mut family) = out.family(&name, "of what a name server was asked and said", Type::Gauge) else {
            continue;
        };
        for server in seen {
            let labels = [("resolver", &*server.section), ("nameserver", &*server.name)];
            family.line(&labels, &server.words()[place].1.to_string());
        }
    }
}

pub(super) fn peers(out: &mut Exposition<'_>, seen: &[PeerSeen]) {
    type Value = fn(&PeerSeen) -> u64;
    let families: [(&str, &str, Type, Value); 6] = [
        (
            "connected",
            "1 while a peer is connected and both have greeted",
            Type::Gauge,
            |peer| u64::from(peer.view.is_open),
        ),
        (
            "unconfirmed_changes",
            "changes of stick tables that a peer has not confirmed",
            Type::Gauge,
            |peer| peer.unconfirmed,
        ),
        (
            "connections_total",
            "connections to a peer so far",
            Type::Counter,
            |peer| peer.view.counters.connections,
        ),
        (
            "silences_total",
            "how often a peer was silent for too long",
            Type::Counter,
            |peer| peer.view.counters.silences,
        ),
        (
            "protocol_errors_total",
            "messages of a peer that made no sense",
            Type::Counter,
            |peer| peer.view.counters.errors,
        ),
        (
            "collisions_total",
            "connections that both began at the same time",
            Type::Counter,
            |peer| peer.view.counters.collisions,
        ),
    ];
    let remote = || seen.iter().filter(|peer| !peer.view.is_local);
    if remote().next().is_none() {
        return;
    }
    for (name, about, of, value) in families {
        let Some(mut family) = out.family(&format!("tandem_peer_{name}"), about, of) else {
            continue;
        };
        for peer in remote() {
            let labels = [("section", &*peer.section), ("peer", &*peer.view.name)];
            family.line(&labels, &value(peer).to_string());
        }
    }
}

pub(super) fn certificates(out: &mut Exposition<'_>, seen: &[CertificateSeen]) {
    if seen.is_empty() {
        return;
    }
    let name = "tandem_certificate_expiry_timestamp_seconds";
    let about = "when a certificate expires, in seconds since 1970";
    let Some(mut family) = out.family(name, about, Type::Gauge) else {
        return;
    };
    for certificate in seen {
        family.line(&[("file", &certificate.file)], &certificate.expires.to_string());
    }
}

pub(super) fn reloads(out: &mut Exposition<'_>, seen: Reloads) {
    let about = "how often the configuration was read again, and what came of it";
    let Some(mut family) = out.family("tandem_reloads_total", about, Type::Counter) else {
        return;
    };
    for (outcome, count) in [("followed", seen.followed), ("refused", seen.refused)] {
        family.line(&[("outcome", outcome)], &count.to_string());
    }
}

pub(super) fn rings(out: &mut Exposition<'_>, seen: &[RingSeen]) {
    type Value = fn(&RingSeen) -> u64;
    let families: [(&str, &str, Type, Value); 4] = [
        ("lines", "log lines in a ring now", Type::Gauge, |ring| ring.lines),
        ("bytes", "what the lines in a ring take now", Type::Gauge, |ring| {
            ring.bytes
        }),
        ("size_bytes", "for how much a ring has room", Type::Gauge, |ring| {
            ring.size
        }),
        (
            "dropped_total",
            "log lines that found no place, since those before them wait for a server",
            Type::Counter,
            |ring| ring.dropped,
        ),
    ];
    if seen.is_empty() {
        return;
    }
    for (name, about, of, value) in families {
        let Some(mut family) = out.family(&format!("tandem_ring_{name}"), about, of) else {
            continue;
        };
        for ring in seen {
            family.line(&[("ring", &*ring.name)], &value(ring).to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, Names};
    use super::*;

    #[test]
    fn names_and_labels() {
        let names = Names::default();
        let mut out = Exposition::new(Format::Text, &names);
        let seen = Counters {
            sent: 7,
            ..Counters::default()
        };
        name_servers(
            &mut out,
            &[NameServerSeen {
                section: "dns".into(),
                name: "a".into(),
                seen,
            }],
        );
        certificates(
            &mut out,
            &[CertificateSeen {
                file: "/x.pem".to_owned(),
                expires: 9,
            }],
        );
        peers(&mut out, &[]);
        reloads(
            &mut out,
            Reloads {
                followed: 4,
                refused: 1,
            },
        );
        rings(
            &mut out,
            &[RingSeen {
                name: "kept".into(),
                lines: 3,
                bytes: 99,
                size: 16_384,
                dropped: 2,
            }],
        );
        let text = out.finish();
        for line in [
            "haproxy_resolver_sent{resolver=\"dns\",nameserver=\"a\"} 7",
            "haproxy_resolver_outdated{resolver=\"dns\",nameserver=\"a\"} 0",
            "tandem_certificate_expiry_timestamp_seconds{file=\"/x.pem\"} 9",
            "tandem_reloads_total{outcome=\"followed\"} 4",
            "tandem_reloads_total{outcome=\"refused\"} 1",
            "tandem_ring_lines{ring=\"kept\"} 3",
            "tandem_ring_bytes{ring=\"kept\"} 99",
            "tandem_ring_size_bytes{ring=\"kept\"} 16384",
            "tandem_ring_dropped_total{ring=\"kept\"} 2",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
        assert!(!text.contains("tandem_peer"));
    }
}
