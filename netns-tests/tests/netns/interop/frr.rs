//! FRR as the other router: its vrrpd needs a macvlan that carries the address, and says with adverts only who is master.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;
use tandem_lab::{Cidr, Host, Missing, Running};
use tandem_netns_tests::Bench;
use tandem_sys::netlink::{AddressRequest, Mac, MacvlanMode};

use super::row::Step::*;
use super::row::{Row, Step, play_beside};
use super::stage::Side::{A, B};
use super::stage::{Config, LONG, Program};
use super::tables::EQUAL;

const DAEMON: &str = "/usr/lib/frr/vrrpd";
/// Its two daemons agree after this, or not at all.
pub(super) const RACE: Duration = Duration::from_secs(2);
/// FRR counts in hundredths of a second, rounded down.
const DOWN_V2: Duration = Duration::from_millis(3600);
const DOWN_V3: Duration = Duration::from_millis(360);
const SKEW_V2: Duration = Duration::from_millis(600);
const SKEW_V3: Duration = Duration::from_millis(60);

/// At a hundredth of a second FRR's skew is none.
pub(super) const DOWN_LEAST: Duration = Duration::from_millis(30);

const ELECT: [Step; 5] = [Start(A), Holds(A), Start(B), Ready(B), Adverts(A, 2)];

pub(super) fn is_installed() -> Result<()> {
    match Path::new(DAEMON).exists() {
        true => Ok(()),
        false => Err(Missing::new("frr", format!("{DAEMON} is not installed")).into()),
    }
}

/// Scenarios 1 to 5, 11, 12 and 19.
pub(super) fn as_the_other_router(bench: &Bench<'_>) -> Result<()> {
    is_installed()?;
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
    let cut = |down| [Cut(A), Detects(B, down), Holds(B), Heal(A), Holds(A)];
    // The other may have one advert on its way when ours already holds the address.
    let settled = [Now, Alone(A, 2)];
    let down = |down| [Down(A), Detects(B, down), Holds(B), Up(A), Holds(A)];
    // Started again after its death it finds a rival.
    let kill = |down| [Kill(A), Detects(B, down)];
    let again = |interval| [Start(A), Adverts(A, 2), Holds(A), Yields(B, interval)];
    let mut v2 = [&follows(SKEW_V2)[..], &kill(DOWN_V2)].concat();
    if bench.options.long {
        v2.extend(again(Duration::from_secs(1)));
    }
    let v2_cut = [&ELECT[..], &cut(DOWN_V2)].concat();
    let v2_down = [&ELECT[..], &down(DOWN_V2)].concat();
    let (cut, down) = (cut(DOWN_V3), down(DOWN_V3));
    let (kill, again) = (kill(DOWN_V3), again(Duration::from_millis(100)));
    let v3 = [&follows(SKEW_V3)[..], &cut, &settled, &down, &settled, &kill, &again].concat();
    // FRR computes with a pseudo-header, and believes nothing else.
    let sums = |priority, policy| Config::v3(priority).with(policy);
    let with = follows(SKEW_V3)[..10].to_vec();
    let without = vec![Start(A), Start(B), TwoMasters, Drops("checksum")];
    let six = follows(SKEW_V3).to_vec();
    play_beside(
        bench,
        Program::Frr,
        &[
            row("1 to 3", Config::v2(150), Config::v2(100), v2),
            row("4 carrier off", Config::v2(150), Config::v2(100), v2_cut),
            row("4 link down", Config::v2(150), Config::v2(100), v2_down),
            row("5 with 4", Config::v3(150), Config::v3(100), v3),
            row("11 with", sums(150, "checksum with"), sums(100, "checksum with"), with),
            row(
                "11 without",
                sums(150, "checksum without"),
                sums(100, "checksum without"),
                without,
            ),
            row("12", Config::v3(100), Config::v3(100), EQUAL.to_vec()),
            row("19 IPv6", Config::v6(150), Config::v6(100), six),
            row(
                "19 a virtual MAC on either side",
                Config::v3(150).with("use_vmac"),
                Config::v3(100).with("use_vmac"),
                follows(SKEW_V3).to_vec(),
            ),
        ],
    )
}

