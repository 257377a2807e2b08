//! What a node counts, as Prometheus reads it (text format 0.0.4). As in RabbitMQ the sums are one page and the queues
//! another: there may be a hundred thousand of those, and whoever watches the node need not read them each time.

use std::fmt::Write;
use std::path::Path;

use tandem_mq_core::Kind;
use tandem_mq_core::broker::{Figures, QueueView, Scarce};
use tandem_mq_store::Room;

use crate::tally::Counted;

/// What is not the broker's to know.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Surroundings {
    pub(crate) disk: Option<Room>,
    /// In bytes.
    pub(crate) resident: Option<u64>,
    pub(crate) open_files: Option<u64>,
}

impl Surroundings {
    /// What cannot be found out is left out.
    pub(crate) fn look(data_dir: &Path) -> Surroundings {
        Surroundings {
            disk: Room::of(data_dir).ok(),
            resident: resident(),
            open_files: std::fs::read_dir("/proc/self/fd").ok().map(|all| all.count() as u64),
        }
    }
}

fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// One page.
#[derive(Default)]
struct Page(String);

impl Page {
    /// A family, with one sample for each value; `labels` are as they stand between the braces.
    fn family(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        samples: impl IntoIterator<Item = (impl AsRef<str>, u64)>,
    ) {
        // Writing to a text cannot fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        for (labels, value) in samples {
            let labels = labels.as_ref();
            let _ = match labels.is_empty() {
                true => writeln!(self.0, "{name} {value}"),
                false => writeln!(self.0, "{name}{{{labels}}} {value}"),
            };
        }
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl TryInto<u64>) {
        self.family(name, "gauge", help, sample(value));
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "counter", help, sample(value));
    }
}

fn sample(value: impl TryInto<u64>) -> [(&'static str, u64); 1] {
    [("", value.try_into().unwrap_or(u64::MAX))]
}

/// A label's value as the format spells it.
fn quoted(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for char in value.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            char => out.push(char),
        }
    }
    out.push('"');
    out
}

pub(crate) fn of_the_node(figures: &Figures, counted: &Counted, around: &Surroundings) -> String {
    let mut page = Page::default();
    let version = format!("version={}", quoted(env!("CARGO_PKG_VERSION")));
    page.family("tandem_mq_info", "gauge", "The node's version.", [(version, 1)]);
    of_connections(&mut page, counted);
    let about = "tandem_mq_requests_denied_total";
    page.counter(about, "Requests that somebody had no right to.", figures.denied);
    page.gauge("tandem_mq_queues", "Queues, subscriptions among them.", figures.queues);
    page.gauge("tandem_mq_exchanges", "Exchanges of AMQP 0-9-1.", figures.exchanges);
    page.gauge("tandem_mq_consumers", "Consumers.", figures.consumers);
    page.gauge(
        "tandem_mq_clients",
        "Clients that are known by name, here or away.",
        figures.clients,
    );
    page.gauge(
        "tandem_mq_retained_messages",
        "Topics that keep a message.",
        figures.retained,
    );
    page.gauge("tandem_mq_messages_ready", "Messages that wait.", figures.ready);
    let scheduled = "Messages that wait for their time.";
    page.gauge("tandem_mq_messages_scheduled", scheduled, figures.scheduled);
    let omitted = "Times of a crontab that began no series, for what waits had no room.";
    page.counter("tandem_mq_series_omitted_total", omitted, figures.omitted);
    let doubled = "Messages that came again by an id that was known.";
    page.counter("tandem_mq_messages_duplicate_total", doubled, figures.doubled);
    let held = "Messages that a consumer holds.";
    page.gauge("tandem_mq_messages_unacknowledged", held, figures.unacknowledged);
    let counts = figures.counts;
    for (what, help, value) in [
        ("enqueued", "Messages that a queue took, once for each.", counts.added),
        (
            "delivered",
            "Messages handed to a consumer, again where they came back.",
            counts.delivered,
        ),
        (
            "acknowledged",
            "Messages that a consumer is done with.",
            counts.acknowledged,
        ),
        ("expired", "Messages whose time was over.", counts.expired),
        (
            "dead_lettered",
            "Messages that were refused or tried too often.",
            counts.dead,
        ),
        ("dropped", "Messages for which a queue had no room.", counts.dropped),
    ] {
        page.counter(&format!("tandem_mq_messages_{what}_total"), help, value);
    }
    page.gauge(
        "tandem_mq_message_memory_bytes",
        "What all messages weigh.",
        figures.weight,
    );
    let limit = "Producers are held back above this.";
    page.gauge("tandem_mq_message_memory_limit_bytes", limit, figures.memory);
    let reasons = [Scarce::Memory, Scarce::Disk, Scarce::Bandwidth];
    let held = reasons.map(|why| (format!("reason=\"{why}\""), u64::from(figures.held == Some(why))));
    page.family(
        "tandem_mq_producers_held",
        "gauge",
        "1 while producers are held back.",
        held,
    );
    page.gauge(
        "tandem_mq_journal_bytes",
        "What the journal takes on disk.",
        counted.journal,
    );
    page.counter("tandem_mq_journal_records_total", "Records on disk.", counted.records);
    let commits = "Times that the disk was asked to keep what was written.";
    page.counter("tandem_mq_journal_commits_total", commits, counted.commits);
    of_surroundings(&mut page, around);
    page.0
}

