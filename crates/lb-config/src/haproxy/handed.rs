//! Rules of `defaults` sections: each section that begins with one reads them again, before its own.
//!
//! So they mean what they would mean there. Only ACLs do not: those of `defaults` are its own, and a section may have others
//! of the same names. Read again they are called `SECTION:NAME`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tandem_text::haproxy::{Line, Word};
use tandem_text::{Diagnostic, SourceMap, Span};

use super::args::{Args, Outcome};
use crate::code;
use crate::draft::{Proxy, Role};
use crate::expr::World;

/// What each `defaults` section hands on, by its place among them.
#[derive(Debug, Default)]
pub(super) struct Handed {
    open: Lines,
    closed: BTreeMap<usize, Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    name: Arc<str>,
    lines: Vec<Line>,
    /// The names of its ACLs.
    acls: BTreeSet<String>,
    /// Who has them already: the rules of clients and of servers are not the same.
    of: Option<Role>,
    /// What was said of these lines, once they were read again.
    said: Option<Vec<Diagnostic>>,
}

/// The lines that are handed on; delays are settings like others.
const WORDS: [(&str, Option<&str>); 5] = [
    ("acl", None),
    ("tcp-request", Some("connection")),
    ("tcp-request", Some("session")),
    ("tcp-request", Some("content")),
    ("tcp-response", Some("content")),
];

fn text(line: &Line, at: usize) -> Option<&str> {
    line.words.get(at).map(|word| word.text.as_str())
}

/// Whether a line of `defaults` is read again by those that begin with it.
fn is_handed_on(line: &Line) -> bool {
    let mut words = WORDS.iter();
    words.any(|(first, second)| text(line, 0) == Some(first) && (second.is_none() || text(line, 1) == *second))
}

impl Handed {
    /// Keeps a line that was understood.
    pub(super) fn note(&mut self, proxy: &Proxy, line: &Line) {
        if proxy.role != Role::Defaults || !is_handed_on(line) {
            return;
        }
        self.open.name = proxy.name.value.clone();
        self.open.lines.push(line.clone());
        if text(line, 0) == Some("acl") {
            self.open.acls.extend(text(line, 1).map(str::to_owned));
        }
    }

    /// The section is over; `place` is its place among them.
    pub(super) fn close(&mut self, place: usize) {
        let lines = std::mem::take(&mut self.open);
        if !lines.lines.is_empty() {
            self.closed.insert(place, lines);
        }
    }

    /// Another `defaults` section cannot take rules over: whose ACLs would they ask?
    pub(super) fn to_defaults(&self, place: Option<usize>, at: Span) -> Outcome {
        match place.and_then(|place| self.closed.get(&place)) {
            Some(lines) if lines.has_rules(None) => {
                let what = "another `defaults` section cannot begin with one that has rules";
                Err(lines.refusal(what, at))
            }
            _ => Ok(()),
        }
    }

    /// Reads what the section begins with.
    pub(super) fn give(
        &mut self,
        proxy: &mut Proxy,
        at: Span,
        sources: &SourceMap,
        world: World<'_>,
        report: &mut Vec<Diagnostic>,
    ) -> Outcome {
        let lines = proxy.settings.from.and_then(|place| self.closed.get_mut(&place));
        let Some(lines) = lines else { return Ok(()) };
        lines.may_go_to(proxy.role, at)?;
        let name = lines.name.clone();
        let world = World {
            proxy: Some(&name),
            ..world
        };
        let mut known = lines.said.take().unwrap_or_else(|| lines.of_these(report));
        for line in lines.lines.iter().map(|line| lines.renamed(line)) {
            let mut said = Vec::new();
            let read = super::rule(proxy, &line, Args::new(&line, sources, world, &mut said));
            said.extend(read.err());
            // What is wrong for one is wrong for all, and was perhaps said where it was written.
            said.retain(|diagnostic| !known.contains(diagnostic));
            known.extend_from_slice(&said);
            report.append(&mut said);
        }
        lines.said = Some(known);
        Ok(())
    }
}

impl Lines {
    /// Whether there are any of this kind; of any kind, if none is named.
    fn has_rules(&self, kind: Option<(&str, &[&str])>) -> bool {
        let is_it = |line: &Line| match kind {
            None => text(line, 0) != Some("acl"),
            Some((first, seconds)) => {
                text(line, 0) == Some(first) && text(line, 1).is_some_and(|word| seconds.contains(&word))
            }
        };
        self.lines.iter().any(is_it)
    }

    /// What is about one of these lines.
    fn of_these(&self, report: &[Diagnostic]) -> Vec<Diagnostic> {
        let is_here = |diagnostic: &&Diagnostic| {
            let at = diagnostic.span;
            let mut lines = self.lines.iter().map(|line| line.span);
            lines.any(|line| line.file == at.file && line.start <= at.start && at.end <= line.end)
        };
        report.iter().filter(is_here).cloned().collect()
    }

    fn refusal(&self, what: &str, at: Span) -> Diagnostic {
        let help = format!(
            "write the rules of `defaults {}` into the sections that need them",
            self.name
        );
        Diagnostic::error(code::CONFLICT, at, what).help(help)
    }

    fn may_go_to(&mut self, role: Role, at: Span) -> Outcome {
        if !self.has_rules(None) {
            return Ok(());
        }
        let other = self.of.replace(role).filter(|other| *other != role);
        let what = match role {
            Role::Listen => "a `listen` section cannot begin with `defaults` that have rules: it is both sides of them",
            Role::Frontend if self.has_rules(Some(("tcp-response", &["content"]))) => {
                "a frontend cannot begin with `defaults` that have rules for what servers say"
            }
            Role::Backend if self.has_rules(Some(("tcp-request", &["connection", "session"]))) => {
                "a backend cannot begin with `defaults` that have rules for connections as they are accepted"
            }
            _ if other.is_some() => "frontends and backends cannot begin with the same `defaults` if these have rules",
            _ => return Ok(()),
        };
        Err(self.refusal(what, at))
    }

    /// The line with other names for the ACLs of this section.
    fn renamed(&self, line: &Line) -> Line {
        let mut line = line.clone();
        let words = &mut line.words;
        if words[0].text == "acl" {
            if let Some(name) = words.get_mut(1) {
                self.rename(name);
            }
            return line;
        }
        let behind = words
            .iter()
            .position(|word| matches!(word.text.as_str(), "if" | "unless"));
        let mut in_braces = false;
        for word in words.iter_mut().skip(behind.unwrap_or(usize::MAX)) {
            match word.text.as_str() {
                "{" | "!{" => in_braces = true,
                "}" => in_braces = false,
                _ if !in_braces => self.rename(word),
                _ => {}
            }
        }
        line
    }

    fn rename(&self, word: &mut Word) {
        let name = word.text.trim_start_matches('!');
        if self.acls.contains(name) {
            let bangs = &word.text[..word.text.len() - name.len()];
            word.text = format!("{bangs}{}:{name}", self.name);
        }
    }
}
