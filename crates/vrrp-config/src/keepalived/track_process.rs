//! `vrrp_track_process`

use std::sync::Arc;
use std::time::Duration;

use tandem_vrrp_core::settings::ParameterMatch;

use super::args::{Args, Outcome};
use super::keyword::{Keyword, Kind, keyword, read_block};
use super::section::Section;
use super::{top, track};
use crate::draft::{Draft, OwnWeight, TrackProcess};

pub(super) fn block(draft: &mut Draft, args: &mut Args<'_>) -> Outcome {
    let name = top::block_name(args)?;
    top::unique(
        &name,
        draft.processes.iter().map(|process| &process.name),
        "the process",
    )
    .inspect_err(|_| args.skip_all())?;
    let mut process = TrackProcess {
        name,
        command: Vec::new(),
        parameters: ParameterMatch::default(),
        full_command: false,
        quorum: 1,
        quorum_max: None,
        fork_delay: Duration::ZERO,
        terminate_delay: Duration::ZERO,
        weight: OwnWeight {
            value: 1,
            reverse: false,
        },
    };
    let statements = args.block()?;
    read_block(
        &[KEYWORDS],
        Section::TrackProcess,
        &mut process,
        statements,
        args.sources(),
        args.reporter(),
    );
    if process.command.len() > 1 && process.parameters == ParameterMatch::Ignored {
        process.parameters = ParameterMatch::Exact;
    }
    draft.processes.push(process);
    Ok(())
}

const DELAY: std::ops::RangeInclusive<f64> = 0.000_001..=3600.0;

pub(super) const KEYWORDS: &[Keyword<TrackProcess>] = &[
    keyword(
        "process",
        Kind::Command,
        "its name and, perhaps, its parameters",
        |process, args| {
            process.command = args
                .command()?
                .iter()
                .map(|word| Arc::from(word.text.as_str()))
                .collect();
            Ok(())
        },
    ),
    keyword("param_match", Kind::Words, "initial or partial", |process, args| {
        const KINDS: [(&str, ParameterMatch); 3] = [
            ("exact", ParameterMatch::Exact),
            ("initial", ParameterMatch::Initial),
            ("partial", ParameterMatch::Partial),
        ];
        process.parameters = match args.peek() {
            None => ParameterMatch::Exact,
            Some(_) => args.choice("a way to match", &KINDS)?,
        };
        Ok(())
    }),
    keyword(
        "full_command",
        Kind::Flag,
        "match the whole command line",
        |process, _| {
            process.full_command = true;
            Ok(())
        },
    ),
    keyword("weight", Kind::Words, "how much it counts; 1", |process, args| {
        process.weight = track::own_weight(args, 254)?;
        Ok(())
    }),
    keyword("quorum", Kind::Words, "how many must run; 1", |process, args| {
        process.quorum = args.number(1..=65535)?;
        Ok(())
    }),
    keyword("quorum_max", Kind::Words, "how many may run", |process, args| {
        process.quorum_max = Some(args.number(0..=65535)?);
        Ok(())
    }),
    keyword(
        "fork_delay",
        Kind::Words,
        "seconds until a new one counts",
        |process, args| {
            process.fork_delay = args.seconds(DELAY)?;
            Ok(())
        },
    ),
    keyword(
        "terminate_delay",
        Kind::Words,
        "seconds until a lost one counts",
        |process, args| {
            process.terminate_delay = args.seconds(DELAY)?;
            Ok(())
        },
    ),
    keyword("delay", Kind::Words, "both delays", |process, args| {
        process.fork_delay = args.seconds(DELAY)?;
        process.terminate_delay = process.fork_delay;
        Ok(())
    }),
];
