//! When and how often an instance announces its addresses.

use std::sync::Arc;
use std::time::Duration;

use tandem_vrrp_core::settings::{GarpSettings, PaceId, PaceSettings};

use crate::draft::{Defaults, Draft, Garp, Instance};

pub(super) fn settings(written: &Instance, defaults: &Defaults, paces: &[PaceSettings]) -> GarpSettings {
    let (own, all) = (&written.garp, &defaults.garp);
    let few = defaults.min_garp;
    let base = GarpSettings::default();
    let time = |pick: fn(&Garp) -> Option<Duration>| pick(own).or(pick(all));
    let count = |pick: fn(&Garp) -> Option<u8>| pick(own).or(pick(all));
    let delay = time(|garp| garp.delay).unwrap_or(if few { Duration::ZERO } else { base.delay });
    let repeat = count(|garp| garp.repeat).unwrap_or(if few { 1 } else { base.repeat });
    GarpSettings {
        repeat,
        delay,
        refresh: time(|garp| garp.refresh).unwrap_or(base.refresh),
        refresh_repeat: count(|garp| garp.refresh_repeat).unwrap_or(base.refresh_repeat),
        // What a rival causes is as much as mastership itself causes, unless said otherwise.
        lower_repeat: count(|garp| garp.lower_repeat).unwrap_or(repeat),
        lower_delay: time(|garp| garp.lower_delay).unwrap_or(delay),
        extra_interfaces: time(|garp| garp.extra).unwrap_or(base.extra_interfaces),
        pace: written
            .interface
            .as_ref()
            .and_then(|interface| pace(paces, &interface.value)),
    }
}

fn pace(paces: &[PaceSettings], interface: &Arc<str>) -> Option<PaceId> {
    let place = paces.iter().position(|pace| pace.interfaces.contains(interface))?;
    u16::try_from(place).ok().map(PaceId)
}

/// The groups of the file, then each interface that is in none, if there is a pace for all.
pub(super) fn paces(draft: &Draft) -> Vec<PaceSettings> {
    let defaults = &draft.defaults;
    let of_group = |group: &crate::draft::GarpGroup| PaceSettings {
        interfaces: group.interfaces.iter().map(|name| name.value.clone()).collect(),
        garp_interval: group.garp_interval.unwrap_or(defaults.garp_interval),
        gna_interval: group.gna_interval.unwrap_or(defaults.gna_interval),
    };
    let mut paces: Vec<PaceSettings> = draft.garp_groups.iter().map(of_group).collect();
    if defaults.garp_interval.is_zero() && defaults.gna_interval.is_zero() {
        return paces;
    }
    for interface in draft
        .instances
        .iter()
        .filter_map(|instance| instance.interface.as_ref())
    {
        if pace(&paces, &interface.value).is_none() {
            paces.push(PaceSettings {
                interfaces: vec![interface.value.clone()],
                garp_interval: defaults.garp_interval,
                gna_interval: defaults.gna_interval,
            });
        }
    }
    paces
}
