//! `tandem demo`: the pair of the lab in front of two real brokers, and a drill to look on at: a broker dies and comes
//! back, then the host that has the virtual address, while clients send.
//!
//! Where the kernel refuses network namespaces, one balancer and the brokers play on loopback.

mod loopback;
mod view;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use tandem_lab::{Door, Ground};

use crate::drill::catalog::{Drill, Expected, Step};
use crate::drill::{judge, rehearsal, text};
use crate::load::Amount;
use crate::load::ledger::Account;
use crate::load::scene::Scene;
use crate::pair::act::{Act, Node, Part, Side};
use crate::pair::files::{PAGE_PORT, VIP};
use crate::pair::{Pair, Wishes};
use crate::say::say;
use crate::span_of_time;
use loopback::Loopback;
use view::{Start, View};

#[derive(clap::Args)]
pub struct Args {
    /// End after this long, with a summary and exit code 0, or 1 if an acknowledged message was lost (10s, 2m); without
    /// it: again and again until Ctrl-C
    #[arg(long = "for", value_name = "TIME", value_parser = span_of_time::parse)]
    for_time: Option<Duration>,
    /// One balancer on 127.0.0.1 and no virtual address, even where network namespaces can be had
    #[arg(long)]
    loopback: bool,
    /// When the repository was cloned, in seconds since 1970: the first message is counted from there
    #[arg(long, value_name = "SECONDS", hide = true)]
    cloned: Option<u64>,
}

/// Without `--for`, the story is told again and again.
const ROUND: Duration = Duration::from_secs(30);
/// Long enough for checks to see a broker go and come back within one round.
const SHORTEST: Duration = Duration::from_secs(5);
const PAGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PAGE_PORT);
const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

const BROKER: Part = Part::Broker(Node(0));
/// The one that is preferred, so it has the address.
const HOST: Part = Part::Host(Side(0));
/// Per cent of the round, and what happens then.
const WITH_A_PAIR: &[(u32, Act)] = &[
    (20, Act::Kill(BROKER)),
    (40, Act::Start(BROKER)),
    (60, Act::Kill(HOST)),
    (80, Act::Start(HOST)),
];
const WITH_ONE_BALANCER: &[(u32, Act)] = &[(30, Act::Kill(BROKER)), (60, Act::Start(BROKER))];

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    // Of this process: what enters the namespaces is another one.
    let start = Start::of(args.cloned);
    if args.for_time.is_some_and(|t| t < SHORTEST) {
        anyhow::bail!("--for needs at least 5s: a broker must die and return in that time");
    }
    // Namespaces are entered while there is one thread: before signals are listened to, and everything else.
    let ground = if args.loopback { None } else { enter()? };
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [nix::libc::SIGINT, nix::libc::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("cannot listen for Ctrl-C")?;
    }
    let mut view = View::new(start, &stop);
    let round = args.for_time.unwrap_or(ROUND);
    let Some((ground, door)) = ground else {
        let mut stage = Loopback::build()?;
        say(&stage.describe())?;
        return show(&mut stage, &story(round, WITH_ONE_BALANCER), args, &mut view);
    };
    let mut pair = Pair::build(&ground, &Wishes::default())?;
    let page = door.address()?;
    // Whoever has the address answers there. It closes before the hosts end.
    let _page = door.lead_to(pair.client(), SocketAddr::from((VIP, PAGE_PORT)))?;
    say(&format!(
        "{}statistics page of whoever has it: http://{page}/stats\n\n",
        pair.describe()
    ))?;
    show(&mut pair, &story(round, WITH_A_PAIR), args, &mut view)
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

fn story(round: Duration, acts: &[(u32, Act)]) -> Drill {
    let step = |(percent, act): &(u32, Act)| Step {
        at: round * *percent / 100,
        act: act.clone(),
    };
    Drill {
        every_broker: false,
        name: "demo".into(),
        guide: false,
        about: "what happened, in milliseconds".into(),
        steps: acts.iter().map(step).collect(),
        lasts: round,
        amount: Amount {
            clients: 12,
            pause: Duration::from_millis(20),
            account: Account::Whole,
            stuck: false,
        },
        expected: Expected::default(),
        gap_adverts: 0.0,
    }
}

fn show(scene: &mut dyn Scene, story: &Drill, args: &Args, view: &mut View<'_>) -> anyhow::Result<ExitCode> {
    let cast = if scene.sides().is_empty() {
        "tandem-lb and tandem-mq"
    } else {
        "tandem-lb, tandem-vrrp and tandem-mq"
    };
    loop {
        let begun = Instant::now();
        let mut report = rehearsal::play(scene, story, cast.into(), view)?;
        judge::judge(&mut report, &story.expected, 1.0);
        say(&format!("\n{}", text::write(&report)))?;
        if !report.passed {
            return Ok(ExitCode::from(1));
        }
        let took = begun.elapsed().as_secs_f64();
        say(&format!(
            "after {took:.1} s every acknowledged message has come out\n\n"
        ))?;
        if args.for_time.is_some() || view.is_over() {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

impl View<'_> {
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_dies_returns_within_the_round() {
        for acts in [WITH_ONE_BALANCER, WITH_A_PAIR] {
            let story = story(SHORTEST, acts);
            for step in &story.steps {
                let Act::Kill(part) = step.act else { continue };
                let returns = |later: &&Step| later.at > step.at && later.act == Act::Start(part);
                let back = story.steps.iter().find(returns);
                assert!(back.is_some_and(|back| back.at < story.lasts), "{part}");
            }
        }
    }
}
