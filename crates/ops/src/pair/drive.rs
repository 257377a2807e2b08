//! The link at work: a socket, a timer, and two channels to the daemon.
//!
//! Neither end waits for the other to take what it has to say: two that did would wait for ever. What a daemon with too
//! much to do has no place for is lost and counted, as on the network; what matters is said again.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use tandem_time::Mono;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};

use super::frame::{FRAME, Refusal};
use super::link::{Input, Link, Outcome, Output, Statistics};
use super::message::{Entry, Key, Wish};
use crate::clock::Clock;

/// Until an address that is not to be had is tried again: a link with other settings lets go of it in a moment.
const AGAIN: Duration = Duration::from_millis(250);

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    Up,
    Down,
    /// The other says this of itself, whether it is news or not.
    Seen(Vec<Entry>),
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
    /// News that the daemon had no place for.
    pub lost: u64,
}

/// Both ends of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    pub own: SocketAddr,
    pub peer: SocketAddr,
}

/// Speaks with the peer until the daemon lets go of its end. The own address may come later: that it is not to be had is
/// told once.
pub async fn run(
    link: Link,
    clock: Clock,
    ends: Ends,
    commands: mpsc::Receiver<Command>,
    news: mpsc::Sender<News>,
    trouble: impl FnMut(&io::Error),
) {
    speak(link, clock, open(ends.own, trouble), ends.peer, commands, news).await;
}

async fn open(own: SocketAddr, mut trouble: impl FnMut(&io::Error)) -> UdpSocket {
    let mut said = false;
    loop {
        match UdpSocket::bind(own).await {
            Ok(socket) => return socket,
            Err(error) if !std::mem::replace(&mut said, true) => trouble(&error),
            Err(_) => {}
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Until there is a socket the daemon gets its answers all the same: the other is away.
async fn speak(
    mut link: Link,
    clock: Clock,
    opening: impl Future<Output = UdpSocket>,
    peer: SocketAddr,
    mut commands: mpsc::Receiver<Command>,
    news: mpsc::Sender<News>,
) {
    let mut opening = pin!(opening);
    let mut socket = None;
    let mut buffer = [0; FRAME + 1];
    let mut lost = 0;
    loop {
        while let Some(output) = link.poll_output() {
            let new = carry(output, socket.as_ref(), peer).await;
            lost += u64::from(new.is_some_and(|new| news.try_send(new).is_err()));
        }
        let due = link.poll_deadline().unwrap_or(Mono::FAR);
        tokio::select! {
            opened = &mut opening, if socket.is_none() => socket = Some(opened),
            command = commands.recv() => match command {
                Some(command) => obey(&mut link, command, clock.now(), lost),
                None => return,
            },
            // An error is what the other's host says of an earlier datagram: it is not there yet.
            received = receive(socket.as_ref(), &mut buffer) => if let Ok((length, from)) = received
                && from.ip() == peer.ip()
            {
                link.handle(Input::Datagram(&buffer[..length]), clock.now());
            },
            () = tokio::time::sleep_until(clock.instant(due).into()) => link.on_deadline(clock.now()),
        }
    }
}

async fn receive(socket: Option<&UdpSocket>, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    match socket {
        Some(socket) => socket.recv_from(buffer).await,
        None => std::future::pending().await,
    }
}

async fn carry(output: Output, socket: Option<&UdpSocket>, peer: SocketAddr) -> Option<News> {
    Some(match output {
        Output::Send(frame) => {
            // What is lost is said again, or is old by then.
            if let Some(socket) = socket {
                socket.send_to(&frame, peer).await.ok();
            }
            return None;
        }
        Output::Up => News::Up,
        Output::Down => News::Down,
        Output::Seen(entries) => News::Seen(entries),
        Output::Wish { key, wish, ticket } => News::Wish { key, wish, ticket },
        Output::Became { key, wish, outcome } => News::Became { key, wish, outcome },
        Output::Refused(refusal) => News::Refused(refusal),
    })
}

fn obey(link: &mut Link, command: Command, now: Mono, lost: u64) {
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
                lost,
            })
            .ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::super::message::Position;
    use super::super::secret::Secret;
    use super::*;

    /// Longer than a busy machine takes for anything.
    const LONG: Duration = Duration::from_secs(20);

    struct End {
        commands: mpsc::Sender<Command>,
        news: mpsc::Receiver<News>,
    }

    fn start(socket: UdpSocket, peer: SocketAddr, chance: u64) -> End {
        let (commands, inbox) = mpsc::channel(16);
        let (telling, news) = mpsc::channel(1);
        let clock = Clock::start();
        let secret = Secret::new(&[5; 32]).expect("long enough");
        let link = Link::new(secret, chance, clock.now());
        tokio::spawn(speak(link, clock, std::future::ready(socket), peer, inbox, telling));
        End { commands, news }
    }

    async fn show(end: &End) -> Shown {
        let (to, shown) = oneshot::channel();
        end.commands.send(Command::Show(to)).await.expect("it runs");
        let answer = timeout(LONG, shown).await.expect("it waits for the daemon");
        answer.expect("it answers")
    }

    #[tokio::test]
    async fn a_daemon_that_takes_no_news_gets_its_answers() {
        let any = async || UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let (one, other) = (any().await, any().await);
        let [here, there] = [&one, &other].map(|socket| socket.local_addr().expect("bound"));
        let (mut busy, peer) = (start(one, there, 1), start(other, here, 2));
        let entry = Entry {
            key: Key {
                vrid: 51,
                address: [10, 9, 0, 100].into(),
            },
            position: Position::Ready,
            priority: 100,
            source: None,
        };
        let flood = async {
            while show(&busy).await.lost == 0 {
                let view = Command::View(vec![entry]);
                peer.commands.send(view).await.expect("it runs");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(LONG, flood).await.expect("more than there is place for");
        assert_eq!(show(&busy).await.view, [entry]);
        assert_eq!(
            busy.news.recv().await,
            Some(News::Up),
            "what there was a place for is there"
        );
    }
}
