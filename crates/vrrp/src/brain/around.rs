//! What is around the router: its sockets and the host's interfaces. Asked for only by who wants to see all of it.

use std::os::fd::{AsFd, AsRawFd, RawFd};

use tandem_vrrp_core::settings::InstanceId;

use super::Brain;
use super::ports::Listening;
use crate::around::{Around, Interface, Sockets};

impl Brain {
    pub(super) fn around(&self) -> Around {
        let sockets = self.ports.listening().map(|listening| self.sockets(&listening));
        Around {
            sockets: sockets.collect(),
            interfaces: self
                .network
                .all()
                .map(|(link, addresses)| Interface { link, addresses })
                .collect(),
        }
    }

    fn sockets(&self, listening: &Listening<'_>) -> Sockets {
        let here = |id: &InstanceId| {
            let settings = self.router.settings().instance(*id);
            settings.is_some_and(|settings| {
                let home = self.network.home(settings);
                settings.family == listening.family && home.is_some_and(|link| link.index == listening.index)
            })
        };
        let all = self.router.settings().instances.iter().map(|settings| settings.id);
        let speaks = self.voice.descriptor(listening.index, listening.family);
        Sockets {
            interface: listening.interface.to_owned(),
            family: listening.family,
            multicast: listening.multicast,
            hears: number(listening.socket),
            speaks,
            instances: all.filter(here).collect(),
        }
    }
}

/// What the process knows it as.
pub(super) fn number(socket: &impl AsFd) -> RawFd {
    socket.as_fd().as_raw_fd()
}
