//! `tandem demo`: a real pair of balancers, two real servers, clients that check every byte, and deaths on the way.
//!
//! ```text
//!   clients (an address each)     balancers, one holds the VIP     servers (processes of their own)
//!   16 long connections  --->     lb1  tandem-lb tandem-vrrp --->  A   killed, started again
//!    4 streams of short  --->     lb2  tandem-lb tandem-vrrp       B
//! ```
//!
//! The hosts are network namespaces; where the kernel refuses those, one balancer plays on loopback.
//!
//! What counts as lost: an exchange that failed on a connection whose server and balancer host were alive, or a new
//! connection that failed though any were. What died with its server or its host is counted apart.

mod loopback;
mod pair;
pub mod server;
mod stage;
mod story;
mod tally;
mod traffic;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use tandem_lab::{Door, Ground};

use crate::say::say;
use crate::span_of_time;
use loopback::Loopback;
use pair::Pair;
use stage::{Part, Stage};
use story::{Act, Story};
use tally::Tally;

#[derive(clap::Args)]
pub struct Args {
    /// End after this long, with a summary and exit code 0, or 1 if anything was lost (10s, 2m); without it: until Ctrl-C
    #[arg(long = "for", value_name = "TIME", value_parser = span_of_time::parse)]
    for_time: Option<Duration>,
    /// One balancer on 127.0.0.1 and no virtual address, even where network namespaces can be had
    #[arg(long)]
    loopback: bool,
}

/// Without `--for`, the story is told again and again.
const ENDLESS_ROUND: Duration = Duration::from_secs(30);
/// Long enough for checks to see a server go and come back within one round.
const SHORTEST: Duration = Duration::from_secs(5);
const PAGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8404);
const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.for_time.is_some_and(|t| t < SHORTEST) {
        anyhow::bail!("--for needs at least 5s: a server must die and return in that time");
    }
    // Namespaces are entered while there is one thread: before signals are listened to, and everything else.
    let pair = if args.loopback { None } else { enter()? };
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [nix::libc::SIGINT, nix::libc::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("cannot listen for Ctrl-C")?;
    }
    match pair {
        Some((ground, door)) => show(args.for_time, &mut Pair::build(&ground, door)?, true, &stop),
        None => show(args.for_time, &mut Loopback::build()?, false, &stop),
    }
}

/// The ground for hosts, and the door to the page; says why not where the kernel refuses.
fn enter() -> anyhow::Result<Option<(Ground, Door)>> {
    // Another demo may have the usual port.
    let door = Door::open(PAGE).or_else(|_| Door::open(ANY_PORT))?;
    match Ground::enter() {
        Ok(ground) => Ok(Some((ground, door))),
        Err(refusal) => {
            say(&format!(
                "no network namespaces here ({refusal}): one balancer on loopback, no virtual address\n"
            ))?;
            Ok(None)
        }
    }
}

fn show(for_time: Option<Duration>, stage: &mut dyn Stage, pair: bool, stop: &AtomicBool) -> anyhow::Result<ExitCode> {
    let tally = Arc::new(Tally::new());
    say(&stage.describe())?;
    let traffic = traffic::start(stage, &tally)?;
    let started = Instant::now();
    let outcome = play(for_time, stage, pair, &tally, stop);
    let took = started.elapsed();
    traffic.finish();
    let failed = stage.failed();
    outcome?;

    say(&tally.summary(took))?;
    if let Some(words) = &failed {
        say(&format!("that is a bug: {words}\n"))?;
    }
    Ok(if tally.lost() == 0 && tally.exchanges() > 0 && failed.is_none() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// Second by second: the story, and one line about how it goes.
fn play(
    for_time: Option<Duration>,
    stage: &mut dyn Stage,
    pair: bool,
    tally: &Tally,
    stop: &AtomicBool,
) -> anyhow::Result<()> {
    let round = for_time.unwrap_or(ENDLESS_ROUND);
    let started = Instant::now();
    let mut round_started = started;
    let mut story = Story::new(pair);
    let mut second = 0;
    say(Tally::HEADER)?;
    loop {
        std::thread::sleep(Duration::from_millis(20));
        if stop.load(Ordering::Relaxed) || for_time.is_some_and(|t| started.elapsed() >= t) {
            return Ok(());
        }
        if let Some(act) = story.due(round_started.elapsed(), round) {
            say(&format!("        {}\n", perform(act, stage, tally)?))?;
        }
        if round_started.elapsed() >= round {
            round_started = Instant::now();
            story = Story::new(pair);
        }
        if started.elapsed().as_secs() > second {
            second = started.elapsed().as_secs();
            say(&tally.line(second, stage.master().as_deref()))?;
        }
    }
}

/// Does it and says what was done.
fn perform(act: Act, stage: &mut dyn Stage, tally: &Tally) -> anyhow::Result<String> {
    let master = stage.master().unwrap_or_default();
    Ok(match act {
        Act::Kill(part) => {
            tally.while_it_dies(part, || stage.kill(part))?;
            match part {
                Part::Server(name) => format!("server {name} is killed (kill -9)"),
                Part::Master => format!("host {master}, which holds the virtual address, loses its power"),
            }
        }
        Act::Revive(part) => {
            stage.revive(part)?;
            tally.returned(part);
            match part {
                Part::Server(name) => format!("server {name} is started again"),
                Part::Master => "the dead host is back, in reserve".into(),
            }
        }
    })
}
