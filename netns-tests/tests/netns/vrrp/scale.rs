//! As many virtual routers as one interface can have: each number from 1 to 255.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tandem_lab::{Host, Running};
use tandem_netns_tests::{Bench, process_tree};

use super::stage::{self, LONG, Program, Stage};

const INSTANCES: usize = 255;
/// User space, of all processes of one daemon.
const MEMORY: u64 = 40 << 20;

/// All elect, hand over and come back.
pub(super) fn on_one_interface(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let start = |host: &Host, priority| -> Result<Running> {
        let file = stage.lab.folder()?.join("keepalived.conf");
        std::fs::write(&file, text(priority))?;
        stage::run(host, Program::Ours, &file)
    };
    let held = |a, b, what: &str| -> Result<Duration> {
        let begun = Instant::now();
        wait_for(&stage.a, a).with_context(|| format!("{what}: a"))?;
        wait_for(&stage.b, b).with_context(|| format!("{what}: b"))?;
        Ok(begun.elapsed())
    };
    let mut a = start(&stage.a, 150)?;
    let elected = held(INSTANCES, 0, "election")?;
    let b = start(&stage.b, 100)?;
    let followed = Instant::now();
    while b.output().matches("Entering BACKUP STATE").count() < INSTANCES {
        ensure!(followed.elapsed() < LONG, "not all follow:\n{}", b.output());
        std::thread::sleep(Duration::from_millis(20));
    }
    ensure!(
        wait_for(&stage.a, INSTANCES).is_ok() && !b.output().contains("MASTER"),
        "b took over"
    );
    let stopping = Instant::now();
    a.stop(LONG)?;
    let stopped = stopping.elapsed();
    let handed = held(0, INSTANCES, "handover")?;
    let again = start(&stage.a, 150)?;
    let returned = held(INSTANCES, 0, "return")?;
    let memory = [&again, &b].map(|daemon| memory(daemon.pid()));
    let [master, backup] = memory.into_iter().collect::<Result<Vec<_>>>()?[..] else {
        anyhow::bail!("two daemons have two figures");
    };
    bench.say(format!(
        "{INSTANCES} instances, adverts each 200 ms: elected in {elected:.1?}, stopped in {stopped:.1?} and taken over {handed:.1?} \
         later, back in {returned:.1?}; memory of the master {} KiB, of the backup {} KiB",
        master >> 10,
        backup >> 10
    ));
    ensure!(master.max(backup) < MEMORY, "it needs {} KiB", master.max(backup) >> 10);
    Ok(())
}

fn text(priority: u8) -> String {
    let instance = |vrid: usize| {
        format!(
            "vrrp_instance VI_{vrid} {{
    state BACKUP
    interface eth0
    virtual_router_id {vrid}
    priority {priority}
    advert_int 0.2
    virtual_ipaddress {{
        10.20.0.{vrid}/32
    }}
}}
"
        )
    };
    let instances: String = (1..=INSTANCES).map(instance).collect();
    format!("global_defs {{\n    vrrp_version 3\n}}\n{instances}")
}

/// Until so many of the virtual addresses are here.
fn wait_for(host: &Host, count: usize) -> Result<()> {
    let deadline = Instant::now() + LONG;
    loop {
        let virtual_one = |ip: IpAddr| matches!(ip, IpAddr::V4(ip) if ip.octets()[..3] == [10, 20, 0]);
        let held = host.addresses()?.iter().filter(|a| virtual_one(a.cidr.ip())).count();
        if held == count {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{held} of {count} addresses are here");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What the process and its children keep in memory, pages that others keep too counted in shares.
fn memory(daemon: u32) -> Result<u64> {
    let mut bytes = 0;
    for process in process_tree(daemon)? {
        let text = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        let kib = line
            .and_then(|line| line.trim().strip_suffix(" kB"))
            .context("no Pss")?;
        bytes += kib.trim().parse::<u64>()? << 10;
    }
    Ok(bytes)
}
