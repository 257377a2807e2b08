//! What an expression says of a message. `None` is not known.

use std::borrow::Cow;

use tandem_mq_wire::amqp10::{Symbol, Value as Typed};

use super::parse::{Comparison, Expression, Glob, Operation};
use crate::{Message, Value};

/// What a part of an expression is worth.
#[derive(Clone, Debug, PartialEq)]
enum Worth<'a> {
    Text(Cow<'a, str>),
    Number(f64),
    Bool(bool),
}

impl Worth<'_> {
    fn number(&self) -> Option<f64> {
        match self {
            Worth::Number(number) => Some(*number),
            Worth::Text(text) => text.trim().parse().ok(),
            Worth::Bool(_) => None,
        }
    }
}

pub(super) fn truth(expression: &Expression, message: &Message) -> Option<bool> {
    match expression {
        Expression::Not(inner) => truth(inner, message).map(|truth| !truth),
        Expression::And(left, right) => match (truth(left, message), truth(right, message)) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        },
        Expression::Or(left, right) => match (truth(left, message), truth(right, message)) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        },
        Expression::Compare(comparison, left, right) => {
            compare(*comparison, &worth(left, message)?, &worth(right, message)?)
        }
        Expression::Between(parts) => {
            let [value, low, high] = &**parts;
            let number = |part| worth(part, message)?.number();
            let value = number(value)?;
            Some(number(low)? <= value && value <= number(high)?)
        }
        Expression::IsNull(inner) => Some(worth(inner, message).is_none()),
        Expression::In(inner, texts) => match worth(inner, message)? {
            Worth::Text(text) => Some(texts.iter().any(|known| **known == *text)),
            Worth::Number(_) | Worth::Bool(_) => None,
        },
        Expression::Like(inner, globs) => match worth(inner, message)? {
            Worth::Text(text) => Some(is_like(globs, &text)),
            Worth::Number(_) | Worth::Bool(_) => None,
        },
        other => match worth(other, message)? {
            Worth::Bool(truth) => Some(truth),
            Worth::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Worth::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
            Worth::Text(_) | Worth::Number(_) => None,
        },
    }
}

fn worth<'a>(expression: &'a Expression, message: &'a Message) -> Option<Worth<'a>> {
    Some(match expression {
        Expression::Property(name) => return property(name, message),
        Expression::Text(text) => Worth::Text(Cow::Borrowed(text)),
        Expression::Number(number) => Worth::Number(*number),
        Expression::Bool(truth) => Worth::Bool(*truth),
        Expression::Negative(inner) => Worth::Number(-worth(inner, message)?.number()?),
        Expression::Sum(operation, left, right) => {
            let (left, right) = (worth(left, message)?.number()?, worth(right, message)?.number()?);
            Worth::Number(match operation {
                Operation::Add => left + right,
                Operation::Subtract => left - right,
                Operation::Multiply => left * right,
                Operation::Divide => left / right,
            })
        }
        other => Worth::Bool(truth(other, message)?),
    })
}

/// JMS's names for what a message has of its own, and the properties.
fn property<'a>(name: &str, message: &'a Message) -> Option<Worth<'a>> {
    let text = |text: &'a Option<Box<str>>| text.as_deref().map(|text| Worth::Text(Cow::Borrowed(text)));
    match name {
        "JMSPriority" | "priority" => {
            return Some(Worth::Number(f64::from(message.priority.unwrap_or_default().number())));
        }
        "JMSTimestamp" | "timestamp" => return Some(Worth::Number(message.sent.0 as f64)),
        "JMSExpiration" | "expires" => return Some(Worth::Number(message.expires.map_or(0.0, |at| at.0 as f64))),
        "JMSCorrelationID" | "correlation-id" => return text(&message.correlation_id),
        "JMSReplyTo" | "reply-to" => return text(&message.reply_to),
        "content-type" => return text(&message.content_type),
        "JMSDeliveryMode" => {
            let mode = if message.durable {
                "PERSISTENT"
            } else {
                "NON_PERSISTENT"
            };
            return Some(Worth::Text(Cow::Borrowed(mode)));
        }
        _ => {}
    }
    let (_, value) = message.properties.iter().find(|(known, _)| **known == *name)?;
    Some(match value {
        Value::Text(text) => Worth::Text(Cow::Borrowed(text)),
        Value::Int(number) => Worth::Number(*number as f64),
        Value::Float(number) => Worth::Number(*number),
        Value::Bool(truth) => Worth::Bool(*truth),
        Value::Typed(_) => match value.to_typed() {
            Typed::Text(text) | Typed::Symbol(Symbol(text)) => Worth::Text(Cow::Owned(text.into())),
            Typed::Float(number) => Worth::Number(number.into()),
            other => Worth::Number(other.as_whole()? as f64),
        },
        Value::Bytes(_) | Value::Other(_) => return None,
    })
}

/// Texts are only equal or not; where one side is a number the other is read as one.
fn compare(comparison: Comparison, left: &Worth<'_>, right: &Worth<'_>) -> Option<bool> {
    let equal = match (left, right) {
        (Worth::Text(left), Worth::Text(right)) => left == right,
        (Worth::Bool(left), Worth::Bool(right)) => left == right,
        (Worth::Bool(truth), Worth::Text(text)) | (Worth::Text(text), Worth::Bool(truth)) => {
            text.eq_ignore_ascii_case(if *truth { "true" } else { "false" })
        }
        _ => {
            let (left, right) = (left.number()?, right.number()?);
            return Some(match comparison {
                Comparison::Equal => left == right,
                Comparison::Different => left != right,
                Comparison::Less => left < right,
                Comparison::More => left > right,
                Comparison::AtMost => left <= right,
                Comparison::AtLeast => left >= right,
            });
        }
    };
    match comparison {
        Comparison::Equal => Some(equal),
        Comparison::Different => Some(!equal),
        Comparison::Less | Comparison::More | Comparison::AtMost | Comparison::AtLeast => None,
    }
}

/// One place to return to: never more than pieces times characters.
fn is_like(globs: &[Glob], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut next) = (0, 0);
    let mut open: Option<(usize, usize)> = None;
    while next < text.len() {
        match globs.get(at) {
            Some(Glob::Rest) => {
                open = Some((at, next));
                at += 1;
            }
            Some(Glob::One) => (at, next) = (at + 1, next + 1),
            Some(Glob::Exactly(char)) if *char == text[next] => (at, next) = (at + 1, next + 1),
            _ => match open {
                Some((rest, taken)) => {
                    open = Some((rest, taken + 1));
                    (at, next) = (rest + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    globs[at..].iter().all(|glob| *glob == Glob::Rest)
}
