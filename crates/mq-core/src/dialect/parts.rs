//! Parts of a connection that have numbers and an end of their own (channels): each is a session of the broker.

use std::collections::{BTreeMap, BTreeSet};

use crate::SessionId;

#[derive(Debug)]
pub(crate) struct Parts<C> {
    connection: SessionId,
    open: BTreeMap<u16, C>,
    sessions: BTreeMap<SessionId, u16>,
    last: u16,
    /// We have said that they are over, and the client has not yet heard it.
    closing: BTreeSet<u16>,
}

impl<C> Parts<C> {
    pub(crate) fn new(connection: SessionId) -> Parts<C> {
        Parts {
            connection,
            open: BTreeMap::new(),
            sessions: BTreeMap::new(),
            last: 0,
            closing: BTreeSet::new(),
        }
    }

    /// Never a session that was in use a moment ago: what is still on its way is for that one.
    pub(crate) fn open(&mut self, number: u16, part: impl FnOnce(SessionId) -> C) -> SessionId {
        let session = loop {
            self.last = self.last.checked_add(1).unwrap_or(1);
            let session = self.connection.part(self.last);
            if !self.sessions.contains_key(&session) {
                break session;
            }
        };
        self.sessions.insert(session, number);
        self.open.insert(number, part(session));
        session
    }

    pub(crate) fn get(&self, number: u16) -> Option<&C> {
        self.open.get(&number)
    }

    pub(crate) fn get_mut(&mut self, number: u16) -> Option<&mut C> {
        self.open.get_mut(&number)
    }

    /// The one with this session. It may have ended while what is for it was on its way.
    pub(crate) fn of(&mut self, session: SessionId) -> Option<(u16, &mut C)> {
        let number = *self.sessions.get(&session)?;
        Some((number, self.open.get_mut(&number)?))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, &C)> {
        self.open.iter().map(|(number, part)| (*number, part))
    }

    /// The client has ended it, or will hear that it has ended.
    pub(crate) fn take(&mut self, number: u16) -> Option<C> {
        self.sessions.retain(|_, known| *known != number);
        self.open.remove(&number)
    }

    pub(crate) fn is_closing(&self, number: u16) -> bool {
        self.closing.contains(&number)
    }

    /// The client is told that it is over.
    pub(crate) fn closes(&mut self, number: u16) {
        self.closing.insert(number);
    }

    /// The client knows that it is over.
    pub(crate) fn closed(&mut self, number: u16) {
        self.closing.remove(&number);
    }

    pub(crate) fn clear(&mut self) {
        *self = Parts::new(self.connection);
    }
}
