//! Whole configurations, line by line: what the installed HAProxy accepts and refuses, and what we do.
//!
//! `tests/corpus/configs/*.cfg` holds them. The first lines of each say what it shows. A line that both accept stands as
//! it is; one with `#-` behind it both refuse, with `#>` only HAProxy accepts it, with `#<` only we do, and behind these
//! two stands why. Each of them is tried alone among the lines without a mark, and one that begins a section brings the
//! lines of the section with it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tandem_lb_config::{Loaded, NamedText, World, load_in};
use tandem_text::Diagnostic;

pub(crate) struct Config {
    pub(crate) file: String,
    rows: Vec<Row>,
}

struct Row {
    text: String,
    /// The marked line that it comes with.
    group: Option<usize>,
}

pub(crate) struct Marked {
    /// Its place among the rows.
    at: usize,
    pub(crate) mark: char,
    pub(crate) line: String,
    pub(crate) reason: String,
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/configs")
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

    fn with_only(&self, marked: &Marked) -> String {
        self.with(|group| group == marked.at)
    }

    fn with(&self, takes: impl Fn(usize) -> bool) -> String {
        let mut text = String::new();
        for row in &self.rows {
            if row.group.is_none_or(&takes) {
                text.push_str(&row.text);
            }
            text.push('\n');
        }
        text
    }

    fn says_what_it_shows(&self) -> bool {
        let first = self.rows.first();
        first.is_some_and(|row| row.text.starts_with("# ") && row.text.len() > 15)
    }
}

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
