//! What HAProxy 2.6 accepts, refuses and writes, and any bytes at all.

use proptest::prelude::*;

use super::*;

const CLIENT: &str = "PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n";

fn ends(source: &str, destination: &str) -> Ends {
    Ends {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
    }
}

fn client() -> Ends {
    ends("1.2.3.4:1111", "5.6.7.8:2222")
}

fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u16).to_be_bytes();
    [&v2::SIGNATURE[..], &[0x20 | command, family], &length, body].concat()
}

/// A client's header with these details behind the addresses.
fn detailed(details: &[u8]) -> Vec<u8> {
    let addresses = [1, 2, 3, 4, 5, 6, 7, 8, 0x04, 0x57, 0x08, 0xae];
    v2(1, 0x11, &[&addresses[..], details].concat())
}

fn complete(bytes: &[u8]) -> Header {
    match read(&[bytes, b"hi"].concat()) {
        Ok(Progress::Complete(header, length)) if length == bytes.len() => header,
        other => panic!("{bytes:?}: {other:?}"),
    }
}

#[test]
fn what_is_taken() {
    let six = ends("[::1]:1", "[2001:db8::2]:65535");
    let mut body = vec![0; 32];
    (body[15], body[31]) = (1, 2);
    body.extend([0, 7, 0, 8]);
    let unknown = format!("PROXY UNKNOWN {}\r\n", "f".repeat(91));
    let table: Vec<(Vec<u8>, Option<Ends>)> = vec![
        (CLIENT.into(), Some(client())),
        ("PROXY TCP6 ::1 2001:db8::2 1 65535\r\n".into(), Some(six)),
        ("PROXY UNKNOWN\r\n".into(), None),
        // What follows is to be ignored (section 2.1); the line is as long as it may be.
        (unknown.into(), None),
        (detailed(&[]), Some(client())),
        (v2(1, 0x21, &body), Some(ends("[::1]:7", "[::2]:8"))),
        (v2(0, 0x11, &[9; 12]), None),
        (v2(0, 0x00, &[]), None),
        (v2(0, 0x31, b"anything"), None),
        (v2(1, 0x00, b"abc"), None),
        // Details that nobody asked for are no reason to refuse.
        (detailed(b"\x04\0\x03abc\x20\0\0\xee\0\x01x"), Some(client())),
    ];
    for (bytes, ends) in table {
        let header = complete(&bytes);
        assert_eq!((header.ends, header.authority), (ends, None), "{bytes:?}");
    }
}

#[test]
fn what_details_say() {
    let header = complete(&detailed(b"\x02\0\x05a.b.c\x05\0\x04uniq"));
    assert_eq!(header.authority.as_deref(), Some(&b"a.b.c"[..]));
    assert_eq!(header.unique_id.as_deref(), Some(&b"uniq"[..]));
    // Written by HAProxy 2.6.12 with `crc32c,unique-id,authority,ssl`.
    let details = b"\x03\0\x04\xe2\xeb\x60\xb9\x02\0\x05a.b.c\x05\0\0\x20\0\x05\0\0\0\0\0";
    assert_eq!(complete(&detailed(details)).authority.as_deref(), Some(&b"a.b.c"[..]));
}

#[test]
fn what_is_refused() {
    use Fault::{Invalid, NotPresent, Protocol, Truncated};
    let long = |kind: u8, length: u16| {
        let mut detail = vec![kind];
        detail.extend(length.to_be_bytes());
        detail.resize(3 + usize::from(length), b'x');
        detailed(&detail)
    };
    let mut version_3 = detailed(&[]);
    version_3[12] = 0x31;
    let mut short = detailed(&[]);
    short[15] = 5;
    let table: Vec<(Vec<u8>, Fault)> = vec![
        (b"GET / HTTP/1.0\r\n".into(), NotPresent),
        (b"PROXI".into(), NotPresent),
        (b"\r\n\r\n\0\r\nQUIZ".into(), NotPresent),
        (version_3, NotPresent),
        (b"PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n".into(), Protocol),
        (b"PROXY \r\n".into(), Protocol),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n".into(), Invalid),
        (b"PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n".into(), Invalid),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 x\r\n".into(), Invalid),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n".into(), Invalid),
        (b"PROXY TCP4 ::1 5.6.7.8 1 2\r\n".into(), Invalid),
        // HAProxy makes 1.2.3.0 and port 4464 of these: an address that nobody has.
        (b"PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n".into(), Invalid),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 70000 2\r\n".into(), Invalid),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n".into(), Invalid),
        ([b"PROXY UNKNOWN ", &[b'x'; 100][..]].concat(), Invalid),
        (b"PROXY UNKNOWN \xff\r\n".into(), Invalid),
        (v2(5, 0x11, &[0; 12]), Invalid),
        (v2(1, 0x12, &[0; 12]), Invalid),
        (v2(1, 0x31, &[0; 216]), Invalid),
        (short, Invalid),
        (detailed(b"\x02\0\xffabc"), Invalid),
        (detailed(b"\x02\0"), Invalid),
        (detailed(b"\x03\0\x04\0\0\0\0"), Invalid),
        (detailed(b"\x03\0\x03\0\0\0"), Invalid),
        (long(tlv_of("authority"), 256), Invalid),
        (long(tlv_of("unique id"), 129), Invalid),
        (long(0xee, 20_000), Truncated),
    ];
    for (bytes, fault) in table {
        assert_eq!(read(&bytes), Err(fault), "{:?}", String::from_utf8_lossy(&bytes));
    }
}

