//! One listening socket, and the conversations with whoever comes in.

use std::io;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Socket};
use tandem_sys::listen::Acceptor;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::console::Answer;
use super::framer::{Found, Framer};
use super::places::{Place, Places};
use super::session::{Level, Manner, Modes, Session, SeverityOutput};
use super::{Console, Continuation, Reply};

/// As many clients as HAProxy serves at a time when nothing else is said.
pub const USUAL_CLIENTS: usize = 10;

/// So much of an answer is written at once.
const ENOUGH: usize = 16 * 1024;

const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);

/// A listening socket for commands.
#[derive(Clone)]
pub struct Door {
    pub socket: Arc<Socket>,
    /// What those who come through here may do.
    pub level: Level,
    /// Whether messages to those begin with how serious they are.
    pub severities: SeverityOutput,
    /// How long a client may do nothing.
    pub patience: Duration,
    /// How many are served at a time.
    pub most: usize,
    /// Who comes through here over a unix socket may be given open descriptors.
    pub passes_descriptors: bool,
}

/// Serves the door for as long as it is polled.
pub async fn serve<S: 'static>(door: Door, console: Rc<Console<S>>) {
    let acceptor = match Acceptor::new(door.socket.clone()) {
        Ok(acceptor) => acceptor,
        Err(error) => return tracing::error!(%error, "cannot listen for commands"),
    };
    let places = Places::new(door.most);
    loop {
        if let Err(error) = accept(&acceptor, &places, &door, &console).await {
            tracing::warn!(%error, "cannot accept a client for commands for the moment");
            tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
        }
    }
}

async fn accept<S: 'static>(
    acceptor: &Acceptor,
    places: &Rc<Places>,
    door: &Door,
    console: &Rc<Console<S>>,
) -> io::Result<()> {
    acceptor.ready().await?;
    let place = places.enter().await;
    if let Some((socket, _)) = acceptor.accept()? {
        let session = Session {
            level: door.level,
            severities: door.severities,
            modes: Modes::default(),
            manner: Manner::default(),
            addressed: None,
            may_take_descriptors: door.passes_descriptors && socket.domain().is_ok_and(|d| d == Domain::UNIX),
            descriptor: Some(socket.as_raw_fd()),
            patience: door.patience,
        };
        tokio::task::spawn_local(converse(socket, session, console.clone(), place));
    }
    Ok(())
}

async fn converse<S>(socket: Socket, session: Session, console: Rc<Console<S>>, place: Place) {
    let ended = match socket.domain() {
        Ok(Domain::UNIX) => match UnixStream::from_std(socket.into()) {
            Ok(stream) => match Conversation::new(stream, session, console, place).lead().await {
                Ok(Parting::Becomes(stream, place, then)) => return then(stream, place).await,
                Ok(Parting::Over) => Ok(()),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        },
        _ => match TcpStream::from_std(socket.into()) {
            Ok(stream) => Conversation::new(stream, session, console, place)
                .lead()
                .await
                .map(drop),
            Err(error) => Err(error),
        },
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a client for commands was left");
    }
}

/// The answer that comes in the end.
async fn settled(mut reply: Reply) -> Reply {
    while let Reply::Later(later) = reply {
        reply = later.await;
    }
    reply
}

/// How a conversation ends.
enum Parting<T> {
    Over,
    /// The stream is for something else from now on.
    Becomes(T, Place, Continuation),
}

/// What came of a command.
enum Then {
    GoOn,
    /// It is not over, also where one command is usually all.
    Stay,
    End,
    Become(Continuation),
}

struct Conversation<T, S: 'static> {
    stream: T,
    session: Session,
    console: Rc<Console<S>>,
    framer: Framer,
    place: Place,
}

impl<T: AsyncRead + AsyncWrite + Unpin, S> Conversation<T, S> {
    fn new(stream: T, session: Session, console: Rc<Console<S>>, place: Place) -> Conversation<T, S> {
        Conversation {
            stream,
            session,
            console,
            framer: Framer::default(),
            place,
        }
    }

