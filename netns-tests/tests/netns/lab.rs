//! The lab itself: if it lies, every other test here lies.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tandem_lab::{Host, Origin};
use tandem_netns_tests::{Bench, Test, process_tree};

use crate::pair::Pair;

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(10);

pub(crate) fn tests() -> Vec<Test> {
    vec![
        Test::new("lab::two_hosts_talk_over_tcp", two_hosts_talk_over_tcp),
        Test::new("lab::a_program_runs_in_its_host", a_program_runs_in_its_host),
        Test::new("lab::a_cut_cable_is_healed", a_cut_cable_is_healed),
        Test::new("lab::what_is_said_at_once_arrives", what_is_said_at_once_arrives),
        Test::new("lab::packets_drop_in_one_direction", packets_drop_in_one_direction),
        Test::new("lab::a_share_of_packets_is_lost", a_share_of_packets_is_lost),
        Test::new("lab::a_black_hole_swallows_all", a_black_hole_swallows_all),
        Test::new("lab::a_capture_sees_arp", a_capture_sees_arp),
        Test::new("lab::ipv6_is_usable_at_once", ipv6_is_usable_at_once),
        Test::new(
            "lab::hosts_share_a_folder_and_nothing_else",
            hosts_share_a_folder_and_nothing_else,
        ),
        Test::new("lab::a_panic_leaves_no_process", a_panic_leaves_no_process),
    ]
}

/// An echo server in a host, which ends with its process.
fn echo(host: &Host) -> Result<SocketAddr> {
    let listener = host.inside(|| TcpListener::bind("0.0.0.0:0"))??;
    let port = listener.local_addr()?.port();
    host.thread(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            std::thread::spawn(move || std::io::copy(&mut stream.try_clone()?, &mut stream));
        }
    })?;
    Ok(SocketAddr::from(([10, 9, 0, 2], port)))
}

fn exchange(host: &Host, to: SocketAddr, within: Duration) -> Result<()> {
    host.inside(|| {
        let mut stream = TcpStream::connect_timeout(&to, within)?;
        stream.set_read_timeout(Some(within))?;
        stream.write_all(b"hello")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        ensure!(&answer == b"hello", "another answer than was sent");
        Ok(())
    })?
}

fn two_hosts_talk_over_tcp(bench: &Bench<'_>) -> Result<()> {
    let pair = Pair::new(bench)?;
    let server = echo(&pair.b)?;
    exchange(&pair.a, server, LONG).context("a to b")?;
    bench.say(pair.lab.describe().trim_end());
    Ok(())
}

fn a_program_runs_in_its_host(bench: &Bench<'_>) -> Result<()> {
    let pair = Pair::new(bench)?;
    let mut shell = pair
        .a
        .run(Command::new("sh").args(["-c", "hostname; ls /sys/class/net; echo ready; sleep 60"]))?;
    shell.wait_for_line("a", LONG)?;
    shell.wait_for_line("eth0", LONG)?;
    shell.wait_for_line("ready", LONG)?;
    ensure!(
        pair.a.processes()?.contains(&shell.pid()),
        "the program is not in its host"
    );
    ensure!(pair.b.processes()?.is_empty(), "a program is in another host");
    shell.kill()?;
    ensure!(pair.a.processes()?.is_empty(), "the program outlived its kill");
    Ok(())
}

