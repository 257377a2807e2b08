//! Parameters and what replaces them. Replacement is recursive and happens at use, so it can run away: it pays from a
//! [`Budget`].

use std::collections::BTreeMap;

use super::line::is_name;
use super::text::{self, Char, is_blank, string};
use super::{Context, MAX_GROWTH, MAX_LINE, TOO_MUCH};
use crate::diagnostic::Diagnostic;
use crate::span::Span;

/// What a statement, or a complaint about it, costs beyond its text.
const STATEMENT: usize = 64;

/// How much text may still be added.
#[derive(Debug)]
pub(super) struct Budget {
    left: usize,
}

impl Budget {
    pub(super) const fn new() -> Self {
        Self { left: MAX_GROWTH }
    }

    /// For text that is to be read: every line and block in it becomes something much larger than its bytes.
    pub(super) fn spend_on(&mut self, text: &[Char], span: Span) -> Result<(), Diagnostic> {
        let parts = text.iter().filter(|c| matches!(c.byte, b'\n' | b'{' | b'}')).count();
        self.spend(text.len() + parts * STATEMENT, span)
    }

    /// For the line that a round of a repetition makes.
    pub(super) fn spend_on_line(&mut self, line: &[Char], span: Span) -> Result<(), Diagnostic> {
        self.spend(STATEMENT, span)?;
        self.spend_on(line, span)
    }

    pub(super) fn spend(&mut self, bytes: usize, span: Span) -> Result<(), Diagnostic> {
        match self.left.checked_sub(bytes.saturating_add(1)) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(too_much(
                span,
                "parameters, repetitions and included files grow beyond all measure here",
            )),
        }
    }
}

pub(super) fn too_much(span: Span, message: &str) -> Diagnostic {
    Diagnostic::error(TOO_MUCH, span, message).help("nothing behind this place was read")
}

#[derive(Debug)]
pub(super) struct Parameters {
    /// A value of several lines holds the line ends between them.
    values: BTreeMap<String, Vec<Char>>,
    random: u64,
}

/// The first line that came out.
pub(super) struct Expanded {
    pub(super) line: Vec<Char>,
    /// What a value of several lines left over, with parameters still to be replaced.
    pub(super) behind: Vec<Char>,
    pub(super) changed: bool,
}

impl Parameters {
    pub(super) const fn new(seed: u64) -> Self {
        Self {
            values: BTreeMap::new(),
            random: seed,
        }
    }

    pub(super) const fn reseed(&mut self, seed: u64) {
        self.random = seed;
    }

    pub(super) fn define(&mut self, name: String, value: Vec<Char>) {
        self.values.insert(name, value);
    }

    /// Replaces `$NAME` before a blank or the line's end and `${NAME}` anywhere. What is not defined stays.
    pub(super) fn expand(
        &mut self,
        line: &[Char],
        directory: &str,
        context: &Context<'_>,
        budget: &mut Budget,
    ) -> Result<Expanded, Diagnostic> {
        // The next character is the last of these.
        let mut waiting: Vec<Char> = line.iter().rev().copied().collect();
        let mut done = Vec::with_capacity(line.len());
        let mut changed = false;
        while let Some(c) = waiting.pop() {
            if c.byte == b'\n' {
                break;
            }
            if c.byte != b'$' {
                done.push(c);
                if done.len() > MAX_LINE {
                    return Err(too_much(c.span(), "this line grows beyond all measure"));
                }
                continue;
            }
            let Some(reference) = Reference::at(c, &waiting) else {
                done.push(c);
                continue;
            };
            let Some(value) = self.value(&reference, directory, context) else {
                done.push(c);
                continue;
            };
            budget.spend_on(&value, reference.span)?;
            waiting.truncate(waiting.len() - reference.length);
            waiting.extend(value.into_iter().rev());
            changed = true;
        }
        waiting.reverse();
        Ok(Expanded {
            line: done,
            behind: waiting,
            changed,
        })
    }

    fn value(&mut self, reference: &Reference, directory: &str, context: &Context<'_>) -> Option<Vec<Char>> {
        let made = |text: &str| Some(text::made(text, reference.span));
        let mut words = reference.inside.split_ascii_whitespace();
        let name = words.next()?;
        match (name, words.next(), words.next()) {
            ("_PWD", None, _) => made(directory),
            ("_INSTANCE", None, _) => made(context.config_id),
            ("_HASH", None, _) => made("#"),
            ("_BANG", None, _) => made("!"),
            ("_ENV", Some(variable), None) => made(&(context.env)(variable).unwrap_or_default().replace('\n', " ")),
            ("_RANDOM", low, high) => {
                let low = low.map_or(Some(0), |low| low.parse().ok())?;
                let high = high.map_or(Some(32767), |high| high.parse().ok())?;
                made(&self.random(low, high)?.to_string())
            }
            (name, None, _) => self.values.get(name).cloned(),
            _ => None,
        }
    }

    /// `SplitMix64`: even enough for spreading start times over machines, and the same for the same seed.
    fn random(&mut self, low: u32, high: u32) -> Option<u64> {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let width = u64::from(high.checked_sub(low)?) + 1;
        Some(u64::from(low) + mixed % width)
    }
}

struct Reference {
    inside: String,
    /// Behind the dollar.
    length: usize,
    span: Span,
}

impl Reference {
    /// `waiting` is reversed.
    fn at(dollar: Char, waiting: &[Char]) -> Option<Self> {
        let braced = waiting.last()?.byte == b'{';
        let mut inside: Vec<Char> = Vec::new();
        let mut is_whole = !braced;
        for c in waiting.iter().rev().skip(usize::from(braced)).take(MAX_LINE) {
            match c.byte {
                b'\n' => break,
                b'}' if braced => {
                    is_whole = true;
                    break;
                }
                blank if is_blank(blank) && !braced => break,
                // No reference holds another. Looking on from each would take for ever where there are many.
                b'$' | b'{' => return None,
                _ => inside.push(*c),
            }
        }
        if !is_whole {
            return None;
        }
        let length = inside.len() + if braced { 2 } else { 0 };
        let inside_text = string(&inside);
        let name = inside_text.split_ascii_whitespace().next()?;
        if !is_name(name) || (!braced && name.len() != inside_text.len()) {
            return None;
        }
        let (first, last) = (dollar.span(), waiting[waiting.len() - length].span());
        let whole = first.file == last.file && first.start < last.end;
        Some(Self {
            inside: inside_text,
            length,
            span: if whole { first.to(last) } else { first },
        })
    }
}
