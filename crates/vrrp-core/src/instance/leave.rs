//! Leaving without a gap: say goodbye, go on serving, and let go when the successor serves.
//!
//! A successor that is not ours advertises first and adds the addresses up to 12 ms later, so its advert alone is not
//! the moment; its announcements are, or a settling time after the advert. Nothing is announced when letting go: the
//! neighbours know the successor by then.

use std::net::IpAddr;

use super::{Instance, Phase, Timer};
use crate::outbox::Cx;
use crate::receive::Heard;
use crate::{Event, Notice, Output, Release, ReleaseEnd, State};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaving {
    why: Release,
    /// It was called back meanwhile. Somebody else may serve by now, so it goes, and then takes part as anybody does.
    resumed: bool,
    /// Addresses that the successor has not announced yet.
    unseen: Vec<IpAddr>,
    successor_heard: bool,
}

impl Instance {
    pub(crate) fn release(&mut self, why: Release, cx: &mut Cx<'_>) {
        let in_place = self.found_in_place();
        match &mut self.phase {
            // Whoever listens after a crash has the addresses as well, and clients that are served by them.
            Phase::Master | Phase::Listening => self.begin_leaving(why, cx),
            Phase::Leaving(leaving) => {
                leaving.resumed = false;
                if leaving.why.says_less_than(why) {
                    leaving.why = why;
                }
            }
            Phase::Stopped => cx.emit(Output::Released {
                instance: self.settings.id,
            }),
            Phase::Init if in_place => {
                self.let_go(cx);
                self.after_release(why, cx);
            }
            _ => self.after_release(why, cx),
        }
    }

    /// Out by an operator's wish, or about to be.
    pub(crate) fn is_drained(&self) -> bool {
        let leaves = |leaving: &Leaving| leaving.why == Release::Drain;
        self.drained || matches!(&self.phase, Phase::Leaving(leaving) if leaves(leaving))
    }

    pub(crate) fn resume(&mut self) {
        self.drained = false;
        self.held = false;
        if let Phase::Leaving(leaving) = &mut self.phase
            && leaving.why != Release::Stop
        {
            leaving.why = Release::Handover { successor: None };
            leaving.resumed = true;
        }
    }

    fn begin_leaving(&mut self, why: Release, cx: &mut Cx<'_>) {
        self.timers = tandem_time::TimerTable::default();
        // What is served until the end is put back until the end.
        self.heal_again();
        self.garp.clear();
        // Whoever listened may have wanted to be master.
        self.wants = false;
        self.send_zero(cx);
        let successor = match why {
            Release::Handover { successor } => successor,
            Release::Stop | Release::Drain => None,
        };
        cx.emit(Output::NameSuccessor {
            instance: self.settings.id,
            successor,
        });
        self.timers.arm(Timer::Cap, cx.now + self.settings.cap());
        let unseen = self.settings.addresses().map(|a| a.address).collect();
        self.phase = Phase::Leaving(Leaving {
            why,
            resumed: false,
            unseen,
            successor_heard: false,
        });
        cx.log(
            self.settings.id,
            Event::Leaving {
                name: self.settings.name.clone(),
            },
        );
    }

    pub(super) fn leaving_heard(&mut self, heard: &Heard, cx: &mut Cx<'_>) {
        if heard.advert.priority != 0 {
            self.successor_comes(heard.from, cx);
        }
    }

    /// It says so itself, by an advert or, where those do not arrive, over the pair link.
    pub(super) fn successor_comes(&mut self, from: IpAddr, cx: &mut Cx<'_>) {
        let Phase::Leaving(leaving) = &mut self.phase else {
            return;
        };
        if leaving.successor_heard {
            return;
        }
        leaving.successor_heard = true;
        self.timers.disarm(Timer::Cap);
        self.timers.arm(Timer::Settle, cx.now + self.settings.handover.settle);
        cx.log(
            self.settings.id,
            Event::SuccessorHeard {
                name: self.settings.name.clone(),
                from,
            },
        );
    }

