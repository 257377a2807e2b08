//! FRR as the other router: its vrrpd needs a macvlan that carries the address, and says with adverts only who is master.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use tandem_lab::{Host, Missing, Running};
use tandem_netns_tests::Bench;
use tandem_sys::netlink::{AddressRequest, Mac, MacvlanMode};

use super::row::Step::*;
use super::row::{Row, Step, play_beside};
use super::stage::Side::{A, B};
use super::stage::{Config, Program};

const DAEMON: &str = "/usr/lib/frr/vrrpd";
/// FRR counts in hundredths of a second, rounded down.
const DOWN_V2: Duration = Duration::from_millis(3600);
const DOWN_V3: Duration = Duration::from_millis(360);
const SKEW_V2: Duration = Duration::from_millis(600);
const SKEW_V3: Duration = Duration::from_millis(60);

/// Scenarios 1 to 5 and 12.
pub(super) fn as_the_other_router(bench: &Bench<'_>) -> Result<()> {
    if !Path::new(DAEMON).exists() {
        return Err(Missing::new("frr", format!("{DAEMON} is not installed")).into());
    }
    let follows = |skew| {
        [
            Start(A),
            Holds(A),
            Start(B),
            Ready(B),
            Now,
            Adverts(A, 2),
            Silent(B),
            Stop(A),
            Follows(B, skew),
            Holds(B),
            Start(A),
            Holds(A),
        ]
    };
    let v2 = [&follows(SKEW_V2)[..], &[Kill(A), Detects(B, DOWN_V2)]].concat();
    let cut = [Cut(A), Detects(B, DOWN_V3), Holds(B), Heal(A), Holds(A)];
    let kill = [Kill(A), Detects(B, DOWN_V3)];
    let v3 = [&follows(SKEW_V3)[..], &cut, &kill].concat();
    // The higher address stays, whoever was master before.
    let equal = vec![
        Start(A),
        Holds(A),
        Start(B),
        Ready(B),
        Part,
        Adverts(B, 2),
        Join,
        Adverts(B, 3),
        Now,
        Adverts(B, 5),
        Silent(A),
    ];
    play_beside(
        bench,
        Program::Frr,
        &[
            row("1 to 3", Config::v2(150), Config::v2(100), v2),
            row("5 with 4", Config::v3(150), Config::v3(100), v3),
            row("12", Config::v3(100), Config::v3(100), equal),
        ],
    )
}

fn row(name: &'static str, a: Config, b: Config, steps: Vec<Step>) -> Row {
    Row { name, a, b, steps }
}

/// Starts zebra and vrrpd in a host, with a macvlan for the address as FRR's manual asks.
pub(super) fn start(host: &Host, config: &Config, folder: &Path) -> Result<Running> {
    host.netlink(async |netlink| {
        if netlink.link("vrrp4").await.is_ok() {
            return Ok(());
        }
        let parent = netlink.link("eth0").await?.index;
        let mac = Mac([0, 0, 0x5e, 0, 1, 51]);
        let index = netlink
            .add_macvlan("vrrp4", parent, MacvlanMode::Bridge, Some(mac))
            .await?;
        let Ok(cidr) = config.addresses.parse() else {
            return Ok(());
        };
        netlink.add_address(&AddressRequest::new(index, cidr)).await?;
        netlink.set_up(index).await
    })?;
    let file = folder.join(format!("{}.frr", host.name()));
    std::fs::write(&file, text(config)?)?;
    Ok(host.run(Command::new("sh").args(["-c", SCRIPT, "frr"]).arg(&file))?)
}

/// FRR refuses to run as a user who is not in its group, so the host gets a list of groups of its own.
/// zebra outlives a vrrpd that is stopped.
const SCRIPT: &str = r#"set -e
options="-u root -g root -P 0 --log stdout --log-level info"
if ! [ -e "$1.group" ]; then
    mkdir -p /run/frr
    sed 's/^frrvty:.*/&,root/' /etc/group > "$1.group"
    mount --bind "$1.group" /etc/group
    /usr/lib/frr/zebra $options -f /dev/null -i /run/frr/zebra.pid &
    until [ -S /run/frr/zserv.api ]; do sleep 0.02; done
fi
exec /usr/lib/frr/vrrpd $options -f "$1" -i /run/frr/vrrpd.pid
"#;

fn text(config: &Config) -> Result<String> {
    let seconds: f64 = config.interval.parse()?;
    let address = config.addresses.split('/').next().unwrap_or_default();
    Ok(format!(
        "interface eth0
 vrrp 51 version {}
 vrrp 51 priority {}
 vrrp 51 advertisement-interval {:.0}
 vrrp 51 ip {address}
",
        config.version,
        config.priority,
        seconds * 1000.0
    ))
}
