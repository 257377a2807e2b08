//! What surrounds the router: reload, commands that are told of changes, files that others read.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::Signal;
use tandem_netns_tests::{Bench, wait};

use super::stage::{self, Config, LONG, Program, Stage, VIP};

/// A service manager hears of it while the router's thread answers.
pub(super) fn signs_of_life(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let folder = stage.lab.folder()?;
    let (file, manager) = (folder.join("keepalived.conf"), folder.join("manager"));
    fs::write(&file, Config::v3(150).text())?;
    let ear = UnixDatagram::bind(&manager)?;
    ear.set_read_timeout(Some(LONG))?;
    let mut command = Command::new(Program::Ours.path()?);
    command.args(["--dont-fork", "--use-file"]).arg(&file);
    command.env("NOTIFY_SOCKET", &manager).env("WATCHDOG_USEC", "200000");
    let mut daemon = stage.a.run(&mut command)?;
    let hears = |words: &str| -> Result<()> {
        let mut buffer = [0; 512];
        loop {
            let count = ear.recv(&mut buffer).with_context(|| format!("nobody said {words}"))?;
            if String::from_utf8_lossy(&buffer[..count]).contains(words) {
                return Ok(());
            }
        }
    };
    hears("READY=1")?;
    (0..3).try_for_each(|_| hears("WATCHDOG=1"))?;
    daemon.stop(LONG)?;
    hears("STOPPING=1")
}

