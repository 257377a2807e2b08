//! Sends, and counts a message as sent when the broker has confirmed it.

use std::collections::VecDeque;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::bail;
use bytes::Bytes;
use tandem_mq_wire::stomp::{Command, Frame};

use super::Producer;
use super::address::destination;
use super::client::Client;
use super::crew::Crew;
use super::figures::{Summary, Times};
use super::proof::{Verdict, marked};

pub(super) fn run(args: &Producer) -> anyhow::Result<ExitCode> {
    let work = &args.work;
    let wanted = work.message_count * u64::from(work.threads);
    let crew = Crew::new(wanted, work.silent || work.json);
    // Two producers that begin at the same time are not the same run.
    let run = format!("{:x}-{:x}", now().as_nanos(), std::process::id());
    let ends = crew.work(work.threads, |number| send(args, &crew, &format!("{run}-{number}")))?;
    let (messages, bytes, time) = crew.done();
    let mut times = Times::default();
    ends.into_iter().for_each(|end| times.add(end));
    let summary = Summary {
        what: "sent",
        messages,
        bytes,
        time,
        of: "confirmed after",
        times,
        // Whatever was not confirmed has ended the run.
        verdict: work.verify.then(Verdict::default),
        wanted,
    };
    summary.tell(work.json, work.silent)
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn send(args: &Producer, crew: &Crew, run: &str) -> anyhow::Result<Times> {
    let work = &args.work;
    let to = destination(&work.destination);
    let mut client = Client::connect(&work.broker)?;
    let mut waiting = VecDeque::new();
    let mut times = Times::default();
    for number in 0..work.message_count {
        if !crew.goes_on() {
            return Ok(times);
        }
        let frame = message(args, &to, run, number);
        let size = frame.body.len();
        waiting.push_back((number, size, Instant::now()));
        client.say(&frame)?;
        if waiting.len() >= args.window as usize {
            confirm(&mut client, &mut waiting, crew, &mut times)?;
        }
        if args.sleep > 0 {
            std::thread::sleep(Duration::from_millis(args.sleep));
        }
    }
    while !waiting.is_empty() {
        confirm(&mut client, &mut waiting, crew, &mut times)?;
    }
    client.leave(work.broker.patience())?;
    Ok(times)
}

fn message(args: &Producer, to: &str, run: &str, number: u64) -> Frame {
    let mut frame = Frame::new(Command::Send)
        .with("destination", to)
        .with("receipt", number.to_string())
        .with("persistent", if args.non_persistent { "false" } else { "true" })
        .body(body(args.message_size.map(|size| size.0), number));
    let millis = now().as_millis() as u64;
    frame = frame.with("tandem-sent", millis.to_string());
    if args.msgttl > 0 {
        frame = frame.with("expires", (millis + args.msgttl).to_string());
    }
    if args.delay > 0 {
        frame = frame.with("AMQ_SCHEDULED_DELAY", args.delay.to_string());
    }
    match args.work.verify {
        true => marked(frame, run, number, args.work.message_count),
        false => frame,
    }
}

/// Letters that are others for each message, and are no compressor's joy.
fn body(size: Option<usize>, number: u64) -> Bytes {
    let Some(size) = size else {
        return format!("test message: {number}").into();
    };
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let letters = (0..size).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b'a' + (state % 26) as u8
    });
    letters.collect()
}

/// The oldest first, as brokers confirm; another order is found, too.
fn confirm(
    client: &mut Client,
    waiting: &mut VecDeque<(u64, usize, Instant)>,
    crew: &Crew,
    times: &mut Times,
) -> anyhow::Result<()> {
    let frame = client.must_hear()?;
    let id = frame.header("receipt-id").and_then(|id| id.parse::<u64>().ok());
    let place = waiting.iter().position(|(number, ..)| Some(*number) == id);
    let Some((_, size, begun)) = place.and_then(|place| waiting.remove(place)) else {
        bail!("the broker has confirmed what was not sent: {id:?}");
    };
    times.push(begun.elapsed());
    crew.did(size);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_their_size_and_are_not_alike() {
        assert_eq!(body(Some(1 << 20), 1).len(), 1 << 20);
        assert_ne!(body(Some(100), 1), body(Some(100), 2));
        assert_eq!(body(Some(100), 7), body(Some(100), 7));
        assert_eq!(body(None, 7), "test message: 7");
    }
}
