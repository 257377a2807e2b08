//! `keepalived.data`: the configuration and state as text, with the lines that exporters look for.

use std::fmt::{self, Write};

use tandem_ops::clock::Wall;
use tandem_vrrp_config::{Command, Notify, Plan};
use tandem_vrrp_core::settings::{
    AuthV2, Family, GroupId, Preempt, Protocol, ScriptSettings, TrackUse, Tracker, TrackerId, TrackerKind, Transport,
    Weight,
};
use tandem_vrrp_core::track::Level;

use super::global::global;
use super::{around, words};
use crate::around::Around;
use crate::logs::precise_date;
use crate::snapshot::{Instance, Snapshot};
use crate::track::Stage;
use crate::vmac::Vmacs;

/// Everything that is written down.
pub(crate) struct Data<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) plan: &'a Plan,
    pub(crate) around: &'a Around,
    /// The wall clock at the moment of the snapshot.
    pub(crate) taken: Wall,
    /// How far the run of a script is.
    pub(crate) stage: &'a dyn Fn(TrackerId) -> Stage,
}

impl fmt::Display for Data<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        global(out, self.plan)?;
        let vmacs = Vmacs::of(self.plan);
        writeln!(out, "------< VRRP Topology >------")?;
        for instance in &self.snapshot.instances {
            self.identity(out, instance, &vmacs)?;
            policy(out, instance)?;
            addresses(out, instance, &vmacs)?;
            around::descriptors(out, self.around, instance.settings.id)?;
            peers(out, instance)?;
            self.around(out, instance)?;
        }
        around::sockpool(out, self.around, self.snapshot)?;
        self.groups(out)?;
        self.scripts(out)?;
        self.files(out)?;
        self.processes(out)?;
        around::interfaces(out, self.around, self.snapshot)
    }
}

