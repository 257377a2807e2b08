//! The sockets adverts come in by: one for each interface and family, however many instances share them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::task::{Context, Poll};

use tandem_sys::netlink::{self, Index};
use tandem_sys::raw::{Arrival, VrrpReceiver};
use tandem_sys::readable::Readable;
use tandem_vrrp_core::packet::Datagram;
use tandem_vrrp_core::settings::{Family, RouterSettings, Transport, Version};

use super::closing;
use super::network::Network;

/// More than any advert; what is longer is cut and refused for its length.
const BUFFER: usize = 8 << 10;

/// A flood must not keep timers waiting for ever; the kernel's buffer holds fewer.
const AT_ONCE: usize = 1024;

type Name = (Arc<str>, Family);

#[derive(Debug, Default)]
pub(super) struct Ports {
    open: BTreeMap<Name, Port>,
    /// Asked for and not there yet.
    awaited: BTreeMap<Name, Place>,
}

#[derive(Debug)]
struct Port {
    place: Place,
    socket: Readable<VrrpReceiver>,
    authenticated: Option<Readable<VrrpReceiver>>,
}

/// Where a socket listens.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    index: Index,
    groups: BTreeSet<IpAddr>,
    /// Adverts of version 2 may come behind an authentication header. They are refused, but not without a word.
    authenticated: bool,
}

/// What listens at a place.
#[derive(Debug)]
struct Receivers {
    socket: VrrpReceiver,
    authenticated: Option<VrrpReceiver>,
    /// Why there is none of the second kind, although there should be.
    lacking: Option<io::Error>,
}

/// A socket that is open.
pub(super) struct Listening<'a> {
    pub(super) interface: &'a str,
    pub(super) family: Family,
    pub(super) index: Index,
    pub(super) multicast: bool,
    pub(super) socket: &'a VrrpReceiver,
}

/// A socket that is to be opened, on a thread that may wait: the kernel lets whoever joins a group wait for whoever else
/// changes any network on the machine.
#[derive(Debug)]
pub(super) struct Opening {
    name: Name,
    place: Place,
}

/// What became of it.
#[derive(Debug)]
pub(super) struct Opened {
    name: Name,
    place: Place,
    result: io::Result<Receivers>,
}

impl Opening {
    pub(super) fn open(self) -> Opened {
        let Self { name, place } = self;
        let joined = |receiver: VrrpReceiver| -> io::Result<VrrpReceiver> {
            place.groups.iter().try_for_each(|group| receiver.join(*group))?;
            Ok(receiver)
        };
        let authenticated = || joined(VrrpReceiver::open_authenticated(&name.0, place.index)?);
        let open = || -> io::Result<Receivers> {
            let socket = joined(VrrpReceiver::open(&name.0, place.index, family(name.1))?)?;
            let (authenticated, lacking) = if_possible(place.authenticated.then(authenticated));
            Ok(Receivers {
                socket,
                authenticated,
                lacking,
            })
        };
        let result = open();
        Opened { name, place, result }
    }
}

impl Ports {
    /// Closes what the settings do not need or the network does not have any more, and says what must be opened.
    pub(super) fn adjust(&mut self, settings: &RouterSettings, network: &Network) -> Vec<Opening> {
        let there = |(name, wanted): (Name, Wanted)| {
            let Wanted { groups, authenticated } = wanted;
            let index = network.link(&name.0)?.index;
            let place = Place {
                index,
                groups,
                authenticated,
            };
            Some((name, place))
        };
        let wanted: BTreeMap<Name, Place> = wanted(settings, network).into_iter().filter_map(there).collect();
        // With other groups on the same interface the old one listens until there is a new one.
        let is_there = |name: &Name, port: &Port| wanted.get(name).is_some_and(|place| place.index == port.place.index);
        let closing = self.open.extract_if(.., |name, port| !is_there(name, port));
        closing::close(closing.flat_map(|(_, port)| port.into_inner()).collect());
        self.awaited.retain(|name, place| wanted.get(name) == Some(place));
        let mut openings = Vec::new();
        for (name, place) in wanted {
            let is_open = self.open.get(&name).is_some_and(|port| port.place == place);
            if !is_open && !self.awaited.contains_key(&name) {
                self.awaited.insert(name.clone(), place.clone());
                openings.push(Opening { name, place });
            }
        }
        openings
    }

    /// What could not be opened is said, and tried again when something changes. Without the socket that only tells of
    /// adverts that are refused anyhow, the other one does its work.
    pub(super) fn take(&mut self, opened: Opened) -> Result<(), String> {
        let Opened { name, place, result } = opened;
        let trouble = |error: io::Error| format!("cannot listen for adverts on {}: {error}", name.0);
        if self.awaited.get(&name) != Some(&place) {
            closing::close(vec![result]);
            return Ok(());
        }
        self.awaited.remove(&name);
        let mut receivers = result.map_err(trouble)?;
        let lacking = receivers.lacking.take();
        let port = Port::new(place, receivers).map_err(trouble)?;
        let missed = |error| {
            let interface = &name.0;
            format!("on {interface} nobody will say that adverts with AH authentication are refused: {error}")
        };
        let outcome = lacking.map_or(Ok(()), |error| Err(missed(error)));
        let old = self.open.insert(name, port);
        closing::close(old.into_iter().flat_map(Port::into_inner).collect());
        outcome
    }

