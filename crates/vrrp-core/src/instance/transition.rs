//! Changes of state, and what every one of them owes to the world.

use super::{Awaited, Conditions, Found, Instance, Leaving, Phase};
use crate::outbox::{Cx, Signal};
use crate::settings::{Initial, Priority};
use crate::{Event, Notice, Output, State, Subject};

impl Instance {
    /// What was found is known; begin when nothing stands against it.
    pub(crate) fn start(&mut self, cx: &mut Cx<'_>) {
        self.started = true;
        if self.found == Some(Found::Stale) {
            self.let_go(cx);
        }
        self.evaluate(cx);
    }

    pub(crate) fn change_conditions(&mut self, change: impl FnOnce(&mut Conditions), cx: &mut Cx<'_>) {
        let before = self.conditions;
        change(&mut self.conditions);
        if before != self.conditions {
            self.evaluate(cx);
        }
    }

    /// What a group held against an instance ends with its membership.
    pub(crate) fn forget_group(&mut self, cx: &mut Cx<'_>) {
        if !self.grouped {
            self.change_conditions(
                |c| {
                    c.group = false;
                    c.group_pending = false;
                },
                cx,
            );
        }
    }

    pub(crate) fn set_source(&mut self, source: Option<std::net::IpAddr>, cx: &mut Cx<'_>) {
        let before = self.conditions;
        self.offer(source, cx);
        if before != self.conditions {
            self.evaluate(cx);
        }
    }

    pub(super) fn offer(&mut self, source: Option<std::net::IpAddr>, cx: &mut Cx<'_>) {
        self.offered = source;
        self.choose_source(cx);
    }

    /// By its settings, from what the interface has to offer.
    pub(super) fn choose_source(&mut self, cx: &mut Cx<'_>) {
        self.source = self.speaks_from();
        let missing = self.source.is_none();
        if missing && !self.conditions.no_source {
            cx.log(
                self.settings.id,
                Event::NoSource {
                    name: self.settings.name.clone(),
                },
            );
        }
        self.conditions.no_source = missing;
    }

    /// Whoever hears nothing takes no silence for the truth: what it waits for begins when it hears.
    pub(crate) fn set_deaf(&mut self, deaf: bool, cx: &mut Cx<'_>) {
        if std::mem::replace(&mut self.conditions.deaf, deaf) == deaf {
            return;
        }
        if self.phase == Phase::Backup {
            self.wants = false;
            self.await_from_now(Awaited::Master, cx);
        }
        self.evaluate(cx);
    }

    /// An address that is tracked counts only while the interface has it.
    fn speaks_from(&self) -> Option<std::net::IpAddr> {
        let tracked = self.settings.track_source;
        match self.settings.source {
            Some(fixed) if !tracked || self.offered == Some(fixed) => Some(fixed),
            Some(_) => None,
            None => self.offered,
        }
    }

    pub(crate) fn set_priority(&mut self, priority: Priority, cx: &mut Cx<'_>) {
        let priority = self.allowed(priority);
        let before = self.priority;
        if before == priority {
            return;
        }
        let patience = self.patience();
        self.priority = priority;
        let name = self.settings.name.clone();
        cx.log(
            self.settings.id,
            Event::PriorityChanged {
                name,
                from: before.value(),
                to: priority.value(),
            },
        );
        match self.phase {
            Phase::Backup => {
                self.shift_down_timer(patience, cx);
                self.notify(Notice::BackupPriority, cx);
            }
            Phase::Master => {
                // The others learn of it now rather than at the next advert.
                self.beat(cx);
                self.notify(Notice::MasterPriority, cx);
            }
            _ => {}
        }
    }

    pub(crate) fn evaluate(&mut self, cx: &mut Cx<'_>) {
        let fault = self.conditions.fault();
        match &self.phase {
            Phase::Init if !self.started => {}
            Phase::Init if fault => self.become_fault(cx),
            // What was served a moment ago may be served by somebody else, whom nobody would hear.
            Phase::Init if self.conditions.deaf && self.found_in_place() => self.let_go(cx),
            // It is presumed good until a tracker says otherwise.
            Phase::Init if self.found == Some(Found::Fresh) => self.listen(cx),
            Phase::Init if self.conditions.waiting() => {}
            Phase::Init => self.elect(cx),
            Phase::Fault if !fault && !self.conditions.waiting() => self.become_backup(cx),
            Phase::Backup | Phase::Listening | Phase::Master | Phase::Leaving(_) if fault => self.become_fault(cx),
            Phase::Listening if self.conditions.deaf => self.stop_listening(cx),
            _ => {}
        }
    }

    /// The first state. An owner that should be master is; others wait, one interval or the full time.
    fn elect(&mut self, cx: &mut Cx<'_>) {
        self.enter(Phase::Backup, cx);
        match (self.settings.initial, self.priority.is_owner()) {
            // Somebody stands in for it, or nobody does: it has not listened.
            (Initial::Master, true) => self.want_master(true, cx),
            (Initial::Master, false) => self.await_from_now(Awaited::FirstMaster, cx),
            (Initial::Backup, _) => self.await_from_now(Awaited::Master, cx),
        }
    }

    fn listen(&mut self, cx: &mut Cx<'_>) {
        self.phase = Phase::Listening;
        self.await_from_now(Awaited::Rival, cx);
        cx.log(
            self.settings.id,
            Event::Listening {
                name: self.settings.name.clone(),
            },
        );
    }

