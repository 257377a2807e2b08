//! Which messages a consumer wants: an expression over properties, as JMS has it (a part of SQL-92).
//!
//! What is not known is neither true nor false: `colour = 'red'` and `colour <> 'red'` both do not select a message without
//! a colour. A text that reads as a number is one where a number is wanted, because STOMP knows texts only.

mod evaluate;
mod lex;
mod parse;

use crate::Message;
use parse::Expression;

/// Longer ones are somebody's mistake.
const LONGEST: usize = 4096;

/// A selector that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    text: Box<str>,
    expression: Expression,
}

/// Why it cannot be read, and from which byte on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the selector cannot be read at byte {at}: {what}")]
pub struct SelectorError {
    pub at: usize,
    pub what: &'static str,
}

impl Selector {
    pub fn parse(text: &str) -> Result<Selector, SelectorError> {
        if text.len() > LONGEST {
            let what = "it has more than 4096 bytes";
            return Err(SelectorError { at: LONGEST, what });
        }
        Ok(Selector {
            text: text.into(),
            expression: parse::parse(text)?,
        })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn selects(&self, message: &Message) -> bool {
        evaluate::truth(&self.expression, message) == Some(true)
    }
}

#[cfg(test)]
mod tests;
