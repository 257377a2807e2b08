//! What is there while the daemon runs, and what it puts back.

use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use tandem_lab::Host;
use tandem_netns_tests::{Bench, wait};
use tandem_sys::netlink::{Cidr, MacvlanMode, Route};

use super::stage::{self, Config, LONG, Program, Stage};

const FIXED: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 8, 0, 5));

/// On the backup too, which holds nothing else; a reload takes what differs, the end takes the rest.
pub(super) fn always_there(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let config = |statics: &str| Config {
        before: statics.to_owned(),
        ..Config::v3(100)
    };
    let address = "static_ipaddress {\n 10.8.0.5/24 dev eth0\n}\n";
    let all = format!(
        "{address}static_routes {{\n 10.77.0.0/16 via 10.9.0.9 dev eth0\n}}\n\
         static_rules {{\n from 10.77.0.1 table 100 priority 77\n}}\n"
    );
    let _master = stage.start(&stage.b, Program::Ours, &Config::v3(150))?;
    let file = stage.lab.folder()?.join("keepalived.conf");
    fs::write(&file, config(&all).text())?;
    let mut daemon = stage::run(&stage.a, Program::Ours, &file)?;
    daemon.wait_for_line("Entering BACKUP STATE", LONG)?;
    stage.a.wait_for_address(FIXED, true, LONG)?;
    wait_for_route(&stage.a, "10.77.0.0/16", true)?;
    wait_for_rule(&stage.a, 77, true)?;

    stage.a.delete_address("eth0", "10.8.0.5/24".parse()?)?;
    stage.a.wait_for_address(FIXED, true, LONG)?;
    delete_route(&stage.a, "10.77.0.0/16")?;
    wait_for_route(&stage.a, "10.77.0.0/16", true)?;
    delete_rule(&stage.a, 77)?;
    wait_for_rule(&stage.a, 77, true)?;

    fs::write(&file, config(address).text())?;
    daemon.signal(Signal::SIGHUP)?;
    wait_for_route(&stage.a, "10.77.0.0/16", false)?;
    wait_for_rule(&stage.a, 77, false)?;
    ensure!(stage.a.holds(FIXED)?, "the reload took what it should keep");
    daemon.stop(LONG)?;
    ensure!(!stage.a.holds(FIXED)?, "it stayed behind");
    Ok(())
}

/// The address is there, answers ARP and nothing else; a reload opens it, and the end leaves no rule behind.
pub(super) fn closed(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let config = |extra| Config {
        extra,
        ..Config::v3(150)
    };
    let file = stage.lab.folder()?.join("keepalived.conf");
    fs::write(&file, config("no_accept").text())?;
    let mut daemon = stage::run(&stage.a, Program::Ours, &file)?;
    daemon.wait_for_line("Entering MASTER STATE", LONG)?;
    stage.a.wait_for_address(stage::VIP, true, LONG)?;
    ensure!(tables(&stage.a)?.contains("tandem_vrrp"), "there are no rules");
    // Nobody listens, so an open address refuses at once and a closed one says nothing.
    let refuses = |address: IpAddr| -> Result<bool> {
        let to = (address, 9).into();
        let tried = stage
            .client
            .inside(|| TcpStream::connect_timeout(&to, Duration::from_millis(300)))?;
        Ok(tried.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused))
    };
    ensure!(
        refuses(IpAddr::from([10, 9, 0, 1]))?,
        "the host's own address is closed"
    );
    ensure!(!refuses(stage::VIP)?, "the address is open");

    fs::write(&file, config("").text())?;
    daemon.signal(Signal::SIGHUP)?;
    wait("an open address", || refuses(stage::VIP))?;
    fs::write(&file, config("no_accept").text())?;
    daemon.signal(Signal::SIGHUP)?;
    wait("a closed address", || Ok(!refuses(stage::VIP)?))?;
    daemon.stop(LONG)?;
    ensure!(tables(&stage.a)?.is_empty(), "rules stayed behind");
    Ok(())
}

fn tables(host: &Host) -> Result<String> {
    let output = host.inside(|| std::process::Command::new("nft").args(["list", "tables"]).output())??;
    Ok(String::from_utf8(output.stdout)?)
}

