//! The ring of the consistent hash: each server owns many points on a 32-bit circle, a key belongs to the nearest point.
//!
//! A server's points follow from its key alone. So one that leaves gives away only its own keys, spread over all others,
//! and one that returns gets back exactly these. Weight is the number of points: one for each sixteenth.

use super::hash_function::avalanche;
use super::pool::{Member, Pool};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HashRing {
    /// In the order of `at`.
    points: Vec<Point>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Point {
    at: u32,
    /// In the pool.
    place: u32,
}

impl HashRing {
    pub(super) fn build(pool: &Pool) -> HashRing {
        let total = pool.members().iter().map(|m| m.weight as usize).sum();
        let mut points = Vec::with_capacity(total);
        for (m, place) in pool.members().iter().zip(0..) {
            points.extend(stations(m).map(|at| Point { at, place }));
        }
        HashRing { points: sorted(points) }
    }

    /// The member whose point is nearest to `hash`, the earlier one when two are equally near; then onwards to the first
    /// that will do, if there is one. `will_do` is asked about places in the pool, which is not empty.
    pub(super) fn at<'p>(&self, hash: u32, pool: &'p Pool, will_do: impl Fn(usize) -> bool) -> &'p Member {
        let nearest = self.nearest(hash);
        let place = |i: usize| self.points[i % self.points.len()].place as usize;
        let found = (nearest..nearest + self.points.len())
            .map(place)
            .find(|place| will_do(*place));
        &pool.members()[found.unwrap_or_else(|| place(nearest))]
    }

    /// The point that decides about `hash`.
    pub(super) fn point(&self, hash: u32) -> u32 {
        self.points[self.nearest(hash)].at
    }

    fn nearest(&self, hash: u32) -> usize {
        let len = self.points.len();
        let next = self.points.partition_point(|p| p.at < hash) % len;
        let prev = (next + len - 1) % len;
        let behind = hash.wrapping_sub(self.points[prev].at);
        let ahead = self.points[next].at.wrapping_sub(hash);
        if behind <= ahead { prev } else { next }
    }
}

/// In the order of `at`, by three passes of eleven bits: twenty servers of weight 256 make 80,000 evenly spread points,
/// which comparisons would sort in several times the time.
fn sorted(mut points: Vec<Point>) -> Vec<Point> {
    const DIGITS: usize = 1 << 11;
    let mut other = vec![Point::default(); points.len()];
    for shift in [0, 11, 22] {
        let digit = |p: &Point| (p.at >> shift) as usize % DIGITS;
        let mut counts = [0; DIGITS];
        points.iter().for_each(|p| counts[digit(p)] += 1);
        let mut next: Vec<usize> = counts
            .iter()
            .scan(0, |sum, n| Some(std::mem::replace(sum, *sum + n)))
            .collect();
        for p in &points {
            let slot = &mut next[digit(p)];
            other[*slot] = *p;
            *slot += 1;
        }
        std::mem::swap(&mut points, &mut other);
    }
    points
}

fn stations(m: &Member) -> impl Iterator<Item = u32> {
    let start = m.key;
    (0..m.weight).map(move |i| avalanche(start.wrapping_add(i)))
}
