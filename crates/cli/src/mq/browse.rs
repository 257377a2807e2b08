//! Shows what waits in a queue, and leaves it there.

use std::process::ExitCode;

use serde_json::json;
use tandem_mq_wire::stomp::{Command, Frame};

use super::Browse;
use super::address::destination;
use super::client::Client;
use crate::say::say;

/// So much of a body is shown.
const SHOWN: usize = 60;

pub(super) fn run(args: &Browse) -> anyhow::Result<ExitCode> {
    let mut client = Client::connect(&args.broker)?;
    let mut subscribe = Frame::new(Command::Subscribe)
        .with("id", "0")
        .with("destination", destination(&args.destination))
        .with("browser", "true")
        // A broker that knows no browsers takes this for a consumer: what that does not acknowledge stays there.
        .with("ack", "client-individual");
    if let Some(filter) = &args.filter {
        subscribe = subscribe.with("selector", filter.as_str());
    }
    client.say(&subscribe)?;
    let mut count = 0;
    loop {
        let frame = client.must_hear()?;
        if frame.header("browser") == Some("end") {
            break;
        }
        count += 1;
        say(&shown(&frame, count, args.json)?)?;
        if count == args.message_count {
            break;
        }
    }
    client.leave(args.broker.patience())?;
    if !args.json {
        say(&format!("{count} messages\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(frame: &Frame, count: u64, as_json: bool) -> anyhow::Result<String> {
    let text = String::from_utf8_lossy(&frame.body);
    if as_json {
        let headers: serde_json::Map<_, _> = frame
            .headers
            .iter()
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect();
        let all = json!({ "headers": headers, "bytes": frame.body.len(), "body": text });
        return Ok(format!("{}\n", serde_json::to_string(&all)?));
    }
    // What a body holds is not to be a terminal's order.
    let mut start: String = text
        .chars()
        .take(SHOWN)
        .map(|c| if c.is_control() { '.' } else { c })
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        start.push('\u{2026}');
    }
    let id = frame.header("message-id").unwrap_or("-");
    Ok(format!("{count:>6}  {id}  {} bytes  {start}\n", frame.body.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_whatever_it_holds() {
        let frame = Frame::new(Command::Message)
            .with("message-id", "7-1")
            .body(format!("a\x1b[2J\n{}", "x".repeat(100)));
        let line = shown(&frame, 3, false).expect("it is a text");
        assert_eq!(
            line,
            format!("     3  7-1  106 bytes  a.[2J.{}\u{2026}\n", "x".repeat(54))
        );
        let json = shown(&frame, 3, true).expect("it is JSON");
        assert!(
            json.contains(r#""bytes":106"#) && json.ends_with("\n") && json.lines().count() == 1,
            "{json}"
        );
    }
}
