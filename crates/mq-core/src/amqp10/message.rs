//! Sections to a message and back: the table is docs/mapping.md.

use bytes::{Bytes, BytesMut};
use tandem_mq_wire::amqp10::{Body, MessageHeader, Millis, Properties, Sections, Symbol, Value as Typed};

use super::mistake::Mistake;
use crate::broker::Delivery;
use crate::message::property;
use crate::{Asked, BadSchedule, Kind, Message, Priority, Schedule, Value, WallMillis, destination};

/// Names of properties that only AMQP 1.0 has a field for.
const TO: &str = "amqp-to";
const SUBJECT: &str = "amqp-subject";
const CORRELATION_ID: &str = "amqp-correlation-id";
const CREATED: &str = "amqp-creation-time";
const REPLY_GROUP: &str = "amqp-reply-to-group-id";
const ANNOTATIONS: &str = "amqp-message-annotations";
const FOOTER: &str = "amqp-footer";
/// What the body was: nothing is said of bytes.
const BODY: &str = "amqp-body";

/// Below this a body is copied, so that it does not keep more than itself.
const SMALL: usize = 16 << 10;

/// What a client calls by that name among its own properties need not be one.
fn is_map(spelled: &Bytes) -> bool {
    matches!(spelled.first(), Some(0xc1 | 0xd1))
}

/// A value of ours where there is one, else as it is spelled.
fn ours(value: Typed) -> Value {
    match value {
        Typed::Text(text) => Value::Text(text),
        Typed::Long(number) => Value::Int(number),
        Typed::Double(number) => Value::Float(number),
        Typed::Bool(flag) => Value::Bool(flag),
        Typed::Binary(data) => Value::Bytes(data),
        other => {
            let mut out = BytesMut::new();
            other.write(&mut out);
            Value::Typed(out.freeze())
        }
    }
}

fn text(text: Box<str>) -> Value {
    Value::Text(text)
}

pub(super) fn read(sections: Sections, sent: WallMillis) -> Result<Message, Mistake> {
    let Sections {
        header,
        annotations,
        properties,
        application,
        body,
        footer,
        ..
    } = sections;
    let millis = |at: Millis| WallMillis(u64::try_from(at.0).unwrap_or(0));
    let ttl = header.ttl.map(|ttl| WallMillis(sent.0.saturating_add(ttl.into())));
    let (kind, body) = body_of(body)?;
    let schedule = annotations.as_ref().map(|map| schedule(map, sent)).transpose()?;
    let mut message = Message {
        schedule: schedule.flatten().map(Box::new),
        body: match body.len() < SMALL {
            true => Bytes::copy_from_slice(&body),
            false => body,
        },
        durable: header.durable == Some(true),
        priority: header.priority.map(Priority::of),
        expires: ttl.or(properties.absolute_expiry_time.map(millis)),
        sent,
        content_type: properties.content_type.map(|symbol| symbol.0),
        reply_to: properties.reply_to,
        ..Message::default()
    };
    let pairs = application.into_iter().map(|(name, value)| (name, ours(value)));
    message.properties = pairs.collect();
    let correlation = match properties.correlation_id {
        Some(Typed::Text(id)) => {
            message.correlation_id = Some(id);
            None
        }
        other => other.map(ours),
    };
    let high = header.priority.filter(|own| *own > Priority::HIGHEST);
    // Bytes that are a text are one for the others.
    let user = |data: Bytes| match std::str::from_utf8(&data) {
        Ok(name) => text(name.into()),
        Err(_) => Value::Bytes(data),
    };
    let fields = [
        (property::MESSAGE_ID, properties.message_id.map(ours)),
        (property::USER, properties.user_id.filter(|id| !id.is_empty()).map(user)),
        (TO, properties.to.map(text)),
        (SUBJECT, properties.subject.map(text)),
        (CORRELATION_ID, correlation),
        (
            property::ENCODING,
            properties.content_encoding.map(|symbol| text(symbol.0)),
        ),
        (
            property::EXPIRY,
            properties.absolute_expiry_time.map(|at| ours(Typed::Timestamp(at.0))),
        ),
        (CREATED, properties.creation_time.map(|at| ours(Typed::Timestamp(at.0)))),
        (property::GROUP, properties.group_id.map(text)),
        (
            property::GROUP_SEQUENCE,
            properties.group_sequence.map(|number| ours(Typed::Uint(number))),
        ),
        (REPLY_GROUP, properties.reply_to_group_id.map(text)),
        (property::PRIORITY, high.map(|own| Value::Int(own.into()))),
        // A copy: a slice would keep the whole message.
        (
            ANNOTATIONS,
            annotations.map(|map| Value::Typed(Bytes::copy_from_slice(&map))),
        ),
        (FOOTER, footer.map(|map| Value::Typed(Bytes::copy_from_slice(&map)))),
        (BODY, kind.map(|kind| text(kind.into()))),
    ];
    for (name, value) in fields {
        message.properties.extend(value.map(|value| (name.into(), value)));
    }
    Ok(message)
}

