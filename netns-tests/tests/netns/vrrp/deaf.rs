//! A router that cannot listen, as its host has no file to give, beside a master that it cannot hear.

use std::process::Command;

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
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

/// A reload adds an instance where another family is listened for, and it says itself where it speaks from: nothing of its
/// place is news, and it waits for its socket all the same.
pub(super) fn waits_for_its_socket(bench: &Bench<'_>) -> Result<()> {
    let lab = Lab::new(bench.ground)?;
    let (lan, deaf, master) = (lab.switch("lan")?, lab.host("deaf")?, lab.host("master")?);
    lab.link(&master, &lan, "10.9.0.2/24".parse()?)?;
    lab.link(&deaf, &lan, "10.9.0.1/24".parse()?)?;
    let file = lab.folder()?.join("keepalived.conf");
    std::fs::write(&file, Config::v3(150).text())?;
    let _better = stage::run(&master, Program::Ours, &file)?;
    master.wait_for_address(VIP, true, LONG)?;
    let six = Config::v6(150).text().replace("VI_1", "VI_6");
    std::fs::write(&file, &six)?;
    let daemon = stage::run(&deaf, Program::Ours, &file)?;
    daemon.wait_for_line("(VI_6) Entering MASTER STATE", LONG)?;

    deaf.sysctl("net.ipv4.igmp_max_memberships", "0")?;
    let four = Config::v3(100).with("mcast_src_ip 10.9.0.1").text();
    std::fs::write(&file, four + &six)?;
    daemon.signal(Signal::SIGHUP)?;
    daemon.wait_for_line("cannot listen for adverts on eth0", LONG)?;
    deaf.sysctl("net.ipv4.igmp_max_memberships", "20")?;
    // That takes until the next attempt, which is longer than a silence of the master would have to be.
    wait("a socket to listen on", || listens(&deaf))?;
    daemon.wait_for_line("(VI_1) Entering BACKUP STATE", LONG)?;
    let output = daemon.output();
    ensure!(
        !output.contains("(VI_1) Entering MASTER STATE"),
        "it took silence for the truth:\n{output}"
    );
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
