//! What is tracked: only what something uses becomes a tracker.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tandem_text::{Diagnostic, nearest};
use tandem_vrrp_core::settings::{LbCondition, ProcessSettings, TrackUse, Tracker, TrackerId, TrackerKind, Weight};

use crate::code;
use crate::draft::{Draft, Instance, OwnWeight, Track, TrackKind};
use crate::keepalived::{is_link_local, track_weight};
use crate::plan::Bfd;
use crate::report::Report;

type Key = (u8, Arc<str>);

pub(super) struct Trackers {
    pub(super) list: Vec<Tracker>,
    known: BTreeMap<Key, (TrackerId, OwnWeight)>,
}

const fn rank(kind: TrackKind) -> u8 {
    match kind {
        TrackKind::Script => 0,
        TrackKind::File => 1,
        TrackKind::Process => 2,
        TrackKind::Lb => 3,
        TrackKind::Bfd => 4,
        TrackKind::Interface => 5,
    }
}

const fn keyword(kind: TrackKind) -> &'static str {
    match kind {
        TrackKind::Script => "vrrp_script",
        TrackKind::File => "track_file",
        TrackKind::Process => "vrrp_track_process",
        TrackKind::Lb => "track_lb",
        TrackKind::Bfd => "bfd_instance",
        TrackKind::Interface => "interface",
    }
}

impl Trackers {
    pub(super) fn new(draft: &mut Draft, report: &mut Report) -> Self {
        for instance in &mut draft.instances {
            leave_out_own_interface(instance, report);
        }
        let instances = draft.instances.iter().flat_map(|instance| &instance.tracks);
        let groups = draft.groups.iter().flat_map(|group| &group.tracks);
        let used: BTreeSet<Key> = instances
            .chain(groups)
            .map(|track| (rank(track.kind), track.name.value.clone()))
            .collect();
        let mut trackers = Self {
            list: Vec::new(),
            known: BTreeMap::new(),
        };
        trackers.scripts(draft, &used, report);
        for file in std::mem::take(&mut draft.files) {
            if file.settings.path.as_os_str().is_empty() {
                let message = format!("the file `{}` has no path", file.name.value);
                report.push(Diagnostic::warning(code::INCOMPLETE, file.name.span, message).help("add `file PATH`"));
                continue;
            }
            let kind = TrackerKind::File(file.settings);
            trackers.add(TrackKind::File, &file.name.value, kind, file.weight, &used);
        }
        for process in std::mem::take(&mut draft.processes) {
            if process.command.is_empty() {
                let message = format!("`{}` names no process", process.name.value);
                report
                    .push(Diagnostic::warning(code::INCOMPLETE, process.name.span, message).help("add `process NAME`"));
                continue;
            }
            let kind = TrackerKind::Process(ProcessSettings {
                command: process.command,
                parameters: process.parameters,
                full_command: process.full_command,
                quorum: process.quorum,
                quorum_max: process.quorum_max,
                fork_delay: process.fork_delay,
                terminate_delay: process.terminate_delay,
            });
            trackers.add(TrackKind::Process, &process.name.value, kind, process.weight, &used);
        }
        for balancer in std::mem::take(&mut draft.balancers) {
            let kind = TrackerKind::Lb(balancer.settings);
            trackers.add(TrackKind::Lb, &balancer.name.value, kind, balancer.weight, &used);
        }
        for bfd in draft
            .bfd
            .iter()
            .filter(|bfd| bfd.neighbor.is_some() && bfd.is_for_vrrp())
        {
            trackers.add(TrackKind::Bfd, &bfd.name.value, TrackerKind::Bfd, bfd.weight, &used);
        }
        for (_, name) in used.iter().filter(|(kind, _)| *kind == rank(TrackKind::Interface)) {
            let kind = TrackerKind::Interface(name.clone());
            trackers.add(TrackKind::Interface, name, kind, OwnWeight::default(), &used);
        }
        trackers
    }

    fn scripts(&mut self, draft: &mut Draft, used: &BTreeSet<Key>, report: &mut Report) {
        for script in std::mem::take(&mut draft.scripts) {
            if script.settings.command.is_empty() {
                let message = format!("the script `{}` has no command", script.name.value);
                report.push(
                    Diagnostic::warning(code::INCOMPLETE, script.name.span, message).help("add `script \"COMMAND\"`"),
                );
                continue;
            }
            let kind = TrackerKind::Script(script.settings);
            self.add(TrackKind::Script, &script.name.value, kind, script.weight, used);
        }
    }

    fn add(&mut self, kind: TrackKind, name: &Arc<str>, what: TrackerKind, weight: OwnWeight, used: &BTreeSet<Key>) {
        let key = (rank(kind), name.clone());
        let Ok(number) = u16::try_from(self.list.len()) else {
            return;
        };
        if !used.contains(&key) {
            return;
        }
        let id = TrackerId(number);
        self.list.push(Tracker {
            id,
            name: name.clone(),
            kind: what,
        });
        self.known.insert(key, (id, weight));
    }

