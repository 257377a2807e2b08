//! Being taught everything by one of the others.

use tandem_time::Mono;

use super::{Lesson, RESYNC, Section, Stage};
use crate::peers::Control;
use crate::peers::settings::{ConnId, Event, Output};

impl Section {
    /// Asks somebody who has not been asked yet for everything. The process before this one tells it unasked.
    pub(super) fn ask(&mut self, now: Mono) {
        if !matches!(self.lesson, Lesson::Wanted { .. }) || self.is_leaving {
            return;
        }
        let found = self.conns.iter().find_map(|(conn, found)| match found.stage {
            Stage::Open { peer, .. } if !self.peers[peer].was_asked => Some((*conn, peer)),
            _ => None,
        });
        let Some((conn, peer)) = found else { return };
        self.peers[peer].was_asked = true;
        let until = now + RESYNC;
        self.lesson = Lesson::From { conn, until };
        if !self.settings.peers[peer].is_local {
            self.control(conn, Control::ResyncRequest, now);
        }
    }

    pub(super) fn learned(&mut self, from: Option<usize>) {
        self.lesson = Lesson::Done;
        self.peers.iter_mut().for_each(|state| state.was_asked = false);
        self.outputs.push_back(Output::Event(Event::Learned { from }));
    }

    pub(super) fn is_teacher(&self, of: ConnId) -> bool {
        matches!(self.lesson, Lesson::From { conn, .. } if conn == of)
    }

    pub(super) fn lost_lesson(&mut self, conn: ConnId, now: Mono) {
        if self.is_teacher(conn) {
            self.peers.iter_mut().for_each(|state| state.was_asked = false);
            self.lesson = Lesson::Wanted { until: now + RESYNC };
            self.ask(now);
        }
    }

    /// Of two changes that cross each other both sides would keep the wrong one, so the one with the lower name keeps its
    /// own. A lesson tells what we once said, too, and nothing of it is newer than what we have changed since.
    pub(super) fn unless(&self, conn: ConnId, peer: usize, table: usize) -> Option<u64> {
        let Stage::Open { talk, .. } = &self.conns.get(&conn)?.stage else {
            return None;
        };
        let is_lower = self.settings.local < self.settings.peers.get(peer)?.name;
        let keeps = is_lower || self.is_teacher(conn);
        keeps.then(|| talk.outgoing().get(table).map_or(0, |outgoing| outgoing.acked))
    }
}
