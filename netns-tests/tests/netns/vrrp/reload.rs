//! What a reload begins to look at counts from then on, and what it looks at otherwise costs no mastership.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use tandem_lab::Running;
use tandem_netns_tests::Bench;

use super::stage::{self, Config, LONG, Program, Stage, VIP, times_master};

/// An interface that was there all the time, one that nobody looked at before, and the own one.
pub(super) fn begins_to_track_interfaces(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let other = stage.lab.switch("other")?;
    let link = stage.lab.link(&stage.a, &other, "10.8.0.1/24".parse()?)?;
    let file = stage.lab.folder()?.join("keepalived.conf");
    let config = |extra| Config {
        extra,
        ..Config::v3(150)
    };
    fs::write(&file, config("").text())?;
    let daemon = stage::run(&stage.a, Program::Ours, &file)?;
    stage.a.wait_for_address(VIP, true, LONG)?;

    // Its own interface goes and comes: it must not wait for a word that was said before.
    reload(&daemon, &file, &config("track_interface {\n eth0\n }"), 1)?;
    ensure!(stage.a.holds(VIP)?, "the reload took the address away");
    stage.lab.cut(&stage.a_link)?;
    stage.a.wait_for_address(VIP, false, LONG)?;
    stage.lab.heal(&stage.a_link)?;
    stage.a.wait_for_address(VIP, true, LONG)?;

    // One that is down already.
    stage.lab.cut(&link)?;
    let both = format!("track_interface {{\n eth0\n {}\n }}", link.interface());
    fs::write(
        &file,
        config("")
            .text()
            .replace("virtual_ipaddress {", &format!("{both}\n virtual_ipaddress {{")),
    )?;
    daemon.signal(Signal::SIGHUP)?;
    stage.a.wait_for_address(VIP, false, LONG)?;
    stage.lab.heal(&link)?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    Ok(())
}

/// Another address to speak from, that is tracked and is there; then none that is named.
pub(super) fn speaks_from_another_address(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    stage.a.add_address("eth0", "10.9.0.11/24".parse()?)?;
    let file = stage.lab.folder()?.join("keepalived.conf");
    let from = |extra| Config {
        extra,
        ..Config::v3(150)
    };
    fs::write(&file, from("mcast_src_ip 10.9.0.11\n    track_src_ip").text())?;
    let daemon = stage::run(&stage.a, Program::Ours, &file)?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    let others = [
        "mcast_src_ip 10.9.0.1\n    track_src_ip",
        "",
        "mcast_src_ip 10.9.0.11\n    track_src_ip",
    ];
    for (times, other) in (1..).zip(others) {
        reload(&daemon, &file, &from(other), times)?;
    }
    ensure!(
        times_master(&daemon) == 1 && !daemon.output().contains("FAULT"),
        "{}",
        daemon.output()
    );
    ensure!(stage.a.holds(VIP)?, "the address is gone");
    Ok(())
}

/// And waits until it is the `times`th that is done.
fn reload(daemon: &Running, file: &Path, config: &Config, times: usize) -> Result<()> {
    fs::write(file, config.text())?;
    daemon.signal(Signal::SIGHUP)?;
    tandem_netns_tests::wait("a reload", || {
        Ok(daemon.output().matches("Reload finished").count() >= times)
    })
}