    pub(super) fn id(&self, kind: TrackKind, name: &Arc<str>) -> Option<TrackerId> {
        self.known.get(&(rank(kind), name.clone())).map(|(id, _)| *id)
    }

    pub(super) fn script_weights(&self) -> BTreeMap<Arc<str>, Weight> {
        let scripts = self
            .known
            .iter()
            .filter(|((kind, _), _)| *kind == rank(TrackKind::Script));
        let weight = |own: &OwnWeight| Weight {
            value: own.value,
            reverse: own.reverse,
        };
        scripts
            .map(|((_, name), (_, own))| (name.clone(), weight(own)))
            .collect()
    }

    /// The uses of one instance or group. Like Keepalived, leaves out what does not exist, and says so.
    pub(super) fn uses(&self, tracks: &[Track], report: &mut Report) -> Vec<TrackUse> {
        let mut uses: Vec<TrackUse> = Vec::new();
        for track in tracks {
            if report.is_full() {
                break;
            }
            let key = (rank(track.kind), track.name.value.clone());
            let Some((tracker, own)) = self.known.get(&key) else {
                report.push(self.undefined(track));
                continue;
            };
            if uses.iter().any(|other| other.tracker == *tracker) {
                let message = format!("`{}` is tracked twice", track.name.value);
                report.push(Diagnostic::warning(code::DUPLICATE, track.name.span, message));
                continue;
            }
            let weight = track_weight(track, *own);
            if weight.is_fault() && self.looks_for_room(*tracker) {
                report.push(overload_is_a_fault(track));
            }
            uses.push(TrackUse {
                tracker: *tracker,
                weight,
            });
        }
        uses
    }

    fn looks_for_room(&self, id: TrackerId) -> bool {
        let mut conditions = self.list.iter().filter_map(|tracker| match &tracker.kind {
            TrackerKind::Lb(lb) if tracker.id == id => Some(&lb.condition),
            _ => None,
        });
        conditions.any(|condition| matches!(condition, LbCondition::HasRoom { .. }))
    }

    fn undefined(&self, track: &Track) -> Diagnostic {
        let what = keyword(track.kind);
        let message = format!("there is no {what} `{}`; it is not tracked", track.name.value);
        let diagnostic = Diagnostic::warning(code::UNDEFINED, track.name.span, message);
        let same_kind = self.known.keys().filter(|(kind, _)| *kind == rank(track.kind));
        match nearest(&track.name.value, same_kind.map(|(_, name)| name.as_ref())) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help(format!("add a block `{what} {} {{ ... }}`", track.name.value)),
        }
    }
}

/// What overloads one host may well overload the other when it comes there.
fn overload_is_a_fault(track: &Track) -> Diagnostic {
    let message = format!(
        "`{}` has no weight: when the balancers of both hosts are overloaded, neither has the addresses",
        track.name.value
    );
    Diagnostic::warning(code::DOUBTFUL, track.name.span, message)
        .help("give it a weight, such as `weight -60`: more than the priorities differ by")
}

/// An instance's own interface is watched in any case.
fn leave_out_own_interface(instance: &mut Instance, report: &mut Report) {
    if !instance.track_primary {
        return;
    }
    let Some(own) = instance.interface.as_ref().map(|name| name.value.clone()) else {
        return;
    };
    instance.tracks.retain(|track| {
        let is_own = track.kind == TrackKind::Interface && track.name.value == own;
        if is_own {
            let message = format!("`{own}` is its own interface, which is watched without this");
            report.push(Diagnostic::warning(code::CONFLICT, track.name.span, message).help("leave it out"));
        }
        !is_own
    });
}

pub(super) fn bfd(draft: &mut Draft, trackers: &Trackers, report: &mut Report) -> Vec<Bfd> {
    let mut sessions = Vec::new();
    for session in std::mem::take(&mut draft.bfd) {
        let Some(neighbor) = session.neighbor else {
            let message = format!("the BFD session `{}` has no neighbor", session.name.value);
            report.push(Diagnostic::warning(code::INCOMPLETE, session.name.span, message).help("add `neighbor_ip IP`"));
            continue;
        };
        if is_link_local(&neighbor) && session.settings.interface.is_none() {
            let message = format!(
                "the BFD session `{}` does not say where {neighbor} is",
                session.name.value
            );
            let help = format!("write `neighbor_ip {neighbor}%INTERFACE`: every interface has such addresses");
            report.push(Diagnostic::error(code::INCOMPLETE, session.name.span, message).help(help));
            continue;
        }
        sessions.push(Bfd {
            tracker: trackers.id(TrackKind::Bfd, &session.name.value),
            neighbor,
            ..session.settings
        });
    }
    sessions
}
