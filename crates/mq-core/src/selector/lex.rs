//! A selector's words.

use super::SelectorError;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A property, or a word of the language; those do not care for case.
    Word(Box<str>),
    Text(Box<str>),
    Number(f64),
    Sign(&'static str),
}

const SIGNS: [&str; 13] = ["<>", "<=", ">=", "=", "<", ">", "(", ")", ",", "+", "-", "*", "/"];

/// Each with the byte at which it begins.
pub(super) fn lex(text: &str) -> Result<Vec<(usize, Token)>, SelectorError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(char) = text[at..].chars().next() {
        let rest = &text[at..];
        let (token, length) = match char {
            ' ' | '\t' | '\r' | '\n' => {
                at += 1;
                continue;
            }
            '\'' => quoted(rest).ok_or(SelectorError {
                at,
                what: "a text without its end",
            })?,
            '0'..='9' | '.' => number(rest).ok_or(SelectorError {
                at,
                what: "a number that is none",
            })?,
            char if char.is_alphabetic() || matches!(char, '_' | '$') => word(rest),
            _ => {
                let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
                let sign = sign.ok_or(SelectorError {
                    at,
                    what: "a character that means nothing here",
                })?;
                (Token::Sign(sign), sign.len())
            }
        };
        tokens.push((at, token));
        at += length;
    }
    Ok(tokens)
}

/// Two quotes in a text are one.
fn quoted(rest: &str) -> Option<(Token, usize)> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, char)) = chars.next() {
        if char != '\'' {
            text.push(char);
        } else if chars.next_if(|(_, next)| *next == '\'').is_some() {
            text.push('\'');
        } else {
            return Some((Token::Text(text.into()), at + 1));
        }
    }
    None
}

fn number(rest: &str) -> Option<(Token, usize)> {
    let mut length = 0;
    let bytes = rest.as_bytes();
    while let Some(byte) = bytes.get(length) {
        let exponent = length > 0 && matches!(bytes[length - 1], b'e' | b'E');
        match byte {
            b'0'..=b'9' | b'.' | b'e' | b'E' => length += 1,
            b'+' | b'-' if exponent => length += 1,
            _ => break,
        }
    }
    let number = rest[..length].parse().ok()?;
    Some((Token::Number(number), length))
}

/// Headers of STOMP hold `-` and `.`; a minus with blanks around it is a minus.
fn word(rest: &str) -> (Token, usize) {
    let belongs = |char: char| char.is_alphanumeric() || matches!(char, '_' | '$' | '.' | '-' | ':');
    let length = rest.find(|char| !belongs(char)).unwrap_or(rest.len());
    (Token::Word(rest[..length].into()), length)
}
