//! `keepalived.data`: the configuration and state as text, with the lines that exporters look for.

use std::fmt::{self, Write};

use tandem_ops::clock::Wall;
use tandem_vrrp_config::Plan;
use tandem_vrrp_core::settings::{AuthV2, Preempt, Protocol, ScriptSettings, Tracker, TrackerKind, Transport};
use tandem_vrrp_core::track::Level;

use super::words;
use crate::snapshot::{Instance, Snapshot};
use crate::vmac::Vmacs;

pub(crate) fn data(snapshot: &Snapshot, plan: &Plan, taken: Wall) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_all(&mut text, snapshot, plan, taken);
    text
}

/// What Keepalived's parent process says beside it: of the whole program, without the routers.
pub(crate) fn parent(plan: &Plan) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = global(&mut text, plan);
    text
}

fn write_all(out: &mut String, snapshot: &Snapshot, plan: &Plan, taken: Wall) -> fmt::Result {
    global(out, plan)?;
    let vmacs = Vmacs::of(plan);
    writeln!(out, "------< VRRP Topology >------")?;
    for instance in &snapshot.instances {
        let ago = snapshot.at.since(instance.changed_at);
        let changed = taken.as_micros() as f64 / 1e6 - ago.as_secs_f64();
        identity(out, instance, plan, changed)?;
        policy(out, instance)?;
        addresses(out, instance, &vmacs)?;
    }
    let scripts: Vec<_> = snapshot.trackers.iter().filter_map(script).collect();
    if !scripts.is_empty() {
        writeln!(out, "------< VRRP Scripts >------")?;
    }
    scripts
        .into_iter()
        .try_for_each(|(tracker, settings, level)| write_script(out, snapshot, tracker, settings, level))?;
    groups(out, plan)
}

fn global(out: &mut String, plan: &Plan) -> fmt::Result {
    writeln!(out, "------< Global definitions >------")?;
    let router_id = plan.global.router_id.as_deref().unwrap_or("(host name)");
    writeln!(out, " Router ID = {router_id}")?;
    let security = if plan.global.scripts.security {
        "enabled"
    } else {
        "disabled"
    };
    writeln!(out, " Script security {security}")
}

fn identity(out: &mut String, instance: &Instance, plan: &Plan, changed: f64) -> fmt::Result {
    let settings = &instance.settings;
    writeln!(out, " VRRP Instance = {}", settings.name)?;
    writeln!(out, "   VRRP Version = {}", settings.protocol.version().number())?;
    let group = plan.router.groups.iter().find(|g| g.members.contains(&settings.id));
    if let Some(group) = group {
        writeln!(out, "   Sync group = {}", group.name)?;
    }
    writeln!(out, "   State = {}", instance.state)?;
    if let Some(master) = &instance.master {
        writeln!(out, "   Master router = {}", master.address)?;
        writeln!(out, "   Master priority = {}", master.priority)?;
    }
    writeln!(out, "   Wantstate = {}", instance.want)?;
    writeln!(out, "   Last transition = {changed:.6}")?;
    writeln!(
        out,
        "   Master down timer = {} usecs",
        instance.down_interval.as_micros()
    )?;
    writeln!(
        out,
        "   Interface = {}",
        settings.interface.as_deref().unwrap_or("(none)")
    )?;
    if let Some(source) = instance.source {
        writeln!(out, "   Using src_ip = {source}")?;
    }
    match &settings.transport {
        Transport::Multicast { group } => writeln!(out, "   Multicast address {group}"),
        Transport::Unicast { peers, .. } => {
            writeln!(out, "   Unicast Peer :")?;
            peers.iter().try_for_each(|peer| writeln!(out, "     {}", peer.address))
        }
    }
}

