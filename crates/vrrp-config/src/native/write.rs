//! Statements of `keepalived.conf` as the native dialect says them: the way back of what reads it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tandem_text::keepalived::{Block, Statement, Word};
use tandem_text::{Fate, SourceMap, Span};

use super::{SHORT, is_named};
use crate::keepalived::keyword::Kind;
use crate::keepalived::section::Section;

/// Why a line is left out.
#[derive(Clone, Debug)]
pub(crate) struct Left(pub(crate) String);

pub(crate) struct Text {
    pub(crate) text: String,
    /// What became of each statement.
    pub(crate) fates: Vec<(Span, Fate)>,
}

/// `left` says what is wrong with what stands there, if anything is.
pub(crate) fn write(statements: &[Statement], sources: &SourceMap, left: &dyn Fn(Span) -> Option<Left>) -> Text {
    let mut writer = Writer {
        sources,
        left,
        fates: Vec::new(),
    };
    let kinds = kinds(Section::Top);
    let (mut lines, mut tables) = (Vec::new(), String::new());
    let mut others = Vec::new();
    for statement in statements {
        match (kinds.get(statement.keyword().text.as_str()), &statement.block) {
            (Some(Kind::Block(section)), Some(block)) => {
                let many = statements
                    .iter()
                    .filter(|other| other.keyword().text == statement.keyword().text);
                let is_listed = is_named(*section) || many.count() > 1;
                tables.push_str(&writer.section(statement, block, *section, is_listed));
            }
            _ => others.push(statement.clone()),
        }
    }
    writer.entries(&others, Section::Top, "", &mut lines);
    let mut text = String::new();
    for (key, value) in lines {
        let _infallible = writeln!(text, "{key} = {value}");
    }
    let gap = if text.is_empty() || tables.is_empty() { "" } else { "\n" };
    Text {
        text: format!("{text}{gap}{}", tables.trim_start_matches('\n')),
        fates: writer.fates,
    }
}

struct Writer<'a> {
    sources: &'a SourceMap,
    left: &'a dyn Fn(Span) -> Option<Left>,
    fates: Vec<(Span, Fate)>,
}

type Entries = Vec<(String, String)>;

fn kinds(section: Section) -> BTreeMap<&'static str, Kind> {
    let entries = section.entries().into_iter();
    entries.map(|(word, kind, _)| (word, kind)).collect()
}

