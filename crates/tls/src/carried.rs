//! A connection on a socket, whosever that is: what is read is decrypted, what is written encrypted, and what the socket
//! does not take waits.

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::fmt;
use std::io;
use std::task::{Context, Poll, ready};

use crate::connection::{BUFFER, Connection, Failure, MOST_PLAIN};

/// So much is read from the socket at once.
const AT_ONCE: usize = 64 * 1024;

thread_local! {
    /// What all connections of a thread turn bytes in: in use only while one call runs, and not there without TLS.
    static BUFFERS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Where the bytes of the wire come from and go to.
pub trait Socket {
    /// Reads what there is; 0 is the end of the stream.
    fn poll_read(&self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Takes what can be taken at once.
    fn poll_write(&self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>>;
}

/// One end of a connection that is encrypted.
#[derive(Debug)]
pub struct Carried<S> {
    socket: S,
    connection: RefCell<Connection>,
    /// The other end has said, or shown, that it will send nothing more.
    is_over: Cell<bool>,
    /// Why nothing more comes: whoever asks again hears it again. While something is ready that came before, nobody does.
    trouble: RefCell<Option<HandshakeError>>,
}

/// What came of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// So many were decrypted into the place for them; there may be others.
    Bytes(usize),
    End,
}

/// Why two ends did not come to know each other.
#[derive(Debug)]
pub enum HandshakeError {
    /// The other end left.
    Closed,
    Io(io::Error),
    Failed(Failure),
}

impl<S> Carried<S> {
    pub fn new(socket: S, connection: Connection) -> Carried<S> {
        Carried {
            socket,
            connection: RefCell::new(connection),
            is_over: Cell::new(false),
            trouble: RefCell::new(None),
        }
    }

    pub fn socket(&self) -> &S {
        &self.socket
    }

    /// Shows the connection to someone.
    pub fn connection(&self) -> Ref<'_, Connection> {
        self.connection.borrow()
    }

    pub fn connection_mut(&self) -> RefMut<'_, Connection> {
        self.connection.borrow_mut()
    }

    /// Whether the socket has not yet got all that was taken.
    pub fn is_behind(&self) -> bool {
        !self.connection.borrow().outgoing().is_empty()
    }

    /// Whether nothing more will come from the socket.
    pub fn is_over(&self) -> bool {
        self.is_over.get()
    }

    /// Why nothing more will come, if that is no orderly end.
    pub fn trouble(&self) -> Option<HandshakeError> {
        self.trouble.borrow().as_ref().map(HandshakeError::again)
    }
}

impl<S: Socket> Carried<S> {
    /// Goes on with the handshake until both ends know each other.
    pub fn poll_established(&self, cx: &mut Context<'_>) -> Poll<Result<(), HandshakeError>> {
        loop {
            ready!(self.poll_flush(cx))?;
            if self.connection.borrow().is_established() {
                return Poll::Ready(Ok(()));
            }
            if ready!(self.poll_more(cx, &mut []))? == More::End {
                return Poll::Ready(Err(HandshakeError::Closed));
            }
        }
    }