    /// Nobody listens on this interface yet, but will: whoever took part now would take silence for the truth.
    pub(super) fn is_deaf(&self, interface: &str) -> bool {
        let here = |(name, _): &Name| **name == *interface;
        self.awaited.keys().any(here) && !self.open.keys().any(here)
    }

    /// All that is open.
    pub(super) fn listening(&self) -> impl Iterator<Item = Listening<'_>> {
        let open = self.open.iter();
        open.map(|((interface, family), port)| Listening {
            interface,
            family: *family,
            index: port.place.index,
            multicast: !port.place.groups.is_empty(),
            socket: port.socket.inner(),
        })
    }

    /// Ready when any port has something.
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut answer = Poll::Pending;
        for socket in self.open.values().flat_map(Port::sockets) {
            if let Poll::Ready(ready) = socket.poll_readable(cx) {
                answer = Poll::Ready(ready);
            }
        }
        answer
    }

    /// Hands out all that has arrived, whether the runtime has noticed it or not.
    pub(super) fn drain(&self, mut each: impl FnMut(&str, Arrival, Datagram<'_>)) -> io::Result<()> {
        let mut buffer = [0; BUFFER];
        let open = self.open.iter();
        for (name, family, socket) in open.flat_map(|((name, family), p)| p.sockets().map(move |s| (name, family, s))) {
            for _ in 0..AT_ONCE {
                match socket.inner().receive(&mut buffer) {
                    Ok(arrival) => {
                        let bytes = &buffer[..arrival.length];
                        each(name, arrival, datagram(*family, &arrival, bytes));
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        socket.found_empty();
                        break;
                    }
                    // The interface went down or away; netlink tells more.
                    Err(error) if is_of_the_link(&error) => break,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }
}

impl Port {
    fn new(place: Place, receivers: Receivers) -> io::Result<Port> {
        Ok(Port {
            place,
            socket: Readable::new(receivers.socket)?,
            authenticated: receivers.authenticated.map(Readable::new).transpose()?,
        })
    }

    fn sockets(&self) -> impl Iterator<Item = &Readable<VrrpReceiver>> {
        [&self.socket].into_iter().chain(&self.authenticated)
    }

    fn into_inner(self) -> impl Iterator<Item = VrrpReceiver> {
        let sockets = [self.socket].into_iter().chain(self.authenticated);
        sockets.map(Readable::into_inner)
    }
}

/// What there is, and why there is nothing where there should be something.
fn if_possible<T>(wanted: Option<io::Result<T>>) -> (Option<T>, Option<io::Error>) {
    match wanted {
        None => (None, None),
        Some(Ok(there)) => (Some(there), None),
        Some(Err(error)) => (None, Some(error)),
    }
}

/// What is to be heard on an interface.
#[derive(Debug, Default)]
struct Wanted {
    groups: BTreeSet<IpAddr>,
    authenticated: bool,
}

fn wanted(settings: &RouterSettings, network: &Network) -> BTreeMap<Name, Wanted> {
    let mut wanted: BTreeMap<Name, Wanted> = BTreeMap::new();
    for instance in &settings.instances {
        let Some(home) = network.home(instance) else { continue };
        let name = (home.name.as_str().into(), instance.family);
        let here = wanted.entry(name).or_default();
        if let Transport::Multicast { group } = instance.transport {
            here.groups.insert(group);
        }
        here.authenticated |= instance.family == Family::V4 && instance.protocol.version() == Version::V2;
    }
    wanted
}

fn datagram<'a>(family: Family, arrival: &Arrival, bytes: &'a [u8]) -> Datagram<'a> {
    match (family, arrival.source) {
        (Family::V6, IpAddr::V6(source)) => Datagram::V6 {
            source,
            destination: arrival.destination.unwrap_or(Ipv6Addr::UNSPECIFIED),
            hop_limit: arrival.hop_limit.unwrap_or(0),
            payload: bytes,
        },
        _ => Datagram::V4(bytes),
    }
}

fn is_of_the_link(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(nix::libc::ENETDOWN | nix::libc::ENODEV | nix::libc::ENXIO)
    )
}

pub(super) const fn family(family: Family) -> netlink::Family {
    match family {
        Family::V4 => netlink::Family::V4,
        Family::V6 => netlink::Family::V6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_opened_is_known_and_takes_nothing_along() {
        let words = |wanted| {
            let (there, lacking): (Option<u8>, _) = if_possible(wanted);
            (there, lacking.map(|error| error.to_string()))
        };
        assert_eq!(words(None), (None, None));
        assert_eq!(words(Some(Ok(7))), (Some(7), None));
        let refused = Err(io::Error::other("too many files"));
        assert_eq!(words(Some(refused)), (None, Some("too many files".to_owned())));
    }
}
