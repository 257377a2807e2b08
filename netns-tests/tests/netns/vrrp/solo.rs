//! Ours with ours.

use std::net::IpAddr;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use tandem_lab::{Advert, Frame, Host, Lab, Probe, Responder};
use tandem_netns_tests::Bench;
use tandem_sys::raw::{Arp, VrrpSender};

use super::stage::{self, Config, LONG, Program, Stage, VIP, VIP6, times_master};
use super::{below, fixtures, owner, together};

const MULTICAST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(224, 0, 0, 18));
const OURS: [Program; 2] = [Program::Ours; 2];

pub(super) fn elections_and_failures(bench: &Bench<'_>) -> Result<()> {
    together(
        bench,
        &[
            ("kill -9", &killed),
            ("cable cut", &cut),
            ("a backup that stood still", &paused),
            ("equal priorities", &equal),
            ("IPv6", &ipv6),
            ("unicast", &unicast),
            ("unicast over IPv6 with a hop limit", &hop_limited),
            ("a source address that goes", &tracked_source),
            ("an interface that comes later", &later),
            ("an interface that goes and comes back", &below::the_interface_returns),
            ("processes that are counted", &below::processes_are_counted),
            ("a sync group", &grouped),
            ("routes and rules", &ways),
            ("an address that accepts nothing", &fixtures::closed),
            ("what is always there", &fixtures::always_there),
            ("a route that somebody removes", &fixtures::routes_come_back),
            ("an owner with one address", &owner::keeps_its_address),
            ("an owner with another address", &owner::takes_what_it_brought),
            ("an owner that stops while it starts", &owner::stops_while_it_starts),
            ("an owner no more", &owner::gives_up_what_the_host_keeps),
            ("a peer with an authentication header", &authenticated),
            ("routes and rules of all kinds", &fixtures::ways_of_all_kinds),
            ("unicast without an interface", &fixtures::without_an_interface),
            ("an interface that comes and goes", &fixtures::interfaces_come_back),
        ],
    )
}

