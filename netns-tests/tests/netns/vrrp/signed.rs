//! Adverts that are signed: a pair that begins to sign and changes its keys while it works, and a stranger whose key is
//! another.

use std::net::IpAddr;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use tandem_lab::{Advert, Frame, Running};
use tandem_netns_tests::{Bench, wait};

use super::stage::{LONG, VIP, VIP6, times_master};
use super::together;
use crate::interop::stage::{Config, Program, Side, Stage, dropped};

const TRAILER: usize = 28;

/// What an operator writes on both hosts, one after the other, and the key that the master then signs with.
const STEPS: [(&str, Option<u8>); 7] = [
    ("", None),
    (
        "auth_hmac {\n mode receive-only\n key 1 hex:1111111111111111111111111111111111111111111111111111111111111111\n }",
        None,
    ),
    (
        "auth_hmac {\n mode permissive\n key 1 hex:1111111111111111111111111111111111111111111111111111111111111111\n }",
        Some(1),
    ),
    (
        "auth_hmac {\n mode enforce\n key 1 hex:1111111111111111111111111111111111111111111111111111111111111111\n }",
        Some(1),
    ),
    (
        "auth_hmac {\n key 1 hex:1111111111111111111111111111111111111111111111111111111111111111\n \
         key 2 hex:2222222222222222222222222222222222222222222222222222222222222222\n active_key 1\n }",
        Some(1),
    ),
    (
        "auth_hmac {\n key 1 hex:1111111111111111111111111111111111111111111111111111111111111111\n \
         key 2 hex:2222222222222222222222222222222222222222222222222222222222222222\n active_key 2\n }",
        Some(2),
    ),
    (
        "auth_hmac {\n key 2 hex:2222222222222222222222222222222222222222222222222222222222222222\n }",
        Some(2),
    ),
];
const WRONG: &str = "auth_hmac {\n key 2 hex:3333333333333333333333333333333333333333333333333333333333333333\n }";
const UNKNOWN: &str = "auth_hmac {\n key 3 hex:2222222222222222222222222222222222222222222222222222222222222222\n }";

const REASONS: [&str; 6] = [
    "hmac_missing",
    "hmac_malformed",
    "hmac_stale",
    "hmac_unknown_key",
    "hmac_invalid",
    "hmac_replay",
];

pub(super) fn while_it_works(bench: &Bench<'_>) -> Result<()> {
    together(
        bench,
        &[
            ("IPv4", &|bench| life(bench, Config::v3, VIP)),
            ("IPv6", &|bench| life(bench, Config::v6, VIP6)),
        ],
    )
}

