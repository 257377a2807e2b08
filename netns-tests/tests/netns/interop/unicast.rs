//! Unicast peers on a network that lets no multicast through, a stranger that claims to own the address, and one more
//! address while the master runs.

use std::net::Ipv4Addr;
use std::time::{Duration, SystemTime};

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use tandem_lab::{Advert, Capture, Handmade};
use tandem_netns_tests::Bench;
use tandem_sys::raw::VrrpSender;

use super::row::in_both_roles;
use super::stage::{Config, LONG, Program, Side, Stage, VIP};

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 3);
pub(super) const A_EXTRA: &str = "unicast_src_ip 10.9.0.1\n check_unicast_src\n unicast_peer {\n 10.9.0.2\n }";
pub(super) const B_EXTRA: &str = "unicast_src_ip 10.9.0.2\n check_unicast_src\n unicast_peer {\n 10.9.0.1\n }";
const NO_MULTICAST: &str = "table ip no_multicast {
    chain input { type filter hook input priority 0; ip daddr 224.0.0.18 drop; }
}";

/// Scenario 20.
pub(super) fn stranger_and_reload(bench: &Bench<'_>) -> Result<()> {
    in_both_roles(bench, |bench, programs| {
        let mut stage = Stage::new(bench, programs)?;
        let at_b = stage.lab.capture(&stage.router(Side::B).link)?;
        for router in &stage.routers {
            router.host.nft(NO_MULTICAST)?;
        }
        let a = Config::v3(150).with(A_EXTRA);
        stage.start(Side::A, &a)?;
        stage.wait_for_holder(Side::A, VIP)?;
        stage.start(Side::B, &Config::v3(100).with(B_EXTRA))?;
        stage.wait_for_backup(Side::B)?;
        from_a(&at_b, 5)?;

        at_b.clear();
        claim(&stage)?;
        from_a(&at_b, 5)?;
        stays(&stage, &at_b)?;

        let more = Config {
            addresses: "10.9.0.100/24\n        10.9.0.101/24",
            ..a
        };
        at_b.clear();
        stage.configure(Side::A, &more)?;
        stage.router(Side::A).signal(Signal::SIGHUP)?;
        stage
            .router(Side::A)
            .host
            .wait_for_address("10.9.0.101".parse()?, true, LONG)?;
        from_a(&at_b, 5)?;
        // Keepalived 2.2.7 as backup refuses a list of another length, later ones accept it as ours does.
        match programs[1] {
            Program::Ours => stays(&stage, &at_b)?,
            _ => leads(&stage, &at_b)?,
        }
        ensure!(
            stage.router(Side::B).counter("Packet Errors", "Address List")? > 0,
            "the address that the backup does not know was not counted"
        );
        bench.say(format!("20 unicast, {programs:?}: good"));
        Ok(())
    })
}

fn adverts(capture: &Capture) -> Vec<Advert> {
    capture.frames().iter().filter_map(Advert::read).collect()
}

fn is_a(advert: &Advert) -> bool {
    advert.source == Ipv4Addr::new(10, 9, 0, 1)
}

/// Waits for so many more adverts of the master.
fn from_a(at_b: &Capture, count: usize) -> Result<()> {
    let now = SystemTime::now();
    let mut seen = 0;
    at_b.wait_for("the master's adverts", LONG, |frame| {
        seen += usize::from(frame.at >= now && Advert::read(frame).is_some_and(|advert| is_a(&advert)));
        seen == count
    })?;
    Ok(())
}

/// A is still master and never said that it leaves; nothing went to everybody.
fn leads(stage: &Stage, at_b: &Capture) -> Result<()> {
    let all = adverts(at_b);
    let left = all.iter().find(|advert| is_a(advert) && advert.priority != 150);
    ensure!(left.is_none(), "it leaves: {left:?}");
    let everybody = stage
        .adverts()
        .into_iter()
        .find(|advert| advert.destination.is_multicast());
    ensure!(everybody.is_none(), "an advert went to everybody: {everybody:?}");
    ensure!(
        stage.router(Side::A).host.holds(VIP)?,
        "the address is gone\n{}",
        stage.logs()
    );
    Ok(())
}

/// And B is silent.
fn stays(stage: &Stage, at_b: &Capture) -> Result<()> {
    let rival = adverts(at_b)
        .into_iter()
        .find(|advert| !is_a(advert) && advert.source != CLIENT);
    ensure!(rival.is_none(), "the backup advertised:\n{}", stage.logs());
    leads(stage, at_b)
}

/// The client, no peer of anybody, tells both routers that it owns the address, for a second.
fn claim(stage: &Stage) -> Result<()> {
    let index = stage.client.netlink(async |netlink| netlink.link("eth0").await)?.index;
    let sender = stage.client.inside(|| VrrpSender::open_v4("eth0", index))??;
    for _ in 0..5 {
        for last in [1, 2] {
            let destination = Ipv4Addr::new(10, 9, 0, last);
            let advert = Handmade {
                source: CLIENT,
                destination,
                priority: 255,
                pseudo_header: true,
            };
            sender.send(&advert.packet(), destination.into())?;
        }
        // Keepalived 2.2.7 starts its own timer anew for every packet that it refuses: faster, and it would be silent.
        std::thread::sleep(Duration::from_millis(210));
    }
    Ok(())
}
