//! Raw sockets on real interfaces: adverts by multicast, announcements of an address.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, bail, ensure};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tandem_lab::{Host, Index, Mac};
use tandem_netns_tests::{Bench, Test};
use tandem_sys::netlink::Family;
use tandem_sys::raw::{Arp, Arrival, NeighbourAdvert, PacketSocket, VrrpReceiver, VrrpSender, WhichFrames};

use crate::pair::Pair;

const LONG: Duration = Duration::from_secs(10);
const GROUP_4: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18));
const GROUP_6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12));

/// Keepalived's advert of 10.9.0.100 and 10.9.0.101 from 10.9.0.1: virtual router 51, priority 150, version 3.
const ADVERT: [u8; 36] = [
    0x45, 0xc0, 0, 36, 0, 1, 0, 0, 255, 112, 0, 0, 10, 9, 0, 1, 224, 0, 0, 18, // IPv4; the kernel sums
    0x31, 0x33, 0x96, 0x02, 0x00, 0x64, 0x38, 0xee, 10, 9, 0, 100, 10, 9, 0, 101,
];

pub(crate) fn tests() -> Vec<Test> {
    vec![
        Test::new(
            "raw::an_ipv4_advert_arrives_by_multicast",
            an_ipv4_advert_arrives_by_multicast,
        ),
        Test::new(
            "raw::an_ipv6_advert_arrives_by_multicast",
            an_ipv6_advert_arrives_by_multicast,
        ),
        Test::new(
            "raw::an_announcement_moves_an_address",
            an_announcement_moves_an_address,
        ),
        Test::new(
            "raw::an_advertisement_moves_an_ipv6_address",
            an_advertisement_moves_an_ipv6_address,
        ),
    ]
}

fn interface(host: &Host) -> Result<(Index, Mac)> {
    let link = host.netlink(async |netlink| netlink.link("eth0").await)?;
    Ok((link.index, link.mac.unwrap_or_default()))
}

fn receive(receiver: &VrrpReceiver, buffer: &mut [u8]) -> Result<Arrival> {
    let deadline = Instant::now() + LONG;
    loop {
        match receiver.receive(buffer) {
            Ok(arrival) => return Ok(arrival),
            Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => bail!("no packet: {error}"),
        }
    }
}

/// Sends it until it has come: a switch that was made a moment ago may not pass on yet.
fn send_until_it_comes(receiver: &VrrpReceiver, mut send: impl FnMut() -> std::io::Result<()>) -> Result<()> {
    let deadline = Instant::now() + LONG;
    let patience = PollTimeout::try_from(Duration::from_millis(500))?;
    loop {
        send()?;
        let mut sockets = [PollFd::new(receiver.as_fd(), PollFlags::POLLIN)];
        if poll(&mut sockets, patience)? == 1 {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "no packet");
    }
}

