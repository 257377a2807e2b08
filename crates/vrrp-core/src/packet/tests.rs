//! Frames captured from Keepalived 2.2.7 and FRR 8.4.4, byte for byte both ways, and what must hold for any bytes.

use std::net::{IpAddr, Ipv6Addr};

use proptest::prelude::*;

use super::*;
use crate::DropReason;
use crate::settings::{AuthV2, Centis, Family, HmacKey, KeyId, Password, Seconds, Vrid};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address in a test")
}

fn ends(source: &str, destination: &str) -> Endpoints {
    Endpoints {
        source: ip(source),
        destination: ip(destination),
    }
}

fn vips(list: &[&str]) -> Addresses {
    let list: Vec<IpAddr> = list.iter().map(|a| ip(a)).collect();
    Addresses::of(Family::of(&list[0]), list.into_iter())
}

fn decoded(bytes: &[u8], family: Family) -> Advert {
    View::new(bytes, family).expect("a header").advert().expect("an advert")
}

fn dialects(bytes: &[u8], family: Family, ends: Endpoints) -> Vec<Dialect> {
    View::new(bytes, family).expect("a header").dialects(ends).collect()
}

fn v2_golden() -> Advert {
    Advert {
        vrid: Vrid::new(51).expect("not 0"),
        priority: 150,
        addresses: vips(&["10.9.0.100", "10.9.0.101"]),
        form: Form::V2 {
            interval: Seconds::ONE,
            auth: AuthV2::Simple(Password::cut(b"abcdefghij")),
        },
    }
}

#[test]
fn keepalived_v2_with_password_and_ip_header() {
    let frame = hex("45c0002c00030000ff70d0820a090001e0000012 21339602 0101a158 0a090064 0a090065 6162636465666768");
    let packet = Packet::find(Datagram::V4(&frame)).expect("a packet");
    assert_eq!(packet.ends, ends("10.9.0.1", "224.0.0.18"));
    assert_eq!((packet.ttl, packet.declared, packet.body.len()), (255, 24, 24));
    assert_eq!(decoded(packet.body, Family::V4), v2_golden());
    assert_eq!(dialects(packet.body, Family::V4, packet.ends), [Dialect::Without]);

    let (IpAddr::V4(source), IpAddr::V4(destination)) = (packet.ends.source, packet.ends.destination) else {
        panic!("an IPv4 packet has IPv4 endpoints")
    };
    let message = v2_golden().encode(packet.ends, Dialect::With);
    assert_eq!(
        Ipv4Header {
            source,
            destination,
            id: 3,
            ttl: TTL
        }
        .wrap(&message),
        frame
    );
}

#[test]
fn keepalived_v2_with_ah_is_recognised() {
    let frame = hex(
        "45c00044 00030000 ff33d0a7 0a090001 e0000012 70040000 0a090001 00000003 000000000000000000000000 \
         21339602 020131ee 0a090064 0a090065 0000000000000000",
    );
    let packet = Packet::find(Datagram::V4(&frame)).expect("a packet");
    assert!(packet.authenticated_header);
    assert_eq!(
        View::new(packet.body, Family::V4).expect("a header").advert(),
        Err(Malformed::AuthType(2))
    );
}

#[test]
fn keepalived_v3_over_ipv4() {
    let message = hex("31339602 006438ee 0a090064 0a090065");
    let ends = ends("10.9.0.1", "224.0.0.18");
    let advert = Advert {
        form: Form::V3 {
            interval: Centis::ONE_SECOND,
        },
        ..v2_golden()
    };
    assert_eq!(decoded(&message, Family::V4), advert);
    assert_eq!(advert.encode(ends, Dialect::With), message);
    assert_eq!(
        dialects(&message, Family::V4, ends),
        [Dialect::With, Dialect::WithGroup]
    );
    assert_eq!(
        advert.encode(ends, Dialect::Without),
        hex("31339602 0064238b 0a090064 0a090065")
    );
}

#[test]
fn frr_v3_over_ipv4() {
    let message = hex("31336401 00647560 0a090064");
    let ends = ends("10.9.0.2", "224.0.0.18");
    let advert = Advert {
        priority: 100,
        addresses: vips(&["10.9.0.100"]),
        form: Form::V3 {
            interval: Centis::ONE_SECOND,
        },
        ..v2_golden()
    };
    assert_eq!(decoded(&message, Family::V4), advert);
    assert_eq!(advert.encode(ends, Dialect::With), message);
    assert_eq!(advert.encode(ends, Dialect::Without)[6..8], hex("5ffa"));
}

