//! Our own announcements that come back: some switches and access points return frames to where they came from.
//!
//! Those with an interface's own MAC address are known by it. A virtual router's MAC address is also that of whoever else is
//! its master, so there only time tells: what is heard just after we said it is what we said. A rival says it again.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use tandem_time::Mono;

/// The frames of one round follow each other faster than this.
const ROUND: Duration = Duration::from_secs(1);

/// Longer than any way there and back on one network.
const BACK: Duration = Duration::from_millis(50);

#[derive(Debug, Default)]
pub(super) struct Echoes {
    /// When each address was announced last. There are no more than we have had.
    said: BTreeMap<IpAddr, Mono>,
}

impl Echoes {
    /// Whether a round begins with it.
    pub(super) fn said(&mut self, address: IpAddr, now: Mono) -> bool {
        let before = self.said.insert(address, now);
        before.is_none_or(|before| now.since(before) >= ROUND)
    }

    pub(super) fn is_echo(&self, address: IpAddr, now: Mono) -> bool {
        self.said.get(&address).is_some_and(|said| now.since(*said) < BACK)
    }

    /// Of addresses that are no longer ours nothing comes back.
    pub(super) fn keep(&mut self, ours: impl Fn(&IpAddr) -> bool) {
        self.said.retain(|address, _| ours(address));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_just_said_and_nothing_else() {
        let (vip, other) = (IpAddr::from([10, 9, 0, 100]), IpAddr::from([10, 9, 0, 101]));
        let mut echoes = Echoes::default();
        assert!(!echoes.is_echo(vip, Mono::ZERO));
        let at = Mono::from_millis(1000);
        assert!(echoes.said(vip, at), "a round begins");
        assert!(echoes.is_echo(vip, at + Duration::from_millis(3)));
        assert!(!echoes.is_echo(other, at + Duration::from_millis(3)));
        assert!(!echoes.is_echo(vip, at + BACK), "somebody else says it");
        assert!(!echoes.said(vip, at + BACK));
        echoes.keep(|address| *address != vip);
        assert!(!echoes.is_echo(vip, at + BACK));
        assert!(echoes.said(other, at) && echoes.said(other, at + ROUND));
    }
}
