//! Version 3 over IPv4 with and without a pseudo-header under the checksum. What cannot be installed here (holo, Cisco,
//! Juniper and Keepalived with `v3_checksum_as_v2`) is played by adverts made by hand.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use tandem_lab::{Handmade, Host, Sums, VRRP_GROUP};
use tandem_netns_tests::Bench;
use tandem_sys::raw::VrrpSender;

use super::row::all_at_once;
use super::stage::{Config, LONG, Program, Side, Stage, VIP};

const WITH: Sums = Sums {
    with: true,
    without: false,
};
const WITHOUT: Sums = Sums {
    with: false,
    without: true,
};

struct Case {
    name: &'static str,
    policy: &'static str,
    /// How the rival with the higher priority computes.
    rival: Sums,
    /// Whether ours believes it.
    heard: bool,
    /// How ours computes when it is master after that.
    answer: Sums,
}

const fn case(name: &'static str, policy: &'static str, rival: Sums, heard: bool, answer: Sums) -> Case {
    Case {
        name,
        policy,
        rival,
        heard,
        answer,
    }
}

const CASES: [Case; 6] = [
    case("auto, without", "", WITHOUT, true, WITHOUT),
    case("auto, with", "", WITH, true, WITH),
    case("with, without", "checksum with", WITHOUT, false, WITH),
    case("with, with", "checksum with", WITH, true, WITH),
    case("as v2, without", "v3_checksum_as_v2 true", WITHOUT, true, WITHOUT),
    case("without, with", "checksum without", WITH, false, WITHOUT),
];

/// Scenario 11, the part that Keepalived 2.2.7 cannot play.
pub(super) fn made_by_hand(bench: &Bench<'_>) -> Result<()> {
    all_at_once(
        CASES
            .iter()
            .map(|case| (case.name.to_string(), move || one(bench, case))),
    )
}

fn one(bench: &Bench<'_>, case: &Case) -> Result<()> {
    let mut stage = Stage::new(bench, [Program::Ours; 2])?;
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let host = stage.router(Side::B).host.clone();
        let (with, stop) = (case.rival.with, &stop);
        let rival = scope.spawn(move || advertise(&host, with, stop));
        let outcome = beside_rival(&mut stage, case).with_context(|| stage.logs());
        stop.store(true, Ordering::Relaxed);
        rival.join().map_err(|_| anyhow::anyhow!("the rival panicked"))??;
        outcome
    })?;
    let silent = SystemTime::now();
    let ours = stage
        .wait_for_advert(Side::A, silent, |_| true)
        .with_context(|| stage.logs())?;
    ensure!(ours.sums == case.answer, "it answers with {:?}", ours.sums);
    bench.say(format!("11 {}: good", case.name));
    Ok(())
}

fn beside_rival(stage: &mut Stage, case: &Case) -> Result<()> {
    stage.wait_for_adverts(Side::B, SystemTime::UNIX_EPOCH, 1)?;
    let started = SystemTime::now();
    stage.start(Side::A, &Config::v3(100).with(case.policy))?;
    if case.heard {
        stage.wait_for_backup(Side::A)?;
        stage.wait_for_adverts(Side::B, SystemTime::now(), 10)?;
        let heard = stage.adverts_of(Side::A, started);
        ensure!(heard.is_empty(), "it does not believe the rival");
        return Ok(());
    }
    stage.router(Side::A).host.wait_for_address(VIP, true, LONG)?;
    stage.says(Side::A, "invalid checksum")?;
    let deadline = Instant::now() + LONG;
    while stage.router(Side::A).dropped("checksum")? == 0 {
        ensure!(Instant::now() < deadline, "what was dropped was not counted");
    }
    Ok(())
}

/// A tenth of a second, priority 150, until it is told to stop.
fn advertise(host: &Host, pseudo_header: bool, stop: &AtomicBool) -> Result<()> {
    let index = host.netlink(async |netlink| netlink.link("eth0").await)?.index;
    let sender = host.inside(|| VrrpSender::open_v4("eth0", index))??;
    let advert = Handmade {
        source: Ipv4Addr::new(10, 9, 0, 2),
        destination: VRRP_GROUP,
        priority: 150,
        pseudo_header,
    };
    while !stop.load(Ordering::Relaxed) {
        sender.send(&advert.packet(), VRRP_GROUP.into())?;
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}
