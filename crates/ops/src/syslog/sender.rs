//! One thread's way to the log: its own sockets and its own buffer.

use std::io;

use nix::sys::socket::MsgFlags;
use socket2::{Domain, SockAddr, Socket, Type};

use super::format::DateTexts;
use super::target::{Opened, Route, Severity, Targets};
use crate::clock::Wall;

/// Sends lines for the thread that owns it. A new one costs nothing; sockets are opened with the first line.
#[derive(Debug, Default)]
pub struct Sender {
    udp4: Option<Socket>,
    udp6: Option<Socket>,
    unix: Option<Socket>,
    line: Vec<u8>,
    date: Option<DateTexts>,
}

/// What is sent, without a newline.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    pub text: &'a str,
    /// For targets of the format `rfc5424`.
    pub structured: Option<&'a str>,
}

impl<'a> From<&'a str> for Message<'a> {
    fn from(text: &'a str) -> Message<'a> {
        Message { text, structured: None }
    }
}

impl Sender {
    /// Sends `message` to all of `targets` that want this severity. Never waits.
    pub fn send<'a>(&mut self, targets: &Targets, severity: Severity, message: impl Into<Message<'a>>, at: Wall) {
        let message = message.into();
        for target in targets.opened.iter() {
            let Some(severity) = target.admit(severity) else {
                continue;
            };
            self.compose(target, severity, message, at);
            if let Err(error) = self.put(&target.route) {
                target.lost(&error);
            }
        }
    }

    fn compose(&mut self, target: &Opened, severity: Severity, message: Message<'_>, at: Wall) {
        let date = match self.date.take() {
            Some(date) if date.is_of(at) => date,
            _ => DateTexts::of(at, at.local_offset()),
        };
        self.line.clear();
        target
            .header
            .write(&mut self.line, severity, &date, at.subsec_micros(), message.structured);
        self.line.extend_from_slice(message.text.as_bytes());
        cut(&mut self.line, target.length);
        self.line.push(b'\n');
        self.date = Some(date);
    }

    fn put(&mut self, route: &Route) -> io::Result<()> {
        let (socket, to) = match route {
            Route::Udp4(to) => (opened(&mut self.udp4, Domain::IPV4)?, to),
            Route::Udp6(to) => (opened(&mut self.udp6, Domain::IPV6)?, to),
            Route::Unix(to) => (opened(&mut self.unix, Domain::UNIX)?, to),
            Route::Outlet(outlet) => return outlet.put(&self.line),
            Route::Ring(ring) => {
                ring.write(self.line.strip_suffix(b"\n").unwrap_or(&self.line));
                return Ok(());
            }
        };
        datagram(socket, &self.line, to)
    }
}

fn opened(place: &mut Option<Socket>, domain: Domain) -> io::Result<&Socket> {
    match place {
        Some(socket) => Ok(socket),
        None => Ok(place.insert(Socket::new(domain, Type::DGRAM, None)?)),
    }
}

fn datagram(socket: &Socket, line: &[u8], to: &SockAddr) -> io::Result<()> {
    let flags = (MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL).bits();
    socket.send_to_with_flags(line, to, flags).map(|_| ())
}

/// Cuts to at most `length` bytes, and not inside a character.
fn cut(line: &mut Vec<u8>, length: usize) {
    if line.len() <= length {
        return;
    }
    let is_continuation = |byte: u8| byte & 0b1100_0000 == 0b1000_0000;
    let mut end = length;
    while end > 0 && is_continuation(line[end]) {
        end -= 1;
    }
    line.truncate(end);
}

#[cfg(test)]
mod tests;
