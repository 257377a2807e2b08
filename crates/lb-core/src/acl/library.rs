//! All lists of a configuration, by name, and the forms in which they are read: what `show acl`, `add map` and their like
//! work on.

use std::sync::Arc;

use thiserror::Error;

use super::{BadEntry, Content, Entry, How, List, Map, Method, Pattern, Patterns, TextMatch, Values, Which};
use crate::expr::{Kind, Sample};

/// The lists of one configuration, in the order of their numbers.
#[derive(Clone, Debug, Default)]
pub struct Library {
    pub shelved: Vec<Shelved>,
    pub tests: Vec<Arc<Patterns>>,
    pub maps: Vec<Arc<Values>>,
}

/// A list, and how people call it.
#[derive(Clone, Debug)]
pub struct Shelved {
    pub list: Arc<List>,
    /// `#N`
    pub id: u32,
    pub file: Option<Arc<str>>,
    /// Who reads it, and where that is written.
    pub about: Arc<str>,
    pub has_tests: bool,
    pub has_maps: bool,
}

/// Why a list was not changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    #[error(transparent)]
    Entry(#[from] BadEntry),
    #[error("there is no such entry")]
    NoEntry,
    #[error("this version was never prepared")]
    Future,
    #[error("this version was never prepared, or is an old one")]
    Version,
}

/// What one form of a list answers about a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub how: How,
    /// The pattern that fits.
    pub entry: Option<Fitting>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fitting {
    /// Any value fits where nothing is compared with patterns.
    pub key: Option<Arc<str>>,
    pub value: Option<Arc<str>>,
    /// Of the value, in a map.
    pub output: Option<Kind>,
    /// Found by one search, and not one after the other.
    pub is_sorted: bool,
}

impl Library {
    /// The list that is called so: `#N`, or the name of its file.
    pub fn find(&self, reference: &str) -> Option<&Shelved> {
        let number = reference.strip_prefix('#').map(str::parse::<u32>);
        self.shelved.iter().find(|shelved| match &number {
            Some(number) => number.as_ref() == Ok(&shelved.id),
            None => shelved.file.as_deref() == Some(reference),
        })
    }

    /// Adds all or nothing. Without a version they count at once.
    pub fn add(&self, at: &Shelved, version: Option<u32>, entries: &[(&str, Option<&str>)]) -> Result<(), Refusal> {
        let mut content = Content::clone(&at.list.now());
        let version = version.unwrap_or(content.current);
        if version > content.next {
            return Err(Refusal::Future);
        }
        for (key, value) in entries {
            self.check_key(at, key)?;
            self.check_value(at, *value)?;
            content.add(version, key, *value);
        }
        self.replace(at, content);
        Ok(())
    }

    /// Gives entries of a map another value.
    pub fn set(&self, at: &Shelved, which: Which<'_>, value: &str) -> Result<(), Refusal> {
        self.check_value(at, Some(value))?;
        let mut content = Content::clone(&at.list.now());
        if !content.set(which, value) {
            return Err(Refusal::NoEntry);
        }
        self.replace(at, content);
        Ok(())
    }

    pub fn delete(&self, at: &Shelved, which: Which<'_>) -> Result<(), Refusal> {
        let mut content = Content::clone(&at.list.now());
        if !content.remove(which) {
            return Err(Refusal::NoEntry);
        }
        self.replace(at, content);
        Ok(())
    }

    /// Removes all of a version; without one, of the present.
    pub fn clear(&self, at: &Shelved, version: Option<u32>) {
        let mut content = Content::clone(&at.list.now());
        content.clear(version.unwrap_or(content.current));
        self.replace(at, content);
    }

    /// Begins a version that counts when it is committed, and gives its number.
    pub fn prepare(&self, at: &Shelved) -> u32 {
        let mut content = Content::clone(&at.list.now());
        let version = content.prepare();
        // What counts is the same as before.
        at.list.replace(content);
        version
    }

    pub fn commit(&self, at: &Shelved, version: u32) -> Result<(), Refusal> {
        let mut content = Content::clone(&at.list.now());
        if !content.commit(version) {
            return Err(Refusal::Version);
        }
        self.replace(at, content);
        Ok(())
    }

