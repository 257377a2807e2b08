//! `global_defs`: what is true of every instance. What only the runtime needs is in [`super::global_runtime`].

use std::net::IpAddr;
use std::time::Duration;

use tandem_text::Diagnostic;

use super::args::{Args, Outcome};
use super::keyword::{Keyword, Kind, keyword, read_block};
use super::section::Section;
use super::{garp, global_runtime, instance_policy, mail};
use crate::code;
use crate::draft::Draft;

pub(super) fn block(draft: &mut Draft, args: &mut Args<'_>) -> Outcome {
    let statements = args.block()?;
    read_block(
        TABLES,
        Section::Global,
        draft,
        statements,
        args.sources(),
        args.reporter(),
    );
    Ok(())
}

pub(super) const TABLES: &[&[Keyword<Draft>]] = &[
    POLICY,
    mail::KEYWORDS,
    garp::DEFAULTS,
    global_runtime::KEYWORDS,
    global_runtime::SCRIPTS,
    global_runtime::SCHEDULING,
];

fn switch(args: &mut Args<'_>, target: &mut Option<bool>) -> Outcome {
    *target = Some(args.switch()?);
    Ok(())
}

fn group(args: &mut Args<'_>, fits: fn(&IpAddr) -> bool, what: &str) -> Result<IpAddr, Diagnostic> {
    let group = args.ip()?;
    if fits(&group.value) && group.value.is_multicast() {
        return Ok(group.value);
    }
    let message = format!("`{}` is not an {what} multicast address", group.value);
    Err(Diagnostic::warning(code::BAD_ADDRESS, group.span, message))
}

const POLICY: &[Keyword<Draft>] = &[
    keyword(
        "vrrp_version",
        Kind::Words,
        "2 or 3; IPv6 is always 3",
        |draft, args| {
            draft.defaults.version = Some(args.number(2..=3)?);
            Ok(())
        },
    ),
    keyword("vrrp_strict", Kind::Flag, "do only what the RFC allows", |draft, _| {
        draft.defaults.policy.strict = Some(true);
        Ok(())
    }),
    keyword(
        "vrrp_skip_check_adv_addr",
        Kind::Words,
        "compare addresses only of a new master",
        |draft, args| switch(args, &mut draft.defaults.policy.skip_address_check),
    ),
    keyword(
        "vrrp_lower_prio_no_advert",
        Kind::Words,
        "do not answer a lower rival",
        |draft, args| switch(args, &mut draft.defaults.policy.lower_no_advert),
    ),
    keyword(
        "vrrp_higher_prio_send_advert",
        Kind::Words,
        "one last advert before yielding",
        |draft, args| switch(args, &mut draft.defaults.policy.higher_send_advert),
    ),
    keyword(
        "find_rivals",
        Kind::Words,
        "ask with each advert who else has the addresses",
        |draft, args| switch(args, &mut draft.defaults.policy.seeks_rivals),
    ),
    keyword(
        "vrrp_check_unicast_src",
        Kind::Words,
        "adverts must come from a peer",
        |draft, args| switch(args, &mut draft.defaults.policy.check_unicast_source),
    ),
    keyword(
        "vrrp_owner_ignore_adverts",
        Kind::Words,
        "an owner drops adverts",
        |draft, args| switch(args, &mut draft.defaults.policy.owner_ignores_adverts),
    ),
    keyword(
        "vrrp_down_timer_adverts",
        Kind::Words,
        "adverts that must be missed; 3",
        |draft, args| {
            draft.defaults.policy.down_adverts = Some(args.number(1..=100)?);
            Ok(())
        },
    ),
    keyword(
        "checksum",
        Kind::Words,
        "auto, with or without the pseudo-header",
        |draft, args| {
            draft.defaults.policy.checksum = Some(instance_policy::checksum(args)?);
            Ok(())
        },
    ),
    keyword(
        "v3_checksum_as_v2",
        Kind::Words,
        "like `checksum without`",
        |draft, args| {
            draft.defaults.policy.checksum = Some(instance_policy::checksum_as_v2(args)?);
            Ok(())
        },
    ),
    keyword(
        "vrrp_mcast_group4",
        Kind::Words,
        "the group of IPv4 adverts; 224.0.0.18",
        |draft, args| {
            draft.defaults.group4 = Some(group(args, IpAddr::is_ipv4, "IPv4")?);
            Ok(())
        },
    ),
    keyword(
        "vrrp_mcast_group6",
        Kind::Words,
        "the group of IPv6 adverts; ff02::12",
        |draft, args| {
            draft.defaults.group6 = Some(group(args, IpAddr::is_ipv6, "IPv6")?);
            Ok(())
        },
    ),
    keyword(
        "vrrp_startup_delay",
        Kind::Words,
        "seconds before adverts are read",
        |draft, args| {
            draft.defaults.startup_delay = args.seconds(0.0..=86_400.0)?;
            Ok(())
        },
    ),
    keyword(
        "vrrp_delay_after_boot",
        Kind::Words,
        "seconds after the machine booted",
        |draft, args| {
            draft.global.delay_after_boot = args.seconds(0.0..=86_400.0)?;
            Ok(())
        },
    ),
    keyword(
        "vrrp_notify_priority_changes",
        Kind::Words,
        "write priorities to the pipes",
        |draft, args| {
            draft.global.scripts.priority_changes = args.switch()?;
            Ok(())
        },
    ),
];

/// The longest that a script at start or end may run.
pub(super) const LONGEST_SCRIPT: std::ops::RangeInclusive<i64> = 1..=1000;

pub(super) const SCRIPT_TIMEOUT: Duration = Duration::from_secs(10);
