//! A draft to a Plan: names found, numbers and defaults given, and what the whole means checked.

mod addresses;
mod checks;
mod garp;
mod groups;
mod instance;
mod peers;
mod protocol;
mod strict;
mod track_groups;
mod trackers;

use tandem_text::{Diagnostic, FileId, Span};
use tandem_vrrp_core::settings::{InstanceId, RouterSettings};

use crate::code;
use crate::draft::{Draft, StaticItem, TrackGroup};
use crate::load::Machine;
use crate::plan::{Plan, Static, Statics};
use crate::report::Report;
use trackers::Trackers;

/// Always a Plan; whether it may be used is for the diagnostics to say.
pub(crate) fn resolve(mut draft: Draft, machine: &Machine<'_>, file: FileId, report: &mut Report) -> Plan {
    checks::draft(&draft, report);
    place_statics(&mut draft);
    track_groups::watch(&mut draft);
    let trackers = Trackers::new(&mut draft, report);
    let paces = garp::paces(&draft);
    let mut plan = Plan {
        router: RouterSettings {
            trackers: trackers.list.clone(),
            startup_delay: draft.defaults.startup_delay,
            link_delays: checks::link_delays(&mut draft, report),
            ..RouterSettings::default()
        },
        bfd: trackers::bfd(&mut draft, &trackers, report),
        script_weights: trackers.script_weights(),
        ..Plan::default()
    };
    for (place, written) in std::mem::take(&mut draft.instances).into_iter().enumerate() {
        let id = InstanceId(u32::try_from(place).unwrap_or(u32::MAX));
        let resolving = instance::Resolving {
            defaults: &draft.defaults,
            trackers: &trackers,
            paces: &paces,
            machine,
            report,
        };
        if let Some((settings, runtime)) = resolving.instance(id, written) {
            plan.router.instances.push(settings);
            plan.instances.push(runtime);
        }
    }
    groups::resolve(&mut plan, std::mem::take(&mut draft.groups), &trackers, report);
    plan.router.paces = paces;
    plan.statics = Statics {
        addresses: statics(draft.static_addresses, &draft.track_groups, report),
        routes: statics(draft.static_routes, &draft.track_groups, report),
        rules: statics(draft.static_rules, &draft.track_groups, report),
    };
    plan.global = draft.global;
    checks::plan(&plan, Span::new(file, 0, 0), report);
    plan
}

/// Static addresses that name no interface are on `default_interface`.
fn place_statics(draft: &mut Draft) {
    let usual = draft.global.default_interface.clone();
    let usual = usual.unwrap_or_else(|| "eth0".into());
    for item in &mut draft.static_addresses {
        item.value.device.get_or_insert_with(|| usual.clone());
    }
}

fn statics<T>(items: Vec<StaticItem<T>>, groups: &[TrackGroup], report: &mut Report) -> Vec<Static<T>> {
    let one = |item: StaticItem<T>| {
        let wanted = item.track_group.as_ref();
        let group = wanted.and_then(|name| groups.iter().find(|group| group.name.value == name.value));
        if let (Some(name), None) = (wanted, group) {
            let message = format!("there is no track group `{}`; nothing tracks this", name.value);
            report.push(Diagnostic::warning(code::UNDEFINED, name.span, message));
        }
        let names = group.map(|group| group.instances.iter().map(|name| name.value.clone()).collect());
        Static {
            value: item.value,
            tracked_by: names.unwrap_or_default(),
        }
    };
    items.into_iter().map(one).collect()
}