#[test]
fn keepalived_v3_over_ipv6() {
    let vips_bytes = "fe800000000000000000000000000052 fd000009000000000000000000000100";
    let message = hex(&format!("31349602 0032ef83 {vips_bytes}"));
    let ends = ends("fe80::6c71:ccff:fe8a:160c", "ff02::12");
    let advert = Advert {
        vrid: Vrid::new(52).expect("not 0"),
        priority: 150,
        addresses: vips(&["fe80::52", "fd00:9::100"]),
        form: Form::V3 {
            interval: Centis::new(50).expect("in range"),
        },
    };
    assert_eq!(decoded(&message, Family::V6), advert);
    assert_eq!(advert.encode(ends, Dialect::With), message);
    assert_eq!(advert.encode(ends, Dialect::Without), message, "IPv6 has one way only");
    assert_eq!(dialects(&message, Family::V6, ends), [Dialect::With]);
}

#[test]
fn an_old_unicast_peer_names_the_group_in_its_checksum() {
    let advert = Advert {
        form: Form::V3 {
            interval: Centis::ONE_SECOND,
        },
        ..v2_golden()
    };
    let ends = ends("10.9.0.1", "10.9.0.2");
    let message = advert.encode(ends, Dialect::WithGroup);
    assert_eq!(dialects(&message, Family::V4, ends), [Dialect::WithGroup]);
}

#[test]
fn short_packets_are_no_packets() {
    for bytes in [&[][..], &[0x45; 19], &[0x65; 40], &[0x41; 40]] {
        assert_eq!(Packet::find(Datagram::V4(bytes)), Err(DropReason::TooShort));
    }
    let v6 = Datagram::V6 {
        source: Ipv6Addr::LOCALHOST,
        destination: Ipv6Addr::LOCALHOST,
        hop_limit: 255,
        payload: &[0x31; 7],
    };
    assert_eq!(Packet::find(v6), Err(DropReason::TooShort));
}

#[test]
fn a_trailer_is_signed_by_one_key_and_one_source() {
    let key = HmacKey::new(&[7; 32]).expect("long enough");
    let other = HmacKey::new(&[8; 32]).expect("long enough");
    let message = v2_golden().encode(ends("10.9.0.1", "224.0.0.18"), Dialect::With);
    let signed = Signed {
        source: ip("10.9.0.1"),
        message: &message,
    };
    let stamp = Stamp::at(std::time::Duration::new(1_700_000_000, 500_000_000));
    let bytes = Trailer::sign(signed, KeyId::new(3).expect("not 0"), &key, stamp);
    let trailer = Trailer::read(&bytes).expect("a trailer");
    assert_eq!((trailer.key, trailer.stamp), (3, stamp));
    assert_eq!(bytes[..12], hex("01030000 6553f100 80000000"));
    assert_eq!(trailer.verify(signed, &key), Ok(()));
    assert_eq!(trailer.verify(signed, &other), Err(TrailerFault::Digest));
    assert_eq!(
        trailer.verify(
            Signed {
                source: ip("10.9.0.9"),
                ..signed
            },
            &key
        ),
        Err(TrailerFault::Digest)
    );

    let mut resummed = message.clone();
    resummed[6] ^= 0xff;
    assert_eq!(
        trailer.verify(
            Signed {
                message: &resummed,
                ..signed
            },
            &key
        ),
        Ok(()),
        "the checksum is not signed"
    );
}

#[test]
fn the_checksum_of_ipv6_covers_the_trailer() {
    let key = HmacKey::new(&[7; 32]).expect("long enough");
    let ends = ends("fe80::1", "ff02::12");
    let form = Form::V3 {
        interval: Centis::ONE_SECOND,
    };
    let advert = Advert {
        addresses: vips(&["fe80::52"]),
        form,
        ..v2_golden()
    };
    let mut message = advert.encode(ends, Dialect::With);
    let unsigned = message.len();
    Trailer::append(&mut message, ends, KeyId::new(1).expect("not 0"), &key, Stamp(5));
    assert_eq!(dialects(&message, Family::V6, ends), [Dialect::With]);
    let signed = Signed {
        source: ends.source,
        message: &message[..unsigned],
    };
    let trailer = Trailer::read(message[unsigned..].first_chunk().expect("28 bytes")).expect("a trailer");
    assert_eq!(trailer.verify(signed, &key), Ok(()));
}

