//! Where this host listens for adverts, where it is about to, and where it could not.
//!
//! Whoever takes part where nobody listens takes silence for the truth, and is master beside the master.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use tandem_sys::netlink::Index;
use tandem_vrrp_core::settings::{Family, InstanceSettings, Transport};

pub(super) type Name = (Arc<str>, Family);

/// Where a socket listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) index: Index,
    pub(super) groups: BTreeSet<IpAddr>,
    /// Adverts of version 2 may come behind an authentication header. They are refused, but not without a word.
    pub(super) authenticated: bool,
}

impl Place {
    pub(super) const fn at(index: Index) -> Place {
        Place {
            index,
            groups: BTreeSet::new(),
            authenticated: false,
        }
    }

    /// As far as adverts matter that are not refused.
    pub(super) fn hears_as_much_as(&self, other: &Place) -> bool {
        self.index == other.index && self.groups == other.groups
    }
}

#[derive(Debug, Default)]
pub(super) struct Places {
    open: BTreeMap<Name, Place>,
    /// Asked for and not there yet.
    awaited: BTreeMap<Name, Place>,
    /// Not to be had at the last attempt, and why.
    refused: BTreeMap<Name, (Place, String)>,
}

/// What changes with a new list of places.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) to_close: Vec<Name>,
    pub(super) to_open: Vec<(Name, Place)>,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    Opened,
    /// Without the socket that only tells of adverts that are refused anyhow.
    Lacking(String),
    Failed(String),
}

/// What is to be made of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// What was opened replaces what was there.
    pub(super) is_taken: bool,
    /// What has not been said yet.
    pub(super) trouble: Option<String>,
}

impl Places {
    /// What was refused is asked for again.
    pub(super) fn adjust(&mut self, wanted: BTreeMap<Name, Place>) -> Changes {
        // With other groups on the same interface the old one listens until there is a new one.
        let stays = |name: &Name, place: &Place| wanted.get(name).is_some_and(|wanted| wanted.index == place.index);
        let gone = self.open.extract_if(.., |name, place| !stays(name, place));
        let to_close = gone.map(|(name, _)| name).collect();
        self.awaited.retain(|name, place| wanted.get(name) == Some(place));
        self.refused.retain(|name, (place, _)| wanted.get(name) == Some(place));
        let mut to_open = Vec::new();
        for (name, place) in wanted {
            if self.open.get(&name) != Some(&place) && !self.awaited.contains_key(&name) {
                self.awaited.insert(name.clone(), place.clone());
                to_open.push((name, place));
            }
        }
        Changes { to_close, to_open }
    }

    pub(super) fn tried(&mut self, name: &Name, place: &Place, attempt: Attempt) -> Verdict {
        // Nobody wants it there any more.
        if self.awaited.get(name) != Some(place) {
            return Verdict {
                is_taken: false,
                trouble: None,
            };
        }
        self.awaited.remove(name);
        let (is_taken, trouble) = match attempt {
            Attempt::Opened => {
                self.refused.remove(name);
                self.open.insert(name.clone(), place.clone());
                (true, None)
            }
            Attempt::Lacking(why) => {
                let known = self.open.get(name);
                // What is no better than what is there would only lose what that has not handed out yet.
                let is_better = !known.is_some_and(|known| known.hears_as_much_as(place));
                if is_better {
                    let authenticated = false;
                    let without = Place {
                        authenticated,
                        ..place.clone()
                    };
                    self.open.insert(name.clone(), without);
                }
                (is_better, Some(why))
            }
            Attempt::Failed(why) => (false, Some(why)),
        };
        let trouble = trouble.filter(|why| self.is_new(name, place, why));
        Verdict { is_taken, trouble }
    }

    fn is_new(&mut self, name: &Name, place: &Place, why: &str) -> bool {
        let before = self.refused.insert(name.clone(), (place.clone(), why.to_owned()));
        before.is_none_or(|(_, before)| before != why)
    }

    /// Something is to be tried again.
    pub(super) fn is_refused(&self) -> bool {
        !self.refused.is_empty()
    }

    /// Nobody listens on this interface for what an instance has to hear, but somebody will, or should.
    pub(super) fn is_deaf(&self, interface: &str, settings: &InstanceSettings) -> bool {
        let name = (interface.into(), settings.family);
        let hears = |place: &Place| match settings.transport {
            Transport::Multicast { group } => place.groups.contains(&group),
            Transport::Unicast { .. } => true,
        };
        self.is_lacking(&name) && !self.open.get(&name).is_some_and(hears)
    }

    fn is_lacking(&self, name: &Name) -> bool {
        self.awaited.contains_key(name) || self.refused.contains_key(name)
    }

    pub(super) fn place(&self, name: &Name) -> Option<&Place> {
        self.open.get(name)
    }
}

#[cfg(test)]
mod tests {
    use tandem_vrrp_core::settings::{InstanceId, Vrid};

    use super::*;

