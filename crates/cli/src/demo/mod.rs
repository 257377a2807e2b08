//! `tandem demo`: a real balancer, two real servers, clients that check every byte, and a server that dies on the way.
//!
//! ```text
//!   clients (127.0.1.x)        tandem-lb              servers (processes of their own)
//!   16 long connections  --->  127.0.0.1:PORT  --->   A  127.0.0.1:…   killed, started again
//!    4 streams of short  --->  source hash,    --->   B  127.0.0.1:…
//!                              stick table, checks
//! ```
//!
//! What counts as lost: an exchange that failed on a connection whose server was alive, or a new connection that failed
//! while any server was. What died with its server is counted apart, because no proxy can save it.

mod scene;
pub mod server;
mod tally;
mod traffic;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::span_of_time;
use scene::{Scene, ServerName};
use tally::Tally;

#[derive(clap::Args)]
pub struct Args {
    /// End after this long, with a summary and exit code 0, or 1 if anything was lost (10s, 2m); without it: until Ctrl-C
    #[arg(long = "for", value_name = "TIME", value_parser = span_of_time::parse)]
    for_time: Option<Duration>,
}

/// Without `--for`, one server dies this often.
const ENDLESS_ROUND: Duration = Duration::from_secs(30);
/// Long enough for checks to see a server go and come back within one round.
const SHORTEST: Duration = Duration::from_secs(5);

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.for_time.is_some_and(|t| t < SHORTEST) {
        anyhow::bail!("--for needs at least 5s: a server must die and return in that time");
    }
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [nix::libc::SIGINT, nix::libc::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("cannot listen for Ctrl-C")?;
    }

    let mut scene = Scene::build()?;
    let tally = Arc::new(Tally::new());
    say(&scene.describe())?;
    let traffic = traffic::start(scene.balancer_port(), &tally);
    let started = Instant::now();
    let outcome = play(args.for_time, &mut scene, &tally, &stop, started);
    traffic.finish();
    let balancer_alive = scene.balancer_alive();
    scene.end();
    outcome?;

    say(&tally.summary(started.elapsed()))?;
    if !balancer_alive {
        say("tandem-lb ended before the demo did: that is a bug\n")?;
    }
    Ok(if tally.lost() == 0 && tally.exchanges() > 0 && balancer_alive {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// Second by second: the story of server A, and one line about how it goes.
fn play(
    for_time: Option<Duration>,
    scene: &mut Scene,
    tally: &Tally,
    stop: &AtomicBool,
    started: Instant,
) -> anyhow::Result<()> {
    let round = for_time.unwrap_or(ENDLESS_ROUND);
    let (dies, returns) = (round * 3 / 10, round * 6 / 10);
    let mut second = 0;
    let mut round_started = started;
    let (mut died, mut returned) = (false, false);
    say(Tally::HEADER)?;
    loop {
        std::thread::sleep(Duration::from_millis(20));
        let (elapsed, in_round) = (started.elapsed(), round_started.elapsed());
        if stop.load(Ordering::Relaxed) || for_time.is_some_and(|t| elapsed >= t) {
            return Ok(());
        }
        if !died && in_round >= dies {
            tally.while_it_dies(ServerName::A, || scene.kill(ServerName::A));
            say("        server A is killed (kill -9)\n")?;
            died = true;
        }
        if !returned && in_round >= returns {
            scene.start(ServerName::A)?;
            say("        server A is started again\n")?;
            returned = true;
        }
        if in_round >= round {
            round_started = Instant::now();
            (died, returned) = (false, false);
        }
        if elapsed.as_secs() > second {
            second = elapsed.as_secs();
            say(&tally.line(second, died && !returned))?;
        }
    }
}

/// To standard output. A reader that went away (`| head`) is no reason to panic, but is a reason to stop.
fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("cannot write to standard output")
}
