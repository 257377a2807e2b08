//! One TLS connection without a socket: bytes of the wire and bytes of those who talk, each turned into the other.
//!
//! Whoever has the socket lends a buffer for as long as one call runs. What the connection keeps is the beginning of a
//! record whose end has not come, what was decrypted and not taken, and what the socket did not take; an idle one keeps
//! nothing of these. rustls' unbuffered interface does the protocol; it copies no record into a buffer of its own.

use std::fmt;
use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::{Acceptor, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{ClientConfig, CommonState};
use thiserror::Error;

use crate::Certificate;
use crate::listener::{Chosen, Listener, NoCertificate};

/// The most plaintext that one call of [`Connection::send`] takes.
pub const MOST_PLAIN: usize = 64 * 1024;

/// What a lent buffer must hold: as much as is encrypted at once with its records' frames, or what is kept of a
/// handshake message, which no peer may make larger than 64 KiB, and a read after it.
pub const BUFFER: usize = 128 * 1024;

/// Why a connection cannot go on. The alert that says so to the other end is [outgoing](Connection::outgoing).
#[derive(Clone, Debug, Error)]
pub enum Failure {
    #[error(transparent)]
    Protocol(#[from] rustls::Error),
    #[error(transparent)]
    NoCertificate(#[from] NoCertificate),
    /// rustls sends nothing more with these keys.
    #[error("the keys are used up")]
    Exhausted,
    /// What it encrypts to does not fit; nothing of it is sent.
    #[error("there is no room for what is to be sent")]
    NoRoom,
}

impl Failure {
    /// Whether it is the other end's certificate that is not believed.
    pub fn is_distrust(&self) -> bool {
        matches!(self, Failure::Protocol(rustls::Error::InvalidCertificate(_)))
    }
}

/// One end of a TLS connection.
#[derive(Debug)]
pub struct Connection {
    side: Side,
    /// The beginning of something whose end has not come.
    rest: Vec<u8>,
    /// Decrypted, and not taken so far.
    ready: Vec<u8>,
    /// For the wire.
    outgoing: Vec<u8>,
    server_name: Option<Box<str>>,
    shown: Option<Arc<Certificate>>,
    /// Where a client came to, and by which entry's rules it was let in.
    met_at: Option<(Arc<Listener>, usize)>,
    is_closed: bool,
    has_ended: bool,
    /// After this nothing is possible any more.
    failure: Option<Failure>,
}

/// A fatal alert, as nothing is encrypted yet (RFC 8446 section 6.2).
const UNRECOGNIZED_NAME: &[u8] = &[21, 3, 3, 0, 2, 2, 112];

enum Side {
    /// The client's hello decides by which certificate and rules the connection goes on.
    Greeting(Box<Greeting>),
    Server(Box<UnbufferedServerConnection>),
    Client(Box<UnbufferedClientConnection>),
}

struct Greeting {
    acceptor: Acceptor,
    listener: Arc<Listener>,
}

impl Connection {
    /// A client has come to this listener.
    pub fn accept(listener: Arc<Listener>) -> Connection {
        Connection::new(Side::Greeting(Box::new(Greeting {
            acceptor: Acceptor::default(),
            listener,
        })))
    }

    /// To a server of this name. The first words are outgoing at once.
    pub fn connect(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        alpn: Vec<Vec<u8>>,
    ) -> Result<Connection, Failure> {
        let client = UnbufferedClientConnection::new_with_alpn(config, name, alpn)?;
        let mut connection = Connection::new(Side::Client(Box::new(client)));
        connection.turn(&mut [], Ask::Nothing, &mut |_| {})?;
        Ok(connection)
    }

    fn new(side: Side) -> Connection {
        Connection {
            side,
            rest: Vec::new(),
            ready: Vec::new(),
            outgoing: Vec::new(),
            server_name: None,
            shown: None,
            met_at: None,
            is_closed: false,
            has_ended: false,
            failure: None,
        }
    }

    /// Puts what is kept of the wire at the beginning of a buffer. What is read goes behind it, and all of it to
    /// [`Connection::receive`].
    pub fn begin(&self, buffer: &mut [u8]) -> usize {
        let kept = self.rest.len().min(buffer.len());
        buffer[..kept].copy_from_slice(&self.rest[..kept]);
        kept
    }

    /// Decrypts into `into`, and answers how much it is; what does not fit there is [ready](Connection::ready). `fresh`
    /// is where in `wire` the bytes begin that were never here.
    pub fn receive(&mut self, wire: &mut [u8], fresh: usize, into: &mut [u8]) -> Result<usize, Failure> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        if let Side::Greeting(greeting) = &mut self.side {
            let Some(chosen) = greeting.hear(&wire[fresh..]) else {
                self.keep(wire);
                return Ok(0);
            };
            match chosen {
                Ok(Chosen {
                    config,
                    name,
                    certificate,
                    place,
                }) => {
                    let server = UnbufferedServerConnection::new(config)?;
                    self.met_at = Some((greeting.listener.clone(), place));
                    self.side = Side::Server(Box::new(server));
                    self.server_name = name;
                    self.shown = Some(certificate);
                }
                Err(none) => {
                    self.outgoing.extend_from_slice(UNRECOGNIZED_NAME);
                    self.failure = Some(none.into());
                    return Err(none.into());
                }
            }
        }
        let mut ready = std::mem::take(&mut self.ready);
        let mut taken = 0;
        let done = self.turn(wire, Ask::Nothing, &mut |plain| {
            let fits = plain.len().min(into.len() - taken);
            into[taken..taken + fits].copy_from_slice(&plain[..fits]);
            taken += fits;
            ready.extend_from_slice(&plain[fits..]);
        });
        if done.is_err() {
            // Before the failure something was said that is as good as ever.
            ready.splice(..0, into[..taken].iter().copied());
        }
        self.ready = ready;
        let used = done?;
        self.keep(&wire[used..]);
        Ok(taken)
    }

    /// Encrypts into `out`, and answers how much of that is filled. To be called with at most [`MOST_PLAIN`] bytes, when
    /// nothing is [outgoing](Connection::outgoing). What is outgoing after it comes before what is in `out`.
    pub fn send(&mut self, plain: &[u8], out: &mut [u8]) -> Result<usize, Failure> {
        let mut filled = 0;
        let ask = Ask::Encrypt {
            plain,
            out,
            filled: &mut filled,
        };
        self.ask(ask)?;
        Ok(filled)
    }

    /// Tells the other end that nothing more will be sent.
    pub fn close(&mut self) {
        if !std::mem::replace(&mut self.is_closed, true) {
            // Whoever is told that the connection failed has heard enough.
            let _failed_before = self.ask(Ask::Close);
        }
    }

    /// Something that needs no new bytes of the wire.
    fn ask(&mut self, ask: Ask<'_>) -> Result<(), Failure> {
        let mut rest = std::mem::take(&mut self.rest);
        let mut ready = std::mem::take(&mut self.ready);
        let done = self.turn(&mut rest, ask, &mut |plain| ready.extend_from_slice(plain));
        self.ready = ready;
        rest.drain(..done?);
        self.rest = rest;
        Ok(())
    }

    fn keep(&mut self, rest: &[u8]) {
        if rest.is_empty() {
            self.rest = Vec::new();
        } else {
            self.rest.clear();
            self.rest.extend_from_slice(rest);
        }
    }

    /// Lets rustls work through what has come; answers how much of it is done with.
    fn turn(&mut self, wire: &mut [u8], mut ask: Ask<'_>, plain: &mut dyn FnMut(&[u8])) -> Result<usize, Failure> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let mut used = 0;
        loop {
            let (discard, next) = self.step(&mut wire[used..], &mut ask, plain);
            used += discard;
            match next {
                Ok(Next::Again) => {}
                Ok(Next::Wait) => return Ok(used),
                Ok(Next::Ended) => self.has_ended = true,
                Err(why) => {
                    // There may be an alert to send. What has come is not looked at again.
                    while self.state().is_some_and(CommonState::wants_write) {
                        let _alert = self.step(&mut [], &mut Ask::Nothing, &mut |_| {});
                    }
                    self.failure = Some(why.clone());
                    return Err(why);
                }
            }
        }
    }

    fn step(
        &mut self,
        wire: &mut [u8],
        ask: &mut Ask<'_>,
        plain: &mut dyn FnMut(&[u8]),
    ) -> (usize, Result<Next, Failure>) {
        match &mut self.side {
            Side::Greeting(_) => (0, Ok(Next::Wait)),
            Side::Server(server) => step(server.process_tls_records(wire), &mut self.outgoing, ask, plain),
            Side::Client(client) => step(client.process_tls_records(wire), &mut self.outgoing, ask, plain),
        }
    }

    /// For the wire, before anything else.
    pub fn outgoing(&self) -> &[u8] {
        &self.outgoing
    }

    /// So much of it is gone.
    pub fn sent(&mut self, count: usize) {
        if count == self.outgoing.len() {
            self.outgoing = Vec::new();
        } else {
            self.outgoing.drain(..count);
        }
    }

    /// Goes out before everything, as it is: whoever is behind a socket may want a word before TLS begins.
    pub fn send_first(&mut self, words: &[u8]) {
        self.outgoing.splice(..0, words.iter().copied());
    }

    /// What the socket did not take is sent later.
    pub fn send_later(&mut self, wire: &[u8]) {
        self.outgoing.extend_from_slice(wire);
    }

    /// Decrypted, and waits to be taken.
    pub fn ready(&self) -> &[u8] {
        &self.ready
    }

    /// Takes what is ready, as far as it fits.
    pub fn take(&mut self, into: &mut [u8]) -> usize {
        let count = into.len().min(self.ready.len());
        into[..count].copy_from_slice(&self.ready[..count]);
        if count == self.ready.len() {
            self.ready = Vec::new();
        } else {
            self.ready.drain(..count);
        }
        count
    }

    /// The other end has said that it will send nothing more.
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Whether both ends know each other, and what they talk is nobody else's.
    pub fn is_established(&self) -> bool {
        self.state().is_some_and(|state| !state.is_handshaking())
    }

    /// What rustls knows; nothing before the client's hello.
    pub fn state(&self) -> Option<&CommonState> {
        match &self.side {
            Side::Greeting(_) => None,
            Side::Server(server) => Some(server),
            Side::Client(client) => Some(client),
        }
    }

    /// What the client was shown.
    pub fn shown(&self) -> Option<&Certificate> {
        self.shown.as_deref()
    }

    /// OpenSSL's number for what is wrong with the client's certificate, 0 for nothing; `None` with servers.
    pub fn fault_of_client(&self) -> Option<u8> {
        let chain = self.state()?.peer_certificates().unwrap_or_default();
        let (listener, place) = self.met_at.as_ref()?;
        Some(listener.fault_of(chain, *place))
    }

    /// The name that the client asked for.
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }
}

impl fmt::Debug for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Greeting(_) => "Greeting",
            Side::Server(_) => "Server",
            Side::Client(_) => "Client",
        })
    }
}