pub(super) fn routes_come_back(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let config = Config {
        extra: "virtual_routes {\n 10.78.0.0/16 via 10.9.0.9 dev eth0 src 10.9.0.100\n }",
        ..Config::v3(150)
    };
    let mut daemon = stage.start(&stage.a, Program::Ours, &config)?;
    wait_for_route(&stage.a, "10.78.0.0/16", true)?;
    delete_route(&stage.a, "10.78.0.0/16")?;
    wait_for_route(&stage.a, "10.78.0.0/16", true)?;
    // The kernel takes the route along with its source.
    stage.a.delete_address("eth0", "10.9.0.100/24".parse()?)?;
    stage.a.wait_for_address(stage::VIP, true, LONG)?;
    wait_for_route(&stage.a, "10.78.0.0/16", true)?;
    daemon.stop(LONG)?;
    wait_for_route(&stage.a, "10.78.0.0/16", false)
}

/// Several ways, none, and selectors that few use: they come with mastership and go with it.
pub(super) fn ways_of_all_kinds(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let config = Config {
        extra: "virtual_routes {\n \
                10.81.0.0/16 nexthop via 10.9.0.8 dev eth0 weight 2 nexthop via 10.9.0.9 dev eth0\n \
                blackhole 10.82.0.0/16\n \
                10.83.0.0/16 via 10.9.0.9 dev eth0 table 77 mtu 1400 proto 18 onlink\n \
                10.84.0.0/16 dev eth0 encap ip id 5 dst 10.9.0.9\n \
                fd05::/64 via fe80::9 dev eth0 expires 300\n }\n \
                virtual_rules {\n from 10.9.0.100 fwmark 1/3 ipproto tcp dport 80-90 prohibit priority 321\n }",
        ..Config::v3(150)
    };
    let mut daemon = stage.start(&stage.a, Program::Ours, &config)?;
    for to in ["10.81.0.0/16", "10.82.0.0/16", "10.83.0.0/16"] {
        wait_for_route(&stage.a, to, true)?;
    }
    wait_until_told(
        &stage.a,
        &["route"],
        "10.84.0.0/16  encap ip id 5 src 0.0.0.0 dst 10.9.0.9",
    )?;
    wait_until_told(&stage.a, &["-6", "route"], "expires 2")?;
    let hops = route(&stage.a, "10.81.0.0/16")?.map(|route| route.hops.len());
    ensure!(hops == Some(2), "it has {hops:?} ways");
    wait_for_rule(&stage.a, 321, true)?;
    for to in ["10.81.0.0/16", "10.82.0.0/16"] {
        delete_route(&stage.a, to)?;
        wait_for_route(&stage.a, to, true)?;
    }
    delete_rule(&stage.a, 321)?;
    wait_for_rule(&stage.a, 321, true)?;
    daemon.stop(LONG)?;
    for to in ["10.81.0.0/16", "10.82.0.0/16", "10.83.0.0/16"] {
        wait_for_route(&stage.a, to, false)?;
    }
    wait_for_rule(&stage.a, 321, false)
}

