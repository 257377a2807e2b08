//! Sync groups, with their members found.

use tandem_text::{Diagnostic, nearest};
use tandem_vrrp_core::settings::{GroupId, GroupSettings, InstanceId};

use super::trackers::Trackers;
use crate::code;
use crate::draft;
use crate::plan::{Group, Plan};
use crate::report::Report;

pub(super) fn resolve(plan: &mut Plan, groups: Vec<draft::Group>, trackers: &Trackers, report: &mut Report) {
    for written in groups {
        let members = members(plan, &written, report);
        let Ok(number) = u16::try_from(plan.router.groups.len()) else {
            return;
        };
        if members.is_empty() {
            let message = format!("the group `{}` has no members", written.name.value);
            report.push(Diagnostic::warning(code::INCOMPLETE, written.name.span, message));
            continue;
        }
        if members.len() == 1 {
            let message = format!(
                "the group `{}` has one member, which it synchronises with nothing",
                written.name.value
            );
            report.push(Diagnostic::warning(code::DOUBTFUL, written.name.span, message).help("leave the group out"));
        }
        let id = GroupId(number);
        let settings = GroupSettings {
            id,
            name: written.name.value.clone(),
            members,
            track: trackers.uses(&written.tracks, report),
            member_weights: written.member_weights,
        };
        ignored_weights(plan, &settings, &written, report);
        plan.router.groups.push(settings);
        plan.groups.push(Group {
            id,
            origin: written.origin,
            notify: written.notify,
        });
    }
}

fn members(plan: &Plan, written: &draft::Group, report: &mut Report) -> Vec<InstanceId> {
    let mut members = Vec::new();
    for name in &written.members {
        if report.is_full() {
            break;
        }
        let instances = &plan.router.instances;
        let Some(instance) = instances.iter().find(|instance| instance.name == name.value) else {
            let message = format!("there is no instance `{}`; it is not in the group", name.value);
            let mut diagnostic = Diagnostic::warning(code::UNDEFINED, name.span, message);
            let known = instances.iter().map(|instance| instance.name.as_ref());
            diagnostic.help = nearest(&name.value, known).map(|near| format!("did you mean `{near}`?"));
            report.push(diagnostic);
            continue;
        };
        let elsewhere = plan
            .router
            .groups
            .iter()
            .any(|group| group.members.contains(&instance.id));
        if elsewhere || members.contains(&instance.id) {
            let message = format!("`{}` is in a group already", name.value);
            report.push(Diagnostic::warning(code::DUPLICATE, name.span, message));
        } else {
            members.push(instance.id);
        }
    }
    members
}

/// A surprise of Keepalived's: weights of members count for nothing.
fn ignored_weights(plan: &Plan, group: &GroupSettings, written: &draft::Group, report: &mut Report) {
    if group.member_weights {
        return;
    }
    let weighted = plan.router.instances.iter().find(|instance| {
        let weighted = instance.track.iter().any(|tracked| !tracked.weight.is_fault());
        weighted && group.members.contains(&instance.id)
    });
    if let Some(instance) = weighted {
        let message = format!(
            "`{}` is in this group, so the weights of what it tracks do not count",
            instance.name
        );
        report.push(
            Diagnostic::warning(code::DOUBTFUL, written.name.span, message)
                .help("track in the group, or add `sync_group_tracking_weight`"),
        );
    }
}