/// As Artemis and ActiveMQ read it: a point in time, or else so many milliseconds.
fn schedule(annotations: &Bytes, now: WallMillis) -> Result<Option<Schedule>, Mistake> {
    // The words are ASCII, and most messages have none of them.
    if !annotations.windows(15).any(|part| part == b"x-opt-delivery-") {
        return Ok(None);
    }
    let Ok(Typed::Map(pairs)) = Typed::read(annotations.clone()) else {
        return Err(Mistake::invalid("the annotations are no map"));
    };
    let millis = |name: &str| {
        let Some((_, value)) = pairs.iter().find(|(key, _)| *key == Typed::symbol(name)) else {
            return Ok(None);
        };
        let millis = value.as_whole().and_then(|millis| u64::try_from(millis).ok());
        let why = "x-opt-delivery-time and x-opt-delivery-delay are numbers of milliseconds";
        millis.map(Some).ok_or_else(|| Mistake::invalid(why))
    };
    if let Some(at) = millis("x-opt-delivery-time")? {
        return Schedule::at(WallMillis(at), now).map_err(too_far);
    }
    let delay = millis("x-opt-delivery-delay")?.unwrap_or(0);
    let asked = Asked {
        delay,
        ..Asked::default()
    };
    Schedule::new(asked, now).map_err(too_far)
}

/// There is nothing else that can be wrong with a time or a delay alone.
fn too_far(_: BadSchedule) -> Mistake {
    Mistake::invalid("no message waits for longer than 366 days")
}

/// What others can read of it, and what it was.
fn body_of(body: Body) -> Result<(Option<&'static str>, Bytes), Mistake> {
    let spelled = match body {
        Body::Data(data) => return Ok((None, data)),
        Body::Sequence(lists) => return Ok((Some("sequence"), lists)),
        Body::Value(spelled) => spelled,
    };
    let after = |length: usize| spelled.slice(length.min(spelled.len())..);
    let text = |data: Bytes| match std::str::from_utf8(&data) {
        Ok(_) => Ok((Some("string"), data)),
        Err(_) => Err(Mistake::invalid("the text in the body is not UTF-8")),
    };
    match spelled.first() {
        Some(0x40) => Ok((Some("null"), Bytes::new())),
        Some(0xa0) => Ok((Some("binary"), after(2))),
        Some(0xb0) => Ok((Some("binary"), after(5))),
        Some(0xa1) => text(after(2)),
        Some(0xb1) => text(after(5)),
        _ => Ok((Some("value"), spelled)),
    }
}

/// The other way. A client of another protocol may say that a body is what it is not; then it is bytes.
fn body_to(kind: Option<&str>, body: &Bytes) -> Body {
    let value = |value: Typed| {
        let mut out = BytesMut::new();
        value.write(&mut out);
        Some(Body::Value(out.freeze()))
    };
    let body_of_kind = match kind {
        Some("null") if body.is_empty() => value(Typed::Null),
        Some("binary") => value(Typed::Binary(body.clone())),
        Some("string") => std::str::from_utf8(body)
            .ok()
            .and_then(|text| value(Typed::Text(text.into()))),
        Some("value") => Body::value(body.clone()),
        Some("sequence") => Body::sequence(body.clone()),
        _ => None,
    };
    body_of_kind.unwrap_or_else(|| Body::Data(body.clone()))
}

