//! Two masters that do not hear each other, and a link beside VRRP that says so.
//!
//! Where adverts are lost on the way (a switch that filters multicast, a firewall), both hosts are master and VRRP never
//! learns of it. The pair link tells each of them. The lesser one steps down, and stays backup for as long as the link
//! says that the other is master: silence is no sign of its death then. Both say why.
//!
//! What the link says of a moment ago proves nothing, because every takeover has two masters for a moment. So it counts
//! when it is said again after both have been master for two intervals, in which VRRP would have settled it.

use std::time::Duration;

use tandem_time::Mono;

use super::{Instance, Phase, Timer};
use crate::input::{Partner, Stand};
use crate::outbox::{Cx, Signal};
use crate::{Event, Notice};

/// What a host that has other things to do may be late by.
const LEAST: Duration = Duration::from_millis(200);

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Beside {
    partner: Option<Partner>,
    /// Since when it says that it is master.
    master_since: Option<Mono>,
    /// An advert of another router came then.
    heard: Option<Mono>,
    is_split: bool,
}

impl Instance {
    pub(crate) fn partner(&mut self, partner: Option<Partner>, cx: &mut Cx<'_>) {
        let stand = partner.map(|partner| partner.stand);
        self.beside.partner = partner;
        if stand != Some(Stand::Master) {
            self.beside.master_since = None;
            return match partner.filter(|_| stand == Some(Stand::Yielded) && self.phase == Phase::Master) {
                // It may have found out first.
                Some(partner) => self.tell_split(partner, false, cx),
                None => self.no_split(cx),
            };
        }
        let since = *self.beside.master_since.get_or_insert(cx.now);
        let patience = (self.interval() * 2).max(LEAST);
        let lasts = cx.now.since(since).min(cx.now.since(self.changed_at)) >= patience;
        let is_heard = self.beside.heard.is_some_and(|at| cx.now.since(at) < patience);
        if let (Phase::Master, Some(partner), true, false) = (&self.phase, partner, lasts, is_heard) {
            self.begin_split(partner, cx);
        }
    }

    fn begin_split(&mut self, partner: Partner, cx: &mut Cx<'_>) {
        let yields = self.is_lesser_than(partner);
        self.tell_split(partner, yields, cx);
        if yields {
            self.become_backup(cx);
            cx.signal(self.settings.id, Signal::Yielded);
        }
    }

    fn tell_split(&mut self, partner: Partner, yields: bool, cx: &mut Cx<'_>) {
        if std::mem::replace(&mut self.beside.is_split, true) {
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
        if self.has_yielded() {
            self.mend(cx);
        }
    }

    /// The other one is not master any more, or nothing is known of it.
    fn no_split(&mut self, cx: &mut Cx<'_>) {
        let had_yielded = self.has_yielded();
        self.mend(cx);
        if had_yielded {
            // It is as good as a goodbye.
            let end = cx.now + self.skew();
            if self.timers.due(Timer::MasterDown).is_none_or(|due| end < due) {
                self.timers.arm(Timer::MasterDown, end);
            }
        }
    }

    fn mend(&mut self, cx: &mut Cx<'_>) {
        if std::mem::take(&mut self.beside.is_split) {
            let name = self.settings.name.clone();
            cx.log(self.settings.id, Event::SplitBrainOver { name });
        }
    }

    /// A new master is a new story.
    pub(super) fn forget_split(&mut self) {
        self.beside.is_split = false;
    }

    /// It is backup only because the link says that there is a better master.
    pub(super) fn has_yielded(&self) -> bool {
        self.beside.is_split && self.phase == Phase::Backup
    }

    pub(super) fn is_split(&self) -> bool {
        self.beside.is_split
    }
}
