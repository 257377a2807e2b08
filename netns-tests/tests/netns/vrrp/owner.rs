//! A router whose virtual address is its host's own (priority 255), and the only one that its interface has.

use std::net::IpAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use tandem_lab::{Host, Lab, Running};
use tandem_netns_tests::{Bench, wait};

use super::services::{make_executable, wait_for_text};
use super::stage::{self, Config, LONG, Program, VIP};

/// It is master with it from the start, puts it back in place when somebody takes it, and leaves it to the host.
pub(super) fn keeps_its_address(bench: &Bench<'_>) -> Result<()> {
    let lab = Lab::new(bench.ground)?;
    let lan = lab.switch("lan")?;
    let (owner, other) = (lab.host("owner")?, lab.host("other")?);
    lab.link(&owner, &lan, "10.9.0.100/24".parse()?)?;
    lab.link(&other, &lan, "10.9.0.2/24".parse()?)?;
    let run = |host: &Host, config: Config| -> Result<Running> {
        let file = lab.folder()?.join("keepalived.conf");
        std::fs::write(&file, config.text())?;
        stage::run(host, Program::Ours, &file)
    };
    let mut told = owner.run(Command::new("ip").args(["monitor", "address", "dev", "eth0"]))?;
    // Nobody says when it has begun to listen.
    wait("news of an address", || {
        let passing = "10.8.0.1/32".parse()?;
        owner.add_address("eth0", passing)?;
        owner.delete_address("eth0", passing)?;
        Ok(told.output().contains("10.8.0.1"))
    })?;
    let is_taken = || {
        let text = told.output();
        text.lines()
            .any(|line| line.contains("Deleted") && line.contains("10.9.0.100"))
    };
    let mut daemon = run(&owner, Config::v3(255).with("state MASTER"))?;
    daemon.wait_for_line("Entering MASTER STATE", LONG)?;
    let backup = run(&other, Config::v3(100))?;
    backup.wait_for_line("Entering BACKUP STATE", LONG)?;
    daemon.signal(Signal::SIGHUP)?;
    daemon.wait_for_line("Reload finished", LONG)?;
    ensure!(!is_taken(), "it was taken from its host:\n{}", told.output());

    owner.delete_address("eth0", "10.9.0.100/24".parse()?)?;
    wait("news of its removal", || Ok(is_taken()))?;
    owner.wait_for_address(VIP, true, LONG)?;
    daemon.wait_for_line("somebody removed 10.9.0.100", LONG)?;
    daemon.stop(LONG)?;
    backup.wait_for_line("Entering MASTER STATE", LONG)?;
    ensure!(owner.holds(VIP)?, "the host has lost its own address");
    let output = daemon.output();
    ensure!(!output.contains("FAULT"), "it was in fault:\n{output}");
    told.kill()?;
    Ok(())
}

/// What it added itself it takes away.
pub(super) fn takes_what_it_brought(bench: &Bench<'_>) -> Result<()> {
    let stage = stage::Stage::new(bench)?;
    let mut daemon = stage.start(&stage.a, Program::Ours, &Config::v3(255).with("state MASTER"))?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    daemon.stop(LONG)?;
    stage.a.wait_for_address(VIP, false, Duration::from_secs(1))?;
    ensure!(
        stage.a.holds(IpAddr::from([10, 9, 0, 1]))?,
        "the host's own address is gone"
    );
    Ok(())
}

