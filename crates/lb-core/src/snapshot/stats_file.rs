//! HAProxy's `stats-file` (from 3.0 on): counters to begin with, by the `guid` of proxies and servers.
//!
//! A line `#fe guid,NAME,...` or `#be guid,NAME,...` says what the columns of the lines below it are. As HAProxy does, what
//! is not known is passed over in silence: sections, columns, identifiers and values that are no numbers.

use super::Counters;
use crate::stats::{Field, Kind, Row};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The counters of a file by their identifiers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatsFile {
    frontends: BTreeMap<Box<str>, Counters>,
    backends: BTreeMap<Box<str>, Counters>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Front,
    Back,
}

impl StatsFile {
    /// Whether a text is one, however little of it can be used.
    pub fn is_one(text: &str) -> bool {
        let mut titles = text.lines().filter_map(|line| line.trim().strip_prefix('#'));
        titles.any(|title| columns(title).is_some())
    }

    pub fn read(text: &str) -> StatsFile {
        let mut file = StatsFile::default();
        let mut section: Option<(Side, Vec<Option<Field>>)> = None;
        for line in text.lines().map(str::trim) {
            if let Some(header) = line.strip_prefix('#') {
                section = columns(header);
            } else if line.is_empty() || line.starts_with("//") {
                continue;
            } else if let Some((side, columns)) = &section {
                file.take(*side, columns, line);
            }
        }
        file
    }

    /// Of a frontend or one of its listeners.
    pub fn frontend(&self, guid: &str) -> Option<&Counters> {
        self.frontends.get(guid)
    }

    /// Of a backend or one of its servers.
    pub fn backend(&self, guid: &str) -> Option<&Counters> {
        self.backends.get(guid)
    }

    fn take(&mut self, side: Side, columns: &[Option<Field>], line: &str) -> Option<()> {
        let mut cells = line.split(',');
        let guid = cells.next().filter(|guid| !guid.is_empty())?;
        let all = match side {
            Side::Front => &mut self.frontends,
            Side::Back => &mut self.backends,
        };
        let counters = all.entry(guid.into()).or_default();
        for (column, cell) in columns.iter().zip(cells) {
            if let (Some(field), Ok(count)) = (column, cell.parse()) {
                counters.set(*field, count);
            }
        }
        Some(())
    }
}

fn columns(header: &str) -> Option<(Side, Vec<Option<Field>>)> {
    let (section, names) = header.split_once(' ')?;
    let side = match section {
        "fe" => Side::Front,
        "be" => Side::Back,
        _ => return None,
    };
    let mut names = names.trim().split(',');
    if names.next() != Some("guid") {
        return None;
    }
    Some((side, names.map(Field::named).collect()))
}

/// The file for rows that have an identifier (`dump stats-file`).
pub fn write<'a>(rows: impl IntoIterator<Item = (&'a str, &'a Row)>) -> String {
    let (front, back): (Vec<_>, Vec<_>) = rows
        .into_iter()
        .partition(|(_, row)| matches!(row.kind(), Kind::Frontend | Kind::Listener));
    let mut out = String::new();
    section(&mut out, "fe", Kind::Frontend, &front);
    out.push('\n');
    section(&mut out, "be", Kind::Backend, &back);
    out
}

fn section(out: &mut String, name: &str, kind: Kind, rows: &[(&str, &Row)]) {
    let columns: Vec<Field> = Field::all().filter(|field| super::lasts(*field, kind)).collect();
    let names: String = columns.iter().flat_map(|field| [field.name(), ","]).collect();
    // Writing into a string cannot fail.
    let _ = writeln!(out, "#{name} guid,{names}");
    for (guid, row) in rows {
        let counters = Counters::of(row);
        let cells: Vec<String> = columns.iter().map(|field| counters.count(*field).to_string()).collect();
        let _ = writeln!(out, "{guid},{},", cells.join(","));
    }
}
