//! What the control socket answers.

use serde_json::{Value, json};
use tandem_ops::clock::Wall;

use crate::because::because;
use crate::recorder::Entry;
use crate::snapshot::{Instance, Snapshot};

pub(crate) fn state(snapshot: &Snapshot) -> Value {
    snapshot
        .instances
        .iter()
        .map(|instance| of_one(snapshot, instance))
        .collect()
}

fn of_one(snapshot: &Snapshot, instance: &Instance) -> Value {
    let settings = &instance.settings;
    let addresses: Vec<String> = settings
        .addresses()
        .map(|a| format!("{}/{}", a.address, a.prefix))
        .collect();
    json!({
        "name": &*settings.name,
        "interface": settings.interface.as_deref(),
        "vrid": settings.vrid.value(),
        "version": settings.protocol.version().number(),
        "state": instance.state.to_string(),
        "want": instance.want.to_string(),
        "leaving": instance.leaving,
        "holds": instance.holds,
        "drained": instance.drained,
        "handed_over": instance.handed_over,
        "abandoned": instance.abandoned,
        "split": instance.split,
        "since_seconds": snapshot.at.since(instance.changed_at).as_secs_f64(),
        "priority": instance.effective.value(),
        "base_priority": settings.priority.value(),
        "source": instance.source,
        "master": instance.master.map(|master| json!({
            "address": master.address,
            "priority": master.priority,
            "heard_seconds_ago": snapshot.at.since(master.last_heard).as_secs_f64(),
        })),
        "down_interval_seconds": instance.down_interval.as_secs_f64(),
        "closest_call": f64::from(instance.stats.closest_call) / 1000.0,
        "addresses": addresses,
    })
}

/// The sum behind the priority, and what has happened, newest last.
pub(crate) fn why<'a>(snapshot: &Snapshot, instance: &Instance, entries: impl Iterator<Item = &'a Entry>) -> Value {
    let history: Vec<Value> = entries
        .map(|entry| json!({ "unix_seconds": seconds(entry.at), "what": entry.text }))
        .collect();
    json!({
        "name": &*instance.settings.name,
        "state": instance.state.to_string(),
        "priority": instance.effective.value(),
        "because": because(snapshot, instance),
        "explanation": instance.explanation.as_ref().map(ToString::to_string),
        "history": history,
    })
}

fn seconds(at: Wall) -> f64 {
    at.as_micros() as f64 / 1e6
}
