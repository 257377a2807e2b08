//! An expression cut into its calls: names, and arguments with their quotes resolved.

use std::ops::Range;

use super::ExprError;
use crate::code;

/// An argument without its quotes, and where it stands.
type Argument = (String, Range<usize>);

/// `name(one,two)`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call<'a> {
    pub(super) name: &'a str,
    pub(super) name_at: Range<usize>,
    pub(super) args: Vec<Argument>,
    /// From the name to the closing parenthesis.
    pub(super) at: Range<usize>,
}

pub(super) fn split(text: &str) -> Result<Vec<Call<'_>>, ExprError> {
    let mut calls = Vec::new();
    let mut at = 0;
    loop {
        let name_len = text[at..].find([',', '(']).unwrap_or(text.len() - at);
        let name_at = at..at + name_len;
        let name = &text[name_at.clone()];
        if name.is_empty() {
            let what = if calls.is_empty() { "a fetch" } else { "a converter" };
            let message = format!("the name of {what} is missing here");
            return Err(ExprError::new(code::MISSING, name_at, message));
        }
        at = name_at.end;
        let mut args = Vec::new();
        if text[at..].starts_with('(') {
            (args, at) = arguments(text, at)?;
        }
        calls.push(Call {
            name,
            at: name_at.start..at,
            name_at,
            args,
        });
        match text[at..].chars().next() {
            None => return Ok(calls),
            Some(',') => at += 1,
            Some(_) => {
                let error = ExprError::new(code::BAD_VALUE, at..text.len(), "a comma is wanted before this");
                return Err(error.help("converters are written `fetch,converter,converter`"));
            }
        }
    }
}

/// The arguments, and where the text goes on behind them.
fn arguments(text: &str, open: usize) -> Result<(Vec<Argument>, usize), ExprError> {
    let mut args = Vec::new();
    let mut arg = String::new();
    let mut start = open + 1;
    let mut quote = None;
    let mut letters = text.char_indices().skip_while(|(at, _)| *at <= open);
    let mut ended = None;
    while let Some((at, letter)) = letters.next() {
        match (quote, letter) {
            (Some(open), close) if open == close => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None | Some('"'), '\\') => match letters.next() {
                Some((_, escaped @ ('\\' | '\'' | '"' | ',' | ')' | ' '))) => arg.push(escaped),
                Some((_, other)) => arg.extend(['\\', other]),
                None => arg.push('\\'),
            },
            (None, ',') => {
                args.push((std::mem::take(&mut arg), start..at));
                start = at + 1;
            }
            (None, ')') => {
                ended = Some(at);
                break;
            }
            (_, letter) => arg.push(letter),
        }
    }
    let Some(end) = ended else {
        let error = ExprError::new(code::BAD_VALUE, open..text.len(), "this parenthesis is not closed");
        return Err(error.help("an argument with blanks, commas or quotes is written in quotes"));
    };
    let is_none = args.is_empty() && end == open + 1;
    if !is_none {
        args.push((arg, start..end));
    }
    Ok((args, end + 1))
}
