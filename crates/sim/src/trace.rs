//! The last things that happened, for the message of a failure.

use std::collections::VecDeque;
use std::fmt;

use tandem_time::Mono;

/// Keeps the last lines only: a simulated day is long.
#[derive(Clone, Debug)]
pub struct Trace {
    lines: VecDeque<(Mono, String)>,
    limit: usize,
}

impl Trace {
    pub const fn new(limit: usize) -> Trace {
        Trace {
            lines: VecDeque::new(),
            limit,
        }
    }

    pub fn add(&mut self, at: Mono, line: impl FnOnce() -> String) {
        if self.limit == 0 {
            return;
        }
        if self.lines.len() == self.limit {
            self.lines.pop_front();
        }
        self.lines.push_back((at, line()));
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|(at, line)| writeln!(f, "{at} {line}"))
    }
}
