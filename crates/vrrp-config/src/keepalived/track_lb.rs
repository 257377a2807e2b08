//! `track_lb`: our own: the balancer on the same host, asked over its stats socket.

use std::path::PathBuf;
use std::time::Duration;

use tandem_text::Diagnostic;
use tandem_vrrp_core::settings::{LbCondition, LbSettings};

use super::args::{Args, Outcome};
use super::keyword::{Keyword, Kind, keyword, read_block};
use super::section::Section;
use super::{script, top, track};
use crate::code;
use crate::draft::{Draft, OwnWeight, TrackLb};

pub(super) fn block(draft: &mut Draft, args: &mut Args<'_>) -> Outcome {
    let name = top::block_name(args)?;
    let span = name.span;
    top::unique(
        &name,
        draft.balancers.iter().map(|balancer| &balancer.name),
        "the balancer",
    )
    .inspect_err(|_| args.skip_all())?;
    let mut balancer = TrackLb {
        name,
        settings: LbSettings {
            socket: PathBuf::new(),
            condition: LbCondition::Alive,
            interval: Duration::from_secs(1),
            timeout: None,
            rise: 1,
            fall: 1,
        },
        has_condition: false,
        weight: OwnWeight::default(),
    };
    let statements = args.block()?;
    read_block(
        &[KEYWORDS],
        Section::TrackLb,
        &mut balancer,
        statements,
        args.sources(),
        args.reporter(),
    );
    if balancer.settings.socket.as_os_str().is_empty() {
        return Err(Diagnostic::error(code::INCOMPLETE, span, "`track_lb` needs a socket")
            .help("add `socket PATH`: the balancer's `stats socket`"));
    }
    draft.balancers.push(balancer);
    Ok(())
}

/// Of two, one would be forgotten, and the address held where the other does not hold.
fn condition(balancer: &mut TrackLb, condition: LbCondition, args: &Args<'_>) -> Outcome {
    if std::mem::replace(&mut balancer.has_condition, true) {
        let message = format!("`track_lb {}` has a condition already", balancer.name.value);
        return Err(Diagnostic::error(code::DUPLICATE, args.span(), message)
            .help("write a second `track_lb` block with this one, and track both"));
    }
    balancer.settings.condition = condition;
    Ok(())
}

pub(super) const KEYWORDS: &[Keyword<TrackLb>] = &[
    keyword(
        "socket",
        Kind::Words,
        "the path of its stats socket",
        |balancer, args| {
            balancer.settings.socket = PathBuf::from(&*args.text("a path")?);
            Ok(())
        },
    ),
    keyword(
        "alive",
        Kind::Flag,
        "it answers; so by default. One condition in a block: this or one of the next three",
        |balancer, args| condition(balancer, LbCondition::Alive, args),
    ),
    keyword(
        "frontend_open",
        Kind::Words,
        "this frontend accepts connections",
        |balancer, args| {
            let frontend = args.text("a frontend")?;
            condition(balancer, LbCondition::FrontendOpen(frontend), args)
        },
    ),
    keyword(
        "backend_has_servers",
        Kind::Words,
        "so many servers of a backend are up: NAME [N]",
        |balancer, args| {
            let backend = args.text("a backend")?;
            let at_least = if args.peek().is_some() {
                args.number(1..=65535)?
            } else {
                1
            };
            condition(balancer, LbCondition::BackendHasServers { backend, at_least }, args)
        },
    ),
    keyword(
        "has_room",
        Kind::Words,
        "it is not overloaded, as it is from so many per cent of its maxconn until fewer than a second number are in use: PERCENT [AGAIN]; 10 less",
        |balancer, args| {
            let full: u8 = args.number(2..=100)?;
            let again = if args.peek().is_some() {
                args.number(1..=i64::from(full) - 1)?
            } else {
                full.saturating_sub(10).max(1)
            };
            condition(balancer, LbCondition::HasRoom { full, again }, args)
        },
    ),
    keyword(
        "interval",
        Kind::Words,
        "seconds between questions; 1",
        |balancer, args| {
            balancer.settings.interval = script::period(args)?;
            Ok(())
        },
    ),
    keyword(
        "timeout",
        Kind::Words,
        "seconds until no answer is a bad one; the interval, and 0.5 at least",
        |balancer, args| {
            balancer.settings.timeout = Some(script::period(args)?);
            Ok(())
        },
    ),
    keyword(
        "rise",
        Kind::Words,
        "good answers until it counts as good; 1",
        |balancer, args| {
            balancer.settings.rise = args.number(1..=i64::from(i32::MAX))?;
            Ok(())
        },
    ),
    keyword(
        "fall",
        Kind::Words,
        "bad answers until it counts as bad; 1",
        |balancer, args| {
            balancer.settings.fall = args.number(1..=i64::from(i32::MAX))?;
            Ok(())
        },
    ),
    keyword(
        "weight",
        Kind::Words,
        "how much it counts; 0 is a fault",
        |balancer, args| {
            balancer.weight = track::own_weight(args, 253)?;
            Ok(())
        },
    ),
];