impl Data<'_> {
    fn identity(&self, out: &mut impl Write, instance: &Instance, vmacs: &Vmacs) -> fmt::Result {
        let settings = &instance.settings;
        writeln!(out, " VRRP Instance = {}", settings.name)?;
        writeln!(out, "   VRRP Version = {}", settings.protocol.version().number())?;
        if settings.family == Family::V6 {
            writeln!(out, "   Using Native IPv6")?;
        }
        let mut groups = self.plan.router.groups.iter();
        if let Some(group) = groups.find(|g| g.members.contains(&settings.id)) {
            writeln!(out, "   Sync group = {}", group.name)?;
        }
        writeln!(out, "   State = {}", instance.state)?;
        if let Some(master) = &instance.master {
            writeln!(out, "   Master router = {}", master.address)?;
            writeln!(out, "   Master priority = {}", master.priority)?;
        }
        writeln!(out, "   Wantstate = {}", instance.want)?;
        let conditions = &instance.conditions;
        writeln!(out, "   Number of config faults = {}", u8::from(conditions.no_peer))?;
        let faults = [conditions.link_down, conditions.no_source, conditions.tracked];
        let faults = faults.into_iter().filter(|fault| *fault).count();
        writeln!(out, "   Number of interface and track script faults = {faults}")?;
        let waiting = instance.explanation.iter().flat_map(|e| &e.parts);
        let waiting = waiting
            .filter(|p| p.weight.is_fault() && p.level == Level::Unknown)
            .count();
        writeln!(out, "   Number of track scripts init = {waiting}")?;
        let ago = self.snapshot.at.since(instance.changed_at);
        let ago = i64::try_from(ago.as_micros()).unwrap_or(i64::MAX);
        let changed = Wall::from_micros(self.taken.as_micros().saturating_sub(ago));
        let (secs, micros) = (changed.secs(), changed.subsec_micros());
        writeln!(
            out,
            "   Last transition = {secs}.{micros:06} ({})",
            precise_date(changed)
        )?;
        let down = instance.down_interval.as_micros();
        writeln!(out, "   Master down timer = {down} usecs")?;
        let interface = settings.interface.as_deref().unwrap_or("(none)");
        match vmacs.name_of(settings.id) {
            "" => writeln!(out, "   Interface = {interface}")?,
            vmac => writeln!(out, "   Interface = {vmac}, vmac on {interface}")?,
        }
        if let Some(source) = instance.source {
            let fixed = if settings.source.is_some() {
                " (from configuration)"
            } else {
                ""
            };
            writeln!(out, "   Using src_ip = {source}{fixed}")?;
        }
        match &settings.transport {
            Transport::Multicast { group } => {
                let scope = self.around.scope(settings).filter(|_| group.is_ipv6());
                let scope = scope.map_or_else(String::new, |index| format!(", ifindex {index}"));
                writeln!(out, "   Multicast address {group}{scope}")
            }
            Transport::Unicast { .. } => Ok(()),
        }
    }

    /// What goes with it, what it looks at, and who is told.
    fn around(&self, out: &mut impl Write, instance: &Instance) -> fmt::Result {
        let Some(runtime) = self.plan.instance(instance.settings.id) else {
            return Ok(());
        };
        let promote = if runtime.promote_secondaries {
            "enabled"
        } else {
            "disabled"
        };
        writeln!(out, "   Promote_secondaries = {promote}")?;
        list(out, "Virtual Routes", runtime.routes.iter().map(words::route))?;
        list(out, "Virtual Rules", runtime.rules.iter().map(words::rule))?;
        self.tracked(out, &instance.settings.track)?;
        told(out, &runtime.notify)?;
        let priority = runtime.notify.priority_changes || self.plan.global.scripts.priority_changes;
        writeln!(out, "   Notify priority changes = {priority}")
    }

    fn tracked(&self, out: &mut impl Write, uses: &[TrackUse]) -> fmt::Result {
        /// What they are called, what is before the weight, and which they are.
        type Kind = (&'static str, &'static str, fn(&TrackerKind) -> bool);
        const KINDS: [Kind; 5] = [
            ("interfaces", " weight", |k| matches!(k, TrackerKind::Interface(_))),
            ("scripts", " weight", |k| matches!(k, TrackerKind::Script(_))),
            ("files", ", weight", |k| matches!(k, TrackerKind::File(_))),
            ("processes", ", weight", |k| matches!(k, TrackerKind::Process(_))),
            ("BFD instances", ", weight", |k| matches!(k, TrackerKind::Bfd)),
        ];
        for (title, between, fits) in KINDS {
            let named = uses.iter().filter_map(|usage| {
                let tracker = self.plan.router.trackers.iter().find(|t| t.id == usage.tracker)?;
                fits(&tracker.kind).then(|| format!("{}{between} {}", tracker.name, weight(usage.weight)))
            });
            list(out, &format!("Tracked {title}"), named)?;
        }
        Ok(())
    }

    fn groups(&self, out: &mut impl Write) -> fmt::Result {
        let groups = &self.plan.router.groups;
        if groups.is_empty() {
            return Ok(());
        }
        writeln!(out, "------< VRRP Sync groups >------")?;
        for group in groups {
            let state = |id: GroupId| self.snapshot.groups.iter().find(|(group, _)| *group == id);
            let state = state(group.id).map(|(_, state)| format!(", {state}"));
            writeln!(out, " VRRP Sync Group = {}{}", group.name, state.unwrap_or_default())?;
            let members = group.members.iter();
            let name = |member| {
                self.plan
                    .router
                    .instance(member)
                    .map_or("?".into(), |i| i.name.to_string())
            };
            list(out, "VRRP member instances", members.map(|member| name(*member)))?;
            self.tracked(out, &group.track)?;
            if let Some(runtime) = self.plan.group(group.id) {
                told(out, &runtime.notify)?;
            }
        }
        Ok(())
    }

    fn scripts(&self, out: &mut impl Write) -> fmt::Result {
        let trackers = self.snapshot.trackers.iter();
        let scripts = trackers.filter_map(|(tracker, level)| match &tracker.kind {
            TrackerKind::Script(settings) => Some((tracker, settings, *level)),
            _ => None,
        });
        for (place, (tracker, settings, level)) in scripts.enumerate() {
            if place == 0 {
                writeln!(out, "------< VRRP Scripts >------")?;
            }
            self.script(out, tracker, settings, level)?;
        }
        Ok(())
    }

    fn script(&self, out: &mut impl Write, tracker: &Tracker, settings: &ScriptSettings, level: Level) -> fmt::Result {
        writeln!(out, " VRRP Script = {}", tracker.name)?;
        writeln!(out, "   Command = {}", words::quoted(&settings.command))?;
        writeln!(out, "   Interval = {} sec", settings.interval.as_secs_f64())?;
        writeln!(out, "   Timeout = {} sec", settings.timeout.as_secs_f64())?;
        let own = self.plan.script_weights.get(&tracker.name).copied().unwrap_or_default();
        writeln!(out, "   Weight = {}", weight(own))?;
        writeln!(out, "   Rise = {}", settings.rise)?;
        writeln!(out, "   Fall = {}", settings.fall)?;
        let known = if level == Level::Unknown { "INIT" } else { "unknown" };
        writeln!(out, "   Init state = {known}")?;
        // Exporters know these two words only.
        let status = if level == Level::Good(true) { "GOOD" } else { "BAD" };
        writeln!(out, "   Status = {status}")?;
        self.users(out, tracker.id)?;
        let stage = match (self.stage)(tracker.id) {
            Stage::Idle => "idle",
            Stage::Running => "running",
            Stage::Ending => "requested termination",
            Stage::Killed => "forcing termination",
        };
        writeln!(out, "   State = {stage}")
    }

    fn files(&self, out: &mut impl Write) -> fmt::Result {
        let trackers = self.snapshot.trackers.iter();
        let files = trackers.filter_map(|(tracker, level)| match &tracker.kind {
            TrackerKind::File(settings) => Some((tracker, settings, *level)),
            _ => None,
        });
        for (place, (tracker, settings, level)) in files.enumerate() {
            if place == 0 {
                writeln!(out, "------< VRRP Track files >------")?;
            }
            let Level::Number(status) = level else { continue };
            writeln!(out, " Track file = {}", tracker.name)?;
            writeln!(out, "   File = {}", settings.path.display())?;
            writeln!(out, "   Status = {status}")?;
            self.users(out, tracker.id)?;
        }
        Ok(())
    }

    fn processes(&self, out: &mut impl Write) -> fmt::Result {
        let trackers = self.snapshot.trackers.iter();
        let processes = trackers.filter_map(|(tracker, level)| match &tracker.kind {
            TrackerKind::Process(settings) => Some((tracker, settings, *level)),
            _ => None,
        });
        for (place, (tracker, settings, level)) in processes.enumerate() {
            if place == 0 {
                writeln!(out, "------< VRRP Track processes >------")?;
            }
            writeln!(out, " VRRP Track process = {}", tracker.name)?;
            writeln!(out, "   Process = {}", settings.command.join(" "))?;
            writeln!(out, "   Min processes = {}", settings.quorum)?;
            writeln!(out, "   Have quorum = {}", level == Level::Good(true))?;
            writeln!(out, "   Full command = {}", settings.full_command)?;
            self.users(out, tracker.id)?;
        }
        Ok(())
    }

    fn users(&self, out: &mut impl Write, tracker: TrackerId) -> fmt::Result {
        let instances = self.snapshot.instances.iter();
        let uses = instances.flat_map(|i| i.settings.track.iter().map(|usage| (&i.settings.name, usage)));
        let uses = uses.filter(|(_, usage)| usage.tracker == tracker);
        let lines = uses.map(|(name, usage)| format!("{name}, weight {}", weight(usage.weight)));
        list(out, "Tracking instances", lines)
    }
}

