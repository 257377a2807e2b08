//! The PROXY protocol's header: who the client of a connection is, said by the proxy before it in the connection's first
//! bytes (the HAProxy project's "The PROXY protocol", versions 1 and 2).
//!
//! [`read`] looks at bytes as they come and never needs more than the header itself. What the specification leaves to
//! the receiver is decided as HAProxy does it, except where that would misread an address.
#![forbid(unsafe_code)]

pub mod crc32c;
mod v1;
mod v2;
mod write;

use std::net::SocketAddr;

use thiserror::Error;

pub use write::{Client, Details, Secured, Shown, Version, Write};

/// The longest header that is waited for; the length field of version 2 could promise four times as much.
pub const LONGEST: usize = 16 * 1024;

/// What a proxy says about a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// `None` when the proxy speaks for itself (`LOCAL`) or does not know: the connection's own addresses count.
    pub ends: Option<Ends>,
    /// The host name that the client asked for, where TLS said one.
    pub authority: Option<Box<[u8]>>,
    pub unique_id: Option<Box<[u8]>>,
    /// All that version 2 said beside the addresses, as it came.
    pub details: Box<[u8]>,
}

impl Header {
    /// What it says under this number.
    pub fn tlv(&self, wanted: u8) -> Option<&[u8]> {
        let mut rest = &*self.details;
        while let Some((&[kind, high, low], after)) = rest.split_first_chunk::<3>() {
            let (value, after) = after.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
            if kind == wanted {
                return Some(value);
            }
            rest = after;
        }
        None
    }
}

/// Where the client comes from, and what it connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    pub source: SocketAddr,
    pub destination: SocketAddr,
}

/// How far a header is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// What is there may become one.
    Begun,
    /// Complete, in so many bytes.
    Complete(Header, usize),
}

/// Why there is no header to be had. The words are those of HAProxy's log line.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Fault {
    #[error("Received something which does not look like a PROXY protocol header")]
    NotPresent,
    #[error("Received an invalid PROXY protocol header")]
    Invalid,
    #[error("Received an unhandled protocol in the PROXY protocol header")]
    Protocol,
    /// The end came before the header did, or it is longer than anybody waits for.
    #[error("Truncated PROXY protocol header received")]
    Truncated,
    #[error("Timeout while waiting for PROXY protocol header")]
    Late,
    #[error("Connection closed while waiting for PROXY protocol header")]
    Closed,
}

impl Fault {
    /// By which HAProxy knows it (`fc_err`).
    pub const fn number(self) -> u8 {
        match self {
            Fault::Closed => 11,
            Fault::Late => 13,
            Fault::Truncated => 14,
            Fault::NotPresent => 15,
            Fault::Invalid => 16,
            Fault::Protocol => 17,
        }
    }
}

/// Reads the header that `bytes` begin with. Whatever is answered holds for any bytes that are appended, except that
/// what has [begun](Progress::Begun) may be complete by then, or wrong.
pub fn read(bytes: &[u8]) -> Result<Progress, Fault> {
    if begins(bytes, &v2::SIGNATURE) {
        v2::read(bytes)
    } else if begins(bytes, v1::WORD) {
        v1::read(bytes)
    } else {
        Err(Fault::NotPresent)
    }
}

/// Whether one begins with the other, as far as there are bytes.
fn begins(bytes: &[u8], with: &[u8]) -> bool {
    let length = bytes.len().min(with.len());
    bytes[..length] == with[..length]
}

#[cfg(test)]
mod tests;
