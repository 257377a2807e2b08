//! A buffer in memory for log lines, and the syslog servers that they go on to.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tandem_text::Span;

use super::{Host, LogFormat, Origination};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    pub name: Arc<str>,
    pub description: Option<Arc<str>>,
    /// Of every line in it, whatever the `log` line says.
    pub format: LogFormat,
    /// `maxlen`: the longest line; longer ones are cut.
    pub longest: u32,
    /// How many bytes it holds; the oldest lines give way.
    pub size: u32,
    /// How long connecting to its servers may take, and how long they may take nothing of what is to be sent.
    pub timeout_connect: Option<Duration>,
    pub timeout_server: Option<Duration>,
    pub servers: Vec<RingServer>,
}

/// Where lines go on to over TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingServer {
    pub name: Arc<str>,
    pub host: Host,
    pub port: u16,
    pub framing: Framing,
    /// How TLS is spoken there.
    pub tls: Option<Arc<Origination>>,
}

/// Where a line ends (`log-proto`, RFC 6587 section 3.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// `legacy`: at a newline.
    #[default]
    Newline,
    /// `octet-count`: its length comes first.
    Counted,
}

/// A section `ring` as a `log` line names it. Where that stands says nothing of what it means.
#[derive(Clone, Eq)]
pub struct RingName {
    pub name: Arc<str>,
    pub(crate) at: Option<Span>,
}

impl Ring {
    pub const USUAL_SIZE: u32 = 16_384;

    pub(crate) fn new(name: Arc<str>) -> Ring {
        Ring {
            name,
            description: None,
            format: LogFormat::Raw,
            longest: Ring::USUAL_SIZE,
            size: Ring::USUAL_SIZE,
            timeout_connect: None,
            timeout_server: None,
            servers: Vec::new(),
        }
    }

    /// Under this name its servers are kept among those of proxies, which have no blanks in theirs.
    pub fn key(&self) -> Arc<str> {
        format!("ring {}", self.name).into()
    }
}

impl RingName {
    pub(crate) fn new(name: &str) -> RingName {
        RingName {
            name: name.into(),
            at: None,
        }
    }
}

impl PartialEq for RingName {
    fn eq(&self, other: &RingName) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for RingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}
