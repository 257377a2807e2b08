//! `vrrp_sync_group` and `track_group`

use tandem_text::Spanned;
use tandem_text::keepalived::Word;

use super::args::{Args, Outcome};
use super::keyword::{Keyword, Kind, keyword, read_block};
use super::notify::{self, Notifies};
use super::section::Section;
use super::{top, track};
use crate::draft::{Draft, Group, Name, TrackGroup, TrackKind};
use crate::plan::Notify;

impl Notifies for Group {
    fn notify(&mut self) -> &mut Notify {
        &mut self.notify
    }
}

pub(super) fn block(draft: &mut Draft, args: &mut Args<'_>) -> Outcome {
    let name = top::block_name(args)?;
    top::unique(&name, draft.groups.iter().map(|group| &group.name), "the group").inspect_err(|_| args.skip_all())?;
    let mut group = Group {
        name,
        origin: args.origin(),
        members: Vec::new(),
        tracks: Vec::new(),
        notify: Notify::default(),
        member_weights: false,
    };
    group.notify.priority_changes = draft.global.scripts.priority_changes;
    group.notify.smtp_alert = draft.defaults.alerts();
    let statements = args.block()?;
    read_block(
        TABLES,
        Section::Group,
        &mut group,
        statements,
        args.sources(),
        args.reporter(),
    );
    draft.groups.push(group);
    Ok(())
}

pub(super) const TABLES: &[&[Keyword<Group>]] = &[MEMBERS, NOTIFY];

const MEMBERS: &[Keyword<Group>] = &[
    keyword("group", Kind::Lines, "the names of the instances", |group, args| {
        members(args, &mut group.members)
    }),
    keyword(
        "track_interface",
        Kind::Lines,
        "interfaces that must be up",
        |group, args| track::uses(args, TrackKind::Interface, &mut group.tracks),
    ),
    keyword(
        "track_script",
        Kind::Lines,
        "scripts that must succeed",
        |group, args| track::uses(args, TrackKind::Script, &mut group.tracks),
    ),
    keyword("track_file", Kind::Lines, "files whose number counts", |group, args| {
        track::uses(args, TrackKind::File, &mut group.tracks)
    }),
    keyword(
        "track_process",
        Kind::Lines,
        "processes that must run",
        |group, args| track::uses(args, TrackKind::Process, &mut group.tracks),
    ),
    keyword(
        "track_bfd",
        Kind::Lines,
        "BFD sessions that must be up",
        |group, args| track::uses(args, TrackKind::Bfd, &mut group.tracks),
    ),
    keyword(
        "track_lb",
        Kind::Lines,
        "what must hold of the balancer",
        |group, args| track::uses(args, TrackKind::Lb, &mut group.tracks),
    ),
    keyword(
        "sync_group_tracking_weight",
        Kind::Flag,
        "weights of what members track count too",
        |group, _| {
            group.member_weights = true;
            Ok(())
        },
    ),
];

const NOTIFY: &[Keyword<Group>] = &[
    keyword(
        "notify_master",
        Kind::Command,
        "run when the group becomes master",
        notify::master,
    ),
    keyword(
        "notify_backup",
        Kind::Command,
        "run when the group becomes backup",
        notify::backup,
    ),
    keyword(
        "notify_fault",
        Kind::Command,
        "run when the group is at fault",
        notify::fault,
    ),
    keyword("notify_stop", Kind::Command, "run when the daemon stops", notify::stop),
    keyword(
        "notify_deleted",
        Kind::Command,
        "run when a reload removed the group",
        notify::deleted,
    ),
    keyword(
        "notify",
        Kind::Command,
        "run on every change, with four arguments more",
        notify::any,
    ),
    keyword(
        "notify_priority_changes",
        Kind::Words,
        "write priorities to the pipes",
        notify::priority_changes,
    ),
    keyword("smtp_alert", Kind::Words, "write of every change", notify::smtp_alert),
];

/// Names, several in a line or one.
fn members(args: &mut Args<'_>, names: &mut Vec<Name>) -> Outcome {
    args.lines(|line| {
        while let Some(Word { text, span, .. }) = line.next() {
            names.push(Spanned::new(text.as_str().into(), *span));
        }
        Ok(())
    })
}

pub(super) fn track_group(draft: &mut Draft, args: &mut Args<'_>) -> Outcome {
    let name = top::block_name(args)?;
    let mut group = TrackGroup {
        name,
        instances: Vec::new(),
    };
    let statements = args.block()?;
    read_block(
        &[TRACK_GROUP],
        Section::TrackGroup,
        &mut group,
        statements,
        args.sources(),
        args.reporter(),
    );
    draft.track_groups.push(group);
    Ok(())
}

pub(super) const TRACK_GROUP: &[Keyword<TrackGroup>] = &[keyword(
    "group",
    Kind::Lines,
    "the names of the instances",
    |group, args| members(args, &mut group.instances),
)];
