//! Where adverts do not go out, so that it is said once and not each time.
//!
//! One interface, peer or instance may be well while another is not; they have nothing to say for each other.

use std::collections::BTreeMap;
use std::net::IpAddr;

use tandem_sys::netlink::Index;
use tandem_vrrp_core::settings::InstanceId;

#[derive(Debug, Default)]
pub(super) struct Mute {
    known: BTreeMap<(InstanceId, Index, IpAddr), String>,
}

impl Mute {
    /// Returns the error if it is news.
    pub(super) fn heard(&mut self, who: InstanceId, on: Index, to: IpAddr, error: Option<String>) -> Option<String> {
        let Some(error) = error else {
            self.known.remove(&(who, on, to));
            return None;
        };
        let before = self.known.insert((who, on, to), error.clone());
        (before.as_ref() != Some(&error)).then_some(error)
    }

    /// Of instances that are no more nothing is heard.
    pub(super) fn keep(&mut self, ours: impl Fn(InstanceId) -> bool) {
        self.known.retain(|(who, _, _), _| ours(*who));
    }

    pub(super) fn forget(&mut self, on: Index) {
        self.known.retain(|(_, index, _), _| *index != on);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VI: InstanceId = InstanceId(3);
    const ETH: Index = Index(2);

    fn no_way() -> Option<String> {
        Some("no way".to_owned())
    }

    #[test]
    fn one_that_works_and_one_that_fails_say_one_line() {
        let (well, ill) = (IpAddr::from([10, 9, 0, 2]), IpAddr::from([10, 9, 0, 3]));
        let mut mute = Mute::default();
        let mut said = Vec::new();
        for _ in 0..3 {
            for (to, error) in [(well, None), (ill, no_way())] {
                said.extend(mute.heard(VI, ETH, to, error));
            }
        }
        assert_eq!(said, ["no way"]);
        assert_eq!(mute.heard(VI, ETH, ill, None), None);
        assert!(mute.heard(VI, ETH, ill, no_way()).is_some(), "again");
        assert!(mute.heard(VI, Index(3), ill, no_way()).is_some(), "elsewhere");
        mute.forget(Index(3));
        assert!(mute.heard(VI, Index(3), ill, no_way()).is_some(), "anew");
    }

    /// By the same interface to the same group, with an address of its own that is not there.
    #[test]
    fn instances_do_not_speak_for_each_other() {
        let (other, to) = (InstanceId(4), IpAddr::from([224, 0, 0, 18]));
        let mut mute = Mute::default();
        let mut said = Vec::new();
        for _ in 0..3 {
            for (who, error) in [(VI, no_way()), (other, None)] {
                said.extend(mute.heard(who, ETH, to, error));
            }
        }
        assert_eq!(said, ["no way"]);
        mute.keep(|who| who != VI);
        assert!(
            mute.heard(VI, ETH, to, no_way()).is_some(),
            "another one of this number"
        );
    }
}
