//! Tables are equal on both hosts, move little, and what is written is what was meant.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::balance::{Algorithm, Candidate, HashKey, HashMethod, HashType, Policy, Table};
use crate::{ServerId, ServerIdx};

fn at(n: usize) -> SocketAddr {
    SocketAddr::new([10, 1, (n >> 8) as u8, n as u8].into(), 1883)
}

/// Servers by what tells them apart, each with its weight and whether it is usable.
fn buckets(servers: &[(usize, u16, bool)], seed: u32) -> Vec<Option<usize>> {
    let policy = Policy {
        algorithm: Algorithm::Source,
        hash: HashType {
            method: HashMethod::Maglev,
            ..HashType::default()
        },
        ..Policy::default()
    };
    let candidate = |(place, (n, weight, usable)): (usize, &(usize, u16, bool))| Candidate {
        place: ServerIdx(place as u32),
        id: ServerId(place as u32 + 1),
        key: HashKey::AddrPort.of(ServerId(1), Some(at(*n)), None),
        weight: u32::from(*weight) * 16,
        backup: false,
        usable: *usable,
        maxconn: 0,
        minconn: 0,
    };
    let candidates: Vec<Candidate> = servers.iter().enumerate().map(candidate).collect();
    let table = Table::build(&policy, &candidates).buckets(BUCKETS, seed, |_| true);
    table
        .into_iter()
        .map(|idx| idx.map(|idx| servers[idx.place()].0))
        .collect()
}

fn lane(servers: &[(usize, u16, bool)]) -> Lane {
    let at: Vec<SocketAddr> = servers.iter().map(|(n, ..)| at(*n)).collect();
    let numbers = numbers(&at);
    let number = |n: usize| {
        servers
            .iter()
            .position(|(known, ..)| *known == n)
            .map(|place| numbers[place])
    };
    let target = |((at, number), (n, ..)): ((&SocketAddr, &u32), &(usize, u16, bool))| Target {
        name: format!("b/s{n}").into(),
        at: *at,
        number: *number,
    };
    Lane {
        frontend: "f".into(),
        at: SocketAddr::new([10, 9, 0, 100].into(), 5672),
        key: Key::Source,
        seed: 7,
        pin_for: Duration::from_secs(900),
        pins: 1000,
        targets: at.iter().zip(&numbers).zip(servers).map(target).collect(),
        buckets: buckets(servers, 7).into_iter().map(|n| n.and_then(number)).collect(),
    }
}

const OURS: Owner = Owner { pid: 7, mark: 0x100 };

fn ruleset(lanes: Vec<Lane>) -> Ruleset {
    Ruleset { owner: OURS, lanes }
}

fn three_lanes() -> Vec<Lane> {
    let one = |n: u8| Lane {
        at: SocketAddr::new([10, 9, 0, n].into(), 1),
        ..lane(&[(n.into(), 1, true)])
    };
    (0..3).map(one).collect()
}

/// The elements of a map after these scripts, as a kernel would have them that had `before`.
fn played(scripts: &[String], before: BTreeMap<u32, u32>) -> BTreeMap<u32, u32> {
    let mut map = before;
    for line in scripts.iter().flat_map(|script| script.lines()) {
        let Some(line) = line
            .strip_prefix("flush map ")
            .or(line.strip_prefix("delete element "))
            .or(line.strip_prefix("add element "))
        else {
            continue;
        };
        if !line.contains("_buckets") {
            continue;
        }
        let Some((_, elements)) = line.split_once('{') else {
            map.clear();
            continue;
        };
        for element in elements.trim_end_matches('}').split(',') {
            let mut words = element.split(':').map(str::trim);
            let key = words.next().and_then(|k| k.parse().ok()).expect("a bucket");
            match words.next() {
                Some(number) => assert!(
                    map.insert(key, u32::from_str_radix(&number[2..], 16).expect("a number"))
                        .is_none(),
                    "{key} is taken"
                ),
                None => assert!(map.remove(&key).is_some(), "{key} is not there"),
            }
        }
    }
    map
}

fn elements(lane: &Lane) -> BTreeMap<u32, u32> {
    (0..).zip(&lane.buckets).filter_map(|(k, v)| Some((k, (*v)?))).collect()
}

