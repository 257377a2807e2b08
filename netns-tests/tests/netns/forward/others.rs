//! What else stands in nf_tables on a host is not ours: it stays as it is, and it sees that nothing forwarded is tracked.

use anyhow::{Result, ensure};
use tandem_netns_tests::Bench;

use super::crowd::Busy;
use super::stage::{LONG, Stage, VIP};

/// A firewall that looks at connections.
const OTHER: &str = "table inet other {
    counter tracked { }
    counter untracked { }
    set known { type ipv4_addr; elements = { 192.0.2.1 } }
    chain forward {
        type filter hook forward priority filter; policy accept;
        ip saddr @known drop
        tcp dport 1883 ct state untracked counter name untracked
        tcp sport 1883 ct state untracked counter name untracked
        tcp dport 1883 ct state != untracked counter name tracked
        tcp sport 1883 ct state != untracked counter name tracked
    }
}";

/// Without what its counters say.
const LISTED: &[&str] = &["-s", "list", "table", "inet", "other"];

pub(super) fn what_others_filter_stays_theirs(bench: &Bench<'_>) -> Result<()> {
    let mut stage = Stage::new(bench)?;
    stage.nft(0, &[OTHER])?;
    let before = stage.nft(0, LISTED)?;
    let busy = Busy::start(&stage.client, VIP, 8)?;
    stage.tell(0, "set server nodes/s1 state drain")?;
    busy.moves_on()?;
    stage.balancers[0].kill()?;
    stage.start_balancer(0)?;
    busy.moves_on()?;
    let told = busy.finish()?;
    ensure!(told.lost == 0, "{} connections were lost: {:?}", told.lost, told.why);
    let [tracked, untracked] = ["tracked", "untracked"].map(|name| stage.counted(0, "other", name));
    let (tracked, untracked) = (tracked?, untracked?);
    bench.say(format!(
        "{told}; {untracked} packets forwarded, {tracked} of a connection that the kernel tracks"
    ));
    ensure!(untracked > 0 && tracked == 0, "{tracked} packets were tracked");

    stage.stop_router(0)?;
    stage.balancers[0].stop(LONG)?;
    ensure!(stage.tables(0)? == "table inet other", "{}", stage.tables(0)?);
    let after = stage.nft(0, LISTED)?;
    ensure!(after == before, "somebody else's rules have changed: {after}");
    Ok(())
}
