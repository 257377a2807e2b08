//! Backup (and listening after a crash): whom to follow, and when to take over.

use std::net::IpAddr;
use std::time::Duration;

use tandem_time::Mono;

use super::advert::interval_of;
use super::{Awaited, Followed, Instance, Phase, Said, Timer};
use crate::Event;
use crate::outbox::{Cx, Signal};
use crate::receive::Heard;
use crate::settings::{Initial, Preempt, Priority};

/// What a host that has time for us is never late by; a quarter of shorter intervals.
const OVERSLEPT: Duration = Duration::from_millis(10);

/// How often a new master is reason to say everything again.
const NEW_MASTER: Duration = Duration::from_secs(10);

/// How long no answer of any witness is no answer yet. An answer may rightly take a good part of it, while with short
/// intervals they are asked again sooner.
const UNANSWERED: Duration = Duration::from_secs(1);

impl Instance {
    pub(super) fn backup_heard(&mut self, heard: &Heard, cx: &mut Cx<'_>) {
        if heard.advert.priority == 0 {
            return self.master_leaves(heard, cx);
        }
        self.abandoned = false;
        self.is_heard(cx);
        if heard.advert.priority < Priority::OWNER.value() {
            self.reclaim(cx);
        }
        if heard.advert.priority >= self.priority.value() {
            self.timers.disarm(Timer::PreemptDelay);
            return self.follow(heard, cx);
        }
        match self.preempts_after() {
            None => self.follow(heard, cx),
            Some(delay) if !delay.is_zero() && !self.wants => {
                if self.timers.due(Timer::PreemptDelay).is_none() {
                    self.timers.arm(Timer::PreemptDelay, cx.now + delay);
                }
                self.follow(heard, cx);
            }
            // The running time goes on, so this router takes over when it ends.
            Some(_) => self.discard_lower(heard, cx),
        }
    }

    /// `None`: a lower master is left alone.
    pub(super) fn preempts_after(&self) -> Option<Duration> {
        match self.settings.preempt {
            _ if self.held || self.drained => None,
            Preempt::Never => None,
            Preempt::After(_) if self.settings.initial == Initial::Master => Some(Duration::ZERO),
            Preempt::After(delay) => Some(delay),
        }
    }

    fn discard_lower(&mut self, heard: &Heard, cx: &mut Cx<'_>) {
        if !std::mem::replace(&mut self.said.lower, true) {
            let (name, theirs) = (self.settings.name.clone(), heard.advert.priority);
            cx.log(
                self.settings.id,
                Event::DiscardedLower {
                    name,
                    from: heard.from,
                    theirs,
                },
            );
        }
    }

    /// RFC 9568 section 6.4.2: only the skew is left to wait. Unless it is another than our master that leaves, as when
    /// the goodbye of the old one arrives behind the first advert of the new one: ours was heard and is well.
    fn master_leaves(&mut self, heard: &Heard, cx: &mut Cx<'_>) {
        let well = |f: Followed| f.address != heard.from && cx.now.since(f.last) <= self.master_interval;
        if self.followed.is_some_and(well) {
            return;
        }
        // Said twice (or for ever, by somebody who would keep us waiting) it is the same goodbye.
        let known = self.awaited == Awaited::BetterOnes;
        self.await_at_most(Awaited::BetterOnes, cx);
        if known {
            return;
        }
        let name = self.settings.name.clone();
        cx.log(self.settings.id, Event::BackupHeardZero { name, from: heard.from });
    }

    /// This one is master; its silence is measured from now, in version 3 by its own interval.
    pub(super) fn follow(&mut self, heard: &Heard, cx: &mut Cx<'_>) {
        if let Some(f) = self.followed.filter(|f| f.address == heard.from) {
            self.stats.count_gap(cx.now.since(f.last), self.down_interval());
        }
        self.say_anew(heard.from, cx.now);
        self.master_interval = interval_of(heard);
        self.followed = Some(Followed {
            address: heard.from,
            priority: heard.advert.priority,
            last: cx.now,
        });
        self.wants = false;
        self.await_from_now(Awaited::Master, cx);
        if self.grouped {
            cx.signal(self.settings.id, Signal::Follows);
        }
    }

    /// Of another master everything is said again: soon, because where masters take turns (a network that is broken in one
    /// direction, or somebody who makes them up) not of each.
    fn say_anew(&mut self, master: IpAddr, now: Mono) {
        let known = |(about, since)| about == master || now.since(since) < NEW_MASTER;
        if self.said.master.is_some_and(known) {
            return;
        }
        self.said = Said {
            master: Some((master, now)),
            equal: self.said.equal,
            dialects: self.said.dialects,
            ..Said::default()
        };
    }

