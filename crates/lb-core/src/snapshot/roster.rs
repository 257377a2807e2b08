//! Which servers of a backend operators have added and removed since the configuration was read.

use std::sync::Arc;

use super::text::{Line, Writer};
use crate::acl::Origin;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// Stands for the servers of the configuration: where those are others now, the file is the newer word.
    pub origin: Origin,
    /// Names, and the words that they were added with.
    pub added: Vec<(Arc<str>, Box<str>)>,
    pub removed: Vec<Arc<str>>,
}

impl Roster {
    pub fn new(origin: Origin) -> Roster {
        Roster {
            origin,
            ..Roster::default()
        }
    }

    pub fn add(&mut self, name: Arc<str>, words: &str) {
        self.added.push((name, words.into()));
    }

    /// One that was added is forgotten; one of the configuration is remembered as gone.
    pub fn remove(&mut self, name: &Arc<str>) {
        let before = self.added.len();
        self.added.retain(|(added, _)| added != name);
        if self.added.len() == before {
            self.removed.push(name.clone());
        }
    }

    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }

    pub(super) fn write(&self, out: &mut Writer) {
        if self.is_empty() {
            return;
        }
        let Origin { count, sum } = self.origin;
        drop(out.line("roster").set("count", count).set("sum", sum));
        for (name, words) in &self.added {
            out.line("added").set("name", name).set("words", words);
        }
        for name in &self.removed {
            out.line("removed").set("name", name);
        }
    }

    pub(super) fn take(&mut self, line: Line<'_>) -> Option<()> {
        match line.subject {
            "roster" => {
                self.origin = Origin {
                    count: line.value("count")?,
                    sum: line.value("sum")?,
                }
            }
            "added" => self.added.push((line.text("name")?.into(), line.text("words")?.into())),
            "removed" => self.removed.push(line.text("name")?.into()),
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_came_and_went_was_never_there() {
        let mut roster = Roster::default();
        roster.add("new".into(), "127.0.0.1:1");
        roster.remove(&"old".into());
        roster.add("old".into(), "127.0.0.1:2");
        roster.remove(&"new".into());
        assert_eq!(roster.added, [("old".into(), "127.0.0.1:2".into())]);
        assert_eq!(roster.removed, ["old".into()]);
    }
}
