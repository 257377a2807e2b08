//! The receive checks, in Keepalived's order, and what is remembered of each peer.
//!
//! The order matters to people: the first check that fails is the one the log and the counter name.

use std::net::IpAddr;
use std::time::Duration;

use crate::DropReason;
use crate::packet::{Addresses, Advert, AuthType, Dialect, Packet, Signed, Stamp, TRAILER_LEN, Trailer, View};
use crate::settings::{
    AuthV2, ChecksumPolicy, Family, HmacMode, HmacSettings, InstanceSettings, Protocol, Replay, Transport, TtlRange,
};

/// A packet that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub advert: Advert,
    pub from: IpAddr,
    pub remarks: Remarks,
}

/// What deserves a line although the advert is accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    pub interval_differs: bool,
    pub addresses_differ: bool,
    pub new_dialect: Option<Dialect>,
}

/// What the checks must know beside the settings.
#[derive(Clone, Copy, Debug)]
pub struct Local {
    pub source: Option<IpAddr>,
    pub unix: Option<Duration>,
    /// The master we follow: its repeated adverts need not be compared again.
    pub master: Option<IpAddr>,
}

/// The peers of one instance.
#[derive(Clone, Debug, Default)]
pub struct Receiver {
    peers: Vec<Peer>,
    clock: u64,
}

#[derive(Clone, Debug)]
struct Peer {
    address: IpAddr,
    dialect: Option<Dialect>,
    stamp: Option<Stamp>,
    used: u64,
}

/// A segment has a handful of routers; strangers push out the one heard longest ago.
const PEERS: usize = 16;

/// An Ethernet frame carries at least 46 bytes; some drivers add a VLAN tag's worth.
const PADDED: usize = 50;

impl Receiver {
    pub fn check(
        &mut self,
        settings: &InstanceSettings,
        packet: &Packet<'_>,
        local: Local,
    ) -> Result<Heard, DropReason> {
        let view = packet.view().ok_or(DropReason::TooShort)?;
        let from = packet.ends.source;
        if packet.family() == Family::V6 && !kind_fits(settings, packet) {
            return Err(DropReason::UnwantedKind);
        }
        if packet.authenticated_header {
            return Err(DropReason::AuthenticationHeader);
        }
        let trailer = check_length(&view, packet)?;
        if matches!(settings.transport, Transport::Multicast { .. }) && packet.ttl != crate::packet::TTL {
            return Err(DropReason::Ttl);
        }
        if view.version() != settings.protocol.version().number() {
            return Err(DropReason::Version);
        }
        if let Some(hmac) = &settings.hmac {
            let signed = Signed {
                source: from,
                message: &packet.body[..view.message_len()],
            };
            self.check_hmac(settings, hmac, signed, trailer, local.unix)?;
        }
        check_protocol(settings, &view)?;
        if view.kind() != 1 {
            return Err(DropReason::Type);
        }
        let covered = view.message_len() + trailer.map_or(0, |_| TRAILER_LEN);
        if packet.declared != covered {
            return Err(DropReason::TotalLength);
        }
        if view.version() == 3 && view.centis() == 0 {
            return Err(DropReason::IntervalZero);
        }
        let new_dialect = self.check_sum(settings, &view, packet)?;
        if !kind_fits(settings, packet) {
            return Err(DropReason::DestinationKind);
        }
        check_sender(settings, packet, local)?;
        let advert = view.advert().map_err(|_| DropReason::Length)?;
        let remarks = Remarks {
            interval_differs: interval_differs(&settings.protocol, &view),
            addresses_differ: addresses_differ(settings, &advert, from, local.master),
            new_dialect,
        };
        Ok(Heard { advert, from, remarks })
    }

