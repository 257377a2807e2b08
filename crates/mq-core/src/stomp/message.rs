//! SEND's headers to a message, and a message to MESSAGE's headers.
//!
//! Headers that mean something here become fields; all others travel as they are.

use tandem_mq_wire::stomp::{Command, Frame};

use crate::{Asked, Cron, Message, Priority, Schedule, Value, WallMillis};

/// Headers that are about the frame, not about the message.
const OF_THE_FRAME: [&str; 4] = ["destination", "transaction", "receipt", "content-length"];
/// What we say ourselves; a client that forwards a message sends it back.
const OF_THE_DELIVERY: [&str; 6] = [
    "message-id",
    "subscription",
    "ack",
    "redelivered",
    "timestamp",
    "browser",
];
/// What is a field here.
const OF_THE_MESSAGE: [&str; 7] = [
    "content-type",
    "correlation-id",
    "reply-to",
    "persistent",
    "durable",
    "priority",
    "expires",
];

/// Reads a SEND frame. A header that cannot be read is a mistake, never ignored.
pub(super) fn read(frame: Frame, durable: bool, sent: WallMillis) -> Result<Message, String> {
    let mut message = Message {
        durable,
        sent,
        ..Message::default()
    };
    let mut asked = Asked::default();
    // The first of equal headers counts, so it is read last.
    for (name, value) in frame.headers.into_pairs().rev() {
        match name.strip_prefix("AMQ_SCHEDULED_") {
            Some(what) => when(&mut asked, what, &name, &value)?,
            None => field(&mut message, name, value)?,
        }
    }
    let schedule = Schedule::new(asked, sent).map_err(|error| error.to_string())?;
    message.schedule = schedule.map(Box::new);
    message.properties.reverse();
    message.body = frame.body;
    Ok(message)
}

fn field(message: &mut Message, name: Box<str>, value: Box<str>) -> Result<(), String> {
    match &*name {
        known if OF_THE_FRAME.contains(&known) => {}
        "content-type" => message.content_type = Some(value),
        "correlation-id" => message.correlation_id = Some(value),
        "reply-to" => message.reply_to = Some(value),
        "persistent" | "durable" => message.durable = value.trim() == "true",
        "priority" => message.priority = Some(Priority::of(number(&name, &value)?)),
        // ActiveMQ and Artemis: the time at which it ends; 0 is never.
        "expires" => message.expires = Some(WallMillis(number(&name, &value)?)).filter(|at| at.0 > 0),
        known if OF_THE_DELIVERY.contains(&known) => {}
        _ => {
            message.properties.retain(|(known, _)| *known != name);
            message.properties.push((name, Value::Text(value)));
        }
    }
    Ok(())
}

