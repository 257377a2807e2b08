//! Commands and pipes are told the same by ours as by Keepalived: words, names, states, priorities, and how often.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, anyhow, ensure};
use tandem_lab::{Missing, Running};
use tandem_netns_tests::{Bench, wait};

use super::stage::{self, Config, LONG, Program, Stage, VIP};
use super::together;
use crate::interop::row::runs_scripts;

/// The lines of each, in the order of the alphabet: commands run side by side.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    commands: Vec<String>,
    pipe: Vec<String>,
}

type Life = fn(&Bench<'_>, Program) -> Result<Told>;

pub(super) fn as_keepalived_tells(bench: &Bench<'_>) -> Result<()> {
    if !runs_scripts(bench, Program::Keepalived) {
        return Err(Missing::new("Keepalived's scripts", "they change user, which takes root").into());
    }
    together(
        bench,
        &[
            ("from the start to the end", &|bench| {
                let told = by_both(bench, life)?;
                ensure!(told.commands.len() == 7 && told.pipe.len() == 9, "{told:#?}");
                Ok(())
            }),
            ("a rival, a check that fails, a fault", &|bench| {
                let told = by_both(bench, troubles)?;
                ensure!(told.pipe == IN_TROUBLE, "{told:#?}");
                let own = ["[backup]", "[fault]", "[lower]", "[stop]"];
                ensure!(
                    own.iter().all(|word| told.commands.iter().any(|told| told == word)),
                    "{told:#?}"
                );
                Ok(())
            }),
        ],
    )
}

/// What both are told.
fn by_both(bench: &Bench<'_>, life: Life) -> Result<Told> {
    let (ours, theirs) = std::thread::scope(|scope| {
        let ours = scope.spawn(|| life(bench, Program::Ours));
        let theirs = life(bench, Program::Keepalived);
        (ours.join(), theirs)
    });
    let ours = ours.map_err(|_| anyhow!("it panicked"))??;
    let theirs = theirs?;
    ensure!(ours == theirs, "ours: {ours:#?}\nKeepalived: {theirs:#?}");
    Ok(ours)
}

/// A command that writes what it is told, and a pipe.
struct Ears {
    folder: PathBuf,
    script: String,
    told: PathBuf,
    pipe: PathBuf,
}

impl Ears {
    fn new(stage: &Stage) -> Result<Ears> {
        let folder = stage.lab.folder()?;
        let (script, told, pipe) = (folder.join("tell.sh"), folder.join("told"), folder.join("pipe"));
        // Each argument shows where it begins and ends; a line is written at once.
        let text = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$(printf '[%s]' \"$@\")\" >> {}\n",
            told.display()
        );
        std::fs::write(&script, text)?;
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))?;
        Ok(Ears {
            script: script.display().to_string(),
            folder,
            told,
            pipe,
        })
    }

    /// The daemon, and who reads its pipe.
    fn listen(&self, stage: &Stage, program: Program, config: &str) -> Result<(Running, Running)> {
        let file = self.folder.join("keepalived.conf");
        std::fs::write(&file, config)?;
        let daemon = stage::run(&stage.a, program, &file)?;
        wait("a pipe", || Ok(self.pipe.exists()))?;
        let reader = stage.a.run(Command::new("cat").arg(&self.pipe))?;
        Ok((daemon, reader))
    }

    fn commands(&self) -> String {
        std::fs::read_to_string(&self.told).unwrap_or_default()
    }

    fn global(&self) -> String {
        format!(
            "global_defs {{\n script_user root\n vrrp_version 3\n vrrp_notify_fifo {}\n}}\n",
            self.pipe.display()
        )
    }

    fn told(&self, reader: &Running) -> Told {
        Told {
            commands: sorted(&self.commands()),
            pipe: sorted(&reader.output()),
        }
    }
}

