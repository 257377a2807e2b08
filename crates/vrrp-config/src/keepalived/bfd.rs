//! `bfd_instance`

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use tandem_text::Diagnostic;

use super::args::{Args, Outcome, bad_address};
use super::keyword::{Keyword, Kind, keyword, read_block};
use super::section::Section;
use super::{top, track};
use crate::code;
use crate::draft::{BfdDraft, Draft, OwnWeight};
use crate::plan::Bfd;
use crate::units;

pub(super) fn block(draft: &mut Draft, args: &mut Args<'_>) -> Outcome {
    let name = top::block_name(args)?;
    top::unique(&name, draft.bfd.iter().map(|bfd| &bfd.name), "the BFD session").inspect_err(|_| args.skip_all())?;
    let mut bfd = BfdDraft {
        settings: Bfd {
            name: name.value.clone(),
            tracker: None,
            neighbor: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            source: None,
            interface: None,
            min_rx: Duration::from_millis(10),
            min_tx: Duration::from_millis(10),
            idle_tx: Duration::from_secs(1),
            multiplier: 5,
            passive: false,
            ttl: u8::MAX,
            max_hops: 0,
        },
        name,
        neighbor: None,
        weight: OwnWeight::default(),
        vrrp: false,
        checker: false,
    };
    let statements = args.block()?;
    read_block(
        &[KEYWORDS],
        Section::Bfd,
        &mut bfd,
        statements,
        args.sources(),
        args.reporter(),
    );
    draft.bfd.push(bfd);
    Ok(())
}

/// Milliseconds, down to microseconds.
fn millis(args: &mut Args<'_>, least: u64, most: u64) -> Result<Duration, Diagnostic> {
    let word = args.word("a time in milliseconds")?;
    let range = Duration::from_millis(least)..=Duration::from_millis(most);
    let time = units::seconds(&word.text).map(|seconds| seconds / 1000);
    time.filter(|time| range.contains(time)).ok_or_else(|| {
        let message = format!("`{}` is not a time from {least} to {most} milliseconds", word.text);
        Diagnostic::warning(code::BAD_VALUE, word.span, message)
    })
}

pub(super) const KEYWORDS: &[Keyword<BfdDraft>] = &[
    keyword(
        "neighbor_ip",
        Kind::Words,
        "the other end; fe80::… with %INTERFACE",
        neighbor,
    ),
    keyword("neighbour_ip", Kind::Words, "the other end", neighbor),
    keyword("source_ip", Kind::Words, "this end", |bfd, args| {
        bfd.settings.source = Some(scoped(args, &mut bfd.settings.interface)?);
        Ok(())
    }),
    keyword(
        "min_rx",
        Kind::Words,
        "milliseconds between packets received, at least; 10",
        |bfd, args| {
            bfd.settings.min_rx = millis(args, 1, 1000)?;
            Ok(())
        },
    ),
    keyword(
        "min_tx",
        Kind::Words,
        "milliseconds between packets sent, at least; 10",
        |bfd, args| {
            bfd.settings.min_tx = millis(args, 1, 1000)?;
            Ok(())
        },
    ),
    keyword(
        "idle_tx",
        Kind::Words,
        "milliseconds between packets while down; 1000",
        |bfd, args| {
            bfd.settings.idle_tx = millis(args, 1000, 10_000)?;
            Ok(())
        },
    ),
    keyword(
        "multiplier",
        Kind::Words,
        "packets missed until it is down; 5",
        |bfd, args| {
            bfd.settings.multiplier = args.number(1..=10)?;
            Ok(())
        },
    ),
    keyword("passive", Kind::Flag, "wait for the other end to begin", |bfd, _| {
        bfd.settings.passive = true;
        Ok(())
    }),
    keyword("ttl", Kind::Words, "hop limit of what is sent; 255", |bfd, args| {
        bfd.settings.ttl = args.number(1..=255)?;
        Ok(())
    }),
    keyword("hoplimit", Kind::Words, "hop limit of what is sent", |bfd, args| {
        bfd.settings.ttl = args.number(1..=255)?;
        Ok(())
    }),
    keyword(
        "max_hops",
        Kind::Words,
        "how many hops a packet may have made; 0",
        |bfd, args| {
            bfd.settings.max_hops = args.number(0..=255)?;
            Ok(())
        },
    ),
    keyword(
        "weight",
        Kind::Words,
        "how much it counts; 0 is a fault",
        |bfd, args| {
            bfd.weight = track::own_weight(args, 253)?;
            Ok(())
        },
    ),
    keyword("vrrp", Kind::Flag, "for VRRP", |bfd, _| {
        bfd.vrrp = true;
        Ok(())
    }),
    keyword(
        "checker",
        Kind::Flag,
        "for the load balancer's checks; without `vrrp` for these only",
        |bfd, _| {
            bfd.checker = true;
            Ok(())
        },
    ),
];

fn neighbor(bfd: &mut BfdDraft, args: &mut Args<'_>) -> Outcome {
    bfd.neighbor = Some(scoped(args, &mut bfd.settings.interface)?);
    Ok(())
}

/// `IP[%INTERFACE]`
fn scoped(args: &mut Args<'_>, interface: &mut Option<Arc<str>>) -> Result<IpAddr, Diagnostic> {
    let word = args.word("an address")?;
    let (ip, scope) = match word.text.split_once('%') {
        Some((ip, scope)) => (ip, Some(scope)),
        None => (word.text.as_str(), None),
    };
    let address = ip.parse().map_err(|_| bad_address(word, "an IP address"))?;
    if let Some(scope) = scope {
        if !is_link_local(&address) || scope.is_empty() {
            return Err(bad_address(word, "a link-local address on an interface"));
        }
        *interface = Some(scope.into());
    }
    Ok(address)
}

pub(crate) fn is_link_local(ip: &IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}
