//! A backup that hears nothing asks its default gateway, or whom it was told to ask, before it takes over: whoever cannot
//! reach that either is the one cut off.

use std::time::{Duration, SystemTime};

use anyhow::{Result, ensure};
use tandem_netns_tests::Bench;

use super::together;
use crate::interop::stage::{Config, LONG, Program, Side, Stage, VIP};

/// The silence that a backup takes for the end of the master, several times.
const MANY_SILENCES: Duration = Duration::from_secs(2);

pub(super) fn are_asked(bench: &Bench<'_>) -> Result<()> {
    together(
        bench,
        &[
            ("the gateway", &|bench| asks(bench, "quorum {\n gateway\n }")),
            ("an address with a name", &|bench| {
                asks(bench, "quorum {\n address 10.9.0.3\n }")
            }),
        ],
    )
}

fn asks(bench: &Bench<'_>, quorum: &'static str) -> Result<()> {
    let mut stage = Stage::new(bench, [Program::Ours; 2])?;
    let b = stage.router(Side::B).host.clone();
    if quorum.contains("gateway") {
        b.add_default_route("10.9.0.3".parse()?)?;
    }
    stage.start(Side::A, &Config::v3(150))?;
    stage.wait_for_holder(Side::A, VIP)?;
    stage.start(Side::B, &Config::v3(100).with(quorum))?;
    stage.wait_for_backup(Side::B)?;

    // Cut off from everything, with its cable plugged.
    let faults = stage.lab.blackhole(&stage.router(Side::B).link)?;
    let cut = SystemTime::now();
    stage.says(Side::B, "not taking over: 0 of 1 needed witnesses answer")?;
    std::thread::sleep(MANY_SILENCES);
    ensure!(stage.adverts_of(Side::B, cut).is_empty(), "it advertised");
    ensure!(!b.holds(VIP)?, "it took the address");

    // Back again it follows; and when the master is gone, the gateway answers and it takes over.
    stage.lab.mend([faults])?;
    stage.wait_for_adverts(Side::A, SystemTime::now(), 3)?;
    stage.router(Side::A).host.kill_all()?;
    b.wait_for_address(VIP, true, LONG)?;
    Ok(())
}
