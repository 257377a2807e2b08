//! Ours with ours.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use tandem_lab::Frame;
use tandem_netns_tests::Bench;
use tandem_sys::raw::Arp;

use super::probe::{Probe, Responder};
use super::stage::{Config, LONG, Program, Stage, VIP, VIP6};
use super::together;

const OURS: [Program; 2] = [Program::Ours; 2];

pub(super) fn elections_and_failures(bench: &Bench<'_>) -> Result<()> {
    together(
        bench,
        &[
            ("kill -9", &killed),
            ("cable cut", &cut),
            ("equal priorities", &equal),
            ("IPv6", &ipv6),
            ("unicast", &unicast),
        ],
    )
}

/// The dead router keeps its address; the other takes over.
fn killed(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let (mut a, b) = stage.settled(OURS, &Config::v3(150), &Config::v3(100), VIP)?;
    a.kill()?;
    b.wait_for_line("Receive advertisement timeout", LONG)?;
    b.wait_for_line("Entering MASTER STATE", LONG)?;
    stage.b.wait_for_address(VIP, true, LONG)?;
    ensure!(stage.a.holds(VIP)?, "somebody removed the address of a dead router");
    Ok(())
}

fn cut(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let (a, b) = stage.settled(OURS, &Config::v3(150), &Config::v3(100), VIP)?;
    stage.lab.cut(&stage.a_link)?;
    a.wait_for_line("Entering FAULT STATE", LONG)?;
    stage.a.wait_for_address(VIP, false, LONG)?;
    b.wait_for_line("Entering MASTER STATE", LONG)?;
    stage.b.wait_for_address(VIP, true, LONG)?;
    stage.lab.heal(&stage.a_link)?;
    a.wait_for_line("Entering MASTER STATE", LONG)?;
    b.wait_for_line("Entering BACKUP STATE", LONG)?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    stage.b.wait_for_address(VIP, false, LONG)?;
    Ok(())
}

/// The higher address wins.
fn equal(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let _a = stage.start(&stage.a, Program::Ours, &Config::v3(100))?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    let b = stage.start(&stage.b, Program::Ours, &Config::v3(100))?;
    b.wait_for_line("Entering BACKUP STATE", LONG)?;
    // Both masters for a moment: neither hears the other for a while.
    let hole = stage.lab.drop_between(&stage.a, &stage.b)?;
    stage.b.wait_for_address(VIP, true, LONG)?;
    stage.lab.mend(hole)?;
    stage.a.wait_for_address(VIP, false, LONG)?;
    ensure!(stage.b.holds(VIP)?, "the higher address did not stay master");
    Ok(())
}

fn ipv6(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let (mut a, b) = stage.settled(OURS, &Config::v6(150), &Config::v6(100), VIP6)?;
    let tentative = stage.a.addresses()?.into_iter().any(|address| address.tentative);
    ensure!(!tentative, "an address waits for duplicate detection");
    a.stop(LONG)?;
    b.wait_for_line("Entering MASTER STATE", LONG)?;
    stage.b.wait_for_address(VIP6, true, LONG)?;
    stage.a.wait_for_address(VIP6, false, LONG)?;
    Ok(())
}

fn unicast(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let a = Config {
        extra: "unicast_src_ip 10.9.0.1\n unicast_peer {\n 10.9.0.2\n }",
        ..Config::v3(150)
    };
    let b = Config {
        extra: "unicast_src_ip 10.9.0.2\n unicast_peer {\n 10.9.0.1\n }",
        ..Config::v3(100)
    };
    let cable = stage.lab.capture(&stage.client_link)?;
    let (mut a, b) = stage.settled(OURS, &a, &b, VIP)?;
    a.kill()?;
    b.wait_for_line("Entering MASTER STATE", LONG)?;
    let multicast = |frame: &Frame| frame.bytes.starts_with(&[1, 0, 0x5e, 0, 0, 0x12]);
    ensure!(!cable.frames().iter().any(multicast), "an advert went to everybody");
    Ok(())
}

/// At one second between adverts, where Keepalived leaves its clients alone for 0.6 s.
pub(super) fn stops_without_a_gap(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let (mut a, b) = stage.settled(OURS, &Config::v2(150), &Config::v2(100), VIP)?;
    let _responders = (Responder::start(&stage.a)?, Responder::start(&stage.b)?);
    let probe = Probe::start(&stage.client, VIP)?;
    std::thread::sleep(Duration::from_millis(500));
    let status = a.stop(LONG)?;
    ensure!(status.success(), "it ended with {status}:\n{}", a.output());
    b.wait_for_line("Entering MASTER STATE", LONG)?;
    std::thread::sleep(Duration::from_millis(500));
    let seen = probe.finish()?;
    let (asked, lost, gap) = (seen.asked(), seen.lost(), seen.gap());
    bench.say(format!("SIGTERM at 1 s: {lost} of {asked} questions lost, gap {gap:?}"));
    ensure!(seen.last()? == "b", "the successor does not answer");
    ensure!(lost == 0, "a planned handover lost {lost} of {asked} questions");
    ensure!(!stage.a.holds(VIP)?, "the address stayed behind");
    Ok(())
}

pub(super) fn puts_an_address_back(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let (a, b) = stage.settled(OURS, &Config::v2(150), &Config::v2(100), VIP)?;
    let cable = stage.lab.capture(&stage.client_link)?;
    let taken = Instant::now();
    stage.a.delete_address("eth0", "10.9.0.100/24".parse()?)?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    let back = taken.elapsed();
    bench.say(format!("an address that somebody removed is back after {back:?}"));
    ensure!(back < Duration::from_millis(10), "it took {back:?}");
    a.wait_for_line("somebody removed 10.9.0.100", LONG)?;
    cable.wait_for("an announcement", LONG, |frame| {
        Arp::read(&frame.bytes).is_some_and(|arp| arp.is_announcement())
    })?;
    ensure!(!b.output().contains("MASTER"), "the other router took over");
    Ok(())
}

/// Killed and started again at once, it goes on with the address in place.
pub(super) fn a_crash_is_resumed(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let (mut a, b) = stage.settled(OURS, &Config::v2(150), &Config::v2(100), VIP)?;
    let _responders = (Responder::start(&stage.a)?, Responder::start(&stage.b)?);
    let probe = Probe::start(&stage.client, VIP)?;
    a.kill()?;
    let again = stage.start(&stage.a, Program::Ours, &Config::v2(150))?;
    again.wait_for_line("listening before resuming", LONG)?;
    again.wait_for_line("Entering MASTER STATE", LONG)?;
    let seen = probe.finish()?;
    bench.say(format!(
        "kill -9 and restart: {} of {} questions lost",
        seen.lost(),
        seen.asked()
    ));
    ensure!(seen.lost() == 0, "{} of {} questions lost", seen.lost(), seen.asked());
    ensure!(!b.output().contains("MASTER"), "the other router took over");
    again.signal(Signal::SIGTERM)?;
    b.wait_for_line("Entering MASTER STATE", LONG)?;
    Ok(())
}
