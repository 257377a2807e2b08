//! The log that operators read and grep: Keepalived's lines, on the console, in a file, to syslog.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use tandem_ops::clock::Wall;
use tandem_ops::syslog::{Destination, Facility, Identity, Local, Sender, Severity, Target, Targets};

use crate::args::Args;

const SYSLOG: &str = "/dev/log";

/// Belongs to the control thread; the brain never writes a line.
#[derive(Debug, Default)]
pub(crate) struct Log {
    console: bool,
    file: Option<File>,
    syslog: Targets,
    sender: RefCell<Sender>,
}

impl Log {
    /// To be called when the process has its final id. `program` is what it was started as.
    pub(crate) fn open(args: &Args, program: &str) -> io::Result<Log> {
        let append = |path: &Path| OpenOptions::new().append(true).create(true).open(path);
        let named =
            |path: &Path, error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let file = args.log_file.as_deref();
        Ok(Log {
            console: args.log_console,
            file: file.map(|path| append(path).map_err(|e| named(path, e))).transpose()?,
            syslog: syslog(args, program).map_err(io::Error::other)?,
            sender: RefCell::default(),
        })
    }

    pub(crate) fn info(&self, text: &str) {
        self.say(Severity::Info, text);
    }

    pub(crate) fn warning(&self, text: &str) {
        self.say(Severity::Warning, text);
    }

    pub(crate) fn error(&self, text: &str) {
        self.say(Severity::Err, text);
    }

    fn say(&self, severity: Severity, text: &str) {
        let now = Wall::now();
        self.sender.borrow_mut().send(&self.syslog, severity, text, now);
        if !self.console && self.file.is_none() {
            return;
        }
        let line = format!("{}: {text}\n", date(Local::new(now, now.local_offset())));
        // A line that cannot be written has nobody left to be reported to.
        if self.console {
            io::stderr().lock().write_all(line.as_bytes()).ok();
        }
        if let Some(mut file) = self.file.as_ref() {
            file.write_all(line.as_bytes()).ok();
        }
    }
}

fn syslog(args: &Args, program: &str) -> Result<Targets, tandem_ops::syslog::OpenError> {
    if args.no_syslog {
        return Ok(Targets::default());
    }
    let facility = args.log_facility.and_then(Facility::new).unwrap_or(Facility::DAEMON);
    let target = Target::new(Destination::Unix(SYSLOG.into()), facility);
    Targets::open(&[target], &Identity::new(tag(program)))
}

/// What the program is called in the first line and the last one, which people look for.
pub(crate) fn called(program: &str) -> &str {
    if program == "keepalived" { "Keepalived" } else { program }
}

/// Filters of log servers look for the name that Keepalived's child gives itself.
fn tag(program: &str) -> &str {
    if program == "keepalived" {
        "Keepalived_vrrp"
    } else {
        program
    }
}

/// `Sat Nov 21 09:58:27 2026`
fn date(local: Local) -> String {
    format!("{} {} {}", local.time.weekday_name(), local.rfc3164(), local.time.year)
}

/// The same with microseconds, as dumps have it: `Sat Nov 21 09:58:27.000012 2026`
pub(crate) fn precise_date(at: Wall) -> String {
    let local = Local::new(at, at.local_offset());
    let (day, year) = (local.time.weekday_name(), local.time.year);
    format!("{day} {}.{:06} {year}", local.rfc3164(), at.subsec_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> String {
        date(Local::new(Wall::from_micros(secs * 1_000_000), 0))
    }

    #[test]
    fn dates_as_keepalived_writes_them() {
        assert_eq!(at(0), "Thu Jan  1 00:00:00 1970");
        assert_eq!(at(1_795_255_107), "Sat Nov 21 09:58:27 2026");
        assert_eq!(at(1_709_208_000), "Thu Feb 29 12:00:00 2024");
        assert_eq!(at(946_684_799), "Fri Dec 31 23:59:59 1999");
    }

    #[test]
    fn filters_find_the_name_they_know() {
        assert_eq!(
            (tag("keepalived"), tag("tandem-vrrp")),
            ("Keepalived_vrrp", "tandem-vrrp")
        );
        assert_eq!(
            (called("keepalived"), called("tandem-vrrp")),
            ("Keepalived", "tandem-vrrp")
        );
    }
}