#[test]
fn stamps_rise_over_the_wrap() {
    assert!(Stamp(1).is_after(Stamp(u64::MAX)));
    assert!(!Stamp(5).is_after(Stamp(5)));
    let next = Stamp(u64::MAX).advance(Stamp(u64::MAX), None);
    assert!(next.is_after(Stamp(u64::MAX)));
    let (late, early) = (Stamp(100 << 32), Stamp(90 << 32));
    let window = std::time::Duration::from_secs(5);
    assert_eq!(early.advance(late, None), late);
    assert_eq!(
        late.advance(early, None),
        Stamp((100 << 32) + 1),
        "stamps rise although the clock was set back"
    );
    assert_eq!(
        late.advance(early, Some(window)),
        early,
        "further back than receivers forgive"
    );
}

fn any_addresses() -> impl Strategy<Value = Addresses> {
    prop_oneof![
        proptest::collection::vec(any::<u32>(), 0..=255)
            .prop_map(|list| Addresses::V4(list.into_iter().map(Into::into).collect())),
        proptest::collection::vec(any::<u128>(), 0..=255)
            .prop_map(|list| Addresses::V6(list.into_iter().map(Into::into).collect())),
    ]
}

fn any_form() -> impl Strategy<Value = Form> {
    let auth = prop_oneof![
        Just(AuthV2::None),
        any::<[u8; 8]>().prop_map(|bytes| AuthV2::Simple(Password::cut(&bytes))),
    ];
    prop_oneof![
        (1..=255_u8, auth).prop_map(|(s, auth)| Form::V2 {
            interval: Seconds::new(s).expect("not 0"),
            auth
        }),
        (1..=4095_u16).prop_map(|c| Form::V3 {
            interval: Centis::new(c).expect("in range")
        }),
    ]
}

fn any_advert() -> impl Strategy<Value = Advert> {
    (1..=255_u8, any::<u8>(), any_addresses(), any_form()).prop_map(|(vrid, priority, addresses, form)| {
        let form = match (form, addresses.family()) {
            // There is no authentication data in version 2 over IPv6.
            (Form::V2 { interval, .. }, Family::V6) => Form::V2 {
                interval,
                auth: AuthV2::None,
            },
            (form, _) => form,
        };
        Advert {
            vrid: Vrid::new(vrid).expect("not 0"),
            priority,
            addresses,
            form,
        }
    })
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_itself(
        advert in any_advert(),
        dialect in prop::sample::select(Dialect::ALL.to_vec()),
    ) {
        let family = advert.addresses.family();
        let ends = match family {
            Family::V4 => ends("10.9.0.1", "10.9.0.2"),
            Family::V6 => ends("fe80::1", "ff02::12"),
        };
        let bytes = advert.encode(ends, dialect);
        let view = View::new(&bytes, family).expect("a header");
        prop_assert_eq!(view.message_len(), bytes.len());
        prop_assert_eq!(view.advert(), Ok(advert.clone()));
        let found: Vec<_> = view.dialects(ends).collect();
        let one_way = family == Family::V6 || advert.version() == crate::settings::Version::V2;
        let right = if one_way { found.len() == 1 } else { found.contains(&dialect) };
        prop_assert!(right, "{:?}", found);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        for datagram in [
            Datagram::V4(&bytes),
            Datagram::V6 { source: Ipv6Addr::LOCALHOST, destination: Ipv6Addr::LOCALHOST, hop_limit: 1, payload: &bytes },
        ] {
            let Ok(packet) = Packet::find(datagram) else { continue };
            let Some(view) = packet.view() else { continue };
            let _ = view.advert();
            let _ = view.password();
            let _ = view.dialects(packet.ends).count();
        }
    }

    /// What decodes and has its checksum right encodes to the same bytes, except reserved bits and unused password bytes.
    #[test]
    fn what_decodes_encodes_to_itself(advert in any_advert()) {
        let family = advert.addresses.family();
        let ends = match family {
            Family::V4 => ends("10.9.0.1", "10.9.0.2"),
            Family::V6 => ends("fe80::1", "ff02::12"),
        };
        let bytes = advert.encode(ends, Dialect::With);
        prop_assert_eq!(decoded(&bytes, family).encode(ends, Dialect::With), bytes);
    }
}
