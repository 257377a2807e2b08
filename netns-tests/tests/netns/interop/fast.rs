//! Ten milliseconds between adverts: nobody takes over from a living master, and a dead one is missed after 36 ms.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use tandem_netns_tests::Bench;

use super::config::Config;
use super::row::in_both_roles;
use super::stage::{Side, Stage, VIP};

const DOWN: Duration = Duration::from_micros(36_094);
/// On a machine that does other things too.
const SLACK: Duration = Duration::from_millis(40);

/// Scenario 6.
pub(super) fn ten_milliseconds(bench: &Bench<'_>) -> Result<()> {
    let idle = Duration::from_secs(if bench.options.long { 600 } else { 2 });
    in_both_roles(bench, |bench, programs| {
        let mut stage = Stage::new(bench, programs)?;
        // The shortest interval is nothing for ordinary scheduling, so Keepalived gets what ours takes by itself;
        // its own limit on unbroken work, 10 ms, would have the kernel kill it on a busy machine.
        let config = |priority| {
            Config::v3(priority)
                .each("0.01")
                .with("garp_master_delay 1")
                .after("global_defs {\n vrrp_rt_priority 50\n vrrp_rlimit_rttime 5000000\n}")
        };
        stage.start(Side::A, &config(150))?;
        stage.wait_for_holder(Side::A, VIP)?;
        stage.start(Side::B, &config(100))?;
        stage.wait_for_backup(Side::B)?;
        let begun = SystemTime::now();
        std::thread::sleep(idle);

        let master = stage.adverts_of(Side::A, begun);
        let gaps = master
            .iter()
            .zip(&master[1..])
            .map(|(one, next)| next.at.duration_since(one.at));
        let longest = gaps.filter_map(Result::ok).max().unwrap_or_default();
        let taken = stage.adverts_of(Side::B, begun);
        ensure!(
            taken.is_empty(),
            "{} false adverts; the master's longest silence was {longest:?}\n{}",
            taken.len(),
            stage.logs()
        );

        let killed = SystemTime::now();
        stage.routers[0].kill()?;
        let first = stage.wait_for_advert(Side::B, killed, |_| true)?;
        let last = stage.adverts_of(Side::A, begun);
        let last = last.last().context("the master never advertised")?;
        let took = first.at.duration_since(last.at)?;
        bench.say(format!(
            "6 10 ms, {programs:?}: {} adverts in {idle:?}, longest silence {longest:.1?}, no false takeover; missed after \
             {took:.1?}",
            master.len()
        ));
        ensure!(
            took >= DOWN - Duration::from_millis(1) && took < DOWN + SLACK,
            "missed after {took:?}"
        );
        Ok(())
    })
}
