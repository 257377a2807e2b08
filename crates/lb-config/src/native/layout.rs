//! Tables to a text that people like to read: short tables on one line, lists line by line, and what was said about them in
//! front of them.

use std::collections::BTreeMap;

use serde::Serialize;
use toml::{Table, Value};

/// A longer line is several.
const WIDTH: usize = 110;

/// The comments of a section: before its head (no key), before a key, or before the entry of a list (`server.NAME`).
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes(BTreeMap<String, Vec<String>>);

impl Notes {
    pub(crate) fn add(&mut self, key: &str, comment: String) {
        self.0.entry(key.to_owned()).or_default().push(comment);
    }

    fn take(&mut self, key: &str) -> Vec<String> {
        self.0.remove(key).unwrap_or_default()
    }
}

/// A section of the file to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Piece {
    pub(crate) name: &'static str,
    /// One of several with this name.
    pub(crate) is_listed: bool,
    pub(crate) table: Table,
    pub(crate) notes: Notes,
}

/// A part of a document, without what says nothing.
pub(super) fn tree(part: &impl Serialize) -> Table {
    // Keys are texts, so every part is a table.
    let mut table = Table::try_from(part).unwrap_or_default();
    prune(&mut table);
    table
}

/// Takes out tables that say nothing.
pub(super) fn prune(table: &mut Table) {
    for (_, value) in table.iter_mut() {
        match value {
            Value::Table(inner) => prune(inner),
            Value::Array(items) => items.iter_mut().filter_map(Value::as_table_mut).for_each(prune),
            _ => {}
        }
    }
    table.retain(|_, value| value.as_table().is_none_or(|inner| !inner.is_empty()));
}

/// As people tell it: who it is, where it listens, how it behaves, then its rules, and its servers at the end.
pub(super) fn ordered(mut table: Table) -> Table {
    const FIRST: [&str; 7] = ["name", "id", "guid", "mode", "disabled", "bind", "forward"];
    const LAST: [&str; 13] = [
        "stick-table",
        "acl",
        "filter",
        "tcp-request",
        "tcp-response",
        "use-backend",
        "default-backend",
        "stick-rules",
        "force-persist",
        "use-server",
        "server-state-file",
        "server-defaults",
        "server",
    ];
    let mut ordered = Table::new();
    let take = |keys: &[&str], table: &mut Table| {
        let found = keys
            .iter()
            .filter_map(|key| Some(((*key).to_owned(), table.remove(*key)?)));
        found.collect::<Vec<_>>()
    };
    ordered.extend(take(&FIRST, &mut table));
    let last = take(&LAST, &mut table);
    ordered.extend(table);
    ordered.extend(last);
    ordered
}

impl Piece {
    pub(crate) fn text(mut self) -> String {
        let mut body = Printer {
            notes: std::mem::take(&mut self.notes),
            out: String::new(),
        };
        let before = body.notes.take("");
        body.entries(self.name, &self.table);
        let mut text = String::new();
        // What was said of keys that are not there is still worth a look.
        let lost = std::mem::take(&mut body.notes.0).into_values().flatten();
        for comment in before.into_iter().chain(lost) {
            text.push_str(&comment);
            text.push('\n');
        }
        if !self.table.is_empty() {
            text.push_str(&header(self.name, self.is_listed));
            text.push_str(&body.out);
        }
        text
    }
}

fn header(path: &str, is_listed: bool) -> String {
    if is_listed {
        format!("[[{path}]]\n")
    } else {
        format!("[{path}]\n")
    }
}

struct Printer {
    notes: Notes,
    out: String,
}

impl Printer {
    fn entries(&mut self, path: &str, table: &Table) {
        let mut later = Vec::new();
        for (key, value) in table {
            match one_line(key, value).filter(|line| line.chars().count() <= WIDTH && !self.is_by_line(key, value)) {
                Some(line) => {
                    self.comments(key);
                    self.line(&line);
                }
                None => match value {
                    Value::Array(items) if !is_of_tables(items) || are_short(items) => self.list(key, items),
                    Value::Table(_) | Value::Array(_) => later.push((key, value)),
                    scalar => {
                        self.comments(key);
                        self.line(&format!("{key} = {}", inline(scalar)));
                    }
                },
            }
        }
        for (key, value) in later {
            self.later(&format!("{path}.{key}"), key, value);
        }
    }

    /// Tables of their own, which end what can be said of the one before.
    fn later(&mut self, path: &str, key: &str, value: &Value) {
        match value {
            Value::Table(table) => {
                self.out.push('\n');
                self.comments(key);
                self.out.push_str(&header(path, false));
                self.entries(path, table);
            }
            Value::Array(items) => {
                for item in items.iter().filter_map(Value::as_table) {
                    self.out.push('\n');
                    self.comments(key);
                    self.comments(&entry(key, item));
                    self.out.push_str(&header(path, true));
                    self.entries(path, item);
                }
            }
            _ => {}
        }
    }

    /// Several lines of a language of their own, several entries, and what has a comment in it, are read line by line.
    fn is_by_line(&self, key: &str, value: &Value) -> bool {
        let Value::Array(items) = value else { return false };
        let tables = || items.iter().filter_map(Value::as_table);
        let are_lines = items
            .iter()
            .any(|item| item.as_str().is_some_and(|text| text.contains(' ')));
        let has_notes = tables().any(|item| self.notes.0.contains_key(&entry(key, item)));
        items.len() > 1 && (are_lines || tables().count() > 0) || has_notes
    }

    fn list(&mut self, key: &str, items: &[Value]) {
        self.comments(key);
        self.line(&format!("{key} = ["));
        for item in items {
            if let Value::Table(table) = item {
                for comment in self.notes.take(&entry(key, table)) {
                    self.line(&format!("  {comment}"));
                }
            }
            self.line(&format!("  {},", inline(item)));
        }
        self.line("]");
    }

    fn comments(&mut self, key: &str) {
        for comment in self.notes.take(key) {
            self.line(&comment);
        }
    }

    fn line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }
}

/// What comments about one of a list go by.
fn entry(key: &str, item: &Table) -> String {
    let name = item.get("name").and_then(Value::as_str).unwrap_or_default();
    format!("{key}.{name}")
}

fn is_of_tables(items: &[Value]) -> bool {
    items.iter().any(Value::is_table)
}

fn are_short(items: &[Value]) -> bool {
    items.iter().all(|item| inline(item).chars().count() <= WIDTH)
}

fn one_line(key: &str, value: &Value) -> Option<String> {
    Some(format!("{key} = {}", inline(value)))
}

fn inline(value: &Value) -> String {
    match value {
        Value::Table(table) => {
            let entries = table.iter().map(|(key, value)| format!("{key} = {}", inline(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::String(text) if text.contains('\n') => basic(text),
        scalar => scalar.to_string(),
    }
}

/// A text with line ends on one line.
fn basic(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            letter if letter.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}
