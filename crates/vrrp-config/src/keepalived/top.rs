//! The keywords outside all blocks.

use std::sync::Arc;
use std::time::Duration;

use tandem_text::{Diagnostic, Spanned};
use tandem_vrrp_core::settings::LinkDelay;

use super::args::{Args, Outcome};
use super::keyword::{Keyword, Kind, keyword};
use super::section::Section;
use super::{
    bfd, garp_group, global, group, instance, pair_link, route, rule, script, track_file, track_lb, track_process,
};
use crate::address;
use crate::code;
use crate::draft::{Draft, Name, StaticItem};

pub(super) const KEYWORDS: &[Keyword<Draft>] = &[
    keyword(
        "global_defs",
        Kind::Block(Section::Global),
        "what holds for the whole daemon",
        global::block,
    ),
    keyword(
        "vrrp_instance",
        Kind::Block(Section::Instance),
        "a virtual router",
        instance::block,
    ),
    keyword(
        "vrrp_sync_group",
        Kind::Block(Section::Group),
        "instances that change state together",
        group::block,
    ),
    keyword(
        "vrrp_script",
        Kind::Block(Section::Script),
        "a command that is run again and again",
        script::block,
    ),
    keyword(
        "track_file",
        Kind::Block(Section::TrackFile),
        "a file with a number",
        track_file::block,
    ),
    keyword(
        "vrrp_track_file",
        Kind::Block(Section::TrackFile),
        "the old name of `track_file`",
        track_file::block,
    ),
    keyword(
        "vrrp_track_process",
        Kind::Block(Section::TrackProcess),
        "processes that must run",
        track_process::block,
    ),
    keyword(
        "track_process",
        Kind::Block(Section::TrackProcess),
        "like `vrrp_track_process`",
        track_process::block,
    ),
    keyword(
        "track_lb",
        Kind::Block(Section::TrackLb),
        "the balancer on this host",
        track_lb::block,
    ),
    keyword(
        "pair_link",
        Kind::Block(Section::PairLink),
        "our own link to the other host of the pair",
        pair_link::block,
    ),
    keyword("bfd_instance", Kind::Block(Section::Bfd), "a BFD session", bfd::block),
    keyword(
        "garp_group",
        Kind::Block(Section::GarpGroup),
        "spaces announcements on some interfaces",
        garp_group::block,
    ),
    keyword(
        "track_group",
        Kind::Block(Section::TrackGroup),
        "instances that are at fault when a static address, route or rule is lost",
        group::track_group,
    ),
    keyword(
        "static_ipaddress",
        Kind::Lines,
        "addresses that are always there",
        |draft, args| {
            args.lines(|line| {
                let (address, track_group) = address::parse(line, address::Place::Static)?;
                draft.static_addresses.push(StaticItem {
                    value: address.value,
                    track_group,
                });
                Ok(())
            })
        },
    ),
    keyword(
        "static_routes",
        Kind::Lines,
        "routes that are always there",
        |draft, args| {
            args.lines(|line| {
                let (value, track_group) = route::parse(line)?;
                draft.static_routes.push(StaticItem { value, track_group });
                Ok(())
            })
        },
    ),
    keyword(
        "static_rules",
        Kind::Lines,
        "rules that are always there",
        |draft, args| {
            args.lines(|line| {
                let (value, track_group) = rule::parse(line)?;
                draft.static_rules.push(StaticItem { value, track_group });
                Ok(())
            })
        },
    ),
    keyword(
        "interface_up_down_delays",
        Kind::Lines,
        "a change of a link counts only when it lasts: INTERFACE DOWN [UP]",
        |draft, args| {
            args.lines(|line| {
                let delay = link_delay(line)?;
                draft.link_delays.push(Spanned::new(delay, line.span()));
                Ok(())
            })
        },
    ),
    keyword("virtual_server", Kind::Words, "skipped: the load balancer's", skip),
    keyword(
        "virtual_server_group",
        Kind::Words,
        "skipped: the load balancer's",
        skip,
    ),
    keyword("SSL", Kind::Words, "skipped: the load balancer's", skip),
    keyword(
        "net_namespace",
        Kind::Words,
        "the network namespace to run in",
        |draft, args| {
            draft.global.net_namespace = Some(args.text("a name")?);
            Ok(())
        },
    ),
    keyword(
        "instance",
        Kind::Words,
        "this daemon's name in pid and dump files",
        |draft, args| {
            draft.global.instance_name = Some(args.text("a name")?);
            Ok(())
        },
    ),
    keyword(
        "use_pid_dir",
        Kind::Flag,
        "put pid files into a directory of their own",
        |draft, _| {
            draft.global.use_pid_dir = true;
            Ok(())
        },
    ),
];

/// One warning stands for all of these.
fn skip(draft: &mut Draft, args: &mut Args<'_>) -> Outcome {
    draft.first_lvs.get_or_insert(args.keyword().span);
    args.skip_all();
    Ok(())
}

fn link_delay(line: &mut Args<'_>) -> Result<LinkDelay, Diagnostic> {
    const LONGEST: f64 = 255.0;
    let interface = line.text("an interface")?;
    let down = line.seconds(0.0..=LONGEST)?;
    let up: Duration = if line.peek().is_some() {
        line.seconds(0.0..=LONGEST)?
    } else {
        down
    };
    Ok(LinkDelay { interface, down, up })
}

/// The name behind a block's keyword.
pub(super) fn block_name(args: &mut Args<'_>) -> Result<Name, Diagnostic> {
    args.name("a name").map_err(|mut missing| {
        missing.severity = tandem_text::Severity::Error;
        missing
    })
}

/// Refuses a second block of the same name.
pub(super) fn unique<'a>(name: &Name, mut others: impl Iterator<Item = &'a Name>, what: &str) -> Outcome {
    let same: Option<&Arc<str>> = others.find(|other| other.value == name.value).map(|other| &other.value);
    match same {
        None => Ok(()),
        Some(_) => {
            let message = format!("{what} `{}` is already defined", name.value);
            Err(Diagnostic::warning(code::DUPLICATE, name.span, message))
        }
    }
}
