//! Some runs of the same thing: the one in the middle, and how far the others are from it.

use serde::Serialize;

/// Median and worst of figures of which less is better.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) worst: f64,
}

impl Spread {
    /// Of none there is neither.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            median: middle(&sorted)?,
            worst: *sorted.last()?,
        })
    }

    /// `3.1`, or `3.1 (4.0)` where the worst differs.
    pub(crate) fn text(self, decimals: usize) -> String {
        let (median, worst) = (
            format!("{:.decimals$}", self.median),
            format!("{:.decimals$}", self.worst),
        );
        if median == worst {
            return median;
        }
        format!("{median} ({worst})")
    }
}

/// Figures of two programs, divided pair by pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    least: f64,
    most: f64,
}

impl Ratio {
    pub(crate) fn of(pairs: impl IntoIterator<Item = (f64, f64)>) -> Option<Self> {
        let mut sorted: Vec<f64> = pairs.into_iter().map(|(one, other)| one / other).collect();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            median: middle(&sorted)?,
            least: *sorted.first()?,
            most: *sorted.last()?,
        })
    }
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} ({:.2}-{:.2})", self.median, self.least, self.most)
    }
}

fn middle(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    Some(if sorted.len().is_multiple_of(2) {
        (sorted[sorted.len() / 2 - 1] + upper) / 2.0
    } else {
        upper
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_worst() {
        let text = |figures: &[f64]| Spread::of(figures.iter().copied()).map(|spread| spread.text(1));
        assert_eq!(text(&[]), None);
        assert_eq!(text(&[3.0]).as_deref(), Some("3.0"));
        assert_eq!(text(&[3.0, 1.0, 2.0]).as_deref(), Some("2.0 (3.0)"));
        assert_eq!(text(&[4.0, 1.0]).as_deref(), Some("2.5 (4.0)"));
        assert_eq!(text(&[0.0, 0.04]).as_deref(), Some("0.0"));
    }

    #[test]
    fn ratios_are_of_pairs() {
        let ratio = Ratio::of([(1.0, 2.0), (9.0, 3.0), (4.0, 4.0)]);
        assert_eq!(ratio.map(|r| r.to_string()).as_deref(), Some("1.00 (0.50-3.00)"));
        assert_eq!(Ratio::of([]), None);
    }
}
