//! Who is here: each client's connection, for those who look after the node.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};

use tandem_mq_core::SessionId;
use tandem_mq_core::broker::Page;
use tandem_time::Mono;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Connection {
    /// Where it comes from, by the word of a proxy where one is believed.
    pub(crate) peer: Option<SocketAddr>,
    /// The listener that took it.
    pub(crate) at: SocketAddr,
    pub(crate) protocol: &'static str,
    pub(crate) tls: bool,
    /// Once it has come in, and with a name.
    pub(crate) user: Option<Box<str>>,
    pub(crate) since: Mono,
}

#[derive(Debug, Default)]
pub(crate) struct Connections(Mutex<BTreeMap<SessionId, Connection>>);

/// One connection, until it is dropped.
pub(crate) struct Present {
    all: Arc<Connections>,
    id: SessionId,
}

impl Connections {
    pub(crate) fn enter(self: &Arc<Self>, id: SessionId, connection: Connection) -> Present {
        self.list().insert(id, connection);
        Present { all: self.clone(), id }
    }

    pub(crate) fn came_in(&self, id: SessionId, user: Option<&str>) {
        if let Some(known) = self.list().get_mut(&id) {
            known.user = user.map(Into::into);
        }
    }

    pub(crate) fn of(&self, session: SessionId) -> Option<Connection> {
        self.list().get(&session.connection()).cloned()
    }

    /// In the order in which they came.
    pub(crate) fn after(&self, last: Option<SessionId>, most: usize) -> Page<(SessionId, Connection), SessionId> {
        let list = self.list();
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        let mut known = list.range((from, Bound::Unbounded));
        let rows: Vec<_> = known.by_ref().take(most).map(|(id, c)| (*id, c.clone())).collect();
        let last = rows.last().map(|(id, _)| *id);
        Page {
            next: last.filter(|_| known.next().is_some()),
            rows,
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.list().len()
    }

    /// Each thing that is done with the list is whole, so a panic elsewhere has not broken it.
    fn list(&self) -> MutexGuard<'_, BTreeMap<SessionId, Connection>> {
        self.0.lock().unwrap_or_else(|broken| broken.into_inner())
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.all.list().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_here_is_listed_page_by_page() {
        let all = Arc::new(Connections::default());
        let connection = Connection {
            peer: None,
            at: SocketAddr::from(([127, 0, 0, 1], 1)),
            protocol: "stomp",
            tls: false,
            user: None,
            since: Mono::ZERO,
        };
        let [a, b, c] = [1, 2, 3].map(SessionId::of_connection);
        let present = [a, b, c].map(|id| all.enter(id, connection.clone()));
        all.came_in(b, Some("u"));
        let first = all.after(None, 2);
        assert_eq!((first.rows.len(), first.next), (2, Some(b)));
        assert_eq!(first.rows[1].1.user.as_deref(), Some("u"));
        let rest = all.after(first.next, 2);
        assert_eq!((rest.rows.len(), rest.rows[0].0, rest.next), (1, c, None));
        assert_eq!(all.of(b.part(5)), Some(first.rows[1].1.clone()));
        drop(present);
        assert_eq!(all.count(), 0);
    }
}
