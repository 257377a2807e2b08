//! Going to somebody for ourselves, over TCP or TLS: to peers, and to where log lines go. How long that may take is for those
//! who wait for it to say.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use socket2::SockAddr;
use tandem_lb_config::{Host, Origination, ServerPort};
use tandem_ops::clock::Clock;
use tandem_sys::listen::abstract_address;
use tandem_sys::relay::Endpoint;
use tandem_tls::Origin;

use crate::tls::{HandshakeError, Tls, Vault, ip_of};
use crate::wire::Wire;

/// How TLS is spoken there.
pub(crate) struct Secure {
    origin: Arc<Origin>,
    /// What is asked for.
    name: Option<String>,
}

impl Secure {
    pub(crate) fn new(origin: Arc<Origin>, plan: &Origination) -> Secure {
        let name = plan.sni.as_ref().and_then(|sni| sni.constant());
        Secure {
            origin,
            name: name.map(|name| String::from_utf8_lossy(name).into_owned()),
        }
    }
}

pub(crate) async fn reach(
    vault: &Vault,
    clock: Clock,
    (host, port): &(Host, ServerPort),
    secure: Option<&Secure>,
) -> io::Result<Wire> {
    let port = match port {
        ServerPort::Fixed(port) => *port,
        ServerPort::Offset(_) => 0,
    };
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for at in found(host, port).await? {
        match greet(vault, clock, &at, secure).await {
            Ok(wire) => return Ok(wire),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn greet(vault: &Vault, clock: Clock, at: &SockAddr, secure: Option<&Secure>) -> io::Result<Wire> {
    let socket = Endpoint::connect(at)?;
    poll_fn(|cx| socket.poll_connected(cx)).await?;
    let socket = prepared(socket)?;
    let Some(Secure { origin, name }) = secure else {
        return Ok(Wire::Plain(socket));
    };
    let connection = origin.connect(name.as_deref(), ip_of(&socket));
    let connection = connection.map_err(|why| HandshakeError::Failed(why).into_io())?;
    let tls = Tls::new(socket, connection, vault.tally.spoken());
    let done = poll_fn(|cx| tls.poll_established(cx)).await;
    done.map_err(HandshakeError::into_io)?;
    vault.tally.server(tls.is_resumed(), clock.now());
    Ok(Wire::Tls(Box::new(tls)))
}

/// Each word goes out at once.
pub(crate) fn prepared(socket: Endpoint) -> io::Result<Endpoint> {
    if socket.socket().domain()? != socket2::Domain::UNIX {
        socket.socket().set_tcp_nodelay(true)?;
    }
    Ok(socket)
}

async fn found(host: &Host, port: u16) -> io::Result<Vec<SockAddr>> {
    Ok(match host {
        Host::Ip(ip) => vec![SocketAddr::new(*ip, port).into()],
        Host::Name(name) => {
            let all = tokio::net::lookup_host((name.bare(), port)).await?;
            let all = all.filter(|found| name.takes(found.ip()));
            all.map(SockAddr::from).collect()
        }
        Host::Unix(path) => vec![SockAddr::unix(path)?],
        Host::Abstract(name) => vec![abstract_address(name)?],
    })
}
