//! What became of each line, and where the comments beside it went.

use std::collections::BTreeMap;

use tandem_text::haproxy::{TokenKind, scan};
use tandem_text::{Diagnostic, Fate, FileId, Receipt, Severity, Source, Span};
use toml::{Table, Value};

use crate::code;
use crate::haproxy::{Entry, Journal, Place, What};
use crate::load::Drafted;
use crate::native::Piece;

/// `places`: for each section of the journal, the piece that says what it said. Comments go to the pieces.
pub(super) fn all(
    drafted: &Drafted,
    journal: &Journal,
    pieces: &mut Vec<Piece>,
    places: &[Option<usize>],
) -> Vec<Receipt> {
    let mut all = Vec::new();
    for file in &drafted.files {
        let Some(source) = drafted.sources.source(*file) else {
            continue;
        };
        let entries = journal.entries.iter().filter(|entry| entry.at.file == *file);
        let entries: BTreeMap<usize, &Entry> = entries.map(|entry| (source.line_of(entry.at.start), entry)).collect();
        let mut filing = Filing {
            journal,
            pieces,
            places,
            comments: comments(source),
            waiting: Vec::new(),
        };
        for number in says_something(source) {
            let text = String::from_utf8_lossy(source.line(number).1).trim().to_owned();
            let (fate, notes) = match entries.get(&number) {
                Some(entry) => {
                    filing.comments_up_to(number, entry);
                    (filing.fate(entry), notes(entry, source))
                }
                None => (unread(&drafted.diagnostics, *file, source, number), Vec::new()),
            };
            all.push(Receipt {
                file: source.name().into(),
                line: number,
                text,
                fate,
                notes,
            });
        }
        let last = filing.waiting.into_iter().chain(filing.comments.into_values());
        let mut end = Piece::default();
        last.for_each(|comment| end.notes.add("", comment));
        pieces.push(end);
    }
    all
}

struct Filing<'a> {
    journal: &'a Journal,
    pieces: &'a mut [Piece],
    places: &'a [Option<usize>],
    /// By their lines.
    comments: BTreeMap<usize, String>,
    waiting: Vec<String>,
}

impl Filing<'_> {
    fn piece(&self, entry: &Entry) -> Option<usize> {
        self.places.get(entry.section?).copied().flatten()
    }

    fn place(&self, entry: &Entry) -> Option<Place> {
        self.journal.sections.get(entry.section?).copied()
    }

    /// Comments belong to the line that they stand beside, or before.
    fn comments_up_to(&mut self, line: usize, entry: &Entry) {
        let later = self.comments.split_off(&(line + 1));
        let found = std::mem::replace(&mut self.comments, later).into_values();
        self.waiting.extend(found);
        let Some(piece) = self.piece(entry) else { return };
        let Some(piece) = self.pieces.get_mut(piece) else {
            return;
        };
        let key = entry.keys.iter().find(|key| is_said(&piece.table, key));
        let key = key.map_or("", |key| match key.strip_prefix("server.") {
            Some(_) => key.as_str(),
            None => key.split('.').next().unwrap_or_default(),
        });
        for comment in self.waiting.drain(..) {
            piece.notes.add(key, comment);
        }
    }

    fn fate(&self, entry: &Entry) -> Fate {
        let errors = entry.said.iter().find(|said| said.severity == Severity::Error);
        if let Some(error) = errors {
            return Fate::Dropped(reason(error));
        }
        match (entry.what, self.place(entry)) {
            (What::Environment, _) => Fate::Kept("the values of the lines that use it".to_owned()),
            (What::Decided, _) => decided(entry),
            (_, Some(Place::Nothing) | None) => Fate::Dropped("its section is not supported".to_owned()),
            (What::Head, Some(place)) => self.head(entry, place),
            (What::Line, Some(place)) => self.line(entry, place),
        }
    }

    fn head(&self, entry: &Entry, place: Place) -> Fate {
        match (self.table(entry), place) {
            (Some(piece), Place::Global) if piece.table.is_empty() => Fate::Implied,
            (Some(piece), _) if !piece.name.is_empty() => Fate::Kept(header(piece)),
            (_, Place::Defaults(_)) => Fate::Kept(IN_SECTIONS.to_owned()),
            _ => Fate::Implied,
        }
    }

    fn table(&self, entry: &Entry) -> Option<&Piece> {
        self.pieces.get(self.piece(entry)?)
    }

    fn line(&self, entry: &Entry, place: Place) -> Fate {
        let no_effect = || {
            let is_vain = |said: &&Diagnostic| [code::IGNORED, code::MISPLACED].contains(&said.code);
            entry.said.iter().find(is_vain).map(|said| Fate::NoEffect(reason(said)))
        };
        let Some(piece) = self.table(entry) else {
            return Fate::Implied;
        };
        if piece.name.is_empty() && matches!(place, Place::Defaults(_)) && !entry.keys.is_empty() {
            return Fate::Kept(IN_SECTIONS.to_owned());
        }
        let kept: Vec<&str> = entry
            .keys
            .iter()
            .filter(|key| is_said(&piece.table, key))
            .map(String::as_str)
            .collect();
        if !kept.is_empty() {
            return Fate::Kept(format!("{} {}", header(piece), kept.join(", ")));
        }
        // What only rules can say is said with the rules.
        if matches!(place, Place::Defaults(_))
            && entry
                .keys
                .iter()
                .any(|key| key.starts_with("tcp-re") || SAID_IN_SECTIONS.contains(&key.as_str()))
        {
            return Fate::Kept(IN_SECTIONS.to_owned());
        }
        no_effect().unwrap_or(Fate::Implied)
    }
}

