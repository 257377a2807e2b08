//! The same configuration on the same host: what Keepalived puts on the cable and what ours puts there are the same bytes.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use tandem_lab::{Advert, Frame, Origin};
use tandem_netns_tests::Bench;
use tandem_sys::raw::{Arp, NeighbourAdvert};

use super::row::all_at_once;
use super::stage::{Config, LONG, Program, Side, Stage};

const SECRET: &str = "authentication {\n auth_type PASS\n auth_pass abcdefghij\n }";
const UNICAST: &str = "unicast_src_ip 10.9.0.1\n unicast_peer {\n 10.9.0.3\n }";
const TWO: &str = "10.9.0.100/24\n        10.9.0.101/24";

pub(super) fn are_the_same(bench: &Bench<'_>) -> Result<()> {
    let two = |config| Config {
        addresses: TWO,
        ..config
    };
    let cases = [
        ("version 2", Config::v2(150)),
        ("version 2 with a password", two(Config::v2(101)).with(SECRET)),
        ("version 3", two(Config::v3(150))),
        ("version 3, longest interval", Config::v3(100).each("0.95")),
        ("unicast", Config::v3(150).with(UNICAST)),
        ("IPv6", Config::v6(150)),
        ("a virtual MAC", Config::v3(150).with("use_vmac")),
        ("a virtual MAC over IPv6", Config::v6(150).with("use_vmac")),
    ];
    all_at_once(cases.map(|(name, config)| (name.to_string(), move || one(bench, name, &config))))
}

fn one(bench: &Bench<'_>, name: &str, config: &Config) -> Result<()> {
    // One after the other on one host, so that they have the same hardware address.
    let mut stage = Stage::new(bench, [Program::Keepalived; 2])?;
    let mut said = Vec::new();
    for program in [Program::Keepalived, Program::Ours] {
        stage.routers[0].program = program;
        stage.wire.clear();
        said.push(life(&mut stage, config)?);
    }
    let ours: Vec<_> = said[1].iter().collect();
    let theirs: Vec<_> = said[0].iter().collect();
    ensure!(ours == theirs, "ours says\n{ours:02x?}\nKeepalived\n{theirs:02x?}");
    bench.say(format!("{name}: {} kinds of frames, the same", ours.len()));
    Ok(())
}

/// All kinds of frames about the virtual router, from the start to the goodbye.
fn life(stage: &mut Stage, config: &Config) -> Result<BTreeSet<Vec<u8>>> {
    stage.start(Side::A, config)?;
    // Nobody else is there to advertise.
    let mut adverts = 0;
    stage.wire.wait_for("three adverts", LONG, |frame| {
        adverts += usize::from(Advert::read(frame).is_some());
        adverts == 3
    })?;
    stage.wire.wait_for("an announcement", LONG, announces)?;
    stage.routers[0].stop()?;
    stage.wire.wait_for("a goodbye", LONG, |frame| {
        Advert::read(frame).is_some_and(|advert| advert.priority == 0)
    })?;
    let frames = stage.wire.frames();
    let about = |frame: &&Frame| Advert::read(frame).is_some() || announces(frame);
    Ok(frames.iter().filter(about).map(without_number).collect())
}

fn announces(frame: &Frame) -> bool {
    let arp = || Arp::read(&frame.bytes).is_some_and(|arp| arp.is_announcement());
    frame.origin == Origin::Switch && (arp() || NeighbourAdvert::read(&frame.bytes).is_some())
}

/// IPv4 packets are numbered, and the header's checksum is over the number too; the kernel labels flows of IPv6 at random.
fn without_number(frame: &Frame) -> Vec<u8> {
    let mut bytes = frame.bytes.clone();
    match frame.ether_type() {
        Some(0x0800) => {
            bytes[18..20].fill(0);
            bytes[24..26].fill(0);
        }
        Some(0x86dd) => {
            bytes[15] &= 0xf0;
            bytes[16..18].fill(0);
        }
        _ => {}
    }
    bytes
}
