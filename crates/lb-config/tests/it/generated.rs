//! Lines made of every word of the keyword tables and a handful of arguments, right and wrong, where they belong and where
//! they do not: what HAProxy and we do not agree on is listed with a reason in `tests/corpus/generated.list`.
//!
//! An entry begins with who accepts the line (`>` only HAProxy, `<` only we) and perhaps with sections in brackets. Then come
//! the words, `:`, and the arguments with commas between; `-` is none, `*` is whatever there may be, of words their end. Words
//! in parentheses are a kind: `(ignored)` what our tables ignore, `(elsewhere)` settings of the other side. Behind `##` stands
//! why.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tandem_lb_config::{keyword_docs, unsupported_docs};

use crate::agreement::{Case, verdicts, we_accept};

const ARGUMENTS: [&str; 13] = [
    "",
    "x",
    "0",
    "5",
    "-5",
    "5s",
    "5x",
    "100k",
    "70000",
    "/tmp/x",
    "127.0.0.1:18300",
    "x y",
    "5 x",
];

const SECTIONS: [&str; 5] = ["global", "defaults", "frontend", "backend", "listen"];

/// Of so many lines one is tried, unless all are to be (`TANDEM_LONG=1`).
const ONE_OF: usize = 61;

/// A name that would be looked up is no argument: that takes as long as name servers like.
const ADDRESSES: &[&str] = &[
    "bind",
    "default-bind",
    "log",
    "nameserver",
    "peer",
    "server",
    "server-template",
    "source",
    "stats socket",
    "addr",
    "agent-addr",
    "usesrc",
    "dispatch",
];

struct Made {
    section: &'static str,
    kind: &'static str,
    words: String,
    argument: &'static str,
    line: String,
}

fn made() -> Vec<Made> {
    let known = keyword_docs().into_iter().map(|doc| (doc.words, doc.places, ""));
    let kind = |is_ignored| if is_ignored { "(ignored)" } else { "" };
    let refused = unsupported_docs().map(|doc| (doc.words, vec![doc.place], kind(doc.is_ignored)));
    let mut all = Vec::new();
    for (words, places, kind) in known.chain(refused) {
        let (before, sections): (&str, &[&'static str]) = match places[..] {
            ["fetch" | "converter" | "action" | "filter" | "section" | "stats socket"] => continue,
            ["bind"] => ("bind 127.0.0.1:18109 ", &["frontend"]),
            ["server"] => ("server z 127.0.0.1:1 ", &["backend"]),
            ["resolvers"] => ("", &["resolvers"]),
            ["peers"] => ("", &["peers"]),
            ["userlist"] => ("", &["userlist"]),
            ["ring"] => ("", &["ring"]),
            _ => ("", &SECTIONS),
        };
        if words.ends_with(['(', '*']) {
            continue;
        }
        for &section in sections {
            let is_elsewhere =
                before.is_empty() && kind.is_empty() && !places.contains(&section) && places[0] != "proxies";
            let kind = if is_elsewhere { "(elsewhere)" } else { kind };
            let looks_up = ADDRESSES.contains(&words);
            for argument in ARGUMENTS {
                if looks_up && argument.contains(|c: char| c.is_ascii_alphabetic()) {
                    continue;
                }
                all.push(Made::new((section, kind), before, words, argument));
            }
            if before.is_empty() {
                all.push(Made::new((section, kind), "", &format!("no {words}"), ""));
            }
        }
    }
    all
}

impl Made {
    fn new((section, kind): (&'static str, &'static str), before: &str, words: &str, argument: &'static str) -> Made {
        Made {
            section,
            kind,
            line: format!("{before}{words} {argument}").trim_end().to_owned(),
            words: words.to_owned(),
            argument,
        }
    }
}

/// A difference that is known.
pub(crate) struct Entry {
    pub(crate) mark: char,
    pub(crate) sections: Vec<String>,
    pub(crate) words: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) reason: String,
}

