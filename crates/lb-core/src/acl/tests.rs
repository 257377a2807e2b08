//! Sets of patterns against the obvious way to look for one.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::*;

fn v4() -> impl Strategy<Value = Ipv4Addr> {
    // Close to each other, so that they meet.
    (0u32..4096).prop_map(|n| Ipv4Addr::from(0x0a00_0000 | n))
}

fn network() -> impl Strategy<Value = Network> {
    let mask = prop_oneof![
        8 => (16u32..=32).prop_map(|width| u32::MAX << (32 - width)),
        1 => any::<u32>(),
    ];
    prop_oneof![
        (v4(), mask).prop_map(|(ip, mask)| Network::v4(ip, mask)),
        (v4(), 112u32..=128).prop_map(|(ip, width)| Network::v6(ip.to_ipv6_mapped(), u128::MAX << (128 - width))),
    ]
}

proptest! {
    #[test]
    fn many_networks_are_as_each_of_them(networks in proptest::collection::vec(network(), 0..30), ip in v4(), mapped in any::<bool>()) {
        let ip = if mapped { IpAddr::V6(ip.to_ipv6_mapped()) } else { IpAddr::V4(ip) };
        let naive = networks.iter().any(|network| network.contains(ip));
        prop_assert_eq!(Addresses::of(networks).contains(ip), naive);
    }

    #[test]
    fn texts_are_found_as_by_hand(
        patterns in proptest::collection::vec("[abAB]{0,3}", 0..5),
        text in "[abAB]{0,6}",
        any_case in any::<bool>(),
    ) {
        let fold = |s: &str| if any_case { s.to_ascii_lowercase() } else { s.to_owned() };
        let text_folded = fold(&text);
        type Fits = fn(&str, &str) -> bool;
        let ways: [(TextMatch, Fits); 4] = [
            (TextMatch::Equal, |t, p| t == p),
            (TextMatch::Begins, |t, p| t.starts_with(p)),
            (TextMatch::Ends, |t, p| t.ends_with(p)),
            (TextMatch::Contains, |t, p| t.contains(p)),
        ];
        for (how, fits) in ways {
            let texts = Texts::of(how, any_case, patterns.iter().map(|p| p.as_bytes().into()));
            let expected = patterns.iter().any(|p| fits(&text_folded, &fold(p)));
            prop_assert_eq!(texts.matches(text.as_bytes()), expected, "{:?}", how);
        }
    }

    #[test]
    fn comparisons_are_ranges(n in any::<i64>(), with in any::<i64>()) {
        use Comparison::*;
        let table = [(Equal, n == with), (AtLeast, n >= with), (Above, n > with), (AtMost, n <= with), (Below, n < with)];
        for (comparison, expected) in table {
            prop_assert_eq!(Numbers(vec![comparison.range(with)]).contains(n), expected);
        }
    }
}

#[test]
fn families_meet_where_one_holds_the_other() {
    let contains = |network: Network, ip: &str| network.contains(ip.parse().expect("an address"));
    let ten = Network::v4(Ipv4Addr::new(10, 0, 0, 0), 0xff00_0000);
    for (ip, expected) in [
        ("10.9.9.9", true),
        ("::ffff:10.9.9.9", true),
        ("::10.9.9.9", true),
        ("2002:a09:909::1", true),
        ("2001:db8::10", false),
        ("11.0.0.1", false),
    ] {
        assert_eq!(contains(ten, ip), expected, "{ip}");
        assert_eq!(
            Addresses::of([ten]).contains(ip.parse().expect("an address")),
            expected,
            "{ip}"
        );
    }
}

#[test]
fn answers_combine() {
    use Answer::{No, Unknown, Yes};
    for (answers, all, any) in [
        (&[][..], Yes, No),
        (&[Yes, Yes], Yes, Yes),
        (&[Yes, No], No, Yes),
        (&[No, Unknown], No, Unknown),
        (&[Unknown, No], Unknown, Unknown),
        (&[Yes, Unknown], Unknown, Yes),
        (&[Unknown, Yes], Unknown, Yes),
    ] {
        assert_eq!(Answer::all(answers.iter().copied()), all, "{answers:?}");
        assert_eq!(Answer::any(answers.iter().copied()), any, "{answers:?}");
    }
    assert_eq!(Unknown.negated_if(true), Unknown);
}
