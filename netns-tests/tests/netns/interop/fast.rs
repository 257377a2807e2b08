//! Ten milliseconds between adverts: nobody takes over from a living master, and a dead one is missed after 36 ms.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use tandem_lab::Advert;
use tandem_netns_tests::Bench;

use super::frr;
use super::row::beside;
use super::stage::{Config, Program, Side, Stage, VIP};
use crate::yardstick::{DOWN, Takeovers, Yardstick, takeovers};

/// On a machine that does other things too.
const SLACK: Duration = Duration::from_millis(200);
/// On one that does nothing else.
const LITTLE_SLACK: Duration = Duration::from_millis(8);

/// Scenario 6.
pub(super) fn ten_milliseconds(bench: &Bench<'_>) -> Result<()> {
    beside(bench, Program::Keepalived, watched)
}

/// The same with FRR, which takes its time as every program does, so that what it does late is only told of.
pub(super) fn ten_milliseconds_beside_frr(bench: &Bench<'_>) -> Result<()> {
    frr::is_installed()?;
    beside(bench, Program::Frr, watched)
}

fn watched(bench: &Bench<'_>, programs: [Program; 2]) -> Result<()> {
    let idle = Duration::from_secs(if bench.options.long { 600 } else { 2 });
    let mut stage = Stage::new(bench, programs)?;
    // The shortest interval is nothing for ordinary scheduling, so Keepalived gets what ours takes by itself;
    // its own limit on unbroken work, 10 ms, would have the kernel kill it on a busy machine.
    let config = |priority| {
        Config::v3(priority)
            .each("0.01")
            .with("garp_master_delay 1")
            .after("global_defs {\n vrrp_rt_priority 50\n vrrp_rlimit_rttime 5000000\n}")
    };
    stage.start(Side::A, &config(150))?;
    stage.wait_for_holder(Side::A, VIP)?;
    stage.start(Side::B, &config(100))?;
    stage.wait_for_backup(Side::B)?;
    // In a user namespace there is no real-time priority to measure with.
    let yardstick = (!bench.ground.is_unprivileged()).then(Yardstick::start);
    let begun = SystemTime::now();
    std::thread::sleep(idle);

    let stalls = yardstick.map(Yardstick::finish).transpose()?;
    let master = stage.adverts_of(Side::A, begun);
    let gaps = master
        .iter()
        .zip(&master[1..])
        .map(|(one, next)| next.at.duration_since(one.at));
    let longest = gaps.filter_map(Result::ok).max().unwrap_or_default();
    let taken = stage.adverts_of(Side::B, begun);
    // On a machine with other work the master may really be silent for so long, and is then rightly missed. The long
    // run is for a machine that does nothing else, and excuses only what held up everybody.
    let judged = match (&stalls, programs) {
        (Some(stalls), [_, Program::Frr]) if bench.options.long => {
            let ours = after_silence(&taken, &master);
            stalls.judge(&ours, &master).among(takeovers(&taken).count())
        }
        (_, [_, Program::Frr]) => Takeovers::default().among(takeovers(&taken).count()),
        (Some(stalls), [Program::Ours | Program::Keepalived, _]) if bench.options.long => stalls.judge(&taken, &master),
        _ => excuse_silences(&taken, &master),
    };
    if bench.options.long && stalls.is_none() {
        bench.say(
            "6 10 ms: SKIP takeovers of a master that was late: no real-time priority to measure the machine with",
        );
    }
    let false_ones = judged.false_ones();
    let machine = stalls.map_or_else(|| "no yardstick".to_owned(), |stalls| stalls.to_string());
    ensure!(
        false_ones == 0,
        "{false_ones} false takeovers; the master's longest silence was {longest:?}; of the machine: {machine}\n{}",
        stage.logs()
    );
    stage.wait_for_holder(Side::A, VIP)?;

    let killed = SystemTime::now();
    stage.routers[0].kill()?;
    let first = stage.wait_for_advert(Side::B, killed, |_| true)?;
    let last = stage.adverts_of(Side::A, begun);
    let last = last.last().context("the master never advertised")?;
    let took = first.at.duration_since(last.at)?;
    bench.say(format!(
        "6 10 ms, {programs:?}: {} adverts in {idle:?}, longest silence {longest:.1?}, {judged}; of the machine: \
             {machine}; missed after {took:.1?}",
        master.len(),
    ));
    let slack = if bench.options.long { LITTLE_SLACK } else { SLACK };
    let least = if programs[1] == Program::Frr {
        frr::DOWN_LEAST
    } else {
        DOWN
    };
    ensure!(
        took >= least - Duration::from_millis(1) && took < DOWN + slack,
        "missed after {took:?}"
    );
    Ok(())
}

/// All but those in which the backup began to speak though it had heard the master within the down interval.
fn excuse_silences(backup: &[Advert], master: &[Advert]) -> Takeovers {
    let too_early = |silence| silence < DOWN - Duration::from_millis(1);
    let all = takeovers(backup).count();
    let false_ones = takeovers(backup).filter(|advert| silence_before(advert, master).is_some_and(too_early));
    Takeovers {
        all,
        excused: all - false_ones.count(),
    }
}

/// Those of FRR's takeovers that its own lateness does not explain: the master had been silent for as long as FRR waits.
fn after_silence(backup: &[Advert], master: &[Advert]) -> Vec<Advert> {
    let long = |silence| silence >= frr::DOWN_LEAST - Duration::from_millis(1);
    takeovers(backup)
        .filter(|advert| silence_before(advert, master).is_none_or(long))
        .cloned()
        .collect()
}

fn silence_before(takeover: &Advert, master: &[Advert]) -> Option<Duration> {
    let last = master.iter().rev().find(|advert| advert.at <= takeover.at)?;
    takeover.at.duration_since(last.at).ok()
}
