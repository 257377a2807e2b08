//! A systemd of a test's own, as the first process of a process namespace on a host of the lab.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tandem_lab::{Host, Lab, Missing, Running, programs};
use tandem_netns_tests::{Bench, process_tree, until};

pub(super) const LONG: Duration = Duration::from_secs(20);

const BOOT: &str = include_str!("boot.sh");
/// What the script says last.
const BEGUN: &str = "systemd begins";

pub(super) struct Systemd {
    script: Running,
    /// As this process knows it.
    first: u32,
}

impl Systemd {
    pub(super) fn boot(bench: &Bench<'_>, lab: &Lab, host: &Host) -> Result<Systemd> {
        let missing = |why: &str| Missing::new("systemd", why);
        if bench.ground.is_unprivileged() {
            return Err(missing("it needs root").into());
        }
        if !Path::new("/lib/systemd/systemd").exists() {
            return Err(missing("it is not installed: apt-get install systemd").into());
        }
        let folder = lab.folder()?;
        let script = folder.join("boot.sh");
        fs::write(&script, BOOT)?;
        let programs = programs::built("tandem-lb")?;
        let mut command = Command::new("sh");
        command.args([&script, &folder, &repository()]).args(programs.parent());
        let mut script = host.run(&mut command)?;
        if script.wait_for_line(BEGUN, LONG).is_err() {
            script.kill().ok();
            return Err(missing(&format!("it cannot be started here: {}", script.output().trim())).into());
        }
        let first = until("the first process", || {
            let tree = process_tree(script.pid())?;
            let is_it = |id: &u32| fs::read_to_string(format!("/proc/{id}/comm")).is_ok_and(|name| name == "systemd\n");
            Ok(tree.into_iter().find(is_it))
        })?;
        let systemd = Systemd { script, first };
        until("the end of its start", || {
            let state = systemd.command(&["systemctl", "is-system-running"]).output()?;
            Ok((state.stdout == b"running\n").then_some(()))
        })
        .with_context(|| systemd.script.output())?;
        Ok(systemd)
    }

    /// A file as the units see it.
    pub(super) fn file(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.first))
    }

    pub(super) fn systemctl(&self, words: &[&str]) -> Result<String> {
        let output = self.command(&[&["systemctl"], words].concat()).output()?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "systemctl {words:?}: {}\n{said}{complaint}",
            output.status
        );
        Ok(said)
    }

    pub(super) fn property(&self, unit: &str, name: &str) -> Result<String> {
        self.systemctl(&["show", unit, "--value", "--property", name])
    }

    /// It was started again by itself so often since somebody started it, and is there.
    pub(super) fn restarted(&self, unit: &str, times: &str) -> Result<()> {
        until(&format!("{unit} restarted {times} times"), || {
            let is = |name, wanted| Ok::<_, anyhow::Error>(self.property(unit, name)? == wanted);
            Ok((is("NRestarts", times)? && is("ActiveState", "active")?).then_some(()))
        })
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        let target = self.first.to_string();
        command.args(["--target", &target, "--mount", "--pid", "--cgroup"]);
        command.args(words);
        command
    }
}

impl Drop for Systemd {
    /// The script ends with it, and removes its control group.
    fn drop(&mut self) {
        if let Ok(first) = i32::try_from(self.first) {
            kill(Pid::from_raw(first), Signal::SIGKILL).ok();
        }
        self.script.wait(LONG).ok();
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
