//! Asking a running process for its listeners, in HAProxy's exchange (`-x`), so that either may be the old one.
//!
//! The answer is a number of 4 bytes in the machine's order; then, with at most 253 descriptors at a time, for each of
//! them a length and a network namespace, a length and an interface, and 4 bytes of options. Each message but the last is
//! answered with 4 bytes. All that matters of a socket can be asked of the socket itself, so the words are only counted.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::Socket;
use tandem_sys::pass;
use thiserror::Error;

/// How long the old process may take over one message.
const PATIENCE: Duration = Duration::from_secs(5);

/// More listeners than anybody has: a number beyond it is no answer to our question.
const MOST: u32 = 65_536;

#[derive(Debug, Error)]
#[error("-x {}: cannot get the listeners: {why}", path.display())]
pub(crate) struct FetchError {
    path: PathBuf,
    why: io::Error,
}

/// The line on which we asked. The process at its other end takes us for a holder of its listeners until it is closed.
#[derive(Debug)]
pub(crate) struct Line {
    _stream: UnixStream,
}

/// Every listener of the process that answers there.
pub(crate) fn fetch(path: &Path) -> Result<(Vec<Socket>, Line), FetchError> {
    ask(path).map_err(|why| FetchError {
        path: path.to_owned(),
        why,
    })
}

fn ask(path: &Path) -> io::Result<(Vec<Socket>, Line)> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"_getsocks\n")?;
    let mut count = [0; 4];
    stream.read_exact(&mut count).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => refused(),
        _ => error,
    })?;
    let count = u32::from_ne_bytes(count);
    if count > MOST {
        return Err(refused());
    }
    let passed = receive(&stream, count as usize)?;
    let sockets = passed.into_iter().map(Socket::from).collect();
    Ok((sockets, Line { _stream: stream }))
}

fn receive(mut stream: &UnixStream, count: usize) -> io::Result<Vec<OwnedFd>> {
    let (mut passed, mut words) = (Vec::new(), [0; 4096]);
    while passed.len() < count {
        let before = passed.len();
        if pass::receive(stream.as_fd(), &mut words, &mut passed)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if passed.len() > before {
            // Nobody waits for the answer to the last one.
            let so_far = u32::try_from(passed.len()).unwrap_or(u32::MAX);
            stream.write_all(&so_far.to_ne_bytes()).ok();
        }
    }
    Ok(passed)
}

fn refused() -> io::Error {
    io::Error::new(
        io::ErrorKind::PermissionDenied,
        "it passes none: its 'stats socket' needs 'level admin' and 'expose-fd listeners'",
    )
}
