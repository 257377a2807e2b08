//! A corpus of packets, right and wrong in every way, against the verdict and the counter of each.

mod order;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tandem_time::Mono;
use tandem_vrrp_core::packet::{Addresses, Advert, Datagram, Dialect, Endpoints, Form};
use tandem_vrrp_core::settings::*;
use tandem_vrrp_core::{DropReason, Input, KeepalivedCounter, Output, Router};

const OWN: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);
const PEER: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
const ID: InstanceId = InstanceId(0);
const NOW: Duration = Duration::from_secs(1_700_000_000);

fn settings(setup: &str) -> InstanceSettings {
    let mut s = InstanceSettings::new(ID, "VI_1", Vrid::new(51).expect("not 0"), Family::V4);
    s.interface = Some("eth0".into());
    s.vips = vec![VirtualAddress::host(Ipv4Addr::new(10, 9, 0, 100).into())];
    let v3 = |checksum| Protocol::V3 {
        interval: Centis::ONE_SECOND,
        checksum,
    };
    let ttl = Some(TtlRange { min: 253, max: 255 });
    let unicast = |check_source, ttl| Transport::Unicast {
        peers: vec![Peer {
            address: PEER.into(),
            ttl,
        }],
        check_source,
        ttl: None,
    };
    match setup {
        "v2" => {}
        "v2-pass" => {
            let auth = AuthV2::Simple(Password::cut(b"secret"));
            s.protocol = Protocol::V2 {
                interval: Seconds::ONE,
                auth,
            };
        }
        "v3" => s.protocol = v3(ChecksumPolicy::Auto),
        "v3-without" => s.protocol = v3(ChecksumPolicy::Without),
        "unicast" => {
            s.protocol = v3(ChecksumPolicy::Auto);
            s.transport = unicast(false, None);
        }
        "unicast-checked" => {
            s.protocol = v3(ChecksumPolicy::Auto);
            s.transport = unicast(true, ttl);
        }
        "owner" => {
            s.protocol = v3(ChecksumPolicy::Auto);
            s.priority = Priority::OWNER;
            s.owner_ignores_adverts = true;
        }
        "hmac" | "hmac-twice" => {
            s.protocol = v3(ChecksumPolicy::Auto);
            s.hmac = Some(hmac(HmacMode::Enforce));
        }
        other => panic!("no setup {other}"),
    }
    s
}

fn hmac(mode: HmacMode) -> HmacSettings {
    let key = |id, byte| {
        (
            KeyId::new(id).expect("not 0"),
            HmacKey::new(&[byte; 32]).expect("long enough"),
        )
    };
    HmacSettings {
        keys: vec![key(1, 7), key(2, 8)],
        active: key(1, 7).0,
        mode,
        replay: Replay::Window(None),
    }
}

fn router(settings: InstanceSettings, source: IpAddr) -> Router {
    let mut router = Router::new(RouterSettings {
        instances: vec![settings],
        ..RouterSettings::default()
    });
    let now = Mono::ZERO;
    router.handle(Input::WallClock { unix: NOW }, now);
    router.handle(
        Input::Link {
            interface: "eth0",
            up: true,
        },
        now,
    );
    router.handle(
        Input::Source {
            instance: ID,
            address: Some(source),
        },
        now,
    );
    router.handle(Input::Start, now);
    while router.poll_output().is_some() {}
    router
}

