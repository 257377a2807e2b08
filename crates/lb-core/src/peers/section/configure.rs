//! What the configuration has come to say.

use std::collections::BTreeMap;

use tandem_time::Mono;

use super::{Section, Stage, State};
use crate::peers::settings::{ConnId, Output, Settings};

impl Section {
    /// Other peers or tables from now on. Who is a peer still keeps what was confirmed; conversations begin anew where
    /// the tables have changed.
    pub fn configure(&mut self, settings: Settings, now: Mono) {
        let open: Vec<ConnId> = self.conns.keys().copied().collect();
        open.into_iter().for_each(|conn| self.keep_acked(conn));
        let before = std::mem::replace(&mut self.settings, settings);
        let same_tables = before.tables == self.settings.tables && before.shards == self.settings.shards;
        let old_table = |name: &str| before.tables.iter().position(|shared| *shared.name == *name);
        let places: Vec<Option<usize>> = self
            .settings
            .tables
            .iter()
            .map(|shared| {
                let place = old_table(&shared.name)?;
                (before.tables.get(place)?.settings.key == shared.settings.key).then_some(place)
            })
            .collect();
        let mut states: Vec<Option<State>> = std::mem::take(&mut self.peers).into_iter().map(Some).collect();
        let mut moved = BTreeMap::new();
        for (place, peer) in self.settings.peers.iter().enumerate() {
            let known = before.peers.iter().position(|known| known == peer);
            let state = known.and_then(|known| {
                moved.insert(known, place);
                states.get_mut(known)?.take()
            });
            let mut state = state.unwrap_or_else(|| State::new(0, now));
            state.acked = places
                .iter()
                .map(|place| place.and_then(|place| state.acked.get(place).copied()).unwrap_or(0))
                .collect();
            self.peers.push(state);
        }
        self.news = places
            .iter()
            .map(|place| place.and_then(|place| self.news.get(place).copied()).unwrap_or(0))
            .collect();
        let conns: Vec<ConnId> = self.conns.keys().copied().collect();
        for conn in conns {
            let Some(found) = self.conns.get_mut(&conn) else {
                continue;
            };
            let Some(peer) = found.stage.peer() else { continue };
            let place = moved.get(&peer).copied().filter(|_| same_tables);
            match (&mut found.stage, place) {
                (Stage::Greeted { peer } | Stage::Open { peer, .. }, Some(place)) => *peer = place,
                _ => self.drop_moved(conn, moved.get(&peer).copied(), now),
            }
        }
    }

    /// A conversation about tables that are others now.
    pub(super) fn drop_moved(&mut self, conn: ConnId, peer: Option<usize>, now: Mono) {
        self.conns.remove(&conn);
        self.outputs.push_back(Output::Close(conn));
        if let Some(state) = peer.and_then(|peer| self.peers.get_mut(peer)) {
            state.conn = None;
            state.next_try = now;
        }
        self.lost_lesson(conn, now);
    }
}
