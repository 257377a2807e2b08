//! Checks that a program of one's own makes (`option external-check`).

use std::path::PathBuf;
use std::sync::Arc;

/// What is run for each check. It is told about the server by arguments and by its environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct External {
    pub command: PathBuf,
    /// Where the program finds others: its `PATH`.
    pub path: Arc<str>,
    /// The first address and port that the server's proxy listens on, where it does.
    pub proxy: (Arc<str>, Arc<str>),
}

impl External {
    /// What stands where there is nothing to say.
    pub const NOT_USED: &str = "NOT_USED";
}
