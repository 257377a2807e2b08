//! A `stick-table` line: what a table is keyed by, how many entries it has, what they hold.

use std::time::Duration;

use tandem_lb_core::stick::{DataType, Form, KeyType, Stored};
use tandem_text::{Diagnostic, Span, nearest};

use crate::{code, units};

/// HAProxy's most elements of an array.
const MOST: u16 = 100;

/// The same with the length that `len` says; `None` where keys have the length that they have.
pub(crate) const fn with_length(kind: KeyType, length: u16) -> Option<KeyType> {
    match kind {
        KeyType::Text { .. } => Some(KeyType::Text { most: length }),
        KeyType::Binary { .. } => Some(KeyType::Binary { length }),
        KeyType::Ipv4 | KeyType::Ipv6 | KeyType::Integer => None,
    }
}

/// The longest keys: more than anybody sends in one piece.
pub(crate) const LONGEST: u16 = 4096;

/// What is wrong with a piece of `store`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoreError {
    Unknown(String),
    OfHttp(String),
    Bad(String),
    Twice(String),
    /// The first place of the array is the single value.
    Both {
        array: &'static str,
        single: &'static str,
    },
}

impl StoreError {
    pub(crate) fn diagnostic(&self, at: Span) -> Diagnostic {
        match self {
            StoreError::Unknown(name) => {
                let message = format!("`{name}` is nothing that a table can store");
                let names = DataType::ALL.map(DataType::name);
                let help = match nearest(name, names) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "such as conn_cnt, conn_rate(10s), bytes_in_cnt, gpc0".to_owned(),
                };
                Diagnostic::error(code::UNKNOWN, at, message).help(help)
            }
            StoreError::OfHttp(name) => {
                let message = format!("`{name}` counts HTTP requests, and this relays TCP: it would stay 0");
                Diagnostic::error(code::UNSUPPORTED, at, message).help("leave it out")
            }
            StoreError::Bad(why) => Diagnostic::error(code::BAD_VALUE, at, why),
            StoreError::Twice(name) => {
                Diagnostic::error(code::DUPLICATE, at, format!("this table stores `{name}` already"))
            }
            StoreError::Both { array, single } => {
                let message = format!("a table cannot store both `{single}` and the array `{array}`");
                let help = format!("leave `{single}` out: it is a place of the array");
                Diagnostic::error(code::CONFLICT, at, message).help(help)
            }
        }
    }
}

/// Adds what `text` asks for: types with commas between them.
pub(crate) fn store(text: &str, into: &mut Vec<Stored>) -> Result<(), StoreError> {
    for piece in pieces(text) {
        let stored = stored(piece)?;
        if let Some(error) = into.iter().find_map(|known| both(known.data, stored.data)) {
            return Err(error);
        }
        match into.binary_search_by_key(&stored.data, |known| known.data) {
            // HAProxy does not mind either.
            Ok(place) if into[place] == stored => {}
            Ok(_) => return Err(StoreError::Twice(stored.data.name().to_owned())),
            Err(place) => into.insert(place, stored),
        }
    }
    Ok(())
}

/// A value and the array that has it, in either order.
fn both(a: DataType, b: DataType) -> Option<StoreError> {
    let within = |single: DataType, array: DataType| {
        single.array().filter(|(of, _)| *of == array).map(|_| StoreError::Both {
            array: array.name(),
            single: single.name(),
        })
    };
    within(a, b).or_else(|| within(b, a))
}

/// Commas within parentheses separate nothing.
fn pieces(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut pieces) = (0u32, 0, Vec::new());
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                pieces.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    pieces.push(&text[start..]);
    pieces
}

fn stored(piece: &str) -> Result<Stored, StoreError> {
    let (name, args) = match piece.split_once('(') {
        Some((name, rest)) => match rest.strip_suffix(')') {
            Some(args) => (name, args.split(',').collect()),
            None => return Err(StoreError::Bad(format!("the parenthesis of `{piece}` is not closed"))),
        },
        None => (piece, Vec::new()),
    };
    let data = DataType::named(name).ok_or_else(|| StoreError::Unknown(name.to_owned()))?;
    if data.is_of_http() {
        return Err(StoreError::OfHttp(name.to_owned()));
    }
    let mut args = args.into_iter();
    let mut argument = |what: &str| {
        let text: Option<&str> = args.next();
        text.ok_or_else(|| StoreError::Bad(format!("`{name}` needs {what} in parentheses")))
    };
    let count = if data.is_array() {
        let text = argument("how many there are")?;
        let count = text.parse().ok().filter(|count| (1..=MOST).contains(count));
        count.ok_or_else(|| StoreError::Bad(format!("`{text}` is not a number from 1 to {MOST}")))?
    } else {
        1
    };
    let period = if data.form() == Form::Rate {
        let text = argument("the time over which it is taken")?;
        let time = units::time(text).map_err(|error| StoreError::Bad(error.to_string()))?;
        millis(time)
    } else {
        0
    };
    match args.next() {
        Some(extra) => Err(StoreError::Bad(format!("`{extra}` is too much for `{name}`"))),
        None => Ok(Stored { data, count, period }),
    }
}

fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(DataType, u16, u32)>, StoreError> {
        let mut all = Vec::new();
        store(text, &mut all)?;
        Ok(all.into_iter().map(|s| (s.data, s.count, s.period)).collect())
    }

    #[test]
    fn what_is_stored() {
        let expected = [
            (DataType::ConnCnt, 1, 0),
            (DataType::ConnRate, 1, 10_000),
            (DataType::Gpt, 3, 0),
            (DataType::GpcRate, 2, 1_000),
        ];
        assert_eq!(
            read("gpt(3),conn_rate(10s),gpc_rate(2,1s),conn_cnt"),
            Ok(expected.to_vec())
        );
        assert_eq!(
            read("conn_rate"),
            Err(StoreError::Bad(
                "`conn_rate` needs the time over which it is taken in parentheses".to_owned()
            ))
        );
        assert_eq!(read("foo"), Err(StoreError::Unknown("foo".to_owned())));
        assert_eq!(read("http_req_cnt"), Err(StoreError::OfHttp("http_req_cnt".to_owned())));
        assert_eq!(read("gpc0,gpc0"), Ok(vec![(DataType::Gpc0, 1, 0)]));
        assert_eq!(read("gpt(2),gpc0,gpc0_rate(1s)").map(|all| all.len()), Ok(3));
        assert_eq!(read("gpt(1),gpt(2)"), Err(StoreError::Twice("gpt".to_owned())));
        for bad in [
            "gpc(0)",
            "gpc(101)",
            "gpc",
            "conn_cnt(3)",
            "conn_rate(1s",
            "gpc_rate(2)",
            "gpc0,gpc(2)",
            "gpc(2),gpc1",
            "gpt(2),gpt0",
            "gpc1_rate(1s),gpc_rate(2,1s)",
            "",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