fn tlv_of(name: &str) -> u8 {
    if name == "authority" {
        v2::tlv::AUTHORITY
    } else {
        v2::tlv::UNIQUE_ID
    }
}

#[test]
fn every_beginning_waits_for_the_rest() {
    for whole in [CLIENT.as_bytes().to_vec(), detailed(b"\x02\0\x05a.b.c"), v2(0, 0, &[])] {
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), Ok(Progress::Begun), "{length} of {whole:?}");
        }
        complete(&whole);
    }
}

/// Captured from HAProxy 2.6.12.
#[test]
fn what_is_written() {
    let six = ends("[::1]:60970", "[::1]:19603");
    let mixed = ends("[::5]:53240", "127.0.0.1:19604");
    let plain = |version| Write {
        version,
        details: Details::default(),
    };
    let all = Write {
        version: Version::V2,
        details: Details {
            crc32c: true,
            authority: true,
            ssl: true,
            ..Details::default()
        },
    };
    let signed = |rest: &[u8]| [&v2::SIGNATURE[..], rest].concat();
    let v1 = plain(Version::V1);
    assert_eq!(
        v1.for_client(&Client {
            ends: Some(client()),
            ..Client::default()
        }),
        CLIENT.as_bytes()
    );
    assert_eq!(
        v1.for_client(&Client {
            ends: Some(six),
            ..Client::default()
        }),
        b"PROXY TCP6 ::1 ::1 60970 19603\r\n"
    );
    let mapped = b"PROXY TCP6 ::5 ::ffff:127.0.0.1 53240 19604\r\n";
    assert_eq!(
        v1.for_client(&Client {
            ends: Some(mixed),
            ..Client::default()
        }),
        mapped
    );
    assert_eq!(v1.for_client(&Client::default()), b"PROXY UNKNOWN\r\n");
    assert_eq!(v1.for_check(Some(client())), CLIENT.as_bytes());
    let v2 = plain(Version::V2);
    assert_eq!(v2.for_client(&Client::default()), signed(b"\x20\0\0\0"));
    assert_eq!(v2.for_check(Some(client())), signed(b"\x20\0\0\0"));
    assert_eq!(
        v2.for_client(&Client {
            ends: Some(client()),
            authority: Some(b"a.b.c"),
            ..Client::default()
        }),
        detailed(&[])
    );
    let named = all.for_client(&Client {
        ends: Some(client()),
        authority: Some(b"a.b.c"),
        ..Client::default()
    });
    assert_eq!(named[28..31], *b"\x03\0\x04");
    assert_eq!(named[35..], *b"\x02\0\x05a.b.c\x20\0\x05\0\0\0\0\0");
    complete(&named);
    let checked = signed(b" \x00\x00\x0f\x03\x00\x04\x88\x9d\xa1\xdf \x00\x05\x00\x00\x00\x00\x00");
    assert_eq!(all.for_check(None), checked);
}

