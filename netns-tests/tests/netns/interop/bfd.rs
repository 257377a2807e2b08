//! BFD with each who speaks it: a path that dies is a fault after five missed packets, and one that returns is none.

use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

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
    neighbor_ip {b}
    source_ip {a}
    min_rx 20
    min_tx 20
    multiplier 5
}";

/// The other end; what it does with its virtual router is not the matter.
const OTHERS: &str = "bfd_instance path {
    neighbor_ip {a}
    source_ip {b}
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
 peer {a}
  detect-multiplier 5
  receive-interval 20
  transmit-interval 20
  no shutdown
";

/// FRR refuses to run as a user who is not in its group, so the host gets a list of groups of its own. Link-local addresses
/// it knows through zebra, which is killed with everything else.
const SCRIPT: &str = r#"set -e
options="-u root -g root -P 0 --log stdout --log-level info"
if ! [ -e "$1.group" ]; then
    mkdir -p /run/frr
    sed 's/^frrvty:.*/&,root/' /etc/group > "$1.group"
    mount --bind "$1.group" /etc/group
fi
rm -f /run/frr/zserv.api
/usr/lib/frr/zebra $options -f /dev/null -i /run/frr/zebra.pid &
until [ -S /run/frr/zserv.api ]; do sleep 0.02; done
exec /usr/lib/frr/bfdd $options -f "$1" -i /run/frr/bfdd.pid --bfdctl /run/frr/bfdd.sock
"#;

pub(super) fn a_path_is_watched(bench: &Bench<'_>) -> Result<()> {
    let programs = [Program::Ours, Program::Keepalived, Program::Frr];
    let installed = |program: &Program| *program != Program::Frr || Path::new(DAEMON).exists();
    let each = programs.into_iter().filter(installed).flat_map(|program| {
        // Keepalived 2.2.7 knows no address on an interface.
        let link_local = (program != Program::Keepalived).then_some(Kind::LinkLocal);
        [Some(Kind::V4), link_local]
            .into_iter()
            .flatten()
            .map(move |kind| (program, kind))
    });
    all_at_once(each.map(|(program, kind)| (format!("{program:?}, {kind:?}"), move || with(bench, program, kind))))?;
    if !Path::new(DAEMON).exists() {
        return Err(Missing::new("frr", format!("{DAEMON} is not installed")).into());
    }
    Ok(())
}

/// What the neighbours call each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    V4,
    LinkLocal,
}

/// The two ends in a configuration.
struct Ends([String; 2]);

impl Ends {
    fn of(stage: &Stage, kind: Kind) -> Result<Ends> {
        let [a, b] = &stage.routers;
        Ok(Ends(match kind {
            Kind::V4 => [a, b].map(|router| router.link.address().ip().to_string()),
            Kind::LinkLocal => [link_local(&a.host)?, link_local(&b.host)?],
        }))
    }

    fn written(&self, config: &str) -> String {
        let Ends([a, b]) = self;
        config.replace("{a}", a).replace("{b}", b)
    }

    /// FRR names the interface behind the addresses, and wants to know its own.
    fn for_frr(&self, config: &str) -> String {
        let Ends([a, b]) = self;
        match (a.split_once('%'), b.split_once('%')) {
            (Some((a, _)), Some((b, interface))) => {
                config.replace("{a}", &format!("{a} local-address {b} interface {interface}"))
            }
            _ => self.written(config),
        }
    }
}

/// `fe80::1%eth0`
fn link_local(host: &Host) -> Result<String> {
    let deadline = Instant::now() + LONG;
    loop {
        let ours = host.addresses()?.into_iter().map(|address| address.cidr.ip());
        let mut local = ours.filter(|ip| matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local()));
        if let Some(ip) = local.next() {
            return Ok(format!("{ip}%eth0"));
        }
        ensure!(Instant::now() < deadline, "eth0 has no link-local address");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn with(bench: &Bench<'_>, program: Program, kind: Kind) -> Result<()> {
    let mut stage = Stage::new(bench, [Program::Ours, program])?;
    let other = stage.router(Side::B).host.clone();
    let ends = Ends::of(&stage, kind)?;
    let config = Config {
        before: ends.written(OURS),
        ..Config::v3(150).with("track_bfd {\n path\n }")
    };
    stage.start(Side::A, &config)?;
    stage
        .says(Side::A, "Entering FAULT STATE")
        .context("without a neighbour")?;
    let mut neighbour = start(&stage, &other, program, &ends)?;
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
        "BFD beside {program:?}, {kind:?}: a dead neighbour is a fault after {took:.1?}"
    ));
    ensure!(took < DETECTION + SLACK, "it took {took:?}");
    stage.says(Side::A, "BFD_Instance(path) Entering DOWN state")?;
    stage.router(Side::A).host.wait_for_address(VIP, false, LONG)?;

    drop(neighbour);
    neighbour = start(&stage, &other, program, &ends)?;
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

fn start(stage: &Stage, host: &Host, program: Program, ends: &Ends) -> Result<Running> {
    let file = stage.folder.join("neighbour.conf");
    let text = match program {
        Program::Frr => ends.for_frr(FRRS),
        _ => ends.written(OTHERS),
    };
    std::fs::write(&file, text)?;
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
