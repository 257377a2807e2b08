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
use tandem_vrrp_core::settings::{Family, RouterSettings, Transport};

use super::network::Network;

/// More than any advert; what is longer is cut and refused for its length.
const BUFFER: usize = 8 << 10;

/// A flood must not keep timers waiting for ever; the kernel's buffer holds fewer.
const AT_ONCE: usize = 1024;

type Name = (Arc<str>, Family);

#[derive(Debug, Default)]
pub(super) struct Ports {
    open: BTreeMap<Name, Port>,
}

#[derive(Debug)]
struct Port {
    index: Index,
    socket: Readable<VrrpReceiver>,
    groups: BTreeSet<IpAddr>,
}

impl Ports {
    /// Opens what the settings need and the network has, and closes the rest. Returns what could not be done.
    pub(super) fn adjust(&mut self, settings: &RouterSettings, network: &Network) -> Vec<String> {
        let wanted = wanted(settings);
        let there = |name: &str| network.link(name).map(|link| link.index);
        self.open
            .retain(|name, port| wanted.contains_key(name) && there(&name.0) == Some(port.index));
        let mut troubles = Vec::new();
        for (name, groups) in wanted {
            let Some(index) = there(&name.0) else { continue };
            if let Err(error) = self.open_one(&name, index, &groups) {
                troubles.push(format!("cannot listen for adverts on {}: {error}", name.0));
            }
        }
        troubles
    }

    fn open_one(&mut self, name: &Name, index: Index, groups: &BTreeSet<IpAddr>) -> io::Result<()> {
        if !self.open.contains_key(name) {
            let receiver = VrrpReceiver::open(&name.0, index, family(name.1))?;
            let socket = Readable::new(receiver)?;
            let groups = BTreeSet::new();
            self.open.insert(name.clone(), Port { index, socket, groups });
        }
        match self.open.get_mut(name) {
            Some(port) => port.listen_to(groups),
            None => Ok(()),
        }
    }

    /// Ready when any port has something.
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut answer = Poll::Pending;
        for port in self.open.values() {
            if let Poll::Ready(ready) = port.socket.poll_readable(cx) {
                answer = Poll::Ready(ready);
            }
        }
        answer
    }

    /// Hands out all that has arrived, whether the runtime has noticed it or not.
    pub(super) fn drain(&self, mut each: impl FnMut(&str, Arrival, Datagram<'_>)) -> io::Result<()> {
        let mut buffer = [0; BUFFER];
        for ((name, family), port) in &self.open {
            for _ in 0..AT_ONCE {
                match port.socket.inner().receive(&mut buffer) {
                    Ok(arrival) => {
                        let bytes = &buffer[..arrival.length];
                        each(name, arrival, datagram(*family, &arrival, bytes));
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        port.socket.found_empty();
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
    fn listen_to(&mut self, groups: &BTreeSet<IpAddr>) -> io::Result<()> {
        for group in groups.difference(&self.groups) {
            self.socket.inner().join(*group)?;
        }
        for group in self.groups.difference(groups) {
            self.socket.inner().leave(*group)?;
        }
        self.groups.clone_from(groups);
        Ok(())
    }
}

/// Which sockets, and which groups on each.
fn wanted(settings: &RouterSettings) -> BTreeMap<Name, BTreeSet<IpAddr>> {
    let mut wanted: BTreeMap<Name, BTreeSet<IpAddr>> = BTreeMap::new();
    for instance in &settings.instances {
        let Some(interface) = &instance.interface else { continue };
        let groups = wanted.entry((interface.clone(), instance.family)).or_default();
        if let Transport::Multicast { group } = instance.transport {
            groups.insert(group);
        }
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
