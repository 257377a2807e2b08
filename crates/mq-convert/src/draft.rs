//! What will be written, while it is collected.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use toml::Value;

/// In the order in which they were said.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Keys(Vec<(&'static str, Value)>);

impl Keys {
    pub(crate) fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        let value = value.into();
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = value,
            None => self.0.push((key, value)),
        }
    }

    pub(crate) fn says(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| *known == key).map(|(_, value)| value)
    }

    /// What the other one says besides.
    pub(crate) fn fill(&mut self, other: &Keys) {
        for (key, value) in &other.0 {
            if self.says(key).is_none() {
                self.set(key, value.clone());
            }
        }
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.0.retain(|(known, _)| *known != key);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &(&'static str, Value)> {
        self.0.iter()
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    pub(crate) top: Keys,
    pub(crate) memory: Keys,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) policies: Vec<Policy>,
    /// What is said of failed attempts alone, by patterns of its own.
    pub(crate) redeliveries: Vec<Policy>,
    /// How many ids of messages are known of each address.
    pub(crate) ids: Option<Value>,
    /// Whatever is dead is thrown away.
    pub(crate) discards: bool,
    pub(crate) users: Vec<User>,
    /// In the order of their names.
    pub(crate) groups: BTreeMap<String, Rights>,
    pub(crate) permits: Vec<Permits>,
    /// What users may do is said, even if it is nothing.
    pub(crate) has_rights: bool,
    pub(crate) who: Option<Who>,
    /// Who says no name may come in as well.
    pub(crate) lets_guests_in: bool,
    /// The group of those without a name.
    pub(crate) guests: Option<String>,
    pub(crate) console: Console,
    pub(crate) data: Option<Data>,
}

/// Who may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Anybody,
    /// Those who are named.
    Users,
    /// Another file says it.
    Elsewhere,
}

/// Where the journal is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Data {
    pub(crate) folder: String,
    /// Of several, what says more about the store counts.
    pub(crate) rank: u8,
    /// Where its receipt is.
    pub(crate) entry: usize,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Listener {
    pub(crate) line: usize,
    pub(crate) name: String,
    pub(crate) address: Option<SocketAddr>,
    /// `address` stands before them.
    pub(crate) keys: Keys,
    pub(crate) is_tls: bool,
    pub(crate) papers: Papers,
    /// Why it is only written as a comment.
    pub(crate) off: Option<String>,
}

/// What a listener with TLS has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Papers {
    pub(crate) certificate: Option<String>,
    pub(crate) trust: Option<String>,
    pub(crate) wants_clients: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    /// Where its receipt is.
    pub(crate) entry: Option<usize>,
    /// Of those that match, the highest counts alone.
    pub(crate) priority: i64,
    pub(crate) line: usize,
    pub(crate) patterns: Vec<String>,
    pub(crate) is_of_topics: bool,
    pub(crate) keys: Keys,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) password_hash: String,
    pub(crate) groups: Vec<String>,
}

/// Patterns, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rights {
    pub(crate) configure: Vec<String>,
    pub(crate) write: Vec<String>,
    pub(crate) read: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Right {
    Configure,
    Write,
    Read,
}

impl Right {
    pub(crate) const ALL: [Right; 3] = [Right::Configure, Right::Write, Right::Read];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Right::Configure => "configure",
            Right::Write => "write",
            Right::Read => "read",
        }
    }
}

impl Rights {
    pub(crate) fn list(&mut self, right: Right) -> &mut Vec<String> {
        match right {
            Right::Configure => &mut self.configure,
            Right::Write => &mut self.write,
            Right::Read => &mut self.read,
        }
    }
}

/// Who may do what with the names of a pattern.
#[derive(Clone, Debug, Default)]
pub(crate) struct Permits {
    pub(crate) patterns: Vec<String>,
    /// With the place of the receipt.
    pub(crate) grants: Vec<(Right, String, usize)>,
}

/// The pages for people.
#[derive(Clone, Debug, Default)]
pub(crate) struct Console {
    pub(crate) is_wanted: bool,
    pub(crate) host: Option<IpAddr>,
    pub(crate) port: Option<u16>,
    /// The receipts that say that one must log in there, or need not.
    pub(crate) login: Vec<(usize, bool)>,
}
