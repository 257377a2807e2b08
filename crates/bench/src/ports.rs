//! Places on loopback for programs that are measured.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::Result;

/// A port that nobody has at this moment.
pub(crate) fn free() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