    /// Goes on with what operators had made of a list in another process. Whether all forms in which it is read here could
    /// read it.
    pub fn resume(&self, at: &Shelved, content: Content) -> bool {
        let fits = |entry: &Entry| {
            self.check_key(at, &entry.key).is_ok() && self.check_value(at, entry.value.as_deref()).is_ok()
        };
        let is_readable = content.all().all(fits);
        if is_readable {
            self.replace(at, content);
        }
        is_readable
    }

    /// What each form of the list says about a value.
    pub fn look_up(&self, at: &Shelved, value: &str) -> Vec<Finding> {
        let content = at.list.now();
        let maps = self.maps_of(at).map(|map| (map.how, Some(map.output)));
        let forms = self.tests_of(at).map(|test| (test.how, None)).chain(maps);
        let findings = forms.map(|(how, output)| Finding {
            how,
            entry: fitting(how, output, &content, &Sample::text(value)),
        });
        findings.collect()
    }

    /// In how many forms it is read.
    pub fn forms(&self, at: &Shelved) -> usize {
        self.tests_of(at).count() + self.maps_of(at).count()
    }

    fn check_key(&self, at: &Shelved, key: &str) -> Result<(), BadEntry> {
        let tests = self.tests_of(at).map(|test| test.how);
        for how in tests.chain(self.maps_of(at).map(|map| map.how)) {
            how.parse(key)?;
        }
        Ok(())
    }

    fn check_value(&self, at: &Shelved, value: Option<&str>) -> Result<(), BadEntry> {
        for map in self.maps_of(at) {
            Map::value(value.unwrap_or_default(), map.output)?;
        }
        Ok(())
    }

    fn replace(&self, at: &Shelved, content: Content) {
        self.tests_of(at).for_each(|test| test.renew(&content));
        self.maps_of(at).for_each(|map| map.renew(&content));
        at.list.replace(content);
    }

    fn tests_of(&self, at: &Shelved) -> impl Iterator<Item = &Arc<Patterns>> {
        self.tests.iter().filter(|test| Arc::ptr_eq(&test.list, &at.list))
    }

    fn maps_of(&self, at: &Shelved) -> impl Iterator<Item = &Arc<Values>> {
        self.maps.iter().filter(|map| Arc::ptr_eq(&map.list, &at.list))
    }
}

/// Two that say the same now are the same, wherever that is written.
impl PartialEq for Library {
    fn eq(&self, other: &Library) -> bool {
        let said = |shelved: &Shelved| (shelved.id, shelved.file.clone(), shelved.list.clone());
        self.shelved.iter().map(said).eq(other.shelved.iter().map(said))
    }
}

impl Eq for Library {}

fn fitting(how: How, output: Option<Kind>, content: &Content, sample: &Sample<'_>) -> Option<Fitting> {
    if matches!(how.method, Method::Found | Method::True) {
        return how.fits(&Pattern::Unused, sample).then_some(Fitting {
            key: None,
            value: None,
            output,
            is_sorted: true,
        });
    }
    let parsed = |entry: &Entry| how.parse(&entry.key).ok().filter(|pattern| how.fits(pattern, sample));
    let fitting = content.present().filter_map(|entry| Some((entry, parsed(entry)?)));
    // Of equals the first: `max_by_key` would give the last.
    let all: Vec<_> = fitting.collect();
    let (entry, pattern) = all.iter().rev().max_by_key(|(entry, pattern)| match pattern {
        Pattern::Network(network) => (network.is_of(sample.as_ip()), network.width()),
        Pattern::Bytes(bytes) if how.is_prefix() => (true, bytes.len() as u32),
        _ => (true, u32::MAX - entry.number),
    })?;
    Some(Fitting {
        key: Some(entry.key.clone()),
        value: entry.value.clone(),
        output,
        is_sorted: match pattern {
            Pattern::Network(network) => network.is_range(),
            _ => how.is_prefix() || how.method == Method::Text(TextMatch::Equal) && !how.any_case,
        },
    })
}

#[cfg(test)]
mod tests;
