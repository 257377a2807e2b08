//! TLS without sockets: certificates and how one is chosen, whom to trust, and connections that turn bytes into bytes.
//!
//! A [`Listener`] is what a place to listen at needs to let clients in; an [`Origin`] what it takes to go to a server. Both
//! are made from files and words of a configuration, are immutable, and are shared by all threads. A [`Connection`] is one
//! end of one connection, [`Carried`] the same on a socket.

mod carried;
pub mod certificate;
mod connection;
mod lifetime;
mod listener;
mod origin;
mod pieces;
pub mod protocol;
mod signing;
pub mod sni;
mod tickets;
mod trust;
pub mod x509;

pub use carried::{Carried, HandshakeError, More, Socket};
pub use certificate::{Certificate, CertificateError};
pub use connection::{BUFFER, Connection, Failure, MOST_PLAIN};
pub use listener::{Chosen, Entry, Listener, NoCertificate, Terms, anyone};
pub use origin::{Origin, OriginError, OriginTerms};
pub use pieces::{Piece, PieceError, Pieces};
pub use protocol::{Protocol, Version};
pub use signing::Signatures;
pub use tickets::{Rules, TicketKeys, TicketKeysError};
pub use trust::{Clients, Errors, Forgiven, Trust, TrustError};

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
pub use rustls::pki_types::CertificateDer;
pub use rustls::{Error, HandshakeKind};

/// What everything here computes with.
fn provider() -> Arc<CryptoProvider> {
    static RING: std::sync::LazyLock<Arc<CryptoProvider>> =
        std::sync::LazyLock::new(|| Arc::new(rustls::crypto::ring::default_provider()));
    RING.clone()
}
