//! What is run and written at each occasion: the start, the end, a reload, the end of an instance, and a signal.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use tandem_lab::{Lab, Running};
use tandem_netns_tests::{Bench, wait};

use super::services::{make_executable, wait_for_text};
use super::solo::{group, journal_names};
use super::stage::{self, Config, LONG, Program, Stage, VIP};
use super::together;

pub(super) fn what_is_run_and_written(bench: &Bench<'_>) -> Result<()> {
    together(
        bench,
        &[
            ("scripts and a pipe", &told),
            ("signals", &signalled),
            ("options", &options),
            ("as what it replaces", &as_keepalived),
            ("an interface that is not tracked", &untracked),
            ("strict mode", &strict),
            ("a sync group after a crash", &resumed_group),
        ],
    )
}

/// A folder, and a script in it that writes its arguments after a word of its own.
struct Notes {
    folder: PathBuf,
    told: PathBuf,
}

impl Notes {
    fn new(stage: &Stage) -> Result<Notes> {
        let folder = stage.lab.folder()?;
        let told = folder.join("told");
        let script = folder.join("tell.sh");
        fs::write(&script, format!("#!/bin/sh\necho \"$@\" >> {}\n", told.display()))?;
        make_executable(&script)?;
        let reader = folder.join("read.sh");
        let text = format!(
            "#!/bin/sh\nwhile read line; do echo \"read $line\" >> {}; done < \"$1\"\n",
            told.display()
        );
        fs::write(&reader, text)?;
        make_executable(&reader)?;
        Ok(Notes { folder, told })
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn count(&self, line: &str) -> usize {
        let text = fs::read_to_string(&self.told).unwrap_or_default();
        text.lines().filter(|l| *l == line).count()
    }
}

fn told(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let notes = Notes::new(&stage)?;
    let tell = notes.file("tell.sh");
    let config = |more: &str| {
        let text = Config::v3(150).text();
        let global = format!(
            "global_defs {{\n startup_script \"{tell} begins\"\n shutdown_script \"{tell} ends\"\n \
             vrrp_notify_fifo {}\n vrrp_notify_fifo_script {}\n fifo_write_vrrp_states_on_reload\n",
            notes.file("pipe"),
            notes.file("read.sh"),
        );
        let text = text.replacen("global_defs {", &global, 1);
        let instance = format!("notify \"{tell}\"\n notify_deleted\n {more}\n virtual_ipaddress {{");
        text.replacen("virtual_ipaddress {", &instance, 1)
    };
    let file = stage.lab.folder()?.join("keepalived.conf");
    fs::write(&file, config(""))?;
    let mut daemon = stage::run(&stage.a, Program::Ours, &file)?;
    wait_for_text(&notes.told, "begins\n")?;
    wait_for_text(&notes.told, "read INSTANCE \"VI_1\" MASTER 150\n")?;
    ensure!(notes.count("begins") == 1);
    // Another program than the one that reads the pipe.
    wait(
        "what is told of it",
        || Ok(notes.count("INSTANCE VI_1 MASTER 150") == 1),
    )?;

    // The pipe hears its state once more, nobody else does.
    daemon.signal(Signal::SIGHUP)?;
    wait("the state again", || {
        Ok(notes.count("read INSTANCE \"VI_1\" MASTER 150") == 2)
    })?;
    ensure!(
        notes.count("INSTANCE VI_1 MASTER 150") == 1,
        "{}",
        fs::read_to_string(&notes.told)?
    );

    // Another virtual router takes its place.
    fs::write(
        &file,
        config("")
            .replace("virtual_router_id 51", "virtual_router_id 61")
            .replace("VI_1", "VI_2"),
    )?;
    daemon.signal(Signal::SIGHUP)?;
    wait_for_text(&notes.told, "INSTANCE VI_1 DELETED 150\n")?;
    wait_for_text(&notes.told, "INSTANCE VI_2 MASTER 150\n")?;
    ensure!(notes.count("ends") == 0);
    daemon.stop(LONG)?;
    ensure!(notes.count("ends") == 1, "{}", fs::read_to_string(&notes.told)?);
    Ok(())
}

fn signalled(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let folder = stage.lab.folder()?;
    let (data, json) = (folder.join("data"), folder.join("json"));
    let global = format!(
        "global_defs {{\n state_dump_file {}\n json_dump_file {}\n",
        data.display(),
        json.display()
    );
    let file = folder.join("keepalived.conf");
    fs::write(&file, Config::v3(150).text().replacen("global_defs {", &global, 1))?;
    let daemon = stage::run(&stage.a, Program::Ours, &file)?;
    daemon.wait_for_line("Entering MASTER STATE", LONG)?;
    daemon.signal(Signal::SIGUSR1)?;
    wait_for_text(&data, "VRRP Instance = VI_1")?;
    wait_for_text(&data, "State = MASTER")?;
    let number = Command::new(Program::Ours.path()?)
        .arg("--signum=JSON")
        .output()?
        .stdout;
    let number = String::from_utf8(number)?.trim().to_owned();
    let sent = Command::new("kill")
        .args([format!("-{number}"), daemon.pid().to_string()])
        .status()?;
    ensure!(sent.success(), "there is no signal {number}");
    wait_for_text(&json, "\"iname\":\"VI_1\"")?;
    Ok(())
}

fn with(stage: &Stage, options: &[&str], file: &Path) -> Result<Running> {
    let mut command = Command::new(Program::Ours.path()?);
    command
        .args(["--dont-fork", "--log-console", "--log-detail"])
        .args(options);
    Ok(stage.a.run(command.arg("--use-file").arg(file))?)
}

/// `-a`, `-V`, and `-s` into a network that another program made.
fn options(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let file = stage.lab.folder()?.join("keepalived.conf");
    fs::write(&file, Config::v3(150).text())?;
    let mut daemon = with(&stage, &["-a", "-V"], &file)?;
    daemon.wait_for_line("Assigned address 10.9.0.100 for interface eth0", LONG)?;
    stage.a.delete_address("eth0", "10.9.0.100/24".parse()?)?;
    daemon.wait_for_line("Deassigned address 10.9.0.100 for interface eth0", LONG)?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    daemon.stop(LONG)?;
    ensure!(stage.a.holds(VIP)?, "-V keeps it");
    // What was left is the next one's, which takes it away in the end.
    let mut next = with(&stage, &[], &file)?;
    next.wait_for_line("Entering MASTER STATE", LONG)?;
    next.stop(LONG)?;
    stage.a.wait_for_address(VIP, false, LONG)?;
    let mut lost = with(&stage, &["-s", "no-such-network"], &file)?;
    ensure!(
        !lost.wait(LONG)?.success(),
        "there is no such network:\n{}",
        lost.output()
    );
    ensure!(lost.output().contains("no-such-network"), "{}", lost.output());
    Ok(())
}

/// It says so where people look for it, and refuses with the same status what nothing can be made of.
fn as_keepalived(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let folder = stage.lab.folder()?;
    let (file, program) = (folder.join("keepalived.conf"), folder.join("keepalived"));
    std::os::unix::fs::symlink(Program::Ours.path()?, &program)?;
    let run = |text: &str| -> Result<Running> {
        fs::write(&file, text)?;
        let mut command = Command::new(&program);
        command.args(["--dont-fork", "--log-console", "--use-file"]);
        Ok(stage.a.run(command.arg(&file))?)
    };
    let mut daemon = run(&Config::v3(150).text())?;
    daemon.wait_for_line("Starting Keepalived v", LONG)?;
    daemon.wait_for_line("Startup complete", LONG)?;
    daemon.stop(LONG)?;
    daemon.wait_for_line("Stopped Keepalived v", LONG)?;

    let mut refused = run("vrrp_instance VI_1 {\n virtual_router_id 999\n}\n")?;
    let status = refused.wait(LONG)?;
    ensure!(status.code() == Some(2), "{status}:\n{}", refused.output());
    ensure!(!refused.output().contains("Starting"), "{}", refused.output());
    Ok(())
}

fn untracked(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let a = stage.start(&stage.a, Program::Ours, &Config::v3(150).with("dont_track_primary"))?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    let seen = stage.lab.capture(&stage.client_link)?;
    stage.lab.cut(&stage.a_link)?;
    wait("a cable that is cut", || {
        Ok(!stage.a.netlink(async |n| n.link("eth0").await)?.carrier)
    })?;
    stage.lab.heal(&stage.a_link)?;
    seen.clear();
    seen.wait_for("an advert", LONG, |frame| tandem_lab::Advert::read(frame).is_some())?;
    ensure!(stage.a.holds(VIP)?, "it let go");
    ensure!(!a.output().contains("FAULT"), "{}", a.output());
    Ok(())
}

/// Who does not own an address does not answer on it, and says nothing that the standard does not.
fn strict(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let a = stage.start(&stage.a, Program::Ours, &Config::v3(150).with("strict_mode on"))?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    let output = stage
        .a
        .inside(|| Command::new("nft").args(["list", "tables"]).output())??;
    let tables = String::from_utf8(output.stdout)?;
    ensure!(tables.contains("tandem_vrrp"), "its address is open to all: {tables}");
    let announced = || -> Result<usize> { Ok(a.output().matches("Sending gratuitous ARP").count()) };
    wait("an announcement", || Ok(announced()? > 0))?;
    // Longer than a second round would be away without the strict mode.
    let later = SystemTime::now() + Duration::from_secs(6);
    let seen = stage.lab.capture(&stage.client_link)?;
    seen.wait_for("an advert after that", LONG, |frame| {
        tandem_lab::Advert::read(frame).is_some_and(|advert| advert.at > later)
    })?;
    ensure!(announced()? == 1, "{}", a.output());
    Ok(())
}

/// Both addresses stay where they are, and both instances are master again.
fn resumed_group(bench: &Bench<'_>) -> Result<()> {
    let lab = Lab::new(bench.ground)?;
    let (front, back) = (lab.switch("front")?, lab.switch("back")?);
    let host = lab.host("a")?;
    lab.link(&host, &front, "10.9.0.1/24".parse()?)?;
    lab.link(&host, &back, "10.10.0.1/24".parse()?)?;
    let file = lab.folder()?.join("keepalived.conf");
    fs::write(&file, group(150))?;
    let mut daemon = stage::run(&host, Program::Ours, &file)?;
    let vips = [VIP, "10.10.0.100".parse()?];
    vips.iter()
        .try_for_each(|vip| host.wait_for_address(*vip, true, LONG))?;
    ["51/4/eth0", "52/4/eth1"]
        .iter()
        .try_for_each(|name| journal_names(daemon.pid(), name))?;
    let watch = host.run(Command::new("ip").args(["monitor", "address"]))?;
    let mark = "192.0.2.1/32";
    wait("somebody who watches", || {
        host.add_address("lo", mark.parse()?)?;
        host.delete_address("lo", mark.parse()?)?;
        Ok(watch.output().contains(mark))
    })?;
    daemon.kill()?;
    let again = stage::run(&host, Program::Ours, &file)?;
    again.wait_for_line("(FRONT) Entering MASTER STATE", LONG)?;
    again.wait_for_line("(BACK) Entering MASTER STATE", LONG)?;
    for vip in vips {
        ensure!(host.holds(vip).context("its addresses")?, "{vip} is gone");
    }
    let watched = watch.output();
    let mut taken = watched
        .lines()
        .filter(|line| line.contains("Deleted") && !line.contains(mark));
    ensure!(taken.next().is_none(), "taken in between:\n{watched}");
    Ok(())
}
