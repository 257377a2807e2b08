//! Where servers are: names become addresses once, at start.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use socket2::SockAddr;
use tandem_lb_config::{Host, InitAddr, Server, ServerPort};
use tandem_sys::listen::abstract_address;
use thiserror::Error;

use crate::outside::Outside;

/// Stands for no address.
const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Where a server's connections go.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ServerAddress {
    Ip { ip: IpAddr, port: ServerPort },
    Unix(SockAddr),
}

#[derive(Debug, Error)]
pub(crate) enum AddressError {
    #[error("{origin}: server '{server}': cannot resolve '{name}': {why}")]
    Unresolved {
        origin: String,
        server: String,
        name: String,
        why: String,
    },
    #[error("{origin}: server '{server}' has neither a port nor a check port: add 'port N' to check it")]
    NoCheckPort { origin: String, server: String },
    #[error("{origin}: server '{server}': {path}: {why}")]
    UnixPath {
        origin: String,
        server: String,
        path: String,
        why: io::Error,
    },
}

/// Where a server is, and where its checks go when it is checked.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) server: ServerAddress,
    pub(crate) check: Option<SockAddr>,
}

impl Found {
    /// Asks the resolver for names, or says what is wrong.
    pub(crate) fn of(server: &Server, outside: &Outside) -> Result<Found, AddressError> {
        Ok(Found {
            server: ServerAddress::of(server, outside)?,
            check: ServerAddress::of_check(server, outside)?,
        })
    }
}

impl ServerAddress {
    /// The server's own address, found in the ways that are to be tried; the last one's mistake counts.
    fn of(server: &Server, outside: &Outside) -> Result<ServerAddress, AddressError> {
        let Host::Name(_) = server.host else {
            return ServerAddress::at(&server.host, server.port, server, outside);
        };
        let at = |ip| ServerAddress::Ip { ip, port: server.port };
        let mut found = Ok(ServerAddress::nowhere(server.port));
        for way in &*server.init_addr {
            found = match way {
                // Where it was is read later, from the saved states.
                InitAddr::Last => continue,
                InitAddr::Libc => ServerAddress::at(&server.host, server.port, server, outside),
                InitAddr::None => Ok(ServerAddress::nowhere(server.port)),
                InitAddr::Ip(ip) => Ok(at(*ip)),
            };
            if found.is_ok() {
                break;
            }
        }
        found
    }

    /// Where a server is whose name has no address.
    pub(crate) fn nowhere(port: ServerPort) -> ServerAddress {
        ServerAddress::Ip { ip: NOWHERE, port }
    }

    /// Its name has no address yet.
    pub(crate) fn is_nowhere(&self) -> bool {
        matches!(self, ServerAddress::Ip { ip, .. } if ip.is_unspecified())
    }

    /// The address and the port, 0 for one that follows the client's; `None` when it is not known, or is a path.
    pub(crate) fn known(&self) -> Option<SocketAddr> {
        match self {
            ServerAddress::Ip { ip, port } if !ip.is_unspecified() => {
                let fixed = match port {
                    ServerPort::Fixed(port) => *port,
                    ServerPort::Offset(_) => 0,
                };
                Some(SocketAddr::new(*ip, fixed))
            }
            _ => None,
        }
    }

    /// Where its checks go; `None` when it is not checked.
    fn of_check(server: &Server, outside: &Outside) -> Result<Option<SockAddr>, AddressError> {
        let Some(check) = &server.check else { return Ok(None) };
        let port = check.port.map_or(server.port, ServerPort::Fixed);
        let place = match &check.host {
            Some(host) => ServerAddress::at(host, port, server, outside),
            None => ServerAddress::of(&Server { port, ..server.clone() }, outside),
        };
        match place? {
            ServerAddress::Ip {
                port: ServerPort::Offset(_),
                ..
            } => Err(AddressError::NoCheckPort {
                origin: server.origin.to_string(),
                server: server.name.to_string(),
            }),
            fixed => Ok(Some(fixed.for_client_of(|| 0))),
        }
    }

    fn at(host: &Host, port: ServerPort, server: &Server, outside: &Outside) -> Result<ServerAddress, AddressError> {
        let (origin, name) = (server.origin.to_string(), server.name.to_string());
        match host {
            Host::Ip(ip) => Ok(ServerAddress::Ip { ip: *ip, port }),
            Host::Name(host) => match outside.look_up(host) {
                Ok(ip) => Ok(ServerAddress::Ip { ip, port }),
                Err(why) => Err(AddressError::Unresolved {
                    origin,
                    server: name,
                    name: host.to_string(),
                    why,
                }),
            },
            Host::Abstract(abstract_name) => {
                abstract_address(abstract_name)
                    .map(ServerAddress::Unix)
                    .map_err(|why| AddressError::UnixPath {
                        origin,
                        server: name,
                        path: format!("abns@{abstract_name}"),
                        why,
                    })
            }
            Host::Unix(path) => SockAddr::unix(path)
                .map(ServerAddress::Unix)
                .map_err(|why| AddressError::UnixPath {
                    origin,
                    server: name,
                    path: path.display().to_string(),
                    why,
                }),
        }
    }

    /// The address for a client that connected to our `port`, which counts where the server's port is an offset to it.
    pub(crate) fn for_client_of(&self, port: impl FnOnce() -> u16) -> SockAddr {
        match self {
            ServerAddress::Unix(addr) => addr.clone(),
            ServerAddress::Ip {
                ip,
                port: ServerPort::Fixed(fixed),
            } => SocketAddr::new(*ip, *fixed).into(),
            ServerAddress::Ip {
                ip,
                port: ServerPort::Offset(by),
            } => {
                let port = port();
                // Wraps around as in HAProxy, where the port is a 16-bit number.
                let moved = (i32::from(port) + by).rem_euclid(1 << 16);
                SocketAddr::new(*ip, u16::try_from(moved).unwrap_or(port)).into()
            }
        }
    }
}

