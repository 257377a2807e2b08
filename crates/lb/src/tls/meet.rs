//! The handshake with those who come to the process itself, to its page or as peers: no session begins with them.

use std::future::poll_fn;
use std::sync::Arc;

use tandem_sys::relay::Endpoint;
use tandem_time::Mono;
use tandem_tls::{Connection, Listener};

use super::{HandshakeError, Tls, Vault};

/// Makes the acquaintance of whoever came. How long that may take is for those who wait for it to say.
pub(crate) async fn meet(
    vault: &Vault,
    socket: Endpoint,
    rules: Arc<Listener>,
    now: impl Fn() -> Mono,
) -> Result<Tls, HandshakeError> {
    vault.tally.came(now());
    let tls = Tls::new(socket, Connection::accept(rules), vault.tally.spoken());
    poll_fn(|cx| tls.poll_established(cx)).await?;
    vault.tally.client(tls.is_resumed(), now());
    Ok(tls)
}
