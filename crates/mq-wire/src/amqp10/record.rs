//! Composite types: a descriptor and a list of fields, of which the last may be left out (part 1, section 1.4).

use bytes::Bytes;

use super::value::{Fields, Symbol, Value};
use crate::octets::Malformed;

/// A field that may be left out.
pub(super) trait Plain: Sized {
    /// `None` when the value is of another type.
    fn take(value: Value) -> Option<Self>;
    fn give(&self) -> Value;
}

/// A field, with what it means when it is left out.
pub(super) trait Field: Sized {
    fn take(value: Value) -> Result<Self, Malformed>;
    fn give(&self) -> Value;
}

impl<T: Plain> Field for Option<T> {
    fn take(value: Value) -> Result<Self, Malformed> {
        match value {
            Value::Null => Ok(None),
            value => T::take(value).map(Some).ok_or(Malformed("a field is of another type")),
        }
    }

    fn give(&self) -> Value {
        self.as_ref().map_or(Value::Null, Plain::give)
    }
}

macro_rules! mandatory {
    ($($type:ty,)*) => {
        $(impl Field for $type {
            fn take(value: Value) -> Result<Self, Malformed> {
                match value {
                    Value::Null => Err(Malformed("a field is missing that must be there")),
                    value => <$type as Plain>::take(value).ok_or(Malformed("a field is of another type")),
                }
            }
            fn give(&self) -> Value {
                Plain::give(self)
            }
        })*
    };
}

macro_rules! plain {
    ($($type:ty: $variant:ident,)*) => {
        $(impl Plain for $type {
            fn take(value: Value) -> Option<Self> {
                match value {
                    Value::$variant(value) => Some(value),
                    _ => None,
                }
            }
            fn give(&self) -> Value {
                Value::$variant(self.clone())
            }
        })*
    };
}

plain! {
    bool: Bool,
    u8: Ubyte,
    u16: Ushort,
    u32: Uint,
    u64: Ulong,
    Bytes: Binary,
    Box<str>: Text,
    Symbol: Symbol,
}

mandatory!(bool, u32, Bytes, Box<str>, Symbol, u8,);

/// Milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Millis(pub i64);

impl Plain for Millis {
    fn take(value: Value) -> Option<Self> {
        match value {
            Value::Timestamp(millis) => Some(Millis(millis)),
            _ => None,
        }
    }

    fn give(&self) -> Value {
        Value::Timestamp(self.0)
    }
}

/// Anything at all.
impl Plain for Value {
    fn take(value: Value) -> Option<Self> {
        Some(value)
    }

    fn give(&self) -> Value {
        self.clone()
    }
}

/// Where many may be there: none, one alone, or an array.
impl Field for Vec<Symbol> {
    fn take(value: Value) -> Result<Self, Malformed> {
        let symbol = |value| <Symbol as Plain>::take(value).ok_or(Malformed("a field is of another type"));
        match value {
            Value::Null => Ok(Vec::new()),
            Value::Array(items) => items.into_iter().map(symbol).collect(),
            one => Ok(vec![symbol(one)?]),
        }
    }

    fn give(&self) -> Value {
        match self.is_empty() {
            true => Value::Null,
            false => Value::Array(self.iter().cloned().map(Value::Symbol).collect()),
        }
    }
}

impl Field for Fields {
    fn take(value: Value) -> Result<Self, Malformed> {
        match value {
            Value::Null => Ok(Vec::new()),
            Value::Map(pairs) => Ok(pairs),
            _ => Err(Malformed("a field is of another type")),
        }
    }

    fn give(&self) -> Value {
        match self.is_empty() {
            true => Value::Null,
            false => Value::Map(self.clone()),
        }
    }
}

/// A described list of fields.
pub(super) trait Record: Sized {
    const NUMBER: u64;

    fn take(fields: Value) -> Result<Self, Malformed>;
    /// Without the nulls at the end.
    fn fields(&self) -> Vec<Value>;

    fn give(&self) -> Value {
        let mut fields = self.fields();
        while fields.last() == Some(&Value::Null) {
            fields.pop();
        }
        Value::Described(Box::new((Value::Ulong(Self::NUMBER), Value::List(fields))))
    }
}

/// The type of a described value, by its number or its name.
pub(super) fn descriptor(value: &Value) -> Option<u64> {
    match value {
        Value::Ulong(number) => Some(*number),
        Value::Symbol(name) => number(&name.0),
        _ => None,
    }
}

/// Types with their numbers and fields.
macro_rules! records {
    ($($(#[$doc:meta])* $name:ident = $number:literal { $($(#[$about:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Default, PartialEq)]
            pub struct $name {
                $($(#[$about])* pub $field: $type,)*
            }

            impl Record for $name {
                const NUMBER: u64 = $number;

                fn take(fields: Value) -> Result<Self, Malformed> {
                    let Value::List(list) = fields else {
                        return Err(Malformed("what is described is not a list"));
                    };
                    #[allow(unused_mut)]
                    let mut list = list.into_iter();
                    let taken = $name {
                        $($field: <$type as Field>::take(list.next().unwrap_or_default())?,)*
                    };
                    match list.next() {
                        None => Ok(taken),
                        Some(_) => Err(Malformed("there are more fields than the type has")),
                    }
                }

                fn fields(&self) -> Vec<Value> {
                    vec![$(Field::give(&self.$field),)*]
                }
            }
        )*
    };
}
pub(super) use records;

/// Names that stand for numbers; most peers use the numbers.
pub(super) fn number(name: &str) -> Option<u64> {
    Some(match name {
        "amqp:open:list" => 0x10,
        "amqp:begin:list" => 0x11,
        "amqp:attach:list" => 0x12,
        "amqp:flow:list" => 0x13,
        "amqp:transfer:list" => 0x14,
        "amqp:disposition:list" => 0x15,
        "amqp:detach:list" => 0x16,
        "amqp:end:list" => 0x17,
        "amqp:close:list" => 0x18,
        "amqp:error:list" => 0x1d,
        "amqp:received:list" => 0x23,
        "amqp:accepted:list" => 0x24,
        "amqp:rejected:list" => 0x25,
        "amqp:released:list" => 0x26,
        "amqp:modified:list" => 0x27,
        "amqp:source:list" => 0x28,
        "amqp:target:list" => 0x29,
        "amqp:coordinator:list" => 0x30,
        "amqp:declare:list" => 0x31,
        "amqp:discharge:list" => 0x32,
        "amqp:declared:list" => 0x33,
        "amqp:transactional-state:list" => 0x34,
        "amqp:sasl-mechanisms:list" => 0x40,
        "amqp:sasl-init:list" => 0x41,
        "amqp:sasl-challenge:list" => 0x42,
        "amqp:sasl-response:list" => 0x43,
        "amqp:sasl-outcome:list" => 0x44,
        "amqp:header:list" => 0x70,
        "amqp:delivery-annotations:map" => 0x71,
        "amqp:message-annotations:map" => 0x72,
        "amqp:properties:list" => 0x73,
        "amqp:application-properties:map" => 0x74,
        "amqp:data:binary" => 0x75,
        "amqp:amqp-sequence:list" => 0x76,
        "amqp:amqp-value:*" => 0x77,
        "amqp:footer:map" => 0x78,
        _ => return None,
    })
}
