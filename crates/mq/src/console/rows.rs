//! What the console says, in the words of its JSON; the pages show the same.

use std::fmt::Write;

use serde::Serialize;
use tandem_mq_core::broker::{ConsumerView, Figures, MessageView, Page, QueueView};
use tandem_mq_core::{Counts, Kind, Right, Rights, SessionId, WallMillis};
use tandem_time::{CivilTime, Mono};

use crate::connections::{Connection, Connections};

/// So much of a body is shown, and so much of everything else.
const BODY: usize = 4096;
const BYTES: usize = 256;
const VALUE: usize = 256;
const PROPERTIES: usize = 50;

#[derive(Debug, Serialize)]
pub(super) struct Overview {
    pub(super) version: &'static str,
    pub(super) uptime_seconds: u64,
    pub(super) cluster: Cluster,
    pub(super) queues: usize,
    pub(super) exchanges: usize,
    pub(super) consumers: usize,
    pub(super) connections: usize,
    pub(super) clients: usize,
    pub(super) retained: usize,
    pub(super) ready: usize,
    pub(super) unacknowledged: usize,
    pub(super) scheduled: usize,
    pub(super) memory_bytes: usize,
    pub(super) memory_limit_bytes: usize,
    /// What there is too little of, so that producers are held back.
    pub(super) held: Option<String>,
    pub(super) denied: u64,
    #[serde(flatten)]
    pub(super) counts: Counted,
}

/// The network of brokers, as far as there is one.
#[derive(Debug, Serialize)]
pub(super) struct Cluster {
    pub(super) role: &'static str,
    pub(super) nodes: usize,
    pub(super) network: &'static str,
}

impl Cluster {
    /// There is no other node, and no word that one of them could hear.
    const ALONE: Cluster = Cluster {
        role: "active",
        nodes: 1,
        network: "this node stands alone: no other node has its messages or is told of them",
    };
}

/// Since the queue was made, or the node was started.
#[derive(Debug, Serialize)]
pub(super) struct Counted {
    pub(super) enqueued: u64,
    pub(super) delivered: u64,
    pub(super) acknowledged: u64,
    pub(super) expired: u64,
    pub(super) dead_lettered: u64,
    pub(super) dropped: u64,
}

impl From<Counts> for Counted {
    fn from(counts: Counts) -> Counted {
        Counted {
            enqueued: counts.added,
            delivered: counts.delivered,
            acknowledged: counts.acknowledged,
            expired: counts.expired,
            dead_lettered: counts.dead,
            dropped: counts.dropped,
        }
    }
}