fn policy(out: &mut String, instance: &Instance) -> fmt::Result {
    let settings = &instance.settings;
    let garp = &settings.garp;
    writeln!(out, "   Gratuitous ARP delay = {}", garp.delay.as_secs())?;
    writeln!(out, "   Gratuitous ARP repeat = {}", garp.repeat)?;
    writeln!(out, "   Gratuitous ARP refresh = {}", garp.refresh.as_secs())?;
    writeln!(out, "   Gratuitous ARP refresh repeat = {}", garp.refresh_repeat)?;
    writeln!(
        out,
        "   Gratuitous ARP lower priority delay = {}",
        garp.lower_delay.as_secs()
    )?;
    writeln!(out, "   Gratuitous ARP lower priority repeat = {}", garp.lower_repeat)?;
    writeln!(out, "   Down timer adverts = {}", settings.down_adverts)?;
    writeln!(
        out,
        "   Send advert after receive lower priority advert = {}",
        settings.answer_lower
    )?;
    writeln!(
        out,
        "   Send advert after receive higher priority advert = {}",
        settings.last_word
    )?;
    writeln!(out, "   Virtual Router ID = {}", settings.vrid)?;
    writeln!(out, "   Priority = {}", settings.priority)?;
    writeln!(out, "   Effective priority = {}", instance.effective)?;
    match settings.protocol {
        Protocol::V2 { interval, .. } => writeln!(out, "   Advert interval = {} sec", interval.value())?,
        Protocol::V3 { interval, .. } => {
            writeln!(
                out,
                "   Advert interval = {} milli-sec",
                interval.duration().as_millis()
            )?;
        }
    }
    let enabled = |on: bool| if on { "enabled" } else { "disabled" };
    writeln!(out, "   Accept = {}", enabled(settings.accepts()))?;
    writeln!(out, "   Preempt = {}", enabled(settings.preempt != Preempt::Never))?;
    if let Protocol::V2 {
        auth: AuthV2::Simple(_),
        ..
    } = settings.protocol
    {
        writeln!(out, "   Authentication type = SIMPLE_PASSWORD")?;
        writeln!(out, "   Password = ********")?;
    }
    Ok(())
}

fn addresses(out: &mut String, instance: &Instance, vmacs: &Vmacs) -> fmt::Result {
    let settings = &instance.settings;
    let lists = [
        ("Virtual IP", &settings.vips),
        ("Virtual IP Excluded", &settings.excluded),
    ];
    for (title, list) in lists {
        if list.is_empty() {
            continue;
        }
        writeln!(out, "   {title} ({}):", list.len())?;
        for address in list {
            writeln!(out, "     {}", words::address(instance, vmacs, address))?;
        }
    }
    Ok(())
}

fn script((tracker, level): &(Tracker, Level)) -> Option<(&Tracker, &ScriptSettings, Level)> {
    match &tracker.kind {
        TrackerKind::Script(settings) => Some((tracker, settings, *level)),
        _ => None,
    }
}

fn write_script(
    out: &mut String,
    snapshot: &Snapshot,
    tracker: &Tracker,
    settings: &ScriptSettings,
    level: Level,
) -> fmt::Result {
    writeln!(out, " VRRP Script = {}", tracker.name)?;
    writeln!(out, "   Command = {}", settings.command.join(" "))?;
    writeln!(out, "   Interval = {} sec", settings.interval.as_secs_f64())?;
    writeln!(out, "   Timeout = {} sec", settings.timeout.as_secs_f64())?;
    writeln!(out, "   Rise = {}", settings.rise)?;
    writeln!(out, "   Fall = {}", settings.fall)?;
    let status = match level {
        Level::Unknown => "INIT",
        Level::Good(true) => "GOOD",
        Level::Good(false) | Level::Number(_) => "BAD",
    };
    writeln!(out, "   Status = {status}")?;
    writeln!(out, "   VRRP instances :")?;
    for instance in &snapshot.instances {
        for usage in instance.settings.track.iter().filter(|u| u.tracker == tracker.id) {
            writeln!(out, "     {}, weight {}", instance.settings.name, usage.weight.value)?;
        }
    }
    // Runs are short, and whoever reads this has waited for the signal: between two runs it is idle.
    writeln!(out, "   State = idle")
}

fn groups(out: &mut String, plan: &Plan) -> fmt::Result {
    if plan.router.groups.is_empty() {
        return Ok(());
    }
    writeln!(out, "------< VRRP Sync groups >------")?;
    for group in &plan.router.groups {
        writeln!(out, " VRRP Sync Group = {}", group.name)?;
        writeln!(out, "   VRRP member instances :")?;
        for member in &group.members {
            let name = plan.router.instance(*member).map_or("?", |i| &i.name);
            writeln!(out, "     {name}")?;
        }
    }
    Ok(())
}
