use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::{Algorithm, HashFunction, HashKey, HashMethod, HashType};
use super::*;
use crate::ServerId;

/// Sessions by place.
struct Sessions(Vec<u32>);

impl Loads for Sessions {
    fn served(&self, s: ServerIdx) -> u32 {
        self.0.get(s.place()).copied().unwrap_or(0)
    }
}

fn candidates(weights: &[u32]) -> Vec<Candidate> {
    let one = |(place, weight): (u32, &u32)| Candidate {
        place: ServerIdx(place),
        id: ServerId(place + 1),
        key: HashKey::Id.of(ServerId(place + 1), None, None),
        minconn: 0,
        weight: weight * 16,
        backup: place == 3,
        usable: true,
        maxconn: if place == 1 { 5 } else { 0 },
    };
    (0..).zip(weights).map(one).collect()
}

fn policies() -> Vec<Policy> {
    let hash = |method, avalanche| HashType {
        method,
        function: HashFunction::default(),
        avalanche,
    };
    let algorithms = [
        Algorithm::RoundRobin,
        Algorithm::StaticRr,
        Algorithm::LeastConn,
        Algorithm::First,
        Algorithm::Source,
        Algorithm::HashSrc,
        Algorithm::Random { draws: 2 },
    ];
    let hashes = [
        hash(HashMethod::MapBased, false),
        hash(HashMethod::Consistent, false),
        hash(HashMethod::Consistent, true),
    ];
    let mut policies = Vec::new();
    for algorithm in algorithms {
        policies.extend(hashes.map(|hash| Policy {
            algorithm,
            hash,
            ..Policy::default()
        }));
    }
    policies
}

fn addresses() -> impl Iterator<Item = Option<IpAddr>> {
    let v4 = (0..300u32).map(|n| Some(IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + n * 7919))));
    let v6 = (0..50u128).map(|n| Some(IpAddr::V6(Ipv6Addr::from((0x2001_0db8 << 96) + n * 65_537))));
    v4.chain(v6).chain([None])
}

#[test]
fn the_order_agrees_with_real_picks() {
    let servers = candidates(&[3, 1, 2, 1]);
    let loads = Sessions(vec![4, 5, 1, 0]);
    for policy in policies() {
        for (ticket, source) in (0..).zip(addresses()) {
            let request = Request {
                key: None,
                source,
                ticket,
                avoid: None,
            };
            let order = in_order(&policy, &servers, &request, &loads, 9);
            // Who is really picked when those before are gone.
            let mut left = servers.clone();
            for choice in &order {
                let picked = Table::build(&policy, &left).pick(&request, &loads);
                assert_eq!(Some(choice.server), picked, "{policy:?} {request:?}");
                left.retain(|candidate| Some(candidate.place) != picked);
            }
            assert_eq!(Table::build(&policy, &left).pick(&request, &loads), None);
            // The full one is nobody's choice, unless a hash insists; the backup is the last.
            let is_hash = matches!(policy.algorithm, Algorithm::Source | Algorithm::HashSrc);
            if is_hash {
                assert_eq!(order.len(), 4, "{policy:?}");
                assert_eq!(order[3].server, ServerIdx(3));
            } else {
                assert!(order.iter().all(|choice| choice.server != ServerIdx(1)), "{policy:?}");
            }
        }
    }
}

#[test]
fn reasons() {
    let servers = candidates(&[1, 1, 1]);
    let idle = Sessions(Vec::new());
    let why = |algorithm, method, source: Option<IpAddr>, ticket, loads: &Sessions| {
        let policy = Policy {
            algorithm,
            hash: HashType {
                method,
                ..HashType::default()
            },
            ..Policy::default()
        };
        let request = Request {
            key: None,
            source,
            ticket,
            avoid: None,
        };
        in_order(&policy, &servers, &request, loads, 1)
            .first()
            .map(|choice| choice.why.to_string())
    };
    let ip = |text: &str| text.parse().ok();
    let full = Sessions(vec![0, 5, 0]);
    for (algorithm, method, source, ticket, loads, expect) in [
        (
            Algorithm::Source,
            HashMethod::MapBased,
            ip("10.0.0.7"),
            0,
            &idle,
            "hash 0a000007 is on slot 3 of 3",
        ),
        (
            Algorithm::Source,
            HashMethod::MapBased,
            None,
            5,
            &idle,
            "without an address clients take turns",
        ),
        (
            Algorithm::RoundRobin,
            HashMethod::MapBased,
            ip("10.0.0.7"),
            4,
            &idle,
            "turn 2 of 3",
        ),
        (
            Algorithm::RoundRobin,
            HashMethod::MapBased,
            None,
            1,
            &full,
            "in place of one that has no room",
        ),
        (Algorithm::StaticRr, HashMethod::MapBased, None, 0, &idle, "turn 1 of 3"),
        (
            Algorithm::LeastConn,
            HashMethod::MapBased,
            None,
            0,
            &idle,
            "the least to do for its weight, with 0 sessions",
        ),
        (
            Algorithm::First,
            HashMethod::MapBased,
            None,
            0,
            &idle,
            "the lowest id that has room",
        ),
        (
            Algorithm::Random { draws: 2 },
            HashMethod::MapBased,
            None,
            0,
            &idle,
            "the least busy of 2 drawn by weight",
        ),
    ] {
        let seen = why(algorithm, method, source, ticket, loads);
        assert_eq!(seen.as_deref(), Some(expect), "{algorithm:?}");
    }
    let nearest = why(Algorithm::Source, HashMethod::Consistent, ip("10.0.0.7"), 0, &idle);
    assert!(nearest.is_some_and(|why| why.starts_with("hash 0a000007 is nearest to its point ")));
}