    /// The dialects in which an advert to `to` must be said; more than one only when a group has peers of both kinds.
    pub fn dialects(&self, policy: ChecksumPolicy, to: IpAddr, multicast: bool) -> Vec<Dialect> {
        let spoken = |d: &Dialect| {
            self.peers
                .iter()
                .any(|p| p.dialect == Some(*d) && (multicast || p.address == to))
                && d.allowed(policy)
        };
        let found: Vec<Dialect> = Dialect::ALL.into_iter().filter(spoken).collect();
        if found.is_empty() {
            vec![Dialect::first(policy)]
        } else {
            found
        }
    }

    fn check_sum(
        &mut self,
        settings: &InstanceSettings,
        view: &View<'_>,
        packet: &Packet<'_>,
    ) -> Result<Option<Dialect>, DropReason> {
        let policy = match (settings.protocol, settings.family) {
            (Protocol::V3 { checksum, .. }, Family::V4) => checksum,
            _ => {
                return view
                    .dialects(packet.ends)
                    .next()
                    .map(|_| None)
                    .ok_or(DropReason::Checksum);
            }
        };
        let known = self.peer(packet.ends.source).dialect;
        let right: Vec<Dialect> = view.dialects(packet.ends).filter(|d| d.allowed(policy)).collect();
        let first = *right.first().ok_or(DropReason::Checksum)?;
        if known.is_some_and(|k| right.contains(&k)) {
            return Ok(None);
        }
        self.peer(packet.ends.source).dialect = Some(first);
        Ok(Some(first))
    }

    fn check_hmac(
        &mut self,
        settings: &InstanceSettings,
        hmac: &HmacSettings,
        signed: Signed<'_>,
        trailer: Option<&[u8; TRAILER_LEN]>,
        unix: Option<Duration>,
    ) -> Result<(), DropReason> {
        let Some(bytes) = trailer else {
            return if hmac.mode == HmacMode::Enforce {
                Err(DropReason::HmacMissing)
            } else {
                Ok(())
            };
        };
        let trailer = Trailer::read(bytes).map_err(|_| DropReason::HmacMalformed)?;
        let (window, clock) = (hmac.window(settings.protocol.interval()), unix.map(Stamp::at));
        let stale = |stamp: Stamp| {
            clock
                .zip(window)
                .is_some_and(|(clock, window)| clock.distance(stamp) > window)
        };
        if stale(trailer.stamp) {
            return Err(DropReason::HmacStale);
        }
        let key = hmac.keys.iter().find(|(id, _)| id.value() == trailer.key);
        let (_, key) = key.ok_or(DropReason::HmacUnknownKey)?;
        trailer.verify(signed, key).map_err(|_| DropReason::HmacInvalid)?;
        // Only what is signed may move the mark, or forged packets could silence a peer.
        let peer = self.peer(signed.source);
        // A mark outside the window orders only what the window refuses; without it a sender whose clock was set right
        // would be refused for ever.
        let mark = peer.stamp.filter(|last| !stale(*last));
        if hmac.replay != Replay::Off && mark.is_some_and(|last| !trailer.stamp.is_after(last)) {
            return Err(DropReason::HmacReplay);
        }
        peer.stamp = Some(trailer.stamp);
        Ok(())
    }

    /// The memory of this peer; a new one takes the place of the one not heard for the longest time.
    fn peer(&mut self, address: IpAddr) -> &mut Peer {
        self.clock += 1;
        let place = match self.peers.iter().position(|p| p.address == address) {
            Some(place) => place,
            None => self.place_for(address),
        };
        let peer = &mut self.peers[place];
        peer.used = self.clock;
        peer
    }

    fn place_for(&mut self, address: IpAddr) -> usize {
        let fresh = Peer {
            address,
            dialect: None,
            stamp: None,
            used: 0,
        };
        if self.peers.len() < PEERS {
            self.peers.push(fresh);
            return self.peers.len() - 1;
        }
        let oldest = (0..self.peers.len()).min_by_key(|i| self.peers[*i].used).unwrap_or(0);
        self.peers[oldest] = fresh;
        oldest
    }
}

