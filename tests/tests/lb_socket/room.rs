//! A folder with a socket in it, and somebody to talk to it.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use tandem_tests::PATIENCE;

/// A folder of its own, removed when dropped.
pub struct Room(pub PathBuf);

impl Room {
    pub fn new() -> Room {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tandem-socket-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("the temporary folder is writable");
        Room(path)
    }

    pub fn socket(&self) -> PathBuf {
        self.0.join("s")
    }

    /// The line for the `global` section.
    pub fn line(&self) -> String {
        format!("stats socket {} mode 600 level admin", self.socket().display())
    }

    #[track_caller]
    pub fn connect(&self) -> UnixStream {
        connect(&self.socket())
    }

    /// Sends a line and reads all that comes back.
    #[track_caller]
    pub fn ask(&self, line: &str) -> String {
        told(self.connect(), line)
    }
}

/// The same by any connection.
#[track_caller]
pub fn told(mut stream: UnixStream, line: &str) -> String {
    stream.write_all(format!("{line}\n").as_bytes()).expect("it is taken");
    stream.shutdown(Shutdown::Write).expect("it is open");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer and its end");
    answer
}

#[track_caller]
pub fn connect(socket: &Path) -> UnixStream {
    let stream = UnixStream::connect(socket).expect("the socket is there");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
    stream
}

/// To the terminal; whether somebody reads it does not matter.
pub fn say(text: &str) {
    writeln!(std::io::stdout().lock(), "{text}").ok();
}

impl Drop for Room {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}
