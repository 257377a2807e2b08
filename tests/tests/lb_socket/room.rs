//! A folder with a socket in it, and somebody to ask there.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use tandem_tests::piped;

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

    /// Sends a line as `socat` does, and reads all that comes back.
    #[track_caller]
    pub fn ask(&self, line: &str) -> String {
        piped(self.socket(), line).expect("an answer and its end")
    }
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