fn sorted(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// From the start to the end of a router with a group of one and an instance of its own.
fn life(bench: &Bench<'_>, program: Program) -> Result<Told> {
    let stage = Stage::new(bench)?;
    let ears = Ears::new(&stage)?;
    let script = &ears.script;
    let instance = |number: u8, more: &str| {
        format!(
            "vrrp_instance VI_{number} {{\n state BACKUP\n interface eth0\n virtual_router_id 5{number}\n priority 101\n \
             advert_int 0.1\n virtual_ipaddress {{\n 10.9.0.10{last}/24\n }}\n{more}}}\n",
            last = number - 1
        )
    };
    let config = format!(
        "{}vrrp_sync_group G {{\n group {{\n VI_1\n }}\n notify {script}\n}}\n{}{}",
        ears.global(),
        instance(1, ""),
        instance(
            2,
            &format!(" notify \"{script} mine\"\n notify_master \"{script} master only\"\n")
        )
    );
    let (mut daemon, reader) = ears.listen(&stage, program, &config)?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    let twice = |word| ears.commands().matches(word).count() == 2;
    wait("a new master", || Ok(twice("[MASTER]")))?;
    daemon.stop(LONG)?;
    wait("the last words", || Ok(twice("[STOP]")))?;
    wait("the last line", || Ok(reader.output().contains("GROUP \"G\" STOP")))?;
    Ok(ears.told(&reader))
}

/// Each once: of a rival that speaks twice both may be told.
const IN_TROUBLE: [&str; 8] = [
    "INSTANCE \"VI_1\" BACKUP 100",
    "INSTANCE \"VI_1\" BACKUP 40",
    "INSTANCE \"VI_1\" BACKUP_PRIORITY 100",
    "INSTANCE \"VI_1\" FAULT 100",
    "INSTANCE \"VI_1\" MASTER 100",
    "INSTANCE \"VI_1\" MASTER_PRIORITY 40",
    "INSTANCE \"VI_1\" MASTER_RX_LOWER_PRI 100",
    "INSTANCE \"VI_1\" STOP 100",
];

/// The other one (ours, with priority 50) is master first, and speaks a last time when it yields; then a check that fails makes
/// the better one the lesser, and at last its cable is cut.
fn troubles(bench: &Bench<'_>, program: Program) -> Result<Told> {
    let stage = Stage::new(bench)?;
    let ears = Ears::new(&stage)?;
    let (script, well) = (&ears.script, ears.folder.join("well"));
    std::fs::write(&well, "")?;
    let config = format!(
        "{}vrrp_script chk {{\n script \"/usr/bin/test -e {}\"\n interval 1\n weight -60\n}}\n\
         vrrp_instance VI_1 {{\n state BACKUP\n interface eth0\n virtual_router_id 51\n priority 100\n advert_int 0.1\n \
         virtual_ipaddress {{\n 10.9.0.100/24\n }}\n track_script {{\n chk\n }}\n notify_priority_changes yes\n \
         notify_master_rx_lower_pri \"{script} lower\"\n notify_backup \"{script} backup\"\n \
         notify_fault \"{script} fault\"\n notify_stop \"{script} stop\"\n notify \"{script} any\"\n}}\n",
        ears.global(),
        well.display(),
    );
    let rival = ears.folder.join("rival.conf");
    std::fs::write(&rival, Config::v3(50).text())?;
    let _rival = stage::run(&stage.b, Program::Ours, &rival)?;
    stage.b.wait_for_address(VIP, true, LONG)?;

    let (mut daemon, reader) = ears.listen(&stage, program, &config)?;
    let hears = |word: &str, count: usize| {
        let line = format!("INSTANCE \"VI_1\" {word}\n");
        wait(word, || Ok(reader.output().matches(&line).count() >= count))
    };
    hears("MASTER_RX_LOWER_PRI 100", 1)?;
    std::fs::remove_file(&well)?;
    hears("BACKUP 40", 1)?;
    std::fs::write(&well, "")?;
    hears("BACKUP_PRIORITY 100", 1)?;
    hears("MASTER 100", 2)?;
    stage.lab.cut(&stage.a_link)?;
    hears("FAULT 100", 1)?;
    stage.lab.heal(&stage.a_link)?;
    hears("MASTER 100", 3)?;
    daemon.stop(LONG)?;
    hears("STOP 100", 1)?;
    wait("the last words", || {
        Ok(ears.commands().contains("[stop]") && ears.commands().contains("[STOP]"))
    })?;
    let mut told = ears.told(&reader);
    told.commands.dedup();
    told.pipe.dedup();
    Ok(told)
}
