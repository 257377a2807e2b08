//! Some runs of the same thing: the one in the middle, and the worst.

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
}
