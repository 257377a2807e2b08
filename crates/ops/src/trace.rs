//! What the programs say about themselves: `tracing` to stderr.
//!
//! `TANDEM_LOG` filters (`debug`, `tandem_lb=trace`); colours only on a terminal; under systemd each line carries its
//! priority as `<N>`, which the journal understands, and no time, which the journal adds. The log lines that other
//! programs read go another way: [`crate::syslog`].

use std::env;
use std::io::{self, IsTerminal, Write};

use nix::sys::stat::fstat;
use thiserror::Error;
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

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
            .with_writer(JournalWriter)
            .try_init()
    } else {
        builder.with_ansi(colours()).with_writer(io::stderr).try_init()
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

struct JournalWriter;

impl<'a> MakeWriter<'a> for JournalWriter {
    type Writer = io::Stderr;

    fn make_writer(&'a self) -> io::Stderr {
        io::stderr()
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> io::Stderr {
        // A log line that cannot be written has nobody left to be reported to.
        write!(io::stderr(), "<{}>", severity(*meta.level())).ok();
        io::stderr()
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
