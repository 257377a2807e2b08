//! Packets that are for none of our instances: counted, and said once of each sender and VRID, as long as those are not
//! made up by somebody who wants to fill the log.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use tandem_time::Mono;

use crate::DropReason;

/// A segment has a handful of other routers, each with all its VRIDs at most; what is said longest ago makes room.
const REMEMBERED: usize = 1024;

/// So many lines at once: all VRIDs of one router that is configured for the wrong segment.
const LINES: u32 = 256;
/// After which there may be one more.
const PAUSE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Strangers {
    drops: [u64; DropReason::ALL.len()],
    said: VecDeque<(IpAddr, Option<u8>, DropReason)>,
    /// So many may still be named, as of this time.
    left: u32,
    since: Mono,
    /// That there are too many has been said.
    too_many: bool,
}

/// What is to be said of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mention {
    Nothing,
    Sender,
    /// That senders are not named any more.
    TooMany,
}

impl Default for Strangers {
    fn default() -> Strangers {
        Strangers {
            drops: [0; DropReason::ALL.len()],
            said: VecDeque::new(),
            left: LINES,
            since: Mono::ZERO,
            too_many: false,
        }
    }
}

impl Strangers {
    pub(super) fn refuse(&mut self, source: IpAddr, vrid: Option<u8>, reason: DropReason, now: Mono) -> Mention {
        self.drops[reason.place()] += 1;
        if self.said.contains(&(source, vrid, reason)) {
            return Mention::Nothing;
        }
        self.recover(now);
        if self.left == 0 {
            return match std::mem::replace(&mut self.too_many, true) {
                true => Mention::Nothing,
                false => Mention::TooMany,
            };
        }
        self.left -= 1;
        if self.said.len() == REMEMBERED {
            self.said.pop_front();
        }
        self.said.push_back((source, vrid, reason));
        Mention::Sender
    }

    fn recover(&mut self, now: Mono) {
        let pauses = now.since(self.since).as_nanos() / PAUSE.as_nanos();
        let pauses = u32::try_from(pauses).unwrap_or(u32::MAX);
        if self.left == LINES {
            self.since = now;
        } else if pauses > 0 {
            self.left = self.left.saturating_add(pauses).min(LINES);
            self.since += PAUSE * pauses;
            // One that comes now and then is no flood.
            self.too_many &= self.left < LINES / 2;
        }
    }

    pub(super) fn dropped(&self, reason: DropReason) -> u64 {
        self.drops[reason.place()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn from(last: u8) -> IpAddr {
        IpAddr::V4(std::net::Ipv4Addr::new(10, 9, 0, last))
    }

    #[test]
    fn each_sender_vrid_and_reason_once() {
        let mut strangers = Strangers::default();
        let mut refuse = |last, vrid, reason| strangers.refuse(from(last), vrid, reason, Mono::ZERO);
        assert_eq!(refuse(1, Some(51), DropReason::UnknownVrid), Mention::Sender);
        assert_eq!(refuse(1, Some(51), DropReason::UnknownVrid), Mention::Nothing);
        assert_eq!(refuse(1, None, DropReason::TooShort), Mention::Sender);
        assert_eq!(refuse(1, Some(52), DropReason::UnknownVrid), Mention::Sender);
        assert_eq!(refuse(2, Some(51), DropReason::UnknownVrid), Mention::Sender);
        assert_eq!(strangers.dropped(DropReason::UnknownVrid), 4);
        assert_eq!(strangers.dropped(DropReason::Ttl), 0);
    }

    /// A minute of a thousand made up packets a second.
    #[test]
    fn a_forger_does_not_fill_the_log() {
        let mut strangers = Strangers::default();
        let (mut named, mut too_many) = (0, 0);
        let forged = (0..=255).flat_map(|last| (0..=255).map(move |vrid| (last, vrid)));
        for (count, (last, vrid)) in (0_u32..).zip(forged) {
            let now = Mono::ZERO + Duration::from_millis(1) * count;
            match strangers.refuse(from(last), Some(vrid), DropReason::UnknownVrid, now) {
                Mention::Sender => named += 1,
                Mention::TooMany => too_many += 1,
                Mention::Nothing => {}
            }
        }
        // 65.5 seconds.
        assert_eq!((named, too_many), (LINES + 6, 1));
        assert_eq!(strangers.dropped(DropReason::UnknownVrid), 65_536, "each is counted");
        assert!(strangers.said.len() <= REMEMBERED);
        // Long after that a new one is named again, and a new flood said again.
        let later = Mono::ZERO + Duration::from_secs(86_400);
        let mut refuse =
            |vrid| strangers.refuse(IpAddr::from([10, 8, 0, 1]), Some(vrid), DropReason::UnknownVrid, later);
        assert_eq!(refuse(0), Mention::Sender);
        let others = (1..=255).map(&mut refuse);
        assert!(others.into_iter().all(|mention| mention == Mention::Sender));
        assert_eq!(
            strangers.refuse(from(1), None, DropReason::TooShort, later),
            Mention::TooMany
        );
    }
}
