//! What the kernel picks for clients that only exist on paper, beside what the core says it must.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use socket2::{Domain, Protocol, Socket, Type};
use tandem_lb_core::balance::{Algorithm, Candidate, HashKey, HashMethod, HashType, Policy, Table};
use tandem_lb_core::forward::{BUCKETS, Key, Lane, Target, numbers};
use tandem_lb_core::{ServerId, ServerIdx};
use tandem_netns_tests::{Bench, wait};

use super::stage::{Stage, VIP};

const FLOWS: u32 = 10_000;

pub(super) fn picks_are_the_kernels(bench: &Bench<'_>) -> Result<()> {
    let stage = Stage::new(bench)?;
    let lane = lane();
    let pins = || stage.nft(0, &["list", "map", "inet", "tandem_forward", &lane.pins_map()]);
    wait("every flow is pinned", || {
        stage.client.inside(send_all)??;
        std::thread::sleep(Duration::from_millis(100));
        Ok(flows(&pins()?).len() >= FLOWS as usize)
    })?;
    let seen = flows(&pins()?);
    let mut shares = BTreeMap::new();
    for n in 0..FLOWS {
        let client = client(n);
        let picked = lane.pick(client).context("nobody is there")?;
        let kernels = seen.get(&client).with_context(|| format!("{client} is not pinned"))?;
        ensure!(
            picked.number == *kernels,
            "{client}: {:#x} here, {kernels:#x} there",
            picked.number
        );
        *shares.entry(picked.name.to_string()).or_insert(0) += 1;
    }
    bench.say(format!("{FLOWS} flows, each where the core says: {shares:?}"));
    Ok(())
}

/// As the balancer's configuration says it.
fn lane() -> Lane {
    let places: Vec<SocketAddr> = (21..=22).map(|n| ([10, 8, 0, n], 1883).into()).collect();
    let numbers = numbers(&places);
    let candidate = |(place, at): (u32, &SocketAddr)| Candidate {
        place: ServerIdx(place),
        id: ServerId(place + 1),
        key: HashKey::AddrPort.of(ServerId(place + 1), Some(*at), None),
        weight: 16,
        backup: false,
        usable: true,
        maxconn: 0,
        minconn: 0,
    };
    let candidates: Vec<Candidate> = (0..).zip(&places).map(candidate).collect();
    let policy = Policy {
        algorithm: Algorithm::Source,
        hash: HashType {
            method: HashMethod::Maglev,
            ..HashType::default()
        },
        ..Policy::default()
    };
    let owners = Table::build(&policy, &candidates).buckets(BUCKETS, 7, |_| true);
    let target = |(at, number): (&SocketAddr, &u32)| Target {
        name: at.to_string().into(),
        at: *at,
        number: *number,
    };
    Lane {
        frontend: "mqtt".into(),
        at: VIP,
        key: Key::SourcePort,
        seed: 7,
        pin_for: Duration::from_secs(300),
        pins: 65_536,
        targets: places.iter().zip(&numbers).map(target).collect(),
        buckets: owners
            .into_iter()
            .map(|owner| owner.map(|idx| numbers[idx.place()]))
            .collect(),
    }
}

fn client(n: u32) -> SocketAddr {
    let scattered = n.wrapping_mul(0x9e37_79b9);
    let [a, b, c, _] = scattered.to_be_bytes();
    // Ports below 2^14 and the number itself keep all of them apart.
    let port = 1024 + u16::try_from(n % 16_384).unwrap_or(0);
    SocketAddr::new(Ipv4Addr::new(10, a, b, c).into(), port)
}

/// A packet of each, as from the middle of a connection.
fn send_all() -> Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(255)))?;
    for n in 0..FLOWS {
        socket.send_to(&packet(client(n)), &VIP.into())?;
        // The other end takes a thousand at a time.
        if n % 200 == 0 {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    Ok(())
}

/// The kernel fills in lengths and the header's checksum.
fn packet(from: SocketAddr) -> Vec<u8> {
    let (SocketAddr::V4(from), SocketAddr::V4(to)) = (from, VIP) else {
        return Vec::new();
    };
    const ACK: u8 = 0x10;
    let mut packet = vec![0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0];
    packet.extend(from.ip().octets());
    packet.extend(to.ip().octets());
    packet.extend(from.port().to_be_bytes());
    packet.extend(to.port().to_be_bytes());
    packet.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, ACK, 0xff, 0xff, 0, 0, 0, 0]);
    packet
}

/// `0xa000001 . 0x12 . 0x34 timeout 5m expires 4m59s : 0x80000001, …`
fn flows(listing: &str) -> BTreeMap<SocketAddr, u32> {
    let hex = |word: &str| u32::from_str_radix(word.trim().trim_start_matches("0x"), 16).ok();
    let flow = |element: &str| {
        let (key, number) = element.rsplit_once(" : ")?;
        let mut words = key.split_whitespace().filter(|word| *word != ".");
        let ip = hex(words.next()?)?;
        let port = (hex(words.next()?)? << 8) | hex(words.next()?)?;
        let number = hex(number.split_whitespace().next()?)?;
        Some((
            SocketAddr::new(Ipv4Addr::from_bits(ip).into(), u16::try_from(port).ok()?),
            number,
        ))
    };
    let elements = listing.split_once("elements = {").map_or("", |(_, elements)| elements);
    elements.split(',').filter_map(flow).collect()
}
