//! Ten milliseconds between adverts on a host that has far more to do than processors: nobody takes over from a living
//! master.

use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Result, ensure};
use tandem_lab::{Missing, Running};
use tandem_netns_tests::Bench;

use crate::interop::stage::{Config, Program, Side, Stage, VIP};
use crate::yardstick::Yardstick;

const LOOPS: usize = 16;

pub(super) fn no_false_takeover(bench: &Bench<'_>) -> Result<()> {
    if bench.ground.is_unprivileged() {
        return Err(Missing::new("real-time priority", "the kernel refuses it in a user namespace").into());
    }
    let time = Duration::from_secs(if bench.options.long { 600 } else { 5 });
    let mut stage = Stage::new(bench, [Program::Ours; 2])?;
    stage.start(Side::A, &Config::v3(150).each("0.01"))?;
    stage.wait_for_holder(Side::A, VIP)?;
    stage.start(Side::B, &Config::v3(100).each("0.01"))?;
    stage.wait_for_backup(Side::B)?;

    let busy: Vec<Running> = (0..LOOPS)
        .map(|_| stage.client.run(Command::new("sh").args(["-c", "while :; do :; done"])))
        .collect::<Result<_, _>>()?;
    let yardstick = Yardstick::start();
    let begun = SystemTime::now();
    std::thread::sleep(time);
    let (master, taken) = (stage.adverts_of(Side::A, begun), stage.adverts_of(Side::B, begun));
    let stalls = yardstick.finish()?;
    drop(busy);

    let gaps = master.windows(2).map(|pair| pair[1].at.duration_since(pair[0].at));
    let longest = gaps.filter_map(Result::ok).max().unwrap_or_default();
    let takeovers = stalls.judge(&taken, &master);
    bench.say(format!(
        "10 ms beside {LOOPS} busy loops for {time:?}: {} adverts, longest silence {longest:.1?}, {takeovers}; {stalls}",
        master.len(),
    ));
    let unexplained = takeovers.false_ones();
    ensure!(unexplained == 0, "{unexplained} false takeovers\n{}", stage.logs());
    Ok(())
}
