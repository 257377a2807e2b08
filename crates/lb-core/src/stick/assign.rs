//! Which server a match gives.

use super::StickEntry;
use crate::ServerIdx;

/// What the backend says of the server an entry names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Running: up, and also in drain or of weight 0. That these keep the clients they have is what drain is for.
    Running(ServerIdx),
    /// Down or in maintenance.
    Stopped,
    /// The backend has no such server any more.
    Unknown,
}

/// What a match leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assigned {
    /// Go there, whatever the balancing would say.
    To(ServerIdx),
    /// Let the balancing choose; where the connection then succeeds, that server is stored over the old entry. So a
    /// client does not return when its old server does.
    Choose,
}

/// The decision for one client: its entry, if it has one, and what is known of the server it names.
pub fn assign(entry: Option<StickEntry>, standing: impl FnOnce(&StickEntry) -> Standing) -> Assigned {
    let Some(entry) = entry else { return Assigned::Choose };
    match standing(&entry) {
        Standing::Running(server) => Assigned::To(server),
        Standing::Stopped | Standing::Unknown => Assigned::Choose,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ServerId;

    #[test]
    fn table() {
        let entry = Some(StickEntry {
            server: ServerId(7),
            name: None,
            expires: None,
        });
        let by = |standing| {
            assign(entry.clone(), |entry| {
                assert_eq!(entry.server, ServerId(7));
                standing
            })
        };
        assert_eq!(by(Standing::Running(ServerIdx(2))), Assigned::To(ServerIdx(2)));
        assert_eq!(by(Standing::Stopped), Assigned::Choose);
        assert_eq!(by(Standing::Unknown), Assigned::Choose);
        assert_eq!(assign(None, |_| Standing::Running(ServerIdx(2))), Assigned::Choose);
    }
}
