//! Reading the configuration again for a process that may not: root's certificates, and files that a chroot hides.
//!
//! Before the balancer gives up its rights it starts itself once more, as who it was. That process waits at its standard
//! input. Asked, it reads everything that the same command line names, and answers with what it found, and with nothing
//! else: whoever takes the balancer over learns no more than what the configuration names.

use std::env;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use nix::sys::signal::SigSet;
use nix::sys::signal::Signal::{SIGHUP, SIGINT, SIGQUIT, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2};

use crate::address::Found;
use crate::args::{Args, READER};
use crate::configuration::Configuration;
use crate::outside::{Notes, Outside};
use crate::tls::Loaded;

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

/// The way to the process that reads. It ends when this is gone.
#[derive(Debug)]
pub(crate) struct Reader(Mutex<UnixStream>);

impl Reader {
    pub(crate) fn open() -> io::Result<Reader> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_read_timeout(Some(PATIENCE))?;
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
        Ok(Reader(Mutex::new(ours)))
    }

    /// Everything that the configuration names, as it is now. Takes as long as reading does.
    pub(crate) fn ask(&self) -> io::Result<Outside> {
        let gone = |why: io::Error| {
            io::Error::other(format!(
                "the process that reads the configuration is gone ({why}): restart, or replace this process with -x and -sf"
            ))
        };
        let mut socket = self.0.lock().map_err(|_| io::Error::other("a reload has failed"))?;
        socket.write_all(&[0]).map_err(gone)?;
        let notes = Notes::read(&mut BufReader::new(&*socket));
        if notes.is_err() {
            // What comes late is no answer to the next question.
            socket.shutdown(Shutdown::Both).ok();
        }
        Ok(Outside::Noted(notes.map_err(gone)?))
    }
}

/// What the other process does, for as long as somebody may ask.
pub(crate) fn serve(args: &Args) -> ExitCode {
    // Whoever says something to all processes of this name means the other one; this one ends with its input.
    let others = [SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGTTIN, SIGTTOU];
    if others.into_iter().collect::<SigSet>().thread_block().is_err() {
        return ExitCode::FAILURE;
    }
    let mut asked = [0];
    while io::stdin().lock().read_exact(&mut asked).is_ok() {
        let noting = Outside::noting();
        read_all(args, &noting);
        // The other end of the socket is at standard input too.
        let Ok(socket) = io::stdin().as_fd().try_clone_to_owned() else {
            return ExitCode::FAILURE;
        };
        if noting
            .notes()
            .write(&mut BufWriter::new(UnixStream::from(socket)))
            .is_err()
        {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// As a reload reads it; what is wrong with it is found, and said, by who asked.
fn read_all(args: &Args, noting: &Outside) {
    let Ok(Configuration { plan: Some(plan), .. }) = Configuration::read(args, false, noting) else {
        return;
    };
    let _ = Loaded::read(&plan, &Loaded::default(), noting);
    for server in plan.backends.iter().flat_map(|backend| &backend.servers) {
        let _ = Found::of(server, noting);
    }
}
