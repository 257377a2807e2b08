//! One value, with the type that the typed form and JSON name.

use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    U32(u32),
    U64(u64),
    S32(i32),
    /// In millionths.
    Float(u64),
    Text(Box<str>),
}

impl Value {
    pub fn text(text: impl Into<Box<str>>) -> Value {
        Value::Text(text.into())
    }

    /// The word for its type.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::U32(_) => "u32",
            Value::U64(_) => "u64",
            Value::S32(_) => "s32",
            Value::Float(_) => "flt",
            Value::Text(_) => "str",
        }
    }

    /// Text is no number.
    pub fn number(&self) -> Option<i128> {
        match self {
            Value::U32(n) => Some(i128::from(*n)),
            Value::U64(n) => Some(i128::from(*n)),
            Value::S32(n) => Some(i128::from(*n)),
            Value::Float(millionths) => Some(i128::from(millionths / 1_000_000)),
            Value::Text(_) => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::U32(n) => n.fmt(f),
            Value::U64(n) => n.fmt(f),
            Value::S32(n) => n.fmt(f),
            Value::Float(millionths) => {
                let text = format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
                f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
            }
            Value::Text(text) => f.write_str(text),
        }
    }
}

impl From<u32> for Value {
    fn from(n: u32) -> Value {
        Value::U32(n)
    }
}

impl From<u64> for Value {
    fn from(n: u64) -> Value {
        Value::U64(n)
    }
}

impl From<i32> for Value {
    fn from(n: i32) -> Value {
        Value::S32(n)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::text(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::text(text)
    }
}
