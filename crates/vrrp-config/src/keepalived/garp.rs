//! When and how often neighbours are told: `garp_…` of instances and `vrrp_garp_…` of all.

use std::time::Duration;

use super::args::{Args, Outcome};
use super::keyword::{Keyword, Kind, keyword};
use crate::draft::{Defaults, Garp, Instance};

fn delay(args: &mut Args<'_>, target: &mut Option<Duration>) -> Outcome {
    *target = Some(Duration::from_secs(args.number(0..=86_400)?));
    Ok(())
}

fn count(args: &mut Args<'_>, target: &mut Option<u8>, least: i64) -> Outcome {
    *target = Some(args.number(least..=255)?);
    Ok(())
}

/// `[all] SECONDS`
fn extra(args: &mut Args<'_>, garp: &mut Garp) -> Outcome {
    // Which interfaces count is for whoever holds the addresses; the core announces on all of theirs.
    args.accept("all");
    garp.extra = Some(Duration::from_secs(args.number(0..=86_400)?));
    Ok(())
}

pub(super) const INSTANCE: &[Keyword<Instance>] = &[
    keyword(
        "garp_master_delay",
        Kind::Words,
        "seconds until the second round; 5",
        |instance, args| delay(args, &mut instance.garp.delay),
    ),
    keyword(
        "garp_master_repeat",
        Kind::Words,
        "announcements in a round; 5",
        |instance, args| count(args, &mut instance.garp.repeat, 1),
    ),
    keyword(
        "garp_master_refresh",
        Kind::Words,
        "seconds between announcements while master; 0",
        |instance, args| delay(args, &mut instance.garp.refresh),
    ),
    keyword(
        "garp_master_refresh_repeat",
        Kind::Words,
        "announcements in each of those; 1",
        |instance, args| count(args, &mut instance.garp.refresh_repeat, 1),
    ),
    keyword(
        "garp_lower_prio_delay",
        Kind::Words,
        "seconds until the second round after a rival",
        |instance, args| delay(args, &mut instance.garp.lower_delay),
    ),
    keyword(
        "garp_lower_prio_repeat",
        Kind::Words,
        "announcements after a rival",
        |instance, args| count(args, &mut instance.garp.lower_repeat, 0),
    ),
    keyword(
        "garp_extra_if",
        Kind::Words,
        "also on other interfaces, each so many seconds",
        |instance, args| extra(args, &mut instance.garp),
    ),
    keyword(
        "garp_intvl",
        Kind::Words,
        "the old name of `garp_extra_if`",
        |instance, args| extra(args, &mut instance.garp),
    ),
];

pub(super) const DEFAULTS: &[Keyword<crate::draft::Draft>] = &[
    keyword(
        "vrrp_garp_master_delay",
        Kind::Words,
        "seconds until the second round; 5",
        |draft, args| delay(args, &mut draft.defaults.garp.delay),
    ),
    keyword(
        "vrrp_garp_master_repeat",
        Kind::Words,
        "announcements in a round; 5",
        |draft, args| count(args, &mut draft.defaults.garp.repeat, 1),
    ),
    keyword(
        "vrrp_garp_master_refresh",
        Kind::Words,
        "seconds between announcements while master; 0",
        |draft, args| delay(args, &mut draft.defaults.garp.refresh),
    ),
    keyword(
        "vrrp_garp_master_refresh_repeat",
        Kind::Words,
        "announcements in each of those; 1",
        |draft, args| count(args, &mut draft.defaults.garp.refresh_repeat, 1),
    ),
    keyword(
        "vrrp_garp_lower_prio_delay",
        Kind::Words,
        "seconds until the second round after a rival",
        |draft, args| delay(args, &mut draft.defaults.garp.lower_delay),
    ),
    keyword(
        "vrrp_garp_lower_prio_repeat",
        Kind::Words,
        "announcements after a rival",
        |draft, args| count(args, &mut draft.defaults.garp.lower_repeat, 0),
    ),
    keyword(
        "vrrp_garp_extra_if",
        Kind::Words,
        "also on other interfaces, each so many seconds",
        |draft, args| extra(args, &mut draft.defaults.garp),
    ),
    keyword(
        "vrrp_vmac_garp_intvl",
        Kind::Words,
        "the old name of `vrrp_garp_extra_if`",
        |draft, args| extra(args, &mut draft.defaults.garp),
    ),
    keyword(
        "vrrp_min_garp",
        Kind::Words,
        "one announcement and no second round",
        |draft, args| {
            draft.defaults.min_garp = args.switch()?;
            Ok(())
        },
    ),
    keyword(
        "vrrp_garp_interval",
        Kind::Words,
        "seconds between two ARP announcements",
        |draft, args| interval(args, &mut draft.defaults, |defaults| &mut defaults.garp_interval),
    ),
    keyword(
        "vrrp_gna_interval",
        Kind::Words,
        "seconds between two neighbour advertisements",
        |draft, args| interval(args, &mut draft.defaults, |defaults| &mut defaults.gna_interval),
    ),
];

fn interval(args: &mut Args<'_>, defaults: &mut Defaults, which: fn(&mut Defaults) -> &mut Duration) -> Outcome {
    *which(defaults) = args.seconds(0.0..=4294.0)?;
    Ok(())
}
