//! Listening sockets: opened once, before privileges are dropped, and then shared by the workers.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt::{socket_acceptconn, socket_type};
use socket2::{Domain, SockAddr, SockFilter, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::owner::Ownership;
use crate::sockopt;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Ip(SocketAddr),
    Unix(PathBuf),
    /// A unix socket whose name is no file.
    Abstract(String),
    /// A descriptor that this process was started with. It belongs to whoever opens this, so it may be named once only.
    Inherited(RawFd),
}

/// How to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    pub place: Place,
    /// Whose the file of a unix socket is to be.
    pub owner: Ownership,
    pub backlog: u32,
    pub v6only: Option<bool>,
    /// Accept connections for addresses that are not this host's, and bind to one that is not here yet.
    pub transparent: bool,
    pub interface: Option<String>,
    /// Several sockets share the address and the kernel spreads connections over them.
    pub reuse_port: bool,
    /// How long what was sent may stay without an answer (TCP_USER_TIMEOUT), and the longest segment. Connections have
    /// both from their listener.
    pub user_timeout: Option<Duration>,
    pub segment: Option<u32>,
    /// A client is let in when it has said something (TCP_DEFER_ACCEPT).
    pub defer_accept: bool,
}

impl Listen {
    /// There, and as the system does it.
    pub const fn on(place: Place, backlog: u32) -> Listen {
        Listen {
            place,
            owner: Ownership::NOBODYS,
            backlog,
            v6only: None,
            transparent: false,
            interface: None,
            reuse_port: false,
            user_timeout: None,
            segment: None,
            defer_accept: false,
        }
    }
}

/// Opens a listening socket, nonblocking and closed on exec.
pub fn open(how: &Listen) -> io::Result<Socket> {
    match &how.place {
        Place::Ip(addr) => open_ip(*addr, how),
        Place::Unix(path) => open_unix(path, how),
        Place::Abstract(name) => open_abstract(name, how),
        Place::Inherited(fd) => adopt(*fd),
    }
}

/// A listening socket in one thread's event loop. Several threads may have one each for the same socket.
pub struct Acceptor(AsyncFd<Arc<Socket>>);

impl Acceptor {
    #[allow(unsafe_code)]
    pub fn new(listener: Arc<Socket>) -> io::Result<Acceptor> {
        // SAFETY: the Arc keeps the socket, and so its descriptor, open and in place for as long as it is registered.
        Ok(Acceptor(unsafe {
            AsyncFd::register_with_interest(listener, Interest::READABLE)
        }?))
    }

    /// Waits until there may be a connection to take.
    pub async fn ready(&self) -> io::Result<()> {
        self.0.readable().await.map(|mut guard| guard.retain_ready())
    }

    /// From now on the kernel answers no new client, while those who are being let in still come through. A client who
    /// is not answered asks again a second later; by then the socket is closed and the client is told so.
    pub fn refuse_new(&self) -> io::Result<()> {
        // Classic BPF on what begins with the TCP header: the byte of flags, SYN and ACK of it; SYN alone is dropped.
        const LOAD_BYTE: u16 = 0x30;
        const AND: u16 = 0x54;
        const JUMP_IF_EQUAL: u16 = 0x15;
        const RETURN: u16 = 0x06;
        self.0.get_ref().attach_filter(&[
            SockFilter::new(LOAD_BYTE, 0, 0, 13),
            SockFilter::new(AND, 0, 0, 0x12),
            SockFilter::new(JUMP_IF_EQUAL, 0, 1, 0x02),
            SockFilter::new(RETURN, 0, 0, 0),
            SockFilter::new(RETURN, 0, 0, u32::MAX),
        ])
    }

    /// Undoes [`Acceptor::refuse_new`].
    pub fn let_in_again(&self) {
        let_in(self.0.get_ref());
    }

    /// Takes one connection; `None` when none waits (another thread may have been faster).
    pub fn accept(&self) -> io::Result<Option<(Socket, SockAddr)>> {
        let take = |l: &Arc<Socket>| l.accept4(libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK);
        loop {
            return match self.0.try_io(Interest::READABLE, take) {
                Ok(taken) => Ok(Some(taken)),
                Err(e) => match e.kind() {
                    io::ErrorKind::WouldBlock => Ok(None),
                    // The client left while it waited.
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => continue,
                    _ => Err(e),
                },
            };
        }
    }
}

/// From now on the kernel answers new clients, as it does if nothing else was ever said.
pub fn let_in(listener: &Socket) {
    // Where there is no filter there is none to take off.
    listener.detach_filter().ok();
}

