//! Going into the background, with a parent that waits until the daemon is ready.
//!
//! The shell gets its prompt back, and a script its exit status, when listeners are open and not before: the parent stays
//! until [`Readiness::announce`], and reports failure when the daemon ends without it. Must happen before any thread
//! starts, because only the forking thread exists in a child. The working directory stays, so that relative paths on the
//! command line mean the same at the next reload.

use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::process::ExitCode;

use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, dup2_stderr, dup2_stdin, dup2_stdout, setsid};
use tandem_sys::process::fork;

/// Which process we are after [`detach`].
pub enum Side {
    /// The one that was called: nothing remains to be done but to exit so.
    Caller(ExitCode),
    Daemon(Readiness),
}

/// The daemon's word to the waiting caller.
#[must_use = "the caller waits for it"]
pub struct Readiness {
    caller: PipeWriter,
    /// Opened at once, because a chroot may hide it later.
    null: File,
}

/// Forks twice: the first child leads a new session and ends, so the daemon can never get a controlling terminal.
pub fn detach() -> io::Result<Side> {
    let (ready, caller) = io::pipe()?;
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    io::stdout().flush()?;
    if let ForkResult::Parent { child } = fork()? {
        drop(caller);
        waitpid(child, None)?;
        return Ok(Side::Caller(await_readiness(ready)));
    }
    drop(ready);
    setsid()?;
    match fork()? {
        ForkResult::Parent { .. } => Ok(Side::Caller(ExitCode::SUCCESS)),
        ForkResult::Child => Ok(Side::Daemon(Readiness { caller, null })),
    }
}

/// The end of the pipe without a byte means that the daemon is gone; it has said why on stderr, which it still had.
fn await_readiness(mut ready: PipeReader) -> ExitCode {
    match ready.read_exact(&mut [0]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

impl Readiness {
    /// Lets go of the terminal and sends the caller home.
    pub fn announce(mut self) -> io::Result<()> {
        dup2_stdin(&self.null)?;
        dup2_stdout(&self.null)?;
        dup2_stderr(&self.null)?;
        match self.caller.write_all(&[1]) {
            // The caller was killed while it waited; that is no reason for the daemon to end.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }
}
