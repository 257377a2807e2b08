//! Prometheus text: every counter, every reason for which a packet was dropped, and how close it has come.

use std::fmt::{self, Write};

use tandem_vrrp_core::settings::InstanceSettings;
use tandem_vrrp_core::track::Level;
use tandem_vrrp_core::{DropReason, State};

use crate::snapshot::{Instance, Snapshot};

type Reading = fn(&Instance) -> f64;

/// Name, kind, help, value.
const OF_INSTANCES: &[(&str, &str, &str, Reading)] = &[
    ("state", "gauge", "0 init, 1 backup, 2 master, 3 fault", |i| {
        f64::from(i.state.number())
    }),
    (
        "holds_addresses",
        "gauge",
        "The addresses are here because of us",
        |i| f64::from(u8::from(i.holds)),
    ),
    ("priority", "gauge", "Effective priority", |i| {
        f64::from(i.effective.value())
    }),
    ("base_priority", "gauge", "Configured priority", |i| {
        f64::from(i.settings.priority.value())
    }),
    ("adverts_received_total", "counter", "Adverts accepted", |i| {
        i.stats.adverts_received as f64
    }),
    ("adverts_sent_total", "counter", "Adverts sent", |i| {
        i.stats.adverts_sent as f64
    }),
    ("became_master_total", "counter", "Changes to master", |i| {
        i.stats.became_master as f64
    }),
    ("released_master_total", "counter", "Changes from master", |i| {
        i.stats.released_master as f64
    }),
    ("priority_zero_received_total", "counter", "Goodbyes heard", |i| {
        i.stats.zero_received as f64
    }),
    ("priority_zero_sent_total", "counter", "Goodbyes said", |i| {
        i.stats.zero_sent as f64
    }),
    (
        "address_mismatches_total",
        "counter",
        "Adverts with other addresses than ours",
        |i| i.stats.address_mismatches as f64,
    ),
    (
        "addresses_healed_total",
        "counter",
        "Addresses that somebody removed and we put back",
        |i| i.stats.healed as f64,
    ),
    (
        "split_brain",
        "gauge",
        "The pair link says that both hosts are master, or were and one has stepped down for it",
        |i| f64::from(u8::from(i.split)),
    ),
    (
        "split_brains_total",
        "counter",
        "Times that both hosts were master without hearing each other",
        |i| i.stats.split_brains as f64,
    ),
    (
        "down_interval_seconds",
        "gauge",
        "Silence after which the master counts as gone",
        |i| i.down_interval.as_secs_f64(),
    ),
    (
        "closest_call_ratio",
        "gauge",
        "Longest silence of a living master as a share of the down interval",
        |i| f64::from(i.stats.closest_call) / 1000.0,
    ),
];

pub(crate) fn text(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_all(&mut text, snapshot);
    text
}

fn write_all(out: &mut String, snapshot: &Snapshot) -> fmt::Result {
    for (name, kind, help, reading) in OF_INSTANCES {
        heading(out, name, kind, help)?;
        for instance in &snapshot.instances {
            let labels = labels(&instance.settings);
            writeln!(out, "tandem_vrrp_{name}{{{labels}}} {}", reading(instance))?;
        }
    }
    heading(
        out,
        "packets_dropped_total",
        "counter",
        "Packets not believed, by reason",
    )?;
    for instance in &snapshot.instances {
        let labels = labels(&instance.settings);
        for reason in DropReason::ALL {
            let (label, count) = (reason.label(), instance.stats.dropped(reason));
            writeln!(
                out,
                "tandem_vrrp_packets_dropped_total{{{labels},reason=\"{label}\"}} {count}"
            )?;
        }
    }
    // For none of ours: another's number, or no VRRP at all.
    for (reason, count) in &snapshot.dropped {
        let label = reason.label();
        writeln!(
            out,
            "tandem_vrrp_packets_dropped_total{{instance=\"\",interface=\"\",vrid=\"\",reason=\"{label}\"}} {count}"
        )?;
    }
    heading(out, "tracker_good", "gauge", "1 good, 0 bad; absent while unknown")?;
    for (tracker, level) in &snapshot.trackers {
        if let Level::Good(good) = level {
            let name = escaped(&tracker.name);
            writeln!(
                out,
                "tandem_vrrp_tracker_good{{tracker=\"{name}\"}} {}",
                u8::from(*good)
            )?;
        }
    }
    heading(out, "masters", "gauge", "Instances that are master")?;
    let masters = snapshot.instances.iter().filter(|i| i.state == State::Master).count();
    writeln!(out, "tandem_vrrp_masters {masters}")?;
    for (name, help, value) in [
        (
            "loop_max_seconds",
            "Longest step of the router's thread since it started or the statistics were cleared",
            snapshot.pace.longest,
        ),
        (
            "timer_late_max_seconds",
            "The most that the router's thread woke too late",
            snapshot.pace.latest,
        ),
    ] {
        heading(out, name, "gauge", help)?;
        writeln!(out, "tandem_vrrp_{name} {}", value.as_secs_f64())?;
    }
    heading(
        out,
        "roused_total",
        "counter",
        "Times that the processor under the router's thread stood still and another woke it",
    )?;
    writeln!(out, "tandem_vrrp_roused_total {}", snapshot.pace.roused)?;
    heading(
        out,
        "reports_lost_total",
        "counter",
        "News of the router that nobody took in time",
    )?;
    writeln!(out, "tandem_vrrp_reports_lost_total {}", snapshot.reports_lost)
}

fn heading(out: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(out, "# HELP tandem_vrrp_{name} {help}.")?;
    writeln!(out, "# TYPE tandem_vrrp_{name} {kind}")
}

fn labels(settings: &InstanceSettings) -> String {
    let interface = settings.interface.as_deref().unwrap_or_default();
    format!(
        "instance=\"{}\",interface=\"{}\",vrid=\"{}\"",
        escaped(&settings.name),
        escaped(interface),
        settings.vrid
    )
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use tandem_time::Mono;
    use tandem_vrrp_core::Router;
    use tandem_vrrp_core::settings::{Family, InstanceId, RouterSettings, Vrid};

    use super::*;
    use crate::brain::Pace;

    #[test]
    fn every_counter_and_every_reason_has_a_line() {
        let vrid = Vrid::new(51).expect("not 0");
        let settings = RouterSettings {
            instances: vec![InstanceSettings::new(InstanceId(0), "VI \"1\"", vrid, Family::V4)],
            ..RouterSettings::default()
        };
        let text = text(&Snapshot::of(
            &Router::new(settings),
            |_, _| false,
            Mono::ZERO,
            3,
            Pace::default(),
        ));
        let labels = r#"{instance="VI \"1\"",interface="",vrid="51""#;
        for (name, ..) in OF_INSTANCES {
            assert!(text.contains(&format!("\ntandem_vrrp_{name}{labels}}} ")), "{name}");
        }
        for reason in DropReason::ALL {
            let line = format!(
                "tandem_vrrp_packets_dropped_total{labels},reason=\"{}\"}} 0\n",
                reason.label()
            );
            assert!(text.contains(&line), "{line}");
        }
        assert!(text.contains(r#"{instance="",interface="",vrid="",reason="unknown_vrid"} 0"#));
        assert!(text.contains("\ntandem_vrrp_loop_max_seconds 0\n"));
        assert!(text.contains("\ntandem_vrrp_roused_total 0\n"));
        assert!(text.ends_with("tandem_vrrp_reports_lost_total 3\n"));
    }
}
