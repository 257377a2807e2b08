//! One change, and the words for it.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    pub about: Subject,
    #[serde(flatten)]
    pub kind: Kind,
    pub effect: Effect,
    /// `file:line` in the newer Plan, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

/// What changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "section", rename_all = "kebab-case")]
pub enum Subject {
    Global,
    StatsSocket { address: String },
    Frontend { name: String },
    Listener { frontend: String, address: String },
    Backend { name: String },
    Table { name: String },
    Peers { name: String },
    Server { backend: String, name: String },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Kind {
    Added,
    Removed,
    Set {
        setting: &'static str,
        before: String,
        after: String,
    },
}

/// From when on it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    AtOnce,
    /// Connections that are there go on as they began.
    ForNewConnections,
    AtRestart,
}

impl Change {
    pub(super) fn added(about: Subject, origin: Option<&Arc<str>>) -> Change {
        Change {
            about,
            kind: Kind::Added,
            effect: Effect::AtOnce,
            origin: origin.map(ToString::to_string),
        }
    }

    pub(super) fn removed(about: Subject) -> Change {
        Change {
            about,
            kind: Kind::Removed,
            effect: Effect::AtOnce,
            origin: None,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        let about = &self.about;
        match &self.kind {
            Kind::Added => write!(f, "{about} is new")?,
            Kind::Removed => write!(f, "{about} is gone")?,
            Kind::Set { setting, before, after } if before == after => write!(f, "{about}: {setting} becomes another")?,
            Kind::Set { setting, before, after } => write!(f, "{about}: {setting} {before} becomes {after}")?,
        }
        f.write_str(match self.effect {
            Effect::AtOnce => "",
            Effect::ForNewConnections => ", for new connections",
            Effect::AtRestart => ", but not before a restart",
        })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Global => f.write_str("global"),
            Subject::StatsSocket { address } => write!(f, "stats socket {address}"),
            Subject::Frontend { name } => write!(f, "frontend {name}"),
            Subject::Listener { frontend, address } => write!(f, "frontend {frontend}: bind {address}"),
            Subject::Backend { name } => write!(f, "backend {name}"),
            Subject::Table { name } => write!(f, "stick-table {name}"),
            Subject::Peers { name } => write!(f, "peers {name}"),
            Subject::Server { backend, name } => write!(f, "server {backend}/{name}"),
        }
    }
}
