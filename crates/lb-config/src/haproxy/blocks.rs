//! `.if`, `.elif`, `.else`, `.endif`: which lines count, and the texts that a file may have printed.

use tandem_text::haproxy::Line;
use tandem_text::{Diagnostic, Span};

use super::predicate;
use crate::code;
use crate::expr::World;

/// The blocks that are open, the innermost last.
#[derive(Debug, Default)]
pub(super) struct Blocks(Vec<Block>);

#[derive(Debug)]
struct Block {
    at: Span,
    state: State,
    had_else: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Its lines count.
    Taken,
    /// None of its conditions held so far.
    NotYet,
    /// Another branch was taken, or all around it is left out.
    Over,
}

/// Nobody reads deeper ones.
const DEEPEST: usize = 64;

impl Blocks {
    /// Whether lines count here.
    fn is_open(&self) -> bool {
        self.0.iter().all(|block| block.state == State::Taken)
    }

    /// Whether this line is for the reader of the section. Those that are not have been seen to.
    pub(super) fn pass(&mut self, line: &Line, world: World<'_>, report: &mut Vec<Diagnostic>) -> bool {
        let word = &line.words[0];
        let done = match word.text.as_str() {
            ".if" => self.begin(line, world),
            ".elif" => self.other(line, Some(world)),
            ".else" => self.other(line, None),
            ".endif" => match self.0.pop() {
                Some(_) => nothing_more(line),
                None => Err(lone(line)),
            },
            _ if !self.is_open() => Ok(()),
            ".notice" => say(line, Diagnostic::notice, report),
            ".warning" => say(line, Diagnostic::warning, report),
            ".alert" => say(line, Diagnostic::error, report),
            // Only said when it is asked for (`-dD`), which has no like here.
            ".diag" => Ok(()),
            _ => return true,
        };
        report.extend(done.err());
        false
    }

    /// A file has ended: what is open was never closed.
    pub(super) fn end(&mut self, report: &mut Vec<Diagnostic>) {
        let open = self.0.drain(..);
        report.extend(open.map(|block| {
            Diagnostic::error(code::MISSING, block.at, "this block is not closed").help("close it with `.endif`")
        }));
    }

    fn begin(&mut self, line: &Line, world: World<'_>) -> Result<(), Diagnostic> {
        let at = line.words[0].span;
        if self.0.len() >= DEEPEST {
            return Err(Diagnostic::error(code::BAD_VALUE, at, "blocks are nested too deeply"));
        }
        let mut state = State::Over;
        let mut done = Ok(());
        if self.is_open() {
            match condition(line, world) {
                Ok(true) => state = State::Taken,
                Ok(false) => state = State::NotYet,
                Err(diagnostic) => done = Err(diagnostic),
            }
        }
        self.0.push(Block {
            at,
            state,
            had_else: false,
        });
        done
    }

    /// `.elif` with a world to ask, or `.else`.
    fn other(&mut self, line: &Line, world: Option<World<'_>>) -> Result<(), Diagnostic> {
        let Some(block) = self.0.last_mut() else {
            return Err(lone(line));
        };
        if block.had_else {
            let message = format!("`{}` cannot stand behind `.else`", line.words[0].text);
            return Err(Diagnostic::error(code::MISPLACED, line.words[0].span, message)
                .help("close the block with `.endif` first"));
        }
        block.had_else = world.is_none();
        match (block.state, world) {
            (State::NotYet, Some(world)) => {
                // A condition that cannot be read takes the whole block out.
                block.state = State::Over;
                if condition(line, world)? {
                    block.state = State::Taken;
                } else {
                    block.state = State::NotYet;
                }
            }
            (State::NotYet, None) => block.state = State::Taken,
            (State::Taken | State::Over, _) => block.state = State::Over,
        }
        match world {
            Some(_) => Ok(()),
            None => nothing_more(line),
        }
    }
}

fn lone(line: &Line) -> Diagnostic {
    let word = &line.words[0];
    let message = format!("`{}` without an `.if` before it", word.text);
    Diagnostic::error(code::MISPLACED, word.span, message).help("a block begins with `.if CONDITION`")
}

fn nothing_more(line: &Line) -> Result<(), Diagnostic> {
    match line.words.get(1) {
        None => Ok(()),
        Some(extra) => {
            let message = format!("`{}` is too much after `{}`", extra.text, line.words[0].text);
            Err(Diagnostic::error(code::EXTRA, extra.span, message).help("leave it out"))
        }
    }
}

fn condition(line: &Line, world: World<'_>) -> Result<bool, Diagnostic> {
    let words: Vec<&str> = line.words[1..].iter().map(|word| word.text.as_str()).collect();
    predicate::holds(&words.join(" "), world).map_err(|(_, why)| {
        let first = line.words.get(1).map_or(line.span, |word| word.span);
        let at = Span::new(line.span.file, first.start, line.span.end);
        Diagnostic::error(code::BAD_VALUE, at, why).help(
            "a condition is a number or a predicate such as defined(NAME), streq(A,B), feature(NAME), \
             version_atleast(N); with ! && || and parentheses",
        )
    })
}

fn say(
    line: &Line,
    how: fn(tandem_text::Code, Span, String) -> Diagnostic,
    report: &mut Vec<Diagnostic>,
) -> Result<(), Diagnostic> {
    let words: Vec<&str> = line.words[1..].iter().map(|word| word.text.as_str()).collect();
    let said = how(code::SAID, line.span, words.join(" "));
    report.push(said.help(format!("a line `{}` of the file says so", line.words[0].text)));
    Ok(())
}