fn servers() -> impl Strategy<Value = Vec<(usize, u16, bool)>> {
    let one = (1_u16..=16, prop::bool::weighted(0.8));
    prop::collection::btree_map(0_usize..500, one, 1..12).prop_map(|all| {
        all.into_iter()
            .map(|(n, (weight, usable))| (n, weight, usable))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn both_hosts_have_the_same_table(servers in servers(), seed: u32) {
        let reversed: Vec<_> = servers.iter().rev().copied().collect();
        prop_assert_eq!(buckets(&servers, seed), buckets(&reversed, seed), "in whatever order the files name them");
        let (weights, usable): (u32, usize) = servers.iter().filter(|s| s.2).fold((0, 0), |(w, u), s| (w + u32::from(s.1), u + 1));
        let table = buckets(&servers, seed);
        for (n, weight, is_usable) in servers {
            let share = table.iter().filter(|owner| **owner == Some(n)).count();
            let due = if is_usable { BUCKETS as usize * usize::from(weight) / weights as usize } else { 0 };
            prop_assert!(share.abs_diff(due) <= usable + 16, "{n}: {share} and not {due}");
        }
    }

    /// Maglev's bound: beside the buckets of the one that left, few others move.
    #[test]
    fn a_server_that_leaves_moves_little_more_than_its_own(servers in servers(), who: prop::sample::Index, seed: u32) {
        prop_assume!(servers.iter().filter(|s| s.2).count() > 1);
        let before = buckets(&servers, seed);
        let mut after = servers.clone();
        let left = who.index(servers.len());
        after[left].2 = false;
        let after = buckets(&after, seed);
        let moved = before.iter().zip(&after).filter(|(a, b)| a != b && **a != Some(servers[left].0)).count();
        prop_assert!(moved <= BUCKETS as usize / 4, "{moved}");
        prop_assert!(after.iter().all(|owner| *owner != Some(servers[left].0)));
    }

    #[test]
    fn a_change_leads_from_the_one_table_to_the_other(one in servers(), usable in prop::collection::vec(any::<bool>(), 12)) {
        let other: Vec<_> = one.iter().zip(usable).map(|((n, w, _), u)| (*n, *w, u)).collect();
        let (before, after) = (ruleset(vec![lane(&one)]), ruleset(vec![lane(&other)]));
        let fresh = before.scripts(None, &Objects::default());
        let kernel = played(&fresh, BTreeMap::from([(1, 2)]));
        prop_assert_eq!(&kernel, &elements(&before.lanes[0]));
        let change = after.scripts(Some(&before), &before.objects());
        prop_assert!(change.iter().all(|script| !script.contains("chain")), "only buckets have changed");
        prop_assert_eq!(played(&change, kernel), elements(&after.lanes[0]));
        prop_assert!(after.scripts(Some(&after), &after.objects()).is_empty());
    }
}

#[test]
fn picks_follow_the_table() {
    let lane = lane(&[(1, 1, true), (2, 1, true), (3, 1, false)]);
    let client = |n: u32| SocketAddr::new(std::net::Ipv4Addr::from_bits(0xc0a8_0000 + n).into(), 40_000);
    let mut counts = BTreeMap::new();
    for n in 0..4000 {
        let target = lane.pick(client(n)).expect("somebody is there");
        *counts.entry(target.name.to_string()).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 2, "{counts:?}");
    assert!(counts.values().all(|count| (1700..2300).contains(count)), "{counts:?}");
    let by_port = Lane {
        key: Key::SourcePort,
        ..lane
    };
    let ports: BTreeSet<u32> = (1..100)
        .map(|port| {
            by_port
                .key
                .bucket(by_port.seed, SocketAddr::new([10, 0, 0, 1].into(), port))
        })
        .collect();
    assert!(ports.len() > 90, "{}", ports.len());
}

#[test]
fn nobody_is_somebody_too() {
    let lane = lane(&[(1, 1, false)]);
    assert!(lane.buckets.iter().all(Option::is_none));
    assert_eq!(lane.pick(at(9)), None);
    let scripts = ruleset(vec![lane]).scripts(None, &Objects::default());
    assert!(!scripts[0].contains("_buckets {  }"), "no empty list of elements");
}

/// Whoever is in the middle of a connection is not told that nobody listens; whoever begins one is.
#[test]
fn where_nobody_is_only_first_packets_are_refused() {
    let ruleset = ruleset(vec![lane(&[(1, 1, false)])]);
    let script = ruleset.scripts(None, &Objects::default()).concat();
    let (_, chain) = script.split_once("chain to_10.9.0.100_5672 {\n").expect("its chain");
    let rules: Vec<&str> = chain.lines().take_while(|line| *line != "}").collect();
    let at = |part: &str| rules.iter().position(|rule| rule.contains(part)).expect("the rule");
    let (balanced, waits, refused) = (at("map @to_10.9.0.100_5672_buckets"), at("_waits drop"), at("_nobody"));
    assert!(balanced < waits && waits < refused, "{rules:#?}");
    assert!(
        rules[waits].starts_with("tcp flags & (syn | ack) != syn "),
        "{}",
        rules[waits]
    );
    assert!(ruleset.objects().counters.contains("to_10.9.0.100_5672_waits"));
}

#[test]
fn numbers_follow_from_addresses_alone() {
    let [a, b, c] = [at(1), at(2), at(3)];
    let all = numbers(&[a, b, c]);
    assert_eq!(numbers(&[c, a]), [all[2], all[0]]);
    assert!(all.iter().all(|number| *number >= 1 << 31));
}

#[test]
fn a_table_that_stands_is_kept_and_cleaned() {
    let before = ruleset(vec![lane(&[(1, 1, true), (2, 1, true)])]);
    let after = ruleset(vec![lane(&[(1, 1, true), (3, 1, true)])]);
    let gone = &before.lanes[0].targets[1];
    let script = after.scripts(None, &before.objects()).concat();
    for what in [before.lanes[0].counter(gone, Flow::In), before.lanes[0].chain(gone, "")] {
        assert!(
            script.contains(&format!("{TABLE} {what}\n")),
            "{what} is not taken out of\n{script}"
        );
    }
    let pins = before.lanes[0].pins_map();
    assert!(
        !script.contains(&format!("flush map {TABLE} {pins}"))
            && !script.contains(&format!("delete map {TABLE} {pins}"))
    );
}

#[test]
fn many_lanes_take_several_transactions() {
    let scripts = ruleset(three_lanes()).scripts(None, &Objects::default());
    assert_eq!(scripts.len(), 3);
}

#[test]
fn a_table_is_adopted_with_its_owner_and_later_scripts_prove_it() {
    let theirs = Ruleset {
        owner: Owner { pid: 7, mark: 0x99 },
        ..ruleset(vec![lane(&[(1, 1, true), (2, 1, true)])])
    };
    assert_eq!(theirs.objects().owners().collect::<Vec<_>>(), [theirs.owner]);
    let ours = ruleset(theirs.lanes.clone());
    let adoption = ours.scripts(None, &theirs.objects());
    let [adoption] = adoption.as_slice() else {
        panic!("one transaction, and not {}", adoption.len());
    };
    assert!(
        adoption.starts_with("flush table")
            && adoption.contains("delete counter inet tandem_forward owner_7_0000000000000099\n")
    );
    assert!(
        adoption.contains("counter owner_7_0000000000000100 { }\n")
            && !adoption.contains("delete counter inet tandem_forward owner_7_0000000000000100")
    );

    let proof = "delete counter inet tandem_forward owner_7_0000000000000100\nadd counter inet tandem_forward owner_7_0000000000000100\n";
    let fewer = ruleset(vec![lane(&[(1, 1, true), (2, 1, false)])]);
    let other = ruleset(vec![lane(&[(1, 1, true), (3, 1, true)])]);
    for next in [fewer, other] {
        let scripts = next.scripts(Some(&ours), &ours.objects());
        assert!(!scripts.is_empty() && scripts.iter().all(|script| script.starts_with(proof)));
    }
    let scripts = ruleset(three_lanes()).scripts(None, &Objects::default());
    assert!(scripts[0].starts_with("create table") && scripts[1..].iter().all(|script| script.starts_with(proof)));
    assert_eq!(
        OURS.removal(),
        "delete counter inet tandem_forward owner_7_0000000000000100\ndelete table inet tandem_forward\n"
    );
}
