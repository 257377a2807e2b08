//! A router that cannot listen, as its host has no file to give, beside a master that it cannot hear.

use std::process::Command;

use anyhow::{Result, ensure};
use tandem_lab::{Host, Lab, Running};
use tandem_netns_tests::{Bench, wait};

use super::stage::{self, Config, LONG, Program, VIP, times_master};

/// It takes no part until it hears, which it tries again and again.
pub(super) fn takes_no_part(bench: &Bench<'_>) -> Result<()> {
    let lab = Lab::new(bench.ground)?;
    let (lan, deaf, master) = (lab.switch("lan")?, lab.host("deaf")?, lab.host("master")?);
    lab.link(&master, &lan, "10.9.0.2/24".parse()?)?;
    let file = lab.folder()?.join("keepalived.conf");
    std::fs::write(&file, Config::v3(150).text())?;
    let better = stage::run(&master, Program::Ours, &file)?;
    master.wait_for_address(VIP, true, LONG)?;
    std::fs::write(&file, Config::v3(100).text())?;
    let daemon = stage::run(&deaf, Program::Ours, &file)?;
    daemon.wait_for_line("Entering FAULT STATE", LONG)?;

    limit_files(&daemon, lowest_free(&daemon)?)?;
    lab.link(&deaf, &lan, "10.9.0.1/24".parse()?)?;
    daemon.wait_for_line("cannot listen for adverts on eth0", LONG)?;
    limit_files(&daemon, 1024)?;
    wait("a socket to listen on", || listens(&deaf))?;
    ensure!(
        times_master(&daemon) == 0,
        "it took silence for the truth:\n{}",
        daemon.output()
    );
    daemon.wait_for_line("Entering BACKUP STATE", LONG)?;
    drop(better);
    master.kill_all()?;
    deaf.wait_for_address(VIP, true, LONG)?;
    let said = daemon.output().matches("cannot listen").count();
    ensure!(said == 1, "said {said} times:\n{}", daemon.output());
    Ok(())
}

/// New ones get the lowest number that is free, so with this limit there are none.
fn lowest_free(daemon: &Running) -> Result<usize> {
    let mut number = 0;
    while std::fs::symlink_metadata(format!("/proc/{}/fd/{number}", daemon.pid())).is_ok() {
        number += 1;
    }
    Ok(number)
}

fn limit_files(daemon: &Running, most: usize) -> Result<()> {
    let pid = daemon.pid().to_string();
    let mut prlimit = Command::new("prlimit");
    let status = prlimit.args(["--pid", &pid, &format!("--nofile={most}:")]).status()?;
    ensure!(status.success(), "prlimit: {status}");
    Ok(())
}

/// For the protocol's number, 112.
fn listens(host: &Host) -> Result<bool> {
    let sockets = host.inside(|| std::fs::read_to_string("/proc/thread-self/net/raw"))??;
    Ok(sockets.contains(":0070 "))
}