    /// Whoever wakes too late has not listened: what came meanwhile may still be on its way up from the network card, and a
    /// master on the same machine slept as well. So after a long sleep a silence is believed a moment later, once.
    pub(super) fn listen_first_when_late(&mut self, cx: &mut Cx<'_>) {
        let Some(due) = self.timers.due(Timer::MasterDown) else {
            return;
        };
        let patience = OVERSLEPT.min(self.master_interval / 4);
        let decides = self.phase == Phase::Backup && !self.conditions.deaf && self.awaits_master();
        if !decides || cx.now.since(due) < patience {
            return;
        }
        cx.log(
            self.settings.id,
            Event::Overslept {
                name: self.settings.name.clone(),
                late_ms: u64::try_from(cx.now.since(due).as_millis()).unwrap_or(u64::MAX),
            },
        );
        self.await_from_now(Awaited::MasterThatSlept, cx);
    }

    /// The silence lasted.
    pub(super) fn master_down(&mut self, cx: &mut Cx<'_>) {
        self.forget_old_word(cx);
        match self.phase {
            Phase::Backup if self.conditions.deaf || self.has_yielded() => {
                self.await_from_now(Awaited::Master, cx);
                self.stays_backup(cx);
            }
            Phase::Backup if self.must_ask() => self.ask_witnesses(cx),
            Phase::Backup => self.believe_silence(cx),
            Phase::Listening => {
                let name = self.settings.name.clone();
                cx.log(self.settings.id, Event::Resumed { name });
                self.want_master(false, cx);
            }
            _ => {}
        }
    }

    fn believe_silence(&mut self, cx: &mut Cx<'_>) {
        self.reclaim(cx);
        let name = self.settings.name.clone();
        cx.log(self.settings.id, Event::Timeout { name });
        let relieves = self.awaited == Awaited::BetterOnes || self.hears_a_master(cx.now);
        self.forget_master();
        self.want_master(relieves, cx);
    }

    /// One that lives, though it is not followed.
    fn hears_a_master(&self, now: Mono) -> bool {
        self.last_heard().is_some_and(|at| now.since(at) < self.down_interval())
    }

    /// Whoever comes next is measured by our own interval until it says another one (RFC 9568 section 6.4.1).
    pub(super) fn forget_master(&mut self) {
        self.followed = None;
        self.master_interval = self.interval();
    }

    /// It hears no master and may not be one. A reload may have put a master beside it, which goes where the group can be.
    fn stays_backup(&self, cx: &mut Cx<'_>) {
        if self.grouped {
            cx.signal(self.settings.id, Signal::Follows);
        }
    }

    /// Silence may mean that we are the one cut off; a master that said goodbye is no silence.
    fn must_ask(&self) -> bool {
        self.settings.quorum.is_some() && self.awaited != Awaited::BetterOnes && !self.drained
    }

    fn ask_witnesses(&mut self, cx: &mut Cx<'_>) {
        let since = match self.awaited {
            Awaited::Witnesses(since) => since,
            _ => cx.now,
        };
        if cx.now.since(since) >= UNANSWERED {
            self.stays_backup(cx);
        }
        self.await_from_now(Awaited::Witnesses(since), cx);
        cx.emit(crate::Output::AskWitnesses {
            instance: self.settings.id,
        });
    }

    pub(crate) fn witnesses(&mut self, reachable: usize, cx: &mut Cx<'_>) {
        let Some(need) = self.settings.quorum.as_ref().map(|q| q.need) else {
            return;
        };
        if self.phase != Phase::Backup || !matches!(self.awaited, Awaited::Witnesses(_)) {
            return;
        }
        if reachable >= need {
            return self.believe_silence(cx);
        }
        // The pause that runs goes on.
        self.awaited = Awaited::BetterTimes;
        self.stays_backup(cx);
        if !std::mem::replace(&mut self.said.quorum, true) {
            let name = self.settings.name.clone();
            cx.log(self.settings.id, Event::NoQuorum { name, reachable, need });
        }
    }

    pub(super) fn preempt_delay_over(&mut self, cx: &mut Cx<'_>) {
        let lower = self.followed.is_some_and(|f| f.priority < self.priority.value());
        if self.phase == Phase::Backup && lower && self.preempts_after().is_some() {
            self.want_master(true, cx);
        }
    }

    /// A rival took over while we were down: the addresses go, the election decides.
    pub(super) fn listening_heard(&mut self, heard: &Heard, cx: &mut Cx<'_>) {
        if heard.advert.priority == 0 {
            return;
        }
        let name = self.settings.name.clone();
        cx.log(self.settings.id, Event::RivalWhileListening { name, from: heard.from });
        self.stop_listening(cx);
        if self.phase == Phase::Backup {
            self.backup_heard(heard, cx);
        }
        cx.signal(self.settings.id, Signal::Yielded);
    }

    /// The master named us, over a link that we trust.
    pub(crate) fn take_over(&mut self, cx: &mut Cx<'_>) {
        if self.phase == Phase::Backup && !self.drained && !self.conditions.deaf {
            cx.log(
                self.settings.id,
                Event::NamedSuccessor {
                    name: self.settings.name.clone(),
                },
            );
            self.want_master(true, cx);
        }
    }

    /// The group yields, or is not agreed after all: wait like any backup.
    pub(crate) fn give_up_wanting(&mut self, cx: &mut Cx<'_>) {
        if std::mem::take(&mut self.wants) && self.phase == Phase::Backup {
            self.await_from_now(Awaited::Master, cx);
        }
    }
}
