//! Servers that follow another one (`track`): what it is, they are, and its maintenance is theirs.
//!
//! Who follows whom is known outside; here comes what there is to know of the one that is followed ([`Lead`]).

use super::{Backend, Operation, Reason};
use crate::ServerIdx;
use crate::health::RiseFall;
use std::fmt;
use std::sync::Arc;
use tandem_time::Mono;

/// The server that another one follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    pub backend: Arc<str>,
    pub server: Arc<str>,
}

impl fmt::Display for Tracked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.backend, self.server)
    }
}

/// What those who follow a server need to know of it. Of one that follows another itself, it is what that one's checks
/// say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lead {
    pub operation: Operation,
    pub is_in_maint: bool,
    pub is_draining: bool,
    /// `None` when it is not checked.
    pub health: Option<RiseFall>,
    /// Whether its agent says that it serves; `None` when none is asked.
    pub agent: Option<bool>,
}

impl Lead {
    /// Of a server of which nothing is known.
    pub(super) const UNKNOWN: Lead = Lead {
        operation: Operation::Running,
        is_in_maint: false,
        is_draining: false,
        health: None,
        agent: None,
    };
}

impl Backend {
    /// What those who follow this server need to know; `None` when there is no such server.
    pub fn lead(&self, server: ServerIdx) -> Option<Lead> {
        self.server(server).map(|s| s.lead())
    }

    /// The one that a server follows has changed, or was always so.
    pub(super) fn follow(&mut self, idx: ServerIdx, lead: Lead, is_news: bool, now: Mono) {
        let Some(via) = self.server(idx).and_then(|server| server.tracked().cloned()) else {
            return;
        };
        if !is_news {
            return self.change(idx, now, |s| {
                s.adopt(lead);
                None
            });
        }
        self.change(idx, now, |s| {
            s.hear_of(lead);
            None
        });
        match lead.is_in_maint {
            true => self.change(idx, now, |s| s.inherit_maint(&via, now)),
            false => self.change(idx, now, |s| s.disinherit_maint(now)),
        }
        match lead.is_draining {
            true => self.change(idx, now, |s| s.inherit_drain(&via, now)),
            false => self.change(idx, now, |s| s.disinherit_drain(now)),
        }
        self.change(idx, now, |s| s.obey(lead.operation, Reason::Via(via), now));
    }
}
