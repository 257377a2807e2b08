//! Where connections to servers come from (`source`): of clients, and of checks.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::SockAddr;
use tandem_lb_config::{self as plan, Guise, Plan, Source};
use tandem_sys::relay::{Departure, Endpoint, Packets, may_choose_interface, may_pretend};
use tandem_sys::sockopt::Buffers;

use crate::servers::Server;

/// Ports that one connection tries before it gives up: the others of its thread wait meanwhile.
const TRIES: u32 = 64;

/// Begins a connection to a server. `client` is whose it is; a check is nobody's, and comes as ourselves.
pub(crate) fn connect(
    server: &Server,
    to: &SockAddr,
    client: Option<SocketAddr>,
    packets: Packets,
) -> io::Result<Endpoint> {
    let plan = server.plan();
    let buffers = kept(plan.buffers);
    let Some(source) = plan.source.as_deref().filter(|_| !to.is_unix()) else {
        let departure = Departure {
            buffers,
            packets,
            ..Departure::default()
        };
        return Endpoint::connect_from(to, &departure);
    };
    let is_v6 = to.is_ipv6();
    let from = |port| ours(source, is_v6, port);
    if let Some(from) = guise(source, client) {
        return Endpoint::connect_from(
            to,
            &Departure {
                from: Some(from),
                is_foreign: true,
                interface: source.interface.as_deref(),
                buffers,
                packets,
            },
        );
    }
    let begin = |port| {
        let departure = Departure {
            from: from(port),
            is_foreign: false,
            interface: source.interface.as_deref(),
            buffers,
            packets,
        };
        Endpoint::connect_from(to, &departure)
    };
    let Some(ports) = source.ports.clone() else {
        return begin(0);
    };
    // Each begins behind the last one that was tried; the first port that is free will do.
    let count = u32::from(ports.end() - ports.start()) + 1;
    let first = server.next_port();
    let mut refused = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for step in 0..count.min(TRIES) {
        let place = first.wrapping_add(step) % count;
        // Less than the number of ports.
        match begin(ports.start() + place as u16) {
            Err(error) if is_taken(&error) => refused = error,
            done => {
                server.skip_ports(step);
                return done;
            }
        }
    }
    server.skip_ports(count.min(TRIES) - 1);
    Err(refused)
}

/// What the kernel is to keep of a connection.
pub(crate) fn kept(buffers: plan::Buffers) -> Buffers {
    let bytes = |most: Option<u32>| most.and_then(|most| usize::try_from(most).ok());
    Buffers {
        receive: bytes(buffers.receive),
        send: bytes(buffers.send),
    }
}

/// Whom a client's connection seems to come from, when not from us.
fn guise(source: &Source, client: Option<SocketAddr>) -> Option<SocketAddr> {
    match (source.guise?, client?) {
        (Guise::Client, client) => Some(client),
        (Guise::ClientIp, client) => Some(SocketAddr::new(client.ip(), 0)),
        (Guise::Fixed(whom), _) => Some(whom),
    }
    // A listener for both families says of an IPv4 client that it is an IPv6 one.
    .map(|whom| SocketAddr::new(whom.ip().to_canonical(), whom.port()))
}

fn ours(source: &Source, is_v6: bool, port: u16) -> Option<SocketAddr> {
    match (source.ip, port) {
        (None, 0) => None,
        (None, port) if is_v6 => Some((Ipv6Addr::UNSPECIFIED, port).into()),
        (None, port) => Some((Ipv4Addr::UNSPECIFIED, port).into()),
        (Some(ip), port) => Some((ip, port).into()),
    }
}

fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable)
}

/// Whether this process may do what the servers' sources ask for; or why not, with the place.
pub(crate) fn permitted(plan: &Plan) -> Result<(), String> {
    let servers = plan.backends.iter().flat_map(|backend| &backend.servers);
    let with_source = servers.filter_map(|server| Some((server, server.source.as_deref()?)));
    for (server, source) in with_source {
        let refused = |what: &str, why: io::Error| {
            let (origin, name) = (&server.origin, &server.name);
            format!("{origin}: server '{name}': {what} needs a right that this process has not: {why}")
        };
        if source.guise.is_some() {
            let help = "`usesrc` (give it CAP_NET_ADMIN, and no `user` that is not root)";
            may_pretend().map_err(|why| refused(help, why))?;
        }
        if let Some(interface) = &source.interface {
            may_choose_interface(interface).map_err(|why| refused(&format!("`interface {interface}`"), why))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_a_connection_comes_from() {
        let client: SocketAddr = ([10, 0, 0, 7], 5).into();
        let whom = |text: &str, client| {
            let source: Source = text.parse().expect("it is well formed");
            guise(&source, client).map(|whom| whom.to_string())
        };
        assert_eq!(whom("*", Some(client)), None);
        assert_eq!(whom("* usesrc client", Some(client)).as_deref(), Some("10.0.0.7:5"));
        assert_eq!(whom("* usesrc clientip", Some(client)).as_deref(), Some("10.0.0.7:0"));
        let mapped = "[::ffff:10.0.0.7]:5".parse().ok();
        assert_eq!(whom("* usesrc client", mapped).as_deref(), Some("10.0.0.7:5"));
        assert_eq!(whom("* usesrc 10.0.0.9", Some(client)).as_deref(), Some("10.0.0.9:0"));
        assert_eq!(whom("* usesrc client", None), None, "checks come as ourselves");
        let own = |text: &str, is_v6, port| {
            let source: Source = text.parse().expect("it is well formed");
            ours(&source, is_v6, port).map(|from| from.to_string())
        };
        assert_eq!(own("*", false, 0), None);
        assert_eq!(own("*:7", true, 7).as_deref(), Some("[::]:7"));
        assert_eq!(own("10.0.0.1", false, 0).as_deref(), Some("10.0.0.1:0"));
    }
}
