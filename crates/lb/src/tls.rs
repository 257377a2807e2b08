//! TLS on what runs here: certificates as the Plan names them, and sockets that it is spoken on.

mod bequest;
mod desk;
mod greet;
mod lists;
mod make;
mod meet;
mod responses;
mod shelf;
mod stream;
mod tally;
mod vault;

pub(crate) use desk::{Desk, DeskError, Kind};
pub(crate) use greet::greet;
pub(crate) use meet::meet;
pub(crate) use stream::{Tls, ip_of};
pub(crate) use tally::{Spoken, Told};
pub(crate) use tandem_tls::HandshakeError;
pub(crate) use vault::{Loaded, Vault};
