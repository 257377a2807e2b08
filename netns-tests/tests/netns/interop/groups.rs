//! A sync group over two switches: one cable is cut, both addresses move, once.

use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tandem_lab::{Host, Lab, Running};
use tandem_netns_tests::Bench;

use super::row::{in_both_roles, runs_scripts};
use super::stage::{LONG, Program, VIP};

const BACK_VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 10, 0, 100));

/// Scenario 17.
pub(super) fn both_move(bench: &Bench<'_>) -> Result<()> {
    let watched = Duration::from_secs(if bench.options.long { 60 } else { 2 });
    in_both_roles(bench, |bench, programs| {
        let lab = Lab::new(bench.ground)?;
        let (front, back) = (lab.switch("front")?, lab.switch("back")?);
        let folder = lab.folder()?;
        let mut cables = Vec::new();
        let mut router = |name: &str, last: u8, program: Program, priority| -> Result<(Host, Running)> {
            let host = lab.host(name)?;
            cables.push(lab.link(&host, &front, format!("10.9.0.{last}/24").parse()?)?);
            lab.link(&host, &back, format!("10.10.0.{last}/24").parse()?)?;
            let file = folder.join(format!("{name}.conf"));
            std::fs::write(&file, config(name, priority, &folder)?)?;
            let daemon = program.run(&host, &file)?;
            Ok((host, daemon))
        };
        let (a, a_daemon) = router("a", 1, programs[0], 150)?;
        held(&a, true)?;
        let (b, b_daemon) = router("b", 2, programs[1], 100)?;
        b_daemon.wait_for_line("Entering BACKUP STATE", LONG)?;
        let logs = || format!("{}\n---\n{}", a_daemon.output(), b_daemon.output());

        lab.cut(&cables[0])?;
        held(&b, true).with_context(logs)?;
        held(&a, false).with_context(logs)?;
        // What flaps does it while it is watched.
        std::thread::sleep(watched);
        let told = |place: usize, file: &str, words| {
            if runs_scripts(bench, programs[place]) {
                return told(&folder.join(file), words, 1).with_context(logs);
            }
            bench.say(format!("{programs:?}: SKIP Keepalived's notify script: not root"));
            Ok(())
        };
        told(1, "b.told", "GROUP G MASTER")?;
        told(0, "a.told", "GROUP G FAULT")?;
        lab.heal(&cables[0])?;
        held(&a, true).with_context(logs)?;
        held(&b, false).with_context(logs)?;
        told(1, "b.told", "GROUP G MASTER")?;
        bench.say(format!("17 sync group, {programs:?}: good, watched for {watched:?}"));
        Ok(())
    })
}

fn held(host: &Host, wanted: bool) -> Result<()> {
    for vip in [VIP, BACK_VIP] {
        host.wait_for_address(vip, wanted, LONG)?;
    }
    Ok(())
}

/// The group's notify script was run so often with these words.
fn told(file: &Path, words: &str, times: usize) -> Result<()> {
    let deadline = Instant::now() + LONG;
    let read = || std::fs::read_to_string(file).unwrap_or_default();
    while !read().contains(words) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    let text = read();
    let seen = text.lines().filter(|line| line.starts_with(words)).count();
    ensure!(seen == times, "`{words}` was told {seen} times:\n{text}");
    Ok(())
}

fn config(name: &str, priority: u8, folder: &Path) -> Result<String> {
    use std::os::unix::fs::PermissionsExt;

    let (told, script) = (folder.join(format!("{name}.told")), folder.join(format!("{name}.sh")));
    // Keepalived quotes the names that it passes on.
    std::fs::write(
        &script,
        format!("#!/bin/sh\necho \"$@\" | tr -d '\"' >> {}\n", told.display()),
    )?;
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))?;
    let instance = |name: &str, interface: &str, vrid: u8, vip: IpAddr| {
        format!(
            "vrrp_instance {name} {{
    state BACKUP
    interface {interface}
    virtual_router_id {vrid}
    priority {priority}
    advert_int 0.1
    virtual_ipaddress {{
        {vip}/24
    }}
}}
"
        )
    };
    Ok(format!(
        "global_defs {{
    vrrp_version 3
    script_user root
}}
vrrp_sync_group G {{
    group {{
        FRONT
        BACK
    }}
    notify {}
}}
{}{}",
        script.display(),
        instance("FRONT", "eth0", 51, VIP),
        instance("BACK", "eth1", 52, BACK_VIP)
    ))
}
