//! How much is done before anybody else is heard: all others wait for it.

/// What one turn takes.
#[derive(Debug, Default)]
pub(super) struct Part {
    count: usize,
    bytes: usize,
}

impl Part {
    /// So many.
    pub(super) const MOST: usize = 1000;
    /// Or so much, but always the first.
    const MOST_BYTES: usize = 4 << 20;

    /// One more of this weight; none after the first that is too much.
    pub(super) fn takes(&mut self, weight: usize) -> bool {
        self.count += 1;
        self.bytes += weight;
        self.count == 1 || self.count <= Part::MOST && self.bytes <= Part::MOST_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_an_end_by_number_and_by_weight_and_is_never_nothing() {
        let taken = |weights: &[usize]| {
            let mut part = Part::default();
            weights.iter().take_while(|weight| part.takes(**weight)).count()
        };
        assert_eq!(taken(&[0; 2000]), 1000);
        assert_eq!(taken(&[1 << 20; 9]), 4);
        assert_eq!(taken(&[1 << 30, 0]), 1);
        assert_eq!(taken(&[1 << 20, 1 << 30, 0]), 1);
    }
}