/// Whoever is told to stop while it starts leaves nothing behind, at whatever moment: an owner has its address at once.
pub(super) fn stops_while_it_starts(bench: &Bench<'_>) -> Result<()> {
    const STEP: Duration = Duration::from_millis(2);
    let stage = stage::Stage::new(bench)?;
    let owner = || Config::v3(255).with("state MASTER");
    for step in 0..20 {
        let mut daemon = stage.start(&stage.a, Program::Ours, &owner())?;
        std::thread::sleep(STEP * step);
        daemon.stop(LONG)?;
        ensure!(!stage.a.holds(VIP)?, "after {:?}:\n{}", STEP * step, daemon.output());
    }

    let folder = stage.lab.folder()?;
    let (script, begun) = (folder.join("startup.sh"), folder.join("begun"));
    let text = format!("#!/bin/sh\necho begun > {}\nexec sleep 600\n", begun.display());
    std::fs::write(&script, text)?;
    make_executable(&script)?;
    let scripted = owner().after(format!(
        "global_defs {{\n startup_script \"{}\"\n startup_script_timeout 600\n}}",
        script.display()
    ));
    let mut daemon = stage.start(&stage.a, Program::Ours, &scripted)?;
    wait_for_text(&begun, "begun\n")?;
    let status = daemon.stop(LONG)?;
    ensure!(status.success(), "{status}, while a script runs:\n{}", daemon.output());
    ensure!(!stage.a.holds(VIP)?, "it was master after all:\n{}", daemon.output());

    // Whoever waits for the pid file may be that quick.
    let (file, pid) = (folder.join("keepalived.conf"), folder.join("pid"));
    std::fs::write(&file, Config::v3(100).text())?;
    for _ in 0..10 {
        let mut command = Command::new(Program::Ours.path()?);
        command
            .args(["--dont-fork", "--log-console", "--vrrp", "--use-file"])
            .arg(&file);
        let mut daemon = stage.a.run(command.arg("--pid").arg(&pid))?;
        let deadline = Instant::now() + LONG;
        while !pid.exists() {
            ensure!(Instant::now() < deadline, "there is no pid file:\n{}", daemon.output());
            std::thread::sleep(Duration::from_micros(50));
        }
        let status = daemon.stop(LONG)?;
        ensure!(
            status.success(),
            "{status}, as soon as it had a pid file:\n{}",
            daemon.output()
        );
        ensure!(!pid.exists(), "its pid file is left:\n{}", daemon.output());
    }
    Ok(())
}

/// How a file is read again.
#[derive(Clone, Copy)]
enum Again {
    Reload,
    Restart,
}

/// A file that gives up owning the address, and perhaps the address as well, leaves it to its host, which has no other: at a
/// reload and at a restart. Without another address to speak from, and none of its own, it is in fault.
pub(super) fn gives_up_what_the_host_keeps(bench: &Bench<'_>) -> Result<()> {
    let only_owning = Config {
        addresses: "10.9.0.1/24",
        ..Config::v3(100)
    };
    for again in [Again::Reload, Again::Restart] {
        gives_up(bench, &Config::v3(100), again)?;
        gives_up(bench, &only_owning, again)?;
    }
    Ok(())
}

fn gives_up(bench: &Bench<'_>, less: &Config, again: Again) -> Result<()> {
    let lab = Lab::new(bench.ground)?;
    let lan = lab.switch("lan")?;
    let host = lab.host("owner")?;
    lab.link(&host, &lan, "10.9.0.1/24".parse()?)?;
    let file = lab.folder()?.join("keepalived.conf");
    let owner = Config {
        addresses: "10.9.0.1/24",
        ..Config::v3(255).with("state MASTER")
    };
    std::fs::write(&file, owner.text())?;
    let mut daemon = stage::run(&host, Program::Ours, &file)?;
    daemon.wait_for_line("Entering MASTER STATE", LONG)?;
    std::fs::write(&file, less.text())?;
    match again {
        Again::Reload => {
            daemon.signal(Signal::SIGHUP)?;
            daemon.wait_for_line("Reload finished", LONG)?;
        }
        Again::Restart => {
            daemon.stop(LONG)?;
            daemon = stage::run(&host, Program::Ours, &file)?;
        }
    }
    let keeps_address = less.addresses == owner.addresses;
    if keeps_address {
        daemon.wait_for_line("10.9.0.1 stays on eth0", LONG)?;
        daemon.wait_for_line("Entering FAULT STATE", LONG)?;
    } else {
        host.wait_for_address(VIP, true, LONG)?;
    }
    // What was asked of the kernel is answered by now.
    daemon.stop(LONG)?;
    let output = daemon.output();
    ensure!(
        host.holds(IpAddr::from([10, 9, 0, 1]))?,
        "the host has lost its own address:\n{output}"
    );
    ensure!(output.contains("FAULT") == keeps_address, "it was in fault:\n{output}");
    Ok(())
}