/// As ActiveMQ spells it; what is not known of these words is not taken for a property.
fn when(asked: &mut Asked, what: &str, name: &str, value: &str) -> Result<(), String> {
    match what {
        "DELAY" => asked.delay = number(name, value)?,
        "PERIOD" => asked.period = number(name, value)?,
        "REPEAT" => asked.repeat = number(name, value)?,
        "CRON" if value.trim().is_empty() => asked.cron = None,
        "CRON" => asked.cron = Some(Cron::parse(value.trim()).map_err(|error| format!("{name}: {error}"))?),
        _ => {
            return Err(format!(
                "{name} is not known: there are AMQ_SCHEDULED_DELAY, _PERIOD, _REPEAT and _CRON"
            ));
        }
    }
    Ok(())
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, String> {
    value
        .trim()
        .parse()
        .map_err(|_| format!("{name} is a number, not {value:?}"))
}

/// A MESSAGE frame without what belongs to its delivery.
pub(super) fn write(message: &Message) -> Frame {
    let mut frame = Frame::new(Command::Message).body(message.body.clone());
    let fields = [
        ("content-type", &message.content_type),
        ("correlation-id", &message.correlation_id),
        ("reply-to", &message.reply_to),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            frame.headers.push(name, value.clone());
        }
    }
    frame
        .headers
        .push("priority", message.priority.unwrap_or_default().number().to_string());
    frame.headers.push("timestamp", message.sent.0.to_string());
    if message.durable {
        frame.headers.push("persistent", "true");
    }
    if let Some(at) = message.expires {
        frame.headers.push("expires", at.0.to_string());
    }
    // Other protocols have properties of any name, and the first of equal headers counts.
    let ours = [&OF_THE_FRAME[..], &OF_THE_DELIVERY, &OF_THE_MESSAGE];
    // A header without a name cannot be written.
    let taken = |name: &str| name.is_empty() || ours.iter().any(|names| names.contains(&name));
    for (name, value) in message.properties.iter().filter(|(name, _)| !taken(name)) {
        frame.headers.push(name, value.to_text());
    }
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send() -> Frame {
        Frame::new(Command::Send).with("destination", "/queue/q")
    }

    #[test]
    fn headers_become_fields_and_come_back() {
        let frame = send()
            .with("content-type", "text/plain")
            .with("priority", "7")
            .with("expires", "99")
            .with("colour", "red")
            .with("colour", "blue")
            .with("reply-to", "/queue/r")
            .body("x");
        let message = read(frame, true, WallMillis(5)).unwrap();
        assert_eq!(message.priority, Some(Priority::of(7)));
        assert_eq!(message.properties, [("colour".into(), Value::Text("red".into()))]);
        let back = write(&message);
        for (name, value) in [
            ("content-type", "text/plain"),
            ("priority", "7"),
            ("expires", "99"),
            ("colour", "red"),
            ("persistent", "true"),
            ("timestamp", "5"),
            ("reply-to", "/queue/r"),
        ] {
            assert_eq!(back.header(name), Some(value), "{name}");
        }
        assert_eq!(back.header("destination"), None);
    }

    #[test]
    fn a_schedule_is_no_property() {
        let frame = send()
            .with("AMQ_SCHEDULED_DELAY", "500")
            .with("AMQ_SCHEDULED_REPEAT", "2");
        let message = read(frame, true, WallMillis(5)).unwrap();
        let schedule = message.schedule.as_deref().unwrap();
        assert_eq!((schedule.at, schedule.asked.repeat), (WallMillis(505), 2));
        assert_eq!(message.properties, []);
        assert_eq!(
            read(send().with("AMQ_SCHEDULED_CRON", ""), true, WallMillis(5))
                .unwrap()
                .schedule,
            None
        );
    }

    #[test]
    fn what_is_said_of_durability_counts() {
        for (header, by_default, durable) in [
            (None, true, true),
            (None, false, false),
            (Some("true"), false, true),
            (Some("false"), true, false),
        ] {
            let mut frame = send();
            header
                .into_iter()
                .for_each(|value| frame.headers.push("persistent", value));
            assert_eq!(read(frame, by_default, WallMillis(0)).unwrap().durable, durable);
        }
    }

    #[test]
    fn a_header_that_cannot_be_read_is_a_mistake() {
        for (name, value) in [
            ("priority", "high"),
            ("expires", "soon"),
            ("expires", "-1"),
            ("AMQ_SCHEDULED_DELAY", "soon"),
            ("AMQ_SCHEDULED_CRON", "60 * * * *"),
            ("AMQ_SCHEDULED_DELAI", "1"),
            ("AMQ_SCHEDULED_REPEAT", "1"),
        ] {
            assert!(read(send().with(name, value), true, WallMillis(0)).is_err(), "{name}");
        }
    }

    /// The first of equal headers counts: what a property of another protocol is called must not stand before what we say.
    #[test]
    fn no_property_is_taken_for_what_the_broker_says() {
        for name in [
            "destination",
            "subscription",
            "message-id",
            "ack",
            "redelivered",
            "content-length",
            "content-type",
            "browser",
            "receipt",
            "timestamp",
        ] {
            let message = Message {
                properties: vec![(name.into(), Value::Text("end".into()))],
                ..Message::default()
            };
            assert_ne!(write(&message).header(name), Some("end"), "{name}");
        }
        let nameless = Message {
            properties: vec![("".into(), Value::Text("x".into()))],
            ..Message::default()
        };
        assert_eq!(write(&nameless).header(""), None);
        let frame = Frame::new(Command::Send).with("browser", "end");
        assert_eq!(
            read(frame, false, WallMillis(1)).expect("it can be read").properties,
            []
        );
    }
}
