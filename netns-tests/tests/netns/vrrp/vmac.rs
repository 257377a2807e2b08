//! Virtual routers with a MAC address of their own: whoever is master, the client knows one MAC address only.

use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use tandem_lab::{Host, Mac, Running};
use tandem_netns_tests::{Bench, wait};
use tandem_sys::netlink::Link;

use super::stage::{self, Config, LONG, Program, Stage, VIP, VIP6, times_master};
use super::together;

const V4: Mac = Mac([0, 0, 0x5e, 0, 1, 51]);
const V6: Mac = Mac([0, 0, 0x5e, 0, 2, 51]);

const ROLES: [[Program; 2]; 2] = [
    [Program::Ours, Program::Keepalived],
    [Program::Keepalived, Program::Ours],
];

pub(super) fn alone(bench: &Bench<'_>) -> Result<()> {
    together(
        bench,
        &[
            ("two of ours", &|bench| {
                moves(bench, [Program::Ours; 2], &plain, VIP, V4)
            }),
            ("two of ours, IPv6", &|bench| {
                moves(bench, [Program::Ours; 2], &six, VIP6, V6)
            }),
            ("adverts from the base", &|bench| {
                moves(bench, [Program::Ours; 2], &on_base, VIP, V4)
            }),
            ("reload", &reload),
            ("crash", &crash),
            ("the interface goes and comes", &goes_and_comes),
            ("other interfaces", &elsewhere),
        ],
    )
}

pub(super) fn beside_keepalived(bench: &Bench<'_>) -> Result<()> {
    together(
        bench,
        &[
            ("ours master", &|bench| moves(bench, ROLES[0], &plain, VIP, V4)),
            ("Keepalived master", &|bench| moves(bench, ROLES[1], &plain, VIP, V4)),
            ("IPv6, ours master", &|bench| moves(bench, ROLES[0], &six, VIP6, V6)),
            ("IPv6, Keepalived master", &|bench| {
                moves(bench, ROLES[1], &six, VIP6, V6)
            }),
        ],
    )
}

fn plain(priority: u8) -> Config {
    Config::v3(priority).with("use_vmac")
}

fn six(priority: u8) -> Config {
    Config::v6(priority).with("use_vmac")
}

fn on_base(priority: u8) -> Config {
    Config::v3(priority).with("use_vmac\n    vmac_xmit_base")
}

/// To the second, and back when the first returns; each time the client reaches it by the same MAC address.
fn moves(
    bench: &Bench<'_>,
    programs: [Program; 2],
    config: &dyn Fn(u8) -> Config,
    vip: IpAddr,
    mac: Mac,
) -> Result<()> {
    let stage = Stage::new(bench)?;
    stage.client.add_address("eth0", "fd00:9::3/64".parse()?)?;
    // What many distributions set; answers leave by the interface below, which strictness would not allow.
    if programs == [Program::Ours; 2] {
        for host in [&stage.a, &stage.b] {
            host.sysctl("net.ipv4.conf.all.rp_filter", "1")?;
        }
    }
    let (mut a, _b) = stage.settled(programs, &config(150), &config(100), vip)?;
    reached(&stage.client, vip, mac)?;
    a.stop(LONG)?;
    stage.b.wait_for_address(vip, true, LONG)?;
    reached(&stage.client, vip, mac)?;
    if programs[0] == Program::Ours {
        ensure!(macvlan(&stage.a)?.is_none(), "the interface stayed behind");
        let ignores = setting(&stage.a, "eth0/arp_ignore")?;
        ensure!(ignores == "0", "the interface below was left with arp_ignore {ignores}");
    }
    let _again = stage.start(&stage.a, programs[0], &config(150))?;
    stage.a.wait_for_address(vip, true, LONG)?;
    stage.b.wait_for_address(vip, false, LONG)?;
    reached(&stage.client, vip, mac)?;
    ensure!(
        !stage
            .client
            .neighbours()?
            .iter()
            .any(|n| n.ip == vip && n.mac != Some(mac)),
        "the client knows another MAC address"
    );
    Ok(())
}

/// On and off while it is master: the address is served all the time but a moment, and nothing stays behind.
fn reload(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let file = stage.lab.folder()?.join("keepalived.conf");
    fs::write(&file, Config::v3(150).text())?;
    let daemon = stage::run(&stage.a, Program::Ours, &file)?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    reached(&stage.client, VIP, own_mac(&stage.a)?)?;
    let again = |config: Config| -> Result<()> {
        fs::write(&file, config.text())?;
        Ok(daemon.signal(Signal::SIGHUP)?)
    };
    again(Config::v3(150).with("use_vmac\n    no_accept"))?;
    wait("the virtual MAC address", || knows(&stage.client, VIP, V4))?;
    wait("a closed address", || Ok(!refuses(&stage.client, VIP)?))?;
    again(plain(150))?;
    reached(&stage.client, VIP, V4)?;
    again(Config::v3(150).with("use_vmac other"))?;
    wait("another name", || {
        Ok(named(&stage.a, "other")?.is_some_and(|link| link.up))
    })?;
    reached(&stage.client, VIP, V4)?;
    again(Config::v3(150))?;
    reached(&stage.client, VIP, own_mac(&stage.a)?)?;
    wait("no macvlan", || {
        Ok(macvlan(&stage.a)?.is_none() && named(&stage.a, "other")?.is_none())
    })?;
    let entered = daemon.output().matches("Entering MASTER STATE").count();
    ensure!(entered == 1, "it entered MASTER {entered} times");
    Ok(())
}

