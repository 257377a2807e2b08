//! A router hears anything at any time: it never panics, what it says to one thing is bounded, and its deadlines move on.
//!
//! The first byte chooses the router; the rest are things that happen to it, each a byte that says what and the bytes it
//! needs. Whole packets are given as they are; bare messages get the header and the checksum (and on request the signature)
//! that they need to be looked at, for no chance finds those.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tandem_time::Mono;
use tandem_vrrp_core::packet::{Datagram, Dialect, Endpoints, Ipv4Header, Packet, Stamp, TRAILER_LEN, Trailer, View};
use tandem_vrrp_core::settings::*;
use tandem_vrrp_core::{Input, Output, Router};

const INTERFACE: &str = "eth0";
const V4: InstanceId = InstanceId(0);
const V6: InstanceId = InstanceId(1);
const OWN: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);
const PEER: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
const VIP: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 100);
const OWN6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
const PEER6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const GROUP6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
const VIP6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x52);
const EPOCH: Duration = Duration::from_secs(1_700_000_000);
/// More than two instances with one address each have to say to any one thing.
const MOST_OUTPUTS: usize = 64;
/// Deadlines that are due at the same moment.
const MOST_AT_ONCE: usize = 20;

pub fn check(data: &[u8]) {
    let mut happenings = Happenings { rest: data };
    let mut run = Run::new(happenings.byte());
    while !happenings.rest.is_empty() {
        let (what, sign) = happenings.what();
        match what {
            0 => run.hear(Datagram::V4(happenings.bytes())),
            1 => run.hear(v6(happenings.byte(), happenings.bytes())),
            2 => run.hear_message_v4(happenings.bytes(), sign),
            3 => run.hear_message_v6(happenings.bytes(), sign),
            4 => run.wait(Duration::from_millis(u64::from(happenings.byte()) * 20)),
            5 => run.wait_for_deadline(),
            6 => run.link(happenings.byte() % 2 == 1),
            _ => run.announcement(happenings.byte()),
        }
    }
}

struct Happenings<'a> {
    rest: &'a [u8],
}

impl<'a> Happenings<'a> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else {
            return 0;
        };
        self.rest = rest;
        *first
    }

    fn what(&mut self) -> (u8, bool) {
        let byte = self.byte();
        (byte % 8, byte >= 0x80)
    }

    /// As many as the first of them says, or all that are left.
    fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.rest.len());
        let (bytes, rest) = self.rest.split_at(length);
        self.rest = rest;
        bytes
    }
}

fn v6(hop_limit: u8, payload: &[u8]) -> Datagram<'_> {
    Datagram::V6 {
        source: PEER6,
        destination: GROUP6,
        hop_limit,
        payload,
    }
}

struct Run {
    router: Router,
    now: Mono,
    unicast: bool,
}

impl Run {
    fn new(setup: u8) -> Run {
        let settings = settings(setup);
        let unicast = matches!(settings.instances[0].transport, Transport::Unicast { .. });
        let mut run = Run {
            router: Router::new(settings),
            now: Mono::ZERO,
            unicast,
        };
        run.give(Input::WallClock { unix: EPOCH });
        run.link(true);
        for (instance, address) in [(V4, IpAddr::from(OWN)), (V6, OWN6.into())] {
            let address = Some(address);
            run.give(Input::Source { instance, address });
        }
        run.give(Input::Start);
        run
    }

