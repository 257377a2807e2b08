//! A connection on its way out of this process, and one on its way in.

use std::sync::Arc;

use socket2::Socket;
use tandem_lb_core::handover::Record;
use tokio::sync::{mpsc, oneshot};

use crate::admission::Permit;
use crate::frontend::Frontend;
use crate::session::AtServer;
use crate::worker::Seat;

/// Where connections that were called put themselves.
pub(crate) type Gate = mpsc::UnboundedSender<Parcel>;

/// A connection at rest: its task waits for the verdict and touches nothing meanwhile.
#[derive(Debug)]
pub(crate) struct Parcel {
    /// Its number among the live ones.
    pub(crate) number: u64,
    pub(crate) record: Record,
    pub(crate) sockets: Ends,
    /// Dropped without a word, it means that the connection stays.
    pub(crate) verdict: oneshot::Sender<Verdict>,
}

/// A connection's sockets.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) client: Socket,
    /// `None` while it has no server.
    pub(crate) server: Option<Socket>,
}

/// What became of a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Another process leads it now.
    Taken,
    /// It goes on here.
    Kept,
}

/// A connection that another process has led so far.
pub(crate) struct Moved {
    pub(crate) record: Record,
    pub(crate) sockets: Ends,
    pub(crate) frontend: Arc<Frontend>,
    /// Counted there from the moment that it is taken: who comes after it must find its place taken.
    pub(crate) server: Option<AtServer>,
    /// Its number, which it keeps.
    pub(crate) number: u64,
    pub(crate) permit: Permit,
    pub(crate) seat: Seat,
}