/// An address as [`ServerAddress`] is shown, to be compared with many.
pub(crate) enum Spelled<'a> {
    Fixed(SocketAddr),
    Other(&'a str),
}

impl Spelled<'_> {
    pub(crate) fn of(text: &str) -> Spelled<'_> {
        text.parse().map_or(Spelled::Other(text), Spelled::Fixed)
    }

    pub(crate) fn is(&self, address: &ServerAddress) -> bool {
        match (self, address) {
            (
                Spelled::Fixed(wanted),
                ServerAddress::Ip {
                    ip,
                    port: ServerPort::Fixed(port),
                },
            ) => *wanted == SocketAddr::new(*ip, *port),
            (Spelled::Fixed(_), _) => false,
            (Spelled::Other(text), _) => address.to_string() == *text,
        }
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServerAddress::Ip {
                ip,
                port: ServerPort::Fixed(port),
            } => SocketAddr::new(*ip, *port).fmt(f),
            ServerAddress::Ip {
                ip,
                port: ServerPort::Offset(by),
            } => write!(f, "{ip}:{by:+}"),
            ServerAddress::Unix(_) => f.write_str("unix"),
        }
    }
}

/// As the configuration writes its place.
pub(crate) fn named(server: &Server) -> String {
    written(&server.host, server.port)
}

/// As the configuration writes the place of its checks; empty when it has none.
pub(crate) fn checked(server: &Server) -> String {
    let place = server.check.as_ref().map(|check| {
        let port = check.port.map_or(server.port, ServerPort::Fixed);
        written(check.host.as_ref().unwrap_or(&server.host), port)
    });
    place.unwrap_or_default()
}

/// As the configuration writes where its agent is and what is said to it; empty when it has none.
pub(crate) fn asked(server: &Server) -> String {
    let place = server.agent.as_ref().map(|agent| {
        let ip = agent.ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string());
        format!("{ip} {} {}", agent.port, agent.send.as_deref().unwrap_or_default())
    });
    place.unwrap_or_default()
}

fn written(host: &Host, port: ServerPort) -> String {
    let port = match port {
        ServerPort::Fixed(port) => port.to_string(),
        ServerPort::Offset(by) => format!("{by:+}"),
    };
    match host {
        Host::Ip(ip) => format!("{ip} {port}"),
        Host::Name(name) => format!("{name} {port}"),
        Host::Unix(path) => path.display().to_string(),
        Host::Abstract(name) => format!("abns@{name}"),
    }
}

/// Where an operator has a server checked; what is not there is as configured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Recheck {
    pub(crate) ip: Option<IpAddr>,
    /// 0 is the server's own.
    pub(crate) port: Option<u16>,
}

impl Recheck {
    /// Where a server that is at `to` is checked by that, whose checks went to `before`.
    pub(crate) fn place(self, server: &Server, to: &ServerAddress, before: SocketAddr) -> SocketAddr {
        let usual = fixed_check(server, to).and_then(|at| at.as_socket()).unwrap_or(before);
        let own = match to {
            ServerAddress::Ip {
                port: ServerPort::Fixed(port),
                ..
            } => *port,
            _ => 0,
        };
        let port = match self.port {
            None => usual.port(),
            Some(0) => own,
            Some(port) => port,
        };
        SocketAddr::new(self.ip.unwrap_or(usual.ip()), port)
    }
}

/// Where a server that moved is checked from now on; `None` where its checks have a place of their own, or none.
pub(crate) fn fixed_check(server: &Server, to: &ServerAddress) -> Option<SockAddr> {
    let check = server.check.as_ref().filter(|check| check.host.is_none())?;
    let ServerAddress::Ip { ip, port } = to else {
        return None;
    };
    let fixed = match port {
        ServerPort::Fixed(port) => Some(*port),
        ServerPort::Offset(_) => None,
    };
    Some(SocketAddr::new(*ip, check.port.or(fixed)?).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_may_follow_the_clients() {
        let at = |port| ServerAddress::Ip {
            ip: [127, 0, 0, 1].into(),
            port,
        };
        let port = |a: &ServerAddress, client| a.for_client_of(|| client).as_socket().map(|s| s.port());
        assert_eq!(port(&at(ServerPort::Fixed(80)), 9), Some(80));
        assert_eq!(port(&at(ServerPort::Offset(1000)), 80), Some(1080));
        assert_eq!(port(&at(ServerPort::Offset(-10)), 80), Some(70));
        assert_eq!(port(&at(ServerPort::Offset(1)), 65_535), Some(0));
    }

    #[test]
    fn an_address_is_known_by_how_it_is_shown() {
        let ip = |text: &str, port| ServerAddress::Ip {
            ip: text.parse().unwrap(),
            port,
        };
        let all = [
            ip("192.0.2.1", ServerPort::Fixed(80)),
            ip("192.0.2.1", ServerPort::Fixed(81)),
            ip("192.0.2.1", ServerPort::Offset(80)),
            ip("192.0.2.2", ServerPort::Fixed(80)),
            ip("2001:db8::1", ServerPort::Fixed(80)),
            ServerAddress::Unix(SockAddr::unix("/a").unwrap()),
        ];
        for (place, address) in all.iter().enumerate() {
            let shown = address.to_string();
            let found: Vec<_> = all.iter().map(|other| Spelled::of(&shown).is(other)).collect();
            let wanted: Vec<_> = (0..all.len()).map(|at| at == place).collect();
            assert_eq!(found, wanted, "{shown}");
        }
        assert!(!all.iter().any(|address| Spelled::of("nobody").is(address)));
    }
}