pub(super) fn write(delivery: &Delivery, kind: Kind, now: WallMillis) -> Sections {
    let message = &delivery.message;
    let mut sections = Sections {
        header: MessageHeader {
            durable: Some(message.durable),
            priority: message.priority.map(Priority::number),
            ttl: message.left(now).map(|left| u32::try_from(left).unwrap_or(u32::MAX)),
            first_acquirer: Some(!delivery.redelivered),
            delivery_count: Some(delivery.attempts),
        },
        properties: Properties {
            content_type: message
                .content_type
                .as_deref()
                .filter(|text| text.is_ascii())
                .map(Symbol::from),
            correlation_id: message.correlation_id.clone().map(Typed::Text),
            reply_to: message.reply_to.clone(),
            ..Properties::default()
        },
        ..Sections::default()
    };
    // A subscription with holes does not say it.
    if kind == Kind::Multicast {
        let address = destination::text(kind, &delivery.address);
        sections.hints = vec![(Typed::symbol("x-opt-address"), Typed::Text(address.into()))];
    }
    let mut body = None;
    for (name, value) in &message.properties {
        match (&**name, value) {
            (BODY, Value::Text(kind)) => body = Some(&**kind),
            _ if own(&mut sections, name, value) => {}
            _ => sections.application.push((name.clone(), simple(value))),
        }
    }
    sections.body = body_to(body, &message.body);
    sections
}

/// Tables and lists have no place among application properties (3.2.5).
fn simple(value: &Value) -> Typed {
    match value.to_typed() {
        Typed::List(_) | Typed::Map(_) | Typed::Array(_) | Typed::Described(_) => Typed::Text(value.to_text()),
        simple => simple,
    }
}

/// Whether a property is a field here.
fn own(sections: &mut Sections, name: &str, value: &Value) -> bool {
    let properties = &mut sections.properties;
    match (name, value) {
        (ANNOTATIONS, Value::Typed(spelled)) if is_map(spelled) => sections.annotations = Some(spelled.clone()),
        (FOOTER, Value::Typed(spelled)) if is_map(spelled) => sections.footer = Some(spelled.clone()),
        (property::MESSAGE_ID, value) => properties.message_id = Some(value.to_typed()).filter(is_id),
        (CORRELATION_ID, value) => properties.correlation_id = Some(value.to_typed()).filter(is_id),
        (property::USER, Value::Text(name)) => properties.user_id = Some(Bytes::copy_from_slice(name.as_bytes())),
        (property::USER, Value::Bytes(name)) => properties.user_id = Some(name.clone()),
        (TO, Value::Text(to)) => properties.to = Some(to.clone()),
        (SUBJECT, Value::Text(subject)) => properties.subject = Some(subject.clone()),
        (property::ENCODING, Value::Text(encoding)) if encoding.is_ascii() => {
            properties.content_encoding = Some(Symbol(encoding.clone()));
        }
        (property::EXPIRY, Value::Typed(_)) => {
            properties.absolute_expiry_time = value.to_typed().as_whole().map(Millis)
        }
        (CREATED, Value::Typed(_)) => properties.creation_time = value.to_typed().as_whole().map(Millis),
        (property::TIMESTAMP, Value::Int(seconds)) => {
            properties
                .creation_time
                .get_or_insert(Millis(seconds.saturating_mul(1000)));
        }
        (property::GROUP, Value::Text(group)) => properties.group_id = Some(group.clone()),
        (property::GROUP_SEQUENCE, Value::Typed(_)) => {
            let number = value.to_typed().as_whole();
            properties.group_sequence = number.and_then(|number| u32::try_from(number).ok());
        }
        (REPLY_GROUP, Value::Text(group)) => properties.reply_to_group_id = Some(group.clone()),
        (property::PRIORITY, Value::Int(own)) => sections.header.priority = u8::try_from(*own).ok(),
        _ => return false,
    }
    true
}

/// What a message can be called (3.2.11 to 3.2.14).
fn is_id(value: &Typed) -> bool {
    matches!(
        value,
        Typed::Text(_) | Typed::Ulong(_) | Typed::Uuid(_) | Typed::Binary(_)
    )
}