    const GROUP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(224, 0, 0, 18));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(224, 0, 0, 19));

    fn name(family: Family) -> Name {
        ("eth0".into(), family)
    }

    fn place(groups: &[IpAddr]) -> Place {
        Place {
            index: Index(2),
            groups: groups.iter().copied().collect(),
            authenticated: false,
        }
    }

    fn instance(family: Family, group: IpAddr) -> InstanceSettings {
        let vrid = Vrid::new(51).expect("not 0");
        InstanceSettings {
            transport: Transport::Multicast { group },
            ..InstanceSettings::new(InstanceId(1), "VI_1", vrid, family)
        }
    }

    fn wanted(all: &[(Family, Place)]) -> BTreeMap<Name, Place> {
        all.iter()
            .map(|(family, place)| (name(*family), place.clone()))
            .collect()
    }

    fn open(places: &mut Places, family: Family, place: &Place) {
        let verdict = places.tried(&name(family), place, Attempt::Opened);
        assert!(verdict.is_taken && verdict.trouble.is_none(), "{verdict:?}");
    }

    fn failed() -> Attempt {
        Attempt::Failed("too many files".into())
    }

    #[test]
    fn whoever_cannot_listen_is_deaf_until_it_can() {
        let v4 = place(&[GROUP]);
        let all = wanted(&[(Family::V4, v4.clone())]);
        let vi = instance(Family::V4, GROUP);
        let mut places = Places::default();
        assert_eq!(places.adjust(all.clone()).to_open.len(), 1);
        assert!(places.is_deaf("eth0", &vi));
        let said = places.tried(&name(Family::V4), &v4, failed()).trouble;
        assert_eq!(said.as_deref(), Some("too many files"));
        assert!(places.is_deaf("eth0", &vi));
        assert!(places.is_refused(), "it is tried again");

        assert_eq!(places.adjust(all.clone()).to_open.len(), 1);
        let said = places.tried(&name(Family::V4), &v4, failed()).trouble;
        assert_eq!(said, None, "said");
        assert!(places.is_deaf("eth0", &vi));
        assert_eq!(places.adjust(all.clone()).to_open.len(), 1);
        open(&mut places, Family::V4, &v4);
        assert!(!places.is_deaf("eth0", &vi));
        assert!(!places.is_refused());
        assert!(places.adjust(all).to_open.is_empty());
    }

    #[test]
    fn another_family_or_group_is_heard_when_its_own_socket_is_there() {
        let v4 = place(&[GROUP]);
        let mut places = Places::default();
        places.adjust(wanted(&[(Family::V4, v4.clone())]));
        open(&mut places, Family::V4, &v4);

        let (six, v6) = (IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), place(&[]));
        let both = wanted(&[(Family::V4, v4.clone()), (Family::V6, v6.clone())]);
        assert_eq!(places.adjust(both.clone()).to_open.len(), 1);
        assert!(places.is_deaf("eth0", &instance(Family::V6, six)));
        assert!(!places.is_deaf("eth0", &instance(Family::V4, GROUP)));
        places.tried(&name(Family::V6), &v6, failed());
        assert!(places.is_deaf("eth0", &instance(Family::V6, six)));

        let more = place(&[GROUP, OTHER]);
        let changes = places.adjust(wanted(&[(Family::V4, more.clone())]));
        assert!(changes.to_close.is_empty(), "it listens until there is a new one");
        assert!(!places.is_deaf("eth0", &instance(Family::V4, GROUP)));
        assert!(places.is_deaf("eth0", &instance(Family::V4, OTHER)));
        open(&mut places, Family::V4, &more);
        assert!(!places.is_deaf("eth0", &instance(Family::V4, OTHER)));
    }

    #[test]
    fn what_only_tells_of_refused_adverts_is_tried_again_and_makes_nobody_deaf() {
        let v4 = Place {
            authenticated: true,
            ..place(&[GROUP])
        };
        let all = wanted(&[(Family::V4, v4.clone())]);
        let mut places = Places::default();
        places.adjust(all.clone());
        let lacking = || Attempt::Lacking("no memory".into());
        let first = places.tried(&name(Family::V4), &v4, lacking());
        assert!(first.is_taken && first.trouble.is_some(), "{first:?}");
        assert!(!places.is_deaf("eth0", &instance(Family::V4, GROUP)) && places.is_refused());
        assert_eq!(places.adjust(all.clone()).to_open.len(), 1);
        let second = places.tried(&name(Family::V4), &v4, lacking());
        assert!(!second.is_taken && second.trouble.is_none(), "{second:?}");
        assert_eq!(places.adjust(all).to_open.len(), 1);
        open(&mut places, Family::V4, &v4);
        assert!(!places.is_refused());
    }

    #[test]
    fn what_nobody_wants_any_more_is_closed_and_not_taken() {
        let v4 = place(&[GROUP]);
        let mut places = Places::default();
        places.adjust(wanted(&[(Family::V4, v4.clone())]));
        let moved = Place {
            index: Index(3),
            ..v4.clone()
        };
        places.adjust(wanted(&[(Family::V4, moved.clone())]));
        assert!(!places.tried(&name(Family::V4), &v4, Attempt::Opened).is_taken);
        open(&mut places, Family::V4, &moved);
        let again = wanted(&[(Family::V4, v4.clone())]);
        assert_eq!(
            places.adjust(again).to_close,
            [name(Family::V4)],
            "its interface was made anew"
        );
        assert!(
            places.is_deaf("eth0", &instance(Family::V4, GROUP)),
            "whatever it heard before"
        );
        open(&mut places, Family::V4, &v4);
        assert_eq!(places.adjust(BTreeMap::new()).to_close, [name(Family::V4)]);
        assert!(places.place(&name(Family::V4)).is_none());
    }
}
