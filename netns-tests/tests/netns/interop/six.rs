//! IPv6: the election, and an address that can be used as soon as it is there.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv6Addr, TcpStream};
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use tandem_lab::Frame;
use tandem_netns_tests::Bench;
use tandem_sys::raw::NeighbourAdvert;

use super::row::in_both_roles;
use super::stage::{Config, LONG, Side, Stage};

const VIP6: Ipv6Addr = Ipv6Addr::new(0xfd00, 9, 0, 0, 0, 0, 0, 0x100);
const OVERRIDE: u8 = 0x20;

/// Scenario 19; virtual hardware addresses have tests of their own.
pub(super) fn usable_at_once(bench: &Bench<'_>) -> Result<()> {
    in_both_roles(bench, |bench, programs| {
        let mut stage = Stage::new(bench, programs)?;
        stage.client.add_address("eth0", "fd00:9::3/64".parse()?)?;
        stage.start(Side::A, &Config::v6(150))?;
        stage.wait_for_holder(Side::A, VIP6.into())?;
        stage.start(Side::B, &Config::v6(100))?;
        stage.wait_for_backup(Side::B)?;
        serves(&stage, Side::A, SystemTime::UNIX_EPOCH).with_context(|| stage.logs())?;

        let left = SystemTime::now();
        stage.routers[0].stop()?;
        stage.wait_for_holder(Side::B, VIP6.into())?;
        serves(&stage, Side::B, left).with_context(|| stage.logs())?;
        let zero = stage.wait_for_advert(Side::A, left, |advert| advert.priority == 0)?;
        let first = stage.wait_for_advert(Side::B, zero.at, |_| true)?;
        let took = first.at.duration_since(zero.at)?;
        bench.say(format!("19 IPv6, {programs:?}: good, followed after {took:.1?}"));
        Ok(())
    })
}

/// The side announces the address, and a connection to it is answered (with a refusal: nobody listens).
fn serves(stage: &Stage, side: Side, since: SystemTime) -> Result<()> {
    let hardware = stage.router(side).hardware;
    let announces = |frame: &Frame| {
        let advert = NeighbourAdvert::read(&frame.bytes).filter(|advert| advert.target == VIP6);
        // Ethernet, IPv6 and four bytes of ICMPv6 come before the flags.
        let overrides = frame.bytes.get(58).is_some_and(|flags| flags & OVERRIDE != 0);
        frame.at >= since && overrides && advert.is_some_and(|advert| advert.mac.0 == hardware)
    };
    stage
        .wire
        .wait_for("an advertisement of the address", LONG, announces)?;
    let addresses = stage.router(side).host.addresses()?;
    let address = addresses.iter().find(|address| address.cidr.ip() == IpAddr::V6(VIP6));
    ensure!(
        address.is_some_and(|address| !address.tentative),
        "it waits for duplicate detection"
    );
    let answer = stage
        .client
        .inside(|| TcpStream::connect_timeout(&(VIP6, 9).into(), LONG))?;
    let refused = answer
        .as_ref()
        .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused);
    ensure!(refused, "no answer from the address: {answer:?}");
    Ok(())
}
