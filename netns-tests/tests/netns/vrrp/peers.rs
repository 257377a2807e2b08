//! Ours with Keepalived, in both roles.

use anyhow::{Result, ensure};
use tandem_lab::Running;
use tandem_netns_tests::Bench;

use super::stage::{Config, LONG, Program, Stage, VIP, VIP6};
use super::together;

const ROLES: [[Program; 2]; 2] = [
    [Program::Ours, Program::Keepalived],
    [Program::Keepalived, Program::Ours],
];

/// Scenarios 1 to 3, 5 and 12 of the interop list, and IPv6, each with the roles swapped.
pub(super) fn beside_keepalived(bench: &Bench<'_>) -> Result<()> {
    together(
        bench,
        &[
            ("version 2, ours master", &|bench| v2(bench, ROLES[0])),
            ("version 2, Keepalived master", &|bench| v2(bench, ROLES[1])),
            ("version 3, ours master", &|bench| v3(bench, ROLES[0])),
            ("version 3, Keepalived master", &|bench| v3(bench, ROLES[1])),
            ("IPv6, ours master", &|bench| v6(bench, ROLES[0])),
            ("IPv6, Keepalived master", &|bench| v6(bench, ROLES[1])),
        ],
    )
}

/// A secret that Keepalived cuts to eight bytes; stop, and kill of everything.
fn v2(bench: &Bench<'_>, programs: [Program; 2]) -> Result<()> {
    let secret = |priority| Config {
        extra: "authentication {\n auth_type PASS\n auth_pass abcdefghij\n }",
        ..Config::v2(priority)
    };
    moves_twice(bench, programs, &secret(150), &secret(100), VIP)
}

fn v3(bench: &Bench<'_>, programs: [Program; 2]) -> Result<()> {
    moves_twice(bench, programs, &Config::v3(150), &Config::v3(100), VIP)
}

fn v6(bench: &Bench<'_>, programs: [Program; 2]) -> Result<()> {
    moves_twice(bench, programs, &Config::v6(150), &Config::v6(100), VIP6)
}

fn moves_twice(bench: &Bench<'_>, programs: [Program; 2], a: &Config, b: &Config, vip: std::net::IpAddr) -> Result<()> {
    let stage = Stage::new(bench)?;
    let (mut a_daemon, b_daemon) = stage.settled(programs, a, b, vip)?;
    a_daemon.stop(LONG)?;
    b_daemon.wait_for_line("Entering MASTER STATE", LONG)?;
    stage.b.wait_for_address(vip, true, LONG)?;
    stage.a.wait_for_address(vip, false, LONG)?;
    ensure!(!refused(&b_daemon), "adverts were refused:\n{}", b_daemon.output());

    let a_again = stage.start(&stage.a, programs[0], a)?;
    a_again.wait_for_line("Entering MASTER STATE", LONG)?;
    b_daemon.wait_for_line("Entering BACKUP STATE", LONG)?;
    stage.b.wait_for_address(vip, false, LONG)?;

    stage.a.kill_all()?;
    b_daemon.wait_for_line("Entering MASTER STATE", LONG)?;
    stage.b.wait_for_address(vip, true, LONG)?;
    ensure!(!refused(&b_daemon), "adverts were refused:\n{}", b_daemon.output());
    Ok(())
}

fn refused(daemon: &Running) -> bool {
    let output = daemon.output();
    ["invalid", "mismatch", "bogus"]
        .iter()
        .any(|word| output.contains(word))
}
