//! `vrrp_instance`: when it takes over and how it treats others.

use tandem_text::{Diagnostic, Spanned};
use tandem_vrrp_core::settings::{ChecksumPolicy, Priority};

use super::args::{Args, Outcome};
use super::keyword::{Keyword, Kind, keyword};
use crate::draft::Instance;

/// `with` and `without` are about the pseudo-header.
pub(super) fn checksum(args: &mut Args<'_>) -> Result<ChecksumPolicy, Diagnostic> {
    args.choice(
        "a checksum",
        &[
            ("auto", ChecksumPolicy::Auto),
            ("with", ChecksumPolicy::With),
            ("without", ChecksumPolicy::Without),
        ],
    )
}

/// `v3_checksum_as_v2`: on is without the pseudo-header.
pub(super) fn checksum_as_v2(args: &mut Args<'_>) -> Result<ChecksumPolicy, Diagnostic> {
    let without = args.switch()?;
    Ok(if without {
        ChecksumPolicy::Without
    } else {
        ChecksumPolicy::Auto
    })
}

fn switch(args: &mut Args<'_>, target: &mut Option<bool>) -> Outcome {
    *target = Some(args.switch()?);
    Ok(())
}

pub(super) const KEYWORDS: &[Keyword<Instance>] = &[
    keyword(
        "nopreempt",
        Kind::Flag,
        "leave a lower master alone",
        |instance, args| {
            instance.nopreempt = Some(args.keyword().span);
            Ok(())
        },
    ),
    keyword(
        "preempt",
        Kind::Flag,
        "take over from a lower master; so by default",
        |instance, _| {
            instance.nopreempt = None;
            Ok(())
        },
    ),
    keyword(
        "preempt_delay",
        Kind::Words,
        "seconds to wait before that",
        |instance, args| {
            let span = args.span();
            instance.preempt_delay = Some(Spanned::new(args.seconds(0.0..=1000.0)?, span));
            Ok(())
        },
    ),
    keyword(
        "accept",
        Kind::Flag,
        "let traffic to its addresses in",
        |instance, args| {
            instance.accept = Some(Spanned::new(true, args.keyword().span));
            Ok(())
        },
    ),
    keyword(
        "no_accept",
        Kind::Flag,
        "keep traffic to its addresses out",
        |instance, args| {
            instance.accept = Some(Spanned::new(false, args.keyword().span));
            Ok(())
        },
    ),
    keyword(
        "strict_mode",
        Kind::Words,
        "do only what the RFC allows",
        |instance, args| switch(args, &mut instance.policy.strict),
    ),
    keyword(
        "skip_check_adv_addr",
        Kind::Words,
        "compare addresses only of a new master",
        |instance, args| switch(args, &mut instance.policy.skip_address_check),
    ),
    keyword(
        "lower_prio_no_advert",
        Kind::Words,
        "do not answer a lower rival",
        |instance, args| switch(args, &mut instance.policy.lower_no_advert),
    ),
    keyword(
        "higher_prio_send_advert",
        Kind::Words,
        "one last advert before yielding",
        |instance, args| switch(args, &mut instance.policy.higher_send_advert),
    ),
    keyword(
        "find_rivals",
        Kind::Words,
        "ask with each advert who else has the addresses",
        |instance, args| switch(args, &mut instance.policy.seeks_rivals),
    ),
    keyword(
        "check_unicast_src",
        Kind::Words,
        "adverts must come from a peer",
        |instance, args| switch(args, &mut instance.policy.check_unicast_source),
    ),
    keyword(
        "owner_ignore_adverts",
        Kind::Words,
        "an owner drops adverts",
        |instance, args| switch(args, &mut instance.policy.owner_ignores_adverts),
    ),
    keyword(
        "down_timer_adverts",
        Kind::Words,
        "adverts that must be missed; 3",
        |instance, args| {
            instance.policy.down_adverts = Some(args.number(1..=100)?);
            Ok(())
        },
    ),
    keyword(
        "checksum",
        Kind::Words,
        "auto, with or without the pseudo-header",
        |instance, args| {
            instance.policy.checksum = Some(checksum(args)?);
            Ok(())
        },
    ),
    keyword(
        "v3_checksum_as_v2",
        Kind::Words,
        "like `checksum without`",
        |instance, args| {
            instance.policy.checksum = Some(checksum_as_v2(args)?);
            Ok(())
        },
    ),
    keyword(
        "old_unicast_checksum",
        Kind::Words,
        "begin with the checksum of Keepalived before 1.3.7; `never`: do not take it",
        |instance, args| {
            instance.policy.checksum = Some(if args.accept("never") {
                ChecksumPolicy::NeverOld
            } else {
                ChecksumPolicy::OldFirst
            });
            Ok(())
        },
    ),
    keyword(
        "timer_expired_backup",
        Kind::Words,
        "after being late, stand back if one of this priority may have taken over; 254",
        late_is_backup,
    ),
    keyword(
        "thread_timer_expired",
        Kind::Words,
        "another name of `timer_expired_backup`",
        late_is_backup,
    ),
    keyword(
        "kernel_rx_buf_size",
        Kind::Words,
        "bytes of the receive buffer",
        |instance, args| {
            instance.receive_buffer = Some(args.number(0..=i64::from(i32::MAX))?);
            Ok(())
        },
    ),
];

fn late_is_backup(instance: &mut Instance, args: &mut Args<'_>) -> Outcome {
    const HIGHEST: u8 = 254;
    let highest = match args.peek() {
        Some(_) => args.number(1..=i64::from(HIGHEST))?,
        None => HIGHEST,
    };
    instance.late_is_backup = Priority::new(highest);
    Ok(())
}
