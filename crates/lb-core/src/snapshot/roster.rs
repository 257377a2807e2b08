//! Which servers of a backend operators have added, removed and renamed since the configuration was read, and which
//! backends they have made and deleted.

use std::sync::Arc;

use super::text::{Line, LineWriter, Writer};
use crate::acl::Origin;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// Stands for the servers of the configuration: where those are others now, the file is the newer word.
    pub origin: Origin,
    /// Names, and the words that they were added with.
    pub added: Vec<(Arc<str>, Box<str>)>,
    pub removed: Vec<Arc<str>>,
    /// What the configuration calls a server, and what it is called now.
    pub renamed: Vec<(Arc<str>, Arc<str>)>,
}

/// How an operator made a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The section `defaults` that it began with.
    pub from: Arc<str>,
    pub id: u32,
    pub guid: Option<Arc<str>>,
}

/// A backend of the configuration that an operator has deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmade {
    pub name: Arc<str>,
    /// As in [`Roster`].
    pub origin: Origin,
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
            let configured = self.renamed.iter().position(|(_, now)| now == name);
            let configured = configured.map(|at| self.renamed.remove(at).0);
            self.removed.push(configured.unwrap_or_else(|| name.clone()));
        }
    }

    pub fn rename(&mut self, name: &Arc<str>, to: &Arc<str>) {
        if let Some((added, _)) = self.added.iter_mut().find(|(added, _)| added == name) {
            added.clone_from(to);
        } else if let Some((_, now)) = self.renamed.iter_mut().find(|(_, now)| now == name) {
            now.clone_from(to);
        } else {
            self.renamed.push((name.clone(), to.clone()));
        }
        self.renamed.retain(|(configured, now)| configured != now);
    }

    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.renamed.is_empty()
    }

    pub(super) fn write(&self, out: &mut Writer) {
        if self.is_empty() {
            return;
        }
        write_origin(out.line("roster"), self.origin);
        for (name, words) in &self.added {
            out.line("added").set("name", name).set("words", words);
        }
        for name in &self.removed {
            out.line("removed").set("name", name);
        }
        for (name, now) in &self.renamed {
            out.line("renamed").set("name", name).set("now", now);
        }
    }

    pub(super) fn take(&mut self, line: Line<'_>) -> Option<()> {
        match line.subject {
            "roster" => self.origin = read_origin(line)?,
            "added" => self.added.push((line.text("name")?.into(), line.text("words")?.into())),
            "removed" => self.removed.push(line.text("name")?.into()),
            "renamed" => self.renamed.push((line.text("name")?.into(), line.text("now")?.into())),
            _ => return None,
        }
        Some(())
    }
}

impl Made {
    pub(super) fn write(&self, out: &mut Writer) {
        let line = out.line("made").set("from", &self.from).set("id", self.id);
        drop(line.set_some("guid", self.guid.as_ref()));
    }

    pub(super) fn read(line: Line<'_>) -> Option<Made> {
        Some(Made {
            from: line.text("from")?.into(),
            id: line.value("id")?,
            guid: line.text("guid").map(Into::into),
        })
    }
}

impl Unmade {
    pub(super) fn write(&self, out: &mut Writer) {
        write_origin(out.line("unmade").set("name", &self.name), self.origin);
    }

    pub(super) fn read(line: Line<'_>) -> Option<Unmade> {
        Some(Unmade {
            name: line.text("name")?.into(),
            origin: read_origin(line)?,
        })
    }
}

fn write_origin(line: LineWriter<'_>, Origin { count, sum }: Origin) {
    drop(line.set("count", count).set("sum", sum));
}

fn read_origin(line: Line<'_>) -> Option<Origin> {
    Some(Origin {
        count: line.value("count")?,
        sum: line.value("sum")?,
    })
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

    #[test]
    fn who_is_called_otherwise_is_known_by_both_names() {
        let [a, b, c, new, newer] = ["a", "b", "c", "new", "newer"].map(Arc::from);
        let mut roster = Roster::default();
        roster.rename(&a, &b);
        roster.rename(&b, &c);
        assert_eq!(roster.renamed, [(a.clone(), c.clone())]);
        roster.add(new.clone(), "127.0.0.1:1");
        roster.rename(&new, &newer);
        assert_eq!(roster.added, [(newer, "127.0.0.1:1".into())]);
        roster.remove(&c);
        assert_eq!((roster.renamed.len(), &roster.removed), (0, &vec![a.clone()]));
        roster.removed.clear();
        roster.rename(&a, &b);
        roster.rename(&b, &a);
        assert_eq!(roster.renamed, [], "it has its own name again");
        for (from, to) in [(&a, &new), (&b, &a), (&new, &b)] {
            roster.rename(from, to);
        }
        assert_eq!(roster.renamed, [(a.clone(), b.clone()), (b, a)], "each has the other's");
    }
}
