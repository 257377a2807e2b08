//! `vrrp_script`

use std::sync::Arc;
use std::time::Duration;

use tandem_vrrp_core::settings::ScriptSettings;

use super::args::{Args, Outcome};
use super::keyword::{Keyword, Kind, keyword, read_block};
use super::section::Section;
use super::{command, top, track};
use crate::draft::{Draft, OwnWeight, Script};

/// What an interval may be; the kernel's timers go no finer and nobody waits longer.
const INTERVAL: std::ops::RangeInclusive<f64> = 0.001..=4294.0;

pub(super) fn block(draft: &mut Draft, args: &mut Args<'_>) -> Outcome {
    let name = top::block_name(args)?;
    top::unique(&name, draft.scripts.iter().map(|script| &script.name), "the script")
        .inspect_err(|_| args.skip_all())?;
    let mut script = Script {
        name,
        settings: ScriptSettings::new(&[]),
        weight: OwnWeight::default(),
    };
    let statements = args.block()?;
    read_block(
        &[KEYWORDS],
        Section::Script,
        &mut script,
        statements,
        args.sources(),
        args.reporter(),
    );
    draft.scripts.push(script);
    Ok(())
}

pub(super) const KEYWORDS: &[Keyword<Script>] = &[
    keyword(
        "script",
        Kind::Command,
        "the command; `</PATH` asks whether a file can be read",
        |script, args| {
            let given = args.command()?;
            let mut words = given.iter();
            script.settings.command = words.next().map(|word| command::words(&word.text)).unwrap_or_default();
            script
                .settings
                .command
                .extend(words.map(|word| Arc::from(word.text.as_str())));
            Ok(())
        },
    ),
    keyword("interval", Kind::Words, "seconds between runs; 1", |script, args| {
        script.settings.interval = args.seconds(INTERVAL)?;
        Ok(())
    }),
    keyword(
        "timeout",
        Kind::Words,
        "seconds until a run has failed; the interval",
        |script, args| {
            script.settings.timeout = args.seconds(0.0..=*INTERVAL.end())?;
            Ok(())
        },
    ),
    keyword(
        "weight",
        Kind::Words,
        "how much success or failure counts; 0 is a fault",
        |script, args| {
            script.weight = track::own_weight(args, 253)?;
            Ok(())
        },
    ),
    keyword(
        "rise",
        Kind::Words,
        "successes until it counts as good; 1",
        |script, args| {
            script.settings.rise = args.number(1..=i64::from(i32::MAX))?;
            Ok(())
        },
    ),
    keyword(
        "fall",
        Kind::Words,
        "failures until it counts as bad; 1",
        |script, args| {
            script.settings.fall = args.number(1..=i64::from(i32::MAX))?;
            Ok(())
        },
    ),
    keyword(
        "user",
        Kind::Words,
        "the user and group to run it as",
        |script, args| {
            script.settings.user = Some(args.text("a user")?);
            script.settings.group = args.next().map(|word| word.text.as_str().into());
            Ok(())
        },
    ),
    keyword("init_fail", Kind::Flag, "bad until it was good", |script, _| {
        script.settings.init_fail = true;
        Ok(())
    }),
];

/// A period in the blocks that have no limits of their own.
pub(super) fn period(args: &mut Args<'_>) -> Result<Duration, tandem_text::Diagnostic> {
    args.seconds(INTERVAL)
}
