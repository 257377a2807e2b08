//! `keepalived.conf` to TOML that means the same, with a receipt: what became of each line.
//!
//! What is written is read again, and the two Plans are held against each other: whoever gets a text is told whether it
//! may take the place of what it was made of.

use std::collections::BTreeMap;
use std::sync::Arc;

use tandem_text::keepalived as lexer;
use tandem_text::{Converted, Diagnostic, Fate, FileId, Receipt, SourceMap, Span, Verdict};

use crate::load::{Dialect, Machine, load};
use crate::native::{self, Left};
use crate::plan::Plan;
use crate::report::Report;
use crate::{code, key_files};

/// Reads a file in Keepalived's dialect, and what it includes.
pub fn convert(name: &str, bytes: impl Into<Vec<u8>>, machine: &Machine<'_>) -> Converted {
    let bytes = bytes.into();
    let loaded = load(name, bytes.clone(), machine, Some(Dialect::Keepalived));
    let mut sources = SourceMap::default();
    let file = sources.add(name, bytes);
    let mut said_before = Vec::new();
    let mut statements = lexer::read(&mut sources, file, &machine.context, &mut said_before);
    key_files::read(&mut statements, machine.context.files, &mut Report::default());
    // What Keepalived passes over is an error in TOML: it stays out.
    let is_mistake = |said: &&Diagnostic| said.is_error() || code::is_mistake(said.code);
    let mistakes: Vec<&Diagnostic> = loaded.diagnostics.iter().filter(is_mistake).collect();
    let left = |span: Span| {
        let found = mistakes.iter().find(|said| is_within(said.span, span));
        found.map(|said| Left(said.message.clone()))
    };
    let written = native::write(&statements, &sources, &left);
    let again = load("converted", written.text.as_bytes(), machine, Some(Dialect::Toml));
    let has_lost = written.fates.iter().any(|(_, fate)| matches!(fate, Fate::Dropped(_)));
    let verdict = match (&loaded.plan, &again.plan) {
        (Some(before), Some(after)) if without_places(before) == without_places(after) => Verdict::Same,
        _ if has_lost || loaded.plan.is_none() => Verdict::Incomplete,
        _ => Verdict::Different,
    };
    let receipts = receipts(&sources, file, &written.fates);
    let text = match verdict {
        Verdict::Same | Verdict::Renumbered => written.text,
        Verdict::Incomplete | Verdict::Different => format!("{}{}", Receipt::left_out(&receipts), written.text),
    };
    Converted {
        toml: text,
        receipts,
        verdict,
        diagnostics: loaded.diagnostics,
        sources: loaded.sources,
    }
}

fn is_within(inner: Span, outer: Span) -> bool {
    inner.file == outer.file && outer.start <= inner.start && inner.start < outer.end.max(outer.start + 1)
}

/// Where a thing is written makes no difference.
fn without_places(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    for instance in &mut plan.instances {
        instance.origin = "".into();
    }
    for group in &mut plan.groups {
        group.origin = "".into();
    }
    plan
}

/// The first file's lines and those of what it includes; an included file comes after the one that names it.
fn receipts(sources: &SourceMap, first: FileId, fates: &[(Span, Fate)]) -> Vec<Receipt> {
    let mut by_line: BTreeMap<(Arc<str>, usize), &Fate> = BTreeMap::new();
    for (span, fate) in fates {
        let Some(source) = sources.source(span.file) else {
            continue;
        };
        let place = (Arc::from(source.name()), source.line_of(span.start));
        let known = by_line.entry(place).or_insert(fate);
        if matches!(fate, Fate::Dropped(_)) {
            *known = fate;
        }
    }
    let first = sources.source(first).map(|source| source.name());
    let mut all = Vec::new();
    let others = sources.iter().filter(|source| Some(source.name()) != first);
    for source in sources
        .iter()
        .filter(|source| Some(source.name()) == first)
        .take(1)
        .chain(others)
    {
        let text = String::from_utf8_lossy(source.bytes()).into_owned();
        for (line, number) in text.lines().zip(1..) {
            let line = line.trim();
            let says_nothing =
                line.starts_with(['#', '!']) || line.chars().all(|c| matches!(c, '{' | '}' | ' ' | '\t'));
            if says_nothing {
                continue;
            }
            let fate = by_line.get(&(Arc::from(source.name()), number));
            all.push(Receipt {
                file: source.name().into(),
                line: number,
                text: line.to_owned(),
                fate: fate.map_or(Fate::Implied, |fate| (*fate).clone()),
                notes: Vec::new(),
            });
        }
    }
    all
}
