//! Reading the configuration again for a process that may not: root's certificates, and files that a chroot hides.
//!
//! Before the balancer gives up its rights it starts itself once more, as who it was. That process waits at its standard
//! input. Asked, it reads everything that the same command line names, and answers with what it found, and with nothing
//! else: whoever takes the balancer over learns no more than what the configuration names.

mod known;

use std::env;
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::SigSet;
use nix::sys::signal::Signal::{SIGHUP, SIGINT, SIGQUIT, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2};
use thiserror::Error;

use crate::address::Found;
use crate::args::{Args, READER};
use crate::configuration::Configuration;
use crate::outside::{Notes, Outside};
use crate::tls::Loaded;
pub(crate) use known::Known;

/// How long names and files may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a service manager tells the balancer, and nobody else.
const NOT_INHERITED: [&str; 5] = [
    "NOTIFY_SOCKET",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "WATCHDOG_USEC",
];

/// Nobody's number.
const NOBODY: u32 = u32::MAX;

/// The way to the process that reads. It ends when this is gone.
#[derive(Debug)]
pub(crate) struct Reader(Mutex<Line>);

#[derive(Debug)]
struct Line {
    socket: UnixStream,
    /// How many answers are still to come: one that comes late is no answer to the next question.
    owed: u32,
}

#[derive(Debug, Error)]
pub(crate) enum AskError {
    #[error("names or files of the configuration take too long to read: try again")]
    Late,
    #[error("the process that reads the configuration is gone ({0}): restart, or replace this process with -x and -sf")]
    Gone(#[from] io::Error),
}

impl Reader {
    /// Links of the stranger are not followed for it.
    pub(crate) fn open(stranger: Option<u32>) -> io::Result<Reader> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut words = env::args_os();
        let mut command = Command::new("/proc/self/exe");
        command.arg0(words.next().unwrap_or_default()).arg(READER).args(words);
        NOT_INHERITED.iter().for_each(|name| {
            command.env_remove(name);
        });
        // Whoever waits for the end of what a daemon says would wait for this one too.
        command.stdin(Stdio::from(OwnedFd::from(theirs)));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn()?;
        // While this process is who it was: nobody else could have said it.
        (&ours).write_all(&stranger.unwrap_or(NOBODY).to_be_bytes())?;
        Ok(Reader(Mutex::new(Line::new(ours, PATIENCE)?)))
    }

    /// Everything that the configuration names, as it is now, but servers that are known. Takes as long as reading does.
    pub(crate) fn ask(&self, known: &Known) -> Result<Outside, AskError> {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Outside::Noted(line.ask(known)?))
    }
}

impl Line {
    fn new(socket: UnixStream, patience: Duration) -> io::Result<Line> {
        socket.set_read_timeout(Some(patience))?;
        Ok(Line { socket, owed: 0 })
    }

    fn ask(&mut self, known: &Known) -> Result<Notes, AskError> {
        // Whoever is behind does not hear the next question.
        while self.owed > 0 {
            self.answer()?;
        }
        known.write(&mut BufWriter::new(&self.socket))?;
        self.owed = 1;
        self.answer()
    }

    /// The next answer, which has all been read when it begins.
    fn answer(&mut self) -> Result<Notes, AskError> {
        match (&self.socket).read_exact(&mut [0]) {
            Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err(AskError::Late);
            }
            begun => begun?,
        }
        self.owed -= 1;
        let notes = Notes::read(&mut BufReader::new(&self.socket));
        if notes.is_err() {
            // Where the next one would begin nobody knows.
            self.socket.shutdown(Shutdown::Both).ok();
        }
        Ok(notes?)
    }
}

/// What the other process does, for as long as somebody may ask.
pub(crate) fn serve(args: &Args) -> ExitCode {
    // Whoever says something to all processes of this name means the other one; this one ends with its input.
    let others = [SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGTTIN, SIGTTOU];
    if others.into_iter().collect::<SigSet>().thread_block().is_err() {
        return ExitCode::FAILURE;
    }
    // Both directions are at standard input.
    let Ok(socket) = io::stdin().as_fd().try_clone_to_owned() else {
        return ExitCode::FAILURE;
    };
    match answer(&UnixStream::from(socket), args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Until nobody asks any more.
fn answer(mut socket: &UnixStream, args: &Args) -> io::Result<()> {
    let mut stranger = [0; 4];
    socket.read_exact(&mut stranger)?;
    let stranger = Some(u32::from_be_bytes(stranger)).filter(|user| *user != NOBODY);
    let mut questions = BufReader::new(socket);
    while let Ok(known) = Known::read(&mut questions) {
        let noting = Outside::noting(stranger);
        read_all(args, &noting, &known);
        let mut answer = BufWriter::new(socket);
        answer.write_all(&[0])?;
        noting.notes().write(&mut answer)?;
    }
    Ok(())
}

/// As a reload reads it; what is wrong with it is found, and said, by who asked.
fn read_all(args: &Args, noting: &Outside, known: &Known) {
    let Ok(Configuration { plan: Some(plan), .. }) = Configuration::read(args, false, noting) else {
        return;
    };
    let _ = Loaded::read(&plan, &Loaded::default(), noting);
    for backend in &plan.backends {
        let new = backend.servers.iter().filter(|server| !known.has(backend, server));
        new.for_each(|server| drop(Found::of(server, noting)));
    }
}

#[cfg(test)]
mod tests;
