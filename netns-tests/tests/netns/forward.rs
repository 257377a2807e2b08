//! The kernel carries the packets: connections outlive the host, the daemon, the order of the servers.

mod crowd;
mod others;
mod owned;
mod sampled;
mod stage;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use tandem_netns_tests::{Bench, Place, Test, wait};

use crowd::{Busy, visit};
use stage::{Servers, Stage, VIP, VIP6};

pub(crate) fn tests() -> Vec<Test> {
    let within = Duration::from_secs(120);
    let test = |name, run| Test {
        name,
        within,
        within_long: None,
        place: Place::Inside(run),
    };
    vec![
        test(
            "forward::connections_outlive_hosts_and_daemons",
            connections_outlive_hosts_and_daemons,
        ),
        test(
            "forward::servers_come_and_go_and_nobody_moves",
            servers_come_and_go_and_nobody_moves,
        ),
        test("forward::a_cold_table_ends_nothing", a_cold_table_ends_nothing),
        test("forward::a_narrow_path_is_found", a_narrow_path_is_found),
        test(
            "forward::an_upgrade_takes_the_table_along",
            owned::an_upgrade_takes_the_table_along,
        ),
        test("forward::a_table_has_one_owner", owned::a_table_has_one_owner),
        test(
            "forward::who_only_asks_for_listeners_keeps_no_table",
            owned::who_only_asks_for_listeners_keeps_no_table,
        ),
        test(
            "forward::a_reload_that_cannot_forward_is_refused",
            owned::a_reload_that_cannot_forward_is_refused,
        ),
        test(
            "forward::what_others_filter_stays_theirs",
            others::what_others_filter_stays_theirs,
        ),
        test("forward::picks_are_the_kernels", sampled::picks_are_the_kernels),
    ]
}

fn connections_outlive_hosts_and_daemons(bench: &Bench<'_>) -> Result<()> {
    let mut stage = Stage::new(bench)?;
    let mut events = Vec::new();
    let busy = Busy::start(&stage.client, VIP, 32)?;
    let six = Busy::start(&stage.client, VIP6, 8)?;
    busy.moves_on()?;

    stage.cut(0)?;
    stage.is_master(1)?;
    busy.moves_on()?;
    events.push("the master's cables were cut");
    stage.heal(0)?;

    stage.stop_router(1)?;
    stage.is_master(0)?;
    busy.moves_on()?;
    events.push("the address was handed over");
    stage.start_router(1)?;

    // Cut off, it has taken all servers for dead.
    wait("the first host lets clients in again", || {
        Ok(visit(&stage.client, VIP).is_ok())
    })?;
    stage.balancers[0].kill()?;
    busy.moves_on()?;
    visit(&stage.client, VIP).context("nobody new is let in after the daemon has died")?;
    events.push("the daemon of the master was killed");
    stage.start_balancer(0)?;
    busy.moves_on()?;
    events.push("the daemon came back");

    // It keeps the table until the address has left.
    stage.balancers[0].signal(Signal::SIGTERM)?;
    stage.stop_router(0)?;
    stage.is_master(1)?;
    stage.balancers[0].wait(stage::LONG)?;
    busy.moves_on()?;
    events.push("daemon and router were stopped");
    six.moves_on()?;
    for (who, busy) in [("IPv4", busy), ("IPv6", six)] {
        let told = busy.finish()?;
        bench.say(format!("{who}: {told}; {}", events.join(", ")));
        ensure!(
            told.lost == 0,
            "{who}: {} connections were lost: {:?}",
            told.lost,
            told.why
        );
    }
    ensure!(stage.tables(0)?.is_empty(), "a clean stop leaves no table");
    Ok(())
}

