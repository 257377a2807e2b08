//! TLS on what runs here: certificates as the Plan names them, and sockets that it is spoken on.

mod bequest;
mod desk;
mod greet;
mod keys;
mod lists;
mod make;
mod meet;
mod responses;
mod shelf;
mod stream;
mod tally;
mod vault;

use std::time::Duration;

pub(crate) use desk::{Desk, DeskError, Kind};
pub(crate) use greet::greet;
pub(crate) use meet::meet;
pub(crate) use stream::{Tls, ip_of};
pub(crate) use tally::{Spoken, Told};
use tandem_ops::clock::Wall;
pub(crate) use tandem_tls::HandshakeError;
pub(crate) use vault::{Loaded, Vault};

/// Since 1970.
pub(crate) fn now() -> Duration {
    Duration::from_micros(u64::try_from(Wall::now().as_micros()).unwrap_or(0))
}