/// A peer with `auth_type AH` is no silence: it is said why nobody listens to it.
fn authenticated(bench: &Bench<'_>) -> Result<()> {
    /// A VRID that nobody has here.
    const STRANGER: u8 = 77;
    let stage = Stage::new(bench)?;
    let a = stage.start(&stage.a, Program::Ours, &Config::v2(150))?;
    a.wait_for_line("Entering BACKUP STATE", LONG)?;
    let index = stage.client.netlink(async |netlink| netlink.link("eth0").await)?.index;
    let sender = stage.client.inside(|| VrrpSender::open_v4("eth0", index))??;
    let header = |next: u8| {
        let mut packet = vec![0x45, 0xc0, 0, 64, 0, 1, 0, 0, 255, 51, 0, 0, 10, 9, 0, 3, 224, 0, 0, 18];
        // Next header, length, SPI, sequence number, and twelve bytes of a signature.
        packet.extend([next, 4, 0, 0, 10, 9, 0, 3, 0, 0, 0, 1]);
        packet.extend([0xa5; 12]);
        packet
    };
    let advert = [
        0x21, 51, 200, 1, 2, 1, 0xbe, 0xef, 10, 9, 0, 100, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    // Somebody else's, which has nothing to do with VRRP, whatever is in it.
    let mut other = advert;
    other[1] = STRANGER;
    sender.send(&[header(6), other.to_vec()].concat(), MULTICAST)?;
    sender.send(&[header(112), advert.to_vec()].concat(), MULTICAST)?;
    a.wait_for_line("AH authentication, which is not supported", LONG)?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    ensure!(!a.output().contains("unknown VRID"), "{}", a.output());
    Ok(())
}

/// The dead router keeps its address; the other takes over.
fn killed(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let (mut a, b) = stage.settled(OURS, &Config::v3(150), &Config::v3(100), VIP)?;
    a.kill()?;
    b.wait_for_line("Receive advertisement timeout", LONG)?;
    b.wait_for_line("Entering MASTER STATE", LONG)?;
    stage.b.wait_for_address(VIP, true, LONG)?;
    ensure!(stage.a.holds(VIP)?, "somebody removed the address of a dead router");
    Ok(())
}

/// What came while it could not look counts from when it came: nobody takes over from a master that was there all the time.
fn paused(bench: &Bench<'_>) -> Result<()> {
    // Several times the silence that it believes.
    const STILL: Duration = Duration::from_millis(1500);
    let stage = Stage::new(bench)?;
    let cable = stage.lab.capture(&stage.client_link)?;
    let (_a, b) = stage.settled(OURS, &Config::v3(150), &Config::v3(100), VIP)?;
    let before = times_master(&b);
    for _ in 0..2 {
        b.signal(Signal::SIGSTOP)?;
        std::thread::sleep(STILL);
        cable.clear();
        b.signal(Signal::SIGCONT)?;
        let awake = SystemTime::now();
        let from = |frame: &Frame, last: u8| {
            Advert::read(frame)
                .is_some_and(|advert| advert.at > awake && advert.source == IpAddr::from([10, 9, 0, last]))
        };
        // The silence would be believed within one more interval.
        let mut heard = 0;
        cable.wait_for("the master's adverts", LONG, |frame| {
            heard += usize::from(from(frame, 1));
            heard == 5
        })?;
        ensure!(
            !cable.frames().iter().any(|frame| from(frame, 2)),
            "it advertised:\n{}",
            b.output()
        );
    }
    ensure!(times_master(&b) == before, "it took over:\n{}", b.output());
    Ok(())
}

fn cut(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let (a, b) = stage.settled(OURS, &Config::v3(150), &Config::v3(100), VIP)?;
    stage.lab.cut(&stage.a_link)?;
    a.wait_for_line("Entering FAULT STATE", LONG)?;
    stage.a.wait_for_address(VIP, false, LONG)?;
    b.wait_for_line("Entering MASTER STATE", LONG)?;
    stage.b.wait_for_address(VIP, true, LONG)?;
    stage.lab.heal(&stage.a_link)?;
    a.wait_for_line("Entering MASTER STATE", LONG)?;
    b.wait_for_line("Entering BACKUP STATE", LONG)?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    stage.b.wait_for_address(VIP, false, LONG)?;
    Ok(())
}

/// The higher address wins.
fn equal(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let _a = stage.start(&stage.a, Program::Ours, &Config::v3(100))?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    let b = stage.start(&stage.b, Program::Ours, &Config::v3(100))?;
    b.wait_for_line("Entering BACKUP STATE", LONG)?;
    // Both masters for a moment: neither hears the other for a while.
    let hole = stage.lab.drop_between(&stage.a, &stage.b)?;
    stage.b.wait_for_address(VIP, true, LONG)?;
    stage.lab.mend(hole)?;
    stage.a.wait_for_address(VIP, false, LONG)?;
    ensure!(stage.b.holds(VIP)?, "the higher address did not stay master");
    Ok(())
}

fn ipv6(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let (mut a, b) = stage.settled(OURS, &Config::v6(150), &Config::v6(100), VIP6)?;
    let tentative = stage.a.addresses()?.into_iter().any(|address| address.tentative);
    ensure!(!tentative, "an address waits for duplicate detection");
    a.stop(LONG)?;
    b.wait_for_line("Entering MASTER STATE", LONG)?;
    stage.b.wait_for_address(VIP6, true, LONG)?;
    stage.a.wait_for_address(VIP6, false, LONG)?;
    Ok(())
}

fn tracked_source(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let config = Config {
        extra: "mcast_src_ip 10.9.0.1\n track_src_ip",
        ..Config::v3(150)
    };
    let a = stage.start(&stage.a, Program::Ours, &config)?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    let source = |what| {
        let mut change = stage
            .a
            .run(Command::new("ip").args(["addr", what, "10.9.0.1/24", "dev", "eth0"]))?;
        ensure!(change.wait(LONG)?.success(), "ip addr {what}: {}", change.output());
        anyhow::Ok(())
    };
    source("del")?;
    a.wait_for_line("Entering FAULT STATE", LONG)?;
    stage.a.wait_for_address(VIP, false, LONG)?;
    source("add")?;
    a.wait_for_line("Entering MASTER STATE", LONG)?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    Ok(())
}

fn hop_limited(bench: &Bench<'_>) -> Result<()> {
    const HOP_LIMIT: u8 = 7;
    const VRRP: u8 = 112;
    let stage = Stage::new(bench)?;
    let own = ["-6", "addr", "add", "fe80::3/64", "dev", "eth0", "nodad"];
    let mut change = stage.client.run(Command::new("ip").args(own))?;
    ensure!(change.wait(LONG)?.success(), "{}", change.output());
    let config = Config {
        extra: "unicast_ttl 7\n unicast_peer {\n fe80::3\n }",
        ..Config::v6(150)
    };
    let cable = stage.lab.capture(&stage.client_link)?;
    let _a = stage.start(&stage.a, Program::Ours, &config)?;
    let is_advert = |frame: &Frame| frame.bytes[12..14] == [0x86, 0xdd] && frame.bytes.get(20) == Some(&VRRP);
    let advert = cable.wait_for("an advert", LONG, is_advert)?;
    ensure!(advert.bytes[21] == HOP_LIMIT, "its hop limit is {}", advert.bytes[21]);
    Ok(())
}

fn unicast(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let a = Config {
        extra: "unicast_src_ip 10.9.0.1\n unicast_peer {\n 10.9.0.2\n }",
        ..Config::v3(150)
    };
    let b = Config {
        extra: "unicast_src_ip 10.9.0.2\n unicast_peer {\n 10.9.0.1\n }",
        ..Config::v3(100)
    };
    let cable = stage.lab.capture(&stage.client_link)?;
    let (mut a, b) = stage.settled(OURS, &a, &b, VIP)?;
    a.kill()?;
    b.wait_for_line("Entering MASTER STATE", LONG)?;
    let multicast = |frame: &Frame| frame.bytes.starts_with(&[1, 0, 0x5e, 0, 0, 0x12]);
    ensure!(!cable.frames().iter().any(multicast), "an advert went to everybody");
    Ok(())
}

/// The daemon starts before its interface is there.
fn later(bench: &Bench<'_>) -> Result<()> {
    let lab = Lab::new(bench.ground)?;
    let (lan, host) = (lab.switch("lan")?, lab.host("late")?);
    let file = lab.folder()?.join("keepalived.conf");
    std::fs::write(&file, Config::v3(100).text())?;
    let daemon = stage::run(&host, Program::Ours, &file)?;
    daemon.wait_for_line("Entering FAULT STATE", LONG)?;
    lab.link(&host, &lan, "10.9.0.1/24".parse()?)?;
    daemon.wait_for_line("Entering MASTER STATE", LONG)?;
    host.wait_for_address(VIP, true, LONG)?;
    Ok(())
}

/// One of two cables is pulled, and both addresses move.
fn grouped(bench: &Bench<'_>) -> Result<()> {
    let lab = Lab::new(bench.ground)?;
    let (front, back) = (lab.switch("front")?, lab.switch("back")?);
    let (a, b) = (lab.host("a")?, lab.host("b")?);
    let mut daemons = Vec::new();
    let mut cables = Vec::new();
    for (host, last, priority) in [(&a, 1, 150), (&b, 2, 100)] {
        cables.push(lab.link(host, &front, format!("10.9.0.{last}/24").parse()?)?);
        lab.link(host, &back, format!("10.10.0.{last}/24").parse()?)?;
        let file = lab.folder()?.join("keepalived.conf");
        std::fs::write(&file, group(priority))?;
        daemons.push(stage::run(host, Program::Ours, &file)?);
    }
    let vips = [VIP, "10.10.0.100".parse()?];
    let held_by = |host: &Host, held| vips.iter().try_for_each(|vip| host.wait_for_address(*vip, held, LONG));
    held_by(&a, true)?;
    held_by(&b, false)?;
    lab.cut(&cables[0])?;
    held_by(&b, true)?;
    held_by(&a, false)?;
    lab.heal(&cables[0])?;
    held_by(&a, true)?;
    held_by(&b, false)?;
    daemons[0].wait_for_line("VRRP_Group(G) Syncing instances to MASTER state", LONG)?;
    Ok(())
}

pub(super) fn group(priority: u8) -> String {
    let instance = |name: &str, interface: &str, vrid: u8, vip: &str| {
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
    let (one, two) = (
        instance("FRONT", "eth0", 51, "10.9.0.100"),
        instance("BACK", "eth1", 52, "10.10.0.100"),
    );
    format!(
        "global_defs {{\n    vrrp_version 3\n}}\nvrrp_sync_group G {{\n    group {{\n        FRONT\n        BACK\n    }}\n}}\n{one}{two}"
    )
}

/// They come and go with the address.
fn ways(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let config = Config {
        extra: "virtual_routes {
        10.20.0.0/16 via 10.9.0.3 dev eth0 table 77
    }
    virtual_rules {
        from 10.9.0.100 table 77 priority 500
    }",
        ..Config::v3(150)
    };
    let mut daemon = stage.start(&stage.a, Program::Ours, &config)?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    let has = |wanted| -> Result<()> {
        let deadline = Instant::now() + LONG;
        loop {
            let (routes, rules) = stage
                .a
                .netlink(async |netlink| Ok((netlink.routes().await?, netlink.rules().await?)))?;
            let there = (
                routes.iter().any(|route| route.table == 77),
                rules
                    .iter()
                    .any(|rule| rule.priority == 500 && rule.table() == Some(77)),
            );
            if there == (wanted, wanted) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "routes and rules: {there:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    has(true)?;
    daemon.stop(LONG)?;
    has(false)
}

pub(super) fn puts_an_address_back(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let (a, b) = stage.settled(OURS, &Config::v2(150), &Config::v2(100), VIP)?;
    let masters = times_master(&b);
    let cable = stage.lab.capture(&stage.client_link)?;
    // Whoever looks here has no real-time priority and is late now and then, but not three times of five.
    let back = (0..5).map(|_| {
        let taken = Instant::now();
        stage.a.delete_address("eth0", "10.9.0.100/24".parse()?)?;
        stage.a.wait_for_address(VIP, true, LONG)?;
        Ok(taken.elapsed())
    });
    let mut back = back.collect::<Result<Vec<_>>>()?;
    back.sort();
    bench.say(format!("an address that somebody removed is back after {back:.1?}"));
    ensure!(back[2] < Duration::from_millis(10), "it took {back:?}");
    a.wait_for_line("somebody removed 10.9.0.100", LONG)?;
    cable.wait_for("an announcement", LONG, |frame| {
        Arp::read(&frame.bytes).is_some_and(|arp| arp.is_announcement())
    })?;
    ensure!(
        times_master(&b) == masters,
        "the other router took over:\n{}",
        b.output()
    );
    Ok(())
}

/// Killed and started again at once, it goes on with the address in place; killed again while it listens, with another
/// configuration read meanwhile, as well.
pub(super) fn a_crash_is_resumed(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    // Time to start twice while the other router waits.
    let config = |priority| Config::v2(priority).each("2");
    let (mut a, b) = stage.settled(OURS, &config(150), &config(100), VIP)?;
    let _responders = (Responder::start(&stage.a)?, Responder::start(&stage.b)?);
    let probe = Probe::start(&stage.client, VIP)?;
    journal_names_the_instance(a.pid())?;
    let taken = times_master(&b);
    a.kill()?;
    let mut again = stage.start(&stage.a, Program::Ours, &config(150))?;
    again.wait_for_line("listening before resuming", LONG)?;
    again.signal(Signal::SIGHUP)?;
    again.wait_for_line("Reload finished", LONG)?;
    again.kill()?;
    let again = stage.start(&stage.a, Program::Ours, &config(150))?;
    again.wait_for_line("listening before resuming", LONG)?;
    again.wait_for_line("Entering MASTER STATE", LONG)?;
    let seen = probe.finish()?;
    bench.say(format!(
        "kill -9 and restart, twice: {} of {} questions lost",
        seen.lost(),
        seen.asked()
    ));
    ensure!(seen.lost() == 0, "{} of {} questions lost", seen.lost(), seen.asked());
    ensure!(times_master(&b) == taken, "the other router took over:\n{}", b.output());
    again.signal(Signal::SIGTERM)?;
    b.wait_for_line("Entering MASTER STATE", LONG)?;
    Ok(())
}

/// What dies before its note is written is not resumed, so a crash that is to be resumed comes after.
pub(super) fn journal_names_the_instance(daemon: u32) -> Result<()> {
    journal_names(daemon, "51/4/eth0")
}

pub(super) fn journal_names(daemon: u32, instance: &str) -> Result<()> {
    let path = format!("/proc/{daemon}/root/run/tandem-vrrp/journal");
    let deadline = Instant::now() + LONG;
    while !std::fs::read_to_string(&path).is_ok_and(|note| note.contains(instance)) {
        ensure!(Instant::now() < deadline, "the journal does not name what is held");
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
