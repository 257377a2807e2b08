//! Chance that is given, not taken: a small generator whose whole future follows from one number.
//!
//! SplitMix64 (Steele, Lea, Flood 2014): one addition and a finaliser a draw, full period, any start value is good.
//! It is for jitter, load spreading and simulation, never for secrets.

/// A generator of numbers; equal seeds give equal numbers on every machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed(u64);

const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

impl Seed {
    pub const fn new(start: u64) -> Seed {
        Seed(start)
    }

    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN_GAMMA);
        Seed::mix(self.0)
    }

    /// A number in `0..n`; 0 when `n` is 0. The bias of the multiplication is below 2^-32 for any `n` that fits in 32 bits.
    pub const fn below(&mut self, n: u64) -> u64 {
        ((self.next_u64() as u128 * n as u128) >> 64) as u64
    }

    /// True `part` times in `whole`.
    pub const fn chance(&mut self, part: u64, whole: u64) -> bool {
        self.below(whole) < part
    }

    /// An independent generator for one part of a run, so that a draw more in one part does not shift the others.
    pub const fn fork(&mut self, label: u64) -> Seed {
        Seed(Seed::mix(self.next_u64() ^ label.wrapping_mul(GOLDEN_GAMMA)))
    }

    /// One number from another, well spread: the finaliser alone.
    pub const fn mix(mut z: u64) -> u64 {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_sequence() {
        // Published test vector of SplitMix64 for start value 1234567.
        let mut s = Seed::new(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| s.next_u64()).collect();
        assert_eq!(
            drawn,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn below_stays_below_and_reaches_all() {
        let mut s = Seed::new(7);
        let mut seen = [false; 5];
        for _ in 0..200 {
            seen[s.below(5) as usize] = true;
        }
        assert_eq!(seen, [true; 5]);
        assert_eq!(s.below(0), 0);
    }

    #[test]
    fn forks_differ() {
        let mut s = Seed::new(1);
        let (mut a, mut b) = (s.clone().fork(1), s.fork(2));
        assert_ne!(a.next_u64(), b.next_u64());
    }
}
