//! What the workers see of a backend: the table to pick from, and of each server what a connection needs to know.

use super::places::Places;
use super::{Online, Operation};
use crate::balance::{Table, dynamic_limit};
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
    /// 0 is always `maxconn`.
    pub minconn: u32,
    /// Its part of the weight, in sixteenths; less than all while it comes back slowly.
    pub share: u32,
    /// While it comes back slowly: how many percent of `maxconn` it gets.
    pub warming: Option<u32>,
    pub last_change: Mono,
}

impl ServerView {
    /// The most connections that it gets when its backend is busy; 0 is no limit.
    pub fn room(&self) -> u32 {
        room(self.maxconn, self.warming)
    }

    /// And when its backend has so many of all that are its full load.
    pub fn room_under(&self, load: u32, full: u32) -> u32 {
        match (self.minconn, self.room()) {
            (0, most) | (_, most @ 0) => most,
            (least, most) => dynamic_limit((room(least, self.warming), most), load, full),
        }
    }

    /// Percent of the weight that it gets while it comes back slowly.
    pub fn throttle(&self) -> Option<u32> {
        let weight = u32::from(self.weight);
        self.warming.filter(|_| !self.admin.in_drain())?;
        Some((100 * self.share).div_ceil(16).checked_div(weight).unwrap_or(100))
    }

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

pub(super) fn room(maxconn: u32, warming: Option<u32>) -> u32 {
    match (maxconn, warming) {
        (0, _) => 0,
        (most, None) => most,
        // Part of a number that fits.
        (most, Some(percent)) => (u64::from(most) * u64::from(percent) / 100).max(1) as u32,
    }
}

pub(super) fn takes_new(operation: Operation, admin: Admin, weight: u16) -> bool {
    operation == Operation::Running && weight > 0 && !admin.in_maint() && !admin.in_drain()
}