    fn give(&mut self, input: Input<'_>) {
        self.router.handle(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        for _ in 0..MOST_OUTPUTS {
            match self.router.poll_output() {
                None => return,
                Some(Output::SendAdvert { message, .. }) => assert!(message.len() <= 8 + 16 + 8 + TRAILER_LEN),
                Some(_) => {}
            }
        }
        panic!("no end of outputs");
    }

    fn hear(&mut self, datagram: Datagram<'_>) {
        decode(datagram);
        self.give(Input::Packet {
            interface: Some(INTERFACE),
            datagram,
        });
    }

    fn hear_message_v4(&mut self, message: &[u8], sign: bool) {
        let destination = if self.unicast { OWN } else { GROUP };
        let ends = Endpoints {
            source: PEER.into(),
            destination: destination.into(),
        };
        let mut message = message.to_vec();
        let length = View::new(&message, Family::V4).map_or(0, |view| view.message_len().min(message.len()));
        sum(&mut message[..length], &[]);
        if sign {
            self.sign(&mut message, ends);
        }
        let header = Ipv4Header {
            source: PEER,
            destination,
            id: 1,
            ttl: 255,
        };
        self.hear(Datagram::V4(&header.wrap(&message)));
    }

    fn hear_message_v6(&mut self, message: &[u8], sign: bool) {
        let ends = Endpoints {
            source: PEER6.into(),
            destination: GROUP6.into(),
        };
        let mut message = message.to_vec();
        if sign {
            self.sign(&mut message, ends);
        }
        let length = u8::try_from(message.len()).unwrap_or(u8::MAX);
        let pseudo = [&PEER6.octets()[..], &GROUP6.octets(), &[0, 0, 0, length, 0, 0, 0, 112]].concat();
        sum(&mut message, &pseudo);
        self.hear(v6(255, &message));
    }

    fn sign(&self, message: &mut Vec<u8>, ends: Endpoints) {
        let (id, key) = key();
        let stamp = Stamp::at(EPOCH + self.now.since(Mono::ZERO));
        Trailer::append(message, ends, id, &key, stamp);
    }

    fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        let mut at_once = 0;
        while let Some(at) = self.router.poll_deadline().filter(|at| *at <= end) {
            at_once = if at > self.now { 0 } else { at_once + 1 };
            assert!(at_once < MOST_AT_ONCE, "deadlines that do not move on");
            self.now = self.now.max(at);
            self.router.on_deadline(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn wait_for_deadline(&mut self) {
        let at = self.router.poll_deadline().unwrap_or(self.now).max(self.now);
        self.wait(at.since(self.now));
    }

    fn link(&mut self, up: bool) {
        self.give(Input::Link {
            interface: INTERFACE,
            up,
        });
    }

    fn announcement(&mut self, which: u8) {
        let (instance, address) = if which.is_multiple_of(2) {
            (V4, VIP.into())
        } else {
            (V6, VIP6.into())
        };
        self.give(match which % 8 / 2 {
            0 => Input::AnnouncementSeen { instance, address },
            1 => Input::AddressLost { instance, address },
            2 => Input::TakeOver { instance },
            _ => Input::Source {
                instance,
                address: None,
            },
        });
    }
}

/// What can be read is read the same again after it was written.
fn decode(datagram: Datagram<'_>) {
    let Ok(packet) = Packet::find(datagram) else { return };
    let Some(view) = packet.view() else { return };
    let Ok(advert) = view.advert() else { return };
    let written = advert.encode(packet.ends, Dialect::With);
    let again = View::new(&written, packet.family()).and_then(|view| view.advert().ok());
    assert_eq!(again.as_ref(), Some(&advert));
}

/// Puts the checksum (RFC 1071) of `message` behind `pseudo` where the message has it.
fn sum(message: &mut [u8], pseudo: &[u8]) {
    let Some(place) = message.get_mut(6..8) else { return };
    place.fill(0);
    let words = pseudo.chunks(2).chain(message.chunks(2));
    let total: u32 = words
        .map(|word| u32::from(word[0]) << 8 | word.get(1).map_or(0, |low| u32::from(*low)))
        .sum();
    let folded = (total & 0xffff) + (total >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    let [high, low, ..] = (!folded).to_be_bytes()[2..] else {
        return;
    };
    message[6..8].copy_from_slice(&[high, low]);
}

fn key() -> (KeyId, HmacKey) {
    let id = KeyId::new(1).expect("not 0");
    (id, HmacKey::new(&[7; 32]).expect("long enough"))
}

/// Two virtual routers, one of each family.
fn settings(setup: u8) -> RouterSettings {
    let mut v4 = InstanceSettings::new(V4, "VI_4", Vrid::new(51).expect("not 0"), Family::V4);
    let mut v6 = InstanceSettings::new(V6, "VI_6", Vrid::new(52).expect("not 0"), Family::V6);
    v4.vips = vec![VirtualAddress::host(VIP.into())];
    v6.vips = vec![VirtualAddress::host(VIP6.into())];
    for instance in [&mut v4, &mut v6] {
        instance.interface = Some(INTERFACE.into());
    }
    let v3 = Protocol::V3 {
        interval: Centis::ONE_SECOND,
        checksum: ChecksumPolicy::Auto,
    };
    let ttl = Some(TtlRange { min: 253, max: 255 });
    let mut groups = Vec::new();
    match setup % 8 {
        0 => {}
        1 => {
            let auth = AuthV2::Simple(Password::cut(b"secret"));
            v4.protocol = Protocol::V2 {
                interval: Seconds::ONE,
                auth,
            };
        }
        2 => v4.protocol = v3,
        3 => (v4.protocol, v4.transport) = (v3, unicast(false, None)),
        4 => (v4.protocol, v4.transport) = (v3, unicast(true, ttl)),
        5 => (v4.protocol, v4.priority) = (v3, Priority::OWNER),
        6 => {
            v4.protocol = v3;
            (v4.hmac, v6.hmac) = (Some(hmac()), Some(hmac()));
        }
        _ => {
            v4.protocol = v3;
            (v4.preempt, v6.preempt) = (Preempt::Never, Preempt::After(Duration::from_secs(3)));
            groups.push(GroupSettings {
                id: GroupId(0),
                name: "G".into(),
                members: vec![V4, V6],
                track: Vec::new(),
                member_weights: false,
            });
        }
    }
    RouterSettings {
        instances: vec![v4, v6],
        groups,
        ..RouterSettings::default()
    }
}

fn unicast(check_source: bool, ttl: Option<TtlRange>) -> Transport {
    let address = PEER.into();
    Transport::Unicast {
        peers: vec![Peer { address, ttl }],
        check_source,
        ttl: None,
    }
}

fn hmac() -> HmacSettings {
    let (active, key) = key();
    HmacSettings {
        keys: vec![(active, key)],
        active,
        mode: HmacMode::Enforce,
        replay: Replay::Window(None),
    }
}
