//! The sockets adverts come in by: one for each interface and family, however many instances share them.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv6Addr};
use std::task::{Context, Poll};

use tandem_sys::netlink::{self, Index, Link};
use tandem_sys::raw::{Arrival, VrrpReceiver};
use tandem_sys::readable::Readable;
use tandem_vrrp_core::packet::Datagram;
use tandem_vrrp_core::settings::{Family, InstanceSettings, RouterSettings, Transport, Version};

use super::closing;
use super::network::Network;
use super::places::{Attempt, Name, Place, Places};

/// More than any advert; what is longer is cut and refused for its length.
const BUFFER: usize = 8 << 10;

/// A flood must not keep timers waiting for ever; the kernel's buffer holds fewer.
const AT_ONCE: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Ports {
    places: Places,
    open: BTreeMap<Name, Port>,
}

#[derive(Debug)]
struct Port {
    index: Index,
    multicast: bool,
    socket: Readable<VrrpReceiver>,
    authenticated: Option<Readable<VrrpReceiver>>,
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
#[derive(Clone, Debug)]
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

    /// On a thread of its own, if there is one to be had.
    pub(super) fn beside(self, then: impl FnOnce(Opened) + Send + 'static) -> Result<(), Opened> {
        let opening = self.clone();
        self.started(thread("opening").spawn(move || then(opening.open())))
    }

    fn started<T>(self, thread: io::Result<T>) -> Result<(), Opened> {
        let Self { name, place } = self;
        thread.map(drop).map_err(|error| Opened {
            name,
            place,
            result: Err(error),
        })
    }
}

impl Ports {
    /// Closes what the settings do not need or the network does not have any more, and says what must be opened.
    pub(super) fn adjust(&mut self, settings: &RouterSettings, network: &Network) -> Vec<Opening> {
        let changes = self.places.adjust(wanted(settings, network));
        let closing = changes.to_close.iter().filter_map(|name| self.open.remove(name));
        closing::close(closing.flat_map(Port::into_inner).collect());
        let openings = changes.to_open.into_iter();
        openings.map(|(name, place)| Opening { name, place }).collect()
    }

    /// What could not be opened is said, and to be tried again. Without the socket that only tells of adverts that are
    /// refused anyhow, the other one does its work.
    pub(super) fn take(&mut self, opened: Opened) -> Result<(), String> {
        let Opened { name, place, result } = opened;
        let (attempt, port) = match result.and_then(|receivers| Port::new(&place, receivers)) {
            Ok((port, None)) => (Attempt::Opened, Some(port)),
            Ok((port, Some(lacking))) => (Attempt::Lacking(lacking.to_string()), Some(port)),
            Err(error) => (Attempt::Failed(error.to_string()), None),
        };
        let verdict = self.places.tried(&name, &place, attempt);
        let useless = match port {
            Some(port) if verdict.is_taken => self.open.insert(name.clone(), port),
            port => port,
        };
        closing::close(useless.into_iter().flat_map(Port::into_inner).collect());
        let interface = &name.0;
        let trouble = |error| match self.places.place(&name) {
            Some(open) if open.hears_as_much_as(&place) => {
                format!("on {interface} nobody will say that adverts with AH authentication are refused: {error}")
            }
            _ => format!("cannot listen for adverts on {interface}: {error}"),
        };
        verdict.trouble.map_or(Ok(()), |error| Err(trouble(error)))
    }

    /// Something is to be tried again.
    pub(super) fn is_refused(&self) -> bool {
        self.places.is_refused()
    }

    /// Nobody listens yet for what this instance has to hear, but somebody will: whoever took part now would take silence
    /// for the truth. Without an interface there is nothing to listen on.
    pub(super) fn is_deaf(&self, home: Option<&Link>, settings: &InstanceSettings) -> bool {
        home.is_none_or(|link| self.places.is_deaf(&link.name, settings))
    }

    /// All that is open.
    pub(super) fn listening(&self) -> impl Iterator<Item = Listening<'_>> {
        let open = self.open.iter();
        open.map(|((interface, family), port)| Listening {
            interface,
            family: *family,
            index: port.index,
            multicast: port.multicast,
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
    /// With why there is no socket of the second kind, although there should be.
    fn new(place: &Place, receivers: Receivers) -> io::Result<(Port, Option<io::Error>)> {
        let port = Port {
            index: place.index,
            multicast: !place.groups.is_empty(),
            socket: Readable::new(receivers.socket)?,
            authenticated: receivers.authenticated.map(Readable::new).transpose()?,
        };
        Ok((port, receivers.lacking))
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

/// What is to be heard, on each interface that is there.
fn wanted(settings: &RouterSettings, network: &Network) -> BTreeMap<Name, Place> {
    let mut wanted: BTreeMap<Name, Place> = BTreeMap::new();
    for instance in &settings.instances {
        let Some(home) = network.home(instance) else { continue };
        let name = (home.name.as_str().into(), instance.family);
        let here = wanted.entry(name).or_insert_with(|| Place::at(home.index));
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

/// One that may wait for the kernel.
pub(super) fn thread(name: &str) -> std::thread::Builder {
    const STACK: usize = 1 << 20;
    std::thread::Builder::new().name(name.into()).stack_size(STACK)
}

#[cfg(test)]
mod tests {
    use tandem_vrrp_core::settings::{InstanceId, Vrid};

    use super::*;
    use crate::around::fixtures::link;

    #[test]
    fn where_no_thread_is_to_be_had_nothing_is_opened_and_that_is_known() {
        let opening = Opening {
            name: ("eth0".into(), Family::V4),
            place: Place::at(Index(2)),
        };
        let none = || io::Error::from(ErrorKind::WouldBlock);
        let opened = opening.clone().started(Err::<(), _>(none()));
        let failed = opened.map_err(|opened| opened.result.map(drop).map_err(|error| error.kind()));
        assert_eq!(failed.err(), Some(Err(ErrorKind::WouldBlock)));
        assert!(opening.started(Ok(())).is_ok());
    }

    /// It may serve elsewhere, and would do so beside a master that nobody hears.
    #[test]
    fn whoever_has_no_interface_to_listen_on_is_deaf() {
        let vrid = Vrid::new(51).expect("not 0");
        let settings = InstanceSettings::new(InstanceId(0), "VI_1", vrid, Family::V4);
        let (ports, eth0) = (Ports::default(), link(2, "eth0"));
        assert!(ports.is_deaf(None, &settings));
        assert!(!ports.is_deaf(Some(&eth0), &settings), "nothing of it is lacking");
    }

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
