//! The words for a server's state in the statistics (reference 3.1, column `status`).

use super::Tracked;
use std::fmt;
use std::sync::Arc;

/// `k of n`: checks passed or left until the state changes; none when it is settled.
pub type Progress = Option<(u32, u32)>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    Maint,
    /// The one that it follows is.
    MaintVia(Arc<Tracked>),
    /// Its name has no address.
    Nowhere,
    Down(Progress),
    DownByAgent,
    Up(Progress),
    /// Well, but wants no new clients.
    NoLb(Progress),
    Drain(Progress),
    /// Whatever made it drain: HAProxy says so of every server whose agent is asked.
    DrainWithAgent,
    NoCheck,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, progress) = match self {
            Status::MaintVia(tracked) => return write!(f, "MAINT (via {tracked})"),
            Status::Maint => ("MAINT", None),
            Status::Nowhere => ("MAINT (resolution)", None),
            Status::NoCheck => ("no check", None),
            Status::DownByAgent => ("DOWN (agent)", None),
            Status::Down(p) => ("DOWN", *p),
            Status::DrainWithAgent => ("DRAIN (agent)", None),
            Status::Up(p) => ("UP", *p),
            Status::NoLb(p) => ("NOLB", *p),
            Status::Drain(p) => ("DRAIN", *p),
        };
        f.write_str(word)?;
        match progress {
            Some((done, of)) => write!(f, " {done}/{of}"),
            None => Ok(()),
        }
    }
}