impl Overview {
    pub(super) fn new(figures: &Figures, connections: usize, uptime_seconds: u64) -> Overview {
        Overview {
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds,
            cluster: Cluster::ALONE,
            queues: figures.queues,
            exchanges: figures.exchanges,
            consumers: figures.consumers,
            connections,
            clients: figures.clients,
            retained: figures.retained,
            ready: figures.ready,
            unacknowledged: figures.unacknowledged,
            scheduled: figures.scheduled,
            memory_bytes: figures.weight,
            memory_limit_bytes: figures.memory,
            held: figures.held.map(|scarce| scarce.to_string()),
            denied: figures.denied,
            counts: figures.counts.into(),
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Queues {
    /// What the names have in them.
    pub(super) part: String,
    pub(super) queues: Vec<QueueRow>,
    pub(super) next: Option<Next>,
}

/// The rest begins behind this.
#[derive(Debug, Serialize)]
pub(super) struct Next {
    pub(super) kind: &'static str,
    pub(super) after: Box<str>,
}

impl Queues {
    pub(super) fn new(part: String, page: Page<QueueView, (Kind, Box<str>)>) -> Queues {
        Queues {
            part,
            queues: page.rows.iter().map(|view| QueueRow::new(view, None)).collect(),
            next: page.next.map(|(kind, after)| Next {
                kind: word(kind),
                after,
            }),
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct QueueRow {
    pub(super) name: Box<str>,
    pub(super) address: Box<str>,
    /// `topic` is a subscription to one.
    pub(super) kind: &'static str,
    pub(super) durable: bool,
    /// One connection has it for itself.
    pub(super) exclusive: bool,
    pub(super) ready: usize,
    pub(super) unacknowledged: usize,
    pub(super) consumers: usize,
    #[serde(flatten)]
    pub(super) counts: Counted,
    /// What who asks may do with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) may: Option<May>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct May {
    pub(super) read: bool,
    pub(super) write: bool,
    pub(super) configure: bool,
}

impl QueueRow {
    pub(super) fn new(view: &QueueView, rights: Option<&Rights>) -> QueueRow {
        QueueRow {
            name: view.name.clone(),
            address: view.address.clone(),
            kind: word(view.kind),
            durable: view.durable,
            exclusive: view.owned,
            ready: view.depth,
            unacknowledged: view.in_flight,
            consumers: view.consumers,
            counts: view.counts.into(),
            may: rights.map(|rights| May {
                read: rights.may(Right::Read, &view.name),
                write: rights.may(Right::Write, &view.name),
                configure: rights.may(Right::Configure, &view.name),
            }),
        }
    }
}

pub(super) fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Anycast => "queue",
        Kind::Multicast => "topic",
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Queue {
    pub(super) queue: QueueRow,
    pub(super) messages: Vec<MessageRow>,
    pub(super) next: Option<String>,
    /// Why there are no messages to be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) denied: Option<String>,
    pub(super) consumers: Vec<ConsumerRow>,
}

#[derive(Debug, Serialize)]
pub(super) struct MessageRow {
    pub(super) id: u64,
    pub(super) bytes: usize,
    /// The beginning of the body, where it is a text.
    pub(super) text: Option<String>,
    /// The same in hexadecimal digits, where it is none.
    pub(super) hex: Option<String>,
    /// There is more than what is here.
    pub(super) cut: bool,
    pub(super) durable: bool,
    pub(super) priority: u8,
    pub(super) attempts: u32,
    pub(super) redelivered: bool,
    pub(super) sent: Option<String>,
    pub(super) expires: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) correlation_id: Option<String>,
    pub(super) reply_to: Option<String>,
    /// The exchange it came by, and with which key.
    pub(super) exchange: Option<String>,
    pub(super) routing_key: Option<String>,
    pub(super) properties: Vec<(String, String)>,
}

impl MessageRow {
    pub(super) fn new(seen: &MessageView) -> MessageRow {
        let message = &*seen.message;
        let (text, hex) = beginning(&message.body);
        let shown = text.as_ref().map_or(BYTES.min(message.body.len()), String::len);
        let properties = message.properties.iter().take(PROPERTIES);
        let routed = message.routed.as_deref();
        MessageRow {
            id: seen.id().0,
            bytes: message.body.len(),
            cut: shown < message.body.len(),
            text,
            hex,
            durable: message.durable,
            priority: message.priority.unwrap_or_default().number(),
            attempts: seen.attempts,
            redelivered: seen.redelivered,
            sent: Some(message.sent).filter(|at| at.0 > 0).map(moment),
            expires: message.expires.map(moment),
            content_type: message.content_type.as_deref().map(cut),
            correlation_id: message.correlation_id.as_deref().map(cut),
            reply_to: message.reply_to.as_deref().map(cut),
            exchange: routed.map(|routed| cut(&routed.exchange)),
            routing_key: routed.map(|routed| cut(&routed.key)),
            properties: properties
                .map(|(name, value)| (cut(name), cut(&value.to_text())))
                .collect(),
        }
    }
}

/// As text or as digits.
fn beginning(body: &[u8]) -> (Option<String>, Option<String>) {
    let first = &body[..body.len().min(BODY)];
    let text = match std::str::from_utf8(first) {
        Ok(text) => Some(text),
        // A character may end behind the cut.
        Err(error) if error.error_len().is_none() && first.len() < body.len() => {
            std::str::from_utf8(&first[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    };
    let is_written = |text: &&str| !text.contains(|c: char| c.is_control() && !c.is_whitespace());
    match text.filter(is_written) {
        Some(text) => (Some(text.to_owned()), None),
        None => {
            let mut hex = String::new();
            // Writing into a string cannot fail.
            for byte in body.iter().take(BYTES) {
                let _ = write!(hex, "{byte:02x}");
            }
            (None, Some(hex))
        }
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(VALUE) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// `2026-11-22T20:00:00.123Z`
pub(super) fn moment(at: WallMillis) -> String {
    let civil = CivilTime::from_unix(i64::try_from(at.0).unwrap_or(i64::MAX / 2), 0);
    format!("{}.{:03}Z", civil.iso_second(), civil.milli)
}

#[derive(Debug, Serialize)]
pub(super) struct Consumers {
    #[serde(rename = "consumers")]
    pub(super) rows: Vec<ConsumerRow>,
    pub(super) next: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct ConsumerRow {
    pub(super) connection: u64,
    pub(super) number: u64,
    pub(super) queue: Box<str>,
    pub(super) kind: &'static str,
    pub(super) user: Option<Box<str>>,
    pub(super) peer: Option<String>,
    pub(super) protocol: Option<&'static str>,
    pub(super) unacknowledged: usize,
    /// So many more may be handed to it; nothing where that is not limited.
    pub(super) credit: Option<u32>,
    /// It looks and takes nothing.
    pub(super) browses: bool,
    pub(super) selector: Option<String>,
}

impl ConsumerRow {
    /// A consumer, and not whose it is.
    pub(super) fn of_somebody(view: ConsumerView) -> ConsumerRow {
        ConsumerRow {
            connection: view.id.session.connection().0,
            number: view.id.number,
            queue: view.queue,
            kind: word(view.kind),
            user: None,
            peer: None,
            protocol: None,
            unacknowledged: view.in_flight,
            credit: view.credit,
            browses: view.browses,
            selector: None,
        }
    }
}

impl Connections {
    /// A consumer, and whose it is.
    pub(super) fn see(&self, view: ConsumerView) -> ConsumerRow {
        let connection = self.of(view.id.session);
        ConsumerRow {
            user: connection.as_ref().and_then(|c| c.user.clone()),
            peer: connection.as_ref().and_then(|c| c.peer).map(|peer| peer.to_string()),
            protocol: connection.map(|c| c.protocol),
            selector: view.selector.as_deref().map(cut),
            ..ConsumerRow::of_somebody(view)
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Connected {
    #[serde(rename = "connections")]
    pub(super) rows: Vec<ConnectionRow>,
    pub(super) next: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct ConnectionRow {
    pub(super) connection: u64,
    pub(super) user: Option<Box<str>>,
    pub(super) peer: Option<String>,
    pub(super) listener: String,
    pub(super) protocol: &'static str,
    pub(super) tls: bool,
    pub(super) seconds: u64,
}

impl ConnectionRow {
    pub(super) fn new(id: SessionId, connection: &Connection, now: Mono) -> ConnectionRow {
        let since = connection.since.as_millis();
        ConnectionRow {
            connection: id.0,
            user: connection.user.clone(),
            peer: connection.peer.map(|peer| peer.to_string()),
            listener: connection.at.to_string(),
            protocol: connection.protocol,
            tls: connection.tls,
            seconds: now.as_millis().saturating_sub(since) / 1000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_a_text_or_digits_and_no_more_than_its_beginning() {
        let long = "\u{e9}".repeat(3000);
        for (body, text, hex) in [
            (&b"<b>a</b>\n"[..], Some("<b>a</b>\n"), None),
            (b"", Some(""), None),
            (b"\x00\xff", None, Some("00ff")),
            (b"a\x07", None, Some("6107")),
            (b"\xc3", None, Some("c3")),
        ] {
            let expect = (text.map(str::to_owned), hex.map(str::to_owned));
            assert_eq!(beginning(body), expect, "{body:?}");
        }
        let shown = beginning(long.as_bytes()).0.unwrap();
        assert_eq!((shown.len(), long.starts_with(&shown)), (BODY, true));
        let shown = beginning(format!("a{long}").as_bytes()).0.unwrap();
        assert_eq!(shown.len(), BODY - 1, "no half of a character");
        assert_eq!(beginning(&vec![0; 9999]).1.unwrap().len(), 2 * BYTES);
    }

    #[test]
    fn moments_are_written_as_machines_read_them() {
        assert_eq!(moment(WallMillis(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(moment(WallMillis(1_795_377_845_006)), "2026-11-22T20:04:05.006Z");
        // Somebody may send anything.
        moment(WallMillis(u64::MAX));
    }
}
