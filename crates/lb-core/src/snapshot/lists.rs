//! A list of patterns that operators have changed, as text: a line for the list, one for each entry.

use super::text::{Line, Writer};
use crate::acl::{Content, Entry, Origin, Shelved};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListState {
    /// How it is called: the number of a list without a file.
    pub id: u32,
    pub file: Option<Box<str>>,
    /// What the configuration said; where it says something else now, the file is the newer word.
    pub origin: Origin,
    pub content: Content,
}

impl ListState {
    /// `None` when nobody has changed it.
    pub fn of(shelved: &Shelved) -> Option<ListState> {
        shelved.list.is_changed().then(|| ListState {
            id: shelved.id,
            file: shelved.file.as_deref().map(Into::into),
            origin: shelved.list.origin(),
            content: Content::clone(&shelved.list.now()),
        })
    }

    /// Whether that is the list, and as it was configured then.
    pub fn is_of(&self, shelved: &Shelved) -> bool {
        let has_name = match &self.file {
            Some(file) => shelved.file.as_deref() == Some(file),
            None => shelved.file.is_none() && shelved.id == self.id,
        };
        has_name && shelved.list.origin() == self.origin
    }

    pub(super) fn write(&self, out: &mut Writer) {
        let line = out
            .line("list")
            .set("id", self.id)
            .set_some("file", self.file.as_deref());
        let line = line.set("count", self.origin.count).set("sum", self.origin.sum);
        let Content { current, next, .. } = self.content;
        drop(
            line.set("current", current)
                .set("next", next)
                .set("made", self.content.made()),
        );
        for entry in self.content.all() {
            let line = out.line("pattern").set("number", entry.number);
            let line = line.set("version", entry.version).set("key", &entry.key);
            drop(line.set_some("value", entry.value.as_deref()));
        }
    }

    pub(super) fn read(line: Line<'_>) -> Option<ListState> {
        Some(ListState {
            id: line.value("id")?,
            file: line.text("file").map(Into::into),
            origin: Origin {
                count: line.value("count")?,
                sum: line.value("sum")?,
            },
            content: Content::begun(line.value("current")?, line.value("next")?, line.value("made")?),
        })
    }

    pub(super) fn take(&mut self, line: Line<'_>) -> Option<()> {
        self.content.put(Entry {
            number: line.value("number")?,
            version: line.value("version")?,
            key: line.text("key")?.into(),
            value: line.text("value").map(Into::into),
        });
        Some(())
    }
}
