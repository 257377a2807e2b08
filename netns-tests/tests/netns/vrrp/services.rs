//! What surrounds the router: reload, commands that are told of changes, files that others read.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use nix::sys::signal::Signal;
use tandem_netns_tests::Bench;

use super::stage::{Config, LONG, Program, Stage, VIP};

pub(super) fn reload_and_reports(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let folder = stage.lab.folder()?;
    let told = folder.join("told");
    let script = folder.join("notify.sh");
    fs::write(&script, format!("#!/bin/sh\necho \"$@\" >> {}\n", told.display()))?;
    make_executable(&script)?;
    let before = Config {
        before: format!("# {}", folder.display()),
        ..Config::v3(150)
    };
    let notify = format!("notify \"{} first\"\n", script.display());
    let text = before
        .text()
        .replace("virtual_ipaddress {", &format!("{notify}    virtual_ipaddress {{"));
    let file = folder.join("keepalived.conf");
    fs::write(&file, &text)?;
    let mut daemon = stage.start_with(&stage.a, Program::Ours, &file)?;
    daemon.wait_for_line("Entering MASTER STATE", LONG)?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    wait_for_text(&told, "first INSTANCE VI_1 MASTER 150")?;

    // One address more, and no change of state.
    fs::write(
        &file,
        text.replace("10.9.0.100/24", "10.9.0.100/24\n        10.9.0.101/24"),
    )?;
    daemon.signal(Signal::SIGHUP)?;
    stage.a.wait_for_address("10.9.0.101".parse()?, true, LONG)?;
    ensure!(stage.a.holds(VIP)?, "the reload took an address away");

    // A broken file changes nothing.
    fs::write(&file, "vrrp_instance VI_1 {\n    virtual_router_id 999\n}\n")?;
    daemon.signal(Signal::SIGHUP)?;
    daemon.wait_for_line("Reload refused", LONG)?;
    ensure!(stage.a.holds(VIP)?, "a broken file took an address away");

    fs::write(&file, &text)?;
    daemon.signal(Signal::SIGHUP)?;
    stage.a.wait_for_address("10.9.0.101".parse()?, false, LONG)?;
    ensure!(stage.a.holds(VIP)?, "the reload took an address away");
    let left = daemon.output().matches("Entering").count();
    ensure!(left == 2, "the state changed:\n{}", daemon.output());

    daemon.stop(LONG)?;
    wait_for_text(&told, "first INSTANCE VI_1 STOP 150")?;
    Ok(())
}

fn make_executable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
}

fn wait_for_text(path: &Path, text: &str) -> Result<()> {
    let deadline = Instant::now() + LONG;
    loop {
        let seen = fs::read_to_string(path).unwrap_or_default();
        if seen.contains(text) {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("`{text}` was not written to {}; it has:\n{seen}", path.display());
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
