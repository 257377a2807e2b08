use super::*;
use crate::ServerId;
use crate::balance::{HashKey, HashMethod, HashType};

/// One load per server, in order.
struct Busy(Vec<u32>);

impl Loads for Busy {
    fn served(&self, s: ServerIdx) -> u32 {
        self.0[s.place()]
    }
}

struct Waiting(Vec<u32>);

impl Loads for Waiting {
    fn served(&self, _: ServerIdx) -> u32 {
        0
    }

    fn queued(&self, s: ServerIdx) -> u32 {
        self.0[s.place()]
    }
}

fn servers(weights: &[u32]) -> Vec<Candidate> {
    let server = |(&w, id)| Candidate {
        place: ServerIdx(id - 1),
        id: ServerId(id),
        key: HashKey::Id.of(ServerId(id), None, None),
        minconn: 0,
        weight: w * 16,
        backup: false,
        usable: true,
        maxconn: 0,
    };
    weights.iter().zip(1..).map(server).collect()
}

fn policy(algorithm: Algorithm) -> Policy {
    Policy {
        algorithm,
        ..Policy::default()
    }
}

fn ticket(ticket: u64) -> Request {
    Request {
        key: None,
        source: Some(IpAddr::from([10, 0, 0, 7])),
        ticket,
        avoid: None,
    }
}

const ALL: [Algorithm; 7] = [
    Algorithm::RoundRobin,
    Algorithm::StaticRr,
    Algorithm::LeastConn,
    Algorithm::First,
    Algorithm::Source,
    Algorithm::Random { draws: 2 },
    Algorithm::HashSrc,
];

#[test]
fn nobody_to_pick() {
    for algorithm in ALL {
        let mut down = servers(&[1, 0]);
        down[0].usable = false;
        for candidates in [Vec::new(), down] {
            let table = Table::build(&policy(algorithm), &candidates);
            assert_eq!(table.pick(&ticket(1), &Busy(vec![0, 0])), None, "{algorithm:?}");
            assert_eq!((table.active(), table.backups(), table.on_backup()), (0, 0, false));
        }
    }
}

#[test]
fn backups_serve_only_when_nobody_else_does() {
    let mut candidates = servers(&[1, 1, 1, 1]);
    candidates[1].backup = true;
    candidates[2].backup = true;
    // (usable, all backups share, who is picked)
    let table: [([bool; 4], bool, &[u32]); 6] = [
        ([true, true, true, true], false, &[0, 3]),
        ([false, true, true, true], true, &[3]),
        ([false, true, true, false], false, &[1]),
        ([false, true, true, false], true, &[1, 2]),
        ([false, false, true, false], false, &[2]),
        ([false, false, false, false], true, &[]),
    ];
    for (usable, all_backups, expected) in table {
        for (c, up) in candidates.iter_mut().zip(usable) {
            c.usable = up;
        }
        for algorithm in [Algorithm::RoundRobin, Algorithm::StaticRr, Algorithm::LeastConn] {
            let table = Table::build(
                &Policy {
                    all_backups,
                    ..policy(algorithm)
                },
                &candidates,
            );
            let mut picked: Vec<u32> = (0..20)
                .filter_map(|t| table.pick(&ticket(t), &Busy(vec![0; 4])))
                .map(|s| s.0)
                .collect();
            picked.sort_unstable();
            picked.dedup();
            assert_eq!(
                picked, expected,
                "{algorithm:?}, usable {usable:?}, all backups {all_backups}"
            );
            assert_eq!(table.on_backup(), !usable[0] && !usable[3] && (usable[1] || usable[2]));
        }
    }
}

#[test]
fn leastconn_keys() {
    // (weights, connections, the one to pick at ticket 0)
    let table: [(&[u32], &[u32], u32); 5] = [
        (&[1, 1, 1], &[2, 1, 3], 1),
        (&[1, 4], &[1, 6], 1),
        (&[1, 4], &[1, 7], 0),
        // Idle and light comes before busy and heavy.
        (&[1, 256], &[0, 1], 0),
        (&[1, 2], &[3, 7], 0),
    ];
    for (weights, loads, expected) in table {
        let table = Table::build(&policy(Algorithm::LeastConn), &servers(weights));
        let picked = table.pick(&ticket(0), &Busy(loads.to_vec()));
        assert_eq!(
            picked,
            Some(ServerIdx(expected)),
            "weights {weights:?}, loads {loads:?}"
        );
    }
    let table = Table::build(&policy(Algorithm::LeastConn), &servers(&[1, 1]));
    assert_eq!(table.pick(&ticket(0), &Waiting(vec![1, 0])), Some(ServerIdx(1)));
}

