//! The way through a file and those it includes, line by line.

use super::include::{self, Checks};
use super::line::{Condition, condition, definition, without_comment};
use super::parameter::{Budget, Parameters, too_much};
use super::repeat::Repeat;
use super::text::{self, Char, trim};
use super::tree::{Statement, Tree};
use super::word::{self, Rules, Word};
use super::{BAD_TEXT, Context, MAX_COMPLAINTS, MAX_LINE, MAX_MEMORY};
use crate::diagnostic::Diagnostic;
use crate::source::SourceMap;
use crate::span::{FileId, Span};

/// Every statement of a file and of what it includes. What cannot be read is reported and left out.
pub fn read(
    sources: &mut SourceMap,
    file: FileId,
    context: &Context<'_>,
    report: &mut Vec<Diagnostic>,
) -> Vec<Statement> {
    let mut reader = Reader {
        sources,
        context,
        parameters: Parameters::new(context.seed),
        budget: Budget::new(),
        tree: Tree::default(),
        checks: Checks::default(),
        tasks: Vec::new(),
        directories: Vec::new(),
        files: 1,
        report,
    };
    reader.open(file);
    while let Some(task) = reader.tasks.pop() {
        if let Err(last_word) = reader.work(task).and_then(|()| reader.is_worth_going_on()) {
            reader.report.push(last_word);
            break;
        }
    }
    reader.tree.finish(reader.report)
}

/// What is still to be done; the last comes first.
enum Task {
    /// Goes on at an offset.
    File(FileId, usize),
    EndOfFile(Checks),
    Line(Vec<Char>),
    Define(String, Vec<Char>),
    Include(String, Vec<u8>, Span),
}

struct Reader<'a, 'c> {
    sources: &'a mut SourceMap,
    context: &'a Context<'c>,
    parameters: Parameters,
    budget: Budget,
    tree: Tree,
    checks: Checks,
    tasks: Vec<Task>,
    /// Of the files being read, the innermost last.
    directories: Vec<String>,
    files: usize,
    report: &'a mut Vec<Diagnostic>,
}

/// Nothing more can be read.
type Outcome = Result<(), Diagnostic>;

impl Reader<'_, '_> {
    fn open(&mut self, file: FileId) {
        let name = self.sources.source(file).map_or("", |source| source.name());
        let directory = match name.rsplit_once('/') {
            Some(("", _)) => "/",
            Some((directory, _)) => directory,
            None => "",
        };
        self.directories.push(directory.to_owned());
        self.tasks.push(Task::EndOfFile(self.checks));
        self.tasks.push(Task::File(file, 0));
    }

    fn work(&mut self, task: Task) -> Outcome {
        match task {
            Task::File(file, at) => self.next_line(file, at),
            Task::EndOfFile(checks) => {
                self.checks = checks;
                self.directories.pop();
                Ok(())
            }
            Task::Line(line) => self.line(&line),
            Task::Define(name, value) => {
                self.parameters.define(name, value);
                Ok(())
            }
            Task::Include(path, bytes, span) => {
                self.budget.spend(bytes.len(), span)?;
                self.files += 1;
                let file = self.sources.add(path, bytes);
                self.open(file);
                Ok(())
            }
        }
    }

    fn next_line(&mut self, file: FileId, at: usize) -> Outcome {
        let Some((line, mut next)) = self.physical(file, at)? else {
            return Ok(());
        };
        let mut lines = vec![line];
        while starts_several(&lines, self.context.config_id) {
            let Some((line, behind)) = self.physical(file, next)? else {
                break;
            };
            lines.push(line);
            next = behind;
        }
        self.tasks.push(Task::File(file, next));
        match <[Vec<Char>; 1]>::try_from(lines) {
            Ok([line]) => self.line(&line),
            Err(lines) => {
                self.define_several(&lines);
                Ok(())
            }
        }
    }