impl Writer<'_> {
    /// A block of the top, as a table.
    fn section(&mut self, statement: &Statement, block: &Block, section: Section, is_listed: bool) -> String {
        let keyword = &statement.keyword().text;
        let key = SHORT.iter().find(|(_, long)| long == keyword);
        let key = key.map_or_else(|| keyword.replace('_', "-"), |(short, _)| (*short).to_owned());
        let header = if is_listed {
            format!("[[{key}]]")
        } else {
            format!("[{key}]")
        };
        let mut lines = Vec::new();
        let Some(place) = self.head(statement, section, &header, &mut lines) else {
            return String::new();
        };
        self.entries(&block.statements, section, &place, &mut lines);
        let lines: String = lines.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        format!("\n{header}\n{lines}")
    }

    /// The keyword of a block, and its name; how its lines are spoken of. `None` when it is left out.
    fn head(&mut self, statement: &Statement, section: Section, place: &str, lines: &mut Entries) -> Option<String> {
        let span = statement.span();
        let names: Vec<&Word> = statement.words.iter().skip(1).collect();
        let why = (self.left)(span).map(|left| left.0);
        let why = why.or_else(|| match (is_named(section), names.len()) {
            (_, 0) | (true, 1) => None,
            _ => Some("there is no place for the words behind it".to_owned()),
        });
        if let Some(why) = why {
            self.drop_all(statement, &why);
            return None;
        }
        let place = match names.first() {
            None => place.to_owned(),
            Some(name) => {
                lines.push(("name".to_owned(), quoted(&name.text)));
                format!("{place} \"{}\"", name.text)
            }
        };
        self.fates.push((span, Fate::Kept(place.clone())));
        Some(place)
    }

    fn drop_all(&mut self, statement: &Statement, why: &str) {
        self.fates.push((statement.span(), Fate::Dropped(why.to_owned())));
        let inner = statement.block.iter().flat_map(|block| &block.statements);
        inner.for_each(|statement| self.drop_all(statement, why));
    }

    /// The lines of a block. A key can be there once, so what is said twice is said together, or counts as it was said last.
    fn entries(&mut self, statements: &[Statement], section: Section, place: &str, into: &mut Entries) {
        let kinds = kinds(section);
        let mut listed: Vec<(String, Vec<String>, bool)> = Vec::new();
        for statement in statements {
            let word = statement.keyword().text.as_str();
            let key = word.replace('_', "-");
            let Some(kind) = kinds.get(word) else {
                let why = (self.left)(statement.span()).map_or_else(|| "it is not known".to_owned(), |left| left.0);
                self.drop_all(statement, &why);
                continue;
            };
            let values = match (kind, &statement.block) {
                (Kind::Block(inner), Some(block)) => {
                    let here = format!("{place} {key}");
                    let mut lines = Vec::new();
                    let Some(place) = self.head(statement, *inner, &here, &mut lines) else {
                        continue;
                    };
                    self.entries(&block.statements, *inner, place.trim_start(), &mut lines);
                    Ok(vec![inline(&lines)])
                }
                (Kind::Lines, block) => Ok(self.lines(statement, block.as_ref(), place, &key)),
                (kind, None) => self.value(statement, *kind).map(|value| vec![value]),
                (_, Some(_)) => Err("no block belongs behind it".to_owned()),
            };
            let values = match ((self.left)(statement.span()), values) {
                (None, Ok(values)) => values,
                (Some(Left(why)), _) | (None, Err(why)) => {
                    self.drop_all(statement, &why);
                    continue;
                }
            };
            if !matches!(kind, Kind::Block(_)) {
                self.fates
                    .push((statement.span(), Fate::Kept(format!("{place} {key}").trim().to_owned())));
            }
            let is_list = *kind == Kind::Lines;
            match listed.iter_mut().find(|(known, ..)| *known == key) {
                Some((_, before, _)) if is_list || matches!(kind, Kind::Block(_)) => before.extend(values),
                Some((_, before, _)) => *before = values,
                None => listed.push((key, values, is_list)),
            }
        }
        into.extend(
            listed
                .into_iter()
                .map(|(key, values, is_list)| match values.as_slice() {
                    [one] if !is_list => (key, one.clone()),
                    many if is_list && many.len() > 1 => (key, format!("[\n    {},\n]", many.join(",\n    "))),
                    many => (key, format!("[{}]", many.join(", "))),
                }),
        );
    }

    /// The lines of a block of values, each as it is written.
    fn lines(&mut self, statement: &Statement, block: Option<&Block>, place: &str, key: &str) -> Vec<String> {
        let here = format!("{place} {key}");
        let mut values = Vec::new();
        if statement.words.len() > 1 {
            values.push(line(&statement.words[1..]));
        }
        for inner in block.iter().flat_map(|block| &block.statements) {
            match ((self.left)(inner.span()), &inner.block) {
                (None, None) => {
                    self.fates.push((inner.span(), Fate::Kept(here.trim().to_owned())));
                    values.push(line(&inner.words));
                }
                (Some(Left(why)), _) => self.drop_all(inner, &why),
                (None, Some(_)) => self.drop_all(inner, "no block belongs here"),
            }
        }
        values
    }

    fn value(&self, statement: &Statement, kind: Kind) -> Result<String, String> {
        if kind == Kind::Flag {
            return match statement.words.len() {
                1 => Ok("true".to_owned()),
                _ => Err("there is no place for the words behind it".to_owned()),
            };
        }
        let words = match kind {
            Kind::Command => statement.command_words(self.sources).map_err(|said| said.message)?,
            _ => statement.words.clone(),
        };
        Ok(match (&words[1..], kind) {
            ([], Kind::Command) => "true".to_owned(),
            ([], _) => "[]".to_owned(),
            ([one], Kind::Command) => quoted(&one.text),
            ([one], _) if is_number(&one.text) => one.text.clone(),
            (all, Kind::Words) if all.iter().all(|word| is_plain(&word.text)) => line(all),
            (all, _) => {
                let all: Vec<String> = all.iter().map(|word| quoted(&word.text)).collect();
                format!("[{}]", all.join(", "))
            }
        })
    }
}

fn inline(lines: &Entries) -> String {
    let lines: Vec<String> = lines.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    match lines.is_empty() {
        true => "{}".to_owned(),
        false => format!("{{ {} }}", lines.join(", ")),
    }
}

/// Words as a line of Keepalived's, in TOML's quotes.
fn line(words: &[Word]) -> String {
    let words = words.iter().map(|word| match is_plain(&word.text) {
        true => word.text.clone(),
        false => format!("\"{}\"", word.text.replace('\\', "\\\\").replace('"', "\\\"")),
    });
    quoted(&words.collect::<Vec<_>>().join(" "))
}

/// Cut at blanks it is this one word again.
fn is_plain(word: &str) -> bool {
    let is_usual = |c: char| c.is_ascii_alphanumeric() || "._-/:@%+,*=&|^~<>()[]$?;".contains(c);
    !word.is_empty() && word.chars().all(is_usual)
}

fn is_number(word: &str) -> bool {
    word.parse::<i64>().is_ok_and(|number| number.to_string() == word)
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
