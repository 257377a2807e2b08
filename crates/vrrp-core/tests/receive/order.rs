//! Of a packet that is wrong in two ways, the check that comes first names its own: each reason with each that comes later,
//! wherever both can be true of one packet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tandem_time::Mono;
use tandem_vrrp_core::packet::{Datagram, Ipv4Header, PROTOCOL_AH, Signed, Stamp, Trailer};
use tandem_vrrp_core::settings::*;
use tandem_vrrp_core::{DropReason, Input};

use super::{NOW, OWN, PEER, give, hmac, router, settings, sum};

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
const STRANGER: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 9);

/// What is configured, and what is sent to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    V2,
    V2Signed,
    V3,
    V3Signed,
    Unicast,
    V6,
}

impl Base {
    const ALL: [Base; 6] = [
        Base::V2,
        Base::V2Signed,
        Base::V3,
        Base::V3Signed,
        Base::Unicast,
        Base::V6,
    ];
    const V4: &[Base] = &[Base::V2, Base::V2Signed, Base::V3, Base::V3Signed, Base::Unicast];
    const OLD: &[Base] = &[Base::V2, Base::V2Signed];
    const NEW: &[Base] = &[Base::V3, Base::V3Signed, Base::Unicast, Base::V6];
    const SIGNED: &[Base] = &[Base::V2Signed, Base::V3Signed];
    /// A length that does not fit hides a trailer, and what is left is too long.
    const UNSIGNED_V4: &[Base] = &[Base::V2, Base::V3, Base::Unicast];
    const MULTICAST: &[Base] = &[Base::V2, Base::V2Signed, Base::V3, Base::V3Signed, Base::V6];

    fn settings(self) -> InstanceSettings {
        let mut s = settings(match self {
            Base::V2 | Base::V2Signed => "v2-pass",
            Base::V3 => "v3",
            Base::V3Signed => "hmac",
            Base::Unicast => "unicast-checked",
            Base::V6 => return v6(),
        });
        if self == Base::V2Signed {
            s.hmac = Some(hmac(HmacMode::Enforce));
        }
        s
    }
}

fn v6() -> InstanceSettings {
    let mut s = InstanceSettings::new(super::ID, "VI_6", settings("v3").vrid, Family::V6);
    s.interface = Some("eth0".into());
    s.protocol = settings("v3").protocol;
    s.vips = vec![VirtualAddress::host(v6_address("fe80::52").into())];
    s
}

fn v6_address(text: &str) -> Ipv6Addr {
    text.parse().expect("an address")
}

/// A packet before it is put together, and who hears it.
#[derive(Clone, Debug)]
struct Case {
    base: Base,
    settings: InstanceSettings,
    listens: bool,
    /// The receiver has the sender's address.
    from_itself: bool,
    /// The same stamp was heard before.
    repeated: bool,
    source: IpAddr,
    destination: IpAddr,
    ttl: u8,
    authenticated_header: bool,
    only: Option<usize>,
    undeclared: u16,
    version: u8,
    kind: u8,
    vrid: u8,
    count: u8,
    /// The authentication type and the seconds, or the hundredths.
    interval: [u8; 2],
    password: [u8; 8],
    sum_is_wrong: bool,
    trailer: Option<Seal>,
}

#[derive(Clone, Copy, Debug)]
struct Seal {
    form: u8,
    at: Duration,
    key: u8,
    is_forged: bool,
}

