//! Which adverts of lower rivals are told of.
//!
//! Of a rival that speaks once a second each, of a flood about one a second, and of several rivals each in its turn: whoever
//! is heard too soon after another was named comes next, if it speaks again.

use std::net::IpAddr;
use std::time::Duration;

use tandem_time::Mono;

/// The least time between two, but for one whose turn comes when another was named since it waits. Less than a second, or every other advert of a rival that is a little early is lost.
const PAUSE: Duration = Duration::from_millis(875);

/// How long the others keep silent for one that waits. It spoke once, so it speaks again in a second or not at all.
const TURN: Duration = Duration::from_millis(1125);

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Naming {
    last: Option<Named>,
    waits: Option<Named>,
}

#[derive(Clone, Copy, Debug)]
struct Named {
    rival: IpAddr,
    at: Mono,
}

impl Naming {
    /// Whether this advert is told of.
    pub(super) fn names(&mut self, rival: IpAddr, now: Mono) -> bool {
        let this = Named { rival, at: now };
        let since = |one: &Named| now.since(one.at);
        let soon = self.last.is_some_and(|last| since(&last) < PAUSE);
        match self.waits {
            Some(waits) if waits.rival == rival && (!soon || since(&waits) >= PAUSE) => self.waits = None,
            Some(waits) if since(&waits) < TURN => return false,
            _ if soon => {
                let another = self.last.is_some_and(|last| last.rival != rival);
                self.waits = another.then_some(this).or(self.waits);
                return false;
            }
            _ => {}
        }
        self.last = Some(this);
        true
    }
}
