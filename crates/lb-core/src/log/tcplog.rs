//! The line a connection leaves behind, as others parse it: `option tcplog` and HAProxy's short default.
//!
//! A line is put into a buffer of the caller's, so that logging costs no allocation of its own.

mod civil;
mod rules;

#[cfg(test)]
mod tests;

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use crate::conn::Summary;
use crate::proxy_header::Fault;

pub use civil::CivilTime;
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

/// `%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq`
#[derive(Clone, Copy, Debug)]
pub struct TcpLine<'a> {
    pub client: Client,
    pub accepted: CivilTime,
    pub frontend: &'a str,
    /// The frontend's own name in a `listen`, and when no backend was chosen.
    pub backend: &'a str,
    /// `None` is `<NOSRV>`.
    pub server: Option<&'a str>,
    pub summary: Summary,
    /// From the server to the client.
    pub bytes: u64,
    pub counts: Counts,
    /// `option logasap`: written when the server accepted, so the total and the bytes are a beginning (`+`).
    pub early: bool,
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

impl TcpLine<'_> {
    /// Appends the line, without an end of line.
    pub fn write(&self, out: &mut Vec<u8>) {
        let s = &self.summary;
        let c = &self.counts;
        put_client(out, self.client);
        put(
            out,
            format_args!(" [{}] {} {}/", self.accepted, self.frontend, self.backend),
        );
        put(out, format_args!("{} ", self.server.unwrap_or("<NOSRV>")));
        put(out, format_args!("{}/{}/", millis(s.wait), millis(s.connect)));
        let early = plus(self.early);
        put(
            out,
            format_args!("{early}{} {early}{} ", s.total.as_millis(), self.bytes),
        );
        put(
            out,
            format_args!("{} {}/{}/{}/{}/", s.ending, c.process, c.frontend, c.backend, c.server),
        );
        put(out, format_args!("{}{} ", plus(s.redispatched), s.retries));
        put(out, format_args!("{}/{}", c.server_queue, c.backend_queue));
    }
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

/// What is written of a connection that was no session, because the PROXY header was not what it should have been.
#[derive(Clone, Copy, Debug)]
pub struct HeaderLine<'a> {
    pub client: Client,
    pub accepted: CivilTime,
    pub frontend: &'a str,
    /// The listener's name, or its number.
    pub listener: &'a str,
    pub fault: Fault,
}

impl HeaderLine<'_> {
    pub fn write(&self, out: &mut Vec<u8>) {
        put_client(out, self.client);
        put(
            out,
            format_args!(
                " [{}] {}/{}: {}",
                self.accepted, self.frontend, self.listener, self.fault
            ),
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

/// -1 for what never happened. A duration of a connection fits by far.
fn millis(time: Option<Duration>) -> i128 {
    time.map_or(-1, |t| t.as_millis() as i128)
}

const fn plus(yes: bool) -> &'static str {
    if yes { "+" } else { "" }
}
