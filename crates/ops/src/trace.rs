//! What the programs say about themselves: `tracing` to stderr.
//!
//! `TANDEM_LOG` filters (`debug`, `tandem_lb=trace`); colours only on a terminal; under systemd each line carries its
//! priority as `<N>`, which the journal understands, and no time, which the journal adds. The log lines that other
//! programs read go another way: [`crate::syslog`].

mod beside;

use std::env;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

use nix::sys::stat::fstat;
use thiserror::Error;
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use beside::Queue;

/// The variable that filters.
pub const FILTER: &str = "TANDEM_LOG";

#[derive(Debug, Error)]
pub enum TraceError {
    #[error("{FILTER}: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    #[error("tracing is already set up: {0}")]
    Twice(Box<dyn std::error::Error + Send + Sync>),
}

/// To be called once, early in `main`. `usual` is the filter when the variable is not set.
pub fn init(usual: &str) -> Result<(), TraceError> {
    let wanted = env::var(FILTER).unwrap_or_else(|_| usual.to_owned());
    let builder = tracing_subscriber::fmt().with_env_filter(EnvFilter::try_new(wanted)?);
    let done = if stderr_is_the_journal() {
        builder
            .with_ansi(false)
            .with_level(false)
            .without_time()
            .with_writer(Lines { with_priority: true })
            .try_init()
    } else {
        let lines = Lines { with_priority: false };
        builder.with_ansi(colours()).with_writer(lines).try_init()
    };
    done.map_err(TraceError::Twice)
}

/// <https://no-color.org>: set and not empty means no.
fn colours() -> bool {
    io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// systemd names the device and inode of the journal's socket; they match unless somebody redirected stderr since.
fn stderr_is_the_journal() -> bool {
    let Ok(named) = env::var("JOURNAL_STREAM") else {
        return false;
    };
    fstat(io::stderr()).is_ok_and(|stat| named == format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// A thread that writes the lines from now on; when this is dropped, the last of them have been written.
#[derive(Debug)]
pub struct Beside(Queue);

static BESIDE: OnceLock<Queue> = OnceLock::new();

/// To be called when the process is where it will stay: a thread does not survive a fork. Until then each line is
/// written by whoever says it.
pub fn beside() -> io::Result<Beside> {
    let queue = Queue::start(io::stderr())?;
    Ok(Beside(BESIDE.get_or_init(|| queue).clone()))
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.0.finish();
    }
}

/// Makes writers for lines that begin with their priority, or not.
struct Lines {
    with_priority: bool,
}

/// One line.
struct LineWriter {
    priority: Option<u8>,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = LineWriter;

    fn make_writer(&'a self) -> LineWriter {
        LineWriter { priority: None }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> LineWriter {
        LineWriter {
            priority: self.with_priority.then(|| severity(*meta.level())),
        }
    }
}

impl Write for LineWriter {
    /// Called once for each line, with all of it.
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let mut line = Vec::with_capacity(text.len() + 3);
        if let Some(priority) = self.priority.take() {
            write!(line, "<{priority}>")?;
        }
        line.extend_from_slice(text);
        match BESIDE.get() {
            Some(queue) => queue.offer(line),
            None => io::stderr().write_all(&line)?,
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_the_journals() {
        let all = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
        assert_eq!(all.map(severity), [3, 4, 6, 7, 7]);
    }
}
