//! Finding a master that nobody hears, because it falls silent the moment it hears us.
//!
//! When a partition heals and our advert is the first to pass, a lower master steps down at once. Keepalived at its
//! defaults, and FRR, do so without a word: we never learn that there was a rival, and the neighbours that believed it go on
//! asking it. So just before each advert we ask the network who has our first address, in a form that tells nobody
//! anything (RFC 5227 section 2.1.1, RFC 4861 section 7.2.2). Frames keep their order: whoever still has the address
//! answers before it can have heard the advert.

use std::net::IpAddr;
use std::time::Duration;

use tandem_time::Mono;

use super::{Instance, Timer};
use crate::outbox::{Cx, Signal};
use crate::settings::Transport;
use crate::{Event, Output};

/// The predecessor of a new master may serve for a moment longer: that is no conflict worth a line.
const GRACE: Duration = Duration::from_millis(500);

/// With unicast the question goes to every host of the network, so not more often than this.
const BROADCASTS: Duration = Duration::from_millis(100);

/// What a better router, and the network, may take to make itself heard.
const PATIENCE: Duration = Duration::from_millis(20);

/// How often a rival is announced over before it is silent. One that has just taken over may announce for a while after it
/// has heard us; two masters that answered every announcement of each other would never stop.
const MOST_ANSWERS: u8 = 8;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rivalry {
    sign: Sign,
    answers: u8,
    /// The rival has shown itself since we asked last.
    fresh: bool,
    asked: Mono,
}

/// What is known of a rival since it was last known that there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    #[default]
    None,
    /// It announces our addresses.
    Announced,
    /// It has them.
    Answered,
}

impl Instance {
    /// The question before an advert. If the last one was not answered any more, the rival is gone, and what it may have
    /// told the neighbours meanwhile is put right.
    pub(super) fn ask_for_rivals(&mut self, cx: &mut Cx<'_>) {
        if cx.now.since(self.rivalry.asked) < self.pause() {
            return;
        }
        self.rivalry.asked = cx.now;
        if !std::mem::take(&mut self.rivalry.fresh) && std::mem::take(&mut self.rivalry.sign) != Sign::None {
            self.rivalry.answers = 0;
            self.garp.rival_gone(&self.settings.garp, cx.now);
        }
        if let Some(address) = self.asks_for() {
            cx.emit(Output::AskHolder {
                instance: self.settings.id,
                address,
            });
        }
    }

    const fn pause(&self) -> Duration {
        match self.settings.transport {
            Transport::Multicast { .. } => Duration::ZERO,
            Transport::Unicast { .. } => BROADCASTS,
        }
    }

    fn asks_for(&self) -> Option<IpAddr> {
        let address = self.settings.addresses().next().map(|a| a.address);
        address.filter(|_| self.settings.seeks_rivals)
    }

    pub(crate) fn holder_seen(&mut self, address: IpAddr, cx: &mut Cx<'_>) {
        if self.is_master() {
            self.contested(address, Sign::Answered, cx);
        }
    }

    pub(super) fn rival_announces(&mut self, address: IpAddr, cx: &mut Cx<'_>) {
        self.contested(address, Sign::Announced, cx);
    }

    fn contested(&mut self, address: IpAddr, sign: Sign, cx: &mut Cx<'_>) {
        if !self.settings.addresses().any(|a| a.address == address) {
            return;
        }
        let known = self.rivalry.sign;
        let was_fresh = std::mem::replace(&mut self.rivalry.fresh, true);
        if !was_fresh && matches!(self.settings.transport, Transport::Unicast { .. }) {
            // The network carries frames between us, so what keeps our adverts apart may be that nobody knows to where.
            cx.emit(Output::SeekPeers {
                instance: self.settings.id,
            });
        }
        self.rivalry.sign = known.max(sign);
        let announces_again = sign == Sign::Announced && self.rivalry.answers < MOST_ANSWERS;
        if sign > known || announces_again && self.timers.due(Timer::Rival).is_none() {
            // A better one says so at once, as it hears the advert behind our question.
            self.timers
                .arm(Timer::Rival, cx.now + PATIENCE.min(self.interval() / 16));
        }
        if cx.now.since(self.changed_at) >= GRACE {
            self.count_conflict(address, cx);
        }
    }

    fn count_conflict(&mut self, address: IpAddr, cx: &mut Cx<'_>) {
        self.stats.conflicts += 1;
        if !std::mem::replace(&mut self.said.conflict, true) {
            cx.log(
                self.settings.id,
                Event::Conflict {
                    name: self.settings.name.clone(),
                    address,
                },
            );
        }
    }

    /// We are still master, so those that believed the rival are told.
    pub(super) fn outlast_rival(&mut self, cx: &mut Cx<'_>) {
        self.rivalry.answers = self.rivalry.answers.saturating_add(1);
        self.garp.rival_found(&self.settings.garp, cx.now);
        cx.signal(self.settings.id, Signal::Contested);
    }
}
