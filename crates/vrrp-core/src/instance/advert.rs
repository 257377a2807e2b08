//! Adverts out and in: how they are made, and which state hears them.

use std::net::IpAddr;

use super::{Instance, Phase, Timer};
use crate::outbox::Cx;
use crate::packet::{Advert, Dialect, Endpoints, Form, Stamp, TTL, Trailer};
use crate::receive::{Heard, own_addresses};
use crate::settings::{Family, HmacMode, Protocol, Transport};
use crate::{Event, Output};

/// So many peers are named with the checksum they compute.
const DIALECTS: u8 = 16;

impl Instance {
    /// Our priority, to everybody, and again after an interval.
    pub(super) fn advertise(&mut self, cx: &mut Cx<'_>) {
        self.send(self.priority.value(), cx);
        self.timers.arm(Timer::Advert, cx.now + self.interval());
    }

    /// The same for the first time.
    pub(super) fn begin_to_advertise(&mut self, cx: &mut Cx<'_>) {
        let may_wait = std::mem::take(&mut self.relieves);
        self.say(self.priority.value(), may_wait, cx);
        self.timers.arm(Timer::Advert, cx.now + self.interval());
    }

    /// What a master does each interval.
    pub(super) fn beat(&mut self, cx: &mut Cx<'_>) {
        self.forget_old_word(cx);
        self.ask_for_rivals(cx);
        self.advertise(cx);
    }

    /// "I am leaving."
    pub(super) fn send_zero(&mut self, cx: &mut Cx<'_>) {
        self.send(0, cx);
        self.stats.zero_sent += 1;
        cx.log(
            self.settings.id,
            Event::SentZero {
                name: self.settings.name.clone(),
            },
        );
    }

    pub(super) fn send(&mut self, priority: u8, cx: &mut Cx<'_>) {
        self.say(priority, false, cx);
    }

    fn say(&mut self, priority: u8, may_wait: bool, cx: &mut Cx<'_>) {
        let Some(from) = self.source else { return };
        let (targets, ttl) = match &self.settings.transport {
            Transport::Multicast { group } => (vec![*group], TTL),
            Transport::Unicast { peers, ttl, .. } => (peers.iter().map(|p| p.address).collect(), ttl.unwrap_or(TTL)),
        };
        self.stats.adverts_sent += 1;
        for to in targets {
            for dialect in self.dialects(to) {
                let message = self.message(
                    priority,
                    Endpoints {
                        source: from,
                        destination: to,
                    },
                    dialect,
                    cx,
                );
                cx.emit(Output::SendAdvert {
                    instance: self.settings.id,
                    from,
                    to,
                    ttl,
                    message,
                    may_wait,
                });
            }
        }
    }

    /// More than one only for a group in which both were heard: each hears its own and drops the other.
    fn dialects(&self, to: IpAddr) -> Vec<Dialect> {
        match (self.settings.protocol, self.settings.family) {
            (Protocol::V3 { checksum, .. }, Family::V4) => {
                let multicast = matches!(self.settings.transport, Transport::Multicast { .. });
                let mut spoken = self.receiver.dialects(checksum, to, multicast);
                if multicast && spoken.contains(&Dialect::With) {
                    // The same bytes, where the destination is the group itself.
                    spoken.retain(|d| *d != Dialect::WithGroup);
                }
                spoken
            }
            _ => vec![Dialect::With],
        }
    }

    fn message(&mut self, priority: u8, ends: Endpoints, dialect: Dialect, cx: &Cx<'_>) -> Vec<u8> {
        let form = match self.settings.protocol {
            Protocol::V2 { interval, auth } => Form::V2 { interval, auth },
            Protocol::V3 { interval, .. } => Form::V3 { interval },
        };
        let addresses = own_addresses(&self.settings);
        let mut message = Advert {
            vrid: self.settings.vrid,
            priority,
            addresses,
            form,
        }
        .encode(ends, dialect);
        if let Some(hmac) = &self.settings.hmac
            && hmac.mode != HmacMode::ReceiveOnly
            && let Some((id, key)) = hmac.keys.iter().find(|(id, _)| *id == hmac.active)
        {
            let clock = Stamp::at(cx.unix.unwrap_or_default());
            let window = hmac.window(self.settings.protocol.interval());
            self.stamp = self.stamp.advance(clock, window);
            Trailer::append(&mut message, ends, *id, key, self.stamp);
        }
        message
    }

    pub(super) fn heard(&mut self, heard: Heard, cx: &mut Cx<'_>) {
        self.stats.adverts_received += 1;
        self.remark(&heard, cx);
        if heard.advert.priority == 0 {
            self.stats.zero_received += 1;
        }
        match self.phase {
            Phase::Backup => self.backup_heard(&heard, cx),
            Phase::Master => self.master_heard(&heard, cx),
            Phase::Leaving(_) => self.leaving_heard(&heard, cx),
            Phase::Listening => self.listening_heard(&heard, cx),
            Phase::Init | Phase::Fault | Phase::Stopped => {}
        }
    }

    /// Lines about adverts that are accepted all the same, once each until state or master change.
    fn remark(&mut self, heard: &Heard, cx: &mut Cx<'_>) {
        let (id, name, from) = (self.settings.id, self.settings.name.clone(), heard.from);
        // A segment has a handful of routers; whoever makes up more does not fill the log.
        if let Some(dialect) = heard.remarks.new_dialect.filter(|_| self.said.dialects < DIALECTS) {
            self.said.dialects += 1;
            cx.log(
                id,
                Event::DialectFound {
                    name: name.clone(),
                    peer: from,
                    dialect,
                },
            );
        }
        if heard.remarks.addresses_differ {
            self.stats.address_mismatches += 1;
            if !std::mem::replace(&mut self.said.addresses, true) {
                cx.log(
                    id,
                    Event::AddressesDiffer {
                        name: name.clone(),
                        from,
                    },
                );
            }
        }
        if heard.remarks.interval_differs && !std::mem::replace(&mut self.said.interval, true) {
            let theirs_ms = u64::try_from(interval_of(heard).as_millis()).unwrap_or(u64::MAX);
            cx.log(
                id,
                Event::IntervalDiffers {
                    name: name.clone(),
                    from,
                    theirs_ms,
                },
            );
        }
        if heard.advert.priority == self.priority.value() && !std::mem::replace(&mut self.said.equal, true) {
            cx.log(
                id,
                Event::EqualPriority {
                    name,
                    from,
                    priority: heard.advert.priority,
                },
            );
        }
    }

    /// Higher priority, or the same from a higher address.
    pub(super) fn is_better(&self, heard: &Heard) -> bool {
        let theirs = heard.advert.priority;
        let ours = self.priority.value();
        theirs > ours || theirs == ours && self.source.is_some_and(|own| heard.from > own)
    }
}

pub(super) fn interval_of(heard: &Heard) -> std::time::Duration {
    match heard.advert.form {
        Form::V2 { interval, .. } => interval.duration(),
        Form::V3 { interval } => interval.duration(),
    }
}
