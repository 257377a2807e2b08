//! 250 addresses beside the one that is advertised: how long until every one of them has been announced.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use tandem_lab::{Capture, Frame, LabError, Missing};
use tandem_netns_tests::Bench;
use tandem_sys::raw::Arp;

use super::stage::{Config, LONG, Program, Stage};

const EXCLUDED: usize = 250;

/// What a person would not notice and a protocol does not: long enough for a machine that builds something meanwhile.
const LENIENT: Duration = Duration::from_millis(100);

/// All of them, after the first advert, on a quiet machine.
const STRICT: Duration = Duration::from_millis(5);

pub(super) fn many_addresses(bench: &Bench<'_>) -> Result<()> {
    let rounds = if bench.options.long { 9 } else { 3 };
    let (ours, worst) = median_and_worst(bench, Program::Ours, rounds)?;
    bench.say(format!(
        "ours: all {EXCLUDED} addresses announced {ours:.2?} after the first advert (median of {rounds}; at worst {worst:.2?})"
    ));
    let (theirs, worst) = match median_and_worst(bench, Program::Keepalived, rounds) {
        Ok(theirs) => theirs,
        Err(error) if error.downcast_ref::<LabError>().is_some_and(is_missing) => {
            bench.say("SKIP keepalived is not installed");
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    bench.say(format!("Keepalived: {theirs:.2?} (at worst {worst:.2?})"));
    if bench.options.long {
        ensure!(ours <= theirs, "{ours:.2?} is later than Keepalived's {theirs:.2?}");
        ensure!(ours <= STRICT, "{ours:.2?} is later than {STRICT:?}");
    }
    let allowed = LENIENT.max(theirs * 3);
    ensure!(ours <= allowed, "{ours:.2?} is later than {allowed:.2?}");
    Ok(())
}

fn is_missing(error: &LabError) -> bool {
    matches!(error, LabError::Missing(Missing { .. }))
}

fn median_and_worst(bench: &Bench<'_>, program: Program, rounds: usize) -> Result<(Duration, Duration)> {
    let mut all = (0..rounds)
        .map(|_| announced_after(bench, program))
        .collect::<Result<Vec<_>>>()?;
    all.sort();
    Ok((all[rounds / 2], all[rounds - 1]))
}

fn announced_after(bench: &Bench<'_>, program: Program) -> Result<Duration> {
    let stage = Stage::new(bench)?;
    let excluded: Vec<String> = (0..EXCLUDED)
        .map(|n| format!("        10.9.1.{}/32\n", n + 1))
        .collect();
    let text = Config::v3(150).text();
    let end = text.rfind('}').context("a configuration without an end")?;
    let text = format!(
        "{}    virtual_ipaddress_excluded {{\n{}    }}\n}}\n",
        &text[..end],
        excluded.concat()
    );
    let file = stage.lab.folder()?.join("keepalived.conf");
    std::fs::write(&file, text)?;
    let cable = stage.lab.capture(&stage.client_link)?;
    let mut daemon = program.run_quietly(&stage.a, &file)?;
    daemon.wait_for_line("Entering MASTER STATE", LONG)?;
    let announced = wait_for_all(&cable)?;
    daemon.stop(LONG)?;
    ensure!(
        stage.a.addresses()?.len() < EXCLUDED,
        "{program:?} left addresses behind"
    );
    Ok(announced)
}

fn wait_for_all(cable: &Capture) -> Result<Duration> {
    let deadline = Instant::now() + LONG;
    loop {
        let frames = cable.frames();
        let advert = frames.iter().find(|frame| is_advert(frame)).map(|frame| frame.at);
        let mut announced = BTreeSet::new();
        let last = frames.iter().find(|frame| {
            announced.extend(announcement(frame));
            announced.len() > EXCLUDED
        });
        if let (Some(first), Some(last)) = (advert, last) {
            return Ok(last
                .at
                .duration_since(first)
                .or_else(|_| SystemTime::now().duration_since(first))?);
        }
        if Instant::now() > deadline {
            bail!("{} of {} addresses were announced", announced.len(), EXCLUDED + 1);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// To 224.0.0.18.
fn is_advert(frame: &Frame) -> bool {
    frame.bytes.starts_with(&[1, 0, 0x5e, 0, 0, 0x12])
}

fn announcement(frame: &Frame) -> Option<Ipv4Addr> {
    Arp::read(&frame.bytes)
        .filter(Arp::is_announcement)
        .map(|arp| arp.sender)
}
