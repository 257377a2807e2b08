//! What AMQP 0-9-1 calls a value, and back, as near as it comes.

use super::value::{Symbol, Value};
use crate::amqp091::{Field, Table};

impl From<Field> for Value {
    fn from(field: Field) -> Value {
        match field {
            Field::Bool(flag) => Value::Bool(flag),
            Field::Int(number) => Value::Long(number),
            Field::Float(number) => Value::Double(number),
            Field::Decimal(..) => Value::Text(field.to_string().into()),
            Field::Text(text) => Value::Text(text),
            Field::Bytes(bytes) => Value::Binary(bytes),
            Field::List(items) => Value::List(items.into_iter().map(Value::from).collect()),
            Field::Timestamp(seconds) => {
                Value::Timestamp(i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX))
            }
            Field::Table(table) => {
                let pairs = table.0.into_iter();
                Value::Map(pairs.map(|(name, field)| (Value::Text(name), field.into())).collect())
            }
            Field::Void => Value::Null,
        }
    }
}

impl From<Value> for Field {
    fn from(value: Value) -> Field {
        match value {
            Value::Null => Field::Void,
            Value::Bool(flag) => Field::Bool(flag),
            Value::Float(number) => Field::Float(number.into()),
            Value::Double(number) => Field::Float(number),
            Value::Timestamp(millis) => Field::Timestamp(u64::try_from(millis / 1000).unwrap_or(0)),
            Value::Binary(data) => Field::Bytes(data),
            Value::Text(text) | Value::Symbol(Symbol(text)) => Field::Text(text),
            Value::List(items) | Value::Array(items) => Field::List(items.into_iter().map(Field::from).collect()),
            Value::Map(pairs) => {
                let pairs = pairs
                    .into_iter()
                    .map(|(key, value)| (key.to_string().into(), value.into()));
                Field::Table(Table(pairs.collect()))
            }
            Value::Described(described) => described.1.into(),
            Value::Decimal(_) | Value::Char(_) | Value::Uuid(_) => Field::Text(value.to_string().into()),
            whole => match whole.as_whole() {
                Some(number) => Field::Int(number),
                None => Field::Text(whole.to_string().into()),
            },
        }
    }
}
