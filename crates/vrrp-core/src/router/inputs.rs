//! Which part of the router an input concerns.

use std::net::IpAddr;

use tandem_time::Mono;

use super::strangers::{Mention, Strangers};
use super::{Router, Started};
use crate::instance::Found;
use crate::packet::{Datagram, Packet};
use crate::settings::{InstanceId, Transport};
use crate::{DropReason, Event, Input, Output, Release, Who};

impl Router {
    pub(super) fn take(&mut self, input: Input<'_>, now: Mono) {
        match input {
            Input::Start => self.start(now),
            Input::Packet { interface, datagram } => self.packet(interface, datagram, now),
            Input::Link { interface, up } => self.link(interface, up, now),
            Input::Source { instance, address } => self.one(instance, now, |i, cx| i.set_source(address, cx)),
            Input::NextSource { instance, address } => {
                self.sources.insert(instance, address);
            }
            Input::Deaf { instance, deaf } => {
                if deaf {
                    self.deaf.insert(instance);
                } else {
                    self.deaf.remove(&instance);
                }
                self.one(instance, now, |i, cx| i.set_deaf(deaf, cx));
            }
            Input::Found {
                instance,
                fresh_journal,
            } => {
                let found = if fresh_journal { Found::Fresh } else { Found::Stale };
                self.one(instance, now, |i, _| i.found(found));
            }
            Input::Observed { tracker, observation } => self.observed(tracker, observation, now),
            Input::AddressLost { instance, address } => self.one(instance, now, |i, cx| i.address_lost(address, cx)),
            Input::AnnouncementSeen { instance, address } => {
                self.one(instance, now, |i, cx| i.announcement_seen(address, cx));
            }
            Input::HolderSeen { instance, address } => self.one(instance, now, |i, cx| i.holder_seen(address, cx)),
            Input::Release { who, why } => self.release(who, why, now),
            Input::Resume { who } => self
                .named(who)
                .into_iter()
                .for_each(|id| self.one(id, now, |i, _| i.resume())),
            Input::TakeOver { instance } => self.one(instance, now, |i, cx| i.take_over(cx)),
            Input::Partner { instance, partner } => self.one(instance, now, |i, cx| i.partner(partner, cx)),
            Input::Witnesses { instance, reachable } => self.one(instance, now, |i, cx| i.witnesses(reachable, cx)),
            Input::WallClock { unix } => self.wall = Some((now, unix)),
            Input::ClearStatistics => {
                self.strangers = Strangers::default();
                self.each(now, |instance, _| instance.clear_statistics());
            }
            Input::Settings(settings) => self.reload(*settings, now),
        }
    }

    fn start(&mut self, now: Mono) {
        if self.started != Started::No {
            return;
        }
        let delay = self.settings.startup_delay;
        if delay.is_zero() {
            self.begin(now)
        } else {
            self.started = Started::At(now + delay)
        }
    }

    fn packet(&mut self, interface: Option<&str>, datagram: Datagram<'_>, now: Mono) {
        let packet = match Packet::find(datagram) {
            Ok(packet) => packet,
            Err(reason) => return self.refuse(source(datagram), None, reason, now),
        };
        match self.addressee(interface, &packet) {
            Some(id) => self.one(id, now, |i, cx| i.packet(&packet, cx)),
            None => {
                let vrid = packet.view().map(|view| view.vrid());
                self.refuse(packet.ends.source, vrid, DropReason::UnknownVrid, now);
            }
        }
    }

    /// For none of ours: said once of each sender and VRID.
    fn refuse(&mut self, source: IpAddr, vrid: Option<u8>, reason: DropReason, now: Mono) {
        let mention = self.strangers.refuse(source, vrid, reason, now);
        if mention == Mention::TooMany {
            let event = Event::TooManyStrangers;
            self.out.outputs.push_back(Output::Log { instance: None, event });
        }
        self.out.outputs.push_back(Output::Drop {
            instance: None,
            source,
            vrid,
            reason,
            log: mention == Mention::Sender,
        });
    }

    /// The instance of this VRID on this interface; where there are several, the one whose kind of transport fits.
    fn addressee(&self, interface: Option<&str>, packet: &Packet<'_>) -> Option<InstanceId> {
        let vrid = packet.view()?.vrid();
        let family = packet.family();
        let mut fallback = None;
        for instance in self.instances.values() {
            let settings = instance.settings();
            let here = settings
                .interface
                .as_deref()
                .is_none_or(|own| interface.is_none_or(|i| i == own));
            if settings.vrid.value() != vrid || settings.family != family || !here {
                continue;
            }
            if packet.is_multicast() == matches!(settings.transport, Transport::Multicast { .. }) {
                return Some(settings.id);
            }
            fallback.get_or_insert(settings.id);
        }
        fallback
    }

    fn release(&mut self, who: Who, why: Release, now: Mono) {
        for id in self.named(who) {
            self.one(id, now, |i, cx| i.release(why, cx));
        }
    }

    /// A member of a sync group never goes alone.
    fn named(&self, who: Who) -> Vec<InstanceId> {
        match who {
            Who::All => self.instances.keys().copied().collect(),
            Who::One(id) => match self.groups.values().find(|g| g.has(id)) {
                Some(group) => group.settings.members.clone(),
                None => vec![id],
            },
        }
    }
}

/// The sender of bytes that are no packet, as far as they tell.
fn source(datagram: Datagram<'_>) -> IpAddr {
    match datagram {
        Datagram::V4(bytes) => {
            let octets = bytes
                .get(12..16)
                .and_then(|b| b.first_chunk::<4>())
                .copied()
                .unwrap_or_default();
            IpAddr::from(octets)
        }
        Datagram::V6 { source, .. } => IpAddr::V6(source),
    }
}
