//! Rules in the native form: strings in arrays, each what the other dialect writes behind the keyword. So there is one
//! language of conditions, and one reader of it.

use tandem_text::haproxy::{self, Word};
use tandem_text::{Diagnostic, SourceMap};

use super::lower::Lowering;
use super::model::Settings;
use crate::code;
use crate::draft::Proxy;
use crate::haproxy::{Lines, global_line, rule_line, section_line};
use crate::plan::Global;

/// What servers are asked.
pub(super) struct Checks {
    pub(super) kind: Option<Line>,
    pub(super) steps: Option<Vec<Line>>,
    pub(super) http: Option<Vec<Line>>,
}

type Line = toml::Spanned<String>;

impl Checks {
    pub(super) fn of(written: &mut Settings) -> Checks {
        Checks {
            kind: written.health_check.take(),
            steps: written.tcp_check.take(),
            http: written.http_check.take(),
        }
    }
}

impl Lowering<'_> {
    pub(super) fn rules(
        &mut self,
        keyword: &str,
        written: impl IntoIterator<Item = toml::Spanned<String>>,
        proxy: &mut Proxy,
    ) {
        for rule in written {
            let done = self.rule(keyword, &rule, proxy);
            self.report.extend(done.err());
        }
    }

    fn rule(&mut self, keyword: &str, rule: &toml::Spanned<String>, proxy: &mut Proxy) -> Result<(), Diagnostic> {
        let line = self.line(keyword, rule)?;
        rule_line(proxy, &line, self.sources, self.world, self.report)
    }

    /// Lines of `global` that are a language of their own.
    pub(super) fn global_lines(&mut self, keyword: &str, written: Vec<toml::Spanned<String>>, global: &mut Global) {
        for row in written {
            let read = self.line(keyword, &row);
            let done = read.and_then(|line| global_line(global, &line, self.sources, self.world, self.report));
            self.report.extend(done.err());
        }
    }

    /// Lines of another section than a proxy.
    pub(super) fn section_lines<S: Lines>(
        &mut self,
        keyword: &str,
        written: Vec<toml::Spanned<String>>,
        section: &mut S,
    ) {
        for row in written {
            let read = self.line(keyword, &row);
            let done = read.and_then(|line| section_line(section, &line, self.sources, self.world, self.report));
            self.report.extend(done.err());
        }
    }

    /// What the other dialect would have as a line with this keyword.
    pub(super) fn line(&self, keyword: &str, rule: &toml::Spanned<String>) -> Result<haproxy::Line, Diagnostic> {
        let span = self.span(rule.span());
        let mut words = vec![keyword.to_owned()];
        words.extend(split(rule.get_ref(), self.world.env).map_err(|why| Diagnostic::error(code::SYNTAX, span, why))?);
        // Places within the text of TOML are not known: it may have escapes of its own.
        let words = words.into_iter().map(|text| Word { text, span }).collect();
        Ok(haproxy::Line { words, span })
    }
}

/// The words of one line, with their quotes resolved.
fn split(text: &str, env: haproxy::Env<'_>) -> Result<Vec<String>, String> {
    let mut sources = SourceMap::default();
    let file = sources.add("", format!("{text}\n"));
    let mut report = Vec::new();
    let mut lines = haproxy::lines(file, sources.bytes(file), env, &mut report).into_iter();
    if let Some(diagnostic) = report.first() {
        return Err(diagnostic.message.clone());
    }
    let words = lines.next().map(|line| line.words).unwrap_or_default();
    if lines.next().is_some() {
        return Err("a rule is one line".to_owned());
    }
    Ok(words.into_iter().map(|word| word.text).collect())
}