/// Waits until it is let go: as on a host whose packet filter has much to do.
const WAITING_NFT: &str = "#!/bin/sh
folder=$(dirname \"$0\")
touch \"$folder/asked\"
for i in $(seq 300); do
    [ -e \"$folder/go\" ] && break
    sleep 0.1
done
PATH=/usr/sbin:/sbin:/usr/bin:/bin exec nft \"$@\"
";

/// Whoever waits for the packet filter at a reload is not taken for dead.
pub(super) fn signs_of_life_while_waiting(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let folder = stage.lab.folder()?;
    let (file, manager, nft) = (
        folder.join("keepalived.conf"),
        folder.join("manager"),
        folder.join("nft"),
    );
    fs::write(&file, Config::v3(150).text())?;
    fs::write(&nft, WAITING_NFT)?;
    make_executable(&nft)?;
    let ear = UnixDatagram::bind(&manager)?;
    ear.set_read_timeout(Some(LONG))?;
    let mut command = Command::new(Program::Ours.path()?);
    command
        .args(["--dont-fork", "--log-console", "--log-detail", "--vrrp", "--use-file"])
        .arg(&file);
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    command.env("NOTIFY_SOCKET", &manager).env("WATCHDOG_USEC", "200000");
    let daemon = stage.a.run(command.env("PATH", path))?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    fs::write(&file, Config::v3(150).with("no_accept").text())?;
    daemon.signal(Signal::SIGHUP)?;
    wait("a question to the packet filter", || Ok(folder.join("asked").exists()))?;

    // What was said before.
    ear.set_nonblocking(true)?;
    let mut buffer = [0; 512];
    while ear.recv(&mut buffer).is_ok() {}
    ear.set_nonblocking(false)?;
    for _ in 0..3 {
        let count = ear.recv(&mut buffer).context("no sign of life")?;
        ensure!(buffer[..count].starts_with(b"WATCHDOG=1"), "another word");
    }
    ensure!(!daemon.output().contains("Reload finished"), "nothing was waited for");
    fs::write(folder.join("go"), "")?;
    daemon.wait_for_line("Reload finished", LONG)?;
    Ok(())
}

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
    let mut daemon = stage::run(&stage.a, Program::Ours, &file)?;
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

    // Nor does one that no memory would suffice for.
    fs::File::create(&file)?.set_len(1 << 40)?;
    daemon.signal(Signal::SIGHUP)?;
    daemon.wait_for_line("a configuration has at most", LONG)?;
    ensure!(stage.a.holds(VIP)?, "a file too large took an address away");

    fs::write(&file, &text)?;
    daemon.signal(Signal::SIGHUP)?;
    stage.a.wait_for_address("10.9.0.101".parse()?, false, LONG)?;
    ensure!(stage.a.holds(VIP)?, "the reload took an address away");
    let left = daemon.output().matches("Entering").count();
    ensure!(left == 2, "the state changed:\n{}", daemon.output());

    // A second instance comes and goes.
    let second = Config {
        addresses: "10.9.0.200/24",
        ..Config::v3(120)
    };
    let second = second
        .text()
        .replace("VI_1", "VI_2")
        .replace("virtual_router_id 51", "virtual_router_id 52");
    let (_, second) = second.split_once("vrrp_instance").context("there is an instance")?;
    fs::write(&file, format!("{text}vrrp_instance{second}"))?;
    daemon.signal(Signal::SIGHUP)?;
    stage.a.wait_for_address("10.9.0.200".parse()?, true, LONG)?;
    daemon.wait_for_line("(VI_2) Entering MASTER STATE", LONG)?;
    fs::write(&file, &text)?;
    daemon.signal(Signal::SIGHUP)?;
    stage.a.wait_for_address("10.9.0.200".parse()?, false, LONG)?;
    ensure!(stage.a.holds(VIP)?, "the reload took an address away");

    daemon.stop(LONG)?;
    wait_for_text(&told, "first INSTANCE VI_1 STOP 150")?;
    Ok(())
}

/// `state`, `why`, `metrics`, and a handover that the operator asks for.
pub(super) fn orders_over_the_socket(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let (a, b) = stage.settled([Program::Ours; 2], &Config::v3(150), &Config::v3(100), VIP)?;
    let ask = |question: &str| ask(a.pid(), question);
    let state = ask(r#"{"ask": "state"}"#)?;
    ensure!(
        state.contains(r#""state":"MASTER""#) && state.contains("10.9.0.100/24"),
        "{state}"
    );
    let why = ask(r#"{"ask": "why", "instance": "VI_1"}"#)?;
    ensure!(
        why.contains("base priority 150") && why.contains("Entering MASTER STATE"),
        "{why}"
    );
    let metrics = ask(r#"{"ask": "metrics"}"#)?;
    ensure!(metrics.contains("tandem_vrrp_closest_call_ratio"), "{metrics}");
    let nobody = ask(r#"{"ask": "why", "instance": "VI_2"}"#)?;
    ensure!(nobody.contains("there is no instance VI_2"), "{nobody}");

    ensure!(masters(&metrics) == Some("1"), "{metrics}");
    // STATS_CLEAR, as Keepalived numbers it.
    Command::new("kill").args(["-63", &a.pid().to_string()]).status()?;
    let deadline = Instant::now() + LONG;
    while masters(&ask(r#"{"ask": "metrics"}"#)?) != Some("0") {
        ensure!(Instant::now() < deadline, "the counters were not cleared");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }

    ask(r#"{"ask": "handover"}"#)?;
    b.wait_for_line("Entering MASTER STATE", LONG)?;
    a.wait_for_line("Entering BACKUP STATE", LONG)?;
    stage.a.wait_for_address(VIP, false, LONG)?;
    stage.b.wait_for_address(VIP, true, LONG)?;
    ask(r#"{"ask": "resume"}"#)?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    stage.b.wait_for_address(VIP, false, LONG)?;
    Ok(())
}

/// How often the only instance became master. The text is that of a JSON string.
fn masters(metrics: &str) -> Option<&str> {
    let line = metrics
        .split("\\n")
        .find(|line| line.starts_with("tandem_vrrp_became_master_total"))?;
    line.rsplit(' ').next()
}

/// Through the daemon's own view of the files: each host has a /run of its own.
pub(super) fn ask(daemon: u32, question: &str) -> Result<String> {
    let mut socket = UnixStream::connect(format!("/proc/{daemon}/root/run/tandem-vrrp/control.sock"))?;
    socket.set_read_timeout(Some(LONG))?;
    writeln!(socket, "{question}")?;
    let mut answer = String::new();
    BufReader::new(socket).read_line(&mut answer)?;
    Ok(answer)
}

pub(super) fn make_executable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
}

pub(super) fn wait_for_text(path: &Path, text: &str) -> Result<()> {
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
