//! Opening the sockets of the configuration, before privileges go.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::Socket;
use tandem_lb_config as plan;
use tandem_lb_config::BindAddress;
use tandem_ops::control::{Door, Level, SeverityOutput, USUAL_CLIENTS, UnixFile, open_unix};
use tandem_sys::listen::{Listen, Place, open};
use thiserror::Error;

use crate::listeners::owner;
use crate::upgrade::Sockets;

const BACKLOG: u32 = 128;

/// How clients are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Serving {
    /// How long one may do nothing.
    pub(crate) patience: Duration,
    /// How many at a time.
    pub(crate) most: usize,
}

/// When the configuration does not say.
const USUAL: Serving = Serving {
    patience: Duration::from_secs(10),
    most: USUAL_CLIENTS,
};

#[derive(Debug, Error)]
#[error("{origin}: cannot listen for commands on {address}: {why}")]
pub(crate) struct DoorError {
    origin: Arc<str>,
    address: String,
    why: io::Error,
}

/// The opened sockets, in the order of the configuration.
#[derive(Default)]
pub(crate) struct Doors {
    doors: Vec<OneDoor>,
}

/// One of them. A unix socket leaves the file system when this is dropped.
pub(crate) struct OneDoor {
    pub(super) plan: plan::StatsSocket,
    pub(super) door: Door,
    pub(super) file: Option<UnixFile>,
}

impl Doors {
    /// Opens all, or says of each that cannot be opened why.
    pub(crate) fn open(global: &plan::Global, inherited: &Sockets) -> Result<Doors, Vec<DoorError>> {
        Doors::open_these(&global.stats_sockets, Serving::of(global), inherited)
    }

    pub(crate) fn open_these<'a>(
        sockets: impl IntoIterator<Item = &'a plan::StatsSocket>,
        service: Serving,
        inherited: &Sockets,
    ) -> Result<Doors, Vec<DoorError>> {
        let (mut doors, mut errors) = (Vec::new(), Vec::new());
        for socket in sockets {
            match OneDoor::open(socket, service, inherited) {
                Ok(door) => doors.push(door),
                Err(why) => errors.push(failed(socket, why)),
            }
        }
        if errors.is_empty() {
            Ok(Doors { doors })
        } else {
            Err(errors)
        }
    }

    /// The master socket.
    pub(crate) fn open_master(configured: &plan::StatsSocket, inherited: &Sockets) -> Result<Doors, DoorError> {
        let door = OneDoor::open(configured, USUAL, inherited).map_err(|why| failed(configured, why))?;
        Ok(Doors { doors: vec![door] })
    }

    pub(crate) fn sockets(&self) -> impl Iterator<Item = &Arc<Socket>> {
        self.doors.iter().map(|one| &one.door.socket)
    }

    /// The sockets are another process's from now on.
    pub(crate) fn leave(self) {
        self.doors.into_iter().for_each(OneDoor::leave);
    }

    pub(super) fn into_doors(self) -> Vec<OneDoor> {
        self.doors
    }
}

fn failed(socket: &plan::StatsSocket, why: io::Error) -> DoorError {
    DoorError {
        origin: socket.origin.clone(),
        address: Named(&socket.address).to_string(),
        why,
    }
}

impl Serving {
    pub(crate) fn of(global: &plan::Global) -> Serving {
        let most = global.stats_clients.and_then(|most| usize::try_from(most).ok());
        Serving {
            patience: global.stats_timeout.unwrap_or(USUAL.patience),
            most: most.unwrap_or(USUAL.most),
        }
    }
}

impl OneDoor {
    fn open(configured: &plan::StatsSocket, service: Serving, inherited: &Sockets) -> io::Result<OneDoor> {
        let (socket, file) = OneDoor::listen(configured, inherited)?;
        Ok(OneDoor {
            door: door(configured, Arc::new(socket), service),
            plan: configured.clone(),
            file,
        })
    }

    pub(super) fn leave(self) {
        self.file.into_iter().for_each(UnixFile::leave);
    }

    /// As `show cli sockets` lists it.
    pub(super) fn name(&self) -> (String, Level) {
        (Named(&self.plan.address).to_string(), self.door.level)
    }

    /// The same socket by other rules. It has a number of its own, for who served it before may not have let go yet.
    pub(super) fn renew(&mut self, plan: &plan::StatsSocket, service: Serving) -> io::Result<()> {
        self.door = door(plan, Arc::new(self.door.socket.try_clone()?), service);
        self.plan = plan.clone();
        Ok(())
    }

    fn listen(configured: &plan::StatsSocket, inherited: &Sockets) -> io::Result<(Socket, Option<UnixFile>)> {
        let place = match &configured.address {
            BindAddress::Unix(path) => {
                let owner = owner(&configured.file)?;
                let (socket, file) = match inherited.claim_unix(path) {
                    Some(socket) => (socket, UnixFile::adopt(path, &owner)?),
                    None => open_unix(path, &owner)?,
                };
                return Ok((socket, Some(file)));
            }
            BindAddress::Ip { ip, port } => {
                let address = SocketAddr::new(*ip, *port);
                if let Some(socket) = inherited.claim_ip(address, None).pop() {
                    return Ok((socket, None));
                }
                Place::Ip(address)
            }
            BindAddress::Abstract(name) => {
                if let Some(socket) = inherited.claim_abstract(name) {
                    return Ok((socket, None));
                }
                Place::Abstract(name.clone())
            }
            BindAddress::Fd(fd) => {
                if let Some(socket) = inherited.claim_adopted(*fd).pop() {
                    return Ok((socket, None));
                }
                Place::Inherited(*fd)
            }
        };
        let socket = open(&Listen::on(place, BACKLOG))?;
        Ok((socket, None))
    }
}

fn door(configured: &plan::StatsSocket, socket: Arc<Socket>, service: Serving) -> Door {
    Door {
        socket,
        level: match configured.level {
            plan::Level::User => Level::User,
            plan::Level::Operator => Level::Operator,
            plan::Level::Admin => Level::Admin,
        },
        severities: match configured.severities {
            plan::SeverityOutput::None => SeverityOutput::None,
            plan::SeverityOutput::Number => SeverityOutput::Number,
            plan::SeverityOutput::Word => SeverityOutput::Word,
        },
        patience: service.patience,
        most: service.most,
        passes_descriptors: configured.expose_listeners,
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
            BindAddress::Abstract(name) => write!(f, "abns@{name}"),
            BindAddress::Fd(fd) => write!(f, "fd@{fd}"),
        }
    }
}