fn kind_fits(settings: &InstanceSettings, packet: &Packet<'_>) -> bool {
    packet.is_multicast() == matches!(settings.transport, Transport::Multicast { .. })
}

/// Exactly what the count says, or that and a trailer; Ethernet's padding behind it is none of our business.
fn check_length<'a>(view: &View<'_>, packet: &Packet<'a>) -> Result<Option<&'a [u8; TRAILER_LEN]>, DropReason> {
    if !matches!(view.version(), 2 | 3) {
        // How long it should be is not known. It will be refused for its version.
        return Ok(None);
    }
    let want = view.message_len();
    let got = packet.body.len();
    if packet.declared == want + TRAILER_LEN
        && let Some(trailer) = packet.body.get(want..).and_then(|rest| rest.first_chunk())
    {
        return Ok(Some(trailer));
    }
    let padding = got > want && packet.declared == want && crate::packet::Ipv4Header::LEN + got <= PADDED;
    if got == want || padding {
        Ok(None)
    } else {
        Err(DropReason::Length)
    }
}

/// Version 2's authentication, then its interval; nothing of version 3.
fn check_protocol(settings: &InstanceSettings, view: &View<'_>) -> Result<(), DropReason> {
    let Protocol::V2 { interval, auth } = settings.protocol else {
        return Ok(());
    };
    if settings.family == Family::V4 {
        check_auth(auth, view)?;
    }
    if view.seconds() != interval.value() {
        Err(DropReason::IntervalMismatch)
    } else {
        Ok(())
    }
}

fn check_auth(ours: AuthV2, view: &View<'_>) -> Result<(), DropReason> {
    match (view.auth_type(), ours) {
        (AuthType::Unknown(_), _) => Err(DropReason::AuthTypeUnknown),
        (AuthType::Ah, _) => Err(DropReason::AuthenticationHeader),
        (AuthType::None, AuthV2::None) => Ok(()),
        (AuthType::Simple, AuthV2::Simple(password)) if view.password() == Some(password) => Ok(()),
        (AuthType::Simple, AuthV2::Simple(_)) => Err(DropReason::AuthFailure),
        (AuthType::None, AuthV2::Simple(_)) | (AuthType::Simple, AuthV2::None) => Err(DropReason::AuthTypeMismatch),
    }
}

fn check_sender(settings: &InstanceSettings, packet: &Packet<'_>, local: Local) -> Result<(), DropReason> {
    if settings.owner_ignores_adverts && settings.priority.is_owner() {
        return Err(DropReason::OwnerIgnores);
    }
    if local.source == Some(packet.ends.source) {
        return Err(DropReason::OwnAddress);
    }
    let Transport::Unicast {
        peers, check_source, ..
    } = &settings.transport
    else {
        return Ok(());
    };
    match peers.iter().find(|p| p.address == packet.ends.source) {
        None if *check_source => Err(DropReason::StrangerSource),
        Some(peer)
            if peer
                .ttl
                .is_some_and(|TtlRange { min, max }| packet.ttl < min || packet.ttl > max) =>
        {
            Err(DropReason::PeerTtl)
        }
        _ => Ok(()),
    }
}

/// Of the master that is followed they need not be compared each time (`skip_check_adv_addr`).
pub fn addresses_differ(settings: &InstanceSettings, advert: &Advert, from: IpAddr, master: Option<IpAddr>) -> bool {
    let compared = !(settings.skip_address_check && master == Some(from));
    compared && advert.addresses != own_addresses(settings)
}

fn interval_differs(protocol: &Protocol, view: &View<'_>) -> bool {
    matches!(protocol, Protocol::V3 { interval, .. } if interval.value() != view.centis())
}

/// What we would advertise ourselves.
pub fn own_addresses(settings: &InstanceSettings) -> Addresses {
    Addresses::of(settings.family, settings.vips.iter().map(|v| v.address))
}
