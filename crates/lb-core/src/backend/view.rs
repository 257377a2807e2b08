//! What the workers see of a backend: the table to pick from, and of each server what a connection needs to know.

use super::places::Places;
use super::{Online, Operation};
use crate::balance::Table;
use crate::health::Admin;
use crate::{ServerId, ServerIdx};
use std::sync::Arc;
use tandem_time::Mono;

/// A snapshot; a new one is published whenever anything in it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    pub table: Table,
    /// In the order of the configuration.
    pub servers: Vec<ServerView>,
    pub(super) places: Places,
    pub online: Online,
    /// When the backend last came up or went down as a whole.
    pub last_change: Mono,
}

impl View {
    pub fn server(&self, idx: ServerIdx) -> Option<&ServerView> {
        self.servers.get(self.places.position(idx)?)
    }

    /// The place of the server that a stick entry names.
    pub fn place_of(&self, id: ServerId) -> Option<ServerIdx> {
        self.servers.iter().find(|s| s.id == id).map(|s| s.place)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerView {
    pub place: ServerIdx,
    pub name: Arc<str>,
    pub id: ServerId,
    pub is_backup: bool,
    pub operation: Operation,
    pub admin: Admin,
    pub weight: u16,
    pub maxconn: u32,
    pub last_change: Mono,
}

impl ServerView {
    /// Whether it may get a client that it has not seen before.
    pub fn takes_new(&self) -> bool {
        takes_new(self.operation, self.admin, self.weight)
    }

    /// Whether a stick entry may send a client here: while draining, stopping and with weight 0 yes, while down and in
    /// maintenance no (reference 2.7).
    pub fn takes_known(&self) -> bool {
        self.operation != Operation::Down && !self.admin.in_maint()
    }
}

pub(super) fn takes_new(operation: Operation, admin: Admin, weight: u16) -> bool {
    operation == Operation::Running && weight > 0 && !admin.in_maint() && !admin.in_drain()
}
