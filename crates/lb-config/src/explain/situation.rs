//! What is known of a backend at the moment that is explained.

use std::net::SocketAddr;
use std::sync::Arc;

use tandem_lb_core::balance::{Candidate, Loads};
use tandem_lb_core::{ServerId, ServerIdx};

use crate::plan::{Backend, Host, Server, ServerPort};

/// One server as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contender {
    pub candidate: Candidate,
    pub name: Arc<str>,
    /// Where it was written (`file:line`).
    pub origin: Arc<str>,
    /// In the words of the statistics: `UP`, `DRAIN`...
    pub status: String,
    /// Whether it keeps the clients that it has.
    pub takes_known: bool,
    pub sessions: u32,
}

/// A backend as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Situation {
    pub contenders: Vec<Contender>,
    /// The number of the next pick.
    pub ticket: u64,
    /// The server that the stick table names for the client.
    pub known: Option<ServerId>,
    /// Rules lead nobody there, by order.
    pub is_unpublished: bool,
}

impl Situation {
    /// As the file alone has it: everything is up that is not `disabled` or named here, and nothing has happened yet.
    pub fn configured(backend: &Backend, down: &[String]) -> Situation {
        let contender = |(place, server): (u32, &Server)| {
            let is_down = down
                .iter()
                .any(|name| **name == *server.name || *name == format!("{}/{}", backend.name, server.name));
            let status = match (server.disabled, is_down) {
                (true, _) => "MAINT",
                (false, true) => "DOWN",
                (false, false) if server.weight == 0 => "DRAIN",
                (false, false) => "UP",
            };
            Contender {
                candidate: Candidate {
                    place: ServerIdx(place),
                    id: server.id,
                    key: server.hash_key.of(server.id, known(server), server.guid.as_deref()),
                    weight: u32::from(server.weight) * 16,
                    backup: server.backup,
                    usable: status == "UP",
                    maxconn: server.maxconn,
                    minconn: server.minconn,
                },
                name: server.name.clone(),
                origin: server.origin.clone(),
                status: status.to_owned(),
                takes_known: !server.disabled && !is_down,
                sessions: 0,
            }
        };
        Situation {
            contenders: (0..).zip(&backend.servers).map(contender).collect(),
            ..Situation::default()
        }
    }
}

/// Where a server is, as far as the file says it.
fn known(server: &Server) -> Option<SocketAddr> {
    let Host::Ip(ip) = server.host else { return None };
    let port = match server.port {
        ServerPort::Fixed(port) => port,
        ServerPort::Offset(_) => 0,
    };
    Some(SocketAddr::new(ip, port))
}

impl Loads for Situation {
    fn served(&self, s: ServerIdx) -> u32 {
        let found = self.contenders.iter().find(|c| c.candidate.place == s);
        found.map_or(0, |contender| contender.sessions)
    }
}

impl Contender {
    pub(super) fn is_full(&self) -> bool {
        self.candidate.maxconn > 0 && self.sessions >= self.candidate.maxconn
    }

    /// Why it is not among those that would be picked.
    pub(super) fn why_not(&self) -> String {
        let Candidate {
            backup,
            usable,
            maxconn,
            ..
        } = self.candidate;
        match (usable, backup) {
            (false, _) => self.status.clone(),
            (true, _) if self.is_full() => {
                format!("{}, but full with {} of {maxconn} sessions", self.status, self.sessions)
            }
            (true, true) => format!("{}, but a backup of which the first is enough", self.status),
            (true, false) => format!("{}, further down than is told", self.status),
        }
    }
}
