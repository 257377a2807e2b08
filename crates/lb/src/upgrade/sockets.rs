//! Listening sockets that came from elsewhere, to be found again by where they listen.

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use socket2::Socket;
use tandem_lb_core::handover::Adopted;
use tandem_sys::listen::abstract_name;

/// Sockets that nobody has claimed yet. What remains when this is dropped is closed.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    unclaimed: Mutex<Vec<Socket>>,
    /// Those that the process before us was started with, under the numbers that they had there.
    adopted: Vec<Adopted>,
}

impl Sockets {
    /// Those that listen; anything else is closed.
    pub(crate) fn new(sockets: impl IntoIterator<Item = Socket>) -> Sockets {
        let listens = |socket: &Socket| {
            // A process that was about to close it may have had it let nobody in.
            socket.detach_filter().ok();
            socket.is_listener().unwrap_or(false) && socket.set_nonblocking(true).is_ok()
        };
        Sockets {
            unclaimed: Mutex::new(sockets.into_iter().filter(listens).collect()),
            adopted: Vec::new(),
        }
    }

    pub(crate) fn with_adopted(self, adopted: Vec<Adopted>) -> Sockets {
        Sockets { adopted, ..self }
    }

    /// All that were passed to an earlier process under this number.
    pub(crate) fn claim_adopted(&self, number: RawFd) -> Vec<Socket> {
        let known = self.adopted.iter().find(|adopted| adopted.descriptor == number);
        known.map_or_else(Vec::new, |known| {
            self.claim(|socket| name_of(socket).as_ref() == Some(&known.at))
        })
    }

    /// All that listen at this address, and on this interface only when one is named.
    pub(crate) fn claim_ip(&self, address: SocketAddr, interface: Option<&str>) -> Vec<Socket> {
        self.claim(|socket| {
            let at = socket.local_addr().ok().and_then(|a| a.as_socket());
            at == Some(address) && bound_to(socket).ok().flatten().as_deref() == interface.map(str::as_bytes)
        })
    }

    /// The one whose file this is, or was to become.
    pub(crate) fn claim_unix(&self, path: &Path) -> Option<Socket> {
        let mut found = self.claim(|socket| {
            let name = socket.local_addr().ok();
            name.as_ref()
                .and_then(|a| a.as_pathname())
                .is_some_and(|name| is_of(name, path))
        });
        found.pop()
    }

    pub(crate) fn claim_abstract(&self, name: &str) -> Option<Socket> {
        let mut found = self.claim(|socket| {
            let address = socket.local_addr().ok();
            address.as_ref().and_then(abstract_name).as_deref() == Some(name)
        });
        found.pop()
    }

    /// What was passed and is not wanted, by [`name_of`].
    pub(crate) fn left(&self) -> Vec<String> {
        self.lock().iter().filter_map(name_of).collect()
    }

    fn claim(&self, wanted: impl Fn(&Socket) -> bool) -> Vec<Socket> {
        let mut unclaimed = self.lock();
        let (found, rest) = std::mem::take(&mut *unclaimed).into_iter().partition(wanted);
        *unclaimed = rest;
        found
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Socket>> {
        // The list is whole after each operation, so a panic elsewhere with the lock held has broken nothing.
        self.unclaimed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a socket listens, and on which interface only: the same for whoever has it.
pub(crate) fn name_of(socket: &Socket) -> Option<String> {
    let address = socket.local_addr().ok()?;
    let place = match (address.as_socket(), address.as_pathname()) {
        (Some(address), _) => address.to_string(),
        (None, Some(path)) => path.display().to_string(),
        (None, None) => format!("abns@{}", abstract_name(&address)?),
    };
    let interface = bound_to(socket).ok().flatten();
    Some(match interface {
        Some(interface) => format!("{place}%{}", String::from_utf8_lossy(&interface)),
        None => place,
    })
}

fn bound_to(socket: &Socket) -> io::Result<Option<Vec<u8>>> {
    socket.device()
}

/// Sockets are made under the name `PATH.PID.tmp` and then renamed, by HAProxy and by us; the kernel keeps the first name.
fn is_of(name: &Path, path: &Path) -> bool {
    if name == path {
        return true;
    }
    let (Some(name), Some(path)) = (name.to_str(), path.to_str()) else {
        return false;
    };
    let suffix = name.strip_prefix(path).and_then(|rest| rest.strip_prefix('.'));
    suffix
        .and_then(|rest| rest.strip_suffix(".tmp"))
        .is_some_and(|pid| !pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use tandem_sys::listen::{Listen, Place, open};

    use super::*;

    fn listening(reuse_port: bool, port: u16) -> Socket {
        open(&Listen {
            reuse_port,
            ..Listen::on(Place::Ip(SocketAddr::from(([127, 0, 0, 1], port))), 8)
        })
        .expect("a free port")
    }

    fn address(socket: &Socket) -> SocketAddr {
        let at = socket.local_addr().expect("bound");
        at.as_socket().expect("an IP address")
    }

    #[test]
    fn by_address_once() {
        let one = listening(true, 0);
        let at = address(&one);
        let plain = Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        let sockets = Sockets::new([one, listening(true, at.port()), listening(false, 0), plain]);
        assert_eq!(sockets.left().len(), 3);
        assert!(sockets.claim_ip(at, Some("lo")).is_empty());
        assert_eq!(sockets.claim_ip(at, None).len(), 2);
        assert!(sockets.claim_ip(at, None).is_empty());
        assert_eq!(sockets.left().len(), 1);
    }

    #[test]
    fn by_the_number_that_it_had_once() {
        let one = listening(false, 0);
        let at = address(&one).to_string();
        let adopted = Adopted { descriptor: 3, at };
        let sockets = Sockets::new([one, listening(false, 0)]).with_adopted(vec![adopted]);
        assert!(sockets.claim_adopted(4).is_empty());
        assert_eq!(sockets.claim_adopted(3).len(), 1);
        assert!(sockets.claim_adopted(3).is_empty());
    }

    #[test]
    fn by_a_name_that_is_no_file() {
        let name = format!("tandem-claimed-{}", std::process::id());
        let one = open(&Listen::on(Place::Abstract(name.clone()), 8)).expect("a free name");
        let sockets = Sockets::new([one]);
        assert_eq!(sockets.left(), [format!("abns@{name}")]);
        assert!(sockets.claim_abstract("other").is_none());
        assert!(sockets.claim_abstract(&name).is_some());
        assert!(sockets.claim_abstract(&name).is_none());
    }

    #[test]
    fn names_before_and_after_the_rename() {
        let of = |name: &str| is_of(Path::new(name), Path::new("/run/s"));
        for name in ["/run/s", "/run/s.12.tmp"] {
            assert!(of(name), "{name}");
        }
        for name in [
            "/run/s2",
            "/run/s.tmp",
            "/run/s..tmp",
            "/run/s.x.tmp",
            "/run/s.1.bak",
            "/run/",
            "",
        ] {
            assert!(!of(name), "{name}");
        }
    }
}
