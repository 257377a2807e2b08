//! How many publish how large messages.

use std::fmt;
use std::str::FromStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) publishers: usize,
    pub(super) size: usize,
}

const PUBLISHERS: [usize; 3] = [1, 16, 256];
const SIZES: [usize; 3] = [100, 1 << 10, 64 << 10];

/// Those that a quick run measures.
pub(super) const QUICK: [Load; 2] = [
    Load {
        publishers: 16,
        size: 100,
    },
    Load {
        publishers: 16,
        size: 64 << 10,
    },
];

/// So many bytes are on their way from each publisher; large messages are few, small ones at most so many.
const ON_THE_WAY: usize = 256 << 10;
const WINDOW: usize = 64;
/// Publishers share so many queues, each with one consumer.
const QUEUES: usize = 16;

impl Load {
    pub(super) fn all() -> impl Iterator<Item = Load> {
        let of = |size| PUBLISHERS.into_iter().map(move |publishers| Load { publishers, size });
        SIZES.into_iter().flat_map(of)
    }

    /// How many messages a publisher sends before the first of them is confirmed.
    pub(super) fn window(self) -> usize {
        (ON_THE_WAY / self.size).clamp(1, WINDOW)
    }

    pub(super) fn queues(self) -> usize {
        self.publishers.min(QUEUES)
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { publishers, size } = self;
        match size {
            0..1024 => write!(f, "{publishers}x{size}b"),
            _ => write!(f, "{publishers}x{}k", size / 1024),
        }
    }
}

impl FromStr for Load {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known: Vec<String> = Load::all().map(|load| load.to_string()).collect();
        let found = Load::all().find(|load| load.to_string() == text);
        found.ok_or_else(|| format!("there are {}", known.join(" ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_load_is_found_by_its_name() {
        for load in Load::all().chain(QUICK) {
            assert_eq!(load.to_string().parse(), Ok(load));
        }
        assert_eq!(Load::all().count(), 9);
        assert!("16x7b".parse::<Load>().is_err_and(|said| said.contains("16x100b")));
    }

    #[test]
    fn large_messages_are_few() {
        let window = |size| Load { publishers: 1, size }.window();
        assert_eq!([100, 1 << 10, 64 << 10, 1 << 20].map(window), [64, 64, 4, 1]);
    }
}
