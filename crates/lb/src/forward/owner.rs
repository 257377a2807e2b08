//! Which process this is, and whether another one lives: each holds a socket whose name says who it is.
//!
//! Such a name goes with its process, however that ends, and is known in one network, as the kernel's table is: in another
//! container, too, and where the processes of other users cannot be seen.

use std::cell::OnceCell;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use tandem_lb_core::forward::Owner;
use tandem_time::Seed;

/// What shows for as long as this process lives that it does.
#[derive(Debug)]
pub(super) struct Badge {
    owner: Owner,
    worn: OnceCell<UnixDatagram>,
}

impl Badge {
    pub(super) fn new(mut lots: Seed) -> Badge {
        let owner = Owner {
            pid: std::process::id(),
            mark: lots.next_u64(),
        };
        Badge {
            owner,
            worn: OnceCell::new(),
        }
    }

    pub(super) fn owner(&self) -> Owner {
        self.owner
    }

    /// From now on everybody sees it. To be called before the table becomes this process's.
    pub(super) fn wear(&self) -> io::Result<()> {
        if self.worn.get().is_none() {
            let socket = UnixDatagram::bind_addr(&name(self.owner)?)?;
            // Nobody else has set it meanwhile.
            self.worn.set(socket).ok();
        }
        Ok(())
    }
}

/// Whether that process still runs; one that cannot be asked for is believed to.
pub(super) fn lives(owner: Owner) -> bool {
    let asked = || UnixDatagram::unbound()?.connect_addr(&name(owner)?);
    !asked().is_err_and(|error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused)
}

fn name(owner: Owner) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("tandem-forward-{}", owner.counter()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_badge_is_seen_while_it_is_worn() {
        let badge = Badge::new(Seed::new(u64::from(std::process::id())));
        let owner = badge.owner();
        assert!(!lives(owner));
        badge
            .wear()
            .and_then(|()| badge.wear())
            .expect("nobody else has that name");
        assert!(lives(owner));
        assert!(!lives(Owner {
            mark: owner.mark + 1,
            ..owner
        }));
        drop(badge);
        assert!(!lives(owner), "it goes with the process");
    }
}
