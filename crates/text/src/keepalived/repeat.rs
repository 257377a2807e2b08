//! `~SEQ` and `~LST`: the rest of the line again and again, with a parameter that changes.

use super::BAD_TEXT;
use super::line::is_name;
use super::parameter::too_much;
use super::text::{self, Char, starts_with, string, trim};
use crate::diagnostic::Diagnostic;
use crate::span::Span;

/// More rounds of one line than any configuration has addresses.
const MAX_ROUNDS: usize = 65_536;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Decimal,
    Hexadecimal,
    List,
}

/// The line cut into its parts; the arguments may still hold parameters.
pub(super) struct Repeat<'a> {
    kind: Kind,
    pub(super) arguments: &'a [Char],
    pub(super) rest: &'a [Char],
    span: Span,
}

/// What the parameters of one round are.
pub(super) type Round = Vec<(String, Vec<Char>)>;

impl<'a> Repeat<'a> {
    pub(super) fn at(line: &'a [Char]) -> Option<Result<Self, Diagnostic>> {
        let kinds = [
            (&b"~SEQ("[..], Kind::Decimal),
            (b"~SEQx(", Kind::Hexadecimal),
            (b"~LST(", Kind::List),
        ];
        let (prefix, kind) = kinds.into_iter().find(|(prefix, _)| starts_with(line, prefix))?;
        let span = line[0].span();
        let behind = &line[prefix.len()..];
        let Some(end) = behind.iter().position(|c| c.byte == b')') else {
            let message = "this repetition is not closed by `)`: the line is ignored";
            return Some(Err(Diagnostic::warning(BAD_TEXT, span, message)));
        };
        Some(Ok(Self {
            kind,
            arguments: &behind[..end],
            rest: trim(&behind[end + 1..]),
            span,
        }))
    }

    pub(super) fn rounds(&self, arguments: &[Char]) -> Result<Vec<Round>, Diagnostic> {
        let parts = split(arguments);
        let rounds = match self.kind {
            Kind::List => list(&parts),
            Kind::Decimal | Kind::Hexadecimal => self.sequence(&parts)?,
        };
        rounds.ok_or_else(|| {
            let help = match self.kind {
                Kind::List => "write ~LST(NAME, VALUE, ...) or ~LST({NAME, NAME}, {VALUE, VALUE}, ...)",
                _ => "write ~SEQ(NAME, START, STEP, END); START and STEP may be left out",
            };
            let message = "this repetition cannot be read: the line is ignored";
            Diagnostic::warning(BAD_TEXT, self.span, message).help(help)
        })
    }

    fn sequence(&self, parts: &[&[Char]]) -> Result<Option<Vec<Round>>, Diagnostic> {
        let [name, numbers @ ..] = parts else { return Ok(None) };
        let name = string(name);
        let numbers: Option<Vec<i64>> = numbers.iter().map(|part| number(&string(part))).collect();
        let Some(numbers) = numbers.filter(|_| is_name(&name)) else {
            return Ok(None);
        };
        let direction = |start: i64, end: i64| if end >= start { 1 } else { -1 };
        let (start, step, end) = match numbers[..] {
            [end] if end > 0 => (1, 1, end),
            [end] => (-1, direction(-1, end), end),
            [start, end] => (start, direction(start, end), end),
            [start, step, end] => (start, step, end),
            _ => return Ok(None),
        };
        if step == 0 {
            return Ok(None);
        }
        let mut rounds = Vec::new();
        let mut value = start;
        while (step > 0 && value <= end) || (step < 0 && value >= end) {
            if rounds.len() == MAX_ROUNDS {
                return Err(too_much(self.span, "this repetition goes on beyond all measure"));
            }
            let text = match self.kind {
                Kind::Hexadecimal => format!("{value:x}"),
                _ => value.to_string(),
            };
            rounds.push(vec![(name.clone(), text::made(&text, self.span))]);
            let Some(next) = value.checked_add(step) else { break };
            value = next;
        }
        Ok(Some(rounds))
    }
}

fn list(parts: &[&[Char]]) -> Option<Vec<Round>> {
    let (names, values) = parts.split_first()?;
    let names: Vec<String> = group(names).into_iter().map(string).collect();
    if !names.iter().all(|name| is_name(name)) {
        return None;
    }
    let round = |value: &&[Char]| {
        let given = if names.len() == 1 { vec![*value] } else { group(value) };
        (given.len() == names.len()).then(|| {
            let given = given.into_iter().map(<[Char]>::to_vec);
            names.iter().cloned().zip(given).collect()
        })
    };
    values.iter().map(round).collect()
}

/// `{A, B}` or `A`.
fn group(part: &[Char]) -> Vec<&[Char]> {
    match part {
        [open, inside @ .., close] if open.byte == b'{' && close.byte == b'}' => split(inside),
        _ => vec![part],
    }
}

/// At commas outside braces.
fn split(chars: &[Char]) -> Vec<&[Char]> {
    let mut depth = 0_usize;
    let cut = |c: &Char| {
        match c.byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c.byte == b',' && depth == 0
    };
    chars.split(cut).map(trim).collect()
}

fn number(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let value = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => i64::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    let value = value
        .ok()
        .filter(|_| digits.starts_with(|c: char| c.is_ascii_digit()))?;
    Some(if negative { -value } else { value })
}