    /// Until the client has its answers, leaves, or does nothing for too long.
    async fn lead(mut self) -> io::Result<Parting<T>> {
        loop {
            match self.framer.next() {
                Found::Incomplete => {
                    if !self.read().await? {
                        break;
                    }
                }
                Found::PayloadLine if self.session.manner.prompts() => self.write("+ ").await?,
                Found::PayloadLine => {}
                Found::TooLong => {
                    self.write("The command is too long.\n\n").await?;
                    break;
                }
                Found::Command {
                    text,
                    payload,
                    ends_line,
                } => {
                    match self.answer(&text, payload).await? {
                        Then::GoOn => {}
                        Then::Stay => continue,
                        Then::End => break,
                        Then::Become(then) => return Ok(Parting::Becomes(self.stream, self.place, then)),
                    }
                    let is_last = ends_line && !self.framer.has_more();
                    if is_last && !self.session.manner.goes_on() {
                        break;
                    }
                }
            }
        }
        self.stream.shutdown().await?;
        Ok(Parting::Over)
    }

    async fn answer(&mut self, text: &str, payload: Option<String>) -> io::Result<Then> {
        let mut out = String::new();
        match self.console.answer(&mut self.session, text, payload) {
            Answer::Quit => return Ok(Then::End),
            Answer::Switched => {
                if self.session.manner.prompts() {
                    self.write(&self.prompt()).await?;
                }
                return Ok(Then::Stay);
            }
            Answer::Wait(delay) => {
                let slept = self.place.await_client(tokio::time::sleep(delay)).await;
                slept.ok_or(io::ErrorKind::ConnectionAborted)?;
            }
            Answer::Reply(Reply::Becomes(then)) => return Ok(Then::Become(then)),
            Answer::Reply(Reply::Following(text, mut news)) => {
                self.write(&text).await?;
                self.follow(&mut news).await?;
            }
            Answer::Reply(reply) => {
                for piece in settled(reply).await.pieces(self.session.severities) {
                    out.push_str(&piece);
                    if out.len() >= ENOUGH {
                        self.write(&std::mem::take(&mut out)).await?;
                    }
                }
            }
        }
        out.push('\n');
        if self.session.manner.prompts() {
            out.push_str(&self.prompt());
        }
        self.write(&out).await?;
        Ok(Then::GoOn)
    }

    fn prompt(&self) -> String {
        let name = match &self.session.addressed {
            // Whoever answers for it is this one.
            Some(_) => format!("{}> ", std::process::id()),
            None => self.console.prompt().to_owned(),
        };
        if !self.session.manner.is_timed {
            return name;
        }
        // Where somebody has a name, it is behind the time.
        let between = if name.starts_with('>') { "" } else { " " };
        self.console.uptime() + between + &name
    }

    /// Passes on what comes. Whatever the client says ends it, and is a command.
    async fn follow(&mut self, news: &mut mpsc::Receiver<String>) -> io::Result<()> {
        let mut buffer = [0; 4096];
        while !self.framer.has_more() {
            let next = async {
                tokio::select! {
                    line = news.recv() => Ok(line),
                    count = self.stream.read(&mut buffer) => Err(count),
                }
            };
            let next = self.place.await_client(timeout(self.session.patience, next)).await;
            match next.ok_or(io::ErrorKind::ConnectionAborted)? {
                Err(_) | Ok(Ok(None)) => break,
                Ok(Ok(Some(line))) => self.write(&line).await?,
                Ok(Err(count)) => {
                    self.framer.push(&buffer[..count?]);
                    break;
                }
            }
        }
        Ok(())
    }

    /// Whether there is more to come.
    async fn read(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        let read = timeout(self.session.patience, self.stream.read(&mut buffer));
        let read = self
            .place
            .await_client(read)
            .await
            .ok_or(io::ErrorKind::ConnectionAborted)?;
        let count = read.map_err(|_| io::ErrorKind::TimedOut)??;
        self.framer.push(&buffer[..count]);
        Ok(count > 0)
    }

    /// A client that takes nothing for too long is left.
    async fn write(&mut self, text: &str) -> io::Result<()> {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let written = timeout(self.session.patience, self.stream.write(rest));
            let written = self.place.await_client(written).await;
            let written = written.ok_or(io::ErrorKind::ConnectionAborted)?;
            let count = written.map_err(|_| io::ErrorKind::TimedOut)??;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            rest = &rest[count..];
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
