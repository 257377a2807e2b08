//! The process in which one test runs, watched from outside.

use std::ffi::OsString;
use std::io::{self, PipeReader, Read};
use std::process::Command;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::outcome::Outcome;

/// More than this of a test's output is not shown.
const SHOWN: u64 = 256 << 10;

pub(crate) struct Child {
    process: std::process::Child,
    said: Reader,
    /// Backtraces and what programs complain about: of interest only when the test fails.
    complained: Reader,
}

pub(crate) struct Finished {
    pub(crate) outcome: Outcome,
    pub(crate) output: String,
}

impl Child {
    pub(crate) fn start(arguments: Vec<OsString>) -> io::Result<Self> {
        let (out, stdout) = io::pipe()?;
        let (err, stderr) = io::pipe()?;
        let process = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdout(stdout)
            .stderr(stderr)
            .env("RUST_BACKTRACE", "1")
            // For panics; errors say themselves what they were about.
            .env("RUST_LIB_BACKTRACE", "0")
            .spawn()?;
        Ok(Self {
            process,
            said: Reader::start(out),
            complained: Reader::start(err),
        })
    }

    /// Waits, kills at the deadline, and returns what the test said. The output ends when the last process in the test's
    /// namespaces has ended, so nothing of one test runs on into the next.
    pub(crate) fn finish(mut self, within: Duration) -> io::Result<Finished> {
        let in_time = self.said.ends_by(Instant::now() + within);
        if !in_time {
            self.process.kill()?;
        }
        let status = self.process.wait()?;
        let mut output = self.said.text()?;
        let complaints = self.complained.text()?;
        let outcome = if in_time {
            Outcome::read(status)
        } else {
            Outcome::Failed
        };
        if outcome == Outcome::Failed {
            output.push_str(&complaints);
        }
        if !in_time {
            output.push_str(&format!("killed: it took longer than {within:?}\n"));
        }
        Ok(Finished { outcome, output })
    }
}

/// Reads a stream to its end on a thread of its own.
struct Reader {
    thread: JoinHandle<io::Result<String>>,
    ended: Receiver<()>,
}

impl Reader {
    fn start(mut stream: PipeReader) -> Self {
        let (end, ended) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let mut text = Vec::new();
            let outcome = (&mut stream).take(SHOWN).read_to_end(&mut text);
            // Goes on reading, so that a talkative test is not stopped by a full pipe.
            let rest = io::copy(&mut stream, &mut io::sink()).unwrap_or(0);
            let mut text = String::from_utf8_lossy(&text).into_owned();
            if rest > 0 {
                text.push_str(&format!("\n({rest} more bytes)\n"));
            }
            drop(end);
            outcome.map(|_| text)
        });
        Self { thread, ended }
    }

    fn ends_by(&self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        self.ended.recv_timeout(left) == Err(RecvTimeoutError::Disconnected)
    }

    fn text(self) -> io::Result<String> {
        self.thread
            .join()
            .map_err(|_| io::Error::other("the reader of the output panicked"))?
    }
}
