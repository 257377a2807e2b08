//! Master: rivals, and how one of two steps down so that every neighbour knows who is left.

use super::advert::interval_of;
use super::{Followed, Instance, Phase, Timer};
use crate::outbox::{Cx, Signal};
use crate::receive::Heard;
use crate::{Event, Notice};

impl Instance {
    pub(super) fn master_heard(&mut self, heard: &Heard, cx: &mut Cx<'_>) {
        if heard.advert.priority == 0 {
            // A rival leaves. Neighbours may have believed it until now.
            self.advertise(cx);
            return self.assert_addresses(cx);
        }
        self.is_heard(cx);
        if self.is_better(heard) || self.cedes_to(heard, cx) {
            return self.yield_to(heard, cx);
        }
        self.contest(heard, cx);
    }

    /// RFC 9568 section 6.4.3: a losing advert is answered at once.
    fn contest(&mut self, heard: &Heard, cx: &mut Cx<'_>) {
        if self.settings.answer_lower {
            self.advertise(cx);
        }
        self.assert_addresses(cx);
        cx.signal(self.settings.id, Signal::Contested);
        // Each is answered. A line and a command for each would be the sender's to fill the log and the host with.
        if !self.said.naming.names(heard.from, cx.now) {
            return;
        }
        let (name, theirs, ours) = (self.settings.name.clone(), heard.advert.priority, self.priority.value());
        cx.log(
            self.settings.id,
            Event::HeardLower {
                name,
                from: heard.from,
                theirs,
                ours,
            },
        );
        self.notify(Notice::MasterRxLowerPriority, cx);
    }

    /// Late for so long that somebody else may be master by now: it finds out before it speaks.
    pub(super) fn stand_back_when_late(&mut self, cx: &mut Cx<'_>) {
        let (Some(other), Phase::Master) = (self.settings.late_is_backup, &self.phase) else {
            return;
        };
        let Some(due) = self.timers.due(Timer::Advert) else {
            return;
        };
        let (version, interval) = (self.version(), self.interval());
        let patience = crate::timing::master_down(version, other, interval, self.settings.down_adverts);
        let late = cx.now.since(due);
        if late + interval < patience {
            return;
        }
        let name = self.settings.name.clone();
        let late_ms = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
        cx.log(self.settings.id, Event::Late { name, late_ms });
        self.become_backup(cx);
    }

    /// Announces the addresses again, now and later.
    pub(crate) fn assert_addresses(&mut self, cx: &mut Cx<'_>) {
        if self.is_master() {
            self.garp.heard_rival(&self.settings.garp, cx.now);
            self.announce(cx);
        }
    }

    fn yield_to(&mut self, heard: &Heard, cx: &mut Cx<'_>) {
        if self.settings.last_word {
            // The winner may not know that there was a rival; this tells it, and it announces the addresses.
            self.send(self.priority.value(), cx);
        }
        let (name, from, theirs) = (self.settings.name.clone(), heard.from, heard.advert.priority);
        let ours = self.priority.value();
        let event = if theirs > ours {
            Event::HeardHigher {
                name,
                from,
                theirs,
                ours,
            }
        } else {
            Event::HeardEqualHigherAddress {
                name,
                from,
                priority: ours,
            }
        };
        cx.log(self.settings.id, event);
        self.master_interval = interval_of(heard);
        self.become_backup(cx);
        self.followed = Some(Followed {
            address: from,
            priority: theirs,
            last: cx.now,
        });
        cx.signal(self.settings.id, Signal::Yielded);
    }

    /// Another member of the group yielded. The rival's router on this network may not be master yet, so it is told to
    /// be; and if it is, it learns that there was a rival.
    pub(crate) fn yield_with_group(&mut self, cx: &mut Cx<'_>) {
        match self.phase {
            Phase::Master => {
                self.send(self.priority.value(), cx);
                self.send_zero(cx);
                self.become_backup(cx);
            }
            Phase::Listening => self.stop_listening(cx),
            _ => {
                self.give_up_wanting(cx);
                self.timers.disarm(Timer::PreemptDelay);
            }
        }
    }
}