/// A host that was cut off takes the address back before its checks: it knows of no server, and of none of the connections
/// that the other host has let in meanwhile.
fn a_cold_table_ends_nothing(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::with(bench, Servers::OneSlow)?;
    let earlier = Busy::start(&stage.client, VIP, 8)?;
    earlier.moves_on()?;
    stage.cut(0)?;
    stage.is_master(1)?;
    earlier.moves_on()?;
    let meanwhile = Busy::start(&stage.client, VIP, 8)?;
    let six = Busy::start(&stage.client, VIP6, 8)?;
    wait("the host that is cut off takes all servers for dead", || {
        let rows = stage.ask(0, "show stat")?;
        let is_down = |name: &str| {
            let of = format!("nodes,{name},");
            rows.lines().any(|row| row.starts_with(&of) && row.contains(",DOWN"))
        };
        Ok(is_down("s1") && is_down("t1"))
    })?;
    meanwhile.moves_on()?;
    stage.heal(0)?;
    stage.is_master(0)?;
    for (who, busy) in [("before", earlier), ("meanwhile", meanwhile), ("meanwhile, IPv6", six)] {
        busy.moves_on().with_context(|| format!("begun {who}"))?;
        let told = busy.finish()?;
        bench.say(format!("begun {who}: {told}"));
        ensure!(told.lost == 0, "{} connections were lost: {:?}", told.lost, told.why);
    }
    let waited = stage.counted(0, "tandem_forward", "to_10.9.0.100_5672_waits")?;
    ensure!(waited > 0, "the table was never cold, so this shows nothing");
    bench.say(format!("{waited} packets waited for a server"));
    Ok(())
}

fn servers_come_and_go_and_nobody_moves(bench: &Bench<'_>) -> Result<()> {
    let mut stage = Stage::new(bench)?;
    let busy = Busy::start(&stage.client, VIP, 32)?;
    busy.moves_on()?;
    let before = busy.servers();
    ensure!(before.len() == 2, "the hash does not spread: {before:?}");

    stage.tell(0, "set server nodes/s1 state drain")?;
    wait("new clients go elsewhere", || {
        let seen: BTreeSet<String> = (0..20).filter_map(|_| visit(&stage.client, VIP).ok()).collect();
        Ok(seen == BTreeSet::from(["s2".to_owned()]))
    })?;
    busy.moves_on()?;

    // Somebody new gets a part of the buckets; whoever is there stays.
    stage.tell(0, "set server nodes/s1 state ready")?;
    stage.configure(Servers::Three)?;
    stage.balancers[0].signal(Signal::SIGHUP)?;
    wait("the new server gets clients", || {
        Ok((0..20).any(|_| visit(&stage.client, VIP).is_ok_and(|server| server == "s3")))
    })?;
    busy.moves_on()?;

    stage.tell(0, "set server nodes/s2 weight 10")?;
    busy.moves_on()?;
    let counted = |name: &str, column: usize| -> Result<u64> {
        let rows = stage.ask(0, "show stat")?;
        let row = rows.lines().find(|row| row.starts_with(&format!("nodes,{name},")));
        Ok(row
            .and_then(|row| row.split(',').nth(column)?.parse().ok())
            .unwrap_or(0))
    };
    wait("sessions and bytes are counted", || {
        visit(&stage.client, VIP)?;
        Ok(counted("s2", 7)? > 0 && counted("s3", 7)? > 0 && counted("s2", 9)? > 0)
    })?;
    let (sessions, from, to) = (counted("s2", 7)?, counted("s2", 8)?, counted("s2", 9)?);
    let told = busy.finish()?;
    bench.say(format!(
        "{told}; s2 counted {sessions} sessions, {from} bytes in, {to} bytes out"
    ));
    ensure!(told.lost == 0, "{} connections were lost: {:?}", told.lost, told.why);

    stage.servers_die()?;
    wait("nobody is there", || Ok(visit(&stage.client, VIP).is_err()))?;
    Ok(())
}

/// Messages that are too long for a link on the way, on the client's side and on the servers'.
fn a_narrow_path_is_found(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    for (what, place) in [("the client's", VIP), ("the client's, IPv6", VIP6)] {
        bench.say(large(&stage.far, place, what)?);
    }
    let side = &stage.balancers_at[0];
    side.netlink(async |netlink| netlink.set_mtu(netlink.link("eth1").await?.index, 1300).await)?;
    for (what, place) in [("the servers'", VIP), ("the servers', IPv6", VIP6)] {
        bench.say(large(&stage.client, place, what)?);
    }
    Ok(())
}

fn large(host: &tandem_lab::Host, to: SocketAddr, what: &str) -> Result<String> {
    let begun = Instant::now();
    crowd::large_exchange(host, to)?;
    Ok(format!(
        "400 KiB there and back past a narrow link on {what} side: {:.2?}",
        begun.elapsed()
    ))
}
