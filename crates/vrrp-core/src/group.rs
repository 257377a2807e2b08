//! Sync groups: one for all and all for one.
//!
//! Master only when every member would be; backup as soon as one yields; fault while one is in fault.

use std::collections::BTreeMap;

use crate::instance::Instance;
use crate::outbox::{Cx, Signal};
use crate::settings::{GroupSettings, InstanceId};
use crate::{Event, Notice, Output, State, Subject};

/// A group and the state that its own notify scripts were last told.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) settings: GroupSettings,
    state: State,
    stopped: bool,
}

type Instances = BTreeMap<InstanceId, Instance>;

impl Group {
    pub(crate) fn new(settings: GroupSettings) -> Group {
        Group {
            settings,
            state: State::Init,
            stopped: false,
        }
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// After a reload: the same group with other settings.
    pub(crate) fn with(self, settings: GroupSettings) -> Group {
        Group { settings, ..self }
    }

    pub(crate) fn has(&self, id: InstanceId) -> bool {
        self.settings.members.contains(&id)
    }

    pub(crate) fn signal(&self, from: InstanceId, signal: Signal, instances: &mut Instances, cx: &mut Cx<'_>) {
        match signal {
            Signal::Wants => self.wants(from, instances, cx),
            Signal::Yielded => self.each_other(from, instances, |member| member.yield_with_group(cx)),
            Signal::Follows => self.follow(instances, cx),
            Signal::Contested => self.each_other(from, instances, |member| member.assert_addresses(cx)),
        }
    }

    /// A reload may have put a master beside one that is none. Serving goes on: the new member becomes master too where
    /// nobody else is, and takes the others along where somebody is.
    fn follow(&self, instances: &mut Instances, cx: &mut Cx<'_>) {
        for id in &self.settings.members {
            if let Some(master) = instances.get_mut(id).filter(|member| member.is_master()) {
                master.yield_with_group(cx);
            }
        }
    }

    /// Keeps faults shared, and tells the group's own scripts.
    pub(crate) fn settle(&mut self, instances: &mut Instances, cx: &mut Cx<'_>) {
        let members = || self.settings.members.iter();
        let faulty = members().any(|id| instances.get(id).is_some_and(|m| m.conditions().own_fault()));
        let pending = members().any(|id| instances.get(id).is_some_and(|m| m.conditions().pending));
        for id in &self.settings.members {
            if let Some(member) = instances.get_mut(id) {
                member.change_conditions(
                    |c| {
                        c.group = faulty;
                        c.group_pending = pending;
                    },
                    cx,
                );
            }
        }
        self.tell(instances, cx);
    }

    fn wants(&self, from: InstanceId, instances: &mut Instances, cx: &mut Cx<'_>) {
        let agreed = |id: &InstanceId| instances.get(id).is_none_or(Instance::agrees_to_master);
        if !self.settings.members.iter().all(agreed) {
            if let Some(member) = instances.get_mut(&from)
                && member.begins_to_wait()
            {
                let (name, group) = (member.settings().name.clone(), self.settings.name.clone());
                cx.log(from, Event::WaitingForGroup { name, group });
            }
            return;
        }
        let group = self.settings.name.clone();
        cx.emit(Output::Log {
            instance: None,
            event: Event::GroupSyncing {
                group,
                state: State::Master,
            },
        });
        for id in &self.settings.members {
            if let Some(member) = instances.get_mut(id) {
                member.become_master(cx);
            }
        }
    }

    fn each_other(&self, from: InstanceId, instances: &mut Instances, mut act: impl FnMut(&mut Instance)) {
        for id in self.settings.members.iter().filter(|id| **id != from) {
            if let Some(member) = instances.get_mut(id) {
                act(member);
            }
        }
    }

    /// The group is in a state when all of its members are, and stopped when they are. It has no priority of its own:
    /// Keepalived says 0.
    fn tell(&mut self, instances: &Instances, cx: &mut Cx<'_>) {
        let members = || self.settings.members.iter().filter_map(|id| instances.get(id));
        let notify = |notice| Output::Notify {
            subject: Subject::Group(self.settings.id),
            notice,
            priority: 0,
        };
        if members().next().is_some() && members().all(Instance::is_stopped) {
            if !std::mem::replace(&mut self.stopped, true) {
                cx.emit(notify(Notice::Stop));
            }
            return;
        }
        let mut states = members().map(|m| m.view().state);
        let Some(first) = states.next() else { return };
        if first == self.state || !states.all(|s| s == first) {
            return;
        }
        self.state = first;
        let notice = match first {
            State::Master => Notice::Master,
            State::Backup => Notice::Backup,
            State::Fault => Notice::Fault,
            State::Init => return,
        };
        // That of a master was said before its members were.
        if first != State::Master {
            let group = self.settings.name.clone();
            let event = Event::GroupSyncing { group, state: first };
            cx.emit(Output::Log { instance: None, event });
        }
        cx.emit(notify(notice));
    }
}
