//! Takes messages, each acknowledged by itself, and sees whether all are there.

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tandem_mq_wire::stomp::{Command, Frame};

use super::Consumer;
use super::address::destination;
use super::client::Client;
use super::crew::Crew;
use super::figures::{Summary, Times};
use super::proof::Proof;

/// How many are sent ahead to one connection.
const AHEAD: u64 = 100;
/// As good as that.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3600);

pub(super) fn run(args: &Consumer) -> anyhow::Result<ExitCode> {
    let work = &args.work;
    let wanted = work.message_count * u64::from(work.threads);
    let crew = Crew::new(wanted, work.silent || work.json);
    let ends = crew.work(work.threads, |_| take(args, &crew))?;
    let (messages, bytes, time) = crew.done();
    let (mut times, mut proof) = (Times::default(), Proof::default());
    // What nobody waited for any more is no part of the rate.
    let idle = ends.iter().map(|end| end.idle).min().unwrap_or_default();
    for end in ends {
        times.add(end.times);
        proof.add(end.proof);
    }
    let mut verdict = proof.verdict();
    // Of a run of which nothing came nobody knows how many there are.
    verdict.missing = verdict.missing.max(wanted.saturating_sub(messages));
    let summary = Summary {
        what: "taken",
        messages,
        bytes,
        time: time.saturating_sub(idle),
        of: "taken so long after they were sent",
        times,
        verdict: work.verify.then_some(verdict),
        wanted,
    };
    summary.tell(work.json, work.silent)
}

#[derive(Default)]
struct End {
    times: Times,
    proof: Proof,
    idle: Duration,
}

fn take(args: &Consumer, crew: &Crew) -> anyhow::Result<End> {
    let work = &args.work;
    if work.message_count == 0 {
        return Ok(End::default());
    }
    let mut client = Client::connect(&work.broker)?;
    let mut end = End::default();
    let ahead = AHEAD.min(work.message_count);
    client.say(&subscription(args, ahead))?;
    let patience = match args.receive_timeout {
        0 => FOR_EVER,
        millis => Duration::from_millis(millis),
    };
    client.waits(patience)?;
    for _ in 0..work.message_count {
        if !crew.goes_on() {
            return Ok(end);
        }
        let Some(frame) = client.hear()? else {
            end.idle = patience;
            break;
        };
        if let Some(age) = age(&frame) {
            end.times.push(age);
        }
        if work.verify {
            end.proof.take(&frame);
        }
        if let Some(ack) = frame.header("ack") {
            client.say(&Frame::new(Command::Ack).with("id", ack))?;
        }
        crew.did(frame.body.len());
        if args.sleep > 0 {
            std::thread::sleep(Duration::from_millis(args.sleep));
        }
    }
    client.leave(work.broker.patience())?;
    Ok(end)
}

fn subscription(args: &Consumer, ahead: u64) -> Frame {
    let ahead = ahead.to_string();
    let mut frame = Frame::new(Command::Subscribe)
        .with("id", "0")
        .with("destination", destination(&args.work.destination))
        .with("ack", "client-individual")
        // RabbitMQ's word, and ActiveMQ's.
        .with("prefetch-count", ahead.as_str())
        .with("activemq.prefetchSize", ahead.as_str());
    // What it does not take is not handed out. Brokers that do not know this word send one more for each that is
    // acknowledged; what comes of these too many goes back, and says later that somebody has seen it.
    if let Ok(all) = u32::try_from(args.work.message_count) {
        frame = frame.with("credit", all.to_string());
    }
    if let Some(filter) = &args.filter {
        frame = frame.with("selector", filter.as_str());
    }
    frame
}

/// How long ago our producer sent it, if it was one.
fn age(frame: &Frame) -> Option<Duration> {
    let sent = Duration::from_millis(frame.header("tandem-sent")?.parse().ok()?);
    SystemTime::now().duration_since(UNIX_EPOCH).ok()?.checked_sub(sent)
}
