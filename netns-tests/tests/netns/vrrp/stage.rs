//! Two routers and a client on one switch: 10.9.0.1, .2 and .3, the virtual address .100.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use tandem_lab::{Host, Lab, Link, Missing, Running};
use tandem_netns_tests::Bench;

pub(super) const LONG: Duration = Duration::from_secs(20);
pub(super) const VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 9, 0, 100));
pub(super) const VIP6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::new(0xfd00, 9, 0, 0, 0, 0, 0, 0x100));

pub(super) struct Stage {
    pub(super) a: Host,
    pub(super) b: Host,
    pub(super) client: Host,
    pub(super) a_link: Link,
    pub(super) client_link: Link,
    pub(super) lab: Lab,
}

/// Which program stands on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    Ours,
    Keepalived,
}

/// One `vrrp_instance` as a configuration says it.
#[derive(Clone, Debug)]
pub(super) struct Config {
    pub(super) priority: u8,
    pub(super) version: u8,
    pub(super) interval: &'static str,
    /// Of the instance.
    pub(super) extra: &'static str,
    /// Before the instance.
    pub(super) before: String,
    pub(super) addresses: &'static str,
}

impl Config {
    pub(super) fn v2(priority: u8) -> Config {
        Config {
            priority,
            version: 2,
            interval: "1",
            extra: "",
            before: String::new(),
            addresses: "10.9.0.100/24",
        }
    }

    /// A tenth of a second, so that nobody waits for long.
    pub(super) fn v3(priority: u8) -> Config {
        Config {
            version: 3,
            interval: "0.1",
            ..Config::v2(priority)
        }
    }

    pub(super) fn v6(priority: u8) -> Config {
        Config {
            addresses: "fe80::52/64\n        fd00:9::100/64",
            ..Config::v3(priority)
        }
    }

    pub(super) fn text(&self) -> String {
        let Config {
            priority,
            version,
            interval,
            extra,
            before,
            addresses,
        } = self;
        format!(
            "global_defs {{
    vrrp_version {version}
}}
{before}
vrrp_instance VI_1 {{
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int {interval}
    {extra}
    virtual_ipaddress {{
        {addresses}
    }}
}}
"
        )
    }
}

impl Stage {
    pub(super) fn new(bench: &Bench<'_>) -> Result<Stage> {
        let lab = Lab::new(bench.ground)?;
        let lan = lab.switch("lan")?;
        let (a, b, client) = (lab.host("a")?, lab.host("b")?, lab.host("client")?);
        let a_link = lab.link(&a, &lan, "10.9.0.1/24".parse()?)?;
        lab.link(&b, &lan, "10.9.0.2/24".parse()?)?;
        let client_link = lab.link(&client, &lan, "10.9.0.3/24".parse()?)?;
        Ok(Stage {
            a,
            b,
            client,
            a_link,
            client_link,
            lab,
        })
    }

    pub(super) fn start(&self, host: &Host, program: Program, config: &Config) -> Result<Running> {
        let file = self.lab.folder()?.join("keepalived.conf");
        std::fs::write(&file, config.text())?;
        run(host, program, &file)
    }

    /// Both routers run and the first is master of what the second follows.
    pub(super) fn settled(
        &self,
        programs: [Program; 2],
        a: &Config,
        b: &Config,
        vip: IpAddr,
    ) -> Result<(Running, Running)> {
        let a_daemon = self.start(&self.a, programs[0], a)?;
        let b_daemon = self.start(&self.b, programs[1], b)?;
        b_daemon.wait_for_line("Entering BACKUP STATE", LONG)?;
        a_daemon.wait_for_line("Entering MASTER STATE", LONG)?;
        self.a.wait_for_address(vip, true, LONG)?;
        self.b.wait_for_address(vip, false, LONG)?;
        Ok((a_daemon, b_daemon))
    }
}

pub(super) fn run(host: &Host, program: Program, file: &Path) -> Result<Running> {
    let mut command = Command::new(match program {
        Program::Ours => ours()?,
        Program::Keepalived => PathBuf::from("keepalived"),
    });
    command.args(["--dont-fork", "--log-console", "--log-detail", "--vrrp", "--use-file"]);
    Ok(host.run(command.arg(file))?)
}

/// Tests lie in target/<profile>/deps, programs one folder up.
fn ours() -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    let folder = here.ancestors().nth(2).context("a program without a folder")?;
    let ours = folder.join("tandem-vrrp");
    if !ours.exists() {
        return Err(Missing::new("tandem-vrrp", format!("{} is not built", ours.display())).into());
    }
    Ok(ours)
}
