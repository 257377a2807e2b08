//! Who goes first of those who wait for a server (`set-priority-class`, `set-priority-offset`).

/// The lower class goes first; within a class, whoever came first, as if this much later (or earlier) than it did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority {
    pub class: i16,
    /// In milliseconds.
    pub offset: i32,
}

/// What a rule says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precedence {
    Class,
    Offset,
}

impl Priority {
    const FARTHEST_CLASS: i64 = 2047;
    const FARTHEST_OFFSET: i64 = 524_287;

    /// What is beyond the ends counts as the end.
    pub fn set(&mut self, what: Precedence, to: i64) {
        let within = |most: i64| to.clamp(-most, most);
        match what {
            // Both fit after that.
            Precedence::Class => self.class = within(Priority::FARTHEST_CLASS) as i16,
            Precedence::Offset => self.offset = within(Priority::FARTHEST_OFFSET) as i32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends() {
        let mut priority = Priority::default();
        for (what, to, class, offset) in [
            (Precedence::Class, 5, 5, 0),
            (Precedence::Class, -9999, -2047, 0),
            (Precedence::Offset, i64::MAX, -2047, 524_287),
            (Precedence::Offset, -7, -2047, -7),
        ] {
            priority.set(what, to);
            assert_eq!(priority, Priority { class, offset });
        }
    }
}
