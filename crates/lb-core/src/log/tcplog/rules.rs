//! Which connections are worth a line, and how loud it is.

use crate::conn::Summary;

/// The options that hold lines back. Each is off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogRules {
    /// `option dontlognull`
    pub skip_null: bool,
    /// `option dontlog-normal`
    pub skip_normal: bool,
    /// `option log-separate-errors`
    pub separate_errors: bool,
}

/// The syslog level of a connection's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Info,
}

impl LogRules {
    /// How loud the line is; `None` for no line. A null connection is one whose client sent nothing, however much it
    /// was sent and however it ended (seen on HAProxy).
    pub fn severity(&self, summary: &Summary, from_client: u64) -> Option<Severity> {
        if self.skip_null && from_client == 0 {
            return None;
        }
        match (is_error(summary), *self) {
            (
                true,
                LogRules {
                    separate_errors: true, ..
                },
            ) => Some(Severity::Error),
            (false, LogRules { skip_normal: true, .. }) => None,
            _ => Some(Severity::Info),
        }
    }
}

/// A connection that needed a second attempt was not normal either, even if it ended well.
fn is_error(summary: &Summary) -> bool {
    !summary.ending.is_normal() || summary.redispatched || summary.retries > 0
}