pub(super) fn list(out: &mut impl Write, title: &str, lines: impl Iterator<Item = String>) -> fmt::Result {
    for (place, line) in lines.enumerate() {
        if place == 0 {
            writeln!(out, "   {title} :")?;
        }
        writeln!(out, "     {line}")?;
    }
    Ok(())
}

pub(super) fn weight(weight: Weight) -> String {
    format!("{}{}", weight.value, if weight.reverse { " reverse" } else { "" })
}

fn told(out: &mut impl Write, notify: &Notify) -> fmt::Result {
    let mail = if notify.smtp_alert { "yes" } else { "no" };
    writeln!(out, "   Using smtp notification = {mail}")?;
    let deleted = if notify.says_deleted { "Deleted" } else { "Fault" };
    writeln!(out, "   Notify deleted = {deleted}")?;
    let commands: [(&str, &Option<Command>); 8] = [
        ("Backup", &notify.backup),
        ("Master", &notify.master),
        ("Fault", &notify.fault),
        ("Stop", &notify.stop),
        ("Deleted", &notify.deleted),
        ("Master rx lower pri", &notify.master_rx_lower),
        ("Split brain", &notify.split_brain),
        ("Generic", &notify.any),
    ];
    for (when, command) in commands {
        if let Some(command) = command {
            let command = words::quoted(&command.words);
            writeln!(out, "   {when} state transition script = {command}")?;
        }
    }
    Ok(())
}

