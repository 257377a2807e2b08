//! What our unit leaves of root's power is enough for everything that a router does itself: four capabilities.

use std::process::Command;

use anyhow::{Result, ensure};
use tandem_netns_tests::Bench;

use super::stage::{Config, LONG, Program, Stage, VIP};

/// As in `systemd/tandem-vrrp.service`.
const FOUR: &str = "-all,+net_admin,+net_raw,+sys_nice,+ipc_lock";
/// Numbers 12, 13, 14 and 23.
const MASK: &str = "CapEff:\t0000000000807000";

/// A macvlan and what must be set for it, a closed address, a route and a rule, announcements, real time, locked memory.
pub(super) fn four_are_enough(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let config = Config {
        extra: "use_vmac
    no_accept
    promote_secondaries
    virtual_routes {
        10.20.0.0/16 via 10.9.0.3 dev eth0 table 77
    }
    virtual_rules {
        from 10.9.0.100 table 77 priority 500
    }",
        ..Config::v3(150)
    };
    let b = stage.start(&stage.b, Program::Ours, &Config::v3(100))?;
    let file = stage.lab.folder()?.join("a.conf");
    std::fs::write(&file, config.text())?;
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set", FOUR]).arg(Program::Ours.path()?);
    command.args(["--dont-fork", "--log-console", "--log-detail", "--use-file"]);
    let mut a = stage.a.run(command.arg(&file))?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    stage.b.wait_for_address(VIP, false, LONG)?;
    a.wait_for_line("(VI_1) Sending/queueing gratuitous ARPs on ", LONG)?;
    a.wait_for_line("Sending gratuitous ARP on ", LONG)?;

    let status = std::fs::read_to_string(format!("/proc/{}/status", a.pid()))?;
    ensure!(status.contains(MASK), "other rights:\n{status}");
    if !bench.ground.is_unprivileged() {
        ensure!(is_real_time(a.pid())?, "no thread runs before the ordinary ones");
        let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:"));
        let is_locked = locked.is_some_and(|locked| locked.trim() != "0 kB");
        ensure!(is_locked, "its memory may be paged out:\n{status}");
    }
    let (routes, rules) = stage
        .a
        .netlink(async |netlink| Ok((netlink.routes().await?, netlink.rules().await?)))?;
    ensure!(routes.iter().any(|route| route.table == 77), "there is no route");
    ensure!(rules.iter().any(|rule| rule.priority == 500), "there is no rule");

    a.stop(LONG)?;
    b.wait_for_line("Entering MASTER STATE", LONG)?;
    stage.a.wait_for_address(VIP, false, LONG)?;
    let said = a.output();
    // In a user namespace nobody gets real time or unlimited memory.
    let about_time = |line: &str| line.contains("real-time") || line.contains("memory is not locked");
    let refused = said
        .lines()
        .filter(|line| line.contains("not permitted") || line.contains("ermission denied"))
        .find(|line| !(bench.ground.is_unprivileged() && about_time(line)));
    ensure!(refused.is_none(), "{refused:?}");
    Ok(())
}

/// Any thread of it has the policy SCHED_RR: 2, the 41st word of proc_pid_stat(5), the 39th behind the name.
fn is_real_time(pid: u32) -> Result<bool> {
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let stat = std::fs::read_to_string(task?.path().join("stat"))?;
        let behind = stat.rsplit_once(") ").map_or("", |(_, behind)| behind);
        if behind.split_whitespace().nth(38) == Some("2") {
            return Ok(true);
        }
    }
    Ok(false)
}
