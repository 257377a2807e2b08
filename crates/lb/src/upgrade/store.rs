//! The service manager keeps a copy of each listener (systemd's `FileDescriptorStoreMax=`).
//!
//! A process that is killed takes nothing with it then: its clients wait in the queues of sockets that are still there,
//! and the next process finds them again by their addresses. Who does not keep anything ignores what is sent here.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::Arc;

use socket2::Socket;
use tandem_ops::notify::{self, Notifier, State};
use tandem_sys::listen::{Listen, Place, open};

use super::sockets::name_of;

/// Other descriptors may have been kept for other reasons.
const PREFIX: &str = "tandem-lb-";

/// What the manager keeps for us.
pub(crate) struct Store {
    notifier: Rc<Notifier>,
    names: RefCell<BTreeSet<String>>,
}

impl Store {
    /// `kept` is what the manager has already, of processes before this one.
    pub(crate) fn new(notifier: Rc<Notifier>, kept: impl IntoIterator<Item = String>) -> Store {
        Store {
            notifier,
            names: RefCell::new(kept.into_iter().collect()),
        }
    }

    /// The names under which the manager keeps something for us.
    pub(crate) fn names(&self) -> Vec<String> {
        self.names.borrow().iter().cloned().collect()
    }

    /// From now on these are kept, and nothing else.
    pub(crate) fn keep(&self, sockets: &[Arc<Socket>]) {
        let before = self.names.take();
        let mut names = BTreeSet::new();
        for socket in sockets {
            let Some(name) = new_name(socket, &names) else { continue };
            if !before.contains(&name)
                && let Err(error) = self.notifier.store(&name, socket.as_fd())
            {
                tracing::debug!(%error, "the service manager does not keep {name}");
            }
            names.insert(name);
        }
        for gone in before.difference(&names) {
            self.notifier.send(&[State::Forget(gone)]).ok();
        }
        self.names.replace(names);
    }
}

/// What an earlier process left with the manager, and the names that it has there.
pub(crate) fn kept() -> (Vec<Socket>, Vec<String>) {
    let adopted = |number| {
        let place = Place::Inherited(number);
        let how = Listen::on(place, 0);
        open(&how).inspect_err(|error| tracing::warn!("a kept descriptor is not used: {error}"))
    };
    let (numbers, names): (Vec<_>, Vec<_>) = notify::kept(PREFIX).into_iter().unzip();
    let sockets = numbers.into_iter().filter_map(|n| adopted(n).ok());
    (sockets.collect(), names)
}

/// Its place, so that it has the same name whoever opens it; several at one place are counted.
fn new_name(socket: &Socket, taken: &BTreeSet<String>) -> Option<String> {
    let place = notify::valid_name(&format!("{PREFIX}{}", name_of(socket)?));
    let counted = (2..).map(|n| format!("{place}#{n}"));
    std::iter::once(place.clone())
        .chain(counted)
        .find(|name| !taken.contains(name))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::UnixDatagram;
    use std::time::Duration;

    use super::*;

    fn listening(at: SocketAddr) -> Arc<Socket> {
        let how = Listen {
            reuse_port: true,
            ..Listen::on(Place::Ip(at), 8)
        };
        Arc::new(open(&how).expect("a free port"))
    }

    /// What the manager heard, in short.
    fn heard(manager: &UnixDatagram) -> Vec<String> {
        let mut all = Vec::new();
        let mut buffer = [0; 512];
        while let Ok(count) = manager.recv(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..count]);
            let name = text.split("FDNAME=").nth(1).unwrap_or_default().trim_end();
            let word = if text.contains("REMOVE") { "forget" } else { "keep" };
            all.push(format!("{word} {name}"));
        }
        all
    }

    #[test]
    fn each_has_a_name_of_its_own_and_what_is_gone_is_forgotten() {
        let name = format!("tandem-store-{}", std::process::id());
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).expect("a short name");
        let manager = UnixDatagram::bind_addr(&address).expect("the name is ours");
        manager
            .set_read_timeout(Some(Duration::from_millis(50)))
            .expect("above zero");
        let notifier = Notifier::to(format!("@{name}").as_ref()).expect("a valid name");
        let one = listening(([127, 0, 0, 1], 0).into());
        let at = one.local_addr().ok().and_then(|a| a.as_socket()).expect("bound");
        let (two, other) = (listening(at), listening(([127, 0, 0, 2], at.port()).into()));
        let place = format!("tandem-lb-127.0.0.1_{}", at.port());

        let store = Store::new(Rc::new(notifier), ["tandem-lb-of_before".to_owned(), place.clone()]);
        store.keep(&[one.clone(), two, other]);
        let elsewhere = format!("tandem-lb-127.0.0.2_{}", at.port());
        assert_eq!(
            heard(&manager),
            [
                format!("keep {place}#2"),
                format!("keep {elsewhere}"),
                "forget tandem-lb-of_before".to_owned()
            ],
        );
        store.keep(&[one]);
        assert_eq!(
            heard(&manager),
            [format!("forget {place}#2"), format!("forget {elsewhere}")]
        );
        assert_eq!(store.names(), [place]);
    }
}
