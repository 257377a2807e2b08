//! The distribution's Keepalived on the lab's hosts: whatever is shown about ours here is shown on a ground that carries
//! the original too.

use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use tandem_lab::{Frame, Host, Lab, Running};
use tandem_netns_tests::{Bench, Test};
use tandem_sys::raw::Arp;

const LONG: Duration = Duration::from_secs(20);
const VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 9, 0, 100));

pub(crate) fn tests() -> Vec<Test> {
    vec![Test::new(
        "keepalived::an_address_moves_and_returns",
        an_address_moves_and_returns,
    )]
}

fn start(lab: &Lab, host: &Host, priority: u8) -> Result<Running> {
    let config = lab.folder()?.join("keepalived.conf");
    let text = format!(
        "global_defs {{
    vrrp_version 3
}}
vrrp_instance VI_1 {{
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int 0.1
    virtual_ipaddress {{
        {VIP}/24
    }}
}}
"
    );
    std::fs::write(&config, text)?;
    let mut command = Command::new("keepalived");
    command
        .args(["--dont-fork", "--log-console", "--vrrp", "--use-file"])
        .arg(&config);
    Ok(host.run(&mut command)?)
}

fn announces(frame: &Frame) -> bool {
    Arp::read(&frame.bytes).is_some_and(|arp| arp.is_announcement() && IpAddr::V4(arp.sender) == VIP)
}

fn an_address_moves_and_returns(bench: &Bench<'_>) -> Result<()> {
    let lab = Lab::new(bench.ground)?;
    let lan = lab.switch("lan")?;
    let (a, b, client) = (lab.host("a")?, lab.host("b")?, lab.host("client")?);
    let a_link = lab.link(&a, &lan, "10.9.0.1/24".parse()?)?;
    lab.link(&b, &lan, "10.9.0.2/24".parse()?)?;
    let at_client = lab.capture(&lab.link(&client, &lan, "10.9.0.3/24".parse()?)?)?;

    let a_daemon = start(&lab, &a, 150)?;
    a.wait_for_address(VIP, true, LONG)?;
    a_daemon.wait_for_line("Entering MASTER STATE", LONG)?;
    let mut b_daemon = start(&lab, &b, 100)?;
    b_daemon.wait_for_line("Entering BACKUP STATE", LONG)?;
    at_client.wait_for("a's announcement", LONG, announces)?;

    // Carrier lost: it moves, and returns when the cable is back.
    at_client.clear();
    lab.cut(&a_link)?;
    b.wait_for_address(VIP, true, LONG)?;
    at_client.wait_for("b's announcement", LONG, announces)?;
    lab.heal(&a_link)?;
    b.wait_for_address(VIP, false, LONG)?;
    a.wait_for_address(VIP, true, LONG)?;

    // Every process of a's daemon killed at once: b takes over, and a keeps the address that nobody removed.
    a.kill_all()?;
    b.wait_for_address(VIP, true, LONG)?;
    ensure!(a.holds(VIP)?, "somebody removed the address of a dead daemon");

    // Stopped in order, it gives the address up.
    b_daemon.signal(Signal::SIGTERM)?;
    b_daemon.wait(LONG)?;
    b.wait_for_address(VIP, false, LONG)?;
    Ok(())
}