impl Case {
    fn good(base: Base) -> Case {
        let settings = base.settings();
        let is_old = Base::OLD.contains(&base);
        let (source, destination) = match base {
            Base::V6 => (v6_address("fe80::1").into(), v6_address("ff02::12").into()),
            Base::Unicast => (PEER.into(), OWN.into()),
            _ => (PEER.into(), GROUP.into()),
        };
        Case {
            base,
            listens: true,
            from_itself: false,
            repeated: false,
            source,
            destination,
            ttl: 255,
            authenticated_header: false,
            only: None,
            undeclared: 0,
            version: settings.protocol.version().number(),
            kind: 1,
            vrid: settings.vrid.value(),
            count: 1,
            interval: if is_old { [1, 1] } else { [0, 100] },
            password: *b"secret\0\0",
            sum_is_wrong: false,
            trailer: settings.hmac.is_some().then_some(Seal {
                form: 1,
                at: NOW,
                key: 1,
                is_forged: false,
            }),
            settings,
        }
    }

    fn sealed(&mut self, change: impl FnOnce(&mut Seal)) {
        if let Some(seal) = &mut self.trailer {
            change(seal);
        }
    }

    fn message(&self) -> Vec<u8> {
        let [high, low] = self.interval;
        let mut message = vec![
            self.version << 4 | self.kind,
            self.vrid,
            150,
            self.count,
            high,
            low,
            0,
            0,
        ];
        let mut pseudo = Vec::new();
        match (self.source, self.destination) {
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                message.extend(v6_address("fe80::52").octets());
                pseudo.extend(source.octets());
                pseudo.extend(destination.octets());
                pseudo.extend([0, message.len() as u8, 0, 112]);
            }
            _ => message.extend([10, 9, 0, 100]),
        }
        if self.version == 2 && self.source.is_ipv4() {
            message.extend(self.password);
        }
        sum(&mut message, &pseudo);
        if self.sum_is_wrong {
            message[6] ^= 0x55;
        }
        message
    }

    /// Everything behind the header of IP.
    fn body(&self) -> Vec<u8> {
        let message = self.message();
        let signed = Signed {
            source: self.source,
            message: &message,
        };
        let trailer = self.trailer.map(|seal| {
            let key = HmacKey::new(&[7; 32]).expect("long enough");
            let id = KeyId::new(seal.key).expect("not 0");
            let mut bytes = Trailer::sign(signed, id, &key, Stamp::at(seal.at));
            bytes[0] = seal.form;
            bytes[27] ^= u8::from(seal.is_forged);
            bytes
        });
        let mut body = message;
        body.extend(trailer.into_iter().flatten());
        body.truncate(self.only.unwrap_or(usize::MAX));
        body
    }

    fn verdict(&self) -> String {
        let own = match self.settings.family {
            _ if self.from_itself => self.source,
            Family::V4 => OWN.into(),
            Family::V6 => v6_address("fe80::2").into(),
        };
        let mut router = router(self.settings.clone(), own);
        if self.repeated {
            let before = Case {
                settings: self.settings.clone(),
                ..Case::good(self.base)
            };
            before.give(&mut router);
        }
        if !self.listens {
            let down = Input::Link {
                interface: "eth0",
                up: false,
            };
            router.handle(down, Mono::from_millis(1));
            while router.poll_output().is_some() {}
        }
        self.give(&mut router)
    }

    fn give(&self, router: &mut tandem_vrrp_core::Router) -> String {
        let mut body = self.body();
        let (source, destination) = match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => (source, destination),
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let datagram = Datagram::V6 {
                    source,
                    destination,
                    hop_limit: self.ttl,
                    payload: &body,
                };
                return give(router, datagram);
            }
            _ => panic!("two families"),
        };
        if self.authenticated_header {
            body.splice(0..0, [0x11; 24]);
        }
        let header = Ipv4Header {
            source,
            destination,
            id: 1,
            ttl: self.ttl,
        };
        let mut packet = header.wrap(&body);
        if self.authenticated_header {
            packet[9] = PROTOCOL_AH;
        }
        let declared = packet.len() as u16 - self.undeclared;
        packet[2..4].copy_from_slice(&declared.to_be_bytes());
        give(router, Datagram::V4(&packet))
    }
}

/// A reason, where it can be, and what makes it so.
struct Fault {
    label: &'static str,
    on: &'static [Base],
    spoil: fn(&mut Case),
}