#[test]
fn leastconn_equals_take_turns() {
    let table = Table::build(&policy(Algorithm::LeastConn), &servers(&[1, 1, 1, 1]));
    let picked: Vec<u32> = (0..6)
        .filter_map(|t| table.pick(&ticket(t), &Busy(vec![5, 0, 0, 0])))
        .map(|s| s.0)
        .collect();
    assert_eq!(picked, [1, 2, 3, 1, 2, 3]);
}

#[test]
fn first_fills_by_id() {
    let mut candidates = servers(&[1, 1, 1]);
    for (c, id) in candidates.iter_mut().zip([30, 10, 20]) {
        c.id = ServerId(id);
        c.maxconn = 2;
    }
    let table = Table::build(&policy(Algorithm::First), &candidates);
    let pick = |loads: [u32; 3]| table.pick(&ticket(0), &Busy(loads.to_vec())).map(|s| s.0);
    assert_eq!(pick([0, 0, 0]), Some(1));
    assert_eq!(pick([0, 1, 0]), Some(1));
    assert_eq!(pick([0, 2, 1]), Some(2));
    assert_eq!(pick([0, 2, 2]), Some(0));
    assert_eq!(pick([2, 2, 2]), None);
}

#[test]
fn the_full_and_those_with_a_queue_are_passed_over() {
    for algorithm in [
        Algorithm::RoundRobin,
        Algorithm::StaticRr,
        Algorithm::LeastConn,
        Algorithm::Random { draws: 1 },
    ] {
        let mut candidates = servers(&[1, 1, 1]);
        candidates.iter_mut().for_each(|c| c.maxconn = 1);
        let table = Table::build(&policy(algorithm), &candidates);
        for t in 0..30 {
            assert_eq!(
                table.pick(&ticket(t), &Busy(vec![1, 1, 0])),
                Some(ServerIdx(2)),
                "{algorithm:?}"
            );
            assert_eq!(
                table.pick(&ticket(t), &Waiting(vec![1, 0, 2])),
                Some(ServerIdx(1)),
                "{algorithm:?}"
            );
            assert_eq!(table.pick(&ticket(t), &Busy(vec![1, 1, 1])), None, "{algorithm:?}");
        }
    }
}

#[test]
fn a_hash_does_not_ask_for_room() {
    let mut candidates = servers(&[1]);
    candidates[0].maxconn = 1;
    for algorithm in [Algorithm::Source, Algorithm::HashSrc] {
        let table = Table::build(&policy(algorithm), &candidates);
        assert_eq!(table.pick(&ticket(0), &Busy(vec![9])), Some(ServerIdx(0)));
    }
}

#[test]
fn the_only_one_is_picked_even_if_to_be_avoided() {
    for algorithm in ALL {
        let table = Table::build(&policy(algorithm), &servers(&[1, 0]));
        let r = Request {
            avoid: Some(ServerIdx(0)),
            ..ticket(4)
        };
        assert_eq!(table.pick(&r, &Busy(vec![3, 0])), Some(ServerIdx(0)), "{algorithm:?}");
    }
}

#[test]
fn another_is_picked_than_the_one_to_avoid() {
    let hash = HashType {
        method: HashMethod::Consistent,
        ..HashType::default()
    };
    for algorithm in ALL {
        let table = Table::build(
            &Policy {
                hash,
                ..policy(algorithm)
            },
            &servers(&[1, 1, 1]),
        );
        for (t, avoid) in (0..60).zip([0, 1, 2].into_iter().cycle()) {
            let r = Request {
                avoid: Some(ServerIdx(avoid)),
                ..ticket(t)
            };
            let picked = table.pick(&r, &Busy(vec![0; 3]));
            assert!(
                picked.is_some() && picked != r.avoid,
                "{algorithm:?}, ticket {t}: {picked:?}"
            );
        }
    }
}

/// The load of a full server must not fall on its neighbour alone.
#[test]
fn substitutes_are_spread() {
    let mut candidates = servers(&[1, 1, 1, 1]);
    candidates[0].maxconn = 1;
    let table = Table::build(&policy(Algorithm::RoundRobin), &candidates);
    let mut counts = [0; 4];
    for t in 0..4000 {
        counts[table
            .pick(&ticket(t), &Busy(vec![1, 0, 0, 0]))
            .map_or(0, ServerIdx::place)] += 1;
    }
    assert_eq!(counts[0], 0);
    assert!(counts[1..].iter().all(|&n| (1250..1420).contains(&n)), "{counts:?}");
}