/// What `[defaults]` cannot say, besides.
const SAID_IN_SECTIONS: &[&str] = &["acl", "server-state-file"];

const IN_SECTIONS: &str = "what the sections say that begin with it";

fn header(piece: &Piece) -> String {
    let name = piece.table.get("name").and_then(Value::as_str);
    match name {
        Some(name) => format!("[[{}]] \"{name}\"", piece.name),
        None => format!("[{}]", piece.name),
    }
}

/// Whether a table has this key: `timeout.client`, `server.NAME`.
fn is_said(table: &Table, path: &str) -> bool {
    if let Some(name) = path.strip_prefix("server.") {
        let servers = table.get("server").and_then(Value::as_array).into_iter().flatten();
        let mut names = servers.filter_map(|server| server.get("name").and_then(Value::as_str));
        // Those of a template have the begin of their names there.
        return names.any(|known| name == known || name.trim_end_matches(|c: char| c.is_ascii_digit()) == known);
    }
    match path.split_once('.') {
        Some((first, rest)) => table
            .get(first)
            .and_then(Value::as_table)
            .is_some_and(|table| is_said(table, rest)),
        None => table.contains_key(path),
    }
}

fn decided(entry: &Entry) -> Fate {
    match entry.said.first() {
        Some(said) => Fate::Dropped(reason(said)),
        None => {
            Fate::Dropped("conditions are decided when a file is converted, and this is what was decided".to_owned())
        }
    }
}

fn reason(said: &Diagnostic) -> String {
    match (&said.help, said.code == code::IGNORED) {
        (Some(why), true) => why.clone(),
        (Some(help), false) => format!("{}; {help}", said.message),
        (None, _) => said.message.clone(),
    }
}

/// A line that no reader ever saw.
fn unread(diagnostics: &[Diagnostic], file: FileId, source: &Source, line: usize) -> Fate {
    let is_here = |said: &&Diagnostic| said.span.file == file && source.line_of(said.span.start) == line;
    let why = diagnostics.iter().find(is_here).map(reason);
    Fate::Dropped(why.unwrap_or_else(|| "it could not be read".to_owned()))
}

fn notes(entry: &Entry, source: &Source) -> Vec<String> {
    let warnings = entry.said.iter().filter(|said| said.severity == Severity::Warning);
    let mut notes: Vec<String> = warnings.filter(|_| !entry.keys.is_empty()).map(reason).collect();
    if has_variable(source.bytes(), entry.at) {
        notes.push("its variables have the values that they had when it was converted".to_owned());
    }
    notes
}

/// Variables live between double quotes.
fn has_variable(bytes: &[u8], at: Span) -> bool {
    let line = bytes.get(at.start..at.end).unwrap_or_default();
    line.contains(&b'"') && line.contains(&b'$')
}

/// The comments of a file by their lines.
fn comments(source: &Source) -> BTreeMap<usize, String> {
    let tokens = scan(source.bytes()).into_iter();
    let comments = tokens.filter(|token| token.kind == TokenKind::Comment);
    comments
        .map(|token| {
            let text = String::from_utf8_lossy(&source.bytes()[token.start..token.end]);
            let text: String = text
                .chars()
                .filter(|letter| *letter == '\t' || !letter.is_control())
                .collect();
            (source.line_of(token.start), text.trim_end().to_owned())
        })
        .collect()
}

/// The numbers of the lines with a word.
fn says_something(source: &Source) -> Vec<usize> {
    let tokens = scan(source.bytes()).into_iter();
    let words = tokens.filter(|token| token.kind == TokenKind::Word);
    let mut lines: Vec<usize> = words.map(|token| source.line_of(token.start)).collect();
    lines.dedup();
    lines
}
