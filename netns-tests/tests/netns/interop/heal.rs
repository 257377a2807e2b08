//! A partition heals: one master and a client that knows it, within one interval. Keepalived beside Keepalived fails one
//! heal in three, when the higher's advert is heard first and nobody tells the client.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use tandem_lab::{Frame, Host, Origin};
use tandem_netns_tests::Bench;

use super::row::all_at_once;
use super::stage::{Config, LONG, Program, Side, Stage, VIP};

const INTERVAL: Duration = Duration::from_millis(100);
/// What a busy machine may add to it.
const SLACK: Duration = Duration::from_millis(60);
struct Case {
    name: &'static str,
    programs: [Program; 2],
}

/// Everything at its defaults. Keepalived steps down without a word as soon as it hears the winner; ours asks just before
/// each advert who else has the address, and so learns of it.
const CASES: [Case; 2] = [
    Case {
        name: "Keepalived returns, ours has the last word",
        programs: [Program::Keepalived, Program::Ours],
    },
    Case {
        name: "ours returns, Keepalived says nothing",
        programs: [Program::Ours, Program::Keepalived],
    },
];

/// Scenario 18.
pub(super) fn heals(bench: &Bench<'_>) -> Result<()> {
    let times = if bench.options.long { 30 } else { 5 };
    all_at_once(
        CASES
            .iter()
            .map(|case| (case.name.to_string(), move || many(bench, case, times))),
    )
}

fn many(bench: &Bench<'_>, case: &Case, times: u32) -> Result<()> {
    let mut stage = Stage::new(bench, case.programs)?;
    stage.start(Side::A, &Config::v3(150))?;
    stage.wait_for_holder(Side::A, VIP)?;
    stage.start(Side::B, &Config::v3(100))?;
    stage.wait_for_backup(Side::B)?;
    let _client = Client::start(&stage.client)?;
    let mut worst = Duration::ZERO;
    for number in 1..=times {
        // At different points of the interval, so that now one and now the other is heard first.
        let later = INTERVAL * (number % 5) / 5;
        let took = one(&stage, later).with_context(|| format!("heal {number} of {times}\n{}", stage.logs()))?;
        worst = worst.max(took);
    }
    bench.say(format!(
        "18 {}: {times} of {times} good, the client was right after {worst:.1?} at most",
        case.name
    ));
    Ok(())
}

/// How long after the heal the client still asked the wrong router.
fn one(stage: &Stage, later: Duration) -> Result<Duration> {
    let a = &stage.router(Side::A).host;
    stage
        .wire
        .wait_for("a question to A", LONG, |frame| asks(stage, Side::A, frame))?;
    let from_b = stage.lab.drop_between(a, &stage.router(Side::B).host)?;
    let from_client = stage.lab.drop_between(a, &stage.client)?;
    stage.wire.clear();
    stage
        .wire
        .wait_for("a question to B", LONG, |frame| asks(stage, Side::B, frame))?;
    std::thread::sleep(later);
    stage.lab.mend(from_b.into_iter().chain(from_client))?;
    let healed = SystemTime::now();
    stage.wait_for_holder(Side::A, VIP)?;
    let end = healed + INTERVAL + 3 * INTERVAL;
    stage
        .wire
        .wait_for("the end of the watch", LONG, |frame| frame.at > end)?;

    let frames = stage.wire.frames();
    let wrong = frames.iter().rfind(|frame| asks(stage, Side::B, frame));
    let wrong = wrong.map_or(healed, |frame| frame.at);
    let took = wrong.duration_since(healed).unwrap_or_default();
    ensure!(
        took <= INTERVAL + SLACK,
        "the client asked the wrong router for {took:?}"
    );
    let late = stage.adverts_of(Side::B, healed + INTERVAL + SLACK);
    ensure!(late.is_empty(), "two masters: {late:?}");
    Ok(took)
}

/// A question to the virtual address, at the hardware address of this router.
fn asks(stage: &Stage, side: Side, frame: &Frame) -> bool {
    frame.origin == Origin::Host
        && frame.ether_type() == Some(0x0800)
        && frame.bytes.starts_with(&stage.router(side).hardware)
}

/// Asks the virtual address every two milliseconds. Nobody answers: the cable shows whom it believes to ask.
struct Client {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl Client {
    fn start(host: &Host) -> Result<Client> {
        let socket = host.inside(|| UdpSocket::bind(("0.0.0.0", 0)))??;
        let stop = Arc::new(AtomicBool::new(false));
        let ended = stop.clone();
        let thread = host.thread(move || {
            while !ended.load(Ordering::Relaxed) {
                // Refused, or no neighbour: the next one may arrive.
                socket.send_to(b"?", (VIP, 7)).ok();
                std::thread::sleep(Duration::from_millis(2));
            }
        })?;
        Ok(Client {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Without questions no heal is good, so a client that failed shows.
            thread.join().ok();
        }
    }
}
