use super::*;
use crate::ServerId;
use crate::balance::{HashFunction, HashKey, HashMethod, HashType};
use proptest::prelude::*;

/// The same connections on every server.
struct Level(u32);

impl Loads for Level {
    fn served(&self, _: ServerIdx) -> u32 {
        self.0
    }
}

struct Busy(Vec<u32>);

impl Loads for Busy {
    fn served(&self, s: ServerIdx) -> u32 {
        self.0[s.place()]
    }
}

fn algorithm() -> impl Strategy<Value = Algorithm> {
    prop_oneof![
        Just(Algorithm::RoundRobin),
        Just(Algorithm::StaticRr),
        Just(Algorithm::LeastConn),
        Just(Algorithm::First),
        Just(Algorithm::Source),
        (0..5u32).prop_map(|draws| Algorithm::Random { draws }),
        Just(Algorithm::HashSrc),
    ]
}

fn hash_type() -> impl Strategy<Value = HashType> {
    let method = prop_oneof![
        Just(HashMethod::MapBased),
        Just(HashMethod::Consistent),
        Just(HashMethod::Maglev)
    ];
    let function = prop_oneof![
        Just(HashFunction::Sdbm),
        Just(HashFunction::Djb2),
        Just(HashFunction::Wt6),
        Just(HashFunction::Crc32),
        Just(HashFunction::None),
    ];
    (method, function, any::<bool>()).prop_map(|(method, function, avalanche)| HashType {
        method,
        function,
        avalanche,
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    let factor = prop_oneof![Just(0), 101..300u32];
    (algorithm(), hash_type(), factor, any::<bool>()).prop_map(|(algorithm, hash, balance_factor, all_backups)| {
        Policy {
            algorithm,
            hash,
            balance_factor,
            all_backups,
        }
    })
}

/// Ids by position; weights in sixteenths, also below 1 and sometimes 0.
fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
    let server = (0..200u32, any::<bool>(), prop::bool::weighted(0.8), 0..4u32);
    prop::collection::vec(server, 0..9).prop_map(|list| {
        let candidate = |((weight, backup, usable, maxconn), id)| Candidate {
            place: ServerIdx(id - 1),
            id: ServerId(id),
            key: HashKey::Id.of(ServerId(id), None, None),
            minconn: 0,
            weight,
            backup,
            usable,
            maxconn,
        };
        list.into_iter().zip(1..).map(candidate).collect()
    })
}

/// Servers without any limit and all usable, with ids that are no positions.
fn healthy(range: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Candidate>> {
    prop::collection::vec((1..40u32, 1..1000u32), range).prop_map(|list| {
        let candidate = |((weight, id), place): ((u32, u32), u32)| Candidate {
            place: ServerIdx(place),
            id: ServerId(id * 10 + place),
            key: HashKey::Id.of(ServerId(id * 10 + place), None, None),
            minconn: 0,
            weight: weight * 16,
            backup: false,
            usable: true,
            maxconn: 0,
        };
        list.into_iter().zip(0..).map(candidate).collect()
    })
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>().prop_map(IpAddr::from)
    ]
}

fn request() -> impl Strategy<Value = Request> {
    (
        prop::option::of(address()),
        any::<u64>(),
        prop::option::of((0..9u32).prop_map(ServerIdx)),
    )
        .prop_map(|(source, ticket, avoid)| Request {
            source,
            key: None,
            ticket,
            avoid,
        })
}

/// Who may be picked, said in the plainest way.
fn may_serve(policy: &Policy, candidates: &[Candidate]) -> Vec<ServerIdx> {
    let able = |backup: bool| -> Vec<ServerIdx> {
        let all = candidates.iter().zip(0..);
        all.filter(|(c, _)| c.usable && c.weight > 0 && c.backup == backup)
            .map(|(_, i)| ServerIdx(i))
            .collect()
    };
    match (able(false), policy.all_backups) {
        (active, _) if !active.is_empty() => active,
        (_, true) => able(true),
        (_, false) => able(true).into_iter().take(1).collect(),
    }
}

fn is_hash(policy: &Policy) -> bool {
    matches!(policy.algorithm, Algorithm::Source | Algorithm::HashSrc)
}

fn consistent(algorithm: Algorithm, hash: HashType) -> Policy {
    Policy {
        algorithm,
        hash: HashType {
            method: HashMethod::Consistent,
            ..hash
        },
        balance_factor: 0,
        all_backups: false,
    }
}

fn clients(ids: std::ops::Range<u32>) -> impl Iterator<Item = Request> {
    // Far apart, so that the ring without the avalanche is walked too.
    let address = |n: u32| IpAddr::from(n.wrapping_mul(0x9e37_79b9).to_be_bytes());
    ids.map(move |n| Request {
        key: None,
        source: Some(address(n)),
        ticket: u64::from(n),
        avoid: None,
    })
}

proptest! {
    #[test]
    fn the_picked_one_is_usable_and_has_room(
        policy in policy(), candidates in candidates(), r in request(), loads in prop::collection::vec(0..4u32, 9),
    ) {
        let able = may_serve(&policy, &candidates);
        let loads = Busy(loads);
        let room = |s: &ServerIdx| {
            let maxconn = candidates[s.place()].maxconn;
            is_hash(&policy) || maxconn == 0 || loads.served(*s) < maxconn
        };
        match Table::build(&policy, &candidates).pick(&r, &loads) {
            Some(s) => prop_assert!(able.contains(&s) && room(&s), "{s:?} of {able:?}"),
            None => prop_assert!(!able.iter().any(room), "none, but {able:?}"),
        }
    }

    #[test]
    fn avoided_when_another_is_there(policy in policy(), candidates in healthy(2..8), r in request()) {
        let map_hash = is_hash(&policy) && policy.hash.method == HashMethod::MapBased;
        prop_assume!(!map_hash);
        let picked = Table::build(&policy, &candidates).pick(&r, &Level(1));
        prop_assert!(picked.is_some());
        prop_assert!(picked != r.avoid, "{picked:?}");
    }

    #[test]
    fn equal_candidates_make_equal_tables(policy in policy(), candidates in candidates()) {
        prop_assert_eq!(Table::build(&policy, &candidates), Table::build(&policy, &candidates.clone()));
    }

    #[test]
    fn shares_are_exact_over_a_cycle(
        candidates in healthy(1..7), start in 0..1_000_000u64,
        algorithm in prop_oneof![Just(Algorithm::RoundRobin), Just(Algorithm::StaticRr)],
    ) {
        let table = Table::build(&Policy { algorithm, ..Policy::default() }, &candidates);
        let cycle: u32 = candidates.iter().map(|c| c.weight / 16).sum();
        let mut counts = vec![0; candidates.len()];
        for ticket in start..start + u64::from(cycle) {
            let r = Request { source: None, key: None, ticket, avoid: None };
            counts[table.pick(&r, &Level(0)).expect("all are usable").place()] += 1;
        }
        let weights: Vec<u32> = candidates.iter().map(|c| c.weight / 16).collect();
        prop_assert_eq!(counts, weights);
    }

    /// Who leaves gives away its own keys only; who returns gets back the same.
    #[test]
    fn an_outage_moves_only_its_own_keys(
        candidates in healthy(2..8), gone in any::<prop::sample::Index>(), hash in hash_type(),
        algorithm in prop_oneof![Just(Algorithm::Source), Just(Algorithm::HashSrc)],
    ) {
        let policy = consistent(algorithm, hash);
        let gone = gone.index(candidates.len());
        let mut fewer = candidates.clone();
        fewer[gone].usable = false;
        let (before, during) = (Table::build(&policy, &candidates), Table::build(&policy, &fewer));
        fewer[gone].usable = true;
        let after = Table::build(&policy, &fewer);
        for r in clients(0..400) {
            let (was, is) = (before.pick(&r, &Level(0)), during.pick(&r, &Level(0)));
            if was == Some(ServerIdx(gone as u32)) {
                prop_assert!(is != was, "{r:?} stays with the server that is gone");
            } else {
                prop_assert_eq!(was, is);
            }
            prop_assert_eq!(was, after.pick(&r, &Level(0)));
        }
    }

    /// Slow start: a server that grows takes keys and gives none away, and the others exchange none.
    #[test]
    fn a_growing_server_only_takes(candidates in healthy(2..6), part in 1..16u32, hash in hash_type()) {
        let policy = consistent(Algorithm::Source, hash);
        let mut light = candidates.clone();
        light[0].weight = (candidates[0].weight * part / 16).max(1);
        let (before, after) = (Table::build(&policy, &light), Table::build(&policy, &candidates));
        for r in clients(0..400) {
            let (was, is) = (before.pick(&r, &Level(0)), after.pick(&r, &Level(0)));
            prop_assert!(was == is || is == Some(ServerIdx(0)), "{was:?} to {is:?}");
        }
    }

    /// The key in its own words: idle is 0, else the connections with the newcomer, divided by the weight.
    #[test]
    fn leastconn_takes_a_least_loaded(candidates in healthy(1..8), loads in prop::collection::vec(0..9u32, 8), r in request()) {
        let r = Request { avoid: None, ..r };
        let policy = Policy { algorithm: Algorithm::LeastConn, ..Policy::default() };
        let picked = Table::build(&policy, &candidates).pick(&r, &Busy(loads.clone())).expect("all are usable");
        let key = |i: usize| match loads[i] {
            0 => 0,
            n => (n + 1) * 4096 / candidates[i].weight,
        };
        let least = (0..candidates.len()).map(key).min();
        prop_assert_eq!(Some(key(picked.place())), least);
    }
}
