//! Line by line: what the installed HAProxy accepts and refuses, and what we do.
//!
//! `tests/corpus/haproxy/*.lines` holds the lines. Each begins with what becomes of it: `+` both accept it, `-` both
//! refuse it, `>` only HAProxy accepts it, `<` only we do; behind `##` stands why. `[section]` says where the lines
//! after it stand, and `\n` in a line begins another one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tandem_lb_config::{NamedText, World, load_in};

use crate::configs::haproxy_complains_of;
use crate::installed::haproxy_accepts;

pub(crate) struct Case {
    file: String,
    pub(crate) mark: char,
    pub(crate) section: String,
    pub(crate) line: String,
    pub(crate) reason: String,
}

impl Case {
    /// A line that stands in no file.
    pub(crate) fn made(section: &str, line: &str) -> Case {
        Case {
            file: String::new(),
            mark: '+',
            section: section.to_owned(),
            line: line.to_owned(),
            reason: String::new(),
        }
    }

    /// As a whole configuration.
    pub(crate) fn text(&self) -> String {
        text_of(&self.section, &self.line)
    }

    /// Whether it may stand beside others.
    fn is_one_line(&self) -> bool {
        !self.line.contains("\\n")
    }
}

/// Lines of one section, as a whole configuration.
fn text_of(section: &str, lines: &str) -> String {
    const TIMES: &str = "defaults\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n";
    const BACKENDS: &str = "backend b\n server s 127.0.0.1:1\nbackend c\n server t 127.0.0.1:2\n";
    const FRONTEND: &str = "frontend f\n bind 127.0.0.1:18107\n default_backend b\n";
    let line = lines.replace("\\n", "\n");
    match section {
        "global" => format!("global\n {line}\n{TIMES}{FRONTEND}{BACKENDS}"),
        "defaults" => format!("{TIMES} {line}\n{FRONTEND}{BACKENDS}"),
        "frontend" => format!("{TIMES}{FRONTEND} {line}\n{BACKENDS}"),
        "backend" => format!("{TIMES}{FRONTEND}{BACKENDS}backend d\n server s 127.0.0.1:3\n {line}\n"),
        "listen" => format!("{TIMES}listen l\n bind 127.0.0.1:18108\n server s 127.0.0.1:3\n {line}\n{BACKENDS}"),
        "resolvers" | "peers" | "userlist" | "ring" => {
            format!("{TIMES}{FRONTEND}{BACKENDS}{section} r\n {line}\n")
        }
        other => panic!("what is `[{other}]`?"),
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/haproxy");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("the corpus is committed")
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    paths.sort();
    let mut cases = Vec::new();
    for path in paths {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut section = String::new();
        for row in fs::read_to_string(&path).expect("a text").lines() {
            if row.is_empty() || row.starts_with('#') {
                continue;
            }
            if let Some(name) = row.strip_prefix('[') {
                section = name.trim_end_matches(']').to_owned();
                continue;
            }
            let (line, reason) = row.split_once(" ## ").unwrap_or((row, ""));
            let (mark, line) = line.split_once(' ').expect("a mark and a line");
            cases.push(Case {
                file: file.clone(),
                mark: mark.chars().next().unwrap_or_default(),
                section: section.clone(),
                line: line.to_owned(),
                reason: reason.to_owned(),
            });
        }
    }
    cases
}

pub(crate) fn we_accept(text: &str) -> bool {
    let world = World::new(&|name| std::env::var(name).ok(), &|path| {
        fs::read(path).map_err(|why| why.to_string())
    });
    load_in(&[NamedText::new("t", text)], world, None).plan.is_some()
}

/// What HAProxy says to each; nothing where there is none.
///
/// Starting it takes longer than reading a line, so lines are shown to it together, and apart only where it refuses some of
/// them: halves of halves, until each has an answer of its own.
pub(crate) fn verdicts(cases: &[Case]) -> Vec<Option<bool>> {
    const AT_A_TIME: usize = 4;
    let is_installed = cases
        .first()
        .is_some_and(|case| haproxy_accepts(&case.text()).is_some());
    if !is_installed {
        return vec![None; cases.len()];
    }
    let mut batches: BTreeMap<(&str, char), Vec<usize>> = BTreeMap::new();
    for (place, case) in cases.iter().enumerate() {
        // What is to be refused says nothing about others.
        let refused = if matches!(case.mark, '-' | '<') { '-' } else { '+' };
        batches.entry((case.section.as_str(), refused)).or_default().push(place);
    }
    let mut work: Vec<Vec<usize>> = Vec::new();
    for ((_, mark), places) in batches {
        let (together, alone): (Vec<_>, Vec<_>) = places.into_iter().partition(|at| cases[*at].is_one_line());
        // HAProxy reads no further after fifty mistakes.
        let size = if mark == '-' { 40 } else { together.len().max(1) };
        work.extend(together.chunks(size).map(<[usize]>::to_vec));
        work.extend(alone.into_iter().map(|at| vec![at]));
    }
    let mut verdicts = vec![None; cases.len()];
    std::thread::scope(|scope| {
        let share = |first| work.iter().skip(first).step_by(AT_A_TIME);
        let judge = |first| scope.spawn(move || share(first).flat_map(|batch| judged(cases, batch)).collect());
        let judges: Vec<_> = (0..AT_A_TIME).map(judge).collect();
        for judge in judges {
            let judged: Vec<(usize, Option<bool>)> = judge.join().expect("a judge does not panic");
            for (at, accepts) in judged {
                verdicts[at] = accepts;
            }
        }
    });
    verdicts
}

fn first_mark(cases: &[Case], batch: &[usize]) -> Option<char> {
    batch.first().map(|at| cases[*at].mark)
}

/// Of lines that are to be refused: those that HAProxy complains of when it sees all of them, and the others alone.
fn refused(cases: &[Case], batch: &[usize]) -> Vec<(usize, Option<bool>)> {
    const HERE: &str = "lines-begin-here";
    let section = &cases[batch[0]].section;
    let empty = text_of(section, HERE);
    let first = empty.lines().position(|line| line.contains(HERE)).unwrap_or_default() + 1;
    let lines: Vec<&str> = batch.iter().map(|at| cases[*at].line.as_str()).collect();
    let complaints = haproxy_complains_of(&text_of(section, &lines.join("\n "))).unwrap_or_default();
    let (known, alone): (Vec<_>, Vec<_>) = (first..).zip(batch).partition(|(row, _)| complaints.contains(row));
    let known = known.into_iter().map(|(_, at)| (*at, Some(false)));
    known
        .chain(alone.into_iter().flat_map(|(_, at)| judged(cases, &[*at])))
        .collect()
}

fn judged(cases: &[Case], batch: &[usize]) -> Vec<(usize, Option<bool>)> {
    let Some(first) = batch.first() else { return Vec::new() };
    if matches!(first_mark(cases, batch), Some('-' | '<')) && batch.len() > 1 {
        return refused(cases, batch);
    }
    let lines: Vec<&str> = batch.iter().map(|at| cases[*at].line.as_str()).collect();
    let accepts = haproxy_accepts(&text_of(&cases[*first].section, &lines.join("\n ")));
    if accepts == Some(true) || batch.len() == 1 {
        return batch.iter().map(|at| (*at, accepts)).collect();
    }
    let (one, other) = batch.split_at(batch.len() / 2);
    [judged(cases, one), judged(cases, other)].concat()
}

#[test]
fn line_by_line_as_the_corpus_says() {
    let cases = cases();
    assert!(cases.len() > 200, "{}", cases.len());
    let mut wrong = Vec::new();
    for (case, verdict) in cases.iter().zip(verdicts(&cases)) {
        let (theirs, ours) = match case.mark {
            '+' => (true, true),
            '-' => (false, false),
            '>' => (true, false),
            '<' => (false, true),
            other => panic!("{}: what is `{other}`?", case.file),
        };
        let said = |who: &str, accepts: bool| {
            let verb = if accepts { "accepts" } else { "refuses" };
            format!("{}: [{}] {}: {who} {verb} it", case.file, case.section, case.line)
        };
        if theirs != ours && case.reason.is_empty() {
            wrong.push(format!("{}: {}: a difference without a reason", case.file, case.line));
        }
        let text = case.text();
        if we_accept(&text) != ours {
            wrong.push(said("tandem-lb", !ours));
        }
        if let Some(accepts) = verdict.filter(|accepts| *accepts != theirs) {
            wrong.push(said("HAProxy", accepts));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
