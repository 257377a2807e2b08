//! The pair link: the successor that is named does not wait for its timer.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, ensure};
use tandem_lab::{Advert, Capture, Probe, Responder, Running};
use tandem_netns_tests::{Bench, wait};

use super::services::ask;
use super::stage::{Config, LONG, Program, Stage, VIP, times_master};

/// A busy machine may be slow, but this is far from the 609 ms of the timer.
const AT_ONCE: Duration = Duration::from_millis(100);

/// With a link to the other host.
pub(super) fn linked(config: Config, peer: &str) -> Config {
    config.after(format!(
        "pair_link {{\n peer {peer}\n secret hex:{}\n}}",
        "5e".repeat(32)
    ))
}

/// By order, and at the end of the daemon, at an interval of a second.
pub(super) fn the_named_successor_is_there_at_once(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let ours = [Program::Ours; 2];
    let (a, mut b) = stage.settled(
        ours,
        &linked(Config::v2(150), "10.9.0.2"),
        &linked(Config::v2(100), "10.9.0.1"),
        VIP,
    )?;
    let _responders = (Responder::start(&stage.a)?, Responder::start(&stage.b)?);
    let cable = stage.lab.capture(&stage.client_link)?;
    let probe = Probe::start(&stage.client, VIP)?;
    wait_until_known(&a, "ready")?;

    let by_order = moved(&cable, [10, 9, 0, 2], || {
        ask(a.pid(), r#"{"ask": "handover"}"#).map(drop)
    })?;
    a.wait_for_line("takes over at once", LONG)?;
    b.wait_for_line("named as successor", LONG)?;
    stage.a.wait_for_address(VIP, false, LONG)?;
    wait_until_known(&b, "ready")?;
    let by_end = moved(&cable, [10, 9, 0, 1], || Ok(b.stop(LONG).map(drop)?))?;
    stage.b.wait_for_address(VIP, false, LONG)?;
    std::thread::sleep(Duration::from_millis(300));

    let seen = probe.finish()?;
    let (asked, lost) = (seen.asked(), seen.lost());
    bench.say(format!(
        "named over the pair link at 1 s: master {by_order:.1?} after the goodbye by order, {by_end:.1?} at the end; \
         {lost} of {asked} questions lost"
    ));
    ensure!(by_order < AT_ONCE && by_end < AT_ONCE, "the successor waited");
    ensure!(lost == 0, "{lost} of {asked} questions lost");
    Ok(())
}

const NO_VRRP: &str = "table inet deaf {
    chain input { type filter hook input priority 0; meta l4proto 112 drop; }
}";

/// Both are master because a filter eats what they say, and only the pair link knows.
pub(super) fn a_split_brain_is_settled(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let fast = |priority, peer| linked(Config::v3(priority), peer);
    let fences = "notify_split_brain \"/usr/bin/touch /run/fenced\"";
    let (lesser, better) = (fast(100, "10.9.0.1").with(fences), fast(150, "10.9.0.2").with(fences));
    let (a, b) = stage.settled([Program::Ours; 2], &better, &lesser, VIP)?;
    wait_until_known(&a, "ready")?;
    for host in [&stage.a, &stage.b] {
        host.nft(NO_VRRP)?;
    }
    stage.b.wait_for_address(VIP, true, LONG)?;
    let since = Instant::now();
    b.wait_for_line("this host steps down", LONG)?;
    a.wait_for_line("the other host has to step down", LONG)?;
    stage.b.wait_for_address(VIP, false, LONG)?;
    let took = since.elapsed();
    wait_until_known(&a, "yielded")?;
    ensure!(stage.a.holds(VIP)?, "both let go");
    for daemon in [&a, &b] {
        let metrics = ask(daemon.pid(), r#"{"ask": "metrics"}"#)?;
        for name in ["tandem_vrrp_split_brain{", "tandem_vrrp_split_brains_total{"] {
            let is_one = |line: &str| line.starts_with(name) && line.ends_with(" 1");
            // They come as one string of JSON.
            ensure!(metrics.split("\\n").any(is_one), "no `{name}` of 1 in {metrics}");
        }
        let why = ask(daemon.pid(), r#"{"ask": "why"}"#)?;
        ensure!(
            why.contains("split brain: ") && why.contains("do not arrive here"),
            "{why}"
        );
    }

    let fenced = |daemon: &Running| std::fs::exists(format!("/proc/{}/root/run/fenced", daemon.pid()));
    wait("the command that fences", || Ok(fenced(&a)?))?;
    ensure!(!fenced(&b)?, "who steps down fences nobody");

    // A handover moves the address although nothing else has changed. It is no reason to fence.
    remove_fences(&[&a, &b])?;
    ask(a.pid(), r#"{"ask": "handover"}"#)?;
    stage.b.wait_for_address(VIP, true, LONG)?;
    stage.a.wait_for_address(VIP, false, LONG)?;
    wait_until_known(&b, "yielded")?;
    wait_until_known(&a, "master")?;
    ask(a.pid(), r#"{"ask": "resume"}"#)?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    stage.b.wait_for_address(VIP, false, LONG)?;
    wait_until_known(&a, "yielded")?;
    ensure!(!fenced(&a)? && !fenced(&b)?, "a handover fences somebody");

    // Who has yielded is there all the same when the other one is gone.
    let before = times_master(&b);
    drop(a);
    stage.a.kill_all()?;
    stage.b.wait_for_address(VIP, true, LONG)?;
    // The address comes before the words.
    wait("the new master's word", || Ok(times_master(&b) > before))?;
    ensure!(times_master(&b) == before + 1, "it took turns:\n{}", b.output());
    b.wait_for_line("the split brain is over", LONG)?;
    bench.say(format!(
        "two masters by a filter: one has stepped down {took:.1?} after the second one came"
    ));
    Ok(())
}

fn remove_fences(daemons: &[&Running]) -> Result<()> {
    for daemon in daemons {
        match std::fs::remove_file(format!("/proc/{}/root/run/fenced", daemon.pid())) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// From the goodbye of one to the first word of the other.
fn moved(cable: &Capture, to: [u8; 4], go: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let since = SystemTime::now();
    go()?;
    let after = |frame: &tandem_lab::Frame| Advert::read(frame).filter(|advert| advert.at >= since);
    let is_first = |advert: Advert| advert.source == std::net::IpAddr::from(to) && advert.priority > 0;
    let first = cable.wait_for("the successor's advert", LONG, |frame| {
        after(frame).is_some_and(is_first)
    })?;
    let frames = cable.frames();
    let goodbye = frames.iter().filter_map(after).find(|advert| advert.priority == 0);
    let goodbye = goodbye.map_or(since, |advert| advert.at);
    // The name may be faster than the goodbye.
    Ok(first.at.duration_since(goodbye).unwrap_or_default())
}

/// Until the other host has said how it is.
pub(super) fn wait_until_known(daemon: &Running, position: &str) -> Result<()> {
    let known = format!(r#""position":"{position}""#);
    wait(&format!("the other host to be {position}"), || {
        Ok(ask(daemon.pid(), r#"{"ask": "pair"}"#)?.contains(&known))
    })
}
