//! A list of patterns, perhaps with values, as texts: what a file or the words of one ACL hold, and what operators make of
//! it while connections are decided by it.
//!
//! One hand changes a list (the control side); everybody reads it. A change makes a new content and puts it in the place of
//! the old one, so nobody waits and nobody sees half of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use arc_swap::ArcSwap;

/// One pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Never another's within the list.
    pub number: u32,
    pub version: u32,
    pub key: Arc<str>,
    /// Of a map.
    pub value: Option<Arc<str>>,
}

/// What is in a list at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Of all versions.
    entries: Vec<Entry>,
    /// Only entries of this version count.
    pub current: u32,
    /// The last that was prepared.
    pub next: u32,
    made: u32,
}

/// Names entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which<'a> {
    Key(&'a str),
    Number(u32),
}

/// Stands for what the configuration said: how many entries, and a sum over them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    pub count: usize,
    pub sum: u64,
}

/// A list whose content may be replaced.
#[derive(Debug, Default)]
pub struct List {
    now: ArcSwap<Content>,
    origin: Origin,
    is_changed: AtomicBool,
}

impl Which<'_> {
    fn names(self, entry: &Entry) -> bool {
        match self {
            Which::Key(key) => *entry.key == *key,
            Which::Number(number) => entry.number == number,
        }
    }
}

impl Content {
    /// Those of one version, in their order.
    pub fn of_version(&self, version: u32) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.version == version)
    }

    /// Of all versions.
    pub fn all(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// One that another process had, without its entries.
    pub fn begun(current: u32, next: u32, made: u32) -> Content {
        Content {
            entries: Vec::new(),
            current,
            next,
            made,
        }
    }

    /// One of its entries, in their order.
    pub fn put(&mut self, entry: Entry) {
        self.made = self.made.max(entry.number);
        self.entries.push(entry);
    }

    /// The number that was given last.
    pub fn made(&self) -> u32 {
        self.made
    }

    fn origin(&self) -> Origin {
        // FNV-1a: quick enough for a map of millions.
        let mut sum = 0xcbf2_9ce4_8422_2325u64;
        for entry in &self.entries {
            let value = entry.value.as_deref().unwrap_or_default();
            let bytes = entry.key.bytes().chain([0]).chain(value.bytes()).chain([0]);
            sum = bytes.fold(sum, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        }
        Origin {
            count: self.entries.len(),
            sum,
        }
    }

    /// Those that count.
    pub fn present(&self) -> impl Iterator<Item = &Entry> {
        self.of_version(self.current)
    }

    /// How many there are, of all versions.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn add(&mut self, version: u32, key: &str, value: Option<&str>) {
        self.made += 1;
        self.entries.push(Entry {
            number: self.made,
            version,
            key: key.into(),
            value: value.map(Arc::from),
        });
    }

    /// Whether there was one.
    pub(super) fn remove(&mut self, which: Which<'_>) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| !which.names(entry));
        self.entries.len() < before
    }

    /// Whether there was one.
    pub(super) fn set(&mut self, which: Which<'_>, value: &str) -> bool {
        let value: Arc<str> = value.into();
        let mut named = self.entries.iter_mut().filter(|entry| which.names(entry)).peekable();
        let is_there = named.peek().is_some();
        named.for_each(|entry| entry.value = Some(value.clone()));
        is_there
    }

    pub(super) fn clear(&mut self, version: u32) {
        self.entries.retain(|entry| entry.version != version);
    }

    pub(super) fn prepare(&mut self) -> u32 {
        self.next = self.next.wrapping_add(1);
        self.next
    }

    /// From now on this version counts, and those before it are gone. Whether it could: it was prepared, and is no old one.
    pub(super) fn commit(&mut self, version: u32) -> bool {
        if version <= self.current || version > self.next {
            return false;
        }
        self.current = version;
        self.entries.retain(|entry| entry.version >= version);
        true
    }
}

impl List {
    /// Patterns of the configuration; with values, where they have some.
    pub fn of<'a>(entries: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> List {
        let mut content = Content::default();
        for (key, value) in entries {
            content.add(0, key, value);
        }
        List {
            origin: content.origin(),
            now: ArcSwap::from_pointee(content),
            is_changed: AtomicBool::new(false),
        }
    }

    /// What it was when it was read.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Whether an operator has changed it since.
    pub fn is_changed(&self) -> bool {
        self.is_changed.load(Relaxed)
    }

    pub fn now(&self) -> Arc<Content> {
        self.now.load_full()
    }

    pub(super) fn replace(&self, content: Content) {
        self.now.store(Arc::new(content));
        self.is_changed.store(true, Relaxed);
    }
}

/// Lists are the same when they say the same now, whatever their entries are numbered.
impl PartialEq for List {
    fn eq(&self, other: &List) -> bool {
        let said = |entry: &Entry| (entry.version, entry.key.clone(), entry.value.clone());
        let (one, other) = (self.now.load(), other.now.load());
        one.current == other.current && one.entries.iter().map(said).eq(other.entries.iter().map(said))
    }
}

impl Eq for List {}
