//! Connections go on over a planned handover: the new host hands back to the old one what is not its own.

use std::io::{Read, Write, copy};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result, ensure};
use socket2::{Domain, Socket, Type};
use tandem_lab::Host;
use tandem_netns_tests::{Bench, wait};

use super::pair::{linked, wait_until_known};
use super::services::ask;
use super::stage::{Config, LONG, Program, Stage, VIP, VIP6};

/// Listens on any address, and on the virtual one itself.
const ANY: u16 = 5671;
const OWN: u16 = 5672;
const EACH: usize = 8;

pub(super) fn over_ipv4(bench: &Bench<'_>) -> Result<()> {
    goes_on(bench, VIP, Config::v3)
}

pub(super) fn over_ipv6(bench: &Bench<'_>) -> Result<()> {
    goes_on(bench, VIP6, Config::v6)
}

/// There, back again, and beyond the time that they have.
fn goes_on(bench: &Bench<'_>, vip: IpAddr, base: fn(u8) -> Config) -> Result<()> {
    let stage = Stage::with_ipv6(bench)?;
    for host in [&stage.a, &stage.b] {
        serve(host, vip)?;
    }
    let ours = [Program::Ours; 2];
    let configs = [linked(base(150), "10.9.0.2"), linked(base(100), "10.9.0.1")];
    let (a, b) = stage.settled(ours, &configs[0], &configs[1], vip)?;
    wait_until_known(&a, "ready")?;
    wait_until_known(&b, "master")?;

    let mut first = connect(&stage.client, vip, "a")?;
    let kept = ask(a.pid(), r#"{"ask": "handover"}"#)?;
    ensure!(
        kept.contains(&format!(r#""VI_1":{}"#, first.len())),
        "{kept}\n{}",
        b.output()
    );
    moved(&stage.a, &stage.b, vip)?;
    ensure!(
        has(&stage.a, "lo", vip)? && rules(&stage.b)?,
        "{}\n{}",
        a.output(),
        b.output()
    );
    answer(&mut first)?;
    let mut second = connect(&stage.client, vip, "b")?;
    answer(&mut first)?;

    // Back, by request: those of both go on.
    wait_until_known(&a, "master")?;
    ask(a.pid(), r#"{"ask": "resume"}"#)?;
    moved(&stage.b, &stage.a, vip)?;
    wait("the end of the first stay", || {
        Ok(!has(&stage.a, "lo", vip)? && !rules(&stage.b)?)
    })?;
    answer(&mut first)?;
    answer(&mut second)?;
    let third = connect(&stage.client, vip, "a")?;
    ensure!(
        has(&stage.b, "lo", vip)? && rules(&stage.a)?,
        "{}\n{}",
        a.output(),
        b.output()
    );

    // Nothing is left once nobody needs it.
    drop(second);
    wait("the end of the second stay", || {
        Ok(!has(&stage.b, "lo", vip)? && !rules(&stage.a)?)
    })?;
    for host in [&stage.a, &stage.b] {
        ensure!(silence(host)? == ["0", "0"], "{} is still silent", host.name());
    }
    drop(third);
    wait_until_known(&a, "ready")?;

    // Whoever is left when the time is over is closed.
    ask(a.pid(), r#"{"ask": "handover", "keep": 1}"#)?;
    moved(&stage.a, &stage.b, vip)?;
    answer(&mut first)?;
    wait("the end of the time", || {
        Ok(!has(&stage.a, "lo", vip)? && !rules(&stage.b)?)
    })?;
    a.wait_for_line("stayed here is over", LONG)?;
    ensure!(answer(&mut first).is_err(), "it answers still");
    bench.say(format!(
        "{vip}: {} connections went on over a handover, {} over the way back, and none past its time",
        2 * EACH,
        4 * EACH
    ));
    Ok(())
}

/// The kernel keeps what it was told to; the next process knows what was so before.
pub(super) fn over_a_restart(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    // Not what interfaces begin with.
    set(&stage.a, "arp_announce", "1")?;
    for host in [&stage.a, &stage.b] {
        serve(host, VIP)?;
    }
    let better = linked(Config::v3(150), "10.9.0.2");
    let lesser = linked(Config::v3(100), "10.9.0.1");
    let (mut a, b) = stage.settled([Program::Ours; 2], &better, &lesser, VIP)?;
    wait_until_known(&a, "ready")?;

    // Killed while connections go on: the next one goes on with them.
    let mut connections = connect(&stage.client, VIP, "a")?;
    ask(a.pid(), r#"{"ask": "handover", "keep": 60}"#)?;
    moved(&stage.a, &stage.b, VIP)?;
    ensure!(silence(&stage.a)? == ["1", "2"], "{}", a.output());
    drop(a);
    stage.a.wait_for_address(VIP, false, LONG)?;
    answer(&mut connections)?;
    a = stage.start(&stage.a, Program::Ours, &better.clone().with("nopreempt"))?;
    a.wait_for_line("of the process before go on here", LONG)?;
    answer(&mut connections)?;
    ensure!(silence(&stage.a)? == ["1", "2"], "{}", a.output());
    drop(connections);
    wait("the end of the stay", || Ok(silence(&stage.a)? == ["0", "1"]))?;

    // Stopped as master with connections, and started again when the kernel has ended them.
    wait_until_known(&a, "master")?;
    ask(b.pid(), r#"{"ask": "handover", "keep": 0}"#)?;
    moved(&stage.b, &stage.a, VIP)?;
    wait_until_known(&a, "ready")?;
    let connections = connect(&stage.client, VIP, "a")?;
    ask(a.pid(), r#"{"ask": "handover", "keep": 5}"#)?;
    moved(&stage.a, &stage.b, VIP)?;
    ensure!(a.stop(LONG)?.success(), "{}", a.output());
    wait("the end of the addresses", || Ok(!has(&stage.a, "lo", VIP)?))?;
    drop(connections);
    ensure!(silence(&stage.a)? == ["1", "2"], "nobody was there to end it");
    let a = stage.start(&stage.a, Program::Ours, &better)?;
    wait("what was so before", || Ok(silence(&stage.a)? == ["0", "1"]))?;
    drop((a, b));
    Ok(())
}

/// One that is asked and works on it for too long does not hand back for ever what nobody keeps.
pub(super) fn whoever_is_too_slow_stops(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    for host in [&stage.a, &stage.b] {
        serve(host, VIP)?;
    }
    let folder = stage.lab.folder()?;
    let slow = folder.join("nft");
    std::fs::write(&slow, SLOW_NFT)?;
    std::fs::set_permissions(&slow, std::fs::Permissions::from_mode(0o755))?;
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    let file = folder.join("b.conf");
    std::fs::write(&file, linked(Config::v3(100), "10.9.0.1").text())?;
    let a = stage.start(&stage.a, Program::Ours, &linked(Config::v3(150), "10.9.0.2"))?;
    a.wait_for_line("Entering MASTER STATE", LONG)?;
    let b = stage.b.run(
        std::process::Command::new(Program::Ours.path()?)
            .args(["--dont-fork", "--log-console", "--log-detail", "--vrrp", "--use-file"])
            .arg(&file)
            .env("PATH", path),
    )?;
    wait_until_known(&a, "ready")?;
    let connections = connect(&stage.client, VIP, "a")?;
    let kept = ask(a.pid(), r#"{"ask": "handover", "keep": 600}"#)?;
    ensure!(!kept.contains("VI_1"), "{kept}");
    moved(&stage.a, &stage.b, VIP)?;
    b.wait_for_line("that did not begin here go back to", LONG)?;
    wait("the end of the rules", || Ok(!rules(&stage.b)?))?;
    drop((connections, a, b));
    Ok(())
}

/// As on a host that has too much to do: longer than anybody waits for the answer.
const SLOW_NFT: &str = "#!/bin/sh
script=$(cat)
case $script in *'chain in'*) sleep 4 ;; esac
printf '%s\\n' \"$script\" | PATH=/usr/sbin:/sbin:/usr/bin:/bin exec nft -f -
";

/// Whether the interface speaks of addresses that it has not.
fn silence(host: &Host) -> Result<[String; 2]> {
    let read = |what| -> Result<String> {
        let file = format!("/proc/sys/net/ipv4/conf/eth0/{what}");
        Ok(host.inside(|| std::fs::read_to_string(file))??.trim().to_owned())
    };
    Ok([read("arp_ignore")?, read("arp_announce")?])
}

fn set(host: &Host, what: &str, value: &str) -> Result<()> {
    let file = format!("/proc/sys/net/ipv4/conf/eth0/{what}");
    Ok(host.inside(|| std::fs::write(file, value))??)
}

/// Says the host's name to everybody, and then repeats what it is told.
fn serve(host: &Host, vip: IpAddr) -> Result<()> {
    for address in [SocketAddr::new(any(vip), ANY), SocketAddr::new(vip, OWN)] {
        let name = host.name().to_owned();
        let listener = host.inside(|| listen(address))??;
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let greeting = name.clone();
                std::thread::spawn(move || -> std::io::Result<u64> {
                    stream.write_all(greeting.as_bytes())?;
                    copy(&mut stream.try_clone()?, &mut stream)
                });
            }
        });
    }
    Ok(())
}

fn any(vip: IpAddr) -> IpAddr {
    match vip {
        IpAddr::V4(_) => IpAddr::from([0; 4]),
        IpAddr::V6(_) => IpAddr::from([0; 16]),
    }
}

/// The virtual address need not be here.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv4() {
        socket.set_freebind_v4(true)?;
    } else {
        socket.set_freebind_v6(true)?;
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(64)?;
    Ok(socket.into())
}

/// Some to each kind of listener, on the host that has to greet them.
fn connect(client: &Host, vip: IpAddr, greeting: &str) -> Result<Vec<TcpStream>> {
    let mut all = Vec::new();
    for port in [ANY, OWN].repeat(EACH) {
        let to = SocketAddr::new(vip, port);
        let mut stream = client
            .inside(|| TcpStream::connect_timeout(&to, LONG))?
            .with_context(|| format!("connect to {to}"))?;
        stream.set_read_timeout(Some(LONG))?;
        let mut name = [0; 1];
        stream.read_exact(&mut name)?;
        ensure!(
            name == greeting.as_bytes(),
            "{to}: greeted by {name:?}, and not by {greeting}"
        );
        all.push(stream);
    }
    Ok(all)
}

fn answer(connections: &mut [TcpStream]) -> Result<()> {
    for stream in connections {
        stream.write_all(b"ping")?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer)?;
        ensure!(&answer == b"ping", "another answer");
    }
    Ok(())
}

fn moved(from: &Host, to: &Host, vip: IpAddr) -> Result<()> {
    from.wait_for_address(vip, false, LONG)?;
    Ok(to.wait_for_address(vip, true, LONG)?)
}

fn has(host: &Host, interface: &str, ip: IpAddr) -> Result<bool> {
    let index = host.netlink(async |netlink| netlink.link(interface).await)?.index;
    Ok(host.addresses()?.iter().any(|a| a.index == index && a.cidr.ip() == ip))
}

/// Whether packets are handed back here.
fn rules(host: &Host) -> Result<bool> {
    let mut nft = host.run(std::process::Command::new("nft").args(["list", "tables"]))?;
    let (status, text) = nft.finish(LONG)?;
    ensure!(status.success(), "{text}");
    Ok(text.contains("tandem_handback"))
}
