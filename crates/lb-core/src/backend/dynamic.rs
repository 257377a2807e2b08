//! Servers that come and go while the others serve.

use super::places::Places;
use super::server::Server;
use super::{Backend, ServerSettings};
use crate::ServerIdx;
use std::sync::Arc;
use tandem_time::Mono;

impl Backend {
    /// A new one comes into maintenance and with its checks at rest, so that an operator may look before it serves.
    pub(super) fn add(&mut self, settings: ServerSettings, now: Mono) {
        if self.places.position(settings.place).is_some() {
            return;
        }
        self.servers.push(Server::resting(settings, now));
        self.rearranged();
    }

    pub(super) fn remove(&mut self, server: ServerIdx) {
        let before = self.servers.len();
        self.servers.retain(|s| s.place() != server);
        if self.servers.len() != before {
            self.rearranged();
        }
    }

    pub(super) fn rename(&mut self, server: ServerIdx, name: Arc<str>) {
        if let Some(server) = self.server_mut(server) {
            server.rename(name);
            self.publish();
        }
    }

    fn rearranged(&mut self) {
        self.places = Places::of(self.servers.iter().map(Server::place));
        self.publish();
    }
}
