//! Opening every listener of the Plan: all or none, and every error at once.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use socket2::Socket;
use tandem_lb_config::{AcceptPolicy, Bind, BindAddress, Frontend, Service, SocketFile};
use tandem_ops::control::Ownership;
use tandem_sys::listen::{Listen, Place, open, tune};
use thiserror::Error;

use crate::accept::Spread;
use crate::upgrade::Sockets;

#[derive(Debug, Error)]
#[error("{origin}: frontend '{frontend}': cannot listen on {address}: {why}")]
pub(crate) struct ListenError {
    origin: Arc<str>,
    frontend: Arc<str>,
    address: String,
    why: String,
}

impl ListenError {
    fn new(frontend: &Frontend, bind: &Bind, why: String) -> ListenError {
        ListenError {
            origin: bind.origin.clone(),
            frontend: frontend.name.clone(),
            address: shown(&bind.address),
            why,
        }
    }
}

/// The sockets of one `bind`: one that all workers share, or at least one for each of them.
#[derive(Clone, Debug)]
pub(crate) enum Opened {
    Shared(Arc<Socket>),
    Each(Vec<Arc<Socket>>),
}

impl Opened {
    /// What somebody here has listened on so far, under a number of its own.
    pub(crate) fn passed_on(socket: Option<Socket>, frontend: &Frontend, bind: &Bind) -> Result<Opened, ListenError> {
        let why = "nothing listens there now, and a descriptor can only be taken at the start";
        let socket = socket.ok_or_else(|| ListenError::new(frontend, bind, why.to_owned()))?;
        Ok(Opened::Shared(Arc::new(socket)))
    }

    /// The sockets of each of so many workers. Where a predecessor had more workers, some get several: a socket that
    /// nobody accepts from would take its clients with it.
    pub(crate) fn for_workers(&self, workers: usize) -> Vec<Vec<Arc<Socket>>> {
        match self {
            Opened::Shared(socket) => vec![vec![socket.clone()]; workers],
            Opened::Each(sockets) => {
                let of = |worker| sockets.iter().skip(worker).step_by(workers.max(1)).cloned().collect();
                (0..workers).map(of).collect()
            }
        }
    }

