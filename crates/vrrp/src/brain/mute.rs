//! Where adverts do not go out, so that it is said once and not each time.
//!
//! One interface or peer may be well while another is not; they have nothing to say for each other.

use std::collections::BTreeMap;
use std::net::IpAddr;

use tandem_sys::netlink::Index;

#[derive(Debug, Default)]
pub(super) struct Mute {
    known: BTreeMap<(Index, IpAddr), String>,
}

impl Mute {
    /// Returns the error if it is news.
    pub(super) fn heard(&mut self, on: Index, to: IpAddr, error: Option<String>) -> Option<String> {
        let Some(error) = error else {
            self.known.remove(&(on, to));
            return None;
        };
        let before = self.known.insert((on, to), error.clone());
        (before.as_ref() != Some(&error)).then_some(error)
    }

    pub(super) fn forget(&mut self, on: Index) {
        self.known.retain(|(index, _), _| *index != on);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_works_and_one_that_fails_say_one_line() {
        let (well, ill) = (IpAddr::from([10, 9, 0, 2]), IpAddr::from([10, 9, 0, 3]));
        let mut mute = Mute::default();
        let mut said = Vec::new();
        for _ in 0..3 {
            for (to, error) in [(well, None), (ill, Some("no way".to_owned()))] {
                said.extend(mute.heard(Index(2), to, error));
            }
        }
        assert_eq!(said, ["no way"]);
        assert_eq!(mute.heard(Index(2), ill, None), None);
        assert!(mute.heard(Index(2), ill, Some("no way".to_owned())).is_some(), "again");
        assert!(
            mute.heard(Index(3), ill, Some("no way".to_owned())).is_some(),
            "elsewhere"
        );
        mute.forget(Index(3));
        assert!(mute.heard(Index(3), ill, Some("no way".to_owned())).is_some(), "anew");
    }
}
