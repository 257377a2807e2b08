//! What the command line gets to read, and the exit statuses that scripts know from Keepalived.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use nix::errno::Errno;

use crate::args::SignalName;
use crate::configuration::Configuration;
use crate::start::Panicked;

const FATAL: u8 = 1;
const BAD_CONFIGURATION: u8 = 2;
const NO_PERMISSION: u8 = 4;
const NOTHING_TO_RUN: u8 = 6;
/// EX_SOFTWARE
const OUR_MISTAKE: u8 = 70;

pub(crate) fn version() -> ExitCode {
    to_stdout(&format!("tandem-vrrp v{}\n", env!("CARGO_PKG_VERSION")));
    ExitCode::SUCCESS
}

pub(crate) fn signal_number(name: SignalName) -> ExitCode {
    to_stdout(&format!("{}\n", name.number()));
    ExitCode::SUCCESS
}

/// `-t`: 0, or 5 for errors and 6 when only the safety of scripts is in doubt.
pub(crate) fn tested(configuration: &Configuration, to: Option<&Path>) -> io::Result<ExitCode> {
    let text: String = configuration.lines.iter().map(|line| format!("{line}\n")).collect();
    match to {
        Some(path) => std::fs::write(path, text)?,
        None => to_stderr(&text),
    }
    Ok(ExitCode::from(configuration.verdict.exit_status()))
}

/// `-t` on a file that cannot be read.
pub(crate) fn untestable(error: &impl Display) -> ExitCode {
    to_stderr(&format!("tandem-vrrp: {error:#}\n"));
    ExitCode::from(4)
}

/// Keepalived's status where there is no file.
pub(crate) fn nothing_to_run(error: &impl Display) -> ExitCode {
    to_stderr(&format!("tandem-vrrp: {error:#}\n"));
    ExitCode::from(NOTHING_TO_RUN)
}

pub(crate) fn failure(error: &anyhow::Error) -> ExitCode {
    to_stderr(&format!("tandem-vrrp: {error:#}\n"));
    ExitCode::from(status(error))
}

fn status(error: &anyhow::Error) -> u8 {
    let refused = |cause: &(dyn std::error::Error + 'static)| {
        let io = cause.downcast_ref::<io::Error>();
        io.is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
            || matches!(cause.downcast_ref::<Errno>(), Some(Errno::EPERM | Errno::EACCES))
    };
    if error.is::<Panicked>() {
        OUR_MISTAKE
    } else if error.chain().any(refused) {
        NO_PERMISSION
    } else {
        FATAL
    }
}

/// Nothing could be made of it.
pub(crate) fn unusable(configuration: &Configuration) -> ExitCode {
    configuration
        .lines
        .iter()
        .for_each(|line| to_stderr(&format!("{line}\n")));
    ExitCode::from(BAD_CONFIGURATION)
}

/// A reader that is gone does not want the rest.
fn to_stdout(text: &str) {
    io::stdout().lock().write_all(text.as_bytes()).ok();
}

fn to_stderr(text: &str) {
    io::stderr().lock().write_all(text.as_bytes()).ok();
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn the_statuses_that_scripts_know() {
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let table = [
            (Err::<(), _>(denied()).context("a socket").expect_err("it is one"), 4),
            (Errno::EPERM.into(), 4),
            (Panicked.into(), 70),
            (io::Error::from(io::ErrorKind::NotFound).into(), 1),
            (anyhow!("anything else"), 1),
        ];
        for (error, expected) in table {
            assert_eq!(status(&error), expected, "{error:#}");
        }
    }
}