    /// Reads once from the socket. What does not fit into `into` is kept, and so is why it fails while something is
    /// ready.
    pub fn poll_more(&self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<Result<More, HandshakeError>> {
        if let Some(why) = self.trouble() {
            return Poll::Ready(Err(why));
        }
        if self.is_over.get() {
            return Poll::Ready(Ok(More::End));
        }
        let done = BUFFERS.with_borrow_mut(|buffer| {
            buffer.resize(BUFFER, 0);
            let mut connection = self.connection.borrow_mut();
            let kept = connection.begin(buffer);
            let end = (kept + AT_ONCE).min(BUFFER);
            let got = match ready!(self.socket.poll_read(cx, &mut buffer[kept..end]))? {
                0 => return Poll::Ready(Ok(More::End)),
                got => got,
            };
            let wire = &mut buffer[..kept + got];
            match connection.receive(wire, kept, into) {
                Ok(count) => Poll::Ready(Ok(More::Bytes(count))),
                Err(why) => Poll::Ready(Err(HandshakeError::Failed(why))),
            }
        });
        if !self.connection.borrow().outgoing().is_empty() {
            // An answer, or why this was the last. What cannot go now goes before what is written next.
            let _later = self.poll_flush(cx);
        }
        if matches!(done, Poll::Ready(Ok(More::End))) || self.connection.borrow().has_ended() {
            self.is_over.set(true);
        }
        if let Poll::Ready(Err(why)) = &done {
            self.trouble.replace(Some(why.again()));
            if !self.connection.borrow().ready().is_empty() {
                return Poll::Ready(Ok(More::Bytes(0)));
            }
        }
        done
    }

    /// Reads until so much is [ready](Connection::ready), as far as it is there, and answers whether nothing more will
    /// come. Why that is so is told when nothing is ready: what was said before is heard first.
    pub fn fill(&self, cx: &mut Context<'_>, most: usize) -> Result<bool, HandshakeError> {
        loop {
            let count = self.connection.borrow().ready().len();
            match self.trouble() {
                Some(_) if count > 0 => return Ok(true),
                Some(why) => return Err(why),
                None if self.is_over.get() => return Ok(true),
                None => {}
            }
            if count >= most {
                return Ok(false);
            }
            if self.poll_more(cx, &mut [])?.is_pending() {
                return Ok(false);
            }
        }
    }

    /// Reads what there is; 0 is the end of the stream.
    pub fn poll_read(&self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            let kept = self.connection.borrow_mut().take(into);
            if kept > 0 {
                return Poll::Ready(Ok(kept));
            }
            match ready!(self.poll_more(cx, into)).map_err(HandshakeError::into_io)? {
                More::End => return Poll::Ready(Ok(0)),
                More::Bytes(0) => {}
                More::Bytes(count) => return Poll::Ready(Ok(count)),
            }
        }
    }

    /// What is taken is encrypted at once; what of that the socket does not take waits, and nothing more is taken.
    pub fn poll_write(&self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush(cx))?;
        let from = &from[..from.len().min(MOST_PLAIN)];
        BUFFERS.with_borrow_mut(|buffer| {
            buffer.resize(BUFFER, 0);
            let mut connection = self.connection.borrow_mut();
            let count = connection.send(from, buffer).map_err(io::Error::other)?;
            let mut wire = &buffer[..count];
            while !wire.is_empty() && connection.outgoing().is_empty() {
                match self.socket.poll_write(cx, wire) {
                    Poll::Ready(Ok(count)) => wire = &wire[count..],
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => break,
                }
            }
            if !wire.is_empty() {
                connection.send_later(wire);
            }
            Poll::Ready(Ok(from.len()))
        })
    }

    /// Sees to it that the socket gets what was taken.
    pub fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut connection = self.connection.borrow_mut();
        while !connection.outgoing().is_empty() {
            let count = ready!(self.socket.poll_write(cx, connection.outgoing()))?;
            connection.sent(count);
        }
        Poll::Ready(Ok(()))
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeError::Closed => f.write_str("the other end left"),
            HandshakeError::Io(error) => error.fmt(f),
            HandshakeError::Failed(why) => why.fmt(f),
        }
    }
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> HandshakeError {
        HandshakeError::Io(error)
    }
}

impl HandshakeError {
    /// The same once more.
    fn again(&self) -> HandshakeError {
        match self {
            HandshakeError::Closed => HandshakeError::Closed,
            HandshakeError::Io(error) => HandshakeError::Io(match error.raw_os_error() {
                Some(number) => io::Error::from_raw_os_error(number),
                None => error.kind().into(),
            }),
            HandshakeError::Failed(why) => HandshakeError::Failed(why.clone()),
        }
    }

    pub fn into_io(self) -> io::Error {
        match self {
            HandshakeError::Closed => io::ErrorKind::UnexpectedEof.into(),
            HandshakeError::Io(error) => error,
            HandshakeError::Failed(why) => io::Error::new(io::ErrorKind::InvalidData, why),
        }
    }
}
