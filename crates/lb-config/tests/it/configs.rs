//! Whole configurations, line by line: what the installed HAProxy accepts and refuses, and what we do. Each marked line is
//! tried alone among those without a mark.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use tandem_lb_config::{Loaded, NamedText, World, load_in};
use tandem_text::Diagnostic;

pub(crate) use crate::marks::{Config, Marked, configs, folder};

pub(crate) fn ours(file: &str, text: &str) -> Loaded {
    let read = |path: &str| fs::read(folder().join(path)).map_err(|why| why.to_string());
    let variable = |name: &str| std::env::var(name).ok();
    load_in(&[NamedText::new(file, text)], World::new(&variable, &read), None)
}

/// What the installed HAProxy says to a text: whether it takes it, and which lines it complains of.
struct Verdict {
    accepts: bool,
    said: String,
}

impl Verdict {
    fn of(text: &str) -> Option<Verdict> {
        let mut child = Command::new("haproxy")
            .args(["-c", "-f", "/dev/stdin"])
            .current_dir(folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .ok()?;
        let mut input = child.stdin.take().expect("its input is a pipe");
        input.write_all(text.as_bytes()).expect("it reads all of a short text");
        drop(input);
        let output = child.wait_with_output().expect("it is our child");
        Some(Verdict {
            // 2: there is no mistake, and nothing that it would listen at.
            accepts: matches!(output.status.code(), Some(0 | 2)),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    fn complains_of(&self, row: usize) -> bool {
        let place = format!("[/dev/stdin:{}]", row + 1);
        self.said
            .lines()
            .any(|line| line.starts_with("[ALERT]") && line.contains(&place))
    }
}

/// The lines, counted from 1, that the installed HAProxy complains of; `None` where there is none.
pub(crate) fn haproxy_complains_of(text: &str) -> Option<Vec<usize>> {
    let verdict = Verdict::of(text)?;
    let rows = 0..text.lines().count();
    Some(
        rows.filter(|row| verdict.complains_of(*row))
            .map(|row| row + 1)
            .collect(),
    )
}

/// Where HAProxy says otherwise than the marks. All refused lines are shown to it at once; those that it then says
/// nothing of are tried alone.
fn wrong_there(config: &Config) -> Vec<String> {
    let mut wrong = Vec::new();
    let marks: Vec<Marked> = config.marks().collect();
    let taken: Vec<&Marked> = marks.iter().filter(|m| m.mark == '>').collect();
    let together = config.with(|group| taken.iter().any(|m| m.at == group));
    if Verdict::of(&together).is_some_and(|verdict| !verdict.accepts) {
        // They may only be in each other's way.
        let alone = taken.iter().map(|marked| config.with_only(marked));
        let verdicts = [config.good()].into_iter().chain(alone).map(|text| Verdict::of(&text));
        let refused = verdicts.flatten().filter(|verdict| !verdict.accepts);
        wrong.extend(refused.map(|verdict| format!("{}: HAProxy: {}", config.file, verdict.said)));
    }
    let all = Verdict::of(&config.with(|_| true)).expect("it was there");
    for marked in marks.iter().filter(|m| m.mark != '>' && !all.complains_of(m.at)) {
        if Verdict::of(&config.with_only(marked)).is_some_and(|alone| alone.accepts) {
            wrong.push(format!(
                "{}:{}: HAProxy accepts `{}`",
                config.file,
                marked.at + 1,
                marked.line
            ));
        }
    }
    wrong
}

/// Where we say otherwise than the marks, or do not say where and what to do.
fn wrong_here(config: &Config) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut complain = |row: usize, what: String| wrong.push(format!("{}:{}: {what}", config.file, row + 1));
    if !config.says_what_it_shows() {
        complain(0, "it does not say what it shows".to_owned());
    }
    let errors = |loaded: &Loaded| -> Vec<Diagnostic> {
        let diagnostics = loaded.diagnostics.iter();
        diagnostics
            .filter(|diagnostic| diagnostic.is_error())
            .cloned()
            .collect()
    };
    let good = ours(&config.file, &config.good());
    for error in errors(&good) {
        let at = good.sources.location(error.span);
        complain(at.line - 1, format!("tandem-lb: {}", error.message));
    }
    for marked in config.marks() {
        if matches!(marked.mark, '<' | '>') && marked.reason.is_empty() {
            complain(marked.at, "a difference without a reason".to_owned());
        }
        let loaded = ours(&config.file, &config.with_only(&marked));
        let errors = errors(&loaded);
        if loaded.plan.is_some() != (marked.mark == '<') {
            let said: Vec<String> = errors.into_iter().map(|error| error.message).collect();
            complain(marked.at, format!("tandem-lb on `{}`: {said:?}", marked.line));
            continue;
        }
        for error in errors {
            let row = loaded.sources.location(error.span).line - 1;
            if config.rows[row].group != Some(marked.at) {
                complain(
                    marked.at,
                    format!("the complaint is about line {}: {}", row + 1, error.message),
                );
            }
            if error.help.is_none() {
                complain(
                    marked.at,
                    format!("it is not said what to write instead: {}", error.message),
                );
            }
        }
    }
    wrong
}

fn assert_all_is_well(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn we_take_and_refuse_what_the_marks_say() {
    let configs = configs();
    let wrong: Vec<String> = configs.iter().flat_map(wrong_here).collect();
    assert_all_is_well(&wrong);
}

#[test]
fn haproxy_takes_and_refuses_what_the_marks_say() {
    const AT_A_TIME: usize = 4;
    if Verdict::of("").is_none() {
        let mut out = std::io::stderr().lock();
        writeln!(out, "SKIP comparison with HAProxy: it is not installed").expect("standard error is open");
        return;
    }
    let configs = configs();
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_A_TIME)
            .map(|part| {
                let mine = configs.iter().skip(part).step_by(AT_A_TIME);
                scope.spawn(move || mine.flat_map(wrong_there).collect::<Vec<_>>())
            })
            .collect();
        let answers = threads.into_iter().map(|thread| thread.join().expect("it asks"));
        answers.flatten().collect()
    });
    assert_all_is_well(&wrong);
}
