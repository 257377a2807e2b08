//! Scripts that run as somebody else, through the launcher.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User};
use tandem_lab::{Host, Missing};
use tandem_netns_tests::{Bench, wait};

use super::stage::{Config, LONG, Program, Stage};

/// What a check and a notification leave behind is that user's; a run that takes too long is killed with all its children.
pub(super) fn scripts_as_their_users(bench: &Bench<'_>) -> Result<()> {
    let nobody = nobody()?;
    let stage = Stage::new(bench)?;
    let folder = Folder::new()?;
    let (checked, told) = (folder.0.join("checked"), folder.0.join("told"));
    let config = Config {
        before: format!(
            "vrrp_script chk {{\n script \"/usr/bin/touch {}\"\n interval 1\n user nobody\n}}\n\
             vrrp_script long {{\n script \"/bin/sleep 0.5\"\n interval 1\n timeout 10\n user nobody\n}}\n\
             vrrp_script slow {{\n script \"/usr/bin/timeout 77 /bin/sleep 78\"\n interval 1\n timeout 1\n weight 2\n user nobody\n}}\n",
            checked.display()
        ),
        extra: "track_script {\n chk\n long\n slow\n }",
        ..Config::v3(150)
    };
    let file = stage.lab.folder()?.join("keepalived.conf");
    let text = config.text();
    let end = text.rfind('}').context("a configuration without an end")?;
    let notify = format!("    notify_master \"/usr/bin/touch {}\" nobody\n}}\n", told.display());
    fs::write(&file, format!("{}{notify}", &text[..end]))?;
    let mut daemon = super::stage::run(&stage.a, Program::Ours, &file)?;
    daemon.wait_for_line("Entering MASTER STATE", LONG)?;
    daemon.wait_for_line("VRRP_Script(slow) timed_out", LONG)?;
    for path in [&checked, &told] {
        wait(&format!("{} of {nobody}", path.display()), || {
            Ok(fs::metadata(path).is_ok_and(|data| data.uid() == nobody))
        })?;
    }
    // What a launcher that dies has interrupted says nothing about what is checked.
    for _ in 0..2 {
        wait("a launcher that died", || Ok(kill_launcher(&stage.a).unwrap_or(false)))?;
        // One that always dies is no launcher: the next check comes to its end.
        std::thread::sleep(Duration::from_millis(1200));
    }
    fs::remove_file(&checked)?;
    wait("a check by another launcher", || Ok(checked.exists()))?;
    let said = daemon.output();
    ensure!(
        !said.contains("Entering FAULT STATE"),
        "a launcher took the router along: {said}"
    );
    daemon.stop(LONG)?;
    wait("the end of all processes", || {
        Ok(stage.a.processes().is_ok_and(|all| all.is_empty()))
    })?;
    ensure!(
        !daemon.output().contains("cannot be run"),
        "a script could not be run: {}",
        daemon.output()
    );
    Ok(())
}

/// Whether there was one.
fn kill_launcher(host: &Host) -> Result<bool> {
    let is_one =
        |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "tandem-vrrp-lau\n");
    let found = host.processes()?.into_iter().find(is_one);
    if let Some(pid) = found {
        kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGKILL)?;
    }
    Ok(found.is_some())
}

/// Somebody else than root, if there is anybody else here.
fn nobody() -> Result<u32> {
    let map = fs::read_to_string("/proc/self/uid_map")?;
    let whole = map.split_whitespace().nth(2) == Some("4294967295");
    let user = User::from_name("nobody")?.filter(|_| whole && nix::unistd::geteuid().is_root());
    let missing = || Missing::new("another user", "scripts change user only where root is real");
    Ok(user.ok_or_else(missing)?.uid.as_raw())
}

/// Where anybody may write.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Folder> {
        let path = std::env::temp_dir().join(format!("tandem-launch-{}", std::process::id()));
        fs::create_dir(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777))?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let path: &Path = &self.0;
        // What stays behind in the temporary folder harms nobody.
        fs::remove_dir_all(path).ok();
    }
}
