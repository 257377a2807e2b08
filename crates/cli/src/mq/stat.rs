//! What is in each queue, from the node's admin port (`/metrics/per-object`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::json;

use super::Stat;
use super::admin::Admin;
use crate::say::say;

const PREFIX: &str = "tandem_mq_queue_";
/// What is said of each queue there, and what it is called here.
const COLUMNS: [(&str, &str); 9] = [
    ("messages_ready", "ready"),
    ("messages_unacknowledged", "unacknowledged"),
    ("consumers", "consumers"),
    ("messages_enqueued_total", "enqueued"),
    ("messages_delivered_total", "delivered"),
    ("messages_acknowledged_total", "acknowledged"),
    ("messages_expired_total", "expired"),
    ("messages_dead_lettered_total", "dead"),
    ("messages_dropped_total", "dropped"),
];

/// Kind and name, and what is counted of it.
type Queues = BTreeMap<(String, String), [u64; COLUMNS.len()]>;

pub(super) fn run(args: &Stat) -> anyhow::Result<ExitCode> {
    let node = Admin {
        url: &args.url,
        user: "",
        password: "",
    };
    let page = node.get("/metrics/per-object")?;
    let mut queues = read(&page);
    queues.retain(|(_, name), _| name.contains(&args.queue_name));
    match args.json {
        true => say(&format!("{}\n", serde_json::to_string_pretty(&as_json(&queues))?))?,
        false => say(&table(&queues))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn read(page: &str) -> Queues {
    let mut queues = Queues::new();
    for line in page.lines() {
        let Some((name, rest)) = line.strip_prefix(PREFIX).and_then(|rest| rest.split_once('{')) else {
            continue;
        };
        let Some(place) = COLUMNS.iter().position(|(known, _)| *known == name) else {
            continue;
        };
        let Some((labels, value)) = rest.rsplit_once("} ") else {
            continue;
        };
        let Ok(value) = value.parse() else { continue };
        let key = (label(labels, "kind"), label(labels, "queue"));
        queues.entry(key).or_default()[place] = value;
    }
    queues
}

/// A label's value, as it was before the format spelled it.
fn label(labels: &str, name: &str) -> String {
    let start = format!("{name}=\"");
    let from = match labels.strip_prefix(&start) {
        Some(rest) => rest,
        None => labels.split_once(&format!(",{start}")).map_or("", |(_, rest)| rest),
    };
    let mut value = String::new();
    let mut chars = from.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => break,
            '\\' => match chars.next() {
                Some('n') => value.push('\n'),
                Some(other) => value.push(other),
                None => break,
            },
            char => value.push(char),
        }
    }
    value
}

fn table(queues: &Queues) -> String {
    let longest = queues
        .keys()
        .map(|(_, name)| name.chars().count())
        .max()
        .unwrap_or(0)
        .clamp(5, 60);
    let mut text = format!("{:<longest$}  {:<12}", "queue", "kind");
    // Writing to a text cannot fail.
    for (_, title) in COLUMNS {
        let _ = write!(text, "  {title:>8}");
    }
    text.push('\n');
    for ((kind, name), values) in queues {
        let name: String = name.chars().map(|c| if c.is_control() { '.' } else { c }).collect();
        let _ = write!(text, "{name:<longest$}  {kind:<12}");
        for ((_, title), value) in COLUMNS.iter().zip(values) {
            let width = title.len().max(8);
            let _ = write!(text, "  {value:>width$}");
        }
        text.push('\n');
    }
    text
}

fn as_json(queues: &Queues) -> serde_json::Value {
    let one = |((kind, name), values): (&(String, String), &[u64; COLUMNS.len()])| {
        let mut one = json!({ "queue": name, "kind": kind });
        for ((_, title), value) in COLUMNS.iter().zip(values) {
            one[*title] = json!(value);
        }
        one
    };
    queues.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_becomes_a_table_whatever_queues_are_called() {
        let page = "# HELP x y\ntandem_mq_queue_messages_ready{queue=\"a\\\"},\\n\",address=\"kind=\",kind=\"queue\"} 7\n\
                    tandem_mq_queue_consumers{queue=\"a\\\"},\\n\",address=\"kind=\",kind=\"queue\"} 2\n\
                    tandem_mq_queue_other{queue=\"b\",address=\"b\",kind=\"queue\"} 2\n";
        let queues = read(page);
        let [((kind, name), values)] = &queues.iter().collect::<Vec<_>>()[..] else {
            panic!("{queues:?}")
        };
        assert_eq!(
            (kind.as_str(), name.as_str(), values[0], values[2]),
            ("queue", "a\"},\n", 7, 2)
        );
        let text = table(&queues);
        assert!(
            text.lines()
                .nth(1)
                .is_some_and(|line| line.starts_with("a\"},.  queue") && line.contains("       7  ")),
            "{text}"
        );
        assert_eq!(as_json(&queues)[0]["ready"], 7);
    }
}