pub(crate) fn entries() -> Vec<Entry> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/generated.list");
    let text = fs::read_to_string(path).expect("the list is committed");
    let rows = text.lines().filter(|row| !row.is_empty() && !row.starts_with('#'));
    rows.map(|row| Entry::read(row).unwrap_or_else(|| panic!("what is `{row}`?")))
        .collect()
}

impl Entry {
    fn read(row: &str) -> Option<Entry> {
        let (row, reason) = row.split_once(" ## ")?;
        let (mark, row) = row.split_once(' ')?;
        let (sections, row) = match row.strip_prefix('[') {
            Some(row) => row.split_once("] ")?,
            None => ("", row),
        };
        let (words, arguments) = row.split_once(": ")?;
        let arguments = arguments
            .split(", ")
            .map(|argument| if argument == "-" { "" } else { argument });
        Some(Entry {
            mark: mark.chars().next().filter(|mark| "<>".contains(*mark))?,
            sections: sections.split_whitespace().map(str::to_owned).collect(),
            words: words.to_owned(),
            arguments: arguments.map(str::to_owned).collect(),
            reason: reason.to_owned(),
        })
    }

    fn fits(&self, mark: char, made: &Made) -> bool {
        let is_it = match self.words.strip_suffix('*') {
            Some(start) => made.words.starts_with(start),
            None => made.words == self.words || made.kind == self.words,
        };
        let is_one = |argument: &String| argument == "*" || argument == made.argument;
        let is_there = self.sections.is_empty() || self.sections.iter().any(|section| section == made.section);
        self.mark == mark && is_it && is_there && self.arguments.iter().any(is_one)
    }
}

/// Who accepts it, words, and arguments.
type Row<'a> = (char, &'a str, Vec<&'a str>);

/// As the list would have them.
fn shown(unknown: Vec<(char, &Made)>) -> String {
    let mut rows: BTreeMap<Row<'_>, Vec<&str>> = BTreeMap::new();
    let mut by_section: BTreeMap<(char, &str, &str), Vec<&str>> = BTreeMap::new();
    for (mark, made) in unknown {
        let argument = if made.argument.is_empty() { "-" } else { made.argument };
        by_section
            .entry((mark, made.words.as_str(), made.section))
            .or_default()
            .push(argument);
    }
    for ((mark, words, section), arguments) in by_section {
        rows.entry((mark, words, arguments)).or_default().push(section);
    }
    let row = |((mark, words, arguments), sections): (&Row<'_>, &Vec<&str>)| {
        format!("{mark} [{}] {words}: {}", sections.join(" "), arguments.join(", "))
    };
    rows.iter().map(row).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_all_words_make_is_judged_alike_or_listed() {
    let is_long = std::env::var_os("TANDEM_LONG").is_some();
    let all = made();
    let tried: Vec<&Made> = all.iter().step_by(if is_long { 1 } else { ONE_OF }).collect();
    let ours: Vec<Case> = tried
        .iter()
        .map(|made| {
            let mut case = Case::made(made.section, &made.line);
            case.mark = if we_accept(&case.text()) { '+' } else { '-' };
            case
        })
        .collect();
    let entries = entries();
    let mut met = vec![false; entries.len()];
    let mut unknown = Vec::new();
    for ((made, case), theirs) in tried.iter().zip(&ours).zip(verdicts(&ours)) {
        let mark = match (case.mark, theirs) {
            (_, None) => return,
            ('+', Some(false)) => '<',
            ('-', Some(true)) => '>',
            _ => continue,
        };
        match entries.iter().position(|entry| entry.fits(mark, made)) {
            Some(place) => met[place] = true,
            None => unknown.push((mark, *made)),
        }
    }
    assert!(
        unknown.is_empty(),
        "{} of {} lines are accepted by one of the two, and there is no reason for it in tests/corpus/generated.list:\n{}",
        unknown.len(),
        tried.len(),
        shown(unknown)
    );
    let idle = entries.iter().zip(met).filter(|(_, met)| is_long && !met);
    let idle: Vec<_> = idle
        .map(|(entry, _)| format!("{} {}", entry.mark, entry.words))
        .collect();
    assert!(idle.is_empty(), "both agree on these by now: {idle:?}");
}
