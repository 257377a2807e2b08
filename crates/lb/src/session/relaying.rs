//! What moves between the two sides, and what is counted of it.

use std::task::Context;

use tandem_lb_core::conn::{Input, Side};
use tandem_sys::relay::{Direction, End, Pass, Scratch, Stream};

use super::counted::{self, AtServer};
use super::response::Judged;
use super::upstream::Upstream;
use super::{Session, io_failure};
use crate::wire::Wire;

/// Bytes of this connection so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Carried {
    pub(crate) from_client: u64,
    pub(crate) to_client: u64,
}

impl Session {
    /// Moves what there is. The server's bytes go first: they may be its last words before it fails.
    pub(super) fn relay(&mut self, cx: &mut Context<'_>) -> bool {
        let is_awaited = match self.judge_answer(cx) {
            Judged::Told => return true,
            judged => judged == Judged::Waits,
        };
        if self.is_throttled() {
            return self.relay_slowly(cx, is_awaited);
        }
        let Upstream::Up(server) = &self.upstream else {
            return false;
        };
        let mut scratch = self.worker.scratch.borrow_mut();
        let ways = (&mut self.to_client, &mut self.to_server);
        let (down, up) = match (&self.client, server) {
            (Wire::Plain(client), Wire::Plain(server)) => carry(cx, ways, is_awaited, client, server, &mut scratch),
            (Wire::Tls(client), Wire::Plain(server)) => carry(cx, ways, is_awaited, &**client, server, &mut scratch),
            (Wire::Plain(client), Wire::Tls(server)) => carry(cx, ways, is_awaited, client, &**server, &mut scratch),
            (Wire::Tls(client), Wire::Tls(server)) => carry(cx, ways, is_awaited, &**client, &**server, &mut scratch),
        };
        drop(scratch);
        self.account(&down, &up);
        let told = down.end.is_some() || up.end.is_some();
        self.tell(Side::Server, down.end);
        self.tell(Side::Client, up.end);
        told
    }

    pub(super) fn account(&mut self, down: &Pass, up: &Pass) {
        if down.read + down.written + up.read + up.written == 0 {
            return;
        }
        let now = self.worker.clock.now();
        for side in [Side::Client, Side::Server] {
            let (read, written) = if side == Side::Client {
                (up.read, down.written)
            } else {
                (down.read, up.written)
            };
            let counted = if self.conn.counts_writing(side) { written } else { 0 };
            if read + counted > 0 {
                self.conn.touched(side, now);
            }
        }
        self.entry.moved(now);
        self.carried.from_client += up.read;
        self.carried.to_client += down.read;
        counted::bytes(&self.frontend.traffic, up.read, down.read);
        if let Some(listener) = self.frontend.listener(self.listener) {
            counted::bytes(&listener.traffic, up.read, down.read);
        }
        if let Some(backend) = &self.backend {
            counted::bytes(&backend.traffic, up.read, down.read);
        }
        if let Some(server) = self.at_server.as_ref().map(AtServer::server) {
            counted::bytes(&server.traffic, up.read, down.read);
        }
        if let Some(subject) = self.subject.as_ref().filter(|subject| !subject.trackers.is_empty()) {
            subject.trackers.carried(up.read, down.read, now);
        }
    }

    /// `from` is the side whose bytes the ended direction carried.
    pub(super) fn tell(&mut self, from: Side, end: Option<End>) {
        let input = match end {
            None => return,
            Some(End::Finished) => Input::Finished(from),
            Some(End::ReadFailed(error)) => Input::Failed(from, io_failure(&error)),
            Some(End::WriteFailed(error)) => Input::Failed(from.other(), io_failure(&error)),
        };
        self.conn.handle(input, self.worker.clock.now());
    }
}

/// Both ways, for each kind of socket by itself: what is plain pays nothing for what is not.
pub(super) fn carry(
    cx: &mut Context<'_>,
    (to_client, to_server): (&mut Direction, &mut Direction),
    is_awaited: bool,
    client: &impl Stream,
    server: &impl Stream,
    scratch: &mut Scratch,
) -> (Pass, Pass) {
    // Rules look at what the server sends before it goes on.
    let down = if is_awaited {
        Pass::default()
    } else {
        to_client.drive(cx, server, client, scratch)
    };
    let up = to_server.drive(cx, client, server, scratch);
    (down, up)
}
