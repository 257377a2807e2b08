//! The process in which one test runs, watched from outside.

use std::ffi::OsString;
use std::io::{self, PipeReader, Read};
use std::process::Command;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::outcome::Outcome;

/// More than this of a test's output is not shown.
const SHOWN: u64 = 256 << 10;

pub(crate) struct Child {
    process: std::process::Child,
    output: PipeReader,
}

impl Child {
    pub(crate) fn start(arguments: Vec<OsString>) -> io::Result<Self> {
        let (output, input) = io::pipe()?;
        let process = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdout(input.try_clone()?)
            .stderr(input)
            .env("RUST_BACKTRACE", "1")
            .spawn()?;
        Ok(Self { process, output })
    }

    /// Waits, kills at the deadline, and returns what the test said. The output ends when the last process in the test's
    /// namespaces has ended, so nothing of one test runs on into the next.
    pub(crate) fn finish(mut self, within: Duration) -> io::Result<(Outcome, String)> {
        let deadline = Instant::now() + within;
        let (said, heard) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            let mut text = Vec::new();
            let outcome = (&mut self.output).take(SHOWN).read_to_end(&mut text);
            // Goes on reading, so that a talkative test is not stopped by a full pipe.
            let rest = io::copy(&mut self.output, &mut io::sink()).unwrap_or(0);
            let mut text = String::from_utf8_lossy(&text).into_owned();
            if rest > 0 {
                text.push_str(&format!("\n({rest} more bytes)\n"));
            }
            // The receiver is gone if the harness ends first.
            let _ = said.send(());
            outcome.map(|_| text)
        });
        let in_time = heard.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        if in_time == Err(RecvTimeoutError::Timeout) {
            self.process.kill()?;
        }
        let status = self.process.wait()?;
        let mut text = reader
            .join()
            .map_err(|_| io::Error::other("the reader of the output panicked"))??;
        if in_time == Err(RecvTimeoutError::Timeout) {
            text.push_str(&format!("killed: it took longer than {within:?}\n"));
            return Ok((Outcome::Failed, text));
        }
        Ok((Outcome::read(status), text))
    }
}
