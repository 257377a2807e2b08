//! Two routers and a client on one switch: 10.9.0.1, .2 and .3, the virtual address .100.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
pub(super) use tandem_lab::RouterConfig as Config;
use tandem_lab::{Host, Lab, Link, Running};
use tandem_netns_tests::Bench;

pub(super) use crate::interop::stage::Program;

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

    /// Each has an address of its own over IPv6 as well: an answer that is a moment late still finds its way.
    pub(super) fn with_ipv6(bench: &Bench<'_>) -> Result<Stage> {
        let stage = Stage::new(bench)?;
        for (host, address) in [
            (&stage.a, "fd00:9::1/64"),
            (&stage.b, "fd00:9::2/64"),
            (&stage.client, "fd00:9::3/64"),
        ] {
            host.add_address("eth0", address.parse()?)?;
        }
        Ok(stage)
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
    program.run(host, file)
}

/// How often it became master so far. At the first election on a busy machine that may be both: a process that comes up late
/// finds the worse router already there.
pub(super) fn times_master(daemon: &Running) -> usize {
    daemon.output().matches("Entering MASTER STATE").count()
}
