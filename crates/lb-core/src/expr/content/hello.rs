//! The first message of a TLS client (RFC 8446 section 4.1.2), as far as routing needs it. Nothing is decrypted: it is
//! sent in the clear. Only a message that fits into its first record is read, as in HAProxy.

use super::Read;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: u16 = 10;
const ALPN: u16 = 16;
const SESSION_TICKET: u16 = 35;
const SUPPORTED_VERSIONS: u16 = 43;
const RECORD_HEADER: usize = 5;

/// A client's hello, its extensions still as they came.
#[derive(Clone, Copy, Debug)]
pub struct ClientHello<'a> {
    version: u16,
    extensions: &'a [u8],
}

/// Takes pieces from the front; `None` when there are fewer bytes than that.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self, size: usize) -> Option<usize> {
        Some(self.take(size)?.iter().fold(0, |n, b| n << 8 | usize::from(*b)))
    }

    /// A piece whose length stands before it in `size` bytes.
    fn vector(&mut self, size: usize) -> Option<&'a [u8]> {
        let length = self.number(size)?;
        self.take(length)
    }
}

/// The body of the first record, as much of it as is there, and whether that is all of it.
fn record(bytes: &[u8]) -> Read<(&[u8], bool)> {
    match bytes {
        [] => Read::Short,
        [kind, ..] if *kind != HANDSHAKE => Read::Other,
        [_, major, ..] if *major != 3 => Read::Other,
        [_, _, _, high, low, body @ ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let body = &body[..body.len().min(length)];
            Read::Done((body, body.len() == length))
        }
        _ => Read::Short,
    }
}

/// The type of the handshake message: 1 is a client's hello, 2 a server's.
pub(super) fn handshake_type(bytes: &[u8]) -> Read<u8> {
    match record(bytes) {
        Read::Done(([kind, ..], true)) => Read::Done(*kind),
        Read::Done(([], true)) => Read::Other,
        Read::Done((_, false)) | Read::Short => Read::Short,
        Read::Other => Read::Other,
    }
}

/// The highest version that the client offers, the major one in the upper sixteen bits: TLS 1.2 is 3.3.
pub(super) fn version(bytes: &[u8]) -> Read<u32> {
    parse(bytes).map(|hello| {
        let version = hello.highest_version();
        u32::from(version >> 8) << 16 | u32::from(version & 0xff)
    })
}

pub(super) fn parse(bytes: &[u8]) -> Read<ClientHello<'_>> {
    let (body, whole) = match record(bytes) {
        Read::Done(found) => found,
        Read::Other => return Read::Other,
        Read::Short => return Read::Short,
    };
    debug_assert!(bytes.len() >= RECORD_HEADER);
    if body.first().is_some_and(|kind| *kind != CLIENT_HELLO) {
        return Read::Other;
    }
    match ClientHello::of(body) {
        Some(hello) => Read::Done(hello),
        None if whole => Read::Other,
        None => Read::Short,
    }
}

impl<'a> ClientHello<'a> {
    fn of(message: &'a [u8]) -> Option<ClientHello<'a>> {
        let mut message = Cursor(message);
        message.take(1)?;
        let mut hello = Cursor(message.vector(3)?);
        let version = hello.number(2)? as u16;
        let _random = hello.take(32)?;
        let _session = hello.vector(1)?;
        let _ciphers = hello.vector(2)?;
        let _compressions = hello.vector(1)?;
        // A client may send none.
        let extensions = if hello.0.is_empty() { &[] } else { hello.vector(2)? };
        Some(ClientHello { version, extensions })
    }

    fn extension(&self, wanted: u16) -> Option<&'a [u8]> {
        let mut all = Cursor(self.extensions);
        loop {
            let kind = all.number(2)?;
            let body = all.vector(2)?;
            if kind == usize::from(wanted) {
                return Some(body);
            }
        }
    }

    /// The name of the server that the client wants (RFC 6066 section 3).
    pub fn server_name(&self) -> Option<&'a [u8]> {
        let mut names = Cursor(Cursor(self.extension(SERVER_NAME)?).vector(2)?);
        let kind = names.number(1)?;
        let name = names.vector(2)?;
        (kind == 0).then_some(name)
    }

    /// What the client wants to speak (RFC 7301 section 3.1).
    pub fn protocols(&self) -> impl Iterator<Item = &'a [u8]> {
        let list = self.extension(ALPN).and_then(|body| Cursor(body).vector(2));
        let mut list = Cursor(list.unwrap_or_default());
        std::iter::from_fn(move || list.vector(1))
    }

    pub fn offers_curves(&self) -> bool {
        self.extension(SUPPORTED_GROUPS).is_some()
    }

    /// 0: it knows no session tickets (RFC 5077 section 3.2); 1: it wants one; 2: it brings one.
    pub fn ticket(&self) -> i64 {
        match self.extension(SESSION_TICKET) {
            None => 0,
            Some([]) => 1,
            Some(_) => 2,
        }
    }

    /// Since TLS 1.3 the version stands in an extension (RFC 8446 section 4.2.1).
    fn highest_version(&self) -> u16 {
        let offered = self
            .extension(SUPPORTED_VERSIONS)
            .and_then(|body| Cursor(body).vector(1));
        let pairs = offered.unwrap_or_default().as_chunks().0.iter();
        let known = pairs.map(|pair| u16::from_be_bytes(*pair)).filter(|v| v >> 8 == 3);
        known.max().unwrap_or(self.version).max(self.version)
    }
}
