//! Where lines go and in which shape: what a `log` line says, and the same opened.

use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use socket2::SockAddr;
use thiserror::Error;

use super::format::{Header, Identity};
use super::outlet::Outlet;
use super::ring::Ring;

/// One `log` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub to: Destination,
    /// `None` is what HAProxy takes when no format is written: `rfc3164` when lines carry a host name, else `local`.
    pub format: Option<Format>,
    /// The most bytes of a line, header included, newline not.
    pub length: usize,
    pub facility: Facility,
    /// Lines less severe than this are not sent.
    pub max: Severity,
    /// Lines more severe than this are sent as this.
    pub min: Severity,
    pub sample: Option<Sample>,
}

/// Of so many lines these are sent, counted from 1 (`sample 1,3-4:5`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    pub ranges: Vec<RangeInclusive<u32>>,
    pub of: NonZeroU32,
}

impl Target {
    /// HAProxy's defaults: 1024 bytes, all levels.
    pub fn new(to: Destination, facility: Facility) -> Target {
        Target {
            to,
            format: None,
            length: 1024,
            facility,
            max: Severity::Debug,
            min: Severity::Emerg,
            sample: None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    Udp(SocketAddr),
    Unix(PathBuf),
    Stdout,
    Stderr,
    /// A descriptor that the parent opened.
    Fd(i32),
    /// A buffer of this process.
    Ring(Arc<Ring>),
}

impl Destination {
    /// Asks the resolver once, as HAProxy does at start; the first address counts.
    pub fn resolve(host: &str, port: u16) -> Result<Destination, OpenError> {
        let failed = |reason: String| OpenError {
            to: format!("{host}:{port}"),
            reason,
        };
        let mut found = (host, port).to_socket_addrs().map_err(|e| failed(e.to_string()))?;
        found
            .next()
            .map(Destination::Udp)
            .ok_or_else(|| failed("the name has no address".to_owned()))
    }
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Destination::Udp(address) => write!(f, "{address}"),
            Destination::Unix(path) => write!(f, "{}", path.display()),
            Destination::Stdout => f.write_str("stdout"),
            Destination::Stderr => f.write_str("stderr"),
            Destination::Fd(n) => write!(f, "fd@{n}"),
            Destination::Ring(ring) => write!(f, "ring@{}", ring.name()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Rfc3164,
    Rfc5424,
    Local,
    Short,
    Timed,
    Iso,
    Priority,
    Raw,
}

/// A syslog facility, 0 (`kern`) to 23 (`local7`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facility(u8);

impl Facility {
    pub const DAEMON: Facility = Facility(3);

    /// `None` above 23.
    pub const fn new(number: u8) -> Option<Facility> {
        if number < 24 { Some(Facility(number)) } else { None }
    }

    pub(super) const fn number(self) -> u8 {
        self.0
    }
}

/// A syslog severity; the most severe is 0.
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

#[derive(Debug, Error)]
#[error("log target {to}: {reason}")]
pub struct OpenError {
    to: String,
    reason: String,
}

/// The targets of one proxy, or of the whole process: opened, read only, shared by all threads.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    pub(super) opened: Arc<[Opened]>,
}

#[derive(Debug)]
pub(super) struct Opened {
    pub(super) name: String,
    pub(super) route: Route,
    pub(super) header: Header,
    pub(super) length: usize,
    max: Severity,
    min: Severity,
    sampling: Option<Sampling>,
    dropped: AtomicU64,
    reported: AtomicBool,
}

#[derive(Debug)]
struct Sampling {
    sample: Sample,
    /// Lines so far.
    seen: AtomicU32,
}

impl Sampling {
    /// Whether the next line is one of those that are sent.
    fn takes_next(&self) -> bool {
        let of = self.sample.of.get();
        let next = |seen: u32| Some((seen + 1) % of);
        let place = match self.seen.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next) {
            Ok(seen) | Err(seen) => seen + 1,
        };
        self.sample.ranges.iter().any(|range| range.contains(&place))
    }
}

/// How a line leaves the process.
#[derive(Debug)]
pub(super) enum Route {
    Udp4(SockAddr),
    Udp6(SockAddr),
    Unix(SockAddr),
    Outlet(Outlet),
    Ring(Arc<Ring>),
}

impl Targets {
    /// To be called before privileges are dropped: a pipe behind stdout is opened again.
    pub fn open(targets: &[Target], identity: &Identity) -> Result<Targets, OpenError> {
        let opened = targets
            .iter()
            .map(|t| Opened::new(t, identity))
            .collect::<Result<_, _>>()?;
        Ok(Targets { opened })
    }

