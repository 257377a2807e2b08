//! One command to a stats socket, and its answer.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::PATIENCE;

/// The answer to a command on the stats socket of this name.
#[track_caller]
pub fn order(socket: impl AsRef<Path>, words: &str) -> String {
    let socket = socket.as_ref();
    try_order(socket, words).unwrap_or_else(|error| panic!("{words:?} to {}: {error}", socket.display()))
}

/// The same where it may be that nobody answers.
pub fn try_order(socket: impl AsRef<Path>, words: &str) -> io::Result<String> {
    order_by(UnixStream::connect(socket)?, words)
}

/// The same by a connection that is there.
pub fn order_by(stream: UnixStream, words: &str) -> io::Result<String> {
    heard(said(stream, words)?)
}

/// As `socat` does it: it ends its side behind the command, so that a prompt is left, too.
pub fn piped(socket: impl AsRef<Path>, words: &str) -> io::Result<String> {
    let stream = said(UnixStream::connect(socket)?, words)?;
    stream.shutdown(Shutdown::Write)?;
    heard(stream)
}

/// Who is silent for too long has hung: that fails a test, and does not hold it.
fn said(mut stream: UnixStream, words: &str) -> io::Result<UnixStream> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{words}\n").as_bytes())?;
    Ok(stream)
}

fn heard(mut stream: UnixStream) -> io::Result<String> {
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
