//! The successor's side: taking over from the process that runs.

use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use socket2::Socket;
use tandem_lb_core::handover::{Adopted, Frames, Hello, Message, Record, VERSION};
use tandem_lb_core::snapshot::Snapshot;
use tandem_ops::clock::Clock;
use tandem_sys::pass;
use tandem_time::Seed;
use thiserror::Error;
use tokio::time::timeout;

use super::afterwards::Aftermath;
use super::link::{Link, LinkError};
use super::parcel::{Ends, Moved};
use crate::admission::{Admission, Limit};
use crate::frontend::Frontend;
use crate::frontends::Front;
use crate::live::Live;
use crate::session::AtServer;
use crate::worker::Crew;

/// How long the old process may take for its first word.
const FIRST_WORD: Duration = Duration::from_secs(5);

/// How long it may then be silent: it waits for connections that are busy.
const SILENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Error)]
#[error("-x {}: cannot ask the running process to hand over: {why}", path.display())]
pub(crate) struct TakeError {
    path: PathBuf,
    why: io::Error,
}

/// The way to a process that is ready to hand over.
#[derive(Debug)]
pub(crate) struct Taker {
    stream: UnixStream,
    hello: Hello,
    /// Listeners that were passed and that nobody serves here.
    unwanted: Vec<String>,
}

/// Where everything goes that is taken over.
pub(crate) struct Heir<'a> {
    pub(crate) fronts: &'a [Front],
    pub(crate) crew: &'a Arc<Crew>,
    pub(crate) process: &'a Limit,
    pub(crate) lots: Seed,
}

/// The old process accepts no more, and hands over.
pub(crate) struct Taking {
    link: Link,
    pid: u64,
    /// What the service manager keeps for it.
    pub(crate) kept: Vec<String>,
}

/// Everything is here. The old process waits for the last word.
pub(crate) struct TakenOver {
    link: Link,
}

impl Taker {
    /// `None` when the process there hands over listeners only, as HAProxy does.
    pub(crate) fn connect(path: &Path) -> Result<Option<Taker>, TakeError> {
        introduction(path).map_err(|why| TakeError {
            path: path.to_owned(),
            why,
        })
    }

    /// A clock that shows the same time as the old process's.
    pub(crate) fn clock(&self) -> Clock {
        Clock::began(self.hello.clock_began)
    }

    /// Whose connections those are.
    pub(crate) fn pid(&self) -> u32 {
        u32::try_from(self.hello.pid).unwrap_or_default()
    }

    /// Listeners that were passed to it under numbers.
    pub(crate) fn adopted(&self) -> Vec<Adopted> {
        self.hello.adopted.clone()
    }

    /// Frontends that an operator has shut down there.
    pub(crate) fn closed(&self) -> &[String] {
        &self.hello.closed
    }

    /// Whoever waits there is taken by the old process.
    pub(crate) fn leaving(self, unwanted: Vec<String>) -> Taker {
        Taker { unwanted, ..self }
    }

    /// Says that this process can take over, and hears what must be known before the first connection.
    pub(crate) async fn begin(self, live: &Live) -> Result<(Snapshot, Taking), LinkError> {
        self.stream.set_nonblocking(true)?;
        let mut link = Link::new(tokio::net::UnixStream::from_std(self.stream)?);
        let unwanted = self.unwanted;
        link.send(&Message::Begin { unwanted }, &[]).await?;
        let mut state = Pieces::default();
        let kept = loop {
            match heard(&mut link).await?.0 {
                Message::State(piece) => state.add(&piece)?,
                Message::Ready { last, kept } => {
                    live.go_on_from(last);
                    break kept;
                }
                _ => return Err(LinkError::OutOfTurn),
            }
        };
        let pid = self.hello.pid;
        Ok((state.whole()?, Taking { link, pid, kept }))
    }
}

impl Taking {
    /// Takes all connections, and hears what was counted until the last had left.
    pub(crate) async fn connections(mut self, mut heir: Heir<'_>) -> Result<(Snapshot, TakenOver), LinkError> {
        let (mut counters, mut taken) = (Pieces::default(), 0);
        let link = &mut self.link;
        loop {
            let (message, descriptors) = heard(link).await?;
            match message {
                Message::Counters(piece) => counters.add(&piece)?,
                Message::Connection { number, record } => match heir.place(number, *record, descriptors) {
                    Ok(moved) => {
                        link.send(&Message::Taken { number }, &[]).await?;
                        moved.deliver();
                        taken += 1;
                    }
                    Err(why) => {
                        let why = why.to_string();
                        link.send(&Message::Refused { number, why }, &[]).await?;
                    }
                },
                Message::Ended => break,
                _ => return Err(LinkError::OutOfTurn),
            }
        }
        tracing::info!("{taken} connections were taken over from process {}", self.pid);
        Ok((counters.whole()?, TakenOver { link: self.link }))
    }
}

