//! What happens on the host below a router: its interface goes and comes back, and processes that it counts end and come
//! again.

use std::process::Command;

use anyhow::Result;
use tandem_lab::{Lab, Running};
use tandem_netns_tests::Bench;

use super::stage::{self, Config, LONG, Program, Stage, VIP};

/// As with a card that is pulled, or a bond that is made anew: another interface with the same name.
pub(super) fn the_interface_returns(bench: &Bench<'_>) -> Result<()> {
    let lab = Lab::new(bench.ground)?;
    let (lan, host) = (lab.switch("lan")?, lab.host("a")?);
    lab.link(&host, &lan, "10.9.0.1/24".parse()?)?;
    let file = lab.folder()?.join("keepalived.conf");
    std::fs::write(&file, Config::v3(100).text())?;
    let daemon = stage::run(&host, Program::Ours, &file)?;
    for _ in 0..2 {
        daemon.wait_for_line("Entering MASTER STATE", LONG)?;
        host.wait_for_address(VIP, true, LONG)?;
        host.netlink(async |netlink| netlink.delete_link(netlink.link("eth0").await?.index).await)?;
        daemon.wait_for_line("Entering FAULT STATE", LONG)?;
        lab.link_as(&host, &lan, "eth0", "10.9.0.1/24".parse()?)?;
    }
    daemon.wait_for_line("Entering MASTER STATE", LONG)?;
    Ok(host.wait_for_address(VIP, true, LONG)?)
}

/// Two of a kind have to run: the address moves when one ends, and returns with another one.
pub(super) fn processes_are_counted(bench: &Bench<'_>) -> Result<()> {
    const PROCESS: &str = "tandem-lodger";
    let stage = Stage::new(bench)?;
    let program = stage.lab.folder()?.join(PROCESS);
    std::fs::copy("/bin/sleep", &program)?;
    let lodger = || -> Result<Running> { Ok(stage.a.run(Command::new(&program).arg("600"))?) };
    let _one = lodger()?;
    let mut other = lodger()?;
    let counted = Config::v3(150).with("track_process {\n two\n }").after(format!(
        "vrrp_track_process two {{\n process {PROCESS}\n quorum 2\n weight -60\n}}"
    ));
    let (a, _b) = stage.settled([Program::Ours; 2], &counted, &Config::v3(100), VIP)?;
    other.kill()?;
    a.wait_for_line("Changing effective priority from 150 to 90", LONG)?;
    stage.b.wait_for_address(VIP, true, LONG)?;
    stage.a.wait_for_address(VIP, false, LONG)?;
    let _third = lodger()?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    Ok(stage.b.wait_for_address(VIP, false, LONG)?)
}
