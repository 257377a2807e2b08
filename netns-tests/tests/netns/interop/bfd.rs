//! BFD with each who speaks it: a path that dies is a fault after five missed packets, and one that returns is none.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use tandem_lab::{Host, Missing, Running};
use tandem_netns_tests::Bench;

use super::row::all_at_once;
use super::stage::{Config, LONG, Program, Side, Stage, VIP};

const DAEMON: &str = "/usr/lib/frr/bfdd";
/// Five times twenty milliseconds.
const DETECTION: Duration = Duration::from_millis(100);
/// What a busy machine may add to it.
const SLACK: Duration = Duration::from_millis(80);

const OURS: &str = "bfd_instance path {
    neighbor_ip 10.9.0.2
    source_ip 10.9.0.1
    min_rx 20
    min_tx 20
    multiplier 5
}";

/// The other end; what it does with its virtual router is not the matter.
const OTHERS: &str = "bfd_instance path {
    neighbor_ip 10.9.0.1
    source_ip 10.9.0.2
    min_rx 20
    min_tx 20
    multiplier 5
}
vrrp_instance OTHER {
    state BACKUP
    interface eth0
    virtual_router_id 99
    priority 10
    virtual_ipaddress {
        10.9.0.200/24
    }
    track_bfd {
        path
    }
}
";

const FRRS: &str = "bfd
 peer 10.9.0.1
  detect-multiplier 5
  receive-interval 20
  transmit-interval 20
  no shutdown
";

/// FRR refuses to run as a user who is not in its group, so the host gets a list of groups of its own.
const SCRIPT: &str = r#"set -e
options="-u root -g root -P 0 --log stdout --log-level info"
if ! [ -e "$1.group" ]; then
    mkdir -p /run/frr
    sed 's/^frrvty:.*/&,root/' /etc/group > "$1.group"
    mount --bind "$1.group" /etc/group
    /usr/lib/frr/zebra $options -f /dev/null -i /run/frr/zebra.pid &
    until [ -S /run/frr/zserv.api ]; do sleep 0.02; done
fi
exec /usr/lib/frr/bfdd $options -f "$1" -i /run/frr/bfdd.pid --bfdctl /run/frr/bfdd.sock
"#;

pub(super) fn a_path_is_watched(bench: &Bench<'_>) -> Result<()> {
    let programs = [Program::Ours, Program::Keepalived, Program::Frr];
    let installed = |program: &Program| *program != Program::Frr || Path::new(DAEMON).exists();
    let each = programs.into_iter().filter(installed);
    all_at_once(each.map(|program| (format!("{program:?}"), move || with(bench, program))))?;
    if !Path::new(DAEMON).exists() {
        return Err(Missing::new("frr", format!("{DAEMON} is not installed")).into());
    }
    Ok(())
}

fn with(bench: &Bench<'_>, program: Program) -> Result<()> {
    let mut stage = Stage::new(bench, [Program::Ours, program])?;
    let other = stage.router(Side::B).host.clone();
    let config = Config {
        before: OURS.to_owned(),
        ..Config::v3(150).with("track_bfd {\n path\n }")
    };
    stage.start(Side::A, &config)?;
    stage
        .says(Side::A, "Entering FAULT STATE")
        .context("without a neighbour")?;
    let mut neighbour = start(&stage, &other, program)?;
    stage
        .says(Side::A, "BFD_Instance(path) Entering UP state")
        .with_context(|| neighbour.output())?;
    stage.says(Side::A, "Entering MASTER STATE")?;
    stage.router(Side::A).host.wait_for_address(VIP, true, LONG)?;

    let killed = SystemTime::now();
    other.kill_all()?;
    let goodbye = stage.wait_for_advert(Side::A, killed, |advert| advert.priority == 0)?;
    let took = goodbye.at.duration_since(killed).unwrap_or_default();
    bench.say(format!(
        "BFD beside {program:?}: a dead neighbour is a fault after {took:.1?}"
    ));
    ensure!(took < DETECTION + SLACK, "it took {took:?}");
    stage.says(Side::A, "BFD_Instance(path) Entering DOWN state")?;
    stage.router(Side::A).host.wait_for_address(VIP, false, LONG)?;

    drop(neighbour);
    neighbour = start(&stage, &other, program)?;
    stage
        .says(Side::A, "BFD_Instance(path) Entering UP state")
        .with_context(|| neighbour.output())?;
    stage.router(Side::A).host.wait_for_address(VIP, true, LONG)?;
    // A neighbour that is stopped says so, and need not be missed.
    if program == Program::Ours {
        let stopped = SystemTime::now();
        neighbour.stop(LONG)?;
        stage.says(Side::A, "the neighbour says that it is down")?;
        stage.wait_for_advert(Side::A, stopped, |advert| advert.priority == 0)?;
    }
    Ok(())
}

fn start(stage: &Stage, host: &Host, program: Program) -> Result<Running> {
    let file = stage.folder.join("neighbour.conf");
    std::fs::write(&file, if program == Program::Frr { FRRS } else { OTHERS })?;
    Ok(match program {
        Program::Ours => program.run(host, &file)?,
        // Without --vrrp, which would leave BFD out.
        Program::Keepalived => {
            let mut command = Command::new("keepalived");
            command.args(["--dont-fork", "--log-console", "--log-detail", "--use-file"]);
            host.run(command.arg(&file))?
        }
        Program::Frr => host.run(Command::new("sh").args(["-c", SCRIPT, "frr"]).arg(&file))?,
    })
}