/// By `ip`, which knows more of a route than we read.
fn wait_until_told(host: &Host, question: &[&str], words: &str) -> Result<()> {
    let deadline = Instant::now() + LONG;
    loop {
        let told = host.inside(|| std::process::Command::new("ip").args(question).output())??;
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        if told.contains(words) {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "ip {question:?} does not say `{words}`:\n{told}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The interface is the one that has the address they speak from; without that address there is none.
pub(super) fn without_an_interface(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let start = |host: &Host, priority: u8, own: u8, other: u8| {
        let unicast = format!("unicast_src_ip 10.9.0.{own}\n    unicast_peer {{\n 10.9.0.{other}\n }}\n");
        let text = Config::v3(priority).text().replace("interface eth0\n", &unicast);
        let file = stage.lab.folder()?.join(format!("unicast-{own}.conf"));
        fs::write(&file, text)?;
        stage::run(host, Program::Ours, &file)
    };
    let a = start(&stage.a, 150, 1, 2)?;
    let b = start(&stage.b, 100, 2, 1)?;
    stage.a.wait_for_address(stage::VIP, true, LONG)?;
    stage.b.wait_for_address(stage::VIP, false, LONG)?;
    stage.a.delete_address("eth0", "10.9.0.1/24".parse()?)?;
    a.wait_for_line("Entering FAULT STATE", LONG)?;
    stage.b.wait_for_address(stage::VIP, true, LONG)?;
    stage.a.wait_for_address(stage::VIP, false, LONG)?;
    stage.a.add_address("eth0", "10.9.0.1/24".parse()?)?;
    stage.a.wait_for_address(stage::VIP, true, LONG)?;
    stage.b.wait_for_address(stage::VIP, false, LONG)?;
    drop(b);
    Ok(())
}

fn route(host: &Host, to: &str) -> Result<Option<Route>> {
    let to: Cidr = to.parse()?;
    let routes = host.netlink(async |netlink| netlink.routes().await)?;
    Ok(routes.into_iter().find(|route| route.to == to))
}

fn delete_route(host: &Host, to: &str) -> Result<()> {
    let route = route(host, to)?.ok_or_else(|| anyhow::anyhow!("there is no route to {to}"))?;
    Ok(host.netlink(async |netlink| netlink.delete_route(&route).await)?)
}

fn delete_rule(host: &Host, priority: u32) -> Result<()> {
    let gone = host.netlink(async |netlink| {
        let rules = netlink.rules().await?;
        let rule = rules.iter().find(|rule| rule.priority == priority);
        match rule {
            Some(rule) => netlink.delete_rule(rule).await.map(|()| true),
            None => Ok(false),
        }
    })?;
    ensure!(gone, "there is no rule {priority}");
    Ok(())
}

/// An interface that the addresses and routes of a master are on goes, and comes back as another.
pub(super) fn interfaces_come_back(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let config = Config {
        extra: "virtual_ipaddress_excluded {\n 10.7.0.100/24 dev side\n }\n \
                virtual_routes {\n 10.79.0.0/16 via 10.7.0.9 dev side\n }",
        ..Config::v3(150)
    };
    let side: IpAddr = "10.7.0.100".parse()?;
    // Not there at first; without it neither the address nor the route can be served, so the instance is at fault, as
    // Keepalived's is.
    let mut daemon = stage.start(&stage.a, Program::Ours, &config)?;
    daemon.wait_for_line("Entering FAULT STATE", LONG)?;
    for _ in 0..2 {
        let index = stage.a.netlink(async |netlink| {
            let base = netlink.link("eth0").await?.index;
            let index = netlink.add_macvlan("side", base, MacvlanMode::Bridge, None).await?;
            netlink.set_up(index).await?;
            Ok(index)
        })?;
        stage.a.wait_for_address(side, true, LONG)?;
        stage.a.wait_for_address(stage::VIP, true, LONG)?;
        wait_for_route(&stage.a, "10.79.0.0/16", true)?;
        stage.a.netlink(async |netlink| netlink.set_down(index).await)?;
        stage.a.wait_for_address(stage::VIP, false, LONG)?;
        wait_for_route(&stage.a, "10.79.0.0/16", false)?;
        stage.a.netlink(async |netlink| netlink.set_up(index).await)?;
        wait_for_route(&stage.a, "10.79.0.0/16", true)?;
        stage.a.netlink(async |netlink| netlink.delete_link(index).await)?;
        stage.a.wait_for_address(side, false, LONG)?;
        stage.a.wait_for_address(stage::VIP, false, LONG)?;
    }
    daemon.stop(LONG)?;
    Ok(())
}

fn wait_for_route(host: &Host, to: &str, wanted: bool) -> Result<()> {
    wait(&format!("route to {to}: {wanted}"), || {
        Ok(route(host, to)?.is_some() == wanted)
    })
}

fn wait_for_rule(host: &Host, priority: u32, wanted: bool) -> Result<()> {
    wait(&format!("rule {priority}: {wanted}"), || {
        let rules = host.netlink(async |netlink| netlink.rules().await)?;
        Ok(rules.iter().any(|rule| rule.priority == priority) == wanted)
    })
}
