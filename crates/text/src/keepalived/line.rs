//! Lines without comments, and the two kinds of lines that are no statements: conditions and definitions.

use super::text::{Char, is_blank, string, trim};

/// The line up to its comment. `#` and `!` start one anywhere, even inside a word, but not inside quotes.
pub(super) fn without_comment(line: &[u8]) -> &[u8] {
    let mut quote: Option<u8> = None;
    let mut at = 0;
    while at < line.len() {
        match (quote, line[at]) {
            (None, b'#' | b'!') => return &line[..at],
            (None, b'"') => quote = Some(b'"'),
            // An apostrophe quotes only where words may be quoted with it: at the start of one, and closed.
            (None, b'\'') if starts_word(line, at) && line[at + 1..].contains(&b'\'') => quote = Some(b'\''),
            (Some(_), b'\\') => at += 1,
            (Some(open), byte) if byte == open => quote = None,
            _ => {}
        }
        at += 1;
    }
    line
}

fn starts_word(line: &[u8], at: usize) -> bool {
    at == 0 || is_blank(line[at - 1])
}

/// `@id rest` or `@^id rest`: the rest, if the line counts here.
pub(super) enum Condition<'a> {
    None,
    Met(&'a [Char]),
    Unmet,
}

pub(super) fn condition<'a>(line: &'a [Char], config_id: &str) -> Condition<'a> {
    let [at, rest @ ..] = line else { return Condition::None };
    if at.byte != b'@' {
        return Condition::None;
    }
    let (wanted, rest) = match rest {
        [not, rest @ ..] if not.byte == b'^' => (false, rest),
        _ => (true, rest),
    };
    let end = rest.iter().position(|c| is_blank(c.byte)).unwrap_or(rest.len());
    let (id, rest) = rest.split_at(end);
    if (string(id) == config_id) == wanted {
        Condition::Met(trim(rest))
    } else {
        Condition::Unmet
    }
}

/// `$NAME=VALUE`
pub(super) fn definition(line: &[Char]) -> Option<(String, &[Char])> {
    let [dollar, rest @ ..] = line else { return None };
    let end = rest.iter().position(|c| c.byte == b'=')?;
    let (name, value) = rest.split_at(end);
    let name = string(name);
    (dollar.byte == b'$' && is_name(&name)).then(|| (name, trim(&value[1..])))
}

pub(super) fn is_name(name: &str) -> bool {
    let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    letters && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}