async fn heard(link: &mut Link) -> Result<(Message, Vec<OwnedFd>), LinkError> {
    let heard = timeout(SILENCE, link.receive()).await;
    heard.map_err(|_| LinkError::TooLong)?
}

/// A snapshot that comes in pieces.
#[derive(Default)]
pub(super) struct Pieces(Vec<u8>);

impl Pieces {
    /// A stick table of millions of entries is shorter.
    const MOST: usize = 512 * 1024 * 1024;

    pub(super) fn add(&mut self, piece: &[u8]) -> Result<(), LinkError> {
        if self.0.len() + piece.len() > Pieces::MOST {
            return Err(LinkError::OutOfTurn);
        }
        self.0.extend_from_slice(piece);
        Ok(())
    }

    pub(super) fn whole(self) -> Result<Snapshot, LinkError> {
        Ok(Snapshot::from_bytes(&self.0)?)
    }
}

impl TakenOver {
    /// The old process may go.
    pub(crate) async fn done(self) -> Result<Aftermath, LinkError> {
        self.link.send(&Message::Done, &[]).await?;
        Ok(Aftermath::new(self.link))
    }
}

/// Why a connection cannot be led here.
#[derive(Debug, Error)]
enum Unwanted {
    #[error("there is no frontend '{0}' any more")]
    Frontend(String),
    #[error("there is no backend '{0}'")]
    Backend(String),
    #[error("there is no server '{0}' any more")]
    Server(String),
    #[error("its descriptors did not come with it")]
    Descriptors,
}

impl Heir<'_> {
    fn place(&mut self, number: u64, mut record: Record, descriptors: Vec<OwnedFd>) -> Result<Moved, Unwanted> {
        let named = |front: &&Front| *front.seat.load().plan.name == *record.frontend;
        let front = self.fronts.iter().find(named);
        let front = front.ok_or_else(|| Unwanted::Frontend(record.frontend.clone()))?;
        let frontend = front.seat.load_full();
        let server = server_of(&frontend, &record)?;
        let bound = front.way_of(&record);
        record.listener = bound.map_or(0, |bound| bound.number);
        let mut sockets = descriptors.into_iter().map(Socket::from);
        let sockets = match (sockets.next(), sockets.next(), sockets.next()) {
            (Some(client), server, None) if server.is_some() == record.placed.is_some() => Ends { client, server },
            _ => return Err(Unwanted::Descriptors),
        };
        let own = bound.and_then(|bound| bound.limit.clone());
        let limits = [frontend.limit.clone(), self.process.clone()];
        Ok(Moved {
            permit: Admission::new(own.into_iter().chain(limits)).admit_moved(),
            seat: self.crew.less_loaded(&mut self.lots),
            frontend,
            server,
            number,
            sockets,
            record,
        })
    }
}

fn server_of(frontend: &Frontend, record: &Record) -> Result<Option<AtServer>, Unwanted> {
    let known = |name: &String| frontend.directory.backend(name).is_some();
    if let Some(routed) = record.routed.as_ref().filter(|name| !known(name)) {
        return Err(Unwanted::Backend(routed.clone()));
    }
    let Some(placed) = &record.placed else {
        return Ok(None);
    };
    let backend = frontend.directory.backend(&placed.backend);
    let backend = backend.ok_or_else(|| Unwanted::Backend(placed.backend.clone()))?;
    let server = backend.now().servers.named(&placed.server).cloned();
    server
        .map(|server| Some(AtServer::arrive(&backend, server)))
        .ok_or_else(|| Unwanted::Server(format!("{}/{}", placed.backend, placed.server)))
}

fn introduction(path: &Path) -> io::Result<Option<Taker>> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(FIRST_WORD))?;
    stream.set_write_timeout(Some(FIRST_WORD))?;
    stream.write_all(b"_handover\n")?;
    let (mut frames, mut buffer) = (Frames::default(), [0; 4096]);
    loop {
        // Who knows no such command answers with words, whose first letters are no length of ours, or with nothing.
        let Ok(frame) = frames.next_frame() else {
            return Ok(None);
        };
        if let Some(frame) = frame {
            return Ok(match Message::of_frame(frame) {
                Ok(Message::Hello(hello)) if hello.version == VERSION => Some(Taker {
                    stream,
                    hello,
                    unwanted: Vec::new(),
                }),
                _ => None,
            });
        }
        let count = pass::receive(stream.as_fd(), &mut buffer, &mut Vec::new())?;
        match buffer.get(..count) {
            Some(bytes @ [_, ..]) => frames.push(bytes),
            _ => return Ok(None),
        }
    }
}
