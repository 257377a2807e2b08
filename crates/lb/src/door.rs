//! The line of the configuration that somebody came by, as those who accept there know it.
//!
//! While the configuration changes, a listener may take clients after its line has gone or got another number. They are
//! served by what the line said last, and never as if they had come by another one.

use std::sync::Arc;

use tandem_lb_config::{self as plan, Bind, Termination};
use tandem_tls::Listener;

use crate::tls::Vault;

/// What one listener's line asks of its clients.
#[derive(Debug)]
pub(crate) struct Door {
    bind: Arc<Bind>,
    /// Among those of its frontend, counted from 1; 0 when it is there no more.
    pub(crate) number: u32,
    /// A PROXY header comes first.
    pub(crate) has_header: bool,
    tls: Option<Arc<Termination>>,
    /// What TLS goes by here.
    listener: Option<Arc<Listener>>,
}

/// A line speaks TLS, and there is nothing that it could show.
#[derive(Debug, thiserror::Error)]
#[error("there is no certificate for this listener any more")]
pub(crate) struct Unequipped;

impl Door {
    pub(crate) fn new(bind: Arc<Bind>, number: u32) -> Door {
        Door {
            number,
            has_header: bind.accept_proxy,
            tls: bind.tls.clone(),
            bind,
            listener: None,
        }
    }

    /// Learns what the line says now. When it is gone, what it said last goes on.
    pub(crate) fn look(&mut self, frontend: &plan::Frontend, vault: &Vault) {
        self.number = self.number_in(&frontend.binds);
        let place = usize::try_from(self.number)
            .ok()
            .and_then(|number| number.checked_sub(1));
        if let Some(bind) = place.and_then(|place| frontend.binds.get(place)) {
            self.has_header = bind.accept_proxy;
            if self.tls != bind.tls {
                self.listener = None;
            }
            self.tls.clone_from(&bind.tls);
        }
        if let Some(plan) = &self.tls {
            let made = vault.listener(&frontend.name, self.number, plan);
            self.listener = made.or(self.listener.take());
        }
    }

    /// `None` where TLS is not spoken.
    pub(crate) fn tls(&self) -> Result<Option<Arc<Listener>>, Unequipped> {
        match (&self.tls, &self.listener) {
            (None, _) => Ok(None),
            (Some(_), Some(listener)) => Ok(Some(listener.clone())),
            (Some(_), None) => Err(Unequipped),
        }
    }

    pub(crate) fn speaks_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// The line is known by where it listens; several may leave that to the kernel, and of those its number tells.
    fn number_in(&self, binds: &[Bind]) -> u32 {
        let is_it = |bind: &Bind| bind.address == self.bind.address && bind.interface == self.bind.interface;
        let mut numbered = (1..)
            .zip(binds)
            .filter(|(_, bind)| is_it(bind))
            .map(|(number, _)| number);
        let first = numbered.clone().next().unwrap_or(0);
        numbered.find(|number| *number == self.number).unwrap_or(first)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use tandem_lb_config::{BindAddress, SocketFile};

    use super::*;

    fn bind(port: u16, accept_proxy: bool) -> Bind {
        Bind {
            address: BindAddress::Ip {
                ip: IpAddr::from([127, 0, 0, 1]),
                port,
            },
            name: None,
            id: port.into(),
            origin: "test:1".into(),
            backlog: None,
            maxconn: None,
            interface: None,
            v6only: None,
            transparent: false,
            guid_prefix: None,
            accept_proxy,
            user_timeout: None,
            segment: None,
            defer_accept: false,
            file: SocketFile::default(),
            tls: None,
        }
    }

    #[test]
    fn a_line_is_known_by_its_place_whatever_its_number() {
        let door = Door::new(Arc::new(bind(2, true)), 2);
        assert_eq!(door.number_in(&[bind(1, false), bind(2, true)]), 2);
        assert_eq!(
            door.number_in(&[bind(2, true), bind(3, false)]),
            1,
            "one before it went"
        );
        assert_eq!(door.number_in(&[bind(1, false), bind(3, false)]), 0, "it went");
        let door = Door::new(Arc::new(bind(0, true)), 2);
        assert_eq!(door.number_in(&[bind(0, false), bind(0, true)]), 2);
    }
}