impl Greeting {
    /// Takes what has come of the hello. When that is all of it, answers the rules for the connection. A hello that
    /// makes no sense is for the usual rules: they find the fault again, and its alert.
    fn hear(&mut self, mut fresh: &[u8]) -> Option<Result<Chosen, NoCertificate>> {
        while !fresh.is_empty() {
            if self.acceptor.read_tls(&mut fresh).is_err() {
                break;
            }
            match self.acceptor.accept() {
                Ok(None) => {}
                Ok(Some(accepted)) => return Some(self.listener.choose(&accepted.client_hello())),
                Err(_) => return Some(self.listener.usual()),
            }
        }
        None
    }
}

/// What is wanted beside working through what has come.
enum Ask<'a> {
    Nothing,
    Encrypt {
        plain: &'a [u8],
        out: &'a mut [u8],
        filled: &'a mut usize,
    },
    Close,
}

enum Next {
    Again,
    /// Nothing more to do before more bytes come.
    Wait,
    Ended,
}

fn step<D>(
    status: UnbufferedStatus<'_, '_, D>,
    outgoing: &mut Vec<u8>,
    ask: &mut Ask<'_>,
    plain: &mut dyn FnMut(&[u8]),
) -> (usize, Result<Next, Failure>) {
    let UnbufferedStatus { mut discard, state } = status;
    let next = match state {
        Err(why) => Err(why.into()),
        Ok(ConnectionState::ReadTraffic(mut traffic)) => loop {
            match traffic.next_record() {
                Some(Ok(record)) => {
                    discard += record.discard;
                    plain(record.payload);
                }
                Some(Err(why)) => break Err(why.into()),
                None => break Ok(Next::Again),
            }
        },
        Ok(ConnectionState::EncodeTlsData(mut data)) => {
            append(outgoing, |out| match data.encode(out) {
                Ok(count) => Ok(count),
                Err(EncodeError::InsufficientSize(wanted)) => Err(wanted.required_size),
                Err(EncodeError::AlreadyEncoded) => Ok(0),
            });
            Ok(Next::Again)
        }
        Ok(ConnectionState::TransmitTlsData(data)) => {
            // It is outgoing, and nothing overtakes that.
            data.done();
            Ok(Next::Again)
        }
        Ok(ConnectionState::WriteTraffic(mut traffic)) => match std::mem::replace(ask, Ask::Nothing) {
            Ask::Nothing => Ok(Next::Wait),
            Ask::Encrypt { plain, out, filled } => match traffic.encrypt(plain, out) {
                Ok(count) => {
                    *filled = count;
                    // What must come before it is encoded now.
                    Ok(Next::Again)
                }
                Err(EncryptError::InsufficientSize(_)) => Err(Failure::NoRoom),
                Err(EncryptError::EncryptExhausted) => Err(Failure::Exhausted),
            },
            Ask::Close => {
                append(outgoing, |out| match traffic.queue_close_notify(out) {
                    Ok(count) => Ok(count),
                    Err(EncryptError::InsufficientSize(wanted)) => Err(wanted.required_size),
                    Err(EncryptError::EncryptExhausted) => Ok(0),
                });
                Ok(Next::Wait)
            }
        },
        Ok(ConnectionState::PeerClosed) => Ok(Next::Ended),
        Ok(_) => Ok(Next::Wait),
    };
    (discard, next)
}

/// Has something written behind what is there. It says how much room it needs when that is not enough.
fn append(outgoing: &mut Vec<u8>, mut write: impl FnMut(&mut [u8]) -> Result<usize, usize>) {
    let before = outgoing.len();
    let mut room = 0;
    loop {
        outgoing.resize(before + room, 0);
        match write(&mut outgoing[before..]) {
            Ok(count) => return outgoing.truncate(before + count),
            Err(wanted) if wanted > room => room = wanted,
            Err(_) => return outgoing.truncate(before),
        }
    }
}

#[cfg(test)]
mod tests;
