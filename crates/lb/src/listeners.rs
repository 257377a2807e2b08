//! Opening every listener of the Plan: all or none, and every error at once.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use socket2::Socket;
use tandem_lb_config::{AcceptPolicy, Bind, BindAddress, Frontend, Service};
use tandem_sys::listen::{Listen, Place, open};
use thiserror::Error;

use crate::accept::Spread;

#[derive(Debug, Error)]
#[error("{origin}: frontend '{frontend}': cannot listen on {address}: {why}")]
pub(crate) struct ListenError {
    origin: Arc<str>,
    frontend: Arc<str>,
    address: String,
    why: String,
}

/// The sockets of one `bind`: one that all workers share, or one for each of them.
#[derive(Clone, Debug)]
pub(crate) enum Opened {
    Shared(Arc<Socket>),
    Each(Vec<Arc<Socket>>),
}

impl Opened {
    /// A socket for each of so many workers.
    pub(crate) fn for_workers(&self, workers: usize) -> Vec<Arc<Socket>> {
        match self {
            Opened::Shared(socket) => vec![socket.clone(); workers],
            Opened::Each(sockets) => sockets.clone(),
        }
    }

    pub(crate) fn spread(&self) -> Spread {
        match self {
            Opened::Shared(_) => Spread::LessLoaded,
            Opened::Each(_) => Spread::Here,
        }
    }
}

/// HAProxy's backlog is `maxconn`. But the backlog is where the clients of a full frontend wait, and a client that finds
/// no place there is heard again only after seconds: a small `maxconn` must not make it small.
const SMALLEST_BACKLOG: u32 = 1024;

/// How to open: what holds for all binds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opener {
    pub(crate) policy: AcceptPolicy,
    pub(crate) workers: usize,
    /// The backlog where nothing else is said.
    pub(crate) backlog: u32,
}

impl Opener {
    /// Opens all binds of one frontend, in their order.
    pub(crate) fn frontend(&self, frontend: &Frontend, errors: &mut Vec<ListenError>) -> Vec<Opened> {
        let mut opened = Vec::new();
        for bind in &frontend.binds {
            match self.bind(frontend, bind) {
                Ok(sockets) => opened.push(sockets),
                Err(why) => errors.push(ListenError {
                    origin: bind.origin.clone(),
                    frontend: frontend.name.clone(),
                    address: shown(&bind.address),
                    why: words(&why),
                }),
            }
        }
        opened
    }

    fn bind(&self, frontend: &Frontend, bind: &Bind) -> io::Result<Opened> {
        let shares = matches!(frontend.service, Service::Tcp { .. }) && matches!(bind.address, BindAddress::Ip { .. });
        let each = shares && self.policy == AcceptPolicy::Reuseport;
        let mut how = Listen {
            place: match &bind.address {
                BindAddress::Ip { ip, port } => Place::Ip(SocketAddr::new(*ip, *port)),
                BindAddress::Unix(path) => Place::Unix(path.clone()),
                BindAddress::Fd(fd) => Place::Inherited(*fd),
            },
            backlog: bind
                .backlog
                .or(frontend.backlog)
                .unwrap_or(self.backlog.max(SMALLEST_BACKLOG)),
            v6only: bind.v6only,
            transparent: bind.transparent,
            interface: bind.interface.clone(),
            reuse_port: each,
        };
        let first = open(&how)?;
        if !each {
            return Ok(Opened::Shared(Arc::new(first)));
        }
        // Where the kernel chose the port, the others follow.
        if let Some(address) = first.local_addr()?.as_socket() {
            how.place = Place::Ip(address);
        }
        let mut sockets = vec![Arc::new(first)];
        for _ in 1..self.workers {
            sockets.push(Arc::new(open(&how)?));
        }
        Ok(Opened::Each(sockets))
    }
}

fn shown(address: &BindAddress) -> String {
    match address {
        BindAddress::Ip { ip, port } => SocketAddr::new(*ip, *port).to_string(),
        BindAddress::Unix(path) => path.display().to_string(),
        BindAddress::Fd(fd) => format!("fd@{fd}"),
    }
}

/// What the C library says, without the number that Rust puts behind it.
fn words(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
