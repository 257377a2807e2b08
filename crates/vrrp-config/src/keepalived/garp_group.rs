//! `garp_group`

use super::args::{Args, Outcome};
use super::keyword::{Keyword, Kind, keyword, read_block};
use super::section::Section;
use crate::draft::{Draft, GarpGroup};

pub(super) fn block(draft: &mut Draft, args: &mut Args<'_>) -> Outcome {
    let mut group = GarpGroup::default();
    // Newer versions allow a name.
    args.next();
    let statements = args.block()?;
    read_block(
        &[KEYWORDS],
        Section::GarpGroup,
        &mut group,
        statements,
        args.sources(),
        args.reporter(),
    );
    draft.garp_groups.push(group);
    Ok(())
}

pub(super) const KEYWORDS: &[Keyword<GarpGroup>] = &[
    keyword(
        "garp_interval",
        Kind::Words,
        "seconds between two ARP announcements",
        |group, args| {
            group.garp_interval = Some(args.seconds(0.0..=4294.0)?);
            Ok(())
        },
    ),
    keyword(
        "gna_interval",
        Kind::Words,
        "seconds between two neighbour advertisements",
        |group, args| {
            group.gna_interval = Some(args.seconds(0.0..=4294.0)?);
            Ok(())
        },
    ),
    keyword("interface", Kind::Words, "one of its interfaces", |group, args| {
        group.interfaces.push(args.name("an interface")?);
        Ok(())
    }),
    keyword("interfaces", Kind::Lines, "its interfaces", |group, args| {
        args.lines(|line| {
            while line.peek().is_some() {
                group.interfaces.push(line.name("an interface")?);
            }
            Ok(())
        })
    }),
];
