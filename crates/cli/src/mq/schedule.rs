//! Messages that wait for their time: what there is, and one that is taken back (`/api/schedules`).

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::{Value, json};

use super::admin::Admin;
use super::{Cancel, List, Watched};
use crate::say::say;

/// As many as a node holds in half of its memory.
const MOST: usize = 1_000_000;

impl Watched {
    fn admin(&self) -> Admin<'_> {
        Admin {
            url: &self.url,
            user: &self.user,
            password: &self.password,
        }
    }
}

pub(super) fn list(args: &List) -> anyhow::Result<ExitCode> {
    let mut all = Vec::new();
    let mut path = "/api/schedules".to_owned();
    loop {
        let page = args.node.admin().get(&path)?;
        let mut page: Value = serde_json::from_str(&page).context("the answer is no JSON")?;
        all.extend(page["schedules"].as_array_mut().map(std::mem::take).unwrap_or_default());
        match page["next"].as_str() {
            Some(next) if all.len() < MOST => path = format!("/api/schedules?after={next}"),
            _ => break,
        }
    }
    match args.json {
        true => say(&format!("{}\n", serde_json::to_string_pretty(&json!(all))?))?,
        false => say(&table(&all))?,
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn cancel(args: &Cancel) -> anyhow::Result<ExitCode> {
    for id in &args.ids {
        args.node
            .admin()
            .post("/api/schedules", &format!("action=cancel&id={id}"))?;
        say(&format!("{id} is not sent any more\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn table(all: &[Value]) -> String {
    let mut text = format!("{:>12}  {:<24}  {:>8}  {:<5}  to\n", "id", "next", "bytes", "kind");
    for row in all {
        let word = |name: &str| row[name].as_str().unwrap_or_default().replace(char::is_control, ".");
        // Writing to a text cannot fail.
        let _ = write!(
            text,
            "{:>12}  {:<24}  {:>8}  {:<5}  {}",
            row["id"].as_u64().unwrap_or(0),
            word("at"),
            row["bytes"].as_u64().unwrap_or(0),
            word("kind"),
            word("to")
        );
        let again = again(row);
        let _ = match again.is_empty() {
            true => writeln!(text),
            false => writeln!(text, " ({again})"),
        };
    }
    text
}

fn again(row: &Value) -> String {
    let mut parts = Vec::new();
    parts.extend(row["cron"].as_str().map(str::to_owned));
    parts.extend(row["repeats"].as_u64().map(|more| format!("{more} times more")));
    parts.extend((row["endless"] == true).then(|| "without an end".to_owned()));
    parts.extend(row["period"].as_u64().map(|period| format!("each {period} ms")));
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_a_line() {
        let once = json!({ "id": 7, "to": "a\nb", "kind": "queue", "at": "2026-11-23T00:00:00.000Z", "bytes": 3 });
        let series =
            json!({ "id": 8, "to": "t", "kind": "topic", "at": "x", "bytes": 0, "repeats": 2, "period": 5000 });
        let text = table(&[once, series]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(
            lines[1].ends_with("3  queue  a.b") && lines[1].contains(" 7  2026-11-23T00:00:00.000Z"),
            "{text}"
        );
        assert!(lines[2].ends_with("topic  t (2 times more, each 5000 ms)"), "{text}");
    }
}
