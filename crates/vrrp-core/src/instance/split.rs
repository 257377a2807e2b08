//! Two masters that do not hear each other, and a link beside VRRP that says so.
//!
//! Where adverts are lost on the way (a switch that filters multicast, a firewall), both hosts are master and VRRP never
//! learns of it. The pair link tells each of them. The lesser one steps down, and stays backup for as long as the link
//! says that the other is master: silence is no sign of its death then. Both say why.
//!
//! What the link says of a moment ago proves nothing, because every takeover has two masters for a moment. So it counts
//! when it is said again after both have been master for two intervals, in which VRRP would have settled it. And what is
//! not said again for a while says nothing any more: the link may have been taken out of the configuration, or the virtual
//! router out of the other host's.
//!
//! A handover over the link moves the master from one to the other and mends nothing. Both know that, so nobody is fenced.

use std::time::Duration;

use tandem_time::Mono;

use super::{Instance, Phase, Timer};
use crate::input::{Partner, Stand};
use crate::outbox::{Cx, Signal};
use crate::{Event, Notice};

/// What a host that has other things to do may be late by.
const LEAST: Duration = Duration::from_millis(200);

/// A word that was not repeated for so long says nothing any more. A living host repeats it each second.
const STALE: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Beside {
    /// The last word of the other host, and when it came.
    word: Option<(Stand, Mono)>,
    /// Since when it says that it is master.
    master_since: Option<Mono>,
    /// It has said so while we were master.
    both: bool,
    /// An advert of another router came then.
    heard: Option<Mono>,
    is_split: bool,
    /// That there are two masters, this time.
    said: bool,
}

impl Instance {
    pub(crate) fn partner(&mut self, partner: Option<Partner>, cx: &mut Cx<'_>) {
        let is_old = self.has_old_word(cx.now);
        self.beside.word = partner.map(|partner| (partner.stand, cx.now));
        let since = self.beside.master_since.take().filter(|_| !is_old);
        let both = std::mem::take(&mut self.beside.both);
        let Some(partner) = partner else {
            return self.no_split(cx);
        };
        match (partner.stand, &self.phase) {
            (Stand::Master, _) => self.is_master_beside(partner, since, cx),
            (Stand::Yielded, Phase::Master) => {
                // Who was named has heard that the other is master, and has not been master beside it.
                let was_master = both || since.is_some() && !self.beside.is_split;
                self.is_yielded_to(partner, was_master, cx);
            }
            // Whoever goes on serving, or waits for the other, is no reason to believe that adverts arrive again.
            (Stand::Yielded | Stand::Leaving, _) if self.beside.is_split => self.hurry(cx),
            (Stand::Leaving, _) => {}
            (Stand::Yielded | Stand::Other, _) => self.no_split(cx),
        }
    }

    fn is_master_beside(&mut self, partner: Partner, since: Option<Mono>, cx: &mut Cx<'_>) {
        self.beside.said &= since.is_some();
        self.beside.both = self.phase == Phase::Master;
        let since = *self.beside.master_since.insert(since.unwrap_or(cx.now));
        let patience = (self.interval() * 2).max(LEAST);
        let lasts = cx.now.since(since).min(cx.now.since(self.changed_at)) >= patience;
        let is_heard = self.beside.heard.is_some_and(|at| cx.now.since(at) < patience);
        if self.beside.is_split
            && let Some(from) = partner.source
        {
            self.successor_comes(from, cx);
        }
        if self.phase != Phase::Master || !lasts || is_heard {
            return;
        }
        let yields = self.is_lesser_than(partner);
        self.tell_split(partner, yields, cx);
        if yields {
            self.become_backup(cx);
            cx.signal(self.settings.id, Signal::Yielded);
        }
    }

    /// It may have found out first. If it has not been master beside us, it has handed over to us or has come back, and is
    /// no danger to anybody.
    fn is_yielded_to(&mut self, partner: Partner, was_master: bool, cx: &mut Cx<'_>) {
        if was_master {
            self.tell_split(partner, false, cx);
        }
        self.beside.is_split = true;
    }

    fn tell_split(&mut self, partner: Partner, yields: bool, cx: &mut Cx<'_>) {
        self.beside.is_split = true;
        if std::mem::replace(&mut self.beside.said, true) {
            return;
        }
        self.stats.split_brains += 1;
        cx.log(
            self.settings.id,
            Event::SplitBrain {
                name: self.settings.name.clone(),
                other: partner.source,
                theirs: partner.priority,
                ours: self.priority.value(),
                yields,
            },
        );
        if !yields {
            self.notify(Notice::SplitBrain, cx);
        }
    }

    /// As in an election. Of two that cannot be told apart neither goes.
    fn is_lesser_than(&self, partner: Partner) -> bool {
        let ours = (self.priority.value(), self.source);
        (partner.priority, partner.source) > ours
    }

    /// An advert arrives, so whatever kept them away is gone.
    pub(super) fn is_heard(&mut self, cx: &mut Cx<'_>) {
        self.beside.heard = Some(cx.now);
        if self.phase == Phase::Backup {
            self.mend(cx);
        }
    }

    /// Before anything is made of what the other host said last.
    pub(super) fn forget_old_word(&mut self, cx: &mut Cx<'_>) {
        if self.has_old_word(cx.now) {
            self.beside.word = None;
            self.beside.master_since = None;
            self.no_split(cx);
        }
    }

    fn has_old_word(&self, now: Mono) -> bool {
        self.beside.word.is_some_and(|(_, at)| now.since(at) > STALE)
    }

    /// The other one is not master any more, or nothing is known of it.
    fn no_split(&mut self, cx: &mut Cx<'_>) {
        if self.beside.is_split {
            self.hurry(cx);
        }
        self.mend(cx);
    }

    /// It is as good as a goodbye, but the witnesses are asked.
    fn hurry(&mut self, cx: &mut Cx<'_>) {
        let end = cx.now + self.skew();
        if self.phase == Phase::Backup && self.timers.due(Timer::MasterDown).is_none_or(|due| end < due) {
            self.timers.arm(Timer::MasterDown, end);
        }
    }

    fn mend(&mut self, cx: &mut Cx<'_>) {
        self.beside.said = false;
        if std::mem::take(&mut self.beside.is_split) {
            let name = self.settings.name.clone();
            cx.log(self.settings.id, Event::SplitBrainOver { name });
        }
    }

    /// It is backup only because the link says that there is another master, whose adverts do not arrive.
    pub(super) fn has_yielded(&self) -> bool {
        let is_master = |(stand, _)| stand == Stand::Master;
        self.beside.is_split && self.phase == Phase::Backup && self.beside.word.is_some_and(is_master)
    }

    /// When the last advert came that was no goodbye.
    pub(super) const fn last_heard(&self) -> Option<Mono> {
        self.beside.heard
    }

    pub(super) fn is_split(&self) -> bool {
        self.beside.is_split
    }
}
