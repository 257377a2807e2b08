//! The line a connection leaves behind, as others parse it: what there is to tell, and HAProxy's short default.
//! [`super::format`] puts the other lines together.
//!
//! A line is put into a buffer of the caller's, so that logging costs no allocation of its own.

mod rules;

#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use tandem_time::CivilTime;

use crate::conn::Summary;
use crate::expr::Context;

pub use rules::{LogRules, Severity};

/// Who connected: `%ci:%cp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    Ip(SocketAddr),
    /// Who came by a unix socket has no address; HAProxy shows the number of its frontend's listener, counted from 1.
    Unix {
        listener: u32,
    },
}

/// A connection as its line may tell of it. What a format does not show may be left out.
#[derive(Clone, Copy)]
pub struct Line<'a> {
    pub client: Client,
    /// The address that the client connected to.
    pub local: Option<SocketAddr>,
    pub accepted: Moment,
    pub frontend: &'a str,
    /// The frontend's own name in a `listen`, and when no backend was chosen.
    pub backend: &'a str,
    /// `None` is `<NOSRV>`.
    pub server: Option<&'a str>,
    pub towards_server: TowardsServer,
    pub summary: Summary,
    /// How long what comes before the session took: the PROXY header, the TLS handshake.
    pub handshake: Duration,
    pub from_client: u64,
    /// From the server to the client.
    pub bytes: u64,
    pub counts: Counts,
    /// `option logasap`: written when the server accepted, so the total and the bytes are a beginning (`+`).
    pub early: bool,
    /// With TLS towards the client.
    pub tls: Option<Tls<'a>>,
    /// Counted over the process.
    pub number: u32,
    /// The lines that its frontend wrote before.
    pub log_number: u32,
    pub pid: u32,
    pub hostname: &'a str,
    pub unique_id: Option<&'a str>,
    /// How many things rules may have kept for it, which the context knows.
    pub captures: u16,
    /// What expressions ask.
    pub context: Option<&'a dyn Context>,
}

/// The two ends of the connection to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TowardsServer {
    pub from: Option<SocketAddr>,
    pub to: Option<SocketAddr>,
}

/// What a client's TLS agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tls<'a> {
    pub cipher: &'a str,
    pub version: &'a str,
}

/// A moment, and how far local clocks were ahead of UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    pub unix_millis: i64,
    pub utc_offset_seconds: i32,
}

impl Moment {
    pub fn local(self) -> CivilTime {
        CivilTime::from_unix(self.unix_millis, self.utc_offset_seconds)
    }

    pub fn utc(self) -> CivilTime {
        CivilTime::from_unix(self.unix_millis, 0)
    }
}

/// Connections at the time of the line. HAProxy has by then taken the ended connection off its server and its backend,
/// but not off its frontend and the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub process: u64,
    pub frontend: u64,
    pub backend: u64,
    pub server: u64,
    /// How many were before it in the queues it waited in.
    pub server_queue: u64,
    pub backend_queue: u64,
}

/// What is written of a connection when no format was asked for; at its beginning, not its end.
#[derive(Clone, Copy, Debug)]
pub struct ConnectLine<'a> {
    pub client: Client,
    pub local: SocketAddr,
    pub frontend: &'a str,
}

impl ConnectLine<'_> {
    pub fn write(&self, out: &mut Vec<u8>) {
        match self.client {
            Client::Ip(client) => {
                put(out, format_args!("Connect from "));
                put_addr(out, client);
                put(out, format_args!(" to "));
                put_addr(out, self.local);
            }
            Client::Unix { listener } => put(out, format_args!("Connect to unix:{listener}")),
        }
        put(out, format_args!(" ({}/TCP)", self.frontend));
    }
}

/// What is written of a connection that came to be no session: its PROXY header or its handshake was not what it should
/// have been.
#[derive(Clone, Copy)]
pub struct UnwelcomeLine<'a> {
    pub client: Client,
    pub accepted: CivilTime,
    pub frontend: &'a str,
    /// The listener's name, or its number.
    pub listener: &'a str,
    pub why: &'a dyn Display,
}

impl UnwelcomeLine<'_> {
    pub fn write(&self, out: &mut Vec<u8>) {
        put_client(out, self.client);
        put(
            out,
            format_args!(" [{}] {}/{}: {}", self.accepted, self.frontend, self.listener, self.why),
        );
    }
}

fn put_client(out: &mut Vec<u8>, client: Client) {
    match client {
        Client::Ip(client) => put_addr(out, client),
        Client::Unix { listener } => put(out, format_args!("unix:{listener}")),
    }
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    let _ = out.write_fmt(text);
}

/// Without the brackets that usually go round an IPv6 address.
fn put_addr(out: &mut Vec<u8>, addr: SocketAddr) {
    put(out, format_args!("{}:{}", addr.ip(), addr.port()));
}
