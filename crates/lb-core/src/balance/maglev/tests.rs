use super::*;
use crate::balance::{Candidate, HashKey, Policy};
use crate::{ServerId, ServerIdx};
use proptest::prelude::*;

/// The forward mode's number of buckets.
const FEW: u32 = 4_099;

fn pool(weights: &[(u32, u32)]) -> Pool {
    let candidate = |((id, weight), place): (&(u32, u32), u32)| Candidate {
        place: ServerIdx(place),
        id: ServerId(*id),
        key: HashKey::Id.of(ServerId(*id), None, None),
        minconn: 0,
        weight: weight * 16,
        backup: false,
        usable: true,
        maxconn: 0,
    };
    let candidates: Vec<Candidate> = weights.iter().zip(0..).map(candidate).collect();
    Pool::gather(&Policy::default(), &candidates)
}

/// Whose each slot is, by the servers' ids.
fn owners(weights: &[(u32, u32)], slots: u32) -> Vec<u32> {
    let pool = pool(weights);
    let map = Maglev::build(&pool, slots);
    map.slots
        .iter()
        .map(|place| pool.members()[*place as usize].id.0)
        .collect()
}

fn share(owners: &[u32], id: u32) -> usize {
    owners.iter().filter(|owner| **owner == id).count()
}

#[test]
fn everybody_has_its_part() {
    for slots in [FEW, SLOTS] {
        let equal = owners(&[(1, 1), (2, 1), (3, 1)], slots);
        for id in 1..=3 {
            assert!(
                share(&equal, id).abs_diff(slots as usize / 3) <= 1,
                "{slots}: {}",
                share(&equal, id)
            );
        }
        let heavy = owners(&[(1, 1), (2, 3)], slots);
        assert!(
            share(&heavy, 2).abs_diff(slots as usize * 3 / 4) <= 2,
            "{slots}: {}",
            share(&heavy, 2)
        );
    }
}

#[test]
fn the_order_of_the_file_counts_for_little() {
    let (one, other) = (
        owners(&[(1, 1), (2, 1), (3, 1)], FEW),
        owners(&[(3, 1), (1, 1), (2, 1)], FEW),
    );
    let moved = one.iter().zip(&other).filter(|(a, b)| a != b).count();
    assert!(moved < FEW as usize / 10, "{moved}");
}

#[test]
fn who_will_not_do_is_passed_over() {
    let pool = pool(&[(1, 1), (2, 1)]);
    let map = Maglev::build(&pool, FEW);
    for hash in 0..1000 {
        let first = map.at(hash, &pool, |_| true).idx;
        assert_ne!(
            map.at(hash, &pool, |place| pool.members()[place].idx != first).idx,
            first
        );
        assert_eq!(map.at(hash, &pool, |_| false).idx, first, "nobody else will do either");
    }
}

proptest! {
    /// A server that leaves gives its slots away; of the others' few move, and none when nothing changes. Of three servers two may
    /// have much the same order of preference, then it is a quarter of all and a little more.
    #[test]
    fn who_leaves_moves_little_else(ids in prop::collection::btree_set(1..10_000u32, 3..12), gone in 0..12usize) {
        let all: Vec<(u32, u32)> = ids.iter().map(|id| (*id, 1)).collect();
        let before = owners(&all, FEW);
        prop_assert_eq!(&before, &owners(&all, FEW));
        let gone = all[gone % all.len()].0;
        let left: Vec<_> = all.iter().copied().filter(|(id, _)| *id != gone).collect();
        let after = owners(&left, FEW);
        let moved = before.iter().zip(&after).filter(|(was, is)| **was != gone && was != is).count();
        prop_assert!(moved * 3 < FEW as usize, "{} of {}", moved, FEW);
        prop_assert!(!after.contains(&gone));
    }
}