fn open_ip(addr: SocketAddr, how: &Listen) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(addr),
        Type::STREAM.nonblocking(),
        Some(socket2::Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    if how.reuse_port {
        socket.set_reuse_port(true)?;
    }
    if let (true, Some(only)) = (addr.is_ipv6(), how.v6only) {
        socket.set_only_v6(only)?;
    }
    if how.transparent {
        match addr {
            SocketAddr::V4(_) => socket.set_ip_transparent_v4(true)?,
            SocketAddr::V6(_) => socket.set_ip_transparent_v6(true)?,
        }
    }
    if let Some(name) = &how.interface {
        socket.bind_device(Some(name.as_bytes()))?;
    }
    tune(&socket, how)?;
    socket.bind(&addr.into())?;
    socket.listen(backlog(how))?;
    Ok(socket)
}

/// What connections over IP have from their listener; 0 is the system's choice.
pub fn tune(socket: &Socket, how: &Listen) -> io::Result<()> {
    socket.set_tcp_user_timeout(how.user_timeout)?;
    sockopt::defer_accept(socket, how.defer_accept)?;
    match how.segment {
        Some(segment) => socket.set_tcp_mss(segment),
        // Where the kernel takes no 0, it stays what it is.
        None => {
            socket.set_tcp_mss(0).ok();
            Ok(())
        }
    }
}

/// A unix socket takes the place of what a dead process left there, but never of one that answers, nor of another file.
fn open_unix(path: &Path, how: &Listen) -> io::Result<Socket> {
    let addr = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    if let Err(e) = socket.bind(&addr) {
        if e.kind() != io::ErrorKind::AddrInUse || !is_abandoned(path, &addr) {
            return Err(e);
        }
        std::fs::remove_file(path)?;
        socket.bind(&addr)?;
    }
    // Nobody can connect before it listens.
    let listens = how.owner.give(path).and_then(|()| socket.listen(backlog(how)));
    if let Err(error) = listens {
        std::fs::remove_file(path).ok();
        return Err(error);
    }
    Ok(socket)
}

fn open_abstract(name: &str, how: &Listen) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    socket.bind(&abstract_address(name)?)?;
    socket.listen(backlog(how))?;
    Ok(socket)
}

/// All of the address is the name, zeros too: filled up to the end, as HAProxy's `abns@` does.
pub fn abstract_address(name: &str) -> io::Result<SockAddr> {
    const LENGTH: usize = 108;
    let mut path = format!("\0{name}");
    while path.len() < LENGTH {
        path.push('\0');
    }
    SockAddr::unix(path)
}

/// The name of a socket that is no file.
pub fn abstract_name(address: &SockAddr) -> Option<String> {
    let name = address.as_abstract_namespace()?;
    Some(String::from_utf8_lossy(name).trim_end_matches('\0').to_owned())
}

fn is_abandoned(path: &Path, addr: &SockAddr) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket());
    let refused = Socket::new(Domain::UNIX, Type::STREAM, None)
        .and_then(|s| s.connect(addr))
        .is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused);
    is_socket && refused
}

#[allow(unsafe_code)]
fn adopt(fd: RawFd) -> io::Result<Socket> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, format!("fd {fd} {what}"));
    if fd <= 2 {
        return Err(wrong("is a standard stream, not a listening socket"));
    }
    // SAFETY: `fcntl(F_GETFD)` takes any number and only says whether it names an open file.
    if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
        return Err(wrong("is not open"));
    }
    // SAFETY: it is open (just checked), above the standard streams, and `Place::Inherited` gives it to us alone.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    if socket_type(&fd).ok() != Some(rustix::net::SocketType::STREAM) || !socket_acceptconn(&fd).unwrap_or(false) {
        // It is somebody's file: leave it open rather than close it under them.
        let raw = std::os::fd::IntoRawFd::into_raw_fd(fd);
        let text = format!("fd {raw} is not a listening stream socket");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let socket = Socket::from(fd);
    socket.set_nonblocking(true)?;
    socket.set_cloexec(true)?;
    Ok(socket)
}