const fn fault(label: &'static str, on: &'static [Base], spoil: fn(&mut Case)) -> Fault {
    Fault { label, on, spoil }
}

/// In the order of the checks.
static FAULTS: [Fault; 27] = [
    fault("too_short", &Base::ALL, |c| c.only = Some(4)),
    fault("unknown_vrid", &Base::ALL, |c| c.vrid = 52),
    fault("not_listening", &Base::ALL, |c| c.listens = false),
    fault("unwanted_kind", &[Base::V6], |c| {
        c.destination = v6_address("fe80::2").into()
    }),
    fault("authentication_header", Base::V4, |c| c.authenticated_header = true),
    fault("length", &Base::ALL, |c| c.count = 2),
    fault("ttl", Base::MULTICAST, |c| c.ttl = 64),
    // The other one, whose message has another length.
    fault("version", &Base::ALL, |c| c.version = 5 - c.version),
    fault("hmac_missing", Base::SIGNED, |c| c.trailer = None),
    fault("hmac_malformed", Base::SIGNED, |c| c.sealed(|seal| seal.form = 2)),
    fault("hmac_stale", Base::SIGNED, |c| {
        c.sealed(|seal| seal.at = NOW - Duration::from_secs(3600));
    }),
    fault("hmac_unknown_key", Base::SIGNED, |c| c.sealed(|seal| seal.key = 9)),
    fault("hmac_invalid", Base::SIGNED, |c| c.sealed(|seal| seal.is_forged = true)),
    fault("hmac_replay", Base::SIGNED, |c| c.repeated = true),
    fault("auth_type_unknown", Base::OLD, |c| c.interval[0] = 3),
    fault("auth_type_mismatch", Base::OLD, |c| c.interval[0] = 0),
    fault("auth_failure", Base::OLD, |c| c.password = *b"guessed\0"),
    fault("interval_mismatch", Base::OLD, |c| c.interval[1] = 2),
    fault("type", &Base::ALL, |c| c.kind = 2),
    fault("total_length", Base::UNSIGNED_V4, |c| c.undeclared = 10),
    fault("interval_zero", Base::NEW, |c| c.interval = [0, 0]),
    fault("checksum", &Base::ALL, |c| c.sum_is_wrong = true),
    fault("destination_kind", Base::V4, |c| {
        let to_group = c.destination == IpAddr::V4(GROUP);
        c.destination = if to_group { OWN } else { GROUP }.into();
    }),
    fault("owner_ignores", &Base::ALL, |c| {
        c.settings.priority = Priority::OWNER;
        c.settings.owner_ignores_adverts = true;
    }),
    fault("own_address", &Base::ALL, |c| c.from_itself = true),
    fault("stranger_source", &[Base::Unicast], |c| c.source = STRANGER.into()),
    fault("peer_ttl", &[Base::Unicast], |c| c.ttl = 64),
];

#[test]
fn the_checks_come_in_keepalived_s_order() {
    for base in Base::ALL {
        assert_eq!(Case::good(base).verdict(), "accepted", "{base:?}");
        let here: Vec<&Fault> = FAULTS.iter().filter(|fault| fault.on.contains(&base)).collect();
        for (place, first) in here.iter().enumerate() {
            for second in &here[place..] {
                let mut case = Case::good(base);
                // The later one first: where one undoes the other, it is the earlier that stays.
                if first.label != second.label {
                    (second.spoil)(&mut case);
                }
                (first.spoil)(&mut case);
                assert_eq!(
                    case.verdict(),
                    first.label,
                    "{base:?}: {} and {}",
                    first.label,
                    second.label
                );
            }
        }
    }
}

#[test]
fn every_reason_has_its_place_in_the_order() {
    let labels = FAULTS.each_ref().map(|fault| fault.label);
    assert_eq!(labels, DropReason::ALL.map(DropReason::label));
}
