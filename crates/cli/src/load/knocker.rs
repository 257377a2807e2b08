//! New connections, one every few milliseconds whatever became of the last: what a client that has none would see.
//!
//! A SYN that is lost comes again only after a second, so a client that waits for it would measure TCP's patience and not
//! the gap. Here many wait side by side, none of them longer than a second.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::ledger::{Knock, Ledger};
use super::stomp::CONNECT;

pub const EVERY: Duration = Duration::from_millis(20);
const LATEST: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(1);

struct Flight {
    begun: Duration,
    stream: TcpStream,
    asked: bool,
}

enum Step {
    Waits,
    Answered,
    Refused,
}

pub fn knock(ledger: &Ledger, from: Ipv4Addr, target: SocketAddr, place: u8) {
    let mut next = EVERY * u32::from(place) / u32::from(super::KNOCKERS);
    let mut flights: Vec<Flight> = Vec::new();
    while ledger.sends() || !flights.is_empty() {
        let now = ledger.now();
        if ledger.sends() && now >= next {
            // Steady, but without a crowd after a time in which this thread did not run.
            next = (next + EVERY).max(now);
            match open(from, target) {
                Ok(stream) => flights.push(Flight {
                    begun: now,
                    stream,
                    asked: false,
                }),
                Err(_) => ledger.knocked(Knock {
                    place,
                    begun: now,
                    answered: None,
                }),
            }
        }
        flights.retain_mut(|flight| {
            let answered = match flight.step() {
                Step::Waits if ledger.now() < flight.begun + LATEST => return true,
                Step::Waits | Step::Refused => None,
                Step::Answered => Some(ledger.now()),
            };
            ledger.knocked(Knock {
                place,
                begun: flight.begun,
                answered,
            });
            false
        });
        std::thread::sleep(TICK);
    }
}

fn open(from: Ipv4Addr, target: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    match socket.connect(&target.into()) {
        Err(error) if error.raw_os_error() != Some(nix::libc::EINPROGRESS) => Err(error),
        _ => Ok(socket.into()),
    }
}

impl Flight {
    fn step(&mut self) -> Step {
        if !self.asked {
            match self.stream.write(CONNECT) {
                Ok(_) => self.asked = true,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    return Step::Waits;
                }
                Err(_) => return Step::Refused,
            }
        }
        match self.stream.read(&mut [0; 16]) {
            Ok(1..) => Step::Answered,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Step::Waits,
            _ => Step::Refused,
        }
    }
}