fn is_silent(receiver: &VrrpReceiver) -> bool {
    receiver
        .receive(&mut [0; 64])
        .is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

fn an_ipv4_advert_arrives_by_multicast(bench: &Bench<'_>) -> Result<()> {
    let pair = Pair::new(bench)?;
    let (a_index, b_index) = (interface(&pair.a)?.0, interface(&pair.b)?.0);
    let at_a = pair.a.inside(|| VrrpReceiver::open("eth0", a_index, Family::V4))??;
    let at_b = pair.b.inside(|| VrrpReceiver::open("eth0", b_index, Family::V4))??;
    let stranger = pair.b.inside(|| VrrpReceiver::open("eth0", b_index, Family::V4))??;
    at_a.join(GROUP_4)?;
    at_b.join(GROUP_4)?;
    let sender = pair.a.inside(|| VrrpSender::open_v4("eth0", a_index))??;

    let before = SystemTime::now();
    send_until_it_comes(&at_b, || sender.send(&ADVERT, GROUP_4))?;
    let there = SystemTime::now();
    // Whoever reads late is told when it came, not when it is read.
    std::thread::sleep(Duration::from_millis(50));
    let mut buffer = [0; 128];
    let arrival = receive(&at_b, &mut buffer)?;
    let packet = &buffer[..arrival.length];
    ensure!(
        packet[..10] == ADVERT[..10] && packet[12..] == ADVERT[12..],
        "another packet: {packet:02x?}"
    );
    ensure!(
        arrival.source == IpAddr::V4(Ipv4Addr::new(10, 9, 0, 1)),
        "another source: {arrival:?}"
    );
    ensure!(
        arrival.at >= before && arrival.at <= there,
        "a time that is not the kernel's: {arrival:?}"
    );
    ensure!(is_silent(&at_a), "the sender's host hears itself");
    ensure!(is_silent(&stranger), "a socket that has not joined hears the group");
    let mut unicast = ADVERT;
    unicast[16..20].copy_from_slice(&[10, 9, 0, 2]);
    sender.send(&unicast, IpAddr::V4(Ipv4Addr::new(10, 9, 0, 2)))?;
    let arrival = receive(&at_b, &mut buffer)?;
    ensure!(
        buffer[16..20] == [10, 9, 0, 2],
        "another packet than the one by unicast"
    );
    ensure!(arrival.length == ADVERT.len() && is_silent(&at_b), "more than was sent");
    Ok(())
}

fn an_ipv6_advert_arrives_by_multicast(bench: &Bench<'_>) -> Result<()> {
    let pair = Pair::new(bench)?;
    let (a_index, b_index) = (interface(&pair.a)?.0, interface(&pair.b)?.0);
    let source: Ipv6Addr = "fe80::a".parse()?;
    pair.a.add_address("eth0", "fe80::a/64".parse()?)?;
    let at_a = pair.a.inside(|| VrrpReceiver::open("eth0", a_index, Family::V6))??;
    let at_b = pair.b.inside(|| VrrpReceiver::open("eth0", b_index, Family::V6))??;
    at_a.join(GROUP_6)?;
    at_b.join(GROUP_6)?;
    let sender = pair.a.inside(|| VrrpSender::open_v6("eth0", a_index, source, 255))??;
    let capture = pair.lab.capture(&pair.a_link)?;
    sender.send(&ADVERT[20..], GROUP_6)?;
    let mut buffer = [0; 128];
    let arrival = receive(&at_b, &mut buffer)?;
    ensure!(buffer[..arrival.length] == ADVERT[20..], "another message");
    ensure!(arrival.source == IpAddr::V6(source), "another source: {arrival:?}");
    ensure!(arrival.hop_limit == Some(255), "another hop limit: {arrival:?}");
    ensure!(
        arrival.destination.map(IpAddr::V6) == Some(GROUP_6),
        "another destination: {arrival:?}"
    );
    ensure!(is_silent(&at_a), "the sender's host hears itself");
    let frame = capture.wait_for("the advert", LONG, |frame| frame.bytes.get(20) == Some(&112))?;
    ensure!(
        frame.bytes[..6] == [0x33, 0x33, 0, 0, 0, 0x12],
        "another group on the wire"
    );
    // Version 6, class 0xc0; the flow label after it is the kernel's.
    ensure!(
        frame.bytes[14] == 0x6c && frame.bytes[15] >> 4 == 0,
        "another class on the wire: {:02x?}",
        &frame.bytes[14..18]
    );
    Ok(())
}

/// Waits until a host believes that an address lives at a hardware address.
fn learns(host: &Host, ip: IpAddr, mac: Mac) -> Result<()> {
    let deadline = Instant::now() + LONG;
    loop {
        let known = host.neighbours()?;
        if known.iter().any(|entry| entry.ip == ip && entry.mac == Some(mac)) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{ip} is not at {mac}: {known:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Makes `a` ask `b` for an address, so that it has something to unlearn.
fn ask(pair: &Pair, ip: IpAddr) -> Result<()> {
    let listener = pair.b.inside(|| std::net::TcpListener::bind((ip, 0)))??;
    let to = listener.local_addr()?;
    pair.a.inside(|| std::net::TcpStream::connect_timeout(&to, LONG))??;
    Ok(())
}

const ELSEWHERE: Mac = Mac([0x02, 0, 0, 0, 0, 0x42]);

fn an_announcement_moves_an_address(bench: &Bench<'_>) -> Result<()> {
    let pair = Pair::new(bench)?;
    let (index, mac) = interface(&pair.b)?;
    let vip = Ipv4Addr::new(10, 9, 0, 100);
    pair.b.add_address("eth0", "10.9.0.100/32".parse()?)?;
    ask(&pair, vip.into())?;
    learns(&pair.a, vip.into(), mac)?;
    let capture = pair.lab.capture(&pair.a_link)?;
    let socket = pair.b.inside(|| PacketSocket::open(index, WhichFrames::Arp))??;
    // The kernel does not believe a second change within its `locktime`, one second from the first.
    pair.a
        .netlink(async |netlink| netlink.forget_neighbours(netlink.link("eth0").await?.index).await)?;
    pair.a.sysctl("net.ipv4.neigh.eth0.locktime", "0")?;
    ask(&pair, vip.into())?;
    socket.send(&Arp::announce(ELSEWHERE, vip).broadcast_frame())?;
    learns(&pair.a, vip.into(), ELSEWHERE)?;
    let is_ours = |frame: &tandem_lab::Frame| Arp::read(&frame.bytes).is_some_and(|arp| arp.is_announcement());
    let frame = capture.wait_for("the announcement", LONG, is_ours)?;
    ensure!(
        frame.bytes == Arp::announce(ELSEWHERE, vip).broadcast_frame(),
        "another frame on the wire"
    );
    Ok(())
}

fn an_advertisement_moves_an_ipv6_address(bench: &Bench<'_>) -> Result<()> {
    let pair = Pair::new(bench)?;
    let (index, mac) = interface(&pair.b)?;
    let target: Ipv6Addr = "2001:db8::100".parse()?;
    pair.a.add_address("eth0", "2001:db8::1/64".parse()?)?;
    pair.b.add_address("eth0", "2001:db8::100/64".parse()?)?;
    ask(&pair, target.into())?;
    learns(&pair.a, target.into(), mac)?;
    let socket = pair.b.inside(|| PacketSocket::open(index, WhichFrames::Ipv6))??;
    socket.send(
        &NeighbourAdvert {
            target,
            mac: ELSEWHERE,
            router: false,
            solicited: false,
        }
        .frame(),
    )?;
    learns(&pair.a, target.into(), ELSEWHERE)
}
