//! What a rehearsal does otherwise than the files say: every such setting is listed in the report.

use std::fmt;

use serde::Serialize;

use crate::pair::site::FOLDER;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `file:line`
    pub place: String,
    pub was: String,
    /// `None`: it is not rehearsed.
    pub now: Option<String>,
    pub why: String,
}

/// Each once, though both hosts may have the same file.
#[derive(Clone, Debug, Default)]
pub struct Changes(Vec<Change>);

impl Changes {
    pub fn note(&mut self, place: &str, was: impl Into<String>, now: Option<&str>, why: &str) {
        let change = Change {
            place: place.to_owned(),
            was: was.into(),
            // For people the folder has no name.
            now: now.map(|now| now.replace(&format!("{FOLDER}/"), "")),
            why: why.to_owned(),
        };
        if !self.0.contains(&change) {
            self.0.push(change);
        }
    }

    pub fn into_inner(self) -> Vec<Change> {
        self.0
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Change { place, was, why, .. } = self;
        match &self.now {
            Some(now) if now == was => write!(f, "{place}: `{was}`: {why}"),
            Some(now) => write!(f, "{place}: `{was}` is `{now}` here: {why}"),
            None => write!(f, "{place}: `{was}` is not rehearsed because {why}"),
        }
    }
}