    pub fn is_empty(&self) -> bool {
        self.opened.is_empty()
    }

    /// Lines that no target took, since the start.
    pub fn dropped(&self) -> u64 {
        self.opened.iter().map(|o| o.dropped.load(Ordering::Relaxed)).sum()
    }
}

impl Opened {
    fn new(target: &Target, identity: &Identity) -> Result<Opened, OpenError> {
        let name = target.to.to_string();
        let failed = |e: std::io::Error| OpenError {
            to: name.clone(),
            reason: e.to_string(),
        };
        let route = match &target.to {
            Destination::Udp(address @ SocketAddr::V4(_)) => Route::Udp4((*address).into()),
            Destination::Udp(address @ SocketAddr::V6(_)) => Route::Udp6((*address).into()),
            Destination::Unix(path) => Route::Unix(SockAddr::unix(path).map_err(failed)?),
            Destination::Stdout => Route::Outlet(Outlet::open(1).map_err(failed)?),
            Destination::Stderr => Route::Outlet(Outlet::open(2).map_err(failed)?),
            Destination::Fd(n) => Route::Outlet(Outlet::open(*n).map_err(failed)?),
            Destination::Ring(ring) => Route::Ring(ring.clone()),
        };
        let format = target.format.unwrap_or_else(|| identity.usual_format());
        Ok(Opened {
            route,
            header: Header::new(format, target.facility, identity),
            length: target.length,
            max: target.max,
            min: target.min,
            sampling: target.sample.clone().map(|sample| Sampling {
                sample,
                seen: AtomicU32::new(0),
            }),
            dropped: AtomicU64::new(0),
            reported: AtomicBool::new(false),
            name,
        })
    }

    /// The severity a line is sent with; `None` when it is not sent.
    pub(super) fn admit(&self, severity: Severity) -> Option<Severity> {
        let wanted = severity <= self.max && self.sampling.as_ref().is_none_or(Sampling::takes_next);
        wanted.then(|| severity.max(self.min))
    }

    pub(super) fn lost(&self, error: &std::io::Error) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        if !self.reported.swap(true, Ordering::Relaxed) {
            tracing::warn!(target = %self.name, %error, "a log line was lost; further losses here are only counted");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_filter_and_lift() {
        let mut target = Target::new(Destination::Udp(([127, 0, 0, 1], 9).into()), Facility::DAEMON);
        (target.max, target.min) = (Severity::Notice, Severity::Err);
        let opened = Opened::new(&target, &Identity::new("t")).expect("no file is opened for UDP");
        for (given, sent) in [
            (Severity::Emerg, Some(Severity::Err)),
            (Severity::Err, Some(Severity::Err)),
            (Severity::Warning, Some(Severity::Warning)),
            (Severity::Notice, Some(Severity::Notice)),
            (Severity::Info, None),
        ] {
            assert_eq!(opened.admit(given), sent);
        }
    }

    #[test]
    fn a_sample_is_sent() {
        let mut target = Target::new(Destination::Udp(([127, 0, 0, 1], 9).into()), Facility::DAEMON);
        target.sample = Some(Sample {
            ranges: vec![1..=1, 3..=4],
            of: NonZeroU32::new(5).expect("not zero"),
        });
        let opened = Opened::new(&target, &Identity::new("t")).expect("no file is opened for UDP");
        let sent: String = (0..12)
            .map(|_| {
                if opened.admit(Severity::Info).is_some() {
                    'x'
                } else {
                    '.'
                }
            })
            .collect();
        assert_eq!(sent, "x.xx.x.xx.x.");
    }

    #[test]
    fn a_closed_descriptor_is_an_error_that_names_it() {
        let target = Target::new(Destination::Fd(987_654), Facility::DAEMON);
        let error = Targets::open(&[target], &Identity::new("t")).expect_err("nobody has that many files");
        assert!(error.to_string().starts_with("log target fd@987654: "), "{error}");
    }

    #[test]
    fn facilities_end_at_local7() {
        assert!(Facility::new(23).is_some());
        assert!(Facility::new(24).is_none());
    }
}
