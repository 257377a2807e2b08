//! What operators do to lists, against what is found in them then.

use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

fn how(name: &str) -> How {
    let named = Method::NAMED.iter().find(|(known, _)| *known == name);
    How {
        method: named.expect("a known method").1,
        any_case: false,
    }
}

/// A library of one list, which is read as an ACL's and as a map's.
fn library(name: &str, output: Kind, entries: &[(&str, Option<&str>)]) -> Library {
    let list = Arc::new(List::of(entries.iter().copied()));
    Library {
        tests: vec![Arc::new(Patterns::new(how(name), list.clone()).expect("patterns"))],
        maps: vec![Arc::new(
            Values::new(how(name), output, list.clone()).expect("patterns and values"),
        )],
        shelved: vec![Shelved {
            list,
            id: 7,
            file: Some("a.map".into()),
            about: "".into(),
            has_tests: true,
            has_maps: true,
        }],
    }
}

fn ten() -> Library {
    library(
        "ip",
        Kind::Int,
        &[("10.0.0.0/8", Some("1")), ("10.1.0.0/16", Some("2"))],
    )
}

impl Library {
    fn at(&self) -> &Shelved {
        &self.shelved[0]
    }

    fn value_of(&self, text: &str) -> Option<i64> {
        let sample = Sample::text(text);
        let found = self.maps[0].find(&sample);
        assert_eq!(self.tests[0].matches(&sample), found.is_some(), "{text}");
        found.and_then(|value| value.as_int())
    }
}

#[test]
fn lists_have_two_names() {
    let library = ten();
    assert!(library.find("#7").is_some());
    assert!(library.find("a.map").is_some());
    for unknown in ["7", "#", "#8", "#x", "", "b.map"] {
        assert!(library.find(unknown).is_none(), "{unknown}");
    }
}

#[test]
fn what_is_changed_counts_at_once() {
    let library = ten();
    let at = library.at();
    assert_eq!(
        [library.value_of("10.1.2.3"), library.value_of("10.9.2.3")],
        [Some(2), Some(1)]
    );
    assert_eq!(library.add(at, None, &[("10.1.2.0/24", Some("3"))]), Ok(()));
    assert_eq!(library.value_of("10.1.2.3"), Some(3));
    assert_eq!(library.set(at, Which::Key("10.1.2.0/24"), "4"), Ok(()));
    assert_eq!(library.value_of("10.1.2.3"), Some(4));
    assert_eq!(library.delete(at, Which::Number(3)), Ok(()));
    assert_eq!(library.value_of("10.1.2.3"), Some(2));
    assert_eq!(library.delete(at, Which::Number(3)), Err(Refusal::NoEntry));
    assert_eq!(library.set(at, Which::Key("10.1.2.0/24"), "4"), Err(Refusal::NoEntry));
    library.clear(at, None);
    assert_eq!(library.value_of("10.1.2.3"), None);
}

#[test]
fn a_bad_entry_changes_nothing() {
    let library = ten();
    let at = library.at();
    let good = ("10.2.0.0/16", Some("5"));
    for bad in [
        ("x", Some("5")),
        ("10.3.0.0/33", Some("5")),
        ("10.3.0.0/16", Some("x")),
        ("10.3.0.0/16", None),
    ] {
        let refused = library.add(at, None, &[good, bad]);
        assert!(matches!(refused, Err(Refusal::Entry(_))), "{bad:?}");
        assert_eq!(library.value_of("10.2.3.4"), Some(1), "{bad:?}");
    }
    assert!(matches!(library.set(at, Which::Number(1), "x"), Err(Refusal::Entry(_))));
}

#[test]
fn versions_count_when_they_are_committed() {
    let library = ten();
    let at = library.at();
    let entry = [("11.0.0.0/8", Some("3"))];
    assert_eq!(library.add(at, Some(1), &entry), Err(Refusal::Future));
    assert_eq!([library.prepare(at), library.prepare(at)], [1, 2]);
    assert_eq!(library.add(at, Some(1), &entry), Ok(()));
    assert_eq!(
        [library.value_of("11.1.1.1"), library.value_of("10.9.9.9")],
        [None, Some(1)]
    );
    assert_eq!(library.commit(at, 3), Err(Refusal::Version));
    assert_eq!(library.commit(at, 1), Ok(()));
    assert_eq!(
        [library.value_of("11.1.1.1"), library.value_of("10.9.9.9")],
        [Some(3), None]
    );
    assert_eq!(at.list.now().len(), 1);
    assert_eq!(library.commit(at, 1), Err(Refusal::Version));
    assert_eq!(library.commit(at, 2), Ok(()));
    assert!(at.list.now().is_empty());
}

#[test]
fn findings_name_what_fits() {
    let library = library(
        "beg",
        Kind::Text,
        &[("a", Some("x")), ("ab", Some("y")), ("ab", Some("z"))],
    );
    let fitting = |value| {
        let findings = library.look_up(library.at(), value);
        let of = |finding: &Finding| {
            finding
                .entry
                .as_ref()
                .map(|e| e.value.clone().expect("a value").to_string())
        };
        assert_eq!(findings.len(), 2);
        of(&findings[1])
    };
    assert_eq!(
        [fitting("abc"), fitting("ac"), fitting("b")],
        [Some("y".to_owned()), Some("x".to_owned()), None]
    );
    let value = library.maps[0].find(&Sample::text("abc"));
    assert_eq!(value, Some(Sample::text("y")), "the longest, and of equals the first");
}

#[test]
fn libraries_are_the_same_while_they_say_the_same() {
    let (one, other) = (ten(), ten());
    assert_eq!((&one, &one.tests), (&other, &other.tests));
    one.delete(one.at(), Which::Number(1)).expect("it is there");
    assert_ne!(one, other);
    assert_ne!((&one.tests, &one.maps), (&other.tests, &other.maps));
}

proptest! {
    /// The form for connections agrees with looking through all entries.
    #[test]
    fn forms_follow_their_list(
        steps in proptest::collection::vec((0u8..4, 0u32..64, 20u32..=32), 0..40),
        probe in 0u32..64,
    ) {
        let library = library("ip", Kind::Int, &[]);
        let at = library.at();
        let text = |n: u32, width: u32| format!("{}/{width}", Ipv4Addr::from(0x0a00_0000 | n << 6));
        for (step, n, width) in steps {
            let key = text(n, width);
            match step {
                0 | 1 => library.add(at, None, &[(&key, Some(&width.to_string()))]).expect("a network"),
                2 => { library.delete(at, Which::Key(&key)).ok(); }
                _ => { library.delete(at, Which::Number(n)).ok(); }
            }
        }
        let ip = Ipv4Addr::from(0x0a00_0000 | probe << 6);
        let network = |entry: &Entry| entry.key.parse::<crate::acl::Network>().expect("a network");
        let content = at.list.now();
        let widths = content.present().filter(|e| network(e).contains(ip.into())).map(|e| i64::from(network(e).width()));
        let widest = widths.max();
        prop_assert_eq!(library.value_of(&ip.to_string()), widest);
        let found = library.look_up(at, &ip.to_string()).pop().and_then(|f| f.entry).and_then(|e| e.value);
        prop_assert_eq!(found.map(|v| v.parse::<i64>().expect("a width")), widest);
    }
}
