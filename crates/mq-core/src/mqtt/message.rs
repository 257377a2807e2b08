//! PUBLISH to a message and back: the table is docs/mapping.md.

use bytes::Bytes;
use tandem_mq_wire::mqtt::{Properties, Publish, Qos};

use super::topic;
use crate::{Message, Retain, Value, WallMillis};

/// Names of properties that only MQTT has a field for.
const CORRELATION: &str = "mqtt-correlation-data";
const UTF8: &str = "mqtt-payload-format";

/// Below this a body is copied, so that it does not keep the whole buffer that it was read into.
const SMALL: usize = 16 << 10;
/// What fits into a text on the wire.
const LONGEST: usize = u16::MAX as usize;

/// What was published, or a will, as a message.
pub(super) fn read(payload: Bytes, qos: Qos, retain: bool, properties: Properties, sent: WallMillis) -> Message {
    let Properties {
        payload_format,
        message_expiry,
        content_type,
        response_topic,
        correlation_data,
        user,
        ..
    } = properties;
    let mut message = Message {
        body: match payload.len() < SMALL {
            true => Bytes::copy_from_slice(&payload),
            false => payload,
        },
        durable: qos != Qos::AtMostOnce,
        qos: Some(qos),
        retain: if retain { Retain::Asked } else { Retain::No },
        expires: message_expiry.map(|seconds| WallMillis(sent.0 + u64::from(seconds) * 1000)),
        sent,
        content_type,
        reply_to: response_topic.map(|name| format!("/topic/{}", topic::address(&name)).into()),
        ..Message::default()
    };
    if let Some(data) = correlation_data {
        match std::str::from_utf8(&data) {
            Ok(text) => message.correlation_id = Some(text.into()),
            Err(_) => {
                let value = Value::Bytes(Bytes::copy_from_slice(&data));
                message.properties.push((CORRELATION.into(), value));
            }
        }
    }
    if let Some(utf8) = payload_format {
        message.properties.push((UTF8.into(), Value::Bool(utf8)));
    }
    let user = user.into_iter().map(|(name, value)| (name, Value::Text(value)));
    message.properties.extend(user);
    message
}

/// A message as PUBLISH, without what belongs to its delivery. 3.1.1 leaves the properties out.
pub(super) fn write(message: &Message, address: &str, now: WallMillis) -> Publish {
    let mut properties = Properties {
        content_type: message.content_type.clone().filter(|text| text.len() <= LONGEST),
        correlation_data: message
            .correlation_id
            .as_ref()
            .map(|text| Bytes::copy_from_slice(text.as_bytes())),
        // A rest of a second is a second: zero would mean that it is over.
        message_expiry: message
            .left(now)
            .map(|left| u32::try_from(left.div_ceil(1000).max(1)).unwrap_or(u32::MAX)),
        ..Properties::default()
    };
    let reply = message.reply_to.as_deref();
    match reply.and_then(|to| to.strip_prefix("/topic/")) {
        Some(address) if is_topic(address) => properties.response_topic = Some(topic::topic(address)),
        // A queue has no name in MQTT; who knows it can use it.
        _ => properties.user.extend(reply.map(|to| ("reply-to".into(), to.into()))),
    }
    for (name, value) in &message.properties {
        match (&**name, value) {
            (CORRELATION, Value::Bytes(data)) => properties.correlation_data = Some(data.clone()),
            (UTF8, Value::Bool(utf8)) => properties.payload_format = Some(*utf8),
            (_, value) => properties.user.push((name.clone(), value.to_text())),
        }
    }
    properties.user.retain(|(name, value)| is_text(name) && is_text(value));
    properties.correlation_data = properties.correlation_data.filter(|data| data.len() <= LONGEST);
    Publish {
        topic: topic::topic(address),
        properties,
        payload: message.body.clone(),
        ..Publish::default()
    }
}

fn is_topic(address: &str) -> bool {
    let topic = topic::topic(address);
    !topic.is_empty() && is_text(&topic) && !topic.contains(['+', '#'])
}

fn is_text(text: &str) -> bool {
    text.len() <= LONGEST && !text.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Properties {
        Properties {
            payload_format: Some(true),
            message_expiry: Some(60),
            content_type: Some("text/plain".into()),
            response_topic: Some("re/ply".into()),
            correlation_data: Some(Bytes::from_static(b"\xff\x00")),
            user: vec![("a".into(), "1".into()), ("a".into(), "2".into())],
            ..Properties::default()
        }
    }

    #[test]
    fn what_goes_in_comes_out() {
        let message = read(
            Bytes::from_static(b"x"),
            Qos::ExactlyOnce,
            true,
            full(),
            WallMillis(1000),
        );
        assert_eq!(message.reply_to.as_deref(), Some("/topic/re.ply"));
        assert!(message.durable && message.retain == Retain::Asked);
        let back = write(&message, "a.b", WallMillis(21_500));
        let expected = Properties {
            message_expiry: Some(40),
            ..full()
        };
        assert_eq!((&*back.topic, &back.properties), ("a/b", &expected));
        let text = Properties {
            correlation_data: Some(Bytes::from_static(b"id")),
            ..Properties::default()
        };
        let message = read(Bytes::new(), Qos::AtMostOnce, false, text.clone(), WallMillis(0));
        assert_eq!(message.correlation_id.as_deref(), Some("id"));
        assert!(!message.durable);
        assert_eq!(write(&message, "a", WallMillis(0)).properties, text);
    }

    #[test]
    fn what_cannot_be_said_in_mqtt_is_left_out_or_said_otherwise() {
        let message = Message {
            reply_to: Some("/queue/r".into()),
            properties: vec![
                ("n".into(), Value::Int(7)),
                ("long".into(), Value::Text("x".repeat(70_000).into())),
                ("nul".into(), Value::Text("\0".into())),
            ],
            ..Message::default()
        };
        let publish = write(&message, "a", WallMillis(0));
        let user: Vec<(&str, &str)> = publish.properties.user.iter().map(|(n, v)| (&**n, &**v)).collect();
        assert_eq!(user, [("reply-to", "/queue/r"), ("n", "7")]);
    }
}