/// Killed and started again, it goes on with the interface that is there; as a backup it takes it away from itself.
fn crash(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    // A start takes longer than the silence that a tenth of a second allows.
    let slow = |priority| Config {
        interval: "1",
        ..plain(priority)
    };
    let (mut a, b) = stage.settled([Program::Ours; 2], &slow(150), &slow(100), VIP)?;
    reached(&stage.client, VIP, V4)?;
    super::solo::journal_names_the_instance(a.pid())?;
    let taken = times_master(&b);
    let before = macvlan(&stage.a)?.context("no macvlan")?.index;
    a.kill()?;
    let again = stage.start(&stage.a, Program::Ours, &slow(150))?;
    again.wait_for_line("Entering MASTER STATE", LONG)?;
    let after = macvlan(&stage.a)?.context("no macvlan")?.index;
    ensure!(before == after, "the interface was made anew");
    ensure!(
        times_master(&b) == taken,
        "the other router took over:\n{}\n{}",
        again.output(),
        b.output()
    );
    reached(&stage.client, VIP, V4)?;
    end(again)?;
    ensure!(macvlan(&stage.a)?.is_none(), "the interface stayed behind");
    let ignores = setting(&stage.a, "eth0/arp_ignore")?;
    ensure!(ignores == "0", "the interface below was left with arp_ignore {ignores}");
    Ok(())
}

/// Somebody deletes the interface with the addresses on it.
fn goes_and_comes(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let daemon = stage.start(&stage.a, Program::Ours, &plain(150))?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    let there = macvlan(&stage.a)?.context("no macvlan")?.index;
    stage.a.netlink(async |netlink| netlink.delete_link(there).await)?;
    wait("another macvlan", || {
        Ok(macvlan(&stage.a)?.is_some_and(|link| link.index != there))
    })?;
    stage.a.wait_for_address(VIP, true, LONG)?;
    reached(&stage.client, VIP, V4)?;
    end(daemon)
}

/// An address that asks for it, beside one that does not.
fn elsewhere(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let config = Config {
        addresses: "10.9.0.100/24\n        10.9.0.101/24 use_vmac",
        ..Config::v3(150)
    };
    let daemon = stage.start(&stage.a, Program::Ours, &config)?;
    let other = IpAddr::from([10, 9, 0, 101]);
    stage.a.wait_for_address(other, true, LONG)?;
    reached(&stage.client, VIP, own_mac(&stage.a)?)?;
    reached(&stage.client, other, V4)?;
    end(daemon)
}

fn end(mut daemon: Running) -> Result<()> {
    daemon.stop(LONG)?;
    Ok(())
}

fn macvlan(host: &Host) -> Result<Option<Link>> {
    named(host, "vrrp.51")
}

fn named(host: &Host, name: &str) -> Result<Option<Link>> {
    let links = host.netlink(async |netlink| netlink.links().await)?;
    Ok(links.into_iter().find(|link| link.name == name))
}

fn own_mac(host: &Host) -> Result<Mac> {
    named(host, "eth0")?.and_then(|link| link.mac).context("no MAC address")
}

fn setting(host: &Host, what: &str) -> Result<String> {
    let path = format!("/proc/sys/net/ipv4/conf/{what}");
    Ok(host.inside(|| fs::read_to_string(path))??.trim().to_owned())
}

/// The client gets an answer from the address, which it knows by this MAC address.
fn reached(client: &Host, vip: IpAddr, mac: Mac) -> Result<()> {
    wait(&format!("{vip} at {mac}"), || {
        Ok(refuses(client, vip)? && knows(client, vip, mac)?)
    })
}

fn knows(client: &Host, vip: IpAddr, mac: Mac) -> Result<bool> {
    Ok(client.neighbours()?.iter().any(|n| n.ip == vip && n.mac == Some(mac)))
}

/// Nobody listens, so an address that answers refuses.
fn refuses(client: &Host, vip: IpAddr) -> Result<bool> {
    let to = (vip, 9).into();
    let tried = client.inside(|| TcpStream::connect_timeout(&to, Duration::from_millis(300)))?;
    Ok(tried.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused))
}
