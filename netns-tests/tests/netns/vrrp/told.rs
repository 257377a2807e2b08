//! Commands and pipes are told the same by ours as by Keepalived: words, names, states, priorities, and how often.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use tandem_lab::Missing;
use tandem_netns_tests::{Bench, wait};

use super::stage::{self, LONG, Program, Stage, VIP};
use crate::interop::row::runs_scripts;

/// The lines of each, in the order of the alphabet: commands run side by side.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    commands: Vec<String>,
    pipe: Vec<String>,
}

pub(super) fn as_keepalived_tells(bench: &Bench<'_>) -> Result<()> {
    if !runs_scripts(bench, Program::Keepalived) {
        return Err(Missing::new("Keepalived's scripts", "they change user, which takes root").into());
    }
    let (ours, theirs) = std::thread::scope(|scope| {
        let ours = scope.spawn(|| life(bench, Program::Ours));
        let theirs = life(bench, Program::Keepalived);
        (ours.join(), theirs)
    });
    let ours = ours.map_err(|_| anyhow::anyhow!("it panicked"))??;
    let theirs = theirs?;
    ensure!(ours == theirs, "ours: {ours:#?}\nKeepalived: {theirs:#?}");
    ensure!(ours.commands.len() == 7 && ours.pipe.len() == 9, "{ours:#?}");
    Ok(())
}

/// From the start to the end of a router with a group of one and an instance of its own.
fn life(bench: &Bench<'_>, program: Program) -> Result<Told> {
    let stage = Stage::new(bench)?;
    let folder = stage.lab.folder()?;
    let (script, told, pipe) = (folder.join("tell.sh"), folder.join("told"), folder.join("pipe"));
    // Each argument shows where it begins and ends; a line is written at once.
    let text = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$(printf '[%s]' \"$@\")\" >> {}\n",
        told.display()
    );
    std::fs::write(&script, text)?;
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))?;
    let file = folder.join("keepalived.conf");
    std::fs::write(&file, config(&script, &pipe))?;
    let mut daemon = stage::run(&stage.a, program, &file)?;
    wait("a pipe", || Ok(pipe.exists()))?;
    let reader = stage.a.run(Command::new("cat").arg(&pipe))?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    let lines = || std::fs::read_to_string(&told).unwrap_or_default();
    wait("a new master", || Ok(lines().matches("[MASTER]").count() == 2))?;
    daemon.stop(LONG)?;
    wait("the last words", || Ok(lines().matches("[STOP]").count() == 2))?;
    wait("the last line", || Ok(reader.output().contains("GROUP \"G\" STOP")))?;
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    Ok(Told {
        commands: sorted(&lines()),
        pipe: sorted(&reader.output()),
    })
}

fn config(script: &Path, pipe: &Path) -> String {
    let (script, pipe) = (script.display(), pipe.display());
    let instance = |number: u8, more: &str| {
        format!(
            "vrrp_instance VI_{number} {{\n state BACKUP\n interface eth0\n virtual_router_id 5{number}\n priority 101\n \
             advert_int 0.1\n virtual_ipaddress {{\n 10.9.0.10{last}/24\n }}\n{more}}}\n",
            last = number - 1
        )
    };
    format!(
        "global_defs {{\n script_user root\n vrrp_version 3\n vrrp_notify_fifo {pipe}\n}}\n\
         vrrp_sync_group G {{\n group {{\n VI_1\n }}\n notify {script}\n}}\n{}{}",
        instance(1, ""),
        instance(
            2,
            &format!(" notify \"{script} mine\"\n notify_master \"{script} master only\"\n")
        )
    )
}
