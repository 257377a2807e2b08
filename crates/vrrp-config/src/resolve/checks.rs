//! What no single line is wrong about.

use std::time::Duration;

use tandem_text::{Diagnostic, Span};
use tandem_vrrp_core::settings::{LinkDelay, Transport};

use crate::code;
use crate::draft::{Draft, Instance};
use crate::plan::Plan;
use crate::report::Report;

/// Things that must not be there twice or have no effect, while it is still known where they were written.
pub(super) fn draft(draft: &Draft, report: &mut Report) {
    mail(draft, report);
    if let Some(span) = draft.first_lvs {
        report.push(
            Diagnostic::warning(code::SKIPPED, span, "the load balancer's blocks are skipped")
                .help("`tandem-lb` balances; this daemon holds the addresses"),
        );
    }
    for (place, instance) in draft.instances.iter().enumerate() {
        let before = &draft.instances[..place];
        if let Some(vrid) = &instance.vrid
            && let Some(other) = before.iter().find(|other| same_router(other, instance))
        {
            let message = format!(
                "router id {} is that of `{}` on the same interface",
                vrid.value, other.name.value
            );
            report
                .push(Diagnostic::error(code::DUPLICATE, vrid.span, message).help("give each instance its own number"));
        }
        duplicate_addresses(before, instance, report);
    }
}

/// That nothing is written would be found out when it is too late.
fn mail(draft: &Draft, report: &mut Report) {
    let Some(span) = draft.first_mail else { return };
    let mail = &draft.global.mail;
    let instances = draft.instances.iter().map(|instance| &instance.notify);
    let mut told = instances.chain(draft.groups.iter().map(|group| &group.notify));
    let lacks = if mail.server.is_none() {
        "add `smtp_server`"
    } else if mail.to.is_empty() {
        "add `notification_email`"
    } else if !told.any(|notify| notify.smtp_alert) {
        "add `smtp_alert` to `global_defs`, or to instances and groups"
    } else {
        return;
    };
    report.push(Diagnostic::warning(code::NOT_SENT, span, "no mail is sent").help(lacks));
}

fn same_router(a: &Instance, b: &Instance) -> bool {
    let key = |instance: &Instance| {
        (
            instance.vrid.as_ref().map(|vrid| vrid.value),
            instance.interface.as_ref().map(|name| name.value.clone()),
            super::addresses::family(instance),
            instance.is_unicast(),
            instance.multicast_group.as_ref().map(|group| group.value),
        )
    };
    key(a) == key(b) && (!a.is_unicast() || peers_overlap(a, b))
}

fn peers_overlap(a: &Instance, b: &Instance) -> bool {
    let peers = |instance: &Instance| -> Vec<_> {
        let given = instance.peers.iter().flat_map(|peers| &peers.value);
        given.map(|peer| peer.value.address).collect()
    };
    let (a, b) = (peers(a), peers(b));
    a.iter().any(|peer| b.contains(peer))
}

fn duplicate_addresses(before: &[Instance], instance: &Instance, report: &mut Report) {
    let all = |instance: &Instance| -> Vec<_> {
        let device = instance.interface.as_ref().map(|name| name.value.clone());
        let addresses = instance.vips.iter().chain(&instance.excluded);
        let key = addresses.map(|vip| {
            (
                (vip.value.address, vip.value.device.clone().or(device.clone())),
                vip.span,
            )
        });
        key.collect()
    };
    for (key, span) in all(instance) {
        let holder = before
            .iter()
            .find(|other| all(other).iter().any(|(taken, _)| *taken == key));
        if let Some(other) = holder {
            let message = format!("`{}` is already an address of `{}`", key.0, other.name.value);
            report.push(
                Diagnostic::error(code::DUPLICATE, span, message)
                    .help("two instances cannot hold one address; remove it"),
            );
        }
    }
}

/// A link that is allowed to be down for longer than a backup waits would have two masters.
pub(super) fn link_delays(draft: &mut Draft, report: &mut Report) -> Vec<LinkDelay> {
    let mut delays: Vec<LinkDelay> = Vec::new();
    for delay in std::mem::take(&mut draft.link_delays) {
        for instance in &draft.instances {
            let concerned = instance
                .interface
                .as_ref()
                .is_some_and(|name| name.value == delay.value.interface);
            let interval = instance
                .interval
                .as_ref()
                .map_or(Duration::from_secs(1), |interval| interval.value);
            let adverts = instance
                .policy
                .down_adverts
                .or(draft.defaults.policy.down_adverts)
                .unwrap_or(3);
            let limit = interval * u32::from(adverts.saturating_sub(1));
            if concerned && delay.value.down.max(delay.value.up) >= limit {
                let message = format!(
                    "`{}` waits {} s at most, less than this delay",
                    instance.name.value,
                    limit.as_secs_f64()
                );
                report.push(
                    Diagnostic::warning(code::CONFLICT, delay.span, message)
                        .help("a backup would take over while this router still waits; shorten the delay"),
                );
            }
        }
        if !delays.iter().any(|other| other.interface == delay.value.interface) {
            delays.push(delay.value);
        }
    }
    delays
}

pub(super) fn plan(plan: &Plan, start: Span, report: &mut Report) {
    if plan.runs_scripts() && !plan.global.scripts.security {
        let message = "SECURITY VIOLATION - scripts are being executed but script_security not enabled";
        report.push(
            Diagnostic::warning(code::SECURITY, start, message).help("add `enable_script_security` to `global_defs`"),
        );
    }
    if plan.router.instances.is_empty() && !report.has_errors() {
        report.push(
            Diagnostic::warning(
                code::DOUBTFUL,
                start,
                "there is no `vrrp_instance`: nothing will happen",
            )
            .help("add one"),
        );
    }
    for settings in &plan.router.instances {
        let alone = matches!(&settings.transport, Transport::Unicast { peers, .. } if peers.is_empty());
        if alone && settings.needs_peer {
            let message = format!("`{}` has no peer and will be at fault", settings.name);
            report.push(Diagnostic::warning(code::DOUBTFUL, start, message).help("add `unicast_peer`"));
        }
    }
}