fn give(router: &mut Router, datagram: Datagram<'_>) -> String {
    router.handle(
        Input::Packet {
            interface: Some("eth0"),
            datagram,
        },
        Mono::from_millis(1),
    );
    let mut verdict = "accepted".to_owned();
    while let Some(output) = router.poll_output() {
        if let Output::Drop { reason, .. } = output {
            verdict = reason.label().to_owned();
        }
    }
    verdict
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn corpus() -> impl Iterator<Item = (&'static str, &'static str, Vec<u8>, &'static str)> {
    let lines = include_str!("corpus.txt").lines().filter(|l| !l.starts_with('#'));
    lines.map(|line| {
        let fields: Vec<&str> = line.splitn(4, '|').map(str::trim).collect();
        (fields[0], fields[1], hex(fields[2]), fields[3])
    })
}

#[test]
fn every_packet_of_the_corpus_gets_its_verdict_and_its_counter() {
    let mut seen = BTreeSet::new();
    for (setup, expected, packet, why) in corpus() {
        let mut router = router(settings(setup), OWN.into());
        if setup == "hmac-twice" {
            assert_eq!(give(&mut router, Datagram::V4(&packet)), "accepted");
        }
        let before = router.instance(ID).expect("configured").stats.adverts_received;
        assert_eq!(give(&mut router, Datagram::V4(&packet)), expected, "{setup}: {why}");
        let stats = router.instance(ID).expect("configured").stats;
        let reason = DropReason::ALL.into_iter().find(|r| r.label() == expected);
        // Keepalived counts what it drops after this point as received.
        let late = ["own_address", "stranger_source", "peer_ttl"].contains(&expected);
        let received = u64::from(reason.is_none() || late);
        assert_eq!(stats.adverts_received, before + received, "{why}");
        match reason {
            None | Some(DropReason::TooShort | DropReason::UnknownVrid) => {}
            Some(reason) => assert_eq!(stats.dropped(reason), 1, "{why}"),
        }
        seen.insert(expected);
    }
    let elsewhere = ["not_listening", "unwanted_kind"];
    let missing: Vec<&str> = DropReason::ALL
        .iter()
        .map(|r| r.label())
        .filter(|l| !seen.contains(l) && !elsewhere.contains(l))
        .collect();
    assert!(missing.is_empty(), "no packet for {missing:?}");
}

/// As in Keepalived, which compares before it looks who it was.
#[test]
fn a_stranger_s_differing_addresses_are_counted() {
    let (setup, _, good, _) = corpus()
        .find(|(_, verdict, ..)| *verdict == "stranger_source")
        .expect("a stranger");
    let count = |addresses: Option<[u8; 4]>| {
        let mut packet = good.clone();
        // The only address, after the headers of IP and of VRRP.
        if let Some(address) = addresses {
            packet[28..32].copy_from_slice(&address);
        }
        sum(&mut packet[20..], &[]);
        let mut router = router(settings(setup), OWN.into());
        assert_eq!(give(&mut router, Datagram::V4(&packet)), "stranger_source");
        let stats = router.instance(ID).expect("configured").stats;
        stats.keepalived(KeepalivedCounter::AddressList)
    };
    assert_eq!((count(None), count(Some([10, 9, 0, 200]))), (0, 1));
}

/// RFC 1071, over a whole message and what is summed before it.
fn sum(message: &mut [u8], pseudo: &[u8]) {
    message[6..8].fill(0);
    let both = pseudo.chunks(2).chain(message.chunks(2));
    let words = both.map(|w| u32::from(w[0]) << 8 | u32::from(w[1]));
    let folded = words.fold(0, |sum: u32, word| {
        let sum = sum + word;
        (sum & 0xffff) + (sum >> 16)
    });
    message[6..8].copy_from_slice(&(!(folded as u16)).to_be_bytes());
}

/// Whatever is cut off or turned over, nothing panics, and a packet with one bit wrong is not believed unless the bit is
/// one that nobody checks (the TOS, the IP id, flags, the IP checksum: the kernel looked at those).
#[test]
fn cut_and_flipped_packets_are_survived() {
    for (setup, verdict, packet, why) in corpus() {
        for len in 0..packet.len() {
            give(&mut router(settings(setup), OWN.into()), Datagram::V4(&packet[..len]));
        }
        for bit in 0..packet.len() * 8 {
            let mut flipped = packet.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let got = give(&mut router(settings(setup), OWN.into()), Datagram::V4(&flipped));
            let in_message = (bit / 8) >= 20 && (bit / 8) < 20 + 12;
            if verdict == "accepted" && setup == "v2" && in_message {
                assert_ne!(got, "accepted", "{why}, bit {bit}");
            }
        }
    }
}

#[test]
fn a_starting_or_faulty_instance_does_not_listen() {
    let (_, _, packet, _) = corpus().next().expect("a first line");
    let mut router = router(settings("v2"), OWN.into());
    router.handle(
        Input::Link {
            interface: "eth0",
            up: false,
        },
        Mono::ZERO,
    );
    assert_eq!(give(&mut router, Datagram::V4(&packet)), "not_listening");
}

#[test]
fn ipv6_has_its_checks_too() {
    let source: Ipv6Addr = "fe80::1".parse().expect("an address");
    let group: Ipv6Addr = "ff02::12".parse().expect("an address");
    let own: Ipv6Addr = "fe80::2".parse().expect("an address");
    let vip: Ipv6Addr = "fe80::52".parse().expect("an address");
    let mut settings = InstanceSettings::new(ID, "VI_6", Vrid::new(52).expect("not 0"), Family::V6);
    settings.interface = Some("eth0".into());
    settings.vips = vec![VirtualAddress::host(vip.into())];
    let advert = Advert {
        vrid: settings.vrid,
        priority: 150,
        addresses: Addresses::V6(vec![vip]),
        form: Form::V3 {
            interval: Centis::ONE_SECOND,
        },
    };
    let ends = Endpoints {
        source: source.into(),
        destination: group.into(),
    };
    let good = advert.encode(ends, Dialect::With);
    let mut bad = good.clone();
    bad[7] ^= 1;
    let rows: [(&[u8], Ipv6Addr, u8, &str); 5] = [
        (&good, group, 255, "accepted"),
        (&good, own, 255, "unwanted_kind"),
        (&good, group, 64, "ttl"),
        (&good[..20], group, 255, "length"),
        (&bad, group, 255, "checksum"),
    ];
    for (payload, destination, hop_limit, expected) in rows {
        let mut router = router(settings.clone(), own.into());
        let datagram = Datagram::V6 {
            source,
            destination,
            hop_limit,
            payload,
        };
        assert_eq!(give(&mut router, datagram), expected);
    }
}

#[test]
fn a_reason_is_said_once_until_something_changes() {
    let wrong = corpus()
        .find(|(_, verdict, ..)| *verdict == "ttl")
        .expect("a packet with a wrong TTL")
        .2;
    let mut router = router(settings("v2"), OWN.into());
    let mut said = 0;
    for _ in 0..10 {
        router.handle(
            Input::Packet {
                interface: Some("eth0"),
                datagram: Datagram::V4(&wrong),
            },
            Mono::ZERO,
        );
        while let Some(output) = router.poll_output() {
            said += u32::from(matches!(output, Output::Drop { log: true, .. }));
        }
    }
    assert_eq!(said, 1);
    let stats = router.instance(ID).expect("configured").stats;
    assert_eq!(
        (
            stats.dropped(DropReason::Ttl),
            stats.keepalived(KeepalivedCounter::IpTtl)
        ),
        (10, 10)
    );
}

#[test]
fn unsigned_adverts_are_accepted_until_signing_is_enforced() {
    let unsigned = corpus()
        .find(|(_, verdict, ..)| *verdict == "hmac_missing")
        .expect("an unsigned packet")
        .2;
    for (mode, expected, signed) in [
        (HmacMode::ReceiveOnly, "accepted", false),
        (HmacMode::Permissive, "accepted", true),
        (HmacMode::Enforce, "hmac_missing", true),
    ] {
        let mut s = settings("hmac");
        s.hmac = Some(hmac(mode));
        let mut router = router(s, OWN.into());
        assert_eq!(give(&mut router, Datagram::V4(&unsigned)), expected);
        router.on_deadline(router.poll_deadline().expect("the other may fall silent"));
        let sent = std::iter::from_fn(|| router.poll_output()).find_map(|o| match o {
            Output::SendAdvert { message, .. } => Some(message.len()),
            _ => None,
        });
        assert_eq!(sent, Some(12 + if signed { 28 } else { 0 }));
    }
}
