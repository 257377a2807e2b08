//! Opening the sockets of the configuration, before privileges go.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::Socket;
use tandem_lb_config as plan;
use tandem_lb_config::BindAddress;
use tandem_ops::control::{Door, Level, Ownership, UnixFile, open_unix};
use tandem_sys::listen::{Listen, Place, open};
use thiserror::Error;

use crate::upgrade::Sockets;

const BACKLOG: u32 = 128;

/// How long a client may do nothing when the configuration does not say.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Error)]
#[error("{origin}: cannot listen for commands on {address}: {why}")]
pub(crate) struct DoorError {
    origin: Arc<str>,
    address: String,
    why: io::Error,
}

/// The opened sockets. Unix sockets leave the file system when this is dropped.
#[derive(Default)]
pub(crate) struct Doors {
    doors: Vec<Door>,
    names: Vec<(String, Level)>,
    files: Vec<UnixFile>,
}

impl Doors {
    /// Opens all, or says of each that cannot be opened why.
    pub(crate) fn open(global: &plan::Global, inherited: &Sockets) -> Result<Doors, Vec<DoorError>> {
        let (mut opened, mut errors) = (Doors::default(), Vec::new());
        let patience = global.stats_timeout.unwrap_or(PATIENCE);
        for socket in &global.stats_sockets {
            if let Err(why) = opened.add(socket, patience, inherited) {
                errors.push(DoorError {
                    origin: socket.origin.clone(),
                    address: Named(&socket.address).to_string(),
                    why,
                });
            }
        }
        if errors.is_empty() { Ok(opened) } else { Err(errors) }
    }

    /// The master socket.
    pub(crate) fn open_master(configured: &plan::StatsSocket, inherited: &Sockets) -> Result<Doors, DoorError> {
        let mut opened = Doors::default();
        match opened.add(configured, PATIENCE, inherited) {
            Ok(()) => Ok(opened),
            Err(why) => Err(DoorError {
                origin: configured.origin.clone(),
                address: Named(&configured.address).to_string(),
                why,
            }),
        }
    }

    /// The sockets are another process's from now on.
    pub(crate) fn leave(self) {
        self.files.into_iter().for_each(UnixFile::leave);
    }

    pub(crate) fn doors(&self) -> &[Door] {
        &self.doors
    }

    /// As `show cli sockets` lists them.
    pub(crate) fn names(&self) -> &[(String, Level)] {
        &self.names
    }

    fn add(&mut self, configured: &plan::StatsSocket, patience: Duration, inherited: &Sockets) -> io::Result<()> {
        let socket = self.listen(configured, inherited)?;
        let level = match configured.level {
            plan::Level::User => Level::User,
            plan::Level::Operator => Level::Operator,
            plan::Level::Admin => Level::Admin,
        };
        self.names.push((Named(&configured.address).to_string(), level));
        self.doors.push(Door {
            socket: Arc::new(socket),
            level,
            patience,
            passes_descriptors: configured.expose_listeners,
        });
        Ok(())
    }

    fn listen(&mut self, configured: &plan::StatsSocket, inherited: &Sockets) -> io::Result<Socket> {
        let place = match &configured.address {
            BindAddress::Unix(path) => {
                let (user, group) = (configured.user.as_deref(), configured.group.as_deref());
                let owner = Ownership::resolve(configured.mode, user, group)?;
                let (socket, file) = match inherited.claim_unix(path) {
                    Some(socket) => (socket, UnixFile::adopt(path, &owner)?),
                    None => open_unix(path, &owner)?,
                };
                self.files.push(file);
                return Ok(socket);
            }
            BindAddress::Ip { ip, port } => {
                let address = SocketAddr::new(*ip, *port);
                if let Some(socket) = inherited.claim_ip(address, None).pop() {
                    return Ok(socket);
                }
                Place::Ip(address)
            }
            BindAddress::Fd(fd) => Place::Inherited(*fd),
        };
        open(&Listen {
            place,
            backlog: BACKLOG,
            v6only: None,
            transparent: false,
            interface: None,
            reuse_port: false,
        })
    }
}

/// An address in the words of `show cli sockets`.
struct Named<'a>(&'a BindAddress);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            BindAddress::Unix(path) => write!(f, "unix@{}", path.display()),
            BindAddress::Ip { ip, port } if ip.is_ipv4() => write!(f, "ipv4@{ip}:{port}"),
            BindAddress::Ip { ip, port } => write!(f, "ipv6@[{ip}]:{port}"),
            BindAddress::Fd(fd) => write!(f, "fd@{fd}"),
        }
    }
}