fn row(name: &'static str, a: Config, b: Config, steps: Vec<Step>) -> Row {
    Row { name, a, b, steps }
}

/// Starts zebra and vrrpd in a host, with a macvlan for the addresses as FRR's manual asks.
pub(super) fn start(host: &Host, config: &Config, folder: &Path) -> Result<Running> {
    let addresses = config.addresses.split_whitespace().map(str::parse);
    let addresses: Vec<Cidr> = addresses.collect::<Result<_, _>>()?;
    let six = addresses.iter().any(|address| address.ip().is_ipv6());
    // The last but one byte tells the families apart (RFC 9568, 7.3).
    let (name, family) = if six { ("vrrp6", 2) } else { ("vrrp4", 1) };
    host.netlink(async |netlink| {
        if netlink.link(name).await.is_ok() {
            return Ok(());
        }
        let parent = netlink.link("eth0").await?.index;
        let mac = Mac([0, 0, 0x5e, 0, family, 51]);
        let index = netlink
            .add_macvlan(name, parent, MacvlanMode::Bridge, Some(mac))
            .await?;
        for address in &addresses {
            netlink.add_address(&AddressRequest::new(index, *address)).await?;
        }
        netlink.set_up(index).await
    })?;
    let file = folder.join(format!("{}.frr", host.name()));
    std::fs::write(&file, text(config, &addresses)?)?;
    Ok(host.run(Command::new("sh").args(["-c", SCRIPT, "frr"]).arg(&file))?)
}

/// Until FRR has switched its macvlan off, as it does for a backup; or not, when it is on its way to master already.
pub(super) fn wait_until_off(host: &Host) -> Result<()> {
    let deadline = Instant::now() + RACE;
    while Instant::now() < deadline {
        let mut show = host.run(Command::new("ip").args(["-d", "link", "show", "type", "macvlan"]))?;
        show.wait(LONG)?;
        if show.output().contains("protodown on") {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Lets out what its macvlan sends.
pub(super) fn switch_on(host: &Host) -> Result<()> {
    for name in ["vrrp4", "vrrp6"] {
        let mut command = Command::new("ip");
        command.args(["link", "set", name, "protodown", "off"]);
        // Only one of them is there.
        host.run(&mut command)?.wait(LONG)?;
    }
    Ok(())
}

/// FRR refuses to run as a user who is not in its group, so the host gets a list of groups of its own.
/// zebra outlives a vrrpd that is stopped.
const SCRIPT: &str = r#"set -e
options="-u root -g root -P 0 --log stdout --log-level info"
if ! [ -e "$1.group" ]; then
    mkdir -p /run/frr
    sed 's/^frrvty:.*/&,root/' /etc/group > "$1.group"
    mount --bind "$1.group" /etc/group
fi
if ! kill -0 "$(cat /run/frr/zebra.pid 2>/dev/null)" 2>/dev/null; then
    rm -f /run/frr/zserv.api
    /usr/lib/frr/zebra $options -f /dev/null -i /run/frr/zebra.pid &
    until [ -S /run/frr/zserv.api ]; do sleep 0.02; done
fi
exec /usr/lib/frr/vrrpd $options -f "$1" -i /run/frr/vrrpd.pid
"#;

fn text(config: &Config, addresses: &[Cidr]) -> Result<String> {
    let seconds: f64 = config.interval.parse()?;
    let line = |address: &Cidr| {
        let word = if address.ip().is_ipv6() { "ipv6" } else { "ip" };
        format!(" vrrp 51 {word} {}\n", address.ip())
    };
    Ok(format!(
        "interface eth0
 vrrp 51 version {}
 vrrp 51 priority {}
 vrrp 51 advertisement-interval {:.0}
{}",
        config.version,
        config.priority,
        seconds * 1000.0,
        addresses.iter().map(line).collect::<String>()
    ))
}
