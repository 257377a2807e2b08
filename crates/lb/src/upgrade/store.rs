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

/// Other descriptors may have been kept for other reasons.
const PREFIX: &str = "tandem-lb-";

/// What the manager keeps for us.
pub(crate) struct Store {
    notifier: Rc<Notifier>,
    names: RefCell<BTreeSet<String>>,
}

impl Store {
    pub(crate) fn new(notifier: Rc<Notifier>) -> Store {
        Store {
            notifier,
            names: RefCell::default(),
        }
    }

    /// From now on these are kept, and nothing else.
    pub(crate) fn keep(&self, sockets: &[Arc<Socket>]) {
        let before = self.names.take();
        let mut names = BTreeSet::new();
        for socket in sockets {
            let Some(name) = name(socket) else { continue };
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

/// What an earlier process left with the manager.
pub(crate) fn kept() -> Vec<Socket> {
    let adopted = |number| {
        let place = Place::Inherited(number);
        let how = Listen {
            place,
            backlog: 0,
            v6only: None,
            transparent: false,
            interface: None,
            reuse_port: false,
        };
        open(&how).inspect_err(|error| tracing::warn!("a kept descriptor is not used: {error}"))
    };
    notify::kept(PREFIX)
        .into_iter()
        .filter_map(|n| adopted(n).ok())
        .collect()
}

/// Its address, so that it has the same name whoever opens it.
fn name(socket: &Socket) -> Option<String> {
    let address = socket.local_addr().ok()?;
    let place = match (address.as_socket(), address.as_pathname()) {
        (Some(address), _) => address.to_string(),
        (None, Some(path)) => path.display().to_string(),
        (None, None) => return None,
    };
    Some(format!("{PREFIX}{place}"))
}
