//! The link at work: a socket, a timer, and two channels to the daemon.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tandem_time::Mono;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};

use super::frame::{FRAME, Refusal};
use super::link::{Input, Link, Outcome, Output, Statistics};
use super::message::{Entry, Key, Wish};
use crate::clock::Clock;

/// From the daemon. Dropping the sender ends the link.
#[derive(Debug)]
pub enum Command {
    View(Vec<Entry>),
    Wish {
        key: Key,
        wish: Wish,
        successor: Option<IpAddr>,
    },
    Answer {
        ticket: u64,
        willing: bool,
    },
    Show(oneshot::Sender<Shown>),
}

/// To the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    Up,
    Down,
    /// The other says this of itself, whether it is news or not.
    Seen(Entry),
    /// The other wants it of us. Answer with the ticket; it may come more than once.
    Wish {
        key: Key,
        wish: Wish,
        ticket: u64,
    },
    /// What became of a wish of ours.
    Became {
        key: Key,
        wish: Wish,
        outcome: Outcome,
    },
    Refused(Refusal),
}

/// The link at one moment.
#[derive(Clone, Debug)]
pub struct Shown {
    pub up: bool,
    /// What the other says of itself.
    pub view: Vec<Entry>,
    pub statistics: Statistics,
}

/// Both ends of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    pub own: SocketAddr,
    pub peer: SocketAddr,
}

/// Speaks with the peer until the daemon lets go of its end.
pub async fn run(
    mut link: Link,
    clock: Clock,
    ends: Ends,
    mut commands: mpsc::Receiver<Command>,
    news: mpsc::Sender<News>,
) -> io::Result<()> {
    let socket = UdpSocket::bind(ends.own).await?;
    let mut buffer = [0; FRAME + 1];
    loop {
        while let Some(output) = link.poll_output() {
            if let Some(new) = carry(output, &socket, ends.peer).await {
                // A daemon that is not listening any more is about to let go.
                news.send(new).await.ok();
            }
        }
        let due = link.poll_deadline().unwrap_or(Mono::FAR);
        tokio::select! {
            command = commands.recv() => match command {
                Some(command) => obey(&mut link, command, clock.now()),
                None => return Ok(()),
            },
            // An error is what the other's host says of an earlier datagram: it is not there yet.
            received = socket.recv_from(&mut buffer) => if let Ok((length, from)) = received
                && from.ip() == ends.peer.ip()
            {
                link.handle(Input::Datagram(&buffer[..length]), clock.now());
            },
            () = tokio::time::sleep_until(clock.instant(due).into()) => link.on_deadline(clock.now()),
        }
    }
}

async fn carry(output: Output, socket: &UdpSocket, peer: SocketAddr) -> Option<News> {
    Some(match output {
        Output::Send(frame) => {
            // What is lost is said again, or is old by then.
            socket.send_to(&frame, peer).await.ok();
            return None;
        }
        Output::Up => News::Up,
        Output::Down => News::Down,
        Output::Seen(entry) => News::Seen(entry),
        Output::Wish { key, wish, ticket } => News::Wish { key, wish, ticket },
        Output::Became { key, wish, outcome } => News::Became { key, wish, outcome },
        Output::Refused(refusal) => News::Refused(refusal),
    })
}

fn obey(link: &mut Link, command: Command, now: Mono) {
    match command {
        Command::View(entries) => link.handle(Input::View(entries), now),
        Command::Wish { key, wish, successor } => link.handle(Input::Wish { key, wish, successor }, now),
        Command::Answer { ticket, willing } => link.handle(Input::Answer { ticket, willing }, now),
        Command::Show(to) => {
            // Whoever asked may have gone.
            to.send(Shown {
                up: link.is_up(),
                view: link.view().copied().collect(),
                statistics: link.statistics(),
            })
            .ok();
        }
    }
}
