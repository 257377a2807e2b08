//! Properties and a body to a message and back: the table is docs/mapping.md.

use bytes::Bytes;
use tandem_mq_wire::amqp091::{Code, Properties, Table};

use super::mistake::Mistake;
use crate::message::property::{ENCODING, MESSAGE_ID, PRIORITY, TIMESTAMP, USER};
use crate::{Message, Priority, Value, WallMillis};

/// Names of properties that only AMQP 0-9-1 has a field for.
const KIND: &str = "amqp-type";
const APP: &str = "amqp-app-id";
const CLUSTER: &str = "amqp-cluster-id";

/// Below this a body is copied, so that it does not keep more than itself.
const SMALL: usize = 16 << 10;
/// What fits into a short string.
const LONGEST: usize = u8::MAX as usize;
const PERSISTENT: u8 = 2;

pub(super) fn read(properties: Properties, body: Bytes, sent: WallMillis) -> Result<Message, Mistake> {
    let expires = properties.expiration.as_deref().map(expiration).transpose()?;
    let mut message = Message {
        body: match body.len() < SMALL {
            true => Bytes::copy_from_slice(&body),
            false => body,
        },
        durable: properties.delivery_mode == Some(PERSISTENT),
        priority: properties.priority.map(Priority::of),
        expires: expires.map(|millis| WallMillis(sent.0.saturating_add(millis))),
        sent,
        content_type: properties.content_type,
        correlation_id: properties.correlation_id,
        reply_to: properties.reply_to,
        ..Message::default()
    };
    let headers = properties.headers.unwrap_or_default();
    message.properties = headers
        .0
        .into_iter()
        .map(|(name, value)| (name, value.into()))
        .collect();
    let texts = [
        (ENCODING, properties.content_encoding),
        (MESSAGE_ID, properties.message_id),
        (KIND, properties.kind),
        (USER, properties.user_id),
        (APP, properties.app_id),
        (CLUSTER, properties.cluster_id),
    ];
    for (name, text) in texts {
        message
            .properties
            .extend(text.map(|text| (name.into(), Value::Text(text))));
    }
    let numbers = [
        (
            TIMESTAMP,
            properties.timestamp.and_then(|seconds| i64::try_from(seconds).ok()),
        ),
        (
            PRIORITY,
            properties
                .priority
                .filter(|own| *own > Priority::HIGHEST)
                .map(i64::from),
        ),
    ];
    for (name, number) in numbers {
        message
            .properties
            .extend(number.map(|number| (name.into(), Value::Int(number))));
    }
    Ok(message)
}

/// Milliseconds, as RabbitMQ reads them: at most a hundred years.
fn expiration(text: &str) -> Result<u64, Mistake> {
    const LONGEST: u64 = 100 * 365 * 86_400_000;
    let wrong = |why| Mistake::new(Code::PreconditionFailed, format!("invalid expiration '{text}': {why}"));
    let millis = text.parse().map_err(|_| wrong("no_integer"))?;
    match millis <= LONGEST {
        true => Ok(millis),
        false => Err(wrong("value_too_big")),
    }
}

/// The header has to fit into one frame of `most` bytes; what does not is left out.
pub(super) fn write(message: &Message, now: WallMillis, most: usize) -> Properties {
    let short = |text: &Option<Box<str>>| text.clone().filter(|text| text.len() <= LONGEST);
    let mut properties = Properties {
        content_type: short(&message.content_type),
        delivery_mode: Some(if message.durable { PERSISTENT } else { 1 }),
        priority: message.priority.map(Priority::number),
        correlation_id: short(&message.correlation_id),
        // A queue is called by its name alone.
        reply_to: short(&message.reply_to).map(|to| match to.strip_prefix("/queue/") {
            Some(queue) => queue.into(),
            None => to,
        }),
        expiration: message.left(now).map(|left| left.to_string().into()),
        ..Properties::default()
    };
    let mut headers = Table::default();
    let mut room = most.saturating_sub(FIELDS);
    for (name, value) in &message.properties {
        if own(&mut properties, name, value) || name.len() > LONGEST {
            continue;
        }
        let weight = name.len() + 6 + weight(value);
        if weight <= room {
            room -= weight;
            headers.0.push((name.clone(), value.into()));
        }
    }
    properties.headers = Some(headers).filter(|headers| !headers.0.is_empty());
    properties
}

/// All that is in a header beside the table, at most: nine short strings, and numbers.
const FIELDS: usize = 9 * 256 + 64;

fn weight(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) | Value::Other(bytes) | Value::Typed(bytes) => bytes.len(),
        Value::Int(_) | Value::Float(_) | Value::Bool(_) => 8,
    }
}

/// Whether a property is a field here.
fn own(properties: &mut Properties, name: &str, value: &Value) -> bool {
    match (name, value) {
        (TIMESTAMP, Value::Int(seconds)) => properties.timestamp = u64::try_from(*seconds).ok(),
        (PRIORITY, Value::Int(own)) => properties.priority = u8::try_from(*own).ok(),
        (name, Value::Text(text)) if text.len() <= LONGEST => {
            let field = match name {
                ENCODING => &mut properties.content_encoding,
                MESSAGE_ID => &mut properties.message_id,
                KIND => &mut properties.kind,
                USER => &mut properties.user_id,
                APP => &mut properties.app_id,
                CLUSTER => &mut properties.cluster_id,
                _ => return false,
            };
            *field = Some(text.clone());
        }
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_mq_wire::amqp091::Field;

    #[test]
    fn everything_comes_back_as_it_was() {
        let text = |text: &str| Some(text.into());
        let list = Field::List(vec![Field::Int(1), Field::Void, Field::Timestamp(7)]);
        let all = Properties {
            content_type: text("text/plain"),
            content_encoding: text("gzip"),
            headers: Some(Table::default().with("n", Field::Int(-1)).with("x-list", list)),
            delivery_mode: Some(2),
            priority: Some(12),
            correlation_id: text("c"),
            reply_to: text("q"),
            expiration: text("5000"),
            message_id: text("m"),
            timestamp: Some(9),
            kind: text("t"),
            user_id: text("u"),
            app_id: text("a"),
            cluster_id: text("k"),
        };
        let message = read(all.clone(), Bytes::from_static(b"x"), WallMillis(1000)).unwrap();
        assert_eq!((message.expires, message.durable), (Some(WallMillis(6000)), true));
        assert_eq!(write(&message, WallMillis(1000), 4096), all);
        let none = Properties::default();
        let message = read(none.clone(), Bytes::new(), WallMillis(0)).unwrap();
        let expected = Properties {
            delivery_mode: Some(1),
            ..none
        };
        assert_eq!(write(&message, WallMillis(0), 4096), expected);
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let property = |name: &str, length: usize| (name.into(), Value::Text("x".repeat(length).into()));
        let message = Message {
            properties: vec![
                property("large", 5000),
                property("small", 5),
                property(&"n".repeat(300), 1),
            ],
            content_type: Some("t".repeat(300).into()),
            ..Message::default()
        };
        let written = write(&message, WallMillis(0), 4096);
        let names: Vec<_> = written.headers.unwrap().0.into_iter().map(|(name, _)| name).collect();
        assert_eq!((names, written.content_type), (vec!["small".into()], None));
    }

    #[test]
    fn an_expiration_is_a_number() {
        for wrong in ["", "-1", "soon", "99999999999999999999", "3153600000001"] {
            assert!(expiration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(expiration("0"), Ok(0));
    }
}