    /// The line at an offset without its comment, and where the next one starts.
    fn physical(&self, file: FileId, at: usize) -> Result<Option<(Vec<Char>, usize)>, Diagnostic> {
        let bytes = self.sources.bytes(file);
        let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) else {
            return Ok(None);
        };
        let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let line = without_comment(&rest[..length]);
        if line.len() > MAX_LINE || u32::try_from(at + length).is_err() {
            return Err(too_much(
                Span::new(file, at, at),
                "this line is long beyond all measure",
            ));
        }
        Ok(Some((text::literal(file, line, at), at + length + 1)))
    }

    /// `$NAME= \` and its lines.
    fn define_several(&mut self, lines: &[Vec<Char>]) {
        let Some(first) = met(trim(&lines[0]), self.context.config_id) else {
            return;
        };
        let Some((name, backslash)) = definition(first) else {
            return;
        };
        let end = backslash[0].with_byte(b'\n');
        let contents: Vec<&[Char]> = lines[1..].iter().map(|line| without_backslash(line)).collect();
        self.parameters.define(name, contents.join(&end));
    }

    fn line(&mut self, line: &[Char]) -> Outcome {
        let Some(line) = met(trim(line), self.context.config_id) else {
            return Ok(());
        };
        if let Some((name, value)) = definition(line) {
            self.parameters.define(name, value.to_vec());
            return Ok(());
        }
        if let Some(repeat) = Repeat::at(line) {
            return match repeat {
                Ok(repeat) => self.repeat(&repeat),
                Err(diagnostic) => {
                    self.report.push(diagnostic);
                    Ok(())
                }
            };
        }
        let directory = self.directory();
        let expanded = self
            .parameters
            .expand(line, &directory, self.context, &mut self.budget)?;
        let behind = expanded.behind.split(|c| c.byte == b'\n').rev();
        self.tasks.extend(
            behind
                .filter(|line| !line.is_empty())
                .map(|line| Task::Line(line.to_vec())),
        );
        if expanded.changed && has_directive(&expanded.line) {
            self.tasks.push(Task::Line(expanded.line));
            return Ok(());
        }
        self.statement(&expanded.line)
    }

    fn directory(&self) -> String {
        self.directories.last().cloned().unwrap_or_default()
    }

    fn repeat(&mut self, repeat: &Repeat<'_>) -> Outcome {
        let directory = self.directory();
        let arguments = self
            .parameters
            .expand(repeat.arguments, &directory, self.context, &mut self.budget)?;
        let rounds = match repeat.rounds(&arguments.line) {
            Ok(rounds) => rounds,
            Err(diagnostic) if diagnostic.is_error() => return Err(diagnostic),
            Err(diagnostic) => {
                self.report.push(diagnostic);
                return Ok(());
            }
        };
        for round in rounds.into_iter().rev() {
            if let Some(first) = repeat.rest.first() {
                self.budget.spend_on_line(repeat.rest, first.span())?;
            }
            self.tasks.push(Task::Line(repeat.rest.to_vec()));
            let definitions = round.into_iter().map(|(name, value)| Task::Define(name, value));
            self.tasks.extend(definitions);
        }
        Ok(())
    }

    fn statement(&mut self, line: &[Char]) -> Outcome {
        if let Ok(words) = word::words(line, Rules::Plain, self.sources)
            && let Some((keyword, rest)) = words.split_first()
        {
            if let Some(checks) = Checks::of(&keyword.text, self.checks) {
                return self.include(keyword, rest, checks);
            }
            if keyword.text == "include_check" {
                self.checks.change(rest);
                return Ok(());
            }
            if let ("random_seed", Some(Ok(seed))) = (keyword.text.as_str(), rest.first().map(|word| word.text.parse()))
            {
                self.parameters.reseed(seed);
            }
        }
        self.tree.line(line, self.sources, self.report);
        match line.last() {
            Some(end) if self.tree.memory() > MAX_MEMORY => {
                Err(self.given_up("this configuration is long beyond all measure", end.span()))
            }
            _ => Ok(()),
        }
    }

    /// Whatever it was that complained.
    fn is_worth_going_on(&self) -> Outcome {
        match self.report.last() {
            Some(last) if self.report.len() > MAX_COMPLAINTS => {
                Err(self.given_up("there is too much wrong before this", last.span))
            }
            _ => Ok(()),
        }
    }

    /// Says how much was not looked at.
    fn given_up(&self, why: &str, here: Span) -> Diagnostic {
        let lines = |bytes: &[u8]| bytes.split_inclusive(|byte| *byte == b'\n').count();
        let left = |task: &Task| match task {
            Task::File(file, at) => lines(self.sources.bytes(*file).get(*at..).unwrap_or_default()),
            Task::Include(_, bytes, _) => lines(bytes),
            Task::Line(_) => 1,
            Task::EndOfFile(_) | Task::Define(..) => 0,
        };
        let left: usize = self.tasks.iter().map(left).sum();
        let message = format!("{why}: {left} lines from here on were not looked at");
        too_much(here, &message).help("is this the file that was meant?")
    }

    fn include(&mut self, keyword: &Word, rest: &[Word], checks: Checks) -> Outcome {
        let Some(pattern) = rest.first() else {
            let message = format!("`{}` needs the name of a file", keyword.text);
            self.report.push(Diagnostic::warning(BAD_TEXT, keyword.span, message));
            return Ok(());
        };
        include::limit(self.directories.len(), self.files, pattern)?;
        let found = include::find(pattern, &self.directory(), checks, self.context.files, self.report);
        let files = found.into_iter().rev();
        self.tasks
            .extend(files.map(|file| Task::Include(file.path, file.bytes, pattern.span)));
        Ok(())
    }
}

/// The line behind its conditions, if they are met.
fn met<'a>(mut line: &'a [Char], config_id: &str) -> Option<&'a [Char]> {
    loop {
        match condition(line, config_id) {
            Condition::None => return Some(line),
            Condition::Met(rest) => line = rest,
            Condition::Unmet => return None,
        }
    }
}

/// Whether these are the lines of a definition that goes on. It does so too when its condition is not met.
fn starts_several(lines: &[Vec<Char>], config_id: &str) -> bool {
    let mut first = trim(&lines[0]);
    while let [at, ..] = first
        && at.byte == b'@'
    {
        let blank = first.iter().position(|c| text::is_blank(c.byte)).unwrap_or(first.len());
        first = met(first, config_id).unwrap_or_else(|| trim(&first[blank..]));
    }
    let several = definition(first).is_some_and(|(_, value)| matches!(value, [only] if only.byte == b'\\'));
    several
        && lines
            .last()
            .is_some_and(|last| trim(last).last().is_some_and(|c| c.byte == b'\\'))
}

fn without_backslash(line: &[Char]) -> &[Char] {
    match trim(line) {
        [rest @ .., last] if last.byte == b'\\' => trim(rest),
        line => line,
    }
}

/// Whether a line that came out of a parameter is more than a statement.
fn has_directive(line: &[Char]) -> bool {
    let line = trim(line);
    line.first().is_some_and(|c| c.byte == b'@') || definition(line).is_some() || Repeat::at(line).is_some()
}