#[test]
fn random_follows_weight_and_load() {
    let table = Table::build(&policy(Algorithm::Random { draws: 1 }), &servers(&[1, 3]));
    let count = |table: &Table, loads: &Busy| {
        (0..4000)
            .filter(|&t| table.pick(&ticket(t), loads) == Some(ServerIdx(1)))
            .count()
    };
    let heavy = count(&table, &Busy(vec![0, 0]));
    assert!((2600..3400).contains(&heavy), "{heavy} of 4000 with weight 3 of 4");

    let table = Table::build(&policy(Algorithm::Random { draws: 2 }), &servers(&[1, 1]));
    let loaded = count(&table, &Busy(vec![1, 9]));
    assert!(
        (600..1400).contains(&loaded),
        "{loaded} of 4000 on the loaded one, a quarter was expected"
    );
}

#[test]
fn without_an_address_clients_go_round() {
    for method in [HashMethod::MapBased, HashMethod::Consistent, HashMethod::Maglev] {
        let hash = HashType {
            method,
            ..HashType::default()
        };
        let table = Table::build(
            &Policy {
                hash,
                ..policy(Algorithm::Source)
            },
            &servers(&[1, 1, 1]),
        );
        let mut seen = [0; 3];
        for t in 0..300 {
            let r = Request {
                key: None,
                source: None,
                ticket: t,
                avoid: None,
            };
            seen[table.pick(&r, &Busy(vec![0; 3])).map_or(0, ServerIdx::place)] += 1;
        }
        assert!(seen.iter().all(|&n| n > 50), "{method:?}: {seen:?}");
    }
}

/// The bound of each server in turn, whoever has how much.
#[test]
fn nobody_gets_more_than_the_bound() {
    for method in [HashMethod::Consistent, HashMethod::Maglev] {
        let bounded = Policy {
            hash: HashType {
                method,
                ..HashType::default()
            },
            balance_factor: 125,
            ..policy(Algorithm::Source)
        };
        let weights = [1, 1, 2];
        let table = Table::build(&bounded, &servers(&weights));
        // All from one address: without the bound one server would have them.
        let mut busy = Busy(vec![0; 3]);
        for n in 1..=200u32 {
            let picked = table.pick(&ticket(0), &busy).expect("one may take it");
            busy.0[picked.place()] += 1;
            let most = |weight: u32| (n * 125).div_ceil(100) * weight / 4 + 1;
            for (served, weight) in busy.0.iter().zip(weights) {
                assert!(*served <= most(weight), "{method:?}: {:?} of {n}", busy.0);
            }
        }
        assert!(busy.0.iter().all(|served| *served > 10), "{method:?}: {:?}", busy.0);
        // Better above the bound than where it has just failed.
        for avoid in [0, 1, 2].map(ServerIdx) {
            let again = Request {
                avoid: Some(avoid),
                ..ticket(0)
            };
            let mut busy = Busy(vec![50; 3]);
            busy.0[avoid.place()] = 0;
            assert_ne!(table.pick(&again, &busy), Some(avoid), "{method:?}");
        }
    }
    let random = Policy {
        balance_factor: 110,
        ..policy(Algorithm::Random { draws: 1 })
    };
    let table = Table::build(&random, &servers(&[1, 1]));
    let picks = (0..200).filter(|t| table.pick(&ticket(*t), &Busy(vec![9, 1])) == Some(ServerIdx(0)));
    assert_eq!(picks.count(), 0, "it has 9 of 10");
}

#[test]
fn limits_that_grow_with_the_load() {
    for (least, most, load, full, limit) in [
        (5, 50, 0, 100, 5),
        (5, 50, 10, 100, 5),
        (5, 50, 40, 100, 20),
        (5, 50, 99, 100, 49),
        (5, 50, 100, 100, 50),
        (5, 50, 1000, 100, 50),
        (5, 50, 0, 0, 50),
        (50, 50, 1, 100, 50),
        (1, u32::MAX, u32::MAX - 1, u32::MAX, u32::MAX - 1),
    ] {
        assert_eq!(
            dynamic_limit((least, most), load, full),
            limit,
            "{least}-{most}, {load} of {full}"
        );
    }
}
