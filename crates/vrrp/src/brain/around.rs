//! What is around the router: its sockets and the host's interfaces. Asked for only by who wants to see all of it.

use std::os::fd::{AsFd, AsRawFd, RawFd};

use tandem_vrrp_core::settings::InstanceId;

use super::Brain;
use super::ports::Listening;
use crate::around::{Around, Interface, Sockets};

impl Brain {
    pub(super) fn around(&self) -> Around {
        let residents = self.network.residents(self.router.settings());
        let sockets = self.ports.listening().map(|listening| {
            let here = residents.get(&(listening.index, listening.family)).cloned();
            self.sockets(&listening, here.unwrap_or_default())
        });
        Around {
            sockets: sockets.collect(),
            interfaces: self
                .network
                .all()
                .map(|(link, addresses)| Interface { link, addresses })
                .collect(),
        }
    }

    fn sockets(&self, listening: &Listening<'_>, instances: Vec<InstanceId>) -> Sockets {
        Sockets {
            interface: listening.interface.to_owned(),
            family: listening.family,
            multicast: listening.multicast,
            hears: number(listening.socket),
            speaks: self.voice.descriptor(listening.index, listening.family),
            instances,
        }
    }
}

/// What the process knows it as.
pub(super) fn number(socket: &impl AsFd) -> RawFd {
    socket.as_fd().as_raw_fd()
}