fn peers(out: &mut impl Write, instance: &Instance) -> fmt::Result {
    let Transport::Unicast {
        peers,
        ttl,
        check_source,
    } = &instance.settings.transport
    else {
        return Ok(());
    };
    writeln!(out, "   Unicast TTL = {}", ttl.unwrap_or(u8::MAX))?;
    let check = if *check_source { "yes" } else { "no" };
    writeln!(out, "   Check unicast src : {check}")?;
    let line = |peer: &tandem_vrrp_core::settings::Peer| {
        let (min, max) = peer.ttl.map_or((0, u8::MAX), |ttl| (ttl.min, ttl.max));
        format!("{} min_ttl {min} max_ttl {max}", peer.address)
    };
    list(out, "Unicast Peer", peers.iter().map(line))
}

fn policy(out: &mut impl Write, instance: &Instance) -> fmt::Result {
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
    if let Some(explanation) = &instance.explanation {
        writeln!(out, "   Total priority = {}", explanation.total())?;
    }
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
    if let Preempt::After(delay) = settings.preempt
        && !delay.is_zero()
    {
        writeln!(out, "   Preempt delay = {} secs", delay.as_secs_f64())?;
    }
    match settings.protocol {
        Protocol::V2 { auth: AuthV2::None, .. } => writeln!(out, "   Authentication type = none"),
        Protocol::V2 {
            auth: AuthV2::Simple(_),
            ..
        } => {
            writeln!(out, "   Authentication type = SIMPLE_PASSWORD")?;
            writeln!(out, "   Password = ********")
        }
        Protocol::V3 { .. } => Ok(()),
    }
}

fn addresses(out: &mut impl Write, instance: &Instance, vmacs: &Vmacs) -> fmt::Result {
    let settings = &instance.settings;
    let lines = |list: &[_]| {
        list.iter()
            .map(|a| words::address(instance, vmacs, a))
            .collect::<Vec<_>>()
    };
    // Without a number behind the second: that is how exporters tell them apart.
    let vips = format!("Virtual IP ({})", settings.vips.len());
    for (title, list) in [(&*vips, &settings.vips), ("Virtual IP Excluded ", &settings.excluded)] {
        if list.is_empty() {
            continue;
        }
        writeln!(out, "   {title}:")?;
        lines(list).iter().try_for_each(|line| writeln!(out, "     {line}"))?;
    }
    Ok(())
}
