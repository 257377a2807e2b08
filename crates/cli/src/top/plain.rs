//! The table as text and as JSON, for `--once` and scripts; and the words for figures, which the screen uses as well.

use std::fmt::Write;

use serde_json::{Value, json};

use super::snapshot::{Kind, Row};
use super::state::{Sort, State};

/// One column: its head, what it is ordered by, and whether it holds words (to the left) or figures (to the right).
pub(super) struct Column {
    pub(super) head: &'static str,
    pub(super) sort: Option<Sort>,
    pub(super) is_words: bool,
    pub(super) text: fn(&Row) -> String,
}

const fn words(head: &'static str, sort: Option<Sort>, text: fn(&Row) -> String) -> Column {
    Column {
        head,
        sort,
        is_words: true,
        text,
    }
}

const fn figures(head: &'static str, sort: Option<Sort>, text: fn(&Row) -> String) -> Column {
    Column {
        head,
        sort,
        is_words: false,
        text,
    }
}

pub(super) const COLUMNS: [Column; 14] = [
    words("NAME", Some(Sort::Name), name),
    words("STATUS", Some(Sort::Status), |row| row.status.clone()),
    figures("FOR", None, |row| row.since.map_or_else(String::new, duration)),
    figures("CUR", Some(Sort::Sessions), |row| row.sessions.to_string()),
    figures("MAX", None, |row| row.sessions_max.to_string()),
    figures("LIMIT", None, |row| {
        row.limit.map_or_else(|| "-".to_owned(), |n| n.to_string())
    }),
    figures("TOTAL", None, |row| row.total.to_string()),
    figures("NEW/s", Some(Sort::Rate), |row| row.rate.to_string()),
    figures("IN/s", Some(Sort::In), |row| rate(row.in_rate)),
    figures("OUT/s", Some(Sort::Out), |row| rate(row.out_rate)),
    figures("QUEUE", Some(Sort::Queue), |row| row.queue.to_string()),
    figures("ERRORS", Some(Sort::Errors), |row| row.errors.to_string()),
    figures("WEIGHT", None, weight),
    words("CHECK", None, |row| row.check.clone()),
];

/// Columns as wide as they need to be; no line ends in spaces.
pub(super) fn table(state: &State) -> String {
    let heads = COLUMNS.iter().map(|column| column.head.to_owned()).collect();
    let rows = state.rows();
    let lines = std::iter::once(heads).chain(rows.iter().map(|row| cells(row)));
    let lines: Vec<Vec<String>> = lines.collect();
    let widths: Vec<usize> = (0..COLUMNS.len())
        .map(|place| lines.iter().map(|line| line[place].chars().count()).max().unwrap_or(0))
        .collect();
    let mut out = String::new();
    for line in &lines {
        let mut text = String::new();
        for ((cell, width), column) in line.iter().zip(&widths).zip(&COLUMNS) {
            // Writing into a string cannot fail.
            let _ = match column.is_words {
                true => write!(text, "{cell:<width$}  "),
                false => write!(text, "{cell:>width$}  "),
            };
        }
        out.push_str(text.trim_end());
        out.push('\n');
    }
    out
}

pub(super) fn cells(row: &Row) -> Vec<String> {
    COLUMNS.iter().map(|column| (column.text)(row)).collect()
}

pub(super) fn json(state: &State) -> Value {
    let row = |row: &&Row| {
        json!({
            "type": match row.kind {
                Kind::Frontend => "frontend",
                Kind::Backend => "backend",
                Kind::Server => "server",
                Kind::Listener => "listener",
            },
            "proxy": row.proxy,
            "name": row.name,
            "status": row.status,
            "seconds_in_status": row.since,
            "sessions": row.sessions,
            "sessions_max": row.sessions_max,
            "sessions_limit": row.limit,
            "sessions_total": row.total,
            "new_per_second": row.rate,
            "bytes_in": row.bytes_in,
            "bytes_out": row.bytes_out,
            "bytes_in_per_second": row.in_rate,
            "bytes_out_per_second": row.out_rate,
            "queue": row.queue,
            "errors": row.errors,
            "weight": row.weight,
            "backup": row.is_backup,
            "check": row.check,
        })
    };
    let process = state.snapshot().map(|snapshot| &snapshot.process.words);
    json!({
        "process": process,
        "rows": state.rows().iter().map(row).collect::<Vec<_>>(),
    })
}

/// A server is set in from its proxy.
fn name(row: &Row) -> String {
    match row.kind {
        Kind::Frontend | Kind::Backend => format!("{} {}", row.proxy, row.name.to_lowercase()),
        Kind::Server | Kind::Listener => format!("  {}/{}", row.proxy, row.name),
    }
}

fn weight(row: &Row) -> String {
    let weight = row.weight.map_or_else(String::new, |n| n.to_string());
    if row.is_backup { format!("{weight} b") } else { weight }
}

fn rate(rate: Option<u64>) -> String {
    rate.map_or_else(|| "-".to_owned(), bytes)
}

/// Two units at most: `37s`, `1m54s`, `3d4h`.
pub(super) fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (1.., _, _) => format!("{days}d{}h", hours % 24),
        (0, 1.., _) => format!("{hours}h{}m", minutes % 60),
        (0, 0, 1..) => format!("{minutes}m{}s", seconds % 60),
        (0, 0, 0) => format!("{seconds}s"),
    }
}

/// Three digits and a letter: `1.2k`, `34M`.
fn bytes(n: u64) -> String {
    const UNITS: [char; 6] = ['k', 'M', 'G', 'T', 'P', 'E'];
    if n < 1000 {
        return n.to_string();
    }
    let (mut scaled, mut unit) = (n as f64 / 1000.0, 0);
    while scaled >= 999.5 && unit + 1 < UNITS.len() {
        scaled /= 1000.0;
        unit += 1;
    }
    let decimals = usize::from(scaled < 9.95);
    format!("{scaled:.decimals$}{}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::super::state::tests::example;
    use super::*;

    #[test]
    fn figures_in_few_letters() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1200, "1.2k"),
            (34_000_000, "34M"),
            (999_600, "1.0M"),
        ] {
            assert_eq!(bytes(n), text);
        }
        for (n, text) in [(37, "37s"), (114, "1m54s"), (7_260, "2h1m"), (273_600, "3d4h")] {
            assert_eq!(duration(n), text);
        }
    }

    #[test]
    fn a_table_that_can_be_read() {
        let text = table(&example());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 6);
        assert!(lines[0].starts_with("NAME         STATUS "), "{text}");
        assert!(lines.iter().all(|line| !line.ends_with(' ')), "{text}");
        assert!(lines[2].starts_with("  be/a       UP "), "{text}");
        assert!(lines[3].contains("1 b") && lines[3].ends_with("L4CON 1ms"), "{text}");
    }

    #[test]
    fn json_for_scripts() {
        let value = json(&example());
        assert_eq!(value["process"]["node"], "lb1");
        assert_eq!(value["rows"][1]["name"], "a");
        assert_eq!(value["rows"][2]["backup"], true);
    }
}
