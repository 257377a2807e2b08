//! Bidirectional forwarding detection (RFC 5880) over one hop (RFC 5881), asynchronous mode: is the path to a neighbour
//! good, both ways, found out within some tens of milliseconds.

mod packet;
mod session;

pub use packet::{Control, Diagnostic, LENGTH, Refusal, SessionState};
pub use session::{Input, Output, Session, Settings, View};
