//! `tandem why` and `tandem handover`, as an operator types them on the host.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use anyhow::{Result, ensure};
use tandem_lab::{Host, programs};
use tandem_netns_tests::Bench;

use super::stage::{Config, LONG, Program, Stage, VIP};

/// Its exit status and what it printed.
fn tandem(host: &Host, words: &[&str]) -> Result<(Option<i32>, String)> {
    let mut running = host.run(Command::new(programs::built("tandem")?).args(words))?;
    let (status, text) = running.finish(LONG)?;
    Ok((status.code(), text))
}

/// Both instances of a group leave by one order, and come back by another.
pub(super) fn a_group_is_handed_over(bench: &Bench<'_>) -> Result<()> {
    const BESIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 101));
    let config = |priority| {
        Config::v3(priority).after(format!(
            "vrrp_sync_group G {{\n group {{\n VI_1\n VI_2\n }}\n}}\n\
             vrrp_instance VI_2 {{\n state BACKUP\n interface eth0\n virtual_router_id 52\n priority {priority}\n \
             advert_int 0.1\n virtual_ipaddress {{\n {BESIDE}/24\n }}\n}}\n"
        ))
    };
    let stage = Stage::new(bench)?;
    let (_a, _b) = stage.settled([Program::Ours; 2], &config(150), &config(100), VIP)?;
    let both_at = |host: &Host, other: &Host| {
        for address in [VIP, BESIDE] {
            host.wait_for_address(address, true, LONG)?;
            other.wait_for_address(address, false, LONG)?;
        }
        anyhow::Ok(())
    };
    both_at(&stage.a, &stage.b)?;
    let (status, text) = tandem(&stage.a, &["handover", "--json"])?;
    let is_told = text.contains(r#""outcome":"handed over""#) && text.contains(r#"["VI_2","VI_1"]"#);
    ensure!(status == Some(0) && is_told, "{text}");
    both_at(&stage.b, &stage.a)?;
    let (status, text) = tandem(&stage.a, &["handover", "--resume"])?;
    ensure!(status == Some(0), "{text}");
    both_at(&stage.a, &stage.b)
}

pub(super) fn why_and_handover(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let (a, b) = stage.settled([Program::Ours; 2], &Config::v3(150), &Config::v3(100), VIP)?;

    let (status, text) = tandem(&stage.b, &["why"])?;
    ensure!(status == Some(0), "{text}");
    for words in [
        "VI_1  BACKUP for",
        "follows 10.9.0.1: priority 150 is above its own 100",
        "Entering BACKUP STATE",
    ] {
        ensure!(text.contains(words), "no `{words}` in\n{text}");
    }
    let (status, text) = tandem(&stage.b, &["handover"])?;
    ensure!(status == Some(3) && text.contains("nothing to hand over"), "{text}");
    let (status, text) = tandem(&stage.a, &["why", "VI_2"])?;
    ensure!(
        status == Some(2) && text.contains("there is no instance VI_2"),
        "{text}"
    );

    let (status, text) = tandem(&stage.a, &["handover", "VI_1", "--to", "10.9.0.2", "--json"])?;
    ensure!(
        status == Some(0) && text.contains(r#""outcome":"handed over""#),
        "{text}"
    );
    ensure!(stage.b.holds(VIP)? && !stage.a.holds(VIP)?, "the address did not move");
    let (status, _) = tandem(&stage.a, &["handover", "--resume"])?;
    ensure!(status == Some(0), "{status:?}");
    stage.a.wait_for_address(VIP, true, LONG)?;
    stage.b.wait_for_address(VIP, false, LONG)?;

    drop(b);
    stage.b.kill_all()?;
    let (status, text) = tandem(&stage.a, &["handover", "--wait", "1s"])?;
    ensure!(status == Some(1) && text.contains("nobody took over VI_1"), "{text}");
    ensure!(stage.a.holds(VIP)?, "it let go of what nobody took");
    drop(a);
    let (status, text) = tandem(&stage.b, &["why"])?;
    ensure!(status == Some(2) && text.contains("cannot ask the router"), "{text}");
    Ok(())
}