fn life(bench: &Bench<'_>, base: fn(u8) -> Config, vip: IpAddr) -> Result<()> {
    let mut stage = Stage::new(bench, [Program::Ours; 2])?;
    let config = |side, extra| match side {
        Side::A => base(150).with(extra),
        Side::B => base(100).with(extra),
    };
    for side in [Side::A, Side::B] {
        stage.start(side, &config(side, ""))?;
        stage.wait_for_backup(side)?;
    }
    stage.wait_for_holder(Side::A, vip)?;
    let masters = || -> Result<[usize; 2]> {
        let of = |side| Ok::<_, anyhow::Error>(times_master(stage.router(side).running()?));
        Ok([of(Side::A)?, of(Side::B)?])
    };
    // The address is there before its log line is.
    wait("a word of the master", || Ok(masters()? == [1, 0]))?;
    for (number, (extra, key)) in STEPS.into_iter().enumerate() {
        for side in [Side::B, Side::A] {
            if number > 0 {
                reload(&stage, side, &config(side, extra))?;
            }
            // In between one host is a step ahead.
            stage.wait_for_adverts(Side::A, SystemTime::now(), 3)?;
        }
        let step = || format!("step {number}, {extra}\n{}", stage.logs());
        signs_with(&stage, Side::A, key).with_context(step)?;
        ensure!(masters()? == [1, 0], "somebody took over: {}", step());
        for side in [Side::A, Side::B] {
            for reason in REASONS {
                let count = stage.router(side).dropped(reason)?;
                ensure!(count == 0, "{side:?} dropped {count} for {reason}: {}", step());
            }
        }
    }

    // A better priority is none without the key.
    let file = stage.folder.join("stranger.conf");
    std::fs::write(&file, base(200).with(WRONG).text())?;
    let stranger = Program::Ours.run(&stage.client, &file)?;
    stage.client.wait_for_address(vip, true, LONG)?;
    is_counted(&stage, &stranger, "hmac_invalid")?;
    wait("a wrong key at the stranger", || {
        Ok(dropped(&stranger, "hmac_invalid")? > 0)
    })?;
    for (extra, reason) in [(UNKNOWN, "hmac_unknown_key"), ("", "hmac_missing")] {
        std::fs::write(&file, base(200).with(extra).text())?;
        stranger.signal(Signal::SIGHUP)?;
        is_counted(&stage, &stranger, reason)?;
    }
    ensure!(masters()? == [1, 0], "somebody took over\n{}", stage.logs());
    ensure!(
        stage.router(Side::A).host.holds(vip)?,
        "it let go for a stranger\n{}",
        stage.logs()
    );
    drop(stranger);

    let killed = SystemTime::now();
    stage.routers[0].kill()?;
    stage.wait_for_adverts(Side::B, killed, 1)?;
    signs_with(&stage, Side::B, Some(2))?;
    bench.say(format!(
        "{vip}: signing begun and keys changed in {} reloads of either, without a word of the backup",
        STEPS.len() - 1
    ));
    Ok(())
}

fn reload(stage: &Stage, side: Side, config: &Config) -> Result<()> {
    let reloads = || -> Result<usize> {
        let said = stage.router(side).running()?.output();
        Ok(said.matches("Reload finished").count())
    };
    let before = reloads()?;
    stage.configure(side, config)?;
    stage.router(side).signal(Signal::SIGHUP)?;
    wait("a reload", || Ok(reloads()? > before))
}

/// Both routers drop what the stranger says.
fn is_counted(stage: &Stage, stranger: &Running, reason: &str) -> Result<()> {
    for side in [Side::A, Side::B] {
        let daemon = stage.router(side).running()?;
        wait(&format!("{reason} at {side:?}"), || Ok(dropped(daemon, reason)? > 0))
            .with_context(|| format!("{}\n--- stranger\n{}", stage.logs(), stranger.output()))?;
    }
    Ok(())
}

/// The router's last advert on the cable has the trailer with this key's number, or none.
fn signs_with(stage: &Stage, side: Side, key: Option<u8>) -> Result<()> {
    let frames = stage.wire.frames();
    let hardware = stage.router(side).hardware;
    let is_its = |frame: &&Frame| Advert::read(frame).is_some_and(|advert| advert.hardware == hardware);
    let last = frames.iter().rfind(is_its).context("no advert")?;
    let seen = trailer(last).context("a frame that is no advert")?;
    ensure!(seen == key, "signed with key {seen:?}, and not {key:?}");
    Ok(())
}

/// The number of the key. The message ends after its addresses, the packet where the IP header says.
fn trailer(frame: &Frame) -> Option<Option<u8>> {
    let packet = frame.bytes.get(14..)?;
    let length = |at: usize| {
        Some(usize::from(u16::from_be_bytes([
            *packet.get(at)?,
            *packet.get(at + 1)?,
        ])))
    };
    let (header, end, each) = match frame.ether_type()? {
        0x0800 => (20, length(2)?, 4),
        _ => (40, 40 + length(4)?, 16),
    };
    let addresses = usize::from(*packet.get(header + 3)?);
    match packet.get(header + 8 + addresses * each..end)? {
        [] => Some(None),
        behind if behind.len() == TRAILER && behind[0] == 1 => Some(Some(behind[1])),
        _ => None,
    }
}
