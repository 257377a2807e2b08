//! How a connection begins: who is there, and whether he is one of us.

use tandem_time::Mono;

use super::{Conn, Last, MOST_STRANGERS, SAID, Section, Stage};
use crate::peers::settings::{ConnId, Event, Output, Why};
use crate::peers::talk::Talk;
use crate::peers::{Hello, Status};

impl Section {
    pub(super) fn accepted(&mut self, conn: ConnId, now: Mono) {
        if self.is_resting {
            return self.outputs.push_back(Output::Close(conn));
        }
        let strangers = self.conns.values().filter(|conn| matches!(conn.stage, Stage::Accepted));
        if strangers.count() >= MOST_STRANGERS {
            self.outputs.push_back(Output::Close(conn));
            return self.stranger(Why::TooMany, now);
        }
        self.conns.insert(conn, Conn::new(Stage::Accepted, now));
    }

    pub(super) fn connected(&mut self, peer: usize, conn: ConnId, now: Mono) {
        let (Some(state), Some(settings)) = (self.peers.get_mut(peer), self.settings.peers.get(peer)) else {
            return self.outputs.push_back(Output::Close(conn));
        };
        state.is_connecting = false;
        // It was faster, or the process has begun to leave meanwhile.
        if state.conn.is_some() || self.is_resting || settings.is_local != self.is_leaving {
            return self.outputs.push_back(Output::Close(conn));
        }
        state.conn = Some(conn);
        state.status = Last::Established;
        let hello = Hello {
            minor: 1,
            to: settings.name.to_string(),
            from: self.settings.local.to_string(),
            pid: self.settings.pid,
        };
        self.conns.insert(conn, Conn::new(Stage::Greeted { peer }, now));
        self.send(conn, hello.to_bytes(), now);
    }

    /// Their greeting; how many bytes it took.
    pub(super) fn greeted(&mut self, conn: ConnId, bytes: &[u8], now: Mono) -> Option<usize> {
        let (hello, taken) = match Hello::read(bytes) {
            Ok(Some(read)) => read,
            Ok(None) => return None,
            Err(status) => {
                self.refuse(conn, status, now);
                return None;
            }
        };
        if hello.to != *self.settings.local {
            self.refuse(conn, Status::NotMe, now);
            return None;
        }
        let Some(peer) = self.settings.peers.iter().position(|peer| *peer.name == *hello.from) else {
            self.refuse(conn, Status::NotYou, now);
            return None;
        };
        if let Some(before) = self.peers[peer].conn.replace(conn) {
            self.keep_acked(before);
            self.peers[peer].counters.collisions += 1;
            self.conns.remove(&before);
            self.outputs.push_back(Output::Close(before));
            self.lost_lesson(before, now);
        }
        self.peers[peer].counters.connections += 1;
        self.send(conn, Status::Welcome.to_bytes(), now);
        self.open(conn, peer, hello.minor, now);
        Some(taken)
    }

    pub(super) fn refuse(&mut self, conn: ConnId, status: Status, now: Mono) {
        self.send(conn, status.to_bytes(), now);
        self.conns.remove(&conn);
        self.outputs.push_back(Output::Close(conn));
        self.stranger(Why::Refused(status), now);
    }

    pub(super) fn stranger(&mut self, why: Why, now: Mono) {
        self.strangers += 1;
        self.said.retain(|(_, at)| now < *at + SAID);
        if self.said.iter().any(|(said, _)| *said == why) {
            return;
        }
        self.said.push((why.clone(), now));
        self.outputs.push_back(Output::Event(Event::Stranger { why }));
    }

    /// Their answer to our greeting.
    pub(super) fn answered(&mut self, conn: ConnId, peer: usize, bytes: &[u8], now: Mono) -> Option<usize> {
        let (status, taken) = match Status::read(bytes) {
            Ok(Some(read)) => read,
            Ok(None) => return None,
            Err(malformed) => {
                self.lose(conn, malformed.into(), now);
                return None;
            }
        };
        if let Some(state) = self.peers.get_mut(peer) {
            state.status = Last::Answered(status);
        }
        if status != Status::Welcome {
            self.lose(conn, Why::Refused(status), now);
            return None;
        }
        self.open(conn, peer, 1, now);
        Some(taken)
    }

    pub(super) fn open(&mut self, conn: ConnId, peer: usize, minor: u8, now: Mono) {
        let (Some(found), Some(settings)) = (self.conns.get_mut(&conn), self.settings.peers.get(peer)) else {
            return;
        };
        let state = &mut self.peers[peer];
        state.status = Last::Answered(Status::Welcome);
        state.greeted = Some(now);
        let mut talk = Box::new(Talk::new(minor, settings.shard, &state.acked));
        if self.is_leaving && settings.is_local {
            talk.teach();
        }
        found.stage = Stage::Open { peer, talk };
        if state.said.take().is_some() || !settings.is_local {
            self.outputs.push_back(Output::Event(Event::Up { peer }));
        }
        self.ask(now);
    }
}
