//! What a connection is told and what it asks for.

use std::time::Duration;

use super::Ending;
use crate::ServerIdx;

/// One of the two ends of a proxied connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

impl Side {
    pub const fn other(self) -> Side {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The client was accepted.
    Begin,
    /// Rules cannot decide before more bytes have come, and may wait so long for them.
    MustInspect(Duration),
    /// The rules let it through.
    Passed,
    /// A rule refused it.
    Rejected,
    /// The answer to [`Output::Pick`]; it may come later when the connection had to queue.
    Picked(Option<ServerIdx>),
    /// The first answer to [`Output::Pick`] when it has to queue: for this server, or for any.
    MustWait(Option<ServerIdx>),
    /// As many wait for this server as may (`maxqueue`), and no other will do.
    MayNotWait(ServerIdx),
    /// The chosen server need not be insisted on: it went down; or neither persistence nor a hash chose it, and other
    /// active servers exist. Where redispatch is allowed, the next failure then goes elsewhere at once.
    MayLeave,
    Connected,
    ConnectFailed(ConnectFailure),
    /// That side sent its FIN and all that it had sent was delivered to the other side.
    Finished(Side),
    /// Reading from or writing to that side failed.
    Failed(Side, IoFailure),
    Kill(KillReason),
}

/// Why a connect failed. A connect that takes too long is the connection's own business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectFailure {
    /// The network or the server said no: refused, unreachable, reset.
    Refused,
    /// No descriptor, port or memory here; a retry may find some at once.
    Resource,
    /// Nothing that another attempt could mend.
    Internal,
}

/// What went wrong on an established side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoFailure {
    Reset,
    /// Any other error of a read or a write.
    Other,
}

/// Why a healthy connection has to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillReason {
    /// `on-marked-down shutdown-sessions`.
    ServerDown,
    /// `on-marked-up shutdown-backup-sessions`.
    ActiveUp,
    Admin,
    /// The process ends.
    Shutdown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Ask the rules, now and whenever bytes come: for the first time, or for the last, with what there is.
    Inspect {
        is_final: bool,
    },
    /// Choose a server, another than `avoid` if there is one.
    Pick {
        avoid: Option<ServerIdx>,
    },
    Connect(ServerIdx),
    /// Drop the connect in progress. Nothing is to be heard of it any more.
    AbortConnect,
    /// The server accepted: the moment to remember who went where.
    Established(ServerIdx),
    /// Nothing more comes for this side: send it a FIN, and read no more from the other (it finished, or was silent for
    /// too long).
    ShutdownWrite(Side),
    /// Close both sockets and log. Nothing follows.
    Close(Ending),
}
