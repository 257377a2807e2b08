//! The relay of a connection that rules have slowed down: no more is read than may be carried, and a timer goes on.

use std::task::Context;

use tandem_lb_core::bandwidth::{Allowance, Way};
use tandem_lb_core::conn::Side;
use tandem_time::Mono;

use super::Session;
use super::relaying::carry;
use super::upstream::Upstream;
use crate::bandwidth::Metered;

impl Session {
    pub(super) fn is_throttled(&self) -> bool {
        let subject = self.subject.as_deref();
        subject.is_some_and(|subject| !subject.throttles.is_empty())
    }

    /// As `relay`, with both ends metered.
    pub(super) fn relay_slowly(&mut self, cx: &mut Context<'_>, is_awaited: bool) -> bool {
        let now = self.worker.clock.now();
        let before = [Way::Up, Way::Down].map(|way| self.allowed(way, now));
        let Upstream::Up(server) = &self.upstream else {
            return false;
        };
        let (client, server) = (Metered::new(&self.client, before[0]), Metered::new(server, before[1]));
        let ways = (&mut self.to_client, &mut self.to_server);
        let mut scratch = self.worker.scratch.borrow_mut();
        let (down, up) = carry(cx, ways, is_awaited, &client, &server, &mut scratch);
        drop(scratch);
        let spent = [client.is_spent(), server.is_spent()];
        let allowed = [
            self.spend(Way::Up, up.read, before[0], now),
            self.spend(Way::Down, down.read, before[1], now),
        ];
        self.account(&down, &up);
        self.pace(cx, allowed.into_iter().zip(spent));
        let told = down.end.is_some() || up.end.is_some();
        self.tell(Side::Server, down.end);
        self.tell(Side::Client, up.end);
        told
    }

    fn allowed(&self, way: Way, now: Mono) -> Option<Allowance> {
        self.subject.as_deref()?.throttles.allow(way, now)
    }

    /// What may be carried after so many bytes, where this was `allowed` before them.
    fn spend(&mut self, way: Way, bytes: u64, allowed: Option<Allowance>, now: Mono) -> Option<Allowance> {
        match self.subject.as_deref_mut() {
            Some(subject) if bytes > 0 => subject.throttles.spend(way, bytes, now),
            _ => allowed,
        }
    }

    /// Sees to it that it is looked at again when there is something to be read that may be carried. Of each way, what may
    /// be carried and whether that was all.
    fn pace(&mut self, cx: &mut Context<'_>, ways: impl Iterator<Item = (Option<Allowance>, bool)>) {
        self.paced = None;
        for (allowed, is_spent) in ways {
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
