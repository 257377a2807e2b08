//! A message as somebody writes it into a form.

use tandem_mq_core::{Message, Priority, Value, WallMillis};

use super::{Pairs, last};

/// What a text is called when nobody says what it is.
const TEXT: &str = "text/plain; charset=utf-8";

/// `now` is in milliseconds since 1970.
pub(super) fn read(fields: &Pairs, now: u64) -> Result<Message, String> {
    // A browser ends the lines of a text as RFC 7578 has it, whatever was written.
    let body = last(fields, "body").unwrap_or_default().replace("\r\n", "\n");
    let filled = |name| last(fields, name).map(str::trim).filter(|text| !text.is_empty());
    let priority = filled("priority").map(|text| match text.parse() {
        Ok(number @ 0..=Priority::HIGHEST) => Ok(Priority::of(number)),
        _ => Err(format!("a priority is a number from 0 to 9, not {text:?}")),
    });
    let life = filled("expires-in").map(|text| match text.parse::<u64>() {
        Ok(seconds) => Ok(WallMillis(now.saturating_add(seconds.saturating_mul(1000)))),
        Err(_) => Err(format!("expires-in is a number of seconds, not {text:?}")),
    });
    let lines = last(fields, "properties").unwrap_or_default().lines();
    let properties = lines.filter(|line| !line.trim().is_empty()).map(|line| {
        let pair = line.split_once(':').filter(|(name, _)| !name.trim().is_empty());
        let (name, value) = pair.ok_or_else(|| format!("a property is NAME: VALUE, not {line:?}"))?;
        Ok((name.trim().into(), Value::Text(value.trim().into())))
    });
    Ok(Message {
        body: body.into_bytes().into(),
        durable: last(fields, "transient").is_none(),
        priority: priority.transpose()?,
        expires: life.transpose()?,
        sent: WallMillis(now),
        content_type: Some(filled("content-type").unwrap_or(TEXT).into()),
        correlation_id: filled("correlation-id").map(Into::into),
        reply_to: filled("reply-to").map(Into::into),
        properties: properties.collect::<Result<_, String>>()?,
        ..Message::default()
    })
}

#[cfg(test)]
mod tests {
    use tandem_ops::web::form;

    use super::*;

    #[test]
    fn a_form_is_a_message_or_it_is_said_why_not() {
        let whole = b"body=a%0D%0Ab&priority=9&expires-in=2&properties=x%3A+1%0D%0Ay%3A2%3A3&correlation-id=c";
        let message = read(&form::parse(whole), 5000).unwrap();
        assert_eq!((&*message.body, message.durable), (&b"a\nb"[..], true));
        assert_eq!(message.priority, Some(Priority::of(9)));
        assert_eq!(
            (message.sent, message.expires),
            (WallMillis(5000), Some(WallMillis(7000)))
        );
        let text = |text: &str| Value::Text(text.into());
        assert_eq!(message.properties, [("x".into(), text("1")), ("y".into(), text("2:3"))]);
        assert!(!read(&form::parse(b"transient=1"), 0).unwrap().durable);
        for (fields, says) in [
            (&b"priority=10"[..], "from 0 to 9"),
            (b"expires-in=soon", "a number of seconds"),
            (b"properties=novalue", "NAME: VALUE"),
            (b"properties=%3Ax", "NAME: VALUE"),
        ] {
            let error = read(&form::parse(fields), 0).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
