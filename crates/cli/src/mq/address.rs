//! Where a broker is, and what a destination is called, as people write them.

use std::fmt;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::str::FromStr;
use std::time::Duration;

/// `tcp://host:port`, `stomp://host:port`, `amqp://host:port`, `http://host:port`, or the last part alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address(String);

const SCHEMES: [&str; 4] = ["tcp://", "stomp://", "amqp://", "http://"];

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Address, String> {
        let rest = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme));
        let place = rest.unwrap_or(text).trim_end_matches('/');
        if place.contains("://") {
            return Err(format!("'{text}' begins with none of {}", SCHEMES.join(", ")));
        }
        if place.contains(['?', '/', ',', '@']) {
            return Err(format!(
                "'{text}' says more than a host and a port, and none of that is known here"
            ));
        }
        match place.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>())) {
            Some((host, Ok(_))) if !host.is_empty() => Ok(Address(place.to_owned())),
            _ => Err(format!(
                "'{text}' names no host and port; write for example tcp://127.0.0.1:61616"
            )),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Address {
    /// Every later wait is as long at most, too.
    pub(super) fn connect(&self, within: Duration) -> io::Result<TcpStream> {
        let mut last = io::Error::other("the name has no address");
        for at in self.0.to_socket_addrs()? {
            match TcpStream::connect_timeout(&at, within) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(within))?;
                    stream.set_write_timeout(Some(within))?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// Artemis's `queue://a` and `topic://a`; what begins with `/` is what STOMP calls it already.
pub(super) fn destination(text: &str) -> String {
    match (text.strip_prefix("queue://"), text.strip_prefix("topic://")) {
        (Some(name), _) => format!("/queue/{name}"),
        (_, Some(name)) => format!("/topic/{name}"),
        _ if text.starts_with('/') => text.to_owned(),
        _ => format!("/queue/{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_names_are_read_as_people_write_them() {
        for (text, place) in [
            ("tcp://127.0.0.1:61616", "127.0.0.1:61616"),
            ("localhost:1", "localhost:1"),
            ("http://[::1]:8161/", "[::1]:8161"),
        ] {
            assert_eq!(
                text.parse::<Address>().map(|address| address.to_string()),
                Ok(place.to_owned())
            );
        }
        for text in [
            "",
            "host",
            "ssl://host:1",
            "tcp://host:1?x=y",
            "tcp://a:1,tcp://b:1",
            ":1",
            "h:99999",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
        for (text, name) in [
            ("a", "/queue/a"),
            ("queue://a", "/queue/a"),
            ("topic://a.b", "/topic/a.b"),
            ("/topic/x", "/topic/x"),
        ] {
            assert_eq!(destination(text), name);
        }
    }
}
