//! What rules have set for one connection.
//!
//! An expression reads values while its own converters set others (`set-var`). So that a value need not be copied to be
//! read, what is set meanwhile is put behind what is there, where nothing moves; of one variable the last value counts.
//! Whoever has all of it to himself puts it in its place.

use std::cell::OnceCell;

use tandem_lb_core::expr::{Sample, Variable};

#[derive(Debug, Default)]
pub(super) struct Variables {
    settled: Vec<(Variable, Sample<'static>)>,
    lately: OnceCell<Box<Lately>>,
}

#[derive(Debug)]
struct Lately {
    variable: Variable,
    /// `None` when it was unset.
    value: Option<Sample<'static>>,
    next: OnceCell<Box<Lately>>,
}

impl Variables {
    pub(super) fn of(settled: Vec<(Variable, Sample<'static>)>) -> Variables {
        Variables {
            settled,
            lately: OnceCell::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.settled.is_empty() && self.lately.get().is_none()
    }

    pub(super) fn value(&self, variable: &Variable) -> Option<&Sample<'static>> {
        let settled = || self.settled.iter().find(|(known, _)| known == variable);
        match self.lately().filter(|lately| lately.variable == *variable).last() {
            Some(lately) => lately.value.as_ref(),
            None => settled().map(|(_, value)| value),
        }
    }

    /// While others may read.
    pub(super) fn change(&self, variable: &Variable, value: Option<Sample<'static>>) {
        let end = self.lately().last().map_or(&self.lately, |last| &last.next);
        // Nothing is behind the last, and nobody else is here.
        let _is_free = end.set(Box::new(Lately {
            variable: variable.clone(),
            value,
            next: OnceCell::new(),
        }));
    }

    /// Puts everything in its place. To be called before rules are asked again, so that it does not grow with each time.
    pub(super) fn settle(&mut self) {
        let mut lately = self.lately.take();
        while let Some(mut first) = lately {
            lately = first.next.take();
            put(&mut self.settled, first.variable, first.value);
        }
    }

    pub(super) fn all(&self) -> Vec<(Variable, Sample<'static>)> {
        let mut all = self.settled.clone();
        for lately in self.lately() {
            put(&mut all, lately.variable.clone(), lately.value.clone());
        }
        all
    }

    fn lately(&self) -> impl Iterator<Item = &Lately> {
        std::iter::successors(self.lately.get(), |lately| lately.next.get()).map(|lately| &**lately)
    }
}

fn put(all: &mut Vec<(Variable, Sample<'static>)>, variable: Variable, value: Option<Sample<'static>>) {
    let place = all.iter().position(|(known, _)| *known == variable);
    match (value, place) {
        (Some(value), Some(place)) => all[place].1 = value,
        (Some(value), None) => all.push((variable, value)),
        (None, Some(place)) => drop(all.swap_remove(place)),
        (None, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use tandem_lb_core::expr::Scope;

    use super::*;

    fn named(name: &str) -> Variable {
        Variable {
            scope: Scope::Session,
            name: name.into(),
        }
    }

    #[test]
    fn the_last_value_counts_and_earlier_ones_may_still_be_read() {
        let (a, b) = (named("a"), named("b"));
        let mut variables = Variables::default();
        assert!(variables.is_empty());
        variables.change(&a, Some(Sample::Int(1)));
        let first = variables.value(&a);
        variables.change(&b, Some(Sample::Int(2)));
        variables.change(&a, Some(Sample::Int(3)));
        assert_eq!(
            (first, variables.value(&a)),
            (Some(&Sample::Int(1)), Some(&Sample::Int(3)))
        );
        variables.change(&b, None);
        assert_eq!(variables.value(&b), None);
        let all = variables.all();
        assert_eq!(all, [(a.clone(), Sample::Int(3))]);
        variables.settle();
        assert_eq!((variables.all(), variables.lately().count()), (all, 0));
        variables.change(&a, None);
        assert_eq!(variables.value(&a), None);
        variables.settle();
        assert!(variables.is_empty());
    }
}
