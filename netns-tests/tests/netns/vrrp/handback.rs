//! Connections go on over a planned handover: the new host hands back to the old one what is not its own.

use std::io::{Read, Write, copy};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};

use anyhow::{Context, Result, ensure};
use socket2::{Domain, Socket, Type};
use tandem_lab::Host;
use tandem_netns_tests::{Bench, wait};

use super::pair::wait_until_known;
use super::services::ask;
use super::stage::{Config, LONG, Program, Stage, VIP, VIP6};

/// Listens on any address, and on the virtual one itself.
const ANY: u16 = 5671;
const OWN: u16 = 5672;
const EACH: usize = 8;

fn config(config: Config, peer: &str) -> Config {
    config.after(format!(
        "pair_link {{\n peer {peer}\n secret hex:{}\n}}",
        "5e".repeat(32)
    ))
}

pub(super) fn over_ipv4(bench: &Bench<'_>) -> Result<()> {
    goes_on(bench, VIP, Config::v3)
}

pub(super) fn over_ipv6(bench: &Bench<'_>) -> Result<()> {
    goes_on(bench, VIP6, Config::v6)
}

/// There, back again, and beyond the time that they have.
fn goes_on(bench: &Bench<'_>, vip: IpAddr, base: fn(u8) -> Config) -> Result<()> {
    let stage = Stage::new(bench)?;
    for (host, address) in [
        (&stage.a, "fd00:9::1/64"),
        (&stage.b, "fd00:9::2/64"),
        (&stage.client, "fd00:9::3/64"),
    ] {
        host.add_address("eth0", address.parse()?)?;
    }
    for host in [&stage.a, &stage.b] {
        serve(host, vip)?;
    }
    let ours = [Program::Ours; 2];
    let configs = [config(base(150), "10.9.0.2"), config(base(100), "10.9.0.1")];
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
        let silent = host.inside(|| std::fs::read_to_string("/proc/sys/net/ipv4/conf/eth0/arp_ignore"))??;
        ensure!(silent.trim() == "0", "{} is still silent", host.name());
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
