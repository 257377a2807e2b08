//! Whose the table is: an object in it names the process that keeps it, and each transaction proves that it is there.
//!
//! So two processes that forward on one host cannot take each other's lanes out, and one that is on its way out cannot
//! take out what its successor has adopted: the kernel refuses the whole script.

use super::TABLE;
use super::objects::Objects;

const PREFIX: &str = "owner_";

/// A process. Numbers of processes come again, and mean nothing in other containers, so each has a mark beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    pub pid: u32,
    /// Nobody else's.
    pub mark: u64,
}

impl Owner {
    /// The name of the object, a counter that nothing counts in.
    pub fn counter(self) -> String {
        format!("{PREFIX}{}_{:016x}", self.pid, self.mark)
    }

    /// Takes everything out, if it is this one's.
    pub fn removal(self) -> String {
        format!("delete counter {TABLE} {}\ndelete table {TABLE}\n", self.counter())
    }

    /// Fails unless it is this one's, and changes nothing.
    pub(super) fn proof(self) -> String {
        let name = self.counter();
        format!("delete counter {TABLE} {name}\nadd counter {TABLE} {name}\n")
    }

    fn named(counter: &str) -> Option<Owner> {
        let (pid, mark) = counter.strip_prefix(PREFIX)?.split_once('_')?;
        Some(Owner {
            pid: pid.parse().ok()?,
            mark: u64::from_str_radix(mark, 16).ok()?,
        })
    }
}

impl Objects {
    /// Who keeps the table.
    pub fn owners(&self) -> impl Iterator<Item = Owner> {
        self.counters.iter().filter_map(|name| Owner::named(name))
    }
}