fn of_connections(page: &mut Page, counted: &Counted) {
    let label = |name: &str| format!("protocol={}", quoted(name));
    let now = counted.connections.iter().map(|(name, now, _)| (label(name), *now));
    page.family("tandem_mq_connections", "gauge", "Clients that are connected.", now);
    let ever = counted.connections.iter().map(|(name, _, ever)| (label(name), *ever));
    page.family(
        "tandem_mq_connections_total",
        "counter",
        "Clients that have connected.",
        ever,
    );
    let away = "Connections closed because their listener had no place left.";
    page.counter("tandem_mq_connections_turned_away_total", away, counted.turned_away);
    let results = [("accepted", counted.accepted), ("refused", counted.refused)];
    let results = results.map(|(result, count)| (format!("result={}", quoted(result)), count));
    page.family(
        "tandem_mq_logins_total",
        "counter",
        "What became of those who said who they are.",
        results,
    );
}

fn of_surroundings(page: &mut Page, around: &Surroundings) {
    if let Some(disk) = around.disk {
        page.gauge(
            "tandem_mq_disk_size_bytes",
            "The file system of the journal.",
            disk.size,
        );
        let free = "What is free of it, for this process.";
        page.gauge("tandem_mq_disk_available_bytes", free, disk.available);
    }
    if let Some(resident) = around.resident {
        page.gauge(
            "process_resident_memory_bytes",
            "Resident memory size in bytes.",
            resident,
        );
    }
    if let Some(open) = around.open_files {
        page.gauge("process_open_fds", "Number of open file descriptors.", open);
    }
}

/// Those that one connection has for itself are its own affair: who knows the name of one may send there.
pub(crate) fn of_queues(mut queues: Vec<QueueView>) -> String {
    let mut page = Page::default();
    queues.retain(|queue| !queue.owned);
    let labels: Vec<String> = queues.iter().map(labels).collect();
    let mut family = |name: &str, kind: &str, help: &str, value: &dyn Fn(&QueueView) -> u64| {
        let samples = labels.iter().zip(queues.iter().map(value));
        page.family(&format!("tandem_mq_queue_{name}"), kind, help, samples);
    };
    let waits = "Messages that wait.";
    family("messages_ready", "gauge", waits, &|queue| queue.depth as u64);
    let held = "Messages that a consumer holds.";
    family("messages_unacknowledged", "gauge", held, &|queue| {
        queue.in_flight as u64
    });
    family("consumers", "gauge", "Consumers.", &|queue| queue.consumers as u64);
    let counter = "counter";
    family("messages_enqueued_total", counter, "Messages that it took.", &|queue| {
        queue.counts.added
    });
    let delivered = "Messages handed to a consumer, again where they came back.";
    family("messages_delivered_total", counter, delivered, &|queue| {
        queue.counts.delivered
    });
    let done = "Messages that a consumer is done with.";
    family("messages_acknowledged_total", counter, done, &|queue| {
        queue.counts.acknowledged
    });
    let over = "Messages whose time was over.";
    family("messages_expired_total", counter, over, &|queue| queue.counts.expired);
    let dead = "Messages that were refused or tried too often.";
    family("messages_dead_lettered_total", counter, dead, &|queue| {
        queue.counts.dead
    });
    let dropped = "Messages for which there was no room.";
    family("messages_dropped_total", counter, dropped, &|queue| {
        queue.counts.dropped
    });
    page.0
}

fn labels(queue: &QueueView) -> String {
    let kind = match queue.kind {
        Kind::Anycast => "queue",
        Kind::Multicast => "subscription",
    };
    let (name, address) = (quoted(&queue.name), quoted(&queue.address));
    format!("queue={name},address={address},kind=\"{kind}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_queue_is_called_the_page_can_be_read() {
        let queue = QueueView {
            name: "a\"b\\c\nd".into(),
            address: "x".into(),
            kind: Kind::Multicast,
            durable: true,
            depth: 7,
            in_flight: 0,
            owned: false,
            consumers: 0,
            counts: Default::default(),
        };
        let own = QueueView {
            name: "stomp.temp-1".into(),
            owned: true,
            ..queue.clone()
        };
        let page = of_queues(vec![queue, own]);
        assert!(
            !page.contains("stomp.temp-1"),
            "who knows its name may send there: {page}"
        );
        let line = page
            .lines()
            .find(|line| line.starts_with("tandem_mq_queue_messages_ready{"));
        let expect = "tandem_mq_queue_messages_ready{queue=\"a\\\"b\\\\c\\nd\",address=\"x\",kind=\"subscription\"} 7";
        assert_eq!(line, Some(expect));
    }

    #[test]
    fn what_is_not_known_is_not_there() {
        let page = of_the_node(&Figures::default(), &Counted::default(), &Surroundings::default());
        assert!(
            !page.contains("tandem_mq_disk") && page.contains("\ntandem_mq_messages_ready 0\n"),
            "{page}"
        );
    }
}
