//! What a client says of a queue when it declares it: RabbitMQ's arguments, read once.

use tandem_mq_wire::amqp091::Field;

use crate::Value;

/// As it was declared; whoever declares it again must say the same.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Declared {
    /// Together with `exclusive` it lasts no longer than its connection.
    pub durable: bool,
    /// Only for one connection, and gone with it.
    pub exclusive: bool,
    /// Gone when its last consumer has left.
    pub auto_delete: bool,
    pub arguments: Vec<(Box<str>, Value)>,
}

/// What becomes of a message for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// It stays, the oldest goes.
    #[default]
    DropHead,
    RejectPublish,
    /// The same, and it goes where the dead go.
    RejectPublishDlx,
}

/// The arguments that mean something here. Others are kept and compared, as RabbitMQ does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arguments {
    pub ttl: Option<u64>,
    /// Unused for so long, it is gone.
    pub expires: Option<u64>,
    pub max_length: Option<usize>,
    pub max_bytes: Option<usize>,
    pub overflow: Overflow,
    pub dead_letter_exchange: Option<Box<str>>,
    pub dead_letter_key: Option<Box<str>>,
    pub max_priority: Option<u8>,
    pub single_active: bool,
}

/// Which argument cannot be, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadArgument {
    pub name: Box<str>,
    pub why: Box<str>,
}

impl Declared {
    pub fn arguments(&self) -> Result<Arguments, BadArgument> {
        let mut read = Arguments::default();
        for (name, value) in &self.arguments {
            read.take(name, value).map_err(|why| BadArgument {
                name: name.clone(),
                why: why.into(),
            })?;
        }
        if read.dead_letter_key.is_some() && read.dead_letter_exchange.is_none() {
            return Err(BadArgument {
                name: "x-dead-letter-routing-key".into(),
                why: "it needs x-dead-letter-exchange".into(),
            });
        }
        Ok(read)
    }

    pub(crate) fn argument(&self, name: &str) -> Option<&Value> {
        self.arguments
            .iter()
            .find(|(known, _)| &**known == name)
            .map(|(_, value)| value)
    }
}

impl Arguments {
    fn take(&mut self, name: &str, value: &Value) -> Result<(), String> {
        match name {
            "x-message-ttl" => self.ttl = Some(number(value)?),
            "x-expires" => match number(value)? {
                0 => return Err("it cannot be zero".to_owned()),
                expires => self.expires = Some(expires),
            },
            "x-max-length" => self.max_length = Some(size(value)?),
            "x-max-length-bytes" => self.max_bytes = Some(size(value)?),
            "x-overflow" => {
                self.overflow = match text(value)? {
                    "drop-head" => Overflow::DropHead,
                    "reject-publish" => Overflow::RejectPublish,
                    "reject-publish-dlx" => Overflow::RejectPublishDlx,
                    other => return Err(format!("there is no overflow behaviour {other:?}")),
                };
            }
            "x-dead-letter-exchange" => self.dead_letter_exchange = Some(text(value)?.into()),
            "x-dead-letter-routing-key" => self.dead_letter_key = Some(text(value)?.into()),
            "x-max-priority" => {
                let most = u8::try_from(number(value)?).map_err(|_| "it is at most 255".to_owned())?;
                self.max_priority = Some(most);
            }
            "x-single-active-consumer" => match value {
                Value::Bool(flag) => self.single_active = *flag,
                _ => return Err("it is true or false".to_owned()),
            },
            "x-queue-type" if text(value)? != "classic" => {
                return Err(format!("only classic queues are known here, not {:?}", text(value)?));
            }
            _ => {}
        }
        Ok(())
    }
}

fn number(value: &Value) -> Result<u64, String> {
    match value {
        Value::Int(number) => u64::try_from(*number).map_err(|_| "it cannot be negative".to_owned()),
        _ => Err("it is a whole number".to_owned()),
    }
}

fn size(value: &Value) -> Result<usize, String> {
    usize::try_from(number(value)?).map_err(|_| "it is too large".to_owned())
}

fn text(value: &Value) -> Result<&str, String> {
    match value {
        Value::Text(text) => Ok(text),
        _ => Err("it is a text".to_owned()),
    }
}

/// A value as AMQP spells it, and back.
impl From<Field> for Value {
    fn from(field: Field) -> Value {
        match field {
            Field::Bool(flag) => Value::Bool(flag),
            Field::Int(number) => Value::Int(number),
            Field::Float(number) => Value::Float(number),
            Field::Text(text) => Value::Text(text),
            Field::Bytes(bytes) => Value::Bytes(bytes),
            other => {
                let mut out = bytes::BytesMut::new();
                other.write(&mut out);
                Value::Other(out.freeze())
            }
        }
    }
}

impl From<&Value> for Field {
    fn from(value: &Value) -> Field {
        match value {
            Value::Bool(flag) => Field::Bool(*flag),
            Value::Int(number) => Field::Int(*number),
            Value::Float(number) => Field::Float(*number),
            Value::Text(text) => Field::Text(text.clone()),
            Value::Bytes(bytes) => Field::Bytes(bytes.clone()),
            Value::Other(spelled) => Field::read(spelled.clone()).unwrap_or(Field::Void),
            Value::Typed(_) => value.to_typed().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_or_refused() {
        let read = |name: &str, value: Value| {
            let declared = Declared {
                arguments: vec![(name.into(), value)],
                ..Declared::default()
            };
            declared.arguments().map_err(|bad| bad.why.into_string())
        };
        assert_eq!(read("x-message-ttl", Value::Int(5)).unwrap().ttl, Some(5));
        assert_eq!(read("x-max-length", Value::Int(0)).unwrap().max_length, Some(0));
        assert_eq!(read("x-anything", Value::Bool(true)), Ok(Arguments::default()));
        for (name, value) in [
            ("x-message-ttl", Value::Int(-1)),
            ("x-message-ttl", Value::Text("1".into())),
            ("x-expires", Value::Int(0)),
            ("x-overflow", Value::Text("else".into())),
            ("x-max-priority", Value::Int(256)),
            ("x-single-active-consumer", Value::Int(1)),
            ("x-queue-type", Value::Text("stream".into())),
            ("x-dead-letter-routing-key", Value::Text("alone".into())),
        ] {
            assert!(read(name, value).is_err(), "{name}");
        }
    }
}
