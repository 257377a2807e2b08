use super::*;
use crate::balance::{Candidate, HashKey, Policy};
use crate::{ServerId, ServerIdx};

fn cycle(sixteenths: &[u32]) -> Vec<u32> {
    let candidate = |(&weight, id)| Candidate {
        place: ServerIdx(id - 1),
        id: ServerId(id),
        key: HashKey::Id.of(ServerId(id), None, None),
        minconn: 0,
        weight,
        backup: false,
        usable: true,
        maxconn: 0,
    };
    let candidates: Vec<Candidate> = sixteenths.iter().zip(1..).map(candidate).collect();
    RoundRobin::build(&Pool::gather(&Policy::default(), &candidates)).cycle
}

#[test]
fn cycles() {
    let table: [(&[u32], &[u32]); 6] = [
        (&[16], &[0]),
        (&[16, 16, 16], &[0, 1, 2]),
        (&[1600, 1600], &[0, 1]),
        (&[48, 16], &[0, 0, 1, 0]),
        (&[16, 48], &[1, 0, 1, 1]),
        // A server in slow start: a quarter of its weight.
        (&[16, 4, 16], &[0, 2, 0, 2, 1, 0, 2, 0, 2]),
    ];
    for (weights, expected) in table {
        assert_eq!(cycle(weights), expected, "weights {weights:?}");
    }
}

#[test]
fn long_cycles_are_rounded_and_nobody_is_lost() {
    let mut weights = vec![HEAVIEST_ODD; 40];
    weights.push(1);
    let cycle = cycle(&weights);
    assert!(cycle.len() as u64 <= LONGEST + weights.len() as u64, "{}", cycle.len());
    for place in 0..weights.len() as u32 {
        assert!(cycle.contains(&place), "server {place} never appears");
    }
}

/// Shares no divisor with weight 1.
const HEAVIEST_ODD: u32 = 4095;

#[test]
fn a_heavy_server_does_not_come_in_a_row() {
    let cycle = cycle(&[32, 16, 16]);
    let twice = cycle.windows(2).filter(|w| w == &[0, 0]).count();
    assert_eq!(twice, 0, "{cycle:?}");
}