    /// A reload dropped some of the addresses: no successor announces them.
    pub(super) fn forget_dropped(&mut self) {
        let settings = &self.settings;
        if let Phase::Leaving(leaving) = &mut self.phase {
            leaving
                .unseen
                .retain(|unseen| settings.addresses().any(|a| a.address == *unseen));
        }
    }

    pub(crate) fn announcement_seen(&mut self, address: IpAddr, cx: &mut Cx<'_>) {
        if self.phase == Phase::Master {
            return self.rival_announces(address, cx);
        }
        let Phase::Leaving(leaving) = &mut self.phase else {
            return;
        };
        let before = leaving.unseen.len();
        leaving.unseen.retain(|a| *a != address);
        if before > 0 && leaving.unseen.is_empty() {
            let end = cx.now + self.settings.handover.linger;
            let settled = self.timers.due(Timer::Settle).unwrap_or(end);
            self.timers.disarm(Timer::Cap);
            self.timers.arm(Timer::Settle, end.min(settled));
        }
    }

    /// Nobody came. Whoever must go goes; a handover is called off, because serving is better than nobody serving. Not in
    /// a group, whose other members may have found their successors, nor where a successor would not be heard.
    pub(super) fn no_successor(&mut self, cx: &mut Cx<'_>) {
        let Phase::Leaving(leaving) = &self.phase else { return };
        if matches!(leaving.why, Release::Handover { .. }) && !self.grouped && !self.conditions.deaf {
            return self.become_master(cx);
        }
        self.finish_leaving(ReleaseEnd::Cap, cx);
    }

    /// The successor serves, or has had its time.
    pub(super) fn settled(&mut self, cx: &mut Cx<'_>) {
        let Phase::Leaving(leaving) = &self.phase else { return };
        let end = if leaving.unseen.is_empty() {
            ReleaseEnd::Announced
        } else {
            ReleaseEnd::Settled
        };
        self.finish_leaving(end, cx);
    }

    fn finish_leaving(&mut self, end: ReleaseEnd, cx: &mut Cx<'_>) {
        let Phase::Leaving(leaving) = &self.phase else { return };
        let leaving = leaving.clone();
        cx.log(
            self.settings.id,
            Event::ReleasedAfter {
                name: self.settings.name.clone(),
                why: end,
            },
        );
        if leaving.why == Release::Stop {
            // Who stops is not backup in between: nobody is told so.
            self.let_go(cx);
            self.state = State::Backup;
        } else {
            self.become_backup(cx);
            self.abandoned = end == ReleaseEnd::Cap;
        }
        self.released(&leaving, cx);
    }

    pub(super) fn released(&mut self, leaving: &Leaving, cx: &mut Cx<'_>) {
        self.after_release(leaving.why, cx);
        self.held &= !leaving.resumed;
    }

    fn after_release(&mut self, why: Release, cx: &mut Cx<'_>) {
        self.wants = false;
        match why {
            Release::Stop => {
                self.phase = Phase::Stopped;
                self.timers = tandem_time::TimerTable::default();
                self.notify(Notice::Stop, cx);
            }
            Release::Drain => self.drained = true,
            Release::Handover { .. } => self.held = true,
        }
        cx.emit(Output::Released {
            instance: self.settings.id,
        });
    }

    /// The instance is no longer configured: nobody waits for a successor here, it may not exist.
    pub(crate) fn retire(&mut self, cx: &mut Cx<'_>) {
        // Who leaves has said so already; clients of one that listens after a crash are served as well.
        if matches!(self.phase, Phase::Master | Phase::Listening) {
            self.send_zero(cx);
        }
        if self.holds() || self.found_in_place() {
            self.let_go(cx);
        }
        self.phase = Phase::Stopped;
        self.timers = tandem_time::TimerTable::default();
        self.notify(Notice::Deleted, cx);
    }
}
