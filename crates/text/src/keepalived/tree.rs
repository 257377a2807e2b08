//! Lines to statements and blocks.

use super::text::Char;
use super::word::{self, Rules, Word};
use super::{BAD_TEXT, MAX_NESTING, TOO_MUCH};
use crate::diagnostic::Diagnostic;
use crate::source::SourceMap;
use crate::span::Span;

/// A keyword with its words and, perhaps, a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Never empty.
    pub words: Vec<Word>,
    pub block: Option<Block>,
    line: Line,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    Written(Vec<Char>),
    /// There is no line: the words were given as words.
    Words,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    pub statements: Vec<Statement>,
}

impl Statement {
    /// For another dialect that says the same. `None` if there is no word.
    pub fn of_words(words: Vec<Word>, block: Option<Block>) -> Option<Self> {
        (!words.is_empty()).then_some(Self {
            words,
            block,
            line: Line::Words,
        })
    }

    /// A line of that dialect, cut as a line of this one.
    pub fn of_line(keyword: Option<Word>, line: &Word) -> Result<Option<Self>, Diagnostic> {
        let mut words: Vec<Word> = keyword.into_iter().collect();
        words.extend(line.cut()?);
        Ok(Self::of_words(words, None))
    }

    pub fn keyword(&self) -> &Word {
        &self.words[0]
    }

    fn memory(&self) -> usize {
        let line = match &self.line {
            Line::Written(line) => size_of_val(line.as_slice()),
            Line::Words => 0,
        };
        let words: usize = self.words.iter().map(Word::memory).sum();
        size_of::<Self>() + line + words
    }

    /// From the first word to the last.
    pub fn span(&self) -> Span {
        let first = self.words[0].span;
        match self.words.last() {
            Some(last) if last.span.file == first.file && last.span.start > first.start => first.to(last.span),
            _ => first,
        }
    }

    /// The words read as a command's: with apostrophes and escapes.
    pub fn command_words(&self, sources: &SourceMap) -> Result<Vec<Word>, Diagnostic> {
        match &self.line {
            Line::Written(line) => word::words(line, Rules::Command, sources),
            Line::Words => Ok(self.words.clone()),
        }
    }
}

/// Takes lines one after the other.
#[derive(Debug, Default)]
pub(super) struct Tree {
    done: Vec<Statement>,
    /// Statements whose block is not closed yet, each with the place of its brace.
    open: Vec<(Statement, Span)>,
    /// Blocks too deep to be kept.
    too_deep: usize,
    memory: usize,
}

enum Piece<'a> {
    Words(&'a [Char]),
    Open(Span),
    Close(Span),
}

impl Tree {
    /// What all statements take, about.
    pub(super) const fn memory(&self) -> usize {
        self.memory
    }

    pub(super) fn line(&mut self, line: &[Char], sources: &SourceMap, report: &mut Vec<Diagnostic>) {
        for piece in pieces(line) {
            match piece {
                Piece::Words(chars) => self.words(chars, sources, report),
                Piece::Open(span) => self.open(span, report),
                Piece::Close(span) => self.close(span, report),
            }
        }
    }

    fn words(&mut self, chars: &[Char], sources: &SourceMap, report: &mut Vec<Diagnostic>) {
        match word::words(chars, Rules::Plain, sources) {
            Ok(words) if words.is_empty() => {}
            Ok(words) => self.push(Statement {
                words,
                block: None,
                line: Line::Written(chars.to_vec()),
            }),
            // A command may hold what only its own rules can read.
            Err(plain) => match word::words(chars, Rules::Command, sources) {
                Ok(words) if !words.is_empty() => self.push(Statement {
                    words,
                    block: None,
                    line: Line::Written(chars.to_vec()),
                }),
                _ => report.push(plain),
            },
        }
    }

    fn push(&mut self, statement: Statement) {
        if self.too_deep > 0 {
            return;
        }
        self.memory += statement.memory();
        self.siblings().push(statement);
    }

    fn siblings(&mut self) -> &mut Vec<Statement> {
        match self.open.last_mut() {
            Some((parent, _)) => &mut parent.block.get_or_insert_default().statements,
            None => &mut self.done,
        }
    }

    /// A brace belongs to the statement before it, even over a line end.
    fn open(&mut self, span: Span, report: &mut Vec<Diagnostic>) {
        if self.too_deep > 0 || self.open.len() >= MAX_NESTING {
            if self.too_deep == 0 {
                let message = format!("blocks go deeper than {MAX_NESTING} here");
                report.push(Diagnostic::error(TOO_MUCH, span, message));
            }
            self.too_deep += 1;
            return;
        }
        match self.siblings().pop() {
            Some(mut statement) if statement.block.is_none() => {
                statement.block = Some(Block::default());
                self.open.push((statement, span));
            }
            before => {
                self.siblings().extend(before);
                report.push(
                    Diagnostic::error(BAD_TEXT, span, "no keyword stands before this brace").help("remove the brace"),
                );
                self.too_deep += 1;
            }
        }
    }

    fn close(&mut self, span: Span, report: &mut Vec<Diagnostic>) {
        if self.too_deep > 0 {
            self.too_deep -= 1;
            return;
        }
        match self.open.pop() {
            Some((statement, _)) => self.siblings().push(statement),
            None => report.push(
                Diagnostic::warning(BAD_TEXT, span, "this brace closes nothing and is ignored")
                    .help("remove it, or open a block before"),
            ),
        }
    }

    /// At the end of the last file.
    pub(super) fn finish(mut self, report: &mut Vec<Diagnostic>) -> Vec<Statement> {
        while let Some((statement, span)) = self.open.pop() {
            let message = format!("the block of `{}` is not closed", statement.keyword().text);
            report.push(Diagnostic::warning(BAD_TEXT, span, message).help("write the missing `}`"));
            self.siblings().push(statement);
        }
        self.done
    }
}

/// Cuts at braces that are neither quoted nor part of a parameter that nothing replaced.
fn pieces(line: &[Char]) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut quoted = false;
    let mut at = 0;
    while let Some(c) = line.get(at) {
        match c.byte {
            b'"' => quoted = !quoted,
            b'\\' if quoted => at += 1,
            b'$' if !quoted => at += parameter(&line[at + 1..]),
            brace @ (b'{' | b'}') if !quoted => {
                pieces.push(Piece::Words(&line[start..at]));
                let piece = if brace == b'{' { Piece::Open } else { Piece::Close };
                pieces.push(piece(c.span()));
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    pieces.push(Piece::Words(&line[start..]));
    pieces
}

/// How much of `{NAME}` stands here, behind a dollar.
fn parameter(rest: &[Char]) -> usize {
    if rest.first().is_none_or(|c| c.byte != b'{') {
        return 0;
    }
    rest.iter().position(|c| c.byte == b'}').map_or(0, |end| end + 1)
}
