//! A stream socket in an event loop that wakes on edges.
//!
//! An edge comes once, so readiness is remembered until the kernel says "no more": `EAGAIN`, or a read or write that
//! moved less than was asked. Clearing it any earlier loses the wakeup; clearing it later spins. The end of the stream
//! is never cleared, so a short read just before it does not hide it. A failure the kernel tells once, so it is
//! remembered too.

use std::cell::Cell;
use std::io::{self, Read};
use std::net::Shutdown;
use std::task::{Context, Poll, ready};

use rustix::io::Errno;
use rustix::net::RecvFlags;
use socket2::{Domain, SockAddr, Socket, Type};

use super::departure::NoDeparture;
use super::pipe::Lent;
use super::reactor::Place;
use super::{Departure, Scratch, Stream};

/// One end of a connection.
pub struct Endpoint {
    place: Place,
    socket: Socket,
    left: Cell<Left>,
}

/// What no edge will tell of again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    /// There may be bytes that were looked at and left.
    Unread,
    /// Reading has failed, and fails for good.
    Failed(Errno),
}

/// What is there to be read, and still is.
#[derive(Debug)]
pub struct Peeked<'a> {
    pub bytes: &'a [u8],
    /// The other end has sent all that it will.
    pub is_end: bool,
}

impl Endpoint {
    /// Takes a nonblocking, connected socket into this thread's event loop.
    pub fn new(socket: Socket) -> io::Result<Endpoint> {
        let domain = socket.domain()?;
        Endpoint::of(socket, domain)
    }

    /// The same of a socket that is known to be of this kind.
    pub fn of(socket: Socket, domain: Domain) -> io::Result<Endpoint> {
        Ok(Endpoint {
            place: Place::take(&socket, domain)?,
            socket,
            left: Cell::new(Left::Nothing),
        })
    }

    /// Starts to connect; [`Endpoint::poll_connected`] says how it went.
    pub fn connect(to: &SockAddr) -> io::Result<Endpoint> {
        Endpoint::connect_from(to, &Departure::default())
    }

    /// The same from a place of one's own.
    pub fn connect_from(to: &SockAddr, departure: &Departure<'_>) -> io::Result<Endpoint> {
        let domain = Domain::from(i32::from(to.family()));
        let socket = Socket::new(domain, Type::STREAM.nonblocking(), None)?;
        departure.prepare(&socket, to)?;
        match socket.connect(to) {
            Ok(()) => {}
            Err(e) if e.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(e) => return Err(e),
        }
        Endpoint::of(socket, domain)
    }

