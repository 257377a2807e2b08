//! The pair that operators' guides copy: priorities 101 and 100, `killall -0 haproxy` each 2 s, weight 2, and a secret
//! that is not ASCII and too long.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use tandem_lab::{Host, Running};
use tandem_netns_tests::Bench;

use super::stage::{Config, LONG, Program, Stage, VIP};
use super::together;

/// Nobody else's process is called so.
const BALANCER: &str = "balancer-stub";

pub(super) fn the_operators_pair(bench: &Bench<'_>) -> Result<()> {
    together(
        bench,
        &[
            ("ours and ours", &|bench| pair(bench, [Program::Ours; 2])),
            ("ours and Keepalived", &|bench| {
                pair(bench, [Program::Ours, Program::Keepalived])
            }),
            ("a script that acts", &acting),
            ("an interface and a file with weights", &weights),
        ],
    )
}

fn pair(bench: &Bench<'_>, programs: [Program; 2]) -> Result<()> {
    let stage = Stage::new(bench)?;
    let folder = stage.lab.folder()?;
    // Each host's balancer has a name of its own, because all hosts of a lab see each other's processes.
    let names = ["a", "b"].map(|host| format!("{BALANCER}-{host}"));
    // To nobody the kernel would refuse it; ours knows the answer without asking.
    let user = if programs == [Program::Ours; 2] {
        "user nobody"
    } else {
        ""
    };
    let config = |priority, name: &str| Config {
        before: format!("vrrp_script chk {{\n script \"killall -0 {name}\"\n interval 2\n weight 2\n {user}\n}}"),
        extra: "authentication {\n auth_type PASS\n auth_pass pässwört-secret\n }\n track_script {\n chk\n }",
        ..Config::v2(priority)
    };
    let mut balancer = start_balancer(&stage.a, &folder, &names[0])?;
    let _other = start_balancer(&stage.b, &folder, &names[1])?;
    let (a, _b) = stage.settled(programs, &config(101, &names[0]), &config(100, &names[1]), VIP)?;

    balancer.kill()?;
    a.wait_for_line("Script `chk` now returning 1", LONG)?;
    a.wait_for_line("Changing effective priority from 103 to 101", LONG)?;
    stage.b.wait_for_address(VIP, true, LONG)?;
    stage.a.wait_for_address(VIP, false, LONG)?;

    let _balancer = start_balancer(&stage.a, &folder, &names[0])?;
    a.wait_for_line("Changing effective priority from 101 to 103", LONG)?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    stage.b.wait_for_address(VIP, false, LONG)?;
    Ok(())
}

/// A check that starts the balancer again and, where that fails, stops the router.
fn acting(bench: &Bench<'_>) -> Result<()> {
    const NAME: &str = "balancer-c";
    let stage = Stage::new(bench)?;
    let folder = stage.lab.folder()?;
    let (program, pid) = (folder.join(NAME), folder.join("balancer.pid"));
    let script = folder.join("check.sh");
    let text = format!(
        "#!/bin/sh
killall -0 {NAME} 2>/dev/null && exit 0
{program} 3600 >/dev/null 2>&1 &
echo $! > {pid}
sleep 0.2
killall -0 {NAME} 2>/dev/null && exit 0
kill -TERM $(cat /run/keepalived.pid)
exit 1
",
        program = program.display(),
        pid = pid.display()
    );
    std::fs::write(&script, text)?;
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))?;
    let a = Config {
        before: format!(
            "vrrp_script chk {{\n script \"{}\"\n interval 1\n user root\n}}",
            script.display()
        ),
        extra: "track_script {\n chk\n }",
        ..Config::v3(150)
    };
    let mut balancer = start_balancer(&stage.a, &folder, NAME)?;
    let (mut daemon, b) = stage.settled([Program::Ours; 2], &a, &Config::v3(100), VIP)?;

    balancer.kill()?;
    let started = wait_for_pid(&pid)?;
    ensure!(
        stage.a.holds(VIP)?,
        "a balancer that was started again cost the address"
    );

    // Now it cannot be started again.
    std::fs::remove_file(&program)?;
    tandem_sys::process::signal(started, Signal::SIGKILL)?;
    b.wait_for_line("Entering MASTER STATE", LONG)?;
    let status = daemon.wait(LONG)?;
    ensure!(status.success(), "it ended with {status}:\n{}", daemon.output());
    stage.b.wait_for_address(VIP, true, LONG)?;
    stage.a.wait_for_address(VIP, false, LONG)?;

    let _balancer = start_balancer(&stage.a, &folder, NAME)?;
    let _daemon = stage.start(&stage.a, Program::Ours, &a)?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    stage.b.wait_for_address(VIP, false, LONG)?;
    Ok(())
}

/// What makes the better one the lesser moves the address, and back when it is over.
fn weights(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    stage
        .lab
        .link(&stage.a, &stage.lab.switch("other")?, "10.8.0.1/24".parse()?)?;
    let load = stage.lab.folder()?.join("load");
    std::fs::write(&load, "0\n")?;
    let a = Config {
        before: format!("vrrp_track_file load {{\n file {}\n weight 1\n}}", load.display()),
        extra: "track_interface {\n eth1 weight -60\n }\n track_file {\n load\n }",
        ..Config::v3(150)
    };
    let _daemons = stage.settled([Program::Ours; 2], &a, &Config::v3(100), VIP)?;
    let moves = |to: &Host, from: &Host| -> Result<()> {
        to.wait_for_address(VIP, true, LONG)?;
        Ok(from.wait_for_address(VIP, false, LONG)?)
    };
    stage.a.set_down("eth1")?;
    moves(&stage.b, &stage.a).context("the interface is down")?;
    stage.a.set_up("eth1")?;
    moves(&stage.a, &stage.b).context("the interface is up")?;
    std::fs::write(&load, "-60\n")?;
    moves(&stage.b, &stage.a).context("the file says -60")?;
    std::fs::write(&load, "0\n")?;
    moves(&stage.a, &stage.b).context("the file says 0")
}

fn wait_for_pid(path: &Path) -> Result<u32> {
    let deadline = Instant::now() + LONG;
    loop {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        if let Some(pid) = text.strip_suffix('\n') {
            return Ok(pid.parse()?);
        }
        ensure!(Instant::now() < deadline, "the balancer was not started again");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A process of that name which does nothing.
fn start_balancer(host: &Host, folder: &Path, name: &str) -> Result<Running> {
    let program: PathBuf = folder.join(name);
    if !program.exists() {
        // A link, not a copy: a file that was just written may still be open in a child that another thread forked, and is
        // then too busy to be run.
        std::os::unix::fs::symlink("/bin/sleep", &program).context("name a program")?;
    }
    Ok(host.run(Command::new(program).arg(Duration::from_secs(3600).as_secs().to_string()))?)
}