/// Sends a datagram from one host to another, and waits for it so long.
fn send_datagram(from: &Host, to: &Host, address: SocketAddr, within: Duration) -> Result<bool> {
    let receiver = to.inside(|| UdpSocket::bind(address))??;
    receiver.set_read_timeout(Some(within))?;
    from.inside(|| UdpSocket::bind("0.0.0.0:0")?.send_to(b"?", receiver.local_addr()?))??;
    match receiver.recv(&mut [0; 1]) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn arrives(from: &Host, to: &Host, address: SocketAddr) -> Result<()> {
    ensure!(
        send_datagram(from, to, address, LONG)?,
        "a packet from {} to {} is lost",
        from.name(),
        to.name()
    );
    Ok(())
}

fn is_lost(from: &Host, to: &Host, address: SocketAddr) -> Result<()> {
    ensure!(
        !send_datagram(from, to, address, SHORT)?,
        "a packet from {} to {} arrives",
        from.name(),
        to.name()
    );
    Ok(())
}

/// Said once, as soon as the cable is in: whoever plugs it in has not to say it again.
fn what_is_said_at_once_arrives(bench: &Bench<'_>) -> Result<()> {
    let pair = Pair::new(bench)?;
    let cable = pair.lab.capture(&pair.b_link)?;
    for round in 0..50_u8 {
        if round > 0 {
            pair.lab.cut(&pair.a_link)?;
            pair.lab.heal(&pair.a_link)?;
        }
        pair.a.inside(|| {
            let socket = UdpSocket::bind("10.9.0.1:0")?;
            socket.set_broadcast(true)?;
            socket.send_to(&[b'!', round], "10.9.0.255:9")
        })??;
        cable
            .wait_for("what was said", SHORT, |frame| frame.bytes.ends_with(&[b'!', round]))
            .with_context(|| format!("round {round}"))?;
    }
    Ok(())
}

fn a_cut_cable_is_healed(bench: &Bench<'_>) -> Result<()> {
    let pair = Pair::new(bench)?;
    let server = echo(&pair.b)?;
    exchange(&pair.a, server, LONG).context("before the cut")?;
    pair.lab.cut(&pair.b_link)?;
    ensure!(exchange(&pair.a, server, SHORT).is_err(), "the cut cable carries");
    pair.lab.heal(&pair.b_link)?;
    exchange(&pair.a, server, LONG).context("after the cable was healed")?;
    pair.b.set_down("eth0")?;
    ensure!(
        exchange(&pair.a, server, SHORT).is_err(),
        "an interface that is down carries"
    );
    pair.b.set_up("eth0")?;
    exchange(&pair.a, server, LONG).context("after the interface is up")
}

fn packets_drop_in_one_direction(bench: &Bench<'_>) -> Result<()> {
    let pair = Pair::new(bench)?;
    let (a, b) = (&pair.a, &pair.b);
    let (at_a, at_b) = (
        SocketAddr::from(([10, 9, 0, 1], 0)),
        SocketAddr::from(([10, 9, 0, 2], 0)),
    );
    // Both learn the other's hardware address, so that only the datagrams themselves can be lost.
    arrives(a, b, at_b)?;
    arrives(b, a, at_a)?;
    let fault = pair.lab.drop_from_to(a, b)?;
    is_lost(a, b, at_b)?;
    arrives(b, a, at_a)?;
    pair.lab.mend([fault])?;
    arrives(a, b, at_b)?;
    let both = pair.lab.drop_between(a, b)?;
    is_lost(a, b, at_b)?;
    is_lost(b, a, at_a)?;
    pair.lab.mend(both)?;
    arrives(a, b, at_b)?;
    arrives(b, a, at_a)
}

fn a_share_of_packets_is_lost(bench: &Bench<'_>) -> Result<()> {
    const SENT: usize = 2000;
    let pair = Pair::new(bench)?;
    let at_b = SocketAddr::from(([10, 9, 0, 2], 0));
    arrives(&pair.a, &pair.b, at_b)?;
    pair.lab.lose(&pair.a_link, 300)?;
    let receiver = pair.b.inside(|| UdpSocket::bind(at_b))??;
    let sender = pair.a.inside(|| UdpSocket::bind("0.0.0.0:0"))??;
    receiver.set_read_timeout(Some(SHORT))?;
    let mut arrived = 0;
    // In small bursts, so that the socket's buffer loses none.
    for _ in 0..SENT / 100 {
        for _ in 0..100 {
            sender.send_to(b"?", receiver.local_addr()?)?;
        }
        while receiver.recv(&mut [0; 1]).is_ok() {
            arrived += 1;
            receiver.set_read_timeout(Some(Duration::from_millis(20)))?;
        }
    }
    bench.say(format!("{arrived} of {SENT} arrived where 300 in a thousand are lost"));
    // Twelve standard deviations wide.
    ensure!((1150..1650).contains(&arrived), "the share is wrong");
    Ok(())
}

fn a_black_hole_swallows_all(bench: &Bench<'_>) -> Result<()> {
    let pair = Pair::new(bench)?;
    let at_b = SocketAddr::from(([10, 9, 0, 2], 0));
    arrives(&pair.a, &pair.b, at_b)?;
    let hole = pair.lab.blackhole(&pair.b_link)?;
    is_lost(&pair.a, &pair.b, at_b)?;
    let end = pair
        .b
        .netlink(async |netlink| netlink.link(pair.b_link.interface()).await)?;
    ensure!(end.carrier, "the host noticed");
    pair.lab.mend([hole])?;
    arrives(&pair.a, &pair.b, at_b)
}

fn a_capture_sees_arp(bench: &Bench<'_>) -> Result<()> {
    let pair = Pair::new(bench)?;
    let capture = pair.lab.capture(&pair.a_link)?;
    let server = echo(&pair.b)?;
    exchange(&pair.a, server, LONG)?;
    let question = capture.wait_for("an ARP request", LONG, |f| f.is_arp() && f.origin == Origin::Host)?;
    let answer = capture.wait_for("an ARP reply", LONG, |f| f.is_arp() && f.origin == Origin::Switch)?;
    // RFC 826: the operation is in bytes 6 and 7 of the packet.
    ensure!(
        question.bytes.get(20..22) == Some(&[0, 1]),
        "not a request: {question:?}"
    );
    ensure!(answer.bytes.get(20..22) == Some(&[0, 2]), "not a reply: {answer:?}");
    ensure!(answer.at > question.at, "the reply is older than the request");
    let file = pair.lab.folder()?.join("frames.pcap");
    capture.write_pcap(&file)?;
    let expected: usize = 24
        + capture
            .frames()
            .iter()
            .map(|frame| 16 + frame.bytes.len())
            .sum::<usize>();
    ensure!(
        std::fs::metadata(&file)?.len() <= expected as u64,
        "the file is longer than its frames"
    );
    let learned = pair.a.neighbours()?;
    ensure!(
        learned.iter().any(|n| n.ip == server.ip() && n.mac.is_some()),
        "a has not learned b: {learned:?}"
    );
    Ok(())
}

fn ipv6_is_usable_at_once(bench: &Bench<'_>) -> Result<()> {
    let pair = Pair::new(bench)?;
    pair.a.add_address("eth0", "2001:db8::1/64".parse()?)?;
    pair.b.add_address("eth0", "2001:db8::2/64".parse()?)?;
    let at_b: SocketAddr = "[2001:db8::2]:0".parse()?;
    let listener = pair.b.inside(|| TcpListener::bind(at_b))??;
    let to = listener.local_addr()?;
    pair.a
        .inside(|| TcpStream::connect_timeout(&to, LONG))?
        .context("connect by IPv6")?;
    ensure!(pair.b.holds(at_b.ip())?, "the address is not listed");
    pair.b.delete_address("eth0", "2001:db8::2/64".parse()?)?;
    ensure!(!pair.b.holds(at_b.ip())?, "the deleted address is still listed");
    Ok(())
}

fn hosts_share_a_folder_and_nothing_else(bench: &Bench<'_>) -> Result<()> {
    let pair = Pair::new(bench)?;
    let folder = pair.lab.folder()?;
    let script = format!(
        "echo $(hostname) > {}/$(hostname); echo $(hostname) > /run/me; cat /run/me",
        folder.display()
    );
    for host in [&pair.a, &pair.b] {
        let mut shell = host.run(Command::new("sh").args(["-c", &script]))?;
        ensure!(shell.wait(LONG)?.success(), "the script failed:\n{}", shell.output());
        ensure!(
            shell.wait_for_line(host.name(), LONG).is_ok(),
            "another host's /run:\n{}",
            shell.output()
        );
    }
    ensure!(
        std::fs::read_to_string(folder.join("a"))? == "a\n",
        "what a wrote is not in the shared folder"
    );
    ensure!(
        std::fs::read_to_string(folder.join("b"))? == "b\n",
        "what b wrote is not in the shared folder"
    );
    pair.a.sysctl("net.ipv4.ip_forward", "1")?;
    let read = || std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward");
    ensure!(
        pair.a.inside(read)??.trim() == "1" && pair.b.inside(read)??.trim() == "0",
        "parameters are shared"
    );
    Ok(())
}

fn a_panic_leaves_no_process(bench: &Bench<'_>) -> Result<()> {
    let outcome = std::panic::catch_unwind(|| -> Result<()> {
        let pair = Pair::new(bench)?;
        // A daemon: a session of its own, and nobody waits for it.
        let mut shell = pair
            .a
            .run(Command::new("sh").args(["-c", "setsid sleep 600 & echo started"]))?;
        shell.wait_for_line("started", LONG)?;
        shell.wait(LONG)?;
        ensure!(pair.a.processes()?.len() == 1, "the daemon does not run");
        let _other = pair.b.run(Command::new("sleep").arg("600"))?;
        panic!("on purpose");
    });
    ensure!(outcome.is_err(), "there was no panic: {outcome:?}");
    // Process 1 minds this one; there is nobody else, once the dead are counted.
    let deadline = Instant::now() + LONG;
    while process_tree(1)? != [1, std::process::id()] {
        ensure!(Instant::now() < deadline, "processes are left: {:?}", process_tree(1)?);
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
