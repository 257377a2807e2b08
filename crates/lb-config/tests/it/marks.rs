//! A configuration of the corpus, with what its lines are marked with.
//!
//! The first lines of each say what it shows. A line that both accept stands as it is; one with `#-` behind it both refuse,
//! with `#>` only HAProxy accepts it, with `#<` only we do, and behind these two stands why. One that begins a section
//! brings the lines of the section with it.

use std::fs;
use std::path::{Path, PathBuf};

pub(crate) struct Config {
    pub(crate) file: String,
    pub(crate) rows: Vec<Row>,
}

pub(crate) struct Row {
    pub(crate) text: String,
    /// The marked line that it comes with.
    pub(crate) group: Option<usize>,
}

pub(crate) struct Marked {
    /// Its place among the rows.
    pub(crate) at: usize,
    pub(crate) mark: char,
    pub(crate) line: String,
    pub(crate) reason: String,
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(super::TO_CORPUS)
}

pub(crate) fn configs() -> Vec<Config> {
    let entries = fs::read_dir(folder()).expect("the corpus is committed");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|end| end == "cfg"))
        .collect();
    paths.sort();
    paths.iter().map(|path| Config::read(path)).collect()
}

/// The line without its mark, the mark, and the reason.
fn marked(row: &str) -> Option<(&str, char, &str)> {
    let at = row.rfind(" #").filter(|at| {
        let mark = row[at + 2..].chars().next();
        mark.is_some_and(|mark| "-<>".contains(mark))
    })?;
    let mark = row[at + 2..].chars().next()?;
    Some((row[..at].trim(), mark, row[at + 3..].trim()))
}

impl Config {
    fn read(path: &Path) -> Config {
        let mut group = None;
        let text = fs::read_to_string(path).expect("a text");
        let rows = text.lines().enumerate().map(|(at, row)| {
            let begins = row.starts_with(|c: char| !c.is_whitespace());
            let is_marked = marked(row).is_some();
            if begins {
                group = is_marked.then_some(at);
            }
            let own = is_marked.then_some(at);
            Row {
                text: row.to_owned(),
                group: group.or(own),
            }
        });
        Config {
            rows: rows.collect(),
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        }
    }

    pub(crate) fn marks(&self) -> impl Iterator<Item = Marked> {
        self.rows.iter().enumerate().filter_map(|(at, row)| {
            let (line, mark, reason) = marked(&row.text)?;
            Some(Marked {
                at,
                mark,
                line: line.to_owned(),
                reason: reason.to_owned(),
            })
        })
    }

    /// What both accept. Lines keep their numbers.
    pub(crate) fn good(&self) -> String {
        self.with(|_| false)
    }

    pub(crate) fn with_only(&self, marked: &Marked) -> String {
        self.with(|group| group == marked.at)
    }

    pub(crate) fn with(&self, takes: impl Fn(usize) -> bool) -> String {
        let mut text = String::new();
        for row in &self.rows {
            if row.group.is_none_or(&takes) {
                text.push_str(&row.text);
            }
            text.push('\n');
        }
        text
    }

    pub(crate) fn says_what_it_shows(&self) -> bool {
        let first = self.rows.first();
        first.is_some_and(|row| row.text.starts_with("# ") && row.text.len() > 15)
    }
}
