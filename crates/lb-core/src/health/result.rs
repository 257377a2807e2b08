//! What one check found, in the words that HAProxy's statistics and logs use.

use std::fmt;
use std::time::Duration;

/// How the latest check of a server ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CheckStatus {
    /// Nothing is known; a server without checks.
    #[default]
    Unknown,
    /// Checked, but the first check has not ended.
    Initializing,
    /// An agent's line without a word about the service.
    Checked,
    /// Several errors in a row on live traffic.
    Analyze,
    SocketError,
    L4Ok,
    L4Timeout,
    L4Connection,
    L6Ok,
    L6Timeout,
    L6Response,
    L7Ok,
    L7OkConditionally,
    L7Timeout,
    L7Response,
    L7Status,
    /// Of a program that was run.
    ProcError,
    ProcTimeout,
    ProcOk,
}

/// What a result means for a server's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Says nothing.
    Neutral,
    Failed,
    Passed,
    /// Well, but it asks for no new clients.
    ConditionallyPassed,
}

impl CheckStatus {
    /// In the order of HAProxy's numbers for them.
    pub const ALL: [CheckStatus; 19] = [
        CheckStatus::Unknown,
        CheckStatus::Initializing,
        CheckStatus::Checked,
        CheckStatus::Analyze,
        CheckStatus::SocketError,
        CheckStatus::L4Ok,
        CheckStatus::L4Timeout,
        CheckStatus::L4Connection,
        CheckStatus::L6Ok,
        CheckStatus::L6Timeout,
        CheckStatus::L6Response,
        CheckStatus::L7Timeout,
        CheckStatus::L7Response,
        CheckStatus::L7Ok,
        CheckStatus::L7OkConditionally,
        CheckStatus::L7Status,
        CheckStatus::ProcError,
        CheckStatus::ProcTimeout,
        CheckStatus::ProcOk,
    ];

    /// The number in the `srv_check_status` field of saved states.
    pub fn number(self) -> u8 {
        match self {
            CheckStatus::Unknown => 0,
            CheckStatus::Initializing => 1,
            CheckStatus::Checked => 3,
            CheckStatus::Analyze => 4,
            CheckStatus::SocketError => 5,
            CheckStatus::L4Ok => 6,
            CheckStatus::L4Timeout => 7,
            CheckStatus::L4Connection => 8,
            CheckStatus::L6Ok => 9,
            CheckStatus::L6Timeout => 10,
            CheckStatus::L6Response => 11,
            CheckStatus::L7Timeout => 12,
            CheckStatus::L7Response => 13,
            CheckStatus::L7Ok => 15,
            CheckStatus::L7OkConditionally => 16,
            CheckStatus::L7Status => 17,
            CheckStatus::ProcError => 18,
            CheckStatus::ProcTimeout => 19,
            CheckStatus::ProcOk => 20,
        }
    }

    /// The word in the `check_status` column.
    pub fn code(self) -> &'static str {
        self.row().0
    }

    /// The status of that word.
    pub fn from_code(code: &str) -> Option<CheckStatus> {
        CheckStatus::ALL.into_iter().find(|status| status.code() == code)
    }

    /// The words in the `check_desc` column and after `reason:`.
    pub fn description(self) -> &'static str {
        self.row().1
    }

    pub fn outcome(self) -> Outcome {
        self.row().2
    }

    fn row(self) -> (&'static str, &'static str, Outcome) {
        use Outcome::{ConditionallyPassed, Failed, Neutral, Passed};
        match self {
            CheckStatus::Unknown => ("UNK", "Unknown", Neutral),
            CheckStatus::Initializing => ("INI", "Initializing", Neutral),
            CheckStatus::Checked => ("CHECKED", "No status change", Neutral),
            CheckStatus::Analyze => ("HANA", "Health analyze", Failed),
            CheckStatus::SocketError => ("SOCKERR", "Socket error", Failed),
            CheckStatus::L4Ok => ("L4OK", "Layer4 check passed", Passed),
            CheckStatus::L4Timeout => ("L4TOUT", "Layer4 timeout", Failed),
            CheckStatus::L4Connection => ("L4CON", "Layer4 connection problem", Failed),
            CheckStatus::L6Ok => ("L6OK", "Layer6 check passed", Passed),
            CheckStatus::L6Timeout => ("L6TOUT", "Layer6 timeout", Failed),
            CheckStatus::L6Response => ("L6RSP", "Layer6 invalid response", Failed),
            CheckStatus::L7Ok => ("L7OK", "Layer7 check passed", Passed),
            CheckStatus::L7OkConditionally => ("L7OKC", "Layer7 check conditionally passed", ConditionallyPassed),
            CheckStatus::L7Timeout => ("L7TOUT", "Layer7 timeout", Failed),
            CheckStatus::L7Response => ("L7RSP", "Layer7 invalid response", Failed),
            CheckStatus::L7Status => ("L7STS", "Layer7 wrong status", Failed),
            CheckStatus::ProcError => ("PROCERR", "External check error", Failed),
            CheckStatus::ProcTimeout => ("PROCTOUT", "External check timeout", Failed),
            CheckStatus::ProcOk => ("PROCOK", "External check passed", Passed),
        }
    }
}

impl fmt::Display for CheckStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// One check's end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckResult {
    pub status: CheckStatus,
    pub duration: Duration,
    /// The number that the server answered, where its protocol has one.
    pub code: Option<u16>,
    /// What the system or the server said, such as `Connection refused`.
    pub info: Option<Box<str>>,
}

impl CheckResult {
    pub fn new(status: CheckStatus, duration: Duration) -> CheckResult {
        CheckResult {
            status,
            duration,
            code: None,
            info: None,
        }
    }

    pub fn with_info(self, info: impl Into<Box<str>>) -> CheckResult {
        CheckResult {
            info: Some(info.into()),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_plain_check() {
        let rows = [
            (CheckStatus::Initializing, "INI", "Initializing", Outcome::Neutral),
            (CheckStatus::L4Ok, "L4OK", "Layer4 check passed", Outcome::Passed),
            (CheckStatus::L4Timeout, "L4TOUT", "Layer4 timeout", Outcome::Failed),
            (
                CheckStatus::L4Connection,
                "L4CON",
                "Layer4 connection problem",
                Outcome::Failed,
            ),
            (CheckStatus::SocketError, "SOCKERR", "Socket error", Outcome::Failed),
        ];
        for (status, code, description, outcome) in rows {
            assert_eq!(
                (status.code(), status.description(), status.outcome()),
                (code, description, outcome)
            );
        }
    }
}