    /// Master, unless a group or an operator holds it back, or it would not hear another one. `relieves`: somebody may be
    /// it until our first advert.
    pub(super) fn want_master(&mut self, relieves: bool, cx: &mut Cx<'_>) {
        self.relieves = relieves;
        if self.drained || self.conditions.deaf {
            self.await_from_now(Awaited::Master, cx);
        } else if self.grouped {
            self.ask_group(cx);
        } else {
            self.become_master(cx);
        }
    }

    /// The last member that asks makes all of them master. Until then this one asks again each down interval; addresses
    /// found after a crash are held that long and not longer.
    fn ask_group(&mut self, cx: &mut Cx<'_>) {
        let again = std::mem::replace(&mut self.wants, true);
        self.await_from_now(Awaited::Master, cx);
        cx.signal(self.settings.id, Signal::Wants);
        if again && self.phase == Phase::Listening {
            self.stop_listening(cx);
        }
    }

    /// What was presumed good because it was served is so no longer: who waits for a first result waits as others do.
    pub(super) fn stop_listening(&mut self, cx: &mut Cx<'_>) {
        if !self.conditions.waiting() {
            return self.become_backup(cx);
        }
        self.let_go(cx);
        self.timers = tandem_time::TimerTable::default();
        self.wants = false;
        self.phase = Phase::Init;
    }

    /// Whether waiting for the group is news.
    pub(crate) fn begins_to_wait(&mut self) -> bool {
        !std::mem::replace(&mut self.said.waiting, true)
    }

    /// Advert first, then the addresses, then the announcements.
    pub(crate) fn become_master(&mut self, cx: &mut Cx<'_>) {
        if matches!(self.phase, Phase::Master | Phase::Stopped) {
            return;
        }
        self.timers = tandem_time::TimerTable::default();
        self.end_fights();
        self.held = false;
        self.abandoned = false;
        self.forget_master();
        self.rivalry = super::Rivalry::default();
        self.stats.became_master += 1;
        self.phase = Phase::Master;
        self.begin_to_advertise(cx);
        cx.emit(Output::AddAddresses {
            instance: self.settings.id,
        });
        self.garp.became_master(&self.settings.garp, cx.now);
        self.announce(cx);
        cx.log(
            self.settings.id,
            Event::SettingAddresses {
                name: self.settings.name.clone(),
            },
        );
        self.enter(Phase::Master, cx);
    }

    /// Wait a full down interval for a master.
    pub(super) fn become_backup(&mut self, cx: &mut Cx<'_>) {
        if self.holds() {
            self.let_go(cx);
        }
        self.timers = tandem_time::TimerTable::default();
        self.await_from_now(Awaited::Master, cx);
        self.enter(Phase::Backup, cx);
    }

    fn become_fault(&mut self, cx: &mut Cx<'_>) {
        if matches!(self.phase, Phase::Master | Phase::Listening) && self.conditions.can_send() {
            // Twice, as one may be lost and there will be no other.
            self.send_zero(cx);
            self.send_zero(cx);
        }
        if self.holds() || self.found_in_place() {
            self.let_go(cx);
        }
        let leaving = self.take_leaving();
        self.timers = tandem_time::TimerTable::default();
        self.forget_master();
        self.enter(Phase::Fault, cx);
        if let Some(leaving) = leaving {
            self.released(&leaving, cx);
        }
    }

    fn take_leaving(&self) -> Option<Leaving> {
        if let Phase::Leaving(leaving) = &self.phase {
            Some(leaving.clone())
        } else {
            None
        }
    }

    /// The addresses are, or may be, on the interface because of us.
    pub(super) fn holds(&self) -> bool {
        matches!(self.phase, Phase::Master | Phase::Leaving(_) | Phase::Listening)
    }

    /// They were there before us, and nothing has been made of them yet.
    pub(super) fn found_in_place(&self) -> bool {
        self.found.is_some() && self.phase == Phase::Init
    }

    pub(super) fn let_go(&mut self, cx: &mut Cx<'_>) {
        self.garp.clear();
        self.end_fights();
        self.found = None;
        if matches!(self.phase, Phase::Master | Phase::Leaving(_)) {
            self.stats.released_master += 1;
        }
        cx.emit(Output::RemoveAddresses {
            instance: self.settings.id,
        });
        cx.log(
            self.settings.id,
            Event::RemovingAddresses {
                name: self.settings.name.clone(),
            },
        );
    }

    /// The new phase, and the world told of its state.
    pub(super) fn enter(&mut self, phase: Phase, cx: &mut Cx<'_>) {
        self.phase = phase;
        self.wants = false;
        self.said = super::Said::default();
        self.changed_at = cx.now;
        let state = match self.phase {
            Phase::Init => State::Init,
            Phase::Backup | Phase::Listening | Phase::Stopped => State::Backup,
            Phase::Master | Phase::Leaving(_) => State::Master,
            Phase::Fault => State::Fault,
        };
        let before = std::mem::replace(&mut self.state, state);
        if before == state {
            return;
        }
        let name = self.settings.name.clone();
        cx.log(
            self.settings.id,
            Event::Entering {
                name,
                state,
                initial: before == State::Init,
            },
        );
        match state {
            State::Master => self.notify(Notice::Master, cx),
            State::Backup => self.notify(Notice::Backup, cx),
            State::Fault => self.notify(Notice::Fault, cx),
            State::Init => {}
        }
    }

    pub(super) fn notify(&self, notice: Notice, cx: &mut Cx<'_>) {
        let subject = Subject::Instance(self.settings.id);
        cx.emit(Output::Notify {
            subject,
            notice,
            priority: self.priority.value(),
        });
    }
}
