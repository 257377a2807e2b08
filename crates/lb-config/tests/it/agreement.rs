//! Line by line: what the installed HAProxy accepts and refuses, and what we do.
//!
//! `tests/corpus/haproxy/*.lines` holds the lines. Each begins with what becomes of it: `+` both accept it, `-` both
//! refuse it, `>` only HAProxy accepts it, `<` only we do; behind `##` stands why. `[section]` says where the lines
//! after it stand, and `\n` in a line begins another one.

use std::fs;
use std::path::Path;

use tandem_lb_config::{NamedText, World, load_in};

use crate::installed::haproxy_accepts;

pub(crate) struct Case {
    file: String,
    pub(crate) mark: char,
    pub(crate) section: String,
    pub(crate) line: String,
    pub(crate) reason: String,
}

impl Case {
    /// As a whole configuration.
    fn text(&self) -> String {
        const TIMES: &str = "defaults\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n";
        const BACKENDS: &str = "backend b\n server s 127.0.0.1:1\nbackend c\n server t 127.0.0.1:2\n";
        const FRONTEND: &str = "frontend f\n bind 127.0.0.1:18107\n default_backend b\n";
        let line = self.line.replace("\\n", "\n");
        match self.section.as_str() {
            "global" => format!("global\n {line}\n{TIMES}{FRONTEND}{BACKENDS}"),
            "defaults" => format!("{TIMES} {line}\n{FRONTEND}{BACKENDS}"),
            "frontend" => format!("{TIMES}{FRONTEND} {line}\n{BACKENDS}"),
            "backend" => format!("{TIMES}{FRONTEND}{BACKENDS}backend d\n server s 127.0.0.1:3\n {line}\n"),
            "listen" => format!("{TIMES}listen l\n bind 127.0.0.1:18108\n server s 127.0.0.1:3\n {line}\n{BACKENDS}"),
            other => panic!("{}: what is `[{other}]`?", self.file),
        }
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

fn we_accept(text: &str) -> bool {
    let world = World::new(&|name| std::env::var(name).ok(), &|path| {
        fs::read(path).map_err(|why| why.to_string())
    });
    load_in(&[NamedText::new("t", text)], world, None).plan.is_some()
}

/// What HAProxy says to each; nothing where there is none. It is started once for each line, several at a time.
fn verdicts(cases: &[Case]) -> Vec<Option<bool>> {
    const AT_A_TIME: usize = 4;
    let is_installed = cases
        .first()
        .is_some_and(|case| haproxy_accepts(&case.text()).is_some());
    if !is_installed {
        return vec![None; cases.len()];
    }
    let ask = |part: &[Case]| {
        part.iter()
            .map(|case| haproxy_accepts(&case.text()))
            .collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let parts = cases.chunks(cases.len().div_ceil(AT_A_TIME));
        let threads: Vec<_> = parts.map(|part| scope.spawn(move || ask(part))).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("it asks"))
            .collect()
    })
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
