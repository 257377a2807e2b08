//! Going into the background, with a parent that waits until the daemon is ready.
//!
//! The shell gets its prompt back, and a script its exit status, when listeners are open and not before: the parent stays
//! until [`Readiness::announce`], and reports failure when the daemon ends without it. Must happen before any thread
//! starts, because only the forking thread exists in a child. The working directory stays, so that relative paths on the
//! command line mean the same at the next reload.

use std::fs::OpenOptions;
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
}

/// Forks twice: the first child leads a new session and ends, so the daemon can never get a controlling terminal.
pub fn detach() -> io::Result<Side> {
    let (ready, caller) = io::pipe()?;
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
        ForkResult::Child => Ok(Side::Daemon(Readiness { caller })),
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
        let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
        dup2_stdin(&null)?;
        dup2_stdout(&null)?;
        dup2_stderr(&null)?;
        match self.caller.write_all(&[1]) {
            // The caller was killed while it waited; that is no reason for the daemon to end.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }
}
