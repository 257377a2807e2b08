//! What lines say, which are written, and where to.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use tandem_lb_core::log::format::{Field, Format};

use super::{Host, RingName};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogTarget {
    pub to: LogAddress,
    /// `None` is HAProxy's default: `local`, or `rfc3164` when lines carry a host name.
    pub format: Option<LogFormat>,
    /// The longest line; longer ones are cut.
    pub length: u16,
    pub facility: Facility,
    /// Lines less severe than this are not sent.
    pub max: Severity,
    /// Lines more severe than this are sent as this.
    pub min: Severity,
    pub sample: Option<Sample>,
}

/// `sample RANGES:SIZE`: of so many lines these are sent, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    pub ranges: Vec<RangeInclusive<u32>>,
    pub of: NonZeroU32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogAddress {
    Udp {
        host: Host,
        port: u16,
    },
    Unix(PathBuf),
    Stdout,
    Stderr,
    Fd(i32),
    /// A section `ring`.
    Ring(RingName),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Rfc3164,
    Rfc5424,
    Local,
    Short,
    Timed,
    Iso,
    Priority,
    Raw,
}

/// A syslog facility by its number, 0 (`kern`) to 23 (`local7`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facility(pub u8);

/// A syslog severity; `Emerg` is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Emerg,
    Alert,
    Crit,
    Err,
    Warning,
    Notice,
    Info,
    Debug,
}

/// Where lines of one proxy go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyLogs {
    /// `log global`
    pub global: bool,
    pub own: Vec<LogTarget>,
    /// `log-tag`, instead of the one of the process.
    pub tag: Option<Arc<str>>,
}

/// What lines say, and which are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogRule {
    /// `option tcplog` or `log-format`; otherwise HAProxy's short "Connect from" line.
    pub format: Option<Arc<Format>>,
    /// `log-format-sd`: for targets of the format `rfc5424`.
    pub structured: Option<Arc<Format>>,
    /// `unique-id-format`
    pub unique_id: Option<Arc<Format>>,
    /// `error-log-format`: of connections that come to be no session.
    pub error: Option<Arc<Format>>,
    pub dontlognull: bool,
    pub dontlog_normal: bool,
    pub log_separate_errors: bool,
    pub logasap: bool,
}

impl LogRule {
    /// Whether a line shows one of these.
    pub fn shows(&self, fields: &[Field]) -> bool {
        self.formats().any(|format| format.shows(fields))
    }

    /// Whether a connection's line is written when its server has accepted: it is asked for, or as in HAProxy nothing in the
    /// line waits for the end.
    pub fn is_told_early(&self) -> bool {
        self.logasap || self.format.is_some() && !self.formats().any(Format::waits)
    }

    /// Whether a line has expressions.
    pub fn asks(&self) -> bool {
        self.formats().any(|format| format.asks())
    }

    fn formats(&self) -> impl Iterator<Item = &Format> {
        [&self.format, &self.structured, &self.unique_id]
            .into_iter()
            .filter_map(|format| format.as_deref())
    }
}