proptest! {
    /// What is written is read, and what another implementation writes too.
    #[test]
    fn both_ways(source: SocketAddr, destination: SocketAddr, name in "[a-z.]{0,40}", ssl: bool) {
        let (source, destination) = (plain(source), plain(destination));
        let details = Details { crc32c: true, authority: true, ssl, ..Details::default() };
        for version in [Version::V1, Version::V2] {
            let bytes = Write { version, details }.for_client(&Client { ends: Some(Ends { source, destination }), authority: Some(name.as_bytes()), ..Client::default() });
            let header = complete(&bytes);
            let ends = header.ends.unwrap();
            prop_assert_eq!(ends.source.ip().to_canonical(), source.ip().to_canonical());
            prop_assert_eq!(ends.destination.port(), destination.port());
            if version == Version::V2 {
                prop_assert_eq!(header.authority.as_deref(), Some(name.as_bytes()));
            }
        }
    }

    /// More bytes complete a beginning, or show that it was wrong; they never change an answer.
    #[test]
    fn answers_stay(bytes in beginnings(), cut in 0usize..200) {
        let whole = read(&bytes);
        match read(&bytes[..cut.min(bytes.len())]) {
            Ok(Progress::Begun) => {}
            early => prop_assert_eq!(early, whole),
        }
    }

    /// One bit of a header with a checksum cannot be turned without a word, except where it is no such header any more.
    #[test]
    fn a_checksum_sees_each_bit(bit in 0usize..(16 + 12 + 7 + 8) * 8) {
        let details = Details { crc32c: true, ssl: true, ..Details::default() };
        let write = Write { version: Version::V2, details };
        let mut bytes = write.for_client(&Client { ends: Some(client()), ..Client::default() });
        prop_assert_eq!(bytes.len(), 16 + 12 + 7 + 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        // LOCAL, no addresses, an unknown detail in the sum's place, and a longer whole are said by one bit each.
        let spared = [12, 13, 14, 15, 28];
        if !spared.contains(&(bit / 8)) {
            prop_assert!(read(&bytes).is_err());
        }
    }
}

fn plain(at: SocketAddr) -> SocketAddr {
    SocketAddr::new(at.ip(), at.port())
}

fn beginnings() -> impl Strategy<Value = Vec<u8>> {
    let any = proptest::collection::vec(any::<u8>(), 0..200);
    let text = "[A-Z0-9 .:\r\n]{0,120}";
    prop_oneof![
        any.clone(),
        any.prop_map(|rest| [&v2::SIGNATURE[..], &[0x21, 0x11, 0], &rest].concat()),
        text.prop_map(|rest| format!("PROXY {rest}").into_bytes()),
        text.prop_map(|rest| format!("PROXY TCP4 1.2.3.4{rest}\r\n").into_bytes()),
    ]
}

#[test]
fn what_is_known_of_tls_is_written_as_far_as_it_is_wanted() {
    let tls = Secured {
        version: "TLSv1.3",
        cipher: Some("TLS_AES_128_GCM_SHA256"),
        certificate: Some(Shown {
            common_name: Some("friend".to_owned()),
            verdict: 10,
            earlier: false,
        }),
        key: Some("EC256".to_owned()),
        signature: Some("ecdsa-with-SHA256".to_owned()),
    };
    let written = |details: Details, tls: &Secured| {
        let version = Version::V2;
        let bytes = Write { version, details }.for_client(&Client {
            tls: Some(tls),
            ..Client::default()
        });
        assert!(matches!(read(&bytes), Ok(Progress::Complete(_, length)) if length == bytes.len()));
        bytes[16..].to_vec()
    };
    let ssl = Details {
        ssl: true,
        ..Details::default()
    };
    assert_eq!(written(ssl, &tls), *b"\x20\0\x0f\x07\0\0\0\x0a\x21\0\x07TLSv1.3");
    let earlier = Secured {
        certificate: Some(Shown {
            earlier: true,
            ..Shown::default()
        }),
        ..tls.clone()
    };
    assert_eq!(written(ssl, &earlier)[3], 0x05);
    let nobody = Secured {
        certificate: None,
        ..tls.clone()
    };
    assert_eq!(written(ssl, &nobody)[3..8], [1, 0, 0, 0, 0]);
    let all = Details {
        common_name: true,
        cipher: true,
        signature: true,
        key: true,
        ..ssl
    };
    let expected = b"\x22\0\x06friend\x25\0\x05EC256\x24\0\x11ecdsa-with-SHA256\x23\0\x16TLS_AES_128_GCM_SHA256";
    assert_eq!(written(all, &tls)[18..], *expected);
}

#[test]
fn more_is_said_by_number_as_long_as_there_is_room() {
    let details = Details {
        crc32c: true,
        ..Details::default()
    };
    let write = Write {
        version: Version::V2,
        details,
    };
    let more = [(0xE0, b"one".to_vec()), (0xE1, vec![7; 5000]), (0xE2, Vec::new())];
    let told = Client {
        ends: Some(client()),
        more: &more,
        ..Client::default()
    };
    let (bytes, left_out) = write.as_far_as_it_goes(&told);
    assert_eq!(left_out, 1);
    assert!(bytes.ends_with(b"\xE0\0\x03one\xE2\0\0"), "{bytes:?}");
    let Ok(Progress::Complete(header, length)) = read(&bytes) else {
        panic!("it is whole");
    };
    assert_eq!(length, bytes.len());
    assert_eq!(header.tlv(0xE0), Some(&b"one"[..]));
    assert_eq!(header.tlv(0xE1), None);
}