fn backlog(how: &Listen) -> i32 {
    i32::try_from(how.backlog).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use std::os::fd::{AsRawFd, IntoRawFd};

    use super::*;

    fn on(place: Place) -> Listen {
        Listen::on(place, 8)
    }

    fn any_port() -> Listen {
        on(Place::Ip(SocketAddr::from(([127, 0, 0, 1], 0))))
    }

    #[test]
    fn an_address_is_given_once() {
        let first = open(&any_port()).unwrap();
        let addr = first.local_addr().unwrap().as_socket().unwrap();
        let err = open(&on(Place::Ip(addr))).unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_name_that_is_no_file() {
        let name = format!("tandem-listen-{}", std::process::id());
        let first = open(&on(Place::Abstract(name.clone()))).unwrap();
        let address = first.local_addr().unwrap();
        assert_eq!(abstract_name(&address), Some(name.clone()));
        let err = open(&on(Place::Abstract(name.clone()))).unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::AddrInUse);
        let client = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        client.connect(&abstract_address(&name).unwrap()).unwrap();
        assert!(abstract_address(&"x".repeat(107)).is_ok());
        assert!(abstract_address(&"x".repeat(108)).is_err());
    }

    #[test]
    fn reuse_port_shares_it() {
        let share = |place| Listen {
            reuse_port: true,
            ..on(place)
        };
        let first = open(&share(any_port().place)).unwrap();
        let addr = first.local_addr().unwrap().as_socket().unwrap();
        open(&share(Place::Ip(addr))).unwrap();
    }

    #[test]
    fn connections_have_the_options_of_their_listener() {
        let patient = Listen {
            user_timeout: Some(Duration::from_secs(7)),
            segment: Some(1000),
            ..any_port()
        };
        let listener = open(&patient).unwrap();
        let addr = listener.local_addr().unwrap().as_socket().unwrap();
        let _client = std::net::TcpStream::connect(addr).unwrap();
        let taken = (0..100).find_map(|_| {
            let taken = listener.accept().ok();
            std::thread::sleep(Duration::from_millis(if taken.is_some() { 0 } else { 10 }));
            taken
        });
        let (socket, _) = taken.expect("the client is there");
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(7)));
        assert!(socket.tcp_mss().unwrap() <= 1000);
        tune(&listener, &any_port()).unwrap();
        assert_eq!(listener.tcp_user_timeout().unwrap(), None);
    }

    #[test]
    fn each_connection_is_taken_once() {
        let rt = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        rt.block_on(async {
            let listener = Arc::new(open(&any_port()).unwrap());
            let addr = listener.local_addr().unwrap().as_socket().unwrap();
            let one = Acceptor::new(listener).unwrap();
            assert!(one.accept().unwrap().is_none());
            let client = std::net::TcpStream::connect(addr).unwrap();
            one.ready().await.unwrap();
            let (_, peer) = one.accept().unwrap().expect("it waits");
            assert_eq!(peer.as_socket(), client.local_addr().ok());
            assert!(one.accept().unwrap().is_none());
        });
    }

    #[test]
    fn an_abandoned_unix_socket_is_replaced_and_a_living_one_is_not() {
        let dir = std::env::temp_dir().join(format!("tandem-listen-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("s");
        let first = open(&on(Place::Unix(path.clone()))).unwrap();
        assert_eq!(
            open(&on(Place::Unix(path.clone()))).unwrap_err().kind(),
            io::ErrorKind::AddrInUse
        );
        drop(first);
        open(&on(Place::Unix(path.clone()))).unwrap();
        let mode = Some(0o620);
        let private = Listen {
            owner: Ownership {
                mode,
                ..Ownership::NOBODYS
            },
            ..on(Place::Unix(dir.join("private")))
        };
        open(&private).unwrap();
        let found = std::fs::metadata(dir.join("private")).unwrap();
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&found) & 0o777, 0o620);
        std::fs::write(dir.join("file"), "mine").unwrap();
        assert!(open(&on(Place::Unix(dir.join("file")))).is_err());
        assert_eq!(std::fs::read(dir.join("file")).unwrap(), b"mine");
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn only_a_listener_is_adopted() {
        let parent = open(&any_port()).unwrap();
        let addr = parent.local_addr().unwrap().as_socket().unwrap();
        let adopted = open(&on(Place::Inherited(parent.into_raw_fd()))).unwrap();
        assert_eq!(adopted.local_addr().unwrap().as_socket().unwrap(), addr);

        assert!(open(&on(Place::Inherited(1))).is_err());
        let file = std::fs::File::open("/dev/null").unwrap();
        let err = open(&on(Place::Inherited(file.as_raw_fd()))).unwrap_err();
        assert!(err.to_string().contains("not a listening stream socket"), "{err}");
        file.metadata().unwrap();
    }
}