    pub fn poll_connected(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // While it connects, the kernel has nothing to tell of it.
        ready!(self.place.poll_write(cx));
        if !self.place.has_failed() {
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(Err(self
            .socket()
            .take_error()?
            .unwrap_or_else(|| io::ErrorKind::NotConnected.into())))
    }

    /// Waits until the other end has finished without having sent anything that is still unread, or has failed.
    /// Nothing is taken from the stream. Once there are bytes, only a failure is waited for: reading them comes first.
    pub fn poll_hung_up(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.place.poll_read(cx));
            match self.receive(&mut [0], RecvFlags::PEEK) {
                Ok(0) => return Poll::Ready(Ok(())),
                Ok(_) => return self.poll_failed(cx).map(Err),
                Err(Errno::WOULDBLOCK) => self.place.no_read(),
                Err(Errno::INTR) => {}
                Err(e) => return Poll::Ready(Err(e.into())),
            }
        }
    }

    /// Waits until the connection has failed, whatever is unread.
    pub fn poll_failed(&self, cx: &mut Context<'_>) -> Poll<io::Error> {
        ready!(self.place.poll_failed(cx));
        self.failure().map_or(Poll::Pending, Poll::Ready)
    }

    /// As [`Endpoint::poll_hung_up`], however much was sent before and is unread.
    pub fn poll_finished(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.place.poll_read(cx));
            if self.place.is_at_end() {
                return Poll::Ready(self.failure().map_or(Ok(()), Err));
            }
            // Bytes alone are waited over; where there are some, they are read again when it is their turn.
            self.leave_unread();
            self.place.no_read();
        }
    }

    /// Somebody else goes on with a copy of it: the kernel would go on telling this event loop of it. It is closed here
    /// next.
    pub fn leave_to_others(&self) {
        // Whatever were told would find nobody, so that it is told is no more than a waste.
        self.place.forget(&self.socket).ok();
    }

    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Looks at the first bytes, `most` of them, without taking them from the stream. When there are more, or an end,
    /// `cx` is woken.
    pub fn peek<'s>(&self, cx: &mut Context<'_>, scratch: &'s mut Scratch, most: usize) -> io::Result<Peeked<'s>> {
        let mut is_end = false;
        // From here on whatever comes is an edge of its own; what is there already is looked at below.
        while self.place.poll_read(cx).is_ready() {
            is_end = self.place.is_at_end();
            if is_end {
                break;
            }
            self.place.no_read();
        }
        self.leave_unread();
        let buffer = scratch.bytes();
        let most = most.min(buffer.len());
        let buffer = &mut buffer[..most];
        let count = match self.receive(buffer, RecvFlags::PEEK) {
            Ok(count) => count,
            Err(Errno::WOULDBLOCK) => 0,
            Err(e) => return Err(e.into()),
        };
        Ok(Peeked {
            bytes: &buffer[..count],
            is_end,
        })
    }

    /// Writes what the kernel takes at once, whatever is known of it; nobody is woken for the rest.
    pub fn write_now(&self, from: &[u8]) -> io::Result<usize> {
        self.socket()
            .send_with_flags(from, libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT)
    }

    /// Says that this is the end, then takes from the stream what is there, as far as the buffer goes, and forgets it. A
    /// socket that is closed with bytes unread sends a reset; whoever has heard the end before takes no harm by that.
    ///
    /// Answers how many bytes those were.
    pub fn dismiss(&self, scratch: &mut Scratch) -> u64 {
        self.finish();
        self.socket().read(scratch.bytes()).map_or(0, |read| read as u64)
    }

    /// Moves what there is into an empty pipe. 0 says nothing: that there is something left may only be read. Before
    /// an urgent byte the kernel splices no further, and answers as if there were nothing more, or the end.
    pub(super) fn poll_fill(&self, cx: &mut Context<'_>, pipe: &mut Lent) -> Poll<io::Result<usize>> {
        if self.left.get() == Left::Nothing {
            // How much there is the pipe's room does not tell: that there is nothing, a read has to say.
            ready!(self.place.poll_read(cx));
        }
        Poll::Ready(match pipe.fill(self.socket(), usize::MAX) {
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(0),
            filled => filled,
        })
    }

    /// Moves what is taken out of a pipe in which there is something.
    pub(super) fn poll_drain(&self, cx: &mut Context<'_>, pipe: &mut Lent) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.place.poll_write(cx));
            match pipe.drain(self.socket()) {
                Ok(n) => return Poll::Ready(Ok(n)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.place.no_write(),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Poll::Ready(Err(e)),
            }
        }
    }

    fn receive(&self, into: &mut [u8], flags: RecvFlags) -> rustix::io::Result<usize> {
        if let Left::Failed(failure) = self.left.get() {
            return Err(failure);
        }
        let received = rustix::net::recv(self.socket(), into, flags).map(|(count, _)| count);
        if let Err(failure) = received
            && !matches!(failure, Errno::WOULDBLOCK | Errno::INTR)
        {
            self.left.set(Left::Failed(failure));
        }
        received
    }

    /// Why it has failed, if it has: the kernel tells it to whoever asks first.
    fn failure(&self) -> Option<io::Error> {
        if let Left::Failed(failure) = self.left.get() {
            return Some(failure.into());
        }
        let failure = self.socket().take_error().transpose()?.unwrap_or_else(|error| error);
        if let Some(known) = Errno::from_io_error(&failure) {
            self.left.set(Left::Failed(known));
        }
        Some(failure)
    }

    /// Bytes are left where they are.
    fn leave_unread(&self) {
        if self.left.get() == Left::Nothing {
            self.left.set(Left::Unread);
        }
    }

    fn all_is_read(&self) {
        self.left.set(Left::Nothing);
        self.place.no_read();
    }

    /// Takes bytes from the stream that were [looked at](Endpoint::peek) and are not wanted any more.
    pub fn skip(&self, scratch: &mut Scratch, count: usize) -> io::Result<()> {
        self.socket().read_exact(&mut scratch.bytes()[..count])
    }
}

impl Stream for Endpoint {
    fn poll_read(&self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            if self.left.get() == Left::Nothing {
                ready!(self.place.poll_read(cx));
            }
            match self.receive(into, RecvFlags::empty()) {
                Ok(n) => {
                    if n > 0 && n < into.len() && !self.place.has_marks() {
                        self.all_is_read();
                    }
                    return Poll::Ready(Ok(n));
                }
                Err(Errno::WOULDBLOCK) => self.all_is_read(),
                Err(Errno::INTR) => {}
                Err(e) => return Poll::Ready(Err(e.into())),
            }
        }
    }

    fn poll_write(&self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.place.poll_write(cx));
            match self.socket().send_with_flags(from, libc::MSG_NOSIGNAL) {
                Ok(n) => {
                    if n < from.len() {
                        self.place.no_write();
                    }
                    return Poll::Ready(Ok(n));
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.place.no_write(),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Poll::Ready(Err(e)),
            }
        }
    }

    /// The kernel has all that was taken.
    #[inline]
    fn poll_flush(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// That the other end is gone already is no error here.
    fn finish(&self) {
        let _gone_is_fine = self.socket().shutdown(Shutdown::Write);
    }

    #[inline]
    fn plain(&self) -> Option<&Endpoint> {
        Some(self)
    }
}

/// Whether connecting failed for want of files, ports, memory or rights here, which is no fault of the server.
pub fn is_shortage(error: &io::Error) -> bool {
    use libc::{EADDRINUSE, EADDRNOTAVAIL, EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM};
    let shortage = [EADDRINUSE, EADDRNOTAVAIL, EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM];
    error.raw_os_error().is_some_and(|code| shortage.contains(&code))
        || error.get_ref().is_some_and(|why| why.is::<NoDeparture>())
}
