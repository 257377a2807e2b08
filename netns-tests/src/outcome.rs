//! How a test ended, as an exit status between the two processes.

use std::process::ExitStatus;

const SKIPPED: i32 = 77;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed,
    Skipped,
}

impl Outcome {
    pub(crate) fn code(self) -> i32 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Skipped => SKIPPED,
        }
    }

    pub(crate) fn read(status: ExitStatus) -> Self {
        match status.code() {
            Some(0) => Self::Passed,
            Some(SKIPPED) => Self::Skipped,
            _ => Self::Failed,
        }
    }
}