    pub(crate) fn sockets(&self) -> &[Arc<Socket>] {
        match self {
            Opened::Shared(socket) => std::slice::from_ref(socket),
            Opened::Each(sockets) => sockets,
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
pub(crate) struct Opener<'a> {
    pub(crate) policy: AcceptPolicy,
    pub(crate) workers: usize,
    /// The backlog where nothing else is said.
    pub(crate) backlog: u32,
    /// What a predecessor has passed on comes before anything is opened.
    pub(crate) inherited: &'a Sockets,
}

impl Opener<'_> {
    /// Opens all binds of one frontend, in their order.
    pub(crate) fn frontend(&self, frontend: &Frontend, errors: &mut Vec<ListenError>) -> Vec<Opened> {
        let mut opened = Vec::new();
        for bind in &frontend.binds {
            match self.open(frontend, bind) {
                Ok(sockets) => opened.push(sockets),
                Err(error) => errors.push(error),
            }
        }
        opened
    }

    /// Opens one of its binds.
    pub(crate) fn open(&self, frontend: &Frontend, bind: &Bind) -> Result<Opened, ListenError> {
        self.bind(frontend, bind)
            .map_err(|why| ListenError::new(frontend, bind, words(&why)))
    }

    fn bind(&self, frontend: &Frontend, bind: &Bind) -> io::Result<Opened> {
        let shares = matches!(frontend.service, Service::Tcp { .. }) && matches!(bind.address, BindAddress::Ip { .. });
        let each = shares && self.policy == AcceptPolicy::Reuseport;
        let backlog = frontend.backlog.unwrap_or(self.backlog.max(SMALLEST_BACKLOG));
        let mut how = how(bind, backlog, each)?;
        let mut sockets = take_over(&how, bind, self.inherited)?;
        // A socket that was opened to be alone stays alone.
        let is_alone = sockets
            .first()
            .is_some_and(|first| !first.reuse_port().unwrap_or(false));
        if sockets.is_empty() {
            sockets.push(open(&how)?);
        }
        if sockets.len() == 1 && (!each || is_alone) {
            return Ok(Opened::Shared(Arc::new(sockets.remove(0))));
        }
        // Where the kernel chose the port, the others follow.
        if let Some(address) = sockets[0].local_addr()?.as_socket() {
            how.place = Place::Ip(address);
        }
        while sockets.len() < self.workers {
            sockets.push(open(&how)?);
        }
        Ok(Opened::Each(sockets.into_iter().map(Arc::new).collect()))
    }
}

/// What a line says of the sockets it needs; its own backlog comes before `backlog`.
pub(crate) fn how(bind: &Bind, backlog: u32, reuse_port: bool) -> io::Result<Listen> {
    Ok(Listen {
        place: match &bind.address {
            BindAddress::Ip { ip, port } => Place::Ip(SocketAddr::new(*ip, *port)),
            BindAddress::Unix(path) => Place::Unix(path.clone()),
            BindAddress::Abstract(name) => Place::Abstract(name.clone()),
            BindAddress::Fd(fd) => Place::Inherited(*fd),
        },
        owner: owner(&bind.file)?,
        backlog: bind.backlog.unwrap_or(backlog),
        v6only: bind.v6only,
        transparent: bind.transparent,
        interface: bind.interface.clone(),
        reuse_port,
        user_timeout: bind.user_timeout,
        segment: bind.segment,
        defer_accept: bind.defer_accept,
    })
}

/// The sockets of a predecessor that listen there already; from now on they are as this line says.
pub(crate) fn take_over(how: &Listen, bind: &Bind, inherited: &Sockets) -> io::Result<Vec<Socket>> {
    let found: Vec<Socket> = match &how.place {
        Place::Ip(address) => inherited.claim_ip(*address, how.interface.as_deref()),
        Place::Unix(path) => inherited.claim_unix(path).into_iter().collect(),
        Place::Abstract(name) => inherited.claim_abstract(name).into_iter().collect(),
        Place::Inherited(number) => inherited.claim_adopted(*number),
    };
    for socket in &found {
        if let Place::Ip(_) = &how.place {
            tune(socket, how)?;
        }
        socket.listen(i32::try_from(how.backlog).unwrap_or(i32::MAX))?;
    }
    // Whoever opened it may have had rights that we have given up, and a file where we do not see it.
    if let Place::Unix(path) = &how.place
        && !found.is_empty()
        && let Err(error) = how.owner.give(path)
    {
        let (origin, path) = (&bind.origin, path.display());
        tracing::warn!(%origin, %path, %error, "the file of a socket keeps its owner and mode");
    }
    Ok(found)
}

/// Whose the file of a socket is to be.
pub(crate) fn owner(file: &SocketFile) -> io::Result<Ownership> {
    Ownership::resolve(file.mode, file.user.as_deref(), file.group.as_deref())
}

/// As statistics and errors name it.
pub(crate) fn shown(address: &BindAddress) -> String {
    match address {
        BindAddress::Ip { ip, port } => SocketAddr::new(*ip, *port).to_string(),
        BindAddress::Unix(path) => path.display().to_string(),
        BindAddress::Abstract(name) => format!("abns@{name}"),
        BindAddress::Fd(fd) => format!("fd@{fd}"),
    }
}

/// Where a line listens, by which it is known from process to process: its number may change.
pub(crate) fn place_of(bind: &Bind) -> String {
    let place = shown(&bind.address);
    match &bind.interface {
        Some(interface) => format!("{place}%{interface}"),
        None => place,
    }
}

/// What the C library says, without the number that Rust puts behind it.
fn words(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
