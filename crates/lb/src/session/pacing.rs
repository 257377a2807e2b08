//! The relay of a connection that rules have slowed down: no more is read than may be carried, and a timer goes on.

use std::task::Context;

use tandem_lb_core::bandwidth::{Allowance, Way};
use tandem_lb_core::conn::Side;
use tandem_time::Mono;

use super::upstream::Upstream;
use super::{Session, carry};
use crate::bandwidth::Metered;
use crate::rules::Subject;

impl Session {
    pub(super) fn is_throttled(&self) -> bool {
        let subject = self.subject.as_deref();
        subject.is_some_and(|subject| !subject.throttles.is_empty())
    }

    /// As `relay`, with both ends metered.
    pub(super) fn relay_slowly(&mut self, cx: &mut Context<'_>, is_awaited: bool) -> bool {
        let now = self.worker.clock.now();
        let (up, down) = (self.allowed(Way::Up, now), self.allowed(Way::Down, now));
        let Upstream::Up(server) = &self.upstream else {
            return false;
        };
        let (client, server) = (Metered::new(&self.client, up), Metered::new(server, down));
        let ways = (&mut self.to_client, &mut self.to_server);
        let mut scratch = self.worker.scratch.borrow_mut();
        let (down, up) = carry(cx, ways, is_awaited, &client, &server, &mut scratch);
        drop(scratch);
        let spent = [client.is_spent(), server.is_spent()];
        if let Some(Subject { throttles, .. }) = self.subject.as_deref_mut() {
            throttles.spend(Way::Up, up.read, now);
            throttles.spend(Way::Down, down.read, now);
        }
        self.account(&down, &up);
        self.pace(cx, now, spent);
        let told = down.end.is_some() || up.end.is_some();
        self.tell(Side::Server, down.end);
        self.tell(Side::Client, up.end);
        told
    }

    fn allowed(&self, way: Way, now: Mono) -> Option<Allowance> {
        self.subject.as_deref()?.throttles.allow(way, now)
    }

    /// Sees to it that it is looked at again when there is something to be read that may be carried.
    fn pace(&mut self, cx: &mut Context<'_>, now: Mono, spent: [bool; 2]) {
        let ways = [Way::Up, Way::Down].map(|way| self.allowed(way, now));
        self.paced = None;
        for (allowed, is_spent) in ways.into_iter().zip(spent) {
            match allowed {
                Some(Allowance::NotBefore(then)) => {
                    self.paced = Some(self.paced.map_or(then, |other| other.min(then)));
                }
                // Somebody else has changed what they share since it was asked.
                Some(Allowance::Bytes(_)) | None if is_spent => cx.waker().wake_by_ref(),
                Some(Allowance::Bytes(_)) | None => {}
            }
        }
        if self.paced.is_some_and(|due| self.armed.is_none_or(|at| due < at)) {
            // The timer is set when it is polled next.
            cx.waker().wake_by_ref();
        }
    }
}
